"""From a budget to a cut and repaired model: widths, units, surgery, repair, and whether a whole layer may go.

Kwon et al. (2022) choose heads and neurons greedily, which is right while every head costs the same. With a latency
table, with widths rounded for the kernels, and with a last layer that computes one row it is not: so the widths of all
layers are chosen together by dynamic programming (a multiple-choice knapsack).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import numpy.typing as npt

from edgebert.architecture import Architecture, Keep
from edgebert.batching import batches_by_length
from edgebert.errors import UsageError
from edgebert.network import outputs_of, padded
from edgebert.progress import Progress, silent
from edgebert.pruning.cost import Costs
from edgebert.pruning.probes import Widths
from edgebert.pruning.repair import repair
from edgebert.pruning.scores import Gradients, choose_units, importance
from edgebert.pruning.surgery import check_cut, cut
from edgebert.training.objectives import OBJECTIVES

if TYPE_CHECKING:
    from edgebert.checkpoint import Model

MULTIPLE = 16
"""Neurons are kept in multiples of this: the tiles of int8 kernels are 8 or 16 wide on every CPU we know."""

_NEARLY_EMPTY = 0.1
_CHECKED = 8
_CELLS = 20_000  # resolution of the budget: costs are rounded up to a 20,000th of the whole, so a plan never exceeds it

CostModel = Callable[[Architecture], Costs]
"""What every width of a model of this shape costs; called again for a model without some layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A cut and repaired model.

    Attributes:
        keep: What stayed of the original.
        model: The narrower model.
        divergence: How far its answers to probe texts are from the original's, float64 [texts]: for labels the KL
            divergence in nats, for numbers the squared distance, for embeddings 1 minus the cosine.
    """

    keep: Keep
    model: Model
    divergence: npt.NDArray[np.float64]


def cut_to_budget(
    model: Model,
    gradients: Gradients,
    fit: Sequence[Sequence[int]],
    probe: Sequence[Sequence[int]],
    *,
    cost_model: CostModel,
    share: float,
    drop_layers: bool,
    progress: Progress = silent,
) -> Cut:
    """Return the model cut to a share of its cost, with its projections re-fitted.

    With ``drop_layers`` a layer of which the plan leaves less than a tenth is also tried without: the freed budget goes
    to the others, and of two models whose answers are equally near the original's the one with fewer layers wins.

    Args:
        model: The original.
        gradients: Gate gradients of a sample of its texts.
        fit: Token ids of the texts that the weights are re-fitted on.
        probe: Token ids of other texts, by which models are compared.
        cost_model: Cost of every width.
        share: Share of the full cost that may stay.
        drop_layers: Whether whole layers may go.
        progress: Told what is being done.

    Raises:
        UsageError: The share is below one head and a few neurons a layer.
        ParityError: The cut model is not the gated original.
    """
    shape = model.checkpoint.architecture
    budget = share * cost_model(shape).full

    def attempt(layers: tuple[int, ...]) -> Cut:
        costs = cost_model(without_layers(shape, layers))
        keep = _keep(gradients, layers, costs, budget)
        narrow = cut(model, keep)
        check_cut(model, keep, narrow, fit[:_CHECKED])
        fitted = repair(model, narrow, layers, fit, progress=progress)
        return Cut(keep=keep, model=fitted, divergence=divergence(model, fitted, probe))

    best = attempt(tuple(range(shape.layers)))
    if not drop_layers:
        return best
    for layer in _nearly_empty(best.keep, cost_model(shape)):
        rest = tuple(other for other in best.keep.layers if other != layer)
        if not rest:
            break
        trial = attempt(rest)
        worse = trial.divergence - best.divergence  # [texts]
        if worse.mean() <= worse.std() / len(worse) ** 0.5:
            best = trial
    return best


def without_layers(architecture: Architecture, layers: Sequence[int]) -> Architecture:
    """Return the shape of which only some layers are left."""
    return replace(
        architecture,
        heads=tuple(architecture.heads[layer] for layer in layers),
        neurons=tuple(architecture.neurons[layer] for layer in layers),
    )


def divergence(original: Model, other: Model, texts: Sequence[Sequence[int]]) -> npt.NDArray[np.float64]:
    """Return how far the answers to each text are from the original's, as in ``Cut``: float64 [texts]."""
    import torch

    apart = OBJECTIVES[original.checkpoint.task].divergence
    result = np.empty(len(texts))
    for chosen in batches_by_length([*map(len, texts)], 64):
        ids, mask = padded([texts[index] for index in chosen], original.pad_id)
        with torch.inference_mode():
            ours, theirs = (outputs_of(model.module, ids, mask) for model in (other, original))
            result[chosen] = apart(ours, theirs, mask).double().numpy()
    return result


