"""Recorded results on disk: what was saved comes back, or a line says why not."""

from __future__ import annotations

import pytest

from benchmarks.results import save
from benchmarks.studies import load_all
from edgebert.errors import UsageError
from tests.benchmarks.pruning_values import prune_time_results, records
from tests.benchmarks.values import accuracy_results, speed_results


def test_results_are_read_back_as_they_were_recorded(tmp_path):
    """Both kinds go to files named for day and CPU, and come back equal, newest first."""
    first, second = speed_results(), speed_results(date="2026-01-03")
    scored = accuracy_results()
    for one in (first, second, scored):
        save(tmp_path, one)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "2026-01-02-fast-tm-cpu-accuracy.json",
        "2026-01-02-fast-tm-cpu.json",
        "2026-01-03-fast-tm-cpu.json",
    ]
    assert load_all(tmp_path) == {"speed": (second, first), "accuracy": (scored,)}


def test_results_of_another_schema_are_refused(tmp_path):
    """A file that an older or newer version recorded is named, not misread."""
    path = save(tmp_path, speed_results())
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 2'))
    with pytest.raises(UsageError, match=r"fast-tm-cpu\.json: schema 2"):
        load_all(tmp_path)


def test_results_of_pruning_are_read_back_as_they_were_recorded(tmp_path):
    """All three kinds go to files of their own and come back equal; 872 answers of 24 runs stay far below 1 MB."""
    kept = records()
    for one in (one for results in kept.values() for one in results):
        save(tmp_path, one)
    names = [f"2026-01-02-fast-tm-cpu-{kind}.json" for kind in ("prune-time", "pruned-speed", "pruning")]
    assert sorted(path.name for path in tmp_path.iterdir()) == names
    assert load_all(tmp_path) == kept
    assert (tmp_path / names[2]).stat().st_size < 200_000


def test_results_of_an_unknown_kind_are_refused(tmp_path):
    """A file that a newer version recorded is named, not misread."""
    path = save(tmp_path, prune_time_results())
    path.write_text(path.read_text().replace('"kind": "prune-time"', '"kind": "weather"'))
    with pytest.raises(UsageError, match=r"prune-time\.json: kind is 'weather'"):
        load_all(tmp_path)
