"""Metrics of numbers are those of scipy and scikit-learn, for the examples and for every resample of them."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.metrics import METRICS, tally_array
from edgebert.tallies.numbers import mean, pearson, percentile, root_mean_square_error, spearman

numbers = st.one_of(st.integers(-3, 3).map(float), st.floats(-100, 100).map(lambda value: round(value, 3)))
pairs = st.lists(st.tuples(numbers, numbers), min_size=2, max_size=15)


@given(pairs, st.integers(0, 2**32 - 1))
@settings(max_examples=60, deadline=None)
def test_weights_stand_for_repeated_examples(drawn, seed):
    """Each statistic of weighted examples is the reference's of the examples written out so often."""
    first, second = np.array(drawn).T
    times = np.random.default_rng(seed).multinomial(len(drawn), np.full(len(drawn), 1 / len(drawn)), size=3)
    weights = np.concatenate([np.ones((1, len(drawn))), times])
    for row, counts in enumerate(weights.astype(int)):
        x, y = np.repeat(first, counts), np.repeat(second, counts)
        assert mean(x, np.ones((1, x.size)))[0] == pytest.approx(mean(first, weights)[row], abs=1e-6)
        assert percentile(first, weights, share=0.01)[row] == pytest.approx(np.percentile(x, 1), abs=1e-6)
        error = sklearn.metrics.root_mean_squared_error(x, y)
        assert root_mean_square_error(first, second, weights)[row] == pytest.approx(error, rel=1e-9, abs=1e-12)
        if np.ptp(x) == 0 or np.ptp(y) == 0:
            assert pearson(first, second, weights)[row] == spearman(first, second, weights)[row] == 0
            continue
        with warnings.catch_warnings():
            # Numbers that are nearly equal: scipy doubts its own digits.
            warnings.simplefilter("ignore", scipy.stats.NearConstantInputWarning)
            assert pearson(first, second, weights)[row] == pytest.approx(scipy.stats.pearsonr(x, y)[0], abs=1e-6)
        assert spearman(first, second, weights)[row] == pytest.approx(scipy.stats.spearmanr(x, y)[0], abs=1e-9)


def test_the_scores_of_numbers_are_those_of_the_references():
    """The table computes each metric from the right number and the given one."""
    generator = np.random.default_rng(5)
    gold = generator.integers(0, 6, 200).astype(float)
    tallies = np.stack([gold, gold + generator.normal(size=200)], axis=1)
    assert METRICS["pearson"].value(tallies) == pytest.approx(scipy.stats.pearsonr(*tallies.T)[0])
    assert METRICS["spearman"].value(tallies) == pytest.approx(scipy.stats.spearmanr(*tallies.T)[0])
    assert METRICS["rmse"].value(tallies) == pytest.approx(sklearn.metrics.root_mean_squared_error(*tallies.T))


def test_numbers_of_any_size_are_told_apart():
    """Neither tiny nor huge numbers lose their correlation or error."""
    for scale in (1e-200, 1e-30, 1.0, 1e100):
        tallies = tally_array([(scale * one, scale * two) for one, two in ((1, 2), (2, 3), (3, 7), (4, 5))])
        assert METRICS["pearson"].value(tallies) == pytest.approx(scipy.stats.pearsonr([1, 2, 3, 4], [2, 3, 7, 5])[0])
        assert METRICS["rmse"].value(tallies) == pytest.approx(scale * np.sqrt((1 + 1 + 16 + 1) / 4))


def test_numbers_that_do_not_vary_correlate_with_nothing():
    """The correlation is then 0, not a number that rounding made up."""
    flat = tally_array([(0.1, 1.0), (0.1, 2.0), (0.1, 3.0)])
    assert METRICS["pearson"].value(flat) == METRICS["spearman"].value(flat) == 0
