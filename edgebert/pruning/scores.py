"""How much each head and neuron matters: Fisher information of their gates.

Kwon et al., A Fast Post-Training Pruning Framework for Transformers (2022): near a trained model the loss grows with
the square of what is gated away, weighted by the Fisher information of the gates, which per-example gradients estimate.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgebert.progress import Progress, silent
from edgebert.pruning.gates import gated

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch

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
    """Return the gradients of the cross-entropy by the gates, one row for each text.

    Args:
        model: The model.
        texts: Token ids of each text.
        labels: The right label of each text; ``None`` takes the model's own answers.
        batch_size: Texts in one pass.
        progress: Told after every pass.
    """
    import torch

    shape = model.checkpoint.architecture
    heads = [np.empty((len(texts), width), dtype=np.float32) for width in shape.heads]
    neurons = [np.empty((len(texts), width), dtype=np.float32) for width in shape.neurons]
    done = 0
    for chosen in batches(texts, batch_size):
        ids, mask = padded([texts[index] for index in chosen])
        gates = [torch.ones(len(chosen), width, requires_grad=True) for width in (*shape.heads, *shape.neurons)]
        with torch.enable_grad(), gated(model, gates[: shape.layers], gates[shape.layers :]) as module:
            logits = module(input_ids=ids, attention_mask=mask).logits  # [batch, labels]
            targets = logits.detach().argmax(dim=1) if labels is None else torch.tensor([labels[i] for i in chosen])
            loss = torch.nn.functional.cross_entropy(logits, targets, reduction="sum")
            found = torch.autograd.grad(loss, gates)
        for array, gradient in zip((*heads, *neurons), found, strict=True):
            array[chosen] = gradient.numpy()
        done += len(chosen)
        progress("scoring heads and neurons", done, len(texts))
    return Gradients(heads=tuple(heads), neurons=tuple(neurons))


def importance(gradients: npt.NDArray[np.float32]) -> npt.NDArray[np.float64]:
    """Return the diagonal of the Fisher information of gates, float64 [gates], from gradients [examples, gates]."""
    found: npt.NDArray[np.float64] = np.square(gradients, dtype=np.float64).mean(axis=0)
    return found


def batches(texts: Sequence[Sequence[int]], size: int = 64) -> list[list[int]]:
    """Return the texts by index in batches of like length, so that little is computed for padding."""
    order = sorted(range(len(texts)), key=lambda index: len(texts[index]))
    return [order[start : start + size] for start in range(0, len(order), size)]


def padded(texts: Sequence[Sequence[int]], pad_id: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Return ids and mask of a batch, int64 [texts, longest]."""
    import torch

    longest = max(len(text) for text in texts)
    ids, mask = torch.full((len(texts), longest), pad_id), torch.zeros(len(texts), longest, dtype=torch.int64)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = torch.tensor(list(text))
        mask[row, : len(text)] = 1
    return ids, mask
