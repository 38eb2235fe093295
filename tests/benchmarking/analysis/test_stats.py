from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats as scipy_stats

from edgebert.benchmarking.analysis.stats import (
    Estimate,
    change,
    is_bimodal,
    outlier_share,
    processes_needed,
    quantiles,
    ratio,
    spread,
    verdict,
)
from edgebert.errors import UsageError
from edgebert.intervals import t_quantile
from tests.support.report_values import make_times

DRAWS = 400
# Three standard errors of a share of 0.95 in that many draws.
SLACK = 3 * math.sqrt(0.95 * 0.05 / DRAWS)


def holds(estimate: Estimate, truth: float) -> bool:
    assert estimate.low is not None
    assert estimate.high is not None
    return estimate.low <= truth <= estimate.high


def drawn(rng: np.random.Generator, median_ns: float, *, between: float, within: float, spikes: float, drift=None):
    """Return times of 8 processes of 30 runs; a spike adds half of the time on average."""
    level = np.log(median_ns) + rng.normal(0, between, (8, 1)) + (0 if drift is None else drift)
    logs = level + rng.normal(0, within, (8, 30)) + (rng.random((8, 30)) < spikes) * rng.exponential(0.5, (8, 30))
    return np.exp(logs).astype(int).tolist()


@pytest.mark.parametrize(
    ("between", "within", "spikes", "drift"),
    [(0.0, 0.05, 0.0, 0.0), (0.03, 0.01, 0.0, 0.0), (0.02, 0.02, 0.03, 0.0), (0.005, 0.01, 0.01, 0.2)],
    ids=["noisy runs", "noisy processes", "spikes", "drift"],
)
def test_the_interval_of_a_ratio_holds_the_truth_as_often_as_it_says(between, within, spikes, drift):
    """Over 400 draws of 8 processes 95 % of the intervals hold the true ratio, which noise, spikes and drift share."""
    rng = np.random.default_rng(7)
    settings = {"between": between, "within": within, "spikes": spikes}
    hits = 0
    for _ in range(DRAWS):
        common = rng.normal(0, drift, (8, 1))
        slow = drawn(rng, 3e7, drift=common, **settings)
        hits += holds(ratio(slow, drawn(rng, 1e7, drift=common, **settings)), 3.0)
    assert hits / DRAWS == pytest.approx(0.95, abs=SLACK)


def test_a_percentile_bootstrap_would_claim_too_much():
    """On the same draws the percentile bootstrap over 8 processes misses the truth at least twice as often as said."""
    rng = np.random.default_rng(3)
    hits = 0
    for draw in range(200):
        slow = np.array(drawn(rng, 3e7, between=0.03, within=0.01, spikes=0.0))
        fast = np.array(drawn(rng, 1e7, between=0.03, within=0.01, spikes=0.0))
        at = np.random.default_rng(draw).integers(0, 8, (400, 8))
        slow_medians, fast_medians = (np.median(side[at].reshape(400, -1), axis=1) for side in (slow, fast))
        low, high = np.quantile(slow_medians / fast_medians, [0.025, 0.975])
        hits += low <= 3.0 <= high
    assert hits / 200 < 0.93


@pytest.mark.parametrize("share", [0.5, 0.9], ids=["p50", "p90"])
def test_the_intervals_of_quantiles_hold_the_truth(share):
    """Over 400 draws at least 95 % less sampling noise of the intervals hold a typical process's true quantile."""
    rng = np.random.default_rng(11)
    truth = 1e7 * math.exp(0.03 * scipy_stats.norm.ppf(share))
    hits = 0
    for _ in range(DRAWS):
        found = quantiles(drawn(rng, 1e7, between=0.02, within=0.03, spikes=0.0))
        hits += holds(found.p50 if share == 0.5 else found.p90, truth)
    assert hits / DRAWS >= 0.95 - SLACK


