"""Which widths fit a budget at the least loss of importance: an exact search over an additive cost model.

Kwon et al. (2022) choose heads and neurons greedily, which is right while every head costs the same. With a latency
table, with widths rounded for the kernels, and with a last layer that computes one row it is not: so the widths of all
layers are chosen together by dynamic programming (a multiple-choice knapsack).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgebert.errors import UsageError
from edgebert.pruning.cost import Costs

_CELLS = 20_000  # resolution of the budget: costs are rounded up to a 20,000th of the whole, so a plan never exceeds it

Importance = Sequence[npt.NDArray[np.float64]]
"""Importance of each head (or neuron) of each layer: float64 [width], not negative."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Widths:
    """How many heads and neurons each layer keeps, bottom first, and what share of all importance that is."""

    heads: tuple[int, ...]
    neurons: tuple[int, ...]
    kept_importance: float


def choose_widths(costs: Costs, heads: Importance, neurons: Importance, *, budget: float, multiple: int) -> Widths:
    """Return the widths that keep the most importance at a cost of at most ``budget``.

    Args:
        costs: Cost of every width.
        heads: Importance of the heads.
        neurons: Importance of the neurons.
        budget: Cost that may be spent, in the unit of ``costs``.
        multiple: Neurons are kept in multiples of this (and all of a layer may stay), because kernels work in tiles.

    Raises:
        UsageError: Not even one head and the fewest neurons a layer fit.
    """
    groups = [_options(curve, scores, 1) for curve, scores in zip(costs.heads, heads, strict=True)]
    groups += [_options(curve, scores, multiple) for curve, scores in zip(costs.neurons, neurons, strict=True)]
    unit = costs.full / _CELLS
    cheapest = costs.fixed + sum(float(group.costs[0]) for group in groups)
    if cheapest > budget:
        needed = math.ceil(1e4 * cheapest / costs.full) / 1e4  # rounded up: it has to be enough when it is given
        raise UsageError(
            f"the budget of {budget / costs.full:.3g} of the model is below {needed:g}, "
            f"what one head and up to {multiple} neurons in each of {len(costs.heads)} layers cost",
            hint=f"keep {needed:g} or more",
        )
    widths = _knapsack(groups, budget - costs.fixed, unit)
    layers = len(costs.heads)
    total = sum(float(scores.sum()) for scores in (*heads, *neurons))
    kept = sum(float(group.gains[list(group.widths).index(width)]) for group, width in zip(groups, widths, strict=True))
    return Widths(
        heads=tuple(widths[:layers]), neurons=tuple(widths[layers:]), kept_importance=kept / total if total else 1.0
    )


@dataclass(frozen=True, slots=True)
class _Options:
    """Widths of one group, ascending, with the cost and the importance kept of each."""

    widths: npt.NDArray[np.int64]
    costs: npt.NDArray[np.float64]
    gains: npt.NDArray[np.float64]


def _options(curve: npt.NDArray[np.float64], scores: npt.NDArray[np.float64], multiple: int) -> _Options:
    most = len(scores)
    widths = np.unique(np.append(np.arange(multiple, most + 1, multiple), most))
    best_first = np.concatenate([[0.0], np.cumsum(np.sort(scores)[::-1])])  # [width + 1]
    return _Options(widths, curve[widths], best_first[widths])


def _knapsack(groups: Sequence[_Options], budget: float, unit: float) -> list[int]:
    if sum(float(group.costs[-1]) for group in groups) <= budget:
        return [int(group.widths[-1]) for group in groups]
    cells = int(np.floor(budget / unit + 1e-9))
    steps = [np.ceil(group.costs / unit - 1e-9).astype(np.int64) for group in groups]
    if sum(int(step.min()) for step in steps) > cells:
        return [int(group.widths[0]) for group in groups]  # only rounding keeps the cheapest plan out
    best = np.zeros(cells + 1)  # most importance by budget, over the groups seen
    choices = []
    for group, step in zip(groups, steps, strict=True):
        following = np.full_like(best, -np.inf)
        choice = np.zeros(len(best), dtype=np.int64)
        for index, (cost, gain) in enumerate(zip(step, group.gains, strict=True)):
            if cost >= len(best):
                continue
            shifted = np.full_like(best, -np.inf)
            shifted[cost:] = best[: len(best) - cost] + gain
            better = shifted > following
            following[better] = shifted[better]
            choice[better] = index
        best = following
        choices.append(choice)
    left = len(best) - 1
    picked: list[int] = []
    for group, step, choice in zip(reversed(groups), reversed(steps), reversed(choices), strict=True):
        index = int(choice[left])
        picked.append(int(group.widths[index]))
        left -= int(step[index])
    return picked[::-1]
