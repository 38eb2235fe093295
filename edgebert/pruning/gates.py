"""Gates on attention heads and feed-forward neurons: importance is their gradient, and a cut is checked by them."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch

    from edgebert.checkpoint import Model


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
    """Give the module without its other transformer layers; it is whole again after the block.

    Args:
        model: The model.
        layers: Layers that compute, ascending.
    """
    import torch

    transformer: Any = model.module.distilbert.transformer  # type: ignore[union-attr]
    every = transformer.layer
    try:
        transformer.layer = torch.nn.ModuleList(every[layer] for layer in layers)
        yield model.module
    finally:
        transformer.layer = every


def blocks(module: torch.nn.Module) -> Sequence[Any]:
    """Return the transformer layers of a Hugging Face DistilBERT classifier, bottom first."""
    layers: Sequence[Any] = module.distilbert.transformer.layer  # type: ignore[assignment, union-attr]
    return layers


def _multiply(gates: torch.Tensor) -> Callable[[torch.nn.Module, tuple[torch.Tensor, ...]], tuple[torch.Tensor]]:
    factors = gates.unsqueeze(-2) if gates.ndim == 2 else gates  # [batch, 1, width] or [width]
    return lambda _, inputs: (inputs[0] * factors,)  # [batch, length, width]
