"""A shape and a task -> a DistilBERT in torch whose layers are as wide as it says, and what it computes."""

from __future__ import annotations

import contextlib
import importlib
from typing import TYPE_CHECKING, Any

from edgebert.architecture import Architecture
from edgebert.batching import pad_batch
from edgebert.configuration import ARCHITECTURES, UNEVEN_KEYS, label_keys, shape_keys
from edgebert.errors import EnvironmentProblem, MissingExtraError
from edgebert.heads import head_spec
from edgebert.meaning import NO_SETTINGS, Task, TaskSettings

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import numpy as np
    import torch
    from numpy.typing import NDArray

    Outputs = dict[str, torch.Tensor]

_MEMORY_WORDS = ("not enough memory", "DefaultCPUAllocator", "out of memory")


def require(*packages: str, extra: str, purpose: str) -> None:
    """Import packages.

    Raises:
        MissingExtraError: One of them, or what it needs, is not installed.
    """
    for name in packages:
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise MissingExtraError(error.name or name, extra=extra, purpose=purpose) from error


def build_module(
    architecture: Architecture,
    labels: Sequence[str],
    task: Task,
    *,
    settings: Mapping[str, Any] | None = None,
    task_settings: TaskSettings = NO_SETTINGS,
) -> torch.nn.Module:
    """Return a model of this shape with random weights; torch's random state is afterwards as it was before.

    It is of the class of transformers that the task has, or a ``SentenceEncoder``. Both have ``base_model`` and
    ``config``.

    Args:
        architecture: Its shape.
        labels: Label names by id; none for a task without labels.
        task: Task of its head.
        settings: Other keys of ``config.json``, such as ``dropout``; those that tell the shape are overruled.
        task_settings: What else fixes the head: pooling, dense layers and scaling of a sentence encoder.
    """
    import torch
    import transformers

    overruled = {*UNEVEN_KEYS, "id2label", "label2id", "num_labels", "problem_type"}
    others = {key: value for key, value in (settings or {}).items() if key not in overruled}
    config = transformers.DistilBertConfig.from_dict(
        others | shape_keys(architecture) | label_keys(labels, task) | dict(head_spec(task, task_settings).settings)
    )
    with torch.random.fork_rng(devices=[]):
        module: torch.nn.Module = getattr(transformers, ARCHITECTURES[task])(config)
        for block, heads, neurons in zip(blocks(module), architecture.heads, architecture.neurons, strict=True):
            width = heads * architecture.head_dim
            if width != architecture.hidden:
                for name in ("q_lin", "k_lin", "v_lin"):
                    setattr(block.attention, name, torch.nn.Linear(architecture.hidden, width))
                block.attention.out_lin = torch.nn.Linear(width, architecture.hidden)
                # transformers 4 splits the width by these, transformers 5 by attention_head_size alone.
                block.attention.n_heads, block.attention.dim = heads, width
            if neurons != architecture.neurons[0]:
                block.ffn.lin1 = torch.nn.Linear(architecture.hidden, neurons)
                block.ffn.lin2 = torch.nn.Linear(neurons, architecture.hidden)
        if task == "feature-extraction":
            from edgebert.sentence_encoder import SentenceEncoder

            module = SentenceEncoder(module, task_settings)  # type: ignore[arg-type]
    return module


def load_module(
    architecture: Architecture,
    labels: Sequence[str],
    task: Task,
    state: Mapping[str, torch.Tensor],
    *,
    settings: Mapping[str, Any] | None = None,
    task_settings: TaskSettings = NO_SETTINGS,
) -> torch.nn.Module:
    """Return a model with copies of the tensors in ``state``, in evaluation mode and without gradients.

    The other arguments are those of ``build_module``.
    """
    module = build_module(architecture, labels, task, settings=settings, task_settings=task_settings)
    module.load_state_dict(state)
    module.requires_grad_(requires_grad=False)
    module.train(mode=False)
    return module


def padded(texts: Sequence[Sequence[int]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Return the token IDs and the attention mask of texts, int64 [texts, longest]."""
    import torch

    ids, mask = pad_batch(texts, pad_id)
    return torch.from_numpy(ids).long(), torch.from_numpy(mask).long()


def blocks(module: torch.nn.Module) -> Sequence[Any]:
    """Return the transformer layers of a DistilBERT with whatever head, bottom first."""
    layers: Sequence[Any] = module.base_model.transformer.layer  # type: ignore[assignment, union-attr]
    return layers


def state_arrays(module: torch.nn.Module) -> dict[str, NDArray[np.float32]]:
    """Return the tensors of a module by name; arrays share memory with tensors of the CPU."""
    return {name: tensor.cpu().contiguous().numpy() for name, tensor in module.state_dict().items()}


def outputs_of(module: torch.nn.Module, ids: torch.Tensor, mask: torch.Tensor | None = None) -> Outputs:
    """Return the outputs by name, each float32 [batch, ...], of int64 ids and mask [batch, length]."""
    return dict(module(input_ids=ids, attention_mask=mask))


def batch_outputs(module: torch.nn.Module, texts: Sequence[Sequence[int]], pad_id: int) -> Outputs:
    """Return the outputs by name, each float32 [texts, ...], of texts given as token IDs."""
    import torch

    with torch.inference_mode():
        return outputs_of(module, *padded(texts, pad_id))


@contextlib.contextmanager
def enough_memory(what: str, *, hint: str) -> Iterator[None]:
    """Run the block; torch reports a full memory as a RuntimeError among others.

    Args:
        what: What the block does, for the message, as in ``pruning``.
        hint: What needs less memory.

    Raises:
        EnvironmentProblem: The memory was full.
    """
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and not any(words in str(error) for words in _MEMORY_WORDS):
            raise
        raise EnvironmentProblem(f"not enough memory for {what}", hint=hint) from error