def test_the_interval_of_a_change_holds_the_truth():
    """Two unpaired runs of the same file: 95 % of Welch's intervals hold 1, whatever the numbers of processes."""
    rng = np.random.default_rng(5)
    hits = 0
    for _ in range(DRAWS):
        old = drawn(rng, 1e7, between=0.03, within=0.01, spikes=0.0)
        new = drawn(rng, 1e7, between=0.01, within=0.01, spikes=0.0)[:5]
        hits += holds(change(old, new), 1.0)
    assert hits / DRAWS == pytest.approx(0.95, abs=SLACK)


def test_the_ratio_is_that_of_the_medians_in_the_table():
    """Float p50 over shipped p50 is the ratio, to the last bit that floats allow."""
    slow, fast = make_times(40e6, seed=1), make_times(10e6, seed=2)
    assert ratio(slow, fast).value == pytest.approx(quantiles(slow).p50.value / quantiles(fast).p50.value, rel=1e-12)


def test_drift_that_hits_both_sides_cancels():
    """A device that slows to a half during the run leaves ratio and interval as they are."""
    slow, fast = np.array(make_times(40e6, seed=1)), np.array(make_times(10e6, seed=2))
    slowing = np.linspace(1, 2, 8)[:, None]
    quiet = ratio(slow.tolist(), fast.tolist())
    hot = ratio((slow * slowing).tolist(), (fast * slowing).tolist())
    for name in ("value", "low", "high"):
        assert getattr(hot, name) == pytest.approx(getattr(quiet, name), rel=1e-6)


def test_spikes_move_p99_and_are_counted_but_leave_the_ratio():
    """One run of ten times the time in each process: the median stays, p99 follows, the share of outliers is exact."""
    slow, fast = make_times(40e6, seed=1), make_times(10e6, seed=2)
    spiked = tuple((*process[:-1], process[-1] * 10) for process in fast)
    assert ratio(slow, spiked).value == pytest.approx(4, rel=0.01)
    assert quantiles(spiked).p99.value > 5e7
    assert outlier_share(spiked) == pytest.approx(1 / 30)
    assert outlier_share(fast) == 0


def test_a_long_text_is_no_outlier():
    """Inputs of different lengths have times of their own: only what differs from the same input counts."""
    rng = np.random.default_rng(0)
    lengths = np.array([1, 1, 1, 1, 1, 1, 1, 1, 1, 12])
    times = (1e6 * lengths[np.arange(30) % 10] * np.exp(rng.normal(0, 0.01, (8, 30)))).astype(int)
    assert outlier_share(times.tolist(), inputs=10) == 0
    assert outlier_share(times.tolist()) == pytest.approx(0.1)
    assert is_bimodal(times.tolist())
    assert not is_bimodal(times.tolist(), inputs=10)


def test_two_groups_are_seen_and_one_is_not():
    """Runs at 10 and at 13 ms are two groups; normal, drifting and heavy-tailed runs are one, over 200 draws each."""
    rng = np.random.default_rng(1)
    for _ in range(200):
        mode = np.where(rng.random((8, 30)) < 0.4, 1.3, 1.0)
        assert is_bimodal((1e7 * mode * np.exp(rng.normal(0, 0.01, (8, 30)))).astype(int).tolist())
        for one in (
            rng.normal(0, 0.05, (8, 30)),
            np.linspace(0, 0.3, 240).reshape(8, 30) + rng.normal(0, 0.01, (8, 30)),
            rng.exponential(0.1, (8, 30)),
            rng.normal(0, 0.01, (8, 30)) + (rng.random((8, 30)) < 0.03) * 0.5,
        ):
            assert not is_bimodal((1e7 * np.exp(one)).astype(int).tolist())


def test_quantiles_are_in_order_and_exact_where_nothing_varies():
    """Equal runs have p50 = p90 = p99 with an interval of no width."""
    found = quantiles([[5_000_000] * 10] * 4)
    for estimate in (found.p50, found.p90, found.p99):
        assert dataclasses.astuple(estimate) == pytest.approx((5e6, 5e6, 5e6))


