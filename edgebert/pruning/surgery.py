"""The cut itself: a model and a plan -> a model whose matrices really are narrower, checked by gates."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from edgebert.architecture import Architecture, Keep
from edgebert.checkpoint import Model
from edgebert.configuration import ENCODER
from edgebert.errors import ParityError
from edgebert.network import batch_outputs, blocks, load_module

if TYPE_CHECKING:
    import torch

TOLERANCE = 1e-5
_LAYERS = f"{ENCODER}transformer.layer."


def architecture_of(architecture: Architecture, keep: Keep) -> Architecture:
    """Return the shape that a cut leaves."""
    return dataclasses.replace(architecture, heads=tuple(map(len, keep.heads)), neurons=tuple(map(len, keep.neurons)))


def cut(model: Model, keep: Keep) -> Model:
    """Return a new model with only what the plan keeps; the weights that stay are equal to the last bit.

    Rows of the query, key and value layers go with their heads, and so do columns of the attention's output layer; rows
    of the first and columns of the second feed-forward layer go with their neurons. ``model`` stays as it is.
    """
    shape = model.checkpoint.architecture
    architecture = architecture_of(shape, keep)
    state = model.module.state_dict()
    kept = {name: tensor for name, tensor in state.items() if not name.startswith(_LAYERS)}
    for new, old in enumerate(keep.layers):
        rows = [head * shape.head_dim + row for head in keep.heads[new] for row in range(shape.head_dim)]
        prefix = f"{_LAYERS}{old}."
        for name, tensor in state.items():
            if name.startswith(prefix):
                part = name.removeprefix(prefix)
                kept[f"{_LAYERS}{new}.{part}"] = _narrowed(part, tensor, rows, keep.neurons[new])
    checkpoint = dataclasses.replace(model.checkpoint, architecture=architecture)
    settings = model.module.config.to_dict()  # type: ignore[operator, union-attr]  # a module's attributes have no types
    return Model(
        checkpoint=checkpoint,
        module=load_module(
            architecture,
            checkpoint.labels,
            checkpoint.task,
            kept,
            settings=settings,
            task_settings=checkpoint.settings,
        ),
        tokenizer=model.tokenizer,
    )


def check_cut(original: Model, keep: Keep, pruned: Model, ids: Sequence[Sequence[int]]) -> float:
    """Compare a cut model with the original whose gates are closed where it was cut: both must compute the same.

    Holds for the pure cut, before any weight is re-fitted. Each text is computed alone, and all of them in one batch.

    Args:
        original: The uncut model.
        keep: What stayed of it.
        pruned: The cut model.
        ids: Token ids of texts of different lengths, at least one.

    Returns:
        The largest difference between two outputs, in units of the largest output where that is above 1.

    Raises:
        ParityError: The difference is above 1e-5, or an output is no number.
    """
    import torch

    shape = original.checkpoint.architecture
    heads = [_gates(shape.heads[layer], kept) for layer, kept in zip(keep.layers, keep.heads, strict=True)]
    neurons = [_gates(shape.neurons[layer], kept) for layer, kept in zip(keep.layers, keep.neurons, strict=True)]
    with torch.inference_mode():
        with layers_only(original, keep.layers), gated(original, heads, neurons) as module:
            expected = _outputs(module, ids, original.pad_id)
        found = _outputs(pruned.module, ids, original.pad_id)
    difference = float((found - expected).abs().max() / expected.abs().max().clamp(min=1))
    if not difference <= TOLERANCE:  # NaN is no agreement either
        raise ParityError(
            f"the cut model's outputs differ from the gated original's by {difference:.1e}, more than {TOLERANCE:g}",
            hint="the cut is wrong and nothing was written; please report it",
        )
    return difference


def _narrowed(part: str, tensor: torch.Tensor, rows: Sequence[int], neurons: Sequence[int]) -> torch.Tensor:
    """Return what stays of one tensor of a layer; ``rows`` are those of the query layer."""
    module, _, kind = part.rpartition(".")
    if module in ("attention.q_lin", "attention.k_lin", "attention.v_lin"):
        return tensor[list(rows)]
    if module == "ffn.lin1":
        return tensor[list(neurons)]
    if kind == "weight" and module == "attention.out_lin":
        return tensor[:, list(rows)]
    if kind == "weight" and module == "ffn.lin2":
        return tensor[:, list(neurons)]
    return tensor


def _gates(count: int, kept: Sequence[int]) -> torch.Tensor:
    import torch

    gates = torch.zeros(count)
    gates[list(kept)] = 1.0
    return gates


def _outputs(module: torch.nn.Module, ids: Sequence[Sequence[int]], pad_id: int) -> torch.Tensor:
    """Return the numbers of all outputs of each text alone, then of all texts in one padded batch."""
    import torch

    batches = [*([text] for text in ids), ids]
    return torch.cat([out.flatten() for texts in batches for out in batch_outputs(module, texts, pad_id).values()])


@contextlib.contextmanager
def gated(model: Model, heads: Sequence[torch.Tensor], neurons: Sequence[torch.Tensor]) -> Iterator[torch.nn.Module]:
    """Give the module with every head's output and every neuron's activation multiplied by a gate.

    All gates at 1 change nothing; a gate at 0 is what cutting that head or neuron out does. The module is as it was
    after the block.

    Args:
        model: The model.
        heads: Gates of each layer, float32 [heads], or [batch, heads] to gate each text of a batch by itself.
        neurons: Gates of each layer, float32 [neurons] or [batch, neurons].
    """
    head_dim = model.checkpoint.architecture.head_dim
    hooks = []
    try:
        for block, head_gates, neuron_gates in zip(blocks(model.module), heads, neurons, strict=True):
            widened = head_gates.repeat_interleave(head_dim, dim=-1)  # [..., heads * head_dim]
            hooks.append(block.attention.out_lin.register_forward_pre_hook(_multiply(widened)))
            hooks.append(block.ffn.lin2.register_forward_pre_hook(_multiply(neuron_gates)))
        yield model.module
    finally:
        for hook in hooks:
            hook.remove()


@contextlib.contextmanager
def layers_only(model: Model, layers: Sequence[int]) -> Iterator[torch.nn.Module]:
    """Give the module without its other transformer layers; it is whole again after the block."""
    import torch

    transformer: Any = model.module.base_model.transformer  # type: ignore[union-attr]
    every = transformer.layer
    try:
        transformer.layer = torch.nn.ModuleList(every[layer] for layer in layers)
        yield model.module
    finally:
        transformer.layer = every


def _multiply(gates: torch.Tensor) -> Callable[[torch.nn.Module, tuple[torch.Tensor, ...]], tuple[torch.Tensor]]:
    factors = gates.unsqueeze(-2) if gates.ndim == 2 else gates  # [batch, 1, width] or [width]
    return lambda _, inputs: (inputs[0] * factors,)  # [batch, length, width]
