"""The simulation of intervals of macro F1: its truths, its methods, and how it is recorded and shown."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import scipy.stats
import sklearn.metrics

from benchmarks.results import SCHEMA, save
from benchmarks.studies import coverage, load_all, text
from benchmarks.studies.coverage import METHODS, CoverageResults, Population, measure_coverage
from benchmarks.studies.coverage import figures as coverage_figures
from edgebert.metrics import macro_f1
from edgebert.progress import silent
from tests.benchmarks.values import MACHINE

PLACES = [(2, 0.8, 0.0), (5, 0.93, 1.0), (20, 0.9, 0.5)]


def results(**changes: object) -> CoverageResults:
    """Return a small simulation, recorded."""
    made = CoverageResults(
        schema=SCHEMA,
        kind="coverage",
        date="2026-01-02",
        machine=MACHINE,
        commands=("python -m benchmarks coverage",),
        packages=(),
        resamples=coverage.RESAMPLES,
        settings=measure_coverage(progress=silent, labels=(2,), texts=(100, 200), draws=30, resampled=5),
    )
    return replace(made, **changes)


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
    ours = [coverage._bootstraps(expected, before, after, 3, np.random.default_rng(seed)) for seed in range(12)]

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
    slopes = coverage._slopes(expected, before, 4)
    for at in range(60):
        weights = np.ones(60)
        weights[at] += 1e-6
        moved = sklearn.metrics.f1_score(expected, before, average="macro", sample_weight=weights)
        still = sklearn.metrics.f1_score(expected, before, average="macro")
        assert slopes[at] == pytest.approx((moved - still) / 1e-6, abs=1e-5)


def test_a_simulation_is_recorded_read_back_and_shown(tmp_path) -> None:
    """Equal seeds give equal records; each setting has all methods; the section has a row for each size."""
    made = results()
    assert made == results()
    for setting in made.settings:
        assert {(item.statistic, item.method) for item in setting.held} == {
            (statistic, method) for statistic in ("value", "difference") for method in METHODS
        }
        assert all(0 <= item.held <= item.draws for item in setting.held)
    save(tmp_path, made)
    assert load_all(tmp_path) == {"coverage": (made,)}
    shown = text(tmp_path)
    assert shown.count("\n| 2 | 100 |") == shown.count("\n| 2 | 200 |") == 2
    assert "edgebert's interval holds the truth in 93 to 97 % of samples in" in shown


def test_settings_that_miss_are_told_and_never_counted_as_met() -> None:
    """A setting without a warning that holds the truth in half of the samples: the figure says MISSED and how many."""
    made = results()
    first = made.settings[0]
    held = tuple(
        replace(item, draws=1000, held=500) if (item.statistic, item.method) == ("value", "edgebert") else item
        for item in first.held
    )
    bad = replace(made, settings=(replace(first, held=held), *made.settings[1:]))
    (figure,) = coverage_figures(bad)
    assert figure.verdict == "MISSED"
    assert "value 50.0 %" in figure.found
    (warned,) = coverage_figures(replace(bad, settings=(replace(bad.settings[0], warned=1.0), *bad.settings[1:])))
    assert "value 50.0 %" not in warned.found
    (none,) = coverage_figures(None)
    assert none.verdict == "not measured"
