"""Medians, ratios and intervals from raw samples."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from benchmarks.pruning_figures import fall_of_macs
from benchmarks.stats import (
    fall_of_time,
    largest_logit_difference,
    mean_interval,
    median_ms,
    samples,
    speed_up,
    spread,
    t_quantile,
)
from edgebert.errors import UsageError
from tests.benchmarks.pruning_values import pruned_speed_results
from tests.benchmarks.values import speed_results


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 7, 30])
@pytest.mark.parametrize("level", [0.5, 0.95, 0.999])
def test_the_t_quantile_is_that_of_scipy(degrees, level):
    """The closed form agrees with scipy for odd and even degrees of freedom, to nine digits."""
    assert t_quantile(degrees, level) == pytest.approx(stats.t.ppf((1 + level) / 2, degrees), rel=1e-9)


@settings(max_examples=50)
@given(st.lists(st.floats(-5, 5), min_size=2, max_size=6).filter(lambda values: len(set(values)) > 1))
def test_the_interval_of_a_mean_is_that_of_scipy(values):
    """Mean and Student's interval over seeds equal scipy's."""
    found = mean_interval(values)
    error = np.std(values, ddof=1) / math.sqrt(len(values))
    if error < 1e-12:
        return
    low, high = stats.t.interval(0.95, len(values) - 1, loc=np.mean(values), scale=error)
    assert (found.value, found.low, found.high) == pytest.approx((np.mean(values), low, high), rel=1e-6, abs=1e-9)


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(1, 10**9), min_size=3, max_size=3), min_size=2, max_size=5))
def test_medians_and_ratios_follow_from_the_samples(times):
    """A median equals numpy's over all runs and lies in its interval; a file is exactly as fast as itself."""
    trials = tuple(
        dataclasses.replace(trial, round=number, run_ns=tuple(runs))
        for number, runs in enumerate(times)
        for trial in speed_results().trials[:1]
    )
    results = speed_results(trials=trials)
    (name, length) = (trials[0].file, trials[0].length)
    found = median_ms(results, name, length)
    assert found.value == pytest.approx(np.median(times) / 1e6)
    assert found.low <= found.high
    same = speed_up(results, name, name, length)
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)
    assert spread(results, name, length) >= 1


def test_what_was_not_measured_is_not_shown():
    """Asking for a file or length without samples is an error, not a zero."""
    with pytest.raises(UsageError, match="not measured"):
        samples(speed_results(), "edgebert int8.onnx", 64)


def test_rounds_are_what_is_resampled():
    """Drift that hits both files of a ratio in the same rounds leaves the ratio's interval without width."""
    results = speed_results()
    ratio = speed_up(results, "edgebert int8.tflite", "edgebert float32.tflite", 128)
    assert ratio.value == pytest.approx(107 / 30, rel=1e-6)
    assert ratio.high - ratio.low < 1e-6
    alone = median_ms(results, "edgebert int8.tflite", 128)
    assert (alone.low, alone.high) == pytest.approx((30, 30.6), rel=1e-6)


def test_the_logits_of_another_model_are_seen():
    """The largest difference to the reference is over all lengths and logits."""
    results = speed_results()
    trials = [
        dataclasses.replace(trial, logits=(0.5, -0.75))
        if (trial.file, trial.length) == ("Optimum int8.onnx", 32)
        else trial
        for trial in results.trials
    ]
    results = dataclasses.replace(results, trials=tuple(trials))
    assert largest_logit_difference(results, "Optimum int8.onnx", "edgebert float32.onnx") == 0.25
    assert largest_logit_difference(results, "edgebert int8.onnx", "edgebert float32.onnx") == 0


def test_the_fall_of_time_is_compared_with_that_of_macs():
    """A file that saves 0.9 of what its MACs do is found to do just that, at its own length."""
    results = pruned_speed_results(follow=0.9)
    for length in (32, 128):
        found = fall_of_time(results, "keep 0.25 int8.onnx", "unpruned int8.onnx", length)
        assert found.value / fall_of_macs(results, "keep 0.25", length) == pytest.approx(0.9, rel=1e-6)
        assert found.low <= found.value <= found.high
        faster = speed_up(results, "keep 0.25 int8.onnx", "unpruned int8.onnx", length)
        assert found.value == pytest.approx(1 - 1 / faster.value)
