"""What a model in memory answers to examples."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgebert.batching import batches_by_length
from edgebert.network import outputs_of, padded
from edgebert.progress import Progress, silent
from edgebert.tasks import task_head
from edgebert.text import TextEncoder, pad_id_of
from edgebert.training.items import fitting

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

    from edgebert.examples import Example, Key
    from edgebert.examples import Outputs as Arrays
    from edgebert.meaning import Meaning, Task


def answers_of(
    module: torch.nn.Module,
    tokenizer: Tokenizer,
    examples: Sequence[Example],
    task: Task,
    meaning: Meaning,
    *,
    max_length: int,
    stage: str = "",
    progress: Progress = silent,
) -> list[Key]:
    """Return the answer of a model to each example.

    Args:
        module: The model, in evaluation mode.
        tokenizer: Its tokenizer.
        examples: The examples.
        task: Its task.
        meaning: What its outputs mean.
        max_length: Tokens of the longest window.
        stage: What ``progress`` is told after every batch of windows.
        progress: Told how far the work is.

    Raises:
        UsageError: A text holds a lone surrogate.
    """
    head, encoder, settings = task_head(task), TextEncoder(tokenizer, max_length), fitting(meaning.settings, max_length)
    every = [head.windows(encoder, example, settings) for example in examples]
    windows = [window.ids for encoded in every for window in encoded.windows]
    computed = outputs_by_window(
        module, windows, pad_id_of(tokenizer), head.token_outputs, stage=stage, progress=progress
    )
    answers, start = [], 0
    for encoded in every:
        end = start + len(encoded.windows)
        answers.append(head.answer(encoded, computed[start:end], meaning))
        start = end
    return answers


def outputs_by_window(
    module: torch.nn.Module,
    windows: Sequence[Sequence[int]],
    pad_id: int,
    token_outputs: Sequence[str],
    *,
    stage: str = "",
    progress: Progress = silent,
) -> list[Arrays]:
    """Return what a model computes of each window; outputs with a row for each token have no rows of padding."""
    import torch

    found: dict[int, Arrays] = {}
    device = next(module.parameters()).device
    for chosen in batches_by_length([*map(len, windows)], 64):
        ids, mask = padded([windows[index] for index in chosen], pad_id)
        with torch.inference_mode():
            computed = outputs_of(module, ids.to(device), mask.to(device))
        outputs = {name: output.cpu() for name, output in computed.items()}
        for row, index in enumerate(chosen):
            found[index] = {
                name: (output[row, : len(windows[index])] if name in token_outputs else output[row]).numpy()
                for name, output in outputs.items()
            }
        progress(stage, len(found), len(windows))
    return [found[index] for index in range(len(windows))]
