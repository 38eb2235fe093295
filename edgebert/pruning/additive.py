"""What each part of a model takes, from the times of whole files: a sum taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from edgebert.errors import UsageError
from edgebert.pruning.probes import Probe

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PARTS = ("heads", "neurons", "last_heads", "last_neurons")


@dataclass(frozen=True, slots=True, kw_only=True)
class Grid:
    """Nanoseconds of one part of a layer at some widths, ascending; in between lie straight lines."""

    counts: tuple[int, ...]
    ns: tuple[float, ...]

    def at(self, counts: NDArray[np.int64]) -> NDArray[np.float64]:
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


def probe_ns(probe: Probe) -> float:
    """Return the time of a file in nanoseconds: its quickest inference of all rounds.

    Whatever else runs on the machine can only add to a time. On a busy one medians went wrong several times over where
    the quickest of a hundred still told what an idle machine takes.
    """
    return float(min(chain.from_iterable(probe.run_ns)))


def part_times(probes: Sequence[Probe]) -> PartTimes:
    """Return the time of every part that explains the times of the probes best.

    ``time = fixed + sum over layers of heads(h) + neurons(n)`` is one linear equation for each probe, with one unknown
    for each width that occurs; the last layer has unknowns of its own. They are solved by least squares of the relative
    errors, which for the files of ``probe_widths`` is next to a matter of differences: one width changes at a time, in
    all layers of a stack, and there is one equation more than unknowns. Two things need a convention: where heads end
    and neurons begin (below the second measured width, neurons cost in proportion to their number, so that none costs
    nothing), and noise that makes a wider part cheaper (neighbours that fall are pooled to their mean, the isotonic
    regression of Ayer et al. 1955).

    Args:
        probes: Files and their times.

    Raises:
        UsageError: They do not tell the parts apart.
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
    times = np.array([probe_ns(probe) for probe in probes])  # [probes]
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