@given(st.lists(st.lists(st.integers(0, 10**12), min_size=1, max_size=9), min_size=1, max_size=6))
def test_every_interval_holds_its_value_and_quantiles_rise(times):
    """Whatever the times, low <= value <= high, p50 <= p90 <= p99, and shares lie between 0 and 1."""
    found = quantiles(times)
    for item in (found.p50, found.p90, found.p99, ratio(times, times), change(times, times[:1])):
        assert (item.low is None) == (item.high is None)
        if item.low is not None and item.high is not None:
            assert item.low <= item.value * (1 + 1e-9)
            assert item.high >= item.value * (1 - 1e-9)
    assert found.p50.value <= found.p90.value * (1 + 1e-9)
    assert found.p90.value <= found.p99.value * (1 + 1e-9)
    assert 0 <= outlier_share(times, inputs=2) <= 1
    assert spread(times) >= 1
    is_bimodal(times, inputs=3)


@pytest.mark.parametrize(
    ("value", "low", "high", "said"),
    [
        (3.0, 2.9, 3.1, "faster"),
        (0.5, 0.45, 0.55, "slower"),
        (1.01, 0.99, 1.03, "no significant change"),
        (1.02, 1.005, 1.035, "faster"),
        (1.2, 0.8, 1.8, "too noisy"),
        (1.3, 1.01, 1.7, "too noisy"),
        (4.0, 1.5, 9.0, "too noisy"),
        (4.0, 2.1, 7.9, "faster"),
        (4.0, None, None, "too noisy"),
    ],
)
def test_the_verdict_says_no_more_than_the_interval(value, low, high, said):
    """Faster and slower need an interval on one side of 1 that is no wider than the effect or 10 %."""
    assert verdict(Estimate(value=value, low=low, high=high)) == said


def test_noise_is_never_called_a_change_more_often_than_it_says():
    """Two sides of the same speed: faster or slower in at most 5 % of 1,000 draws, give or take the sampling."""
    rng = np.random.default_rng(9)
    alarms = 0
    for _ in range(1000):
        a = drawn(rng, 1e7, between=0.02, within=0.01, spikes=0.02)
        b = drawn(rng, 1e7, between=0.02, within=0.01, spikes=0.02)
        alarms += verdict(ratio(a, b)) in {"faster", "slower"}
    assert alarms <= 50 + 3 * math.sqrt(1000 * 0.05 * 0.95)


def test_the_processes_asked_for_are_enough():
    """With as many processes of the same spread as it asks for, the interval clears the limit, and not with fewer."""
    found = Estimate(value=3.2, low=3.2 / 1.2, high=3.2 * 1.2)
    needed = processes_needed(found, 8, 3.0)
    assert needed is not None
    deviation = math.log(1.2) / t_quantile(7, 0.95) * math.sqrt(8)

    def low(count: int) -> float:
        return 3.2 * math.exp(-t_quantile(count - 1, 0.95) * deviation / math.sqrt(count))

    assert low(needed) > 3.0 >= low(needed - 1)
    assert processes_needed(found, 8, 3.2) is None
    assert processes_needed(Estimate(value=3.2, low=None, high=None), 1, 3.0) is None


def test_one_process_gives_a_value_and_no_interval():
    """A single process cannot tell how processes differ; the verdict is too noisy."""
    found = ratio(make_times(4e7, processes=1), make_times(1e7, processes=1))
    assert (found.low, found.high) == (None, None)
    assert verdict(found) == "too noisy"


@pytest.mark.parametrize("times", [[], [[]], [[1], []]])
def test_no_times_are_refused(times):
    """Nothing to judge is an error, not a number."""
    for function in (quantiles, spread, outlier_share, is_bimodal):
        with pytest.raises(UsageError, match="no times"):
            function(times)
    with pytest.raises(UsageError, match="cannot be paired"):
        ratio([[1], [2]], [[1]])
