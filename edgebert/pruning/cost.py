"""What every width of every layer costs: multiply-accumulates counted, or nanoseconds from the times of files."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from edgebert.architecture import Architecture
from edgebert.errors import UsageError
from edgebert.heads import HeadSpec
from edgebert.pruning.probes import Probe

_PARTS = ("heads", "neurons", "last_heads", "last_neurons")

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


def mac_costs(architecture: Architecture, lengths: Mapping[int, int], head: HeadSpec) -> Costs:
    """Return the multiply-accumulates of one text, averaged over texts of given lengths.

    Counted are the matrix products that our files compute, all but those of a layer as wide as there are labels: a
    shape knows no labels, and they are a millionth of a base model. Where only ``[CLS]`` is read from the last layer,
    its query, attention output and feed-forward run for one token. Embeddings, norms and softmax multiply no matrices.

    Args:
        architecture: The uncut shape.
        lengths: Number of texts by length in tokens.
        head: The head of its task.

    Returns:
        Costs that are integers divided by the number of texts.
    """
    texts = sum(lengths.values())
    hidden, top = architecture.hidden, architecture.layers - 1
    heads: list[Curve] = []
    neurons: list[Curve] = []
    for layer, (most_heads, most_neurons) in enumerate(zip(architecture.heads, architecture.neurons, strict=True)):
        one_head = one_neuron = 0
        for length, count in lengths.items():
            rows = 1 if head.reads == "first" and layer == top else length
            # Key and value of every token; query and output of the rows that are read; scores and mixing of these rows.
            one_head += count * architecture.head_dim * (2 * length * hidden + 2 * rows * hidden + 2 * rows * length)
            one_neuron += count * 2 * rows * hidden
        heads.append(np.arange(most_heads + 1, dtype=np.float64) * (one_head / texts))
        neurons.append(np.arange(most_neurons + 1, dtype=np.float64) * (one_neuron / texts))
    fixed = 1.0 * sum(outputs * inputs for outputs, inputs in head.shapes(hidden=hidden, labels=0).values())
    if head.reads == "every":
        fixed *= sum(length * count for length, count in lengths.items()) / texts
    return Costs(fixed=fixed, heads=tuple(heads), neurons=tuple(neurons))


def macs(architecture: Architecture, lengths: Mapping[int, int], head: HeadSpec) -> float:
    """Return the multiply-accumulates of one text by a model of this shape, averaged over texts of given lengths."""
    return mac_costs(architecture, lengths, head).full


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Nanoseconds of one part of a layer at some widths, ascending; in between are straight lines."""

    counts: tuple[int, ...]
    ns: tuple[float, ...]

    def at(self, counts: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the nanoseconds at other widths, float64 of the same shape as ``counts``."""
        return np.interp(counts, self.counts, self.ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class PartTimes:
    """Nanoseconds of every part, derived from the times of files; none is negative, and none falls as a width grows.

    What a layer takes whatever its widths (norms, residuals) is part of its heads, so that a layer that goes whole
    takes that along.

    Attributes:
        fixed_ns: What is in no layer: embeddings, classification head, the runtime itself.
        heads: Attention of a layer.
        neurons: Feed-forward of a layer, 0 at no neurons.
        last_heads: Attention of the last layer, of which only the ``[CLS]`` row is computed.
        last_neurons: Feed-forward of that layer.
    """

    fixed_ns: float
    heads: Grid
    neurons: Grid
    last_heads: Grid
    last_neurons: Grid


def part_times(probes: Sequence[Probe]) -> PartTimes:
    """Return the time of every part that explains the times of the probes best.

    ``time = fixed + sum over layers of heads(h) + neurons(n)`` is one linear equation for each probe, with one unknown
    for each width that occurs; the last layer has unknowns of its own. They are solved by least squares of the relative
    errors, which for the files of ``probe_widths`` is next to a matter of differences: one width changes at a time, in
    all layers of a stack, and there is one equation more than unknowns. Two things need a convention: where heads end
    and neurons begin (below the second measured width, neurons cost in proportion to their number, so that none costs
    nothing), and noise that makes a wider part cheaper (neighbours that fall are pooled to their mean, the isotonic
    regression of Ayer et al. 1955).

    Raises:
        UsageError: The probes do not tell the parts apart.
    """
    counts = {name: tuple(sorted({*chain.from_iterable(_widths(p, name) for p in probes)})) for name in _PARTS}
    unknowns = [(name, count) for name in _PARTS for count in counts[name][1 if "neurons" in name else 0 :]]
    column = {unknown: index for index, unknown in enumerate(unknowns, start=1)}
    equations = np.zeros((len(probes), 1 + len(unknowns)))  # [probes, unknowns]
    equations[:, 0] = 1.0
    for row, probe in zip(equations, probes, strict=True):
        for name in _PARTS:
            for count in _widths(probe, name):
                if (name, count) in column:
                    row[column[name, count]] += 1.0
                elif len(counts[name]) > 1:
                    row[column[name, counts[name][1]]] += count / counts[name][1]
    times = np.array([probe.quickest_ns for probe in probes])  # [probes]
    solution, _, rank, _ = np.linalg.lstsq(equations / times[:, None], np.ones(len(times)), rcond=None)
    if rank < equations.shape[1] or not all(counts.values()):
        raise UsageError(
            f"the {len(probes)} files of the latency table do not tell the parts of a model apart",
            hint="measure the table again",
        )

    def grid(name: str) -> Grid:
        ns = _rising([float(solution[column[name, count]]) for count in counts[name] if (name, count) in column])
        if "neurons" not in name:
            return Grid(counts=counts[name], ns=ns)
        first = ns[0] * counts[name][0] / counts[name][1] if ns else 0.0
        return Grid(counts=(0, *counts[name]), ns=(0.0, first, *ns))

    return PartTimes(fixed_ns=max(float(solution[0]), 0.0), **{name: grid(name) for name in _PARTS})


def _widths(probe: Probe, part: str) -> tuple[int, ...]:
    """Return the widths of that part in a file: one for each layer that has it."""
    widths = probe.heads if part.endswith("heads") else probe.neurons
    return widths[-1:] if part.startswith("last") else widths[:-1]


def _rising(values: list[float]) -> tuple[float, ...]:
    """Return the never falling, never negative values nearest to ``values``: neighbours that fall share their mean."""
    pools: list[tuple[float, int]] = []
    for value in values:
        pools.append((value, 1))
        while len(pools) > 1 and pools[-2][0] > pools[-1][0]:
            (high, before), (low, after) = pools[-2:]
            pools[-2:] = [((high * before + low * after) / (before + after), before + after)]
    return tuple(max(mean, 0.0) for mean, size in pools for _ in range(size))
