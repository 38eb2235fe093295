"""The golden texts of a model: ids and outputs that every consumer of its files must reproduce, and how closely."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING

import numpy as np

from edgebert.checkpoint import finite_outputs
from edgebert.examples import Example
from edgebert.golden import GOLDEN_SCHEMA, Golden, GoldenCase, GoldenWindow
from edgebert.parity import float_tolerance, golden_outputs, to_tensors, values_of
from edgebert.recipe import Precision
from edgebert.tasks import task_head
from edgebert.text import BERT_SPECIALS

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch

    from edgebert.checkpoint import Model
    from edgebert.examples import Outputs
    from edgebert.text import TextEncoder

_MARGIN = 3.0


def make_golden(model: Model, encoder: TextEncoder) -> Golden:
    """Return the golden texts of the model's task, and texts with each added token, with ids and outputs.

    Raises:
        CheckpointError: A logit is not finite.
    """
    head = task_head(model.checkpoint.task)
    added = ((*("" for _ in head.inputs[1:]), text) for text in added_token_texts(model, encoder))
    texts = (*head.golden_texts, *added)
    encoded = [head.windows(encoder, Example(texts=each), model.checkpoint.settings) for each in texts]
    inputs = [window.ids for item in encoded for window in item.windows]
    outputs = map(to_tensors, _outputs(model.module, inputs, str(model.checkpoint.path)))
    return Golden(
        schema=GOLDEN_SCHEMA,
        cases=tuple(
            GoldenCase(
                texts=item.texts,
                windows=tuple(
                    GoldenWindow(
                        input_ids=window.ids,
                        offsets=window.offsets if head.has_places else None,
                        outputs=next(outputs),
                    )
                    for window in item.windows
                ),
            )
            for item in encoded
        ),
    )


def added_token_texts(model: Model, encoder: TextEncoder) -> tuple[str, ...]:
    """Return texts that hold each added token: on its own, inside a word and in another casing.

    There are as few texts as hold them all without being truncated.
    """
    texts: list[str] = []
    for token in model.tokenizer.get_added_tokens_decoder().values():
        if token.content in BERT_SPECIALS:
            continue
        words = f"{token.content} good x{token.content}y {token.content.swapcase()}"
        longer = f"{texts[-1]} {words}" if texts else words
        if texts and not encoder.is_truncated(longer):
            texts[-1] = longer
        else:
            texts.append(words)
    return tuple(texts)


def parity_tolerance(model: Model, golden: Golden, precision: Precision) -> float:
    """Return the largest difference to the golden outputs that a right file of this precision can show.

    Float files differ by rounding only, in proportion to the logits. For int8 the weights and activations are rounded
    in torch as a file rounds them; runtimes and CPUs round in their own ways, which moves logits about as far again
    (0.5 to 0.8 of the error was measured between x86 and ARM), so three times the largest simulated error is allowed.
    """
    exact = golden_outputs(golden)
    if precision == "float32":
        return float_tolerance(exact)
    simulated = simulate_int8(model.module, per_tensor=precision == "int8-legacy")
    where = f"{model.checkpoint.path} in 8 bits"
    rounded = _outputs(simulated, [window.input_ids for window in golden.windows], where)
    error = np.abs(values_of(rounded).astype(np.float64) - values_of(exact)).max()
    return float_tolerance(exact) + _MARGIN * float(error)


def simulate_int8(module: torch.nn.Module, *, per_tensor: bool) -> torch.nn.Module:
    """Return a copy of ``module`` that computes in float what a dynamic int8 file computes in integers.

    Weights of dense layers and embedding tables are rounded to int8, the inputs of dense layers to uint8 with one scale
    for the tensor. It says how far from float an int8 file is allowed to be, without asking the file itself.

    Args:
        module: A model in float32.
        per_tensor: One scale for a whole weight (``int8-legacy``) instead of one per output channel.
    """
    import torch

    simulated = copy.deepcopy(module)
    for part in simulated.modules():
        if isinstance(part, (torch.nn.Linear, torch.nn.Embedding)):
            part.weight.data = _rounded(part.weight.data, per_tensor=per_tensor)
        if isinstance(part, torch.nn.Linear):
            part.register_forward_pre_hook(lambda _, inputs: (_rounded_activation(inputs[0]),))
    return simulated


def _rounded(weight: torch.Tensor, *, per_tensor: bool) -> torch.Tensor:
    scale = weight.abs().amax() if per_tensor else weight.abs().amax(dim=1, keepdim=True)
    scale = (scale / 127).clamp(min=1e-30)
    return (weight / scale).round().clamp(-127, 127) * scale


def _rounded_activation(x: torch.Tensor) -> torch.Tensor:
    low, high = x.amin().clamp(max=0), x.amax().clamp(min=0)
    scale = ((high - low) / 255).clamp(min=1e-30)
    zero = (-low / scale).round()
    return ((x / scale).round() + zero).clamp(0, 255).sub(zero) * scale


def _outputs(module: torch.nn.Module, inputs: Sequence[Sequence[int]], where: str) -> list[Outputs]:
    found = (finite_outputs(module, ids, f"{where}: golden text {number}") for number, ids in enumerate(inputs, 1))
    return [{name: output.numpy() for name, output in outputs.items()} for outputs in found]
