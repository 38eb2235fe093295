"""The widths chosen for a budget, against all combinations and against what a budget has to mean."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from edgebert.architecture import Architecture
from edgebert.errors import UsageError
from edgebert.pruning.cost import Costs, mac_costs
from edgebert.pruning.plan import choose_widths
from tests.pruning.inputs import HEAD

CELLS = 20_000
"""The documented resolution: every group's cost is rounded up to this part of the whole."""


@st.composite
def spaces(draw: st.DrawFn) -> tuple[Costs, list, list, int]:
    """Draw cost curves that rise in arbitrary steps, as measured ones do, with importances and a tile width."""
    layers = draw(st.integers(1, 2))
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))

    def groups(most: int) -> tuple[tuple, list]:
        counts = [draw(st.integers(1, most)) for _ in range(layers)]
        steps = [rng.integers(0, 1000, count) * (rng.random(count) < 0.6) for count in counts]
        scores = [rng.random(count) ** 4 * (rng.random(count) < 0.8) for count in counts]
        return tuple(np.concatenate([[0.0], np.cumsum(step)]).astype(float) for step in steps), scores

    head_costs, heads = groups(4)
    neuron_costs, neurons = groups(9)
    fixed = float(draw(st.integers(0, 300)))
    costs = Costs(fixed=fixed, heads=head_costs, neurons=neuron_costs)
    assume(costs.full > 0)
    return costs, heads, neurons, draw(st.integers(1, 4))


def allowed(count: int, multiple: int) -> list[int]:
    return [width for width in range(1, count + 1) if width % multiple == 0 or width == count]


def importance_of(scores: list, widths: tuple[int, ...]) -> float:
    return sum(float(np.sort(each)[::-1][:width].sum()) for each, width in zip(scores, widths, strict=True))


def kept_share(heads: list, neurons: list, found: tuple[tuple[int, ...], tuple[int, ...]]) -> float:
    """Return the share of all importance that widths keep."""
    total = sum(float(scores.sum()) for scores in (*heads, *neurons))
    return (importance_of(heads, found[0]) + importance_of(neurons, found[1])) / total if total else 1.0


def plans(costs: Costs, heads: list, neurons: list, multiple: int) -> list[tuple[float, float]]:
    """Return cost and kept share of importance of every plan there is."""
    head_choices = [allowed(len(scores), 1) for scores in heads]
    neuron_choices = [allowed(len(scores), multiple) for scores in neurons]
    total = sum(float(scores.sum()) for scores in (*heads, *neurons))
    return [
        (
            costs.of(head_widths, neuron_widths),
            (importance_of(heads, head_widths) + importance_of(neurons, neuron_widths)) / total if total else 1.0,
        )
        for head_widths in itertools.product(*head_choices)
        for neuron_widths in itertools.product(*neuron_choices)
    ]


@given(space=spaces(), share=st.floats(0, 1.2))
@settings(max_examples=200)
def test_no_plan_within_the_budget_is_better(space, share):
    """The plan is within the budget, and at least as good as all that leave one rounding step a group unspent."""
    costs, heads, neurons, multiple = space
    every, budget = plans(*space), share * costs.full
    cheapest = min(cost for cost, _ in every)
    if cheapest > budget:
        with pytest.raises(UsageError, match="budget"):
            choose_widths(costs, heads, neurons, budget=budget, multiple=multiple)
        return
    found = choose_widths(costs, heads, neurons, budget=budget, multiple=multiple)
    assert costs.of(*found) <= budget + 1e-9 * costs.full
    slack = (len(heads) + len(neurons)) * costs.full / CELLS
    best = max([kept for cost, kept in every if cost <= budget - slack], default=0)
    assert kept_share(heads, neurons, found) >= best - 1e-9


@given(space=spaces(), share=st.floats(0, 1))
def test_widths_are_those_that_kernels_like(space, share):
    """One head and one neuron stay, no layer grows, and neurons are a multiple or all."""
    costs, heads, neurons, multiple = space
    cheapest = min(cost for cost, _ in plans(*space))
    budget = cheapest + share * (costs.full - cheapest)
    found = choose_widths(costs, heads, neurons, budget=budget, multiple=multiple)
    assert all(1 <= width <= len(scores) for width, scores in zip(found[0], heads, strict=True))
    for width, scores in zip(found[1], neurons, strict=True):
        assert width in allowed(len(scores), multiple)


