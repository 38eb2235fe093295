"""The simulation of intervals of macro F1: its truths and its methods."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from benchmarks.simulation import Population, bootstraps, slopes_of
from edgebert.label_metrics import macro_f1

PLACES = [(2, 0.8, 0.0), (5, 0.93, 1.0), (20, 0.9, 0.5)]


@pytest.mark.parametrize(("labels", "accuracy", "skew"), PLACES)
def test_the_truth_is_what_very_many_texts_come_to(labels: int, accuracy: float, skew: float) -> None:
    """Macro F1 of both models on 400,000 texts is near the stated value and difference."""
    world = Population.of(labels, accuracy=accuracy, skew=skew, flips=0.05)
    expected, before, after = world.sample(400_000, np.random.default_rng(1))
    first, second = (macro_f1(expected, given, labels=labels) for given in (before, after))
    assert first == pytest.approx(world.value, abs=0.004)
    assert second - first == pytest.approx(world.difference, abs=0.003)


def test_the_bootstrap_methods_are_those_of_scipy() -> None:
    """Percentile, reverse percentile and BCa are SciPy's for the same texts, but for resampling noise."""
    world = Population.of(3, accuracy=0.85, skew=0.5, flips=0.05)
    expected, before, after = world.sample(300, np.random.default_rng(2))
    ours = [bootstraps((expected, before, after), 3, np.random.default_rng(seed)) for seed in range(12)]

    def score(e: np.ndarray, b: np.ndarray) -> float:
        return macro_f1(e, b, labels=3)

    for name, method in (("percentile", "percentile"), ("reverse percentile", "basic"), ("BCa", "BCa")):
        oracle = scipy.stats.bootstrap(
            (expected, before),
            score,
            paired=True,
            vectorized=False,
            n_resamples=999,
            method=method,
            rng=np.random.default_rng(3),
        ).confidence_interval
        found = np.mean([made["value", name] for made in ours], axis=0)
        assert found == pytest.approx([oracle.low, oracle.high], abs=0.008)


def test_the_slopes_are_derivatives_by_the_weight_of_a_text() -> None:
    """A text that counts a little more changes macro F1 by its slope, up to the size of the step."""
    world = Population.of(4, accuracy=0.8, skew=0.5, flips=0.1)
    expected, before, _ = world.sample(60, np.random.default_rng(4))
    slopes = slopes_of(expected, before, 4)
    for at in range(60):
        weights = np.ones(60)
        weights[at] += 1e-6
        moved = sklearn.metrics.f1_score(expected, before, average="macro", sample_weight=weights)
        still = sklearn.metrics.f1_score(expected, before, average="macro")
        assert slopes[at] == pytest.approx((moved - still) / 1e-6, abs=1e-5)
