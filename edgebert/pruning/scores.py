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
    model: Model,
    texts: Sequence[Sequence[int]],
    labels: Sequence[int] | None,
    *,
    batch_size: int = 32,
    progress: Progress = silent,
) -> Gradients:
    """Return the gradients of the task's loss by the gates, one row for each text.

    Args:
        model: The model.
        texts: Token ids of each text.
        labels: The right label of each text; ``None`` takes the model's own answers.
        batch_size: Texts in one pass.
        progress: Told after every pass.
    """
    import torch

    shape, objective = model.checkpoint.architecture, OBJECTIVES[model.checkpoint.task]
    heads = [np.empty((len(texts), width), dtype=np.float32) for width in shape.heads]
    neurons = [np.empty((len(texts), width), dtype=np.float32) for width in shape.neurons]
    done = 0
    for chosen in batches_by_length([*map(len, texts)], batch_size):
        ids, mask = padded([texts[index] for index in chosen], model.pad_id)
        gates = [torch.ones(len(chosen), width, requires_grad=True) for width in (*shape.heads, *shape.neurons)]
        with torch.enable_grad(), gated(model, gates[: shape.layers], gates[shape.layers :]) as module:
            outputs = outputs_of(module, ids, mask)
            gold = objective.own(outputs) if labels is None else torch.tensor([labels[i] for i in chosen])
            found = torch.autograd.grad(objective.loss(outputs, gold, "sum"), gates)
        for array, gradient in zip((*heads, *neurons), found, strict=True):
            array[chosen] = gradient.numpy()
        done += len(chosen)
        progress("scoring heads and neurons", done, len(texts))
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
