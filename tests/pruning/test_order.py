"""The choice of units, against a greedy search by an explicit Fisher matrix."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.pruning.scores import choose_units

seeds = st.integers(0, 2**32 - 1)


def whole(seed, examples, units) -> np.ndarray:
    """Return random gradients of small whole numbers, so that every sum is exact and ties are real."""
    return np.random.default_rng(seed).integers(-3, 4, (examples, units)).astype(np.float32)


def loss(fisher, gone) -> float:
    gone = list(gone)
    return float(fisher[np.ix_(gone, gone)].sum())


def greedy(gradients, keep) -> tuple[int, ...]:
    """Take away, one after the other, the unit that leaves the smallest sum of F over all that is gone."""
    wide = gradients.astype(np.float64)
    fisher, left = wide.T @ wide, list(range(wide.shape[1]))
    gone: list[int] = []
    while len(left) > keep:
        worst = min(left, key=lambda unit: loss(fisher, [*gone, unit]))  # the first of equals
        left.remove(worst)
        gone.append(worst)
    return tuple(left)


@given(seed=seeds, examples=st.integers(1, 8), units=st.integers(1, 9), data=st.data())
def test_units_are_those_of_a_greedy_search_by_the_fisher_matrix(seed, examples, units, data):
    """Exactly ``keep`` units stay, ascending, and they are the ones the full matrix names."""
    gradients, keep = whole(seed, examples, units), data.draw(st.integers(1, units))
    before = gradients.copy()
    found = choose_units(gradients, keep)
    assert found == greedy(gradients, keep)
    assert len(found) == keep
    assert list(found) == sorted(set(found))
    np.testing.assert_array_equal(gradients, before)


@given(seed=seeds, units=st.integers(1, 30), data=st.data())
def test_units_that_do_not_share_examples_are_ranked_by_themselves(seed, units, data):
    """With orthogonal gradients the k units with the largest diagonal stay."""
    strengths = np.random.default_rng(seed).permutation(units) + 1.0
    keep = data.draw(st.integers(1, units))
    found = choose_units(np.diag(strengths).astype(np.float32), keep)
    assert found == tuple(sorted(np.argsort(-strengths)[:keep].tolist()))


def test_of_twins_one_stays():
    """Losing both of two alike units costs four times one of them: a unit three times as important goes first."""
    twin, other = np.array([1.0, 1.0, 0.0]), np.array([0.0, 0.0, 2.0])  # F of 2, 2 and 4
    gradients = np.stack([twin, twin, other], axis=1).astype(np.float32)
    assert choose_units(gradients, 2) == (1, 2)
    # The second twin would add 3 * 2, the other one 4; by the diagonal alone it would be the twin.
    assert choose_units(gradients, 1) == (1,)


def test_opposites_go_together():
    """Two units whose gradients cancel are free to lose together, even before a weaker third one."""
    gradients = np.array([[2.0, -2.0, 2.1, 2.2], [0.0, 0.0, 2.1, -2.2]], dtype=np.float32)
    assert choose_units(gradients, 2) == (2, 3)
    fisher = gradients.astype(np.float64).T @ gradients
    assert loss(fisher, (0, 1)) == min(loss(fisher, pair) for pair in itertools.combinations(range(4), 2)) == 0


def test_the_whole_matrix_is_better_than_its_diagonal():
    """On correlated gradients the estimated loss of what is gone is smaller than that of the weakest by themselves."""
    rng = np.random.default_rng(5)
    gradients = (rng.standard_normal((200, 6)) @ rng.standard_normal((6, 40)) + 0.1).astype(np.float32)
    fisher = gradients.astype(np.float64).T @ gradients
    gone = set(range(40)) - set(choose_units(gradients, 20))
    weakest = np.argsort(np.diag(fisher))[:20]
    assert loss(fisher, sorted(gone)) < 0.5 * loss(fisher, weakest.tolist())


@pytest.mark.parametrize("keep", [1, 2, 5])
def test_units_that_nothing_depends_on_do_not_confuse(keep):
    """With no gradient at all the right number still stays."""
    assert len(choose_units(np.zeros((10, 5), dtype=np.float32), keep)) == keep


def test_small_differences_are_not_lost_in_float32():
    """Gradients that nearly cancel are summed in float64: of two units the one that then adds less goes."""
    gradients = np.array([[9e3, -1e4, -1e4], [0.0, 1.0, 0.5]], dtype=np.float32)
    assert choose_units(gradients, 1) == (1,)  # once the first is gone, the second adds 1 - 8e7, the third 0.25 - 8e7