def _keep(gradients: Gradients, layers: tuple[int, ...], costs: Costs, budget: float) -> Keep:
    found = [[part[layer] for layer in layers] for part in (gradients.heads, gradients.neurons)]
    widths = choose_widths(costs, *([*map(importance, part)] for part in found), budget=budget, multiple=MULTIPLE)
    heads, neurons = (tuple(map(choose_units, part, counts)) for part, counts in zip(found, widths, strict=True))
    return Keep(layers=layers, heads=heads, neurons=neurons)


def _nearly_empty(keep: Keep, costs: Costs) -> list[int]:
    """Return the layers of which little is left, the emptiest first."""
    shares = {}
    for layer, heads, neurons in zip(keep.layers, keep.heads, keep.neurons, strict=True):
        left = costs.heads[layer][len(heads)] + costs.neurons[layer][len(neurons)]
        shares[layer] = float(left / (costs.heads[layer][-1] + costs.neurons[layer][-1]))
    return sorted((layer for layer, share in shares.items() if share < _NEARLY_EMPTY), key=lambda layer: shares[layer])


Importance = Sequence[npt.NDArray[np.float64]]
"""Importance of each head (or neuron) of each layer: float64 [width], not negative."""


def choose_widths(costs: Costs, heads: Importance, neurons: Importance, *, budget: float, multiple: int) -> Widths:
    """Return the widths, heads and neurons, that keep the most importance at a cost of at most ``budget``.

    Args:
        costs: Cost of every width.
        heads: Importance of the heads.
        neurons: Importance of the neurons.
        budget: Cost that may be spent, in the unit of ``costs``.
        multiple: Neurons are kept in multiples of this (and all of a layer may stay), because kernels work in tiles.

    Raises:
        UsageError: Not even one head and the fewest neurons a layer fit.
    """
    groups = [_width_options(curve, scores, 1) for curve, scores in zip(costs.heads, heads, strict=True)]
    groups += [_width_options(curve, scores, multiple) for curve, scores in zip(costs.neurons, neurons, strict=True)]
    cheapest = costs.fixed + sum(float(group.costs[0]) for group in groups)
    if cheapest > budget:
        needed = math.ceil(1e4 * cheapest / costs.full) / 1e4  # rounded up: it has to be enough when it is given
        raise UsageError(
            f"the budget of {budget / costs.full:.3g} of the model is below {needed:g}, "
            f"what one head and up to {multiple} neurons in each of {len(costs.heads)} layers cost",
            hint=f"keep {needed:g} or more",
        )
    widths = tuple(_knapsack(groups, budget - costs.fixed, costs.full / _CELLS))
    return widths[: len(heads)], widths[len(heads) :]


class _WidthOptions(NamedTuple):
    """Widths of one group, ascending, with the cost and the importance kept of each."""

    widths: npt.NDArray[np.int64]
    costs: npt.NDArray[np.float64]
    gains: npt.NDArray[np.float64]


def _width_options(curve: npt.NDArray[np.float64], scores: npt.NDArray[np.float64], multiple: int) -> _WidthOptions:
    most = len(scores)
    widths = np.unique(np.append(np.arange(multiple, most + 1, multiple), most))
    best_first = np.concatenate([[0.0], np.cumsum(np.sort(scores)[::-1])])  # [width + 1]
    return _WidthOptions(widths, curve[widths], best_first[widths])


def _knapsack(groups: Sequence[_WidthOptions], budget: float, unit: float) -> list[int]:
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
