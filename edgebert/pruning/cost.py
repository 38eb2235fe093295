"""What every width of every layer costs: multiply-accumulates counted, or nanoseconds from a measured table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgebert.architecture import Architecture

Curve = npt.NDArray[np.float64]
"""Cost by width: float64 [widths + 1], entry k is the cost of keeping k heads (or neurons); never falling."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """An additive cost model: ``fixed`` and one addend for each layer's heads and each layer's neurons.

    Attributes:
        fixed: What a text costs whatever is cut.
        heads: One curve for each layer, bottom first.
        neurons: One curve for each layer, bottom first.
    """

    fixed: float
    heads: tuple[Curve, ...]
    neurons: tuple[Curve, ...]

    @property
    def full(self) -> float:
        """Cost of the model as it is."""
        return self.of(tuple(len(curve) - 1 for curve in self.heads), tuple(len(curve) - 1 for curve in self.neurons))

    def of(self, heads: tuple[int, ...], neurons: tuple[int, ...]) -> float:
        """Return the cost of a model with these widths; a layer with 0 heads and 0 neurons is one that went whole."""
        parts = [curve[width] for curve, width in zip((*self.heads, *self.neurons), (*heads, *neurons), strict=True)]
        return self.fixed + float(sum(parts))


def mac_costs(architecture: Architecture, lengths: Mapping[int, int], *, first_token_only: bool) -> Costs:
    """Return the multiply-accumulates of one text, averaged over texts of given lengths.

    Counted are the matrix products that our files compute, all but the label layer's: a shape knows no labels, and they
    are a millionth of a base model. Where only ``[CLS]`` is read from the last layer, its query, attention output and
    feed-forward run for one token. Embeddings, norms and softmax multiply no matrices.

    Args:
        architecture: The uncut shape.
        lengths: Number of texts by length in tokens.
        first_token_only: Whether the head reads ``[CLS]`` alone.

    Returns:
        Costs that are whole numbers divided by the number of texts.
    """
    texts = sum(lengths.values())
    hidden, top = architecture.hidden, architecture.layers - 1
    heads: list[Curve] = []
    neurons: list[Curve] = []
    for layer, (most_heads, most_neurons) in enumerate(zip(architecture.heads, architecture.neurons, strict=True)):
        one_head = one_neuron = 0
        for length, count in lengths.items():
            rows = 1 if first_token_only and layer == top else length
            # Key and value of every token; query and output of the rows that are read; scores and mixing of these rows.
            one_head += count * architecture.head_dim * (2 * length * hidden + 2 * rows * hidden + 2 * rows * length)
            one_neuron += count * 2 * rows * hidden
        heads.append(np.arange(most_heads + 1, dtype=np.float64) * (one_head / texts))
        neurons.append(np.arange(most_neurons + 1, dtype=np.float64) * (one_neuron / texts))
    # hidden * hidden is the first layer of the classification head.
    return Costs(fixed=float(hidden * hidden), heads=tuple(heads), neurons=tuple(neurons))


def macs(architecture: Architecture, lengths: Mapping[int, int], *, first_token_only: bool) -> float:
    """Return the multiply-accumulates of one text by a model of this shape, averaged over texts of given lengths."""
    return mac_costs(architecture, lengths, first_token_only=first_token_only).full
