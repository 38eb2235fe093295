"""Resampled intervals: what the bootstrap computes, and how often its intervals hold the truth."""

from __future__ import annotations

import math

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.metric_worlds import WORLDS, true_values
from edgebert import resampling
from edgebert.intervals import wilson_interval
from edgebert.metrics import METRICS
from edgebert.resampling import (
    expanded_interval,
    half_width,
    mean_reach,
    resampled,
    share_interval,
    unseen_change,
    value_of,
)
from edgebert.tallies.numbers import mean


def first(tallies, weights):
    """Return the mean of the first number."""
    return mean(tallies[:, 0], weights)


def test_resamples_are_those_of_a_bootstrap_and_the_same_for_every_file(monkeypatch):
    """Their spread is the standard error of a mean, equal files get equal resamples, and blocks change nothing."""
    values = np.random.default_rng(0).normal(size=(40, 1))
    old, new = resampled(first, values, values)
    assert np.array_equal(old, new)
    assert old.shape == (resampling.RESAMPLES,)
    assert old.mean() == pytest.approx(values.mean(), abs=0.02)
    assert old.std() == pytest.approx(values.std() / math.sqrt(40), rel=0.05)
    monkeypatch.setattr(resampling, "_CELLS", 40 * 7)
    assert resampled(first, values)[0] == pytest.approx(old, abs=1e-12)
    assert value_of(first, values) == pytest.approx(values.mean())


def test_the_width_of_a_difference_is_that_of_student():
    """Without changes unseen, it is the interval of a mean; one example has an infinite one."""
    values = np.random.default_rng(1).normal(size=25)
    half = half_width(float(values.std()) / 5, examples=25, units=math.inf, level=0.9)
    expected = scipy.stats.t.interval(0.9, 24, loc=0, scale=scipy.stats.sem(values))
    assert (-half, half) == pytest.approx(expected)
    assert half_width(0.0, examples=1, units=math.inf, level=0.95) == math.inf
    assert half_width(0.0, examples=25, units=25, level=0.95) == pytest.approx(1.959964**2 / 25)


@given(st.integers(1, 500), st.floats(0.5, 0.999))
def test_where_nothing_changed_the_width_is_that_of_a_proportion_of_which_nothing_was_seen(examples, level):
    """At least that of Wilson's interval of no success."""
    assert unseen_change(examples, level=level) >= wilson_interval(0, examples, level=level)[1] - 1e-12
    assert unseen_change(0, level=level) == math.inf


def test_the_interval_of_a_share_is_wilsons_for_as_many_trials_as_give_its_variance():
    """The variance of 80 trials gives back their interval; where nothing varies the given number counts."""
    assert share_interval(0.9, 0.9 * 0.1 / 80, trials=5) == pytest.approx(wilson_interval(72, 80))
    assert share_interval(1.0, 0.0, trials=50) == pytest.approx(wilson_interval(50, 50))


@pytest.mark.parametrize("examples", [1, 2, 5])
def test_examples_that_are_all_alike_tell_no_spread(examples):
    """Two entities right of three given, in every sentence: the interval is that of as many single answers."""
    low, high = METRICS["entity_f1"].interval(np.tile([2.0, 3.0, 3.0] * 2, (examples, 1)))
    assert (low, high) == pytest.approx(wilson_interval(2 * examples, 3 * examples))
    assert high - low > 0.2


def test_expanded_percentiles_are_wider_for_few_examples():
    """For many examples they are the percentiles; one example tells nothing."""
    values = np.random.default_rng(2).normal(size=4000)
    few, many = expanded_interval(values, examples=6), expanded_interval(values, examples=10**6)
    assert many == pytest.approx(np.quantile(values, [0.025, 0.975]), abs=1e-3)
    assert few[0] < many[0] < many[1] < few[1]
    assert expanded_interval(values, examples=1) == (-math.inf, math.inf)


def test_the_reach_of_a_mean_is_that_of_the_bootstrap_t(monkeypatch):
    """Quantiles of scipy's t of each resample written out; equal values and few of them leave Student's interval."""
    monkeypatch.setattr(resampling, "RESAMPLES", 300)
    values = 1 - np.random.default_rng(4).lognormal(-3, 1.2, 40)
    ratios = []
    for counts in np.concatenate(list(resampling._draws(40))).astype(int):
        sample = np.repeat(values, counts)
        ratios.append(scipy.stats.ttest_1samp(sample, values.mean()).statistic * math.sqrt(40 / 39))
    low, high = np.quantile([0.0, *ratios], [0.05, 0.95])
    error = float(values.std()) / math.sqrt(40)
    least = half_width(error, examples=40, units=math.inf, level=0.9)
    down, up = mean_reach(values)(0.9, 40)
    assert (down, up) == pytest.approx((max(high * error, least), max(-low * error, least)))
    assert down > least
    assert mean_reach(np.ones(40))(0.9, 40) == (0.0, 0.0)
    two = half_width(0.5 / math.sqrt(2), examples=2, units=math.inf, level=0.9)
    assert mean_reach(np.array([0.0, 1.0]))(0.9, 2) == pytest.approx((two, two))


def test_the_interval_of_a_skewed_mean_holds_the_truth_more_often_than_students(monkeypatch):
    """Of 500 samples of 100 cosines with a heavy tail, Student's misses the truth above in over 7 % on that side."""
    monkeypatch.setattr(resampling, "RESAMPLES", 400)
    generator, truth = np.random.default_rng(7), 1 - 0.01 * math.exp(1.2**2 / 2)
    student = skewed = 0
    for _ in range(500):
        values = 1 - 0.01 * generator.lognormal(0, 1.2, 100)
        half = half_width(float(values.std()) / 10, examples=100, units=math.inf, level=0.95)
        student += truth < values.mean() - half
        skewed += truth < values.mean() - mean_reach(values)(0.95, 100)[0]
    assert student > 0.07 * 500
    assert skewed < 0.65 * student


@pytest.mark.parametrize(
    "metric",
    ["micro_f1", "label_macro_f1", "entity_f1", "answer_f1", "pearson", "spearman", "rmse", "cosine", "cosine_p1"],
)
def test_intervals_hold_the_truth_as_often_as_they_say(metric, monkeypatch):
    """Of 200 seeded samples of 60 examples with few changes 90 % have the true difference in their interval, and value.

    Three standard errors of 200 draws at 95 % are 4.6 points. The percentile bootstrap holds a difference of a few
    changed answers in fewer than 80 %: it has no width where none was drawn.
    """
    monkeypatch.setattr(resampling, "RESAMPLES", 400)
    of, generator, strength = METRICS[metric], np.random.default_rng(5), 0.005
    before, after = true_values(metric, strength)
    is_own = metric.startswith("cosine")
    value = after if is_own else before
    held = values = percentile = 0
    for _ in range(200):
        tallies = WORLDS[metric](60, strength, generator)
        low, high = of.change(*tallies)(0.95, 60)
        held += low <= after - before <= high
        low, high = of.interval(tallies[is_own])
        values += low <= value <= high
        if of.in_points:
            old, new = resampled(of.statistic, *tallies)
            low, high = np.quantile(new - old, [0.025, 0.975])
            percentile += low <= after - before <= high
    assert held / 200 >= 0.904
    assert values / 200 >= 0.904
    assert not of.in_points or percentile / 200 < 0.8
