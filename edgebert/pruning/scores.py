"""How much each head and neuron matters, and which stay: Fisher information of their gates.

Kwon et al., A Fast Post-Training Pruning Framework for Transformers (2022): near a trained model the loss grows with
the square of what is gated away, weighted by the Fisher information of the gates, which per-example gradients estimate.
The diagonal overlooks that two alike units can stand in for each other, or fail together; the full block of a layer
sees it, and decides which units stay once their number is known (mask rearrangement).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgebert.batching import batches_by_length
from edgebert.network import outputs_of, padded
from edgebert.progress import Progress, silent
from edgebert.pruning.surgery import gated
from edgebert.training.items import Item, packed
from edgebert.training.objectives import OBJECTIVES

if TYPE_CHECKING:
    import numpy.typing as npt

    from edgebert.checkpoint import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Gradients:
    """Derivatives of each example's loss by each gate, layer by layer, bottom first.

    Attributes:
        heads: Float32 [examples, heads] of each layer.
        neurons: Float32 [examples, neurons] of each layer.
    """

    heads: tuple[npt.NDArray[np.float32], ...]
    neurons: tuple[npt.NDArray[np.float32], ...]


def gate_gradients(
    model: Model, items: Sequence[Item], *, batch_size: int = 32, progress: Progress = silent
) -> Gradients:
    """Return the gradients of the task's loss by the gates, one row for each item.

    Args:
        model: The model.
        items: What it learns from; where one has no right answers, the model's own are taken for all.
        batch_size: Items in one pass.
        progress: Told after every pass.
    """
    import torch

    shape, objective = model.checkpoint.architecture, OBJECTIVES[model.checkpoint.task]
    heads = [np.empty((len(items), width), dtype=np.float32) for width in shape.heads]
    neurons = [np.empty((len(items), width), dtype=np.float32) for width in shape.neurons]
    is_labelled = all(item.targets is not None for item in items)
    done = 0
    for chosen in batches_by_length([item.length for item in items], batch_size):
        batch = [items[index] for index in chosen]
        ids, mask = padded([window for item in batch for window in item.windows], model.pad_id)
        # Both windows of a pair share the gates of their item.
        rows = torch.tensor([row for row, item in enumerate(batch) for _ in item.windows])
        gates = [torch.ones(len(chosen), width, requires_grad=True) for width in (*shape.heads, *shape.neurons)]
        with torch.enable_grad():
            by_window = [gate[rows] for gate in gates]
            with gated(model, by_window[: shape.layers], by_window[shape.layers :]) as module:
                outputs = outputs_of(module, ids, mask)
                targets = packed([item.targets for item in batch], objective, ids.shape[1]) if is_labelled else None
                if targets is None:
                    loss = objective.own_loss(outputs, mask)
                else:
                    loss = objective.loss(outputs, targets, mask, "sum")
                found = torch.autograd.grad(loss, gates)
        for array, gradient in zip((*heads, *neurons), found, strict=True):
            array[chosen] = gradient.numpy()
        done += len(chosen)
        progress("scoring heads and neurons", done, len(items))
    return Gradients(heads=tuple(heads), neurons=tuple(neurons))


def importance(gradients: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the diagonal of the Fisher information of gates, float64 [gates], from gradients [examples, gates]."""
    found: npt.NDArray[np.float64] = np.square(gradients, dtype=np.float64).mean(axis=0)
    return found


def choose_units(gradients: npt.NDArray[np.float32], keep: int) -> tuple[int, ...]:
    """Return the units to keep, ascending: greedily, the next to go is the one whose loss adds least to what is gone.

    The loss of a set P of units is estimated as the sum of F[i, j] over i, j in P, F being the Fisher information
    of ``gradients``: derivatives of each example's loss by the gate of each unit, float32 [examples, units].
    """
    units = gradients.shape[1]
    if keep == units:
        return tuple(range(units))
    wide = gradients.astype(np.float64)
    own = np.square(wide).sum(axis=0)  # [units]
    together = np.zeros(len(gradients))  # sum of the gradients of the units that are gone: [examples]
    gone = np.zeros(units, dtype=bool)
    for _ in range(units - keep):
        # F[i, i] + 2 * sum over gone j of F[i, j], without the units x units matrix.
        growth = own + 2 * (wide.T @ together)
        growth[gone] = np.inf
        worst = int(growth.argmin())
        gone[worst] = True
        together += wide[:, worst]
    return tuple(int(unit) for unit in np.flatnonzero(~gone))
