"""The simulation of the metrics of all tasks: how it is recorded and shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks import metric_worlds
from benchmarks.results import save
from benchmarks.studies import load_all, text
from benchmarks.studies.metric_coverage import MetricCoverageResults, figures, simulate
from edgebert.progress import silent
from tests.benchmarks.values import RECORD


def results() -> MetricCoverageResults:
    """Return a small simulation, recorded."""
    metrics = ("subset_accuracy", "rmse", "recall_at_10")
    settings = simulate(silent, metrics=metrics, examples=(30,), strengths=(0.04,), draws=20)
    command = "python -m benchmarks metric-coverage"
    return MetricCoverageResults(**RECORD, commands=(command,), resamples=2000, settings=settings)


def test_a_simulation_is_recorded_read_back_and_shown(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Equal seeds give equal records; a metric without resamples has no percentile; the section has a row for each."""
    monkeypatch.setattr(metric_worlds, "_TRUE_EXAMPLES", 20_000)
    made = results()
    assert made == results()
    assert [setting.percentile is None for setting in made.settings] == [True, False, False]
    assert made.settings[1].difference > 0 > made.settings[2].difference
    assert all(0.7 <= setting.held / setting.draws <= 1 for setting in made.settings)
    save(tmp_path, made)
    assert load_all(tmp_path) == {"metric-coverage": (made,)}
    shown = text(tmp_path)
    for metric in ("subset_accuracy", "rmse", "recall_at_10"):
        assert shown.count(f"\n| {metric} | 30 |") == 1


def test_an_interval_that_misses_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A setting that holds the truth in half of the samples makes the figure MISSED, by name."""
    monkeypatch.setattr(metric_worlds, "_TRUE_EXAMPLES", 20_000)
    made = results()
    bad = replace(made, settings=(*made.settings[:2], replace(made.settings[2], held=10)))
    (figure,) = figures(bad)
    assert (figure.verdict, figure.found) == ("MISSED", "50.0 % at least (recall_at_10, 30 examples)")
    (none,) = figures(None)
    assert none.verdict == "not measured"