@given(space=spaces(), shares=st.lists(st.floats(0, 1), min_size=2, max_size=8))
def test_a_larger_budget_keeps_no_less(space, shares):
    """Kept importance never falls as the budget grows, down to the cheapest plan and up to the whole."""
    costs, heads, neurons, multiple = space
    cheapest = min(cost for cost, _ in plans(*space))
    budgets = [cheapest, *sorted(cheapest + share * (costs.full - cheapest) for share in shares), costs.full]
    kept = [
        kept_share(heads, neurons, choose_widths(costs, heads, neurons, budget=b, multiple=multiple)) for b in budgets
    ]
    assert all(more >= less - 1e-12 for less, more in itertools.pairwise(kept))


@given(space=spaces())
def test_the_whole_budget_keeps_all(space):
    """At the full cost nothing goes, even where parts of it are of no importance."""
    costs, heads, neurons, multiple = space
    found = choose_widths(costs, heads, neurons, budget=costs.full, multiple=multiple)
    assert found[0] == tuple(map(len, heads))
    assert found[1] == tuple(map(len, neurons))
    assert kept_share(heads, neurons, found) == pytest.approx(1.0)


@given(space=spaces())
def test_an_impossible_budget_names_a_share_that_is_possible(space):
    """The share that the message names is enough, and little more than what is needed."""
    costs, heads, neurons, multiple = space
    cheapest = min(cost for cost, _ in plans(*space))
    budget = cheapest - 0.01 * costs.full
    with pytest.raises(UsageError) as caught:
        choose_widths(costs, heads, neurons, budget=budget, multiple=multiple)
    assert caught.value.hint
    share = float(re.search(r"below ([0-9.e-]+)", caught.value.message)[1])
    assert cheapest / costs.full <= share <= cheapest / costs.full + 1e-3
    assert choose_widths(costs, heads, neurons, budget=share * costs.full, multiple=multiple)[0]


def test_budgets_of_a_base_model_are_used_up():
    """At DistilBERT-base's shape a plan in tiles of 16 spends a budget to a thousandth, and is found in seconds."""
    shape = Architecture(
        hidden=768,
        head_dim=64,
        heads=(12,) * 6,
        neurons=(3072,) * 6,
        vocabulary=30522,
        positions=512,
        activation="gelu",
    )
    costs = mac_costs(shape, {32: 1}, HEAD)
    rng = np.random.default_rng(0)
    heads, neurons = [rng.random(12) for _ in range(6)], [rng.random(3072) / 64 for _ in range(6)]
    found = choose_widths(costs, heads, neurons, budget=0.35 * costs.full, multiple=16)
    assert 0.349 <= costs.of(found[0], found[1]) / costs.full <= 0.35
    assert all(width % 16 == 0 for width in found[1])


@pytest.mark.parametrize(("budget", "neurons"), [(10_000.0, 9_999), (10_000.5, 9_999), (10_001.0, 10_000)])
def test_a_budget_is_met_exactly_where_costs_are_whole_cells(budget, neurons):
    """With costs that need no rounding not one unit is wasted and not one overspent."""
    costs = Costs(fixed=0.0, heads=(np.arange(2.0),), neurons=(np.arange(20_000.0),))
    found = choose_widths(costs, [np.ones(1)], [np.ones(19_999)], budget=budget, multiple=1)
    assert found[1] == (neurons,)


def test_what_costs_less_is_kept_rather():
    """Of two layers of equal importance the cheap one stays wide: importance alone does not choose."""
    curve = np.arange(9) * 10.0
    costs = Costs(fixed=0.0, heads=(curve[:2], curve[:2]), neurons=(curve, 3 * curve))
    same = [np.ones(1), np.ones(1)], [np.ones(8), np.ones(8)]
    assert choose_widths(costs, *same, budget=161.0, multiple=2)[1] == (8, 2)
