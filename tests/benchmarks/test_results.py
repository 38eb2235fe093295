"""Medians, ratios and intervals from raw samples."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import scipy.stats

from benchmarks.results import median_ms, samples, speed_up
from benchmarks.studies.pruned_speed import fall_of_macs, fall_of_time
from benchmarks.studies.speed import figures as speed_figures
from benchmarks.studies.speed import largest_logit_difference
from edgebert.benchmarking.analysis.stats import spread
from edgebert.errors import UsageError
from tests.benchmarks.pruning_values import pruned_speed_results
from tests.benchmarks.values import speed_results


def test_a_file_is_exactly_as_fast_as_itself():
    """Its ratio is 1 without a width, however much its rounds differ."""
    results = speed_results()
    same = speed_up(results, "edgebert int8.onnx", "edgebert int8.onnx", 32)
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)
    assert spread(samples(results, "edgebert int8.onnx", 32)) == pytest.approx(1.02, rel=1e-6)


def test_what_was_not_measured_is_not_shown():
    """Asking for a file or length without samples is an error, not a zero."""
    with pytest.raises(UsageError, match="not measured"):
        samples(speed_results(), "edgebert int8.onnx", 64)


def test_rounds_are_what_repeats():
    """Drift that hits both files of a ratio in the same rounds leaves the ratio's interval without width."""
    results = speed_results()
    ratio = speed_up(results, "edgebert int8.tflite", "edgebert float32.tflite", 128)
    assert ratio.value == pytest.approx(107 / 30, rel=1e-6)
    assert ratio.high - ratio.low < 1e-6
    alone = median_ms(results, "edgebert int8.tflite", 128)
    half = scipy.stats.t.ppf(0.975, 3) * np.std(np.log([30, 30.6, 30, 30.6]), ddof=1) / 2
    assert (alone.low, alone.high) == pytest.approx(
        (alone.value / math.exp(half), alone.value * math.exp(half)), rel=1e-6
    )


def test_two_rounds_give_no_interval():
    """What two rounds say of a third is nothing that can be shown: the figure is not certain, its text has no ends."""
    few = speed_results(trials=tuple(trial for trial in speed_results().trials if trial.round < 2))
    assert speed_up(few, "edgebert int8.tflite", "edgebert float32.tflite", 128).low is None
    figure = next(iter(speed_figures(few)))
    assert (figure.found, figure.verdict) == ("3.57 x", "met, but the interval reaches across")


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
