"""The simulation of intervals of macro F1: how it is recorded and shown."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.results import save
from benchmarks.simulation import METHODS, RESAMPLES, simulate
from benchmarks.studies import load_all, text
from benchmarks.studies.coverage import CoverageResults
from benchmarks.studies.coverage import figures as coverage_figures
from edgebert.progress import silent
from tests.benchmarks.values import RECORD


def results(**changes: object) -> CoverageResults:
    """Return a small simulation, recorded."""
    made = CoverageResults(
        **RECORD,
        commands=("python -m benchmarks coverage",),
        resamples=RESAMPLES,
        settings=simulate(progress=silent, labels=(2,), texts=(100, 200), draws=30, resampled=5),
    )
    return replace(made, **changes)


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
