"""Recorded results on disk and ``RESULTS.md``: what was saved comes back, and what is shown follows from it."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.results import save
from benchmarks.studies import TITLE, load_all, render, text
from benchmarks.studies.speed import draw
from benchmarks.suite import RESULTS
from edgebert.errors import UsageError
from tests.benchmarks.pruning_values import prune_time_results, pruning_results, records
from tests.benchmarks.values import MACHINE, SIZES, accuracy_results, speed_results, suite


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


def test_rendering_is_deterministic_and_complete(tmp_path):
    """The same JSON gives the same bytes; every file, command, version and the machine stand in the text."""
    for one in (speed_results(), accuracy_results()):
        save(tmp_path / "results", one)
    path = render(tmp_path / "results")
    shown, plot = path.read_text(), (tmp_path / "results" / "2026-01-02-fast-tm-cpu.svg").read_bytes()
    for expected in (*SIZES, "python -m benchmarks speed", "optimum 2.1.0", MACHINE.model, "Threads: 1", "dev.tsv"):
        assert expected in shown
    assert "Warnings" not in shown
    render(tmp_path / "results")
    assert path.read_text() == shown
    assert (tmp_path / "results" / "2026-01-02-fast-tm-cpu.svg").read_bytes() == plot


def test_warnings_are_shown(tmp_path):
    """A busy machine and rounds that differ are named below the table."""
    results = speed_results(load_average=1.7)
    slow = [
        dataclasses.replace(trial, run_ns=tuple(2 * time for time in trial.run_ns)) if trial.round % 2 else trial
        for trial in results.trials
    ]
    save(tmp_path, dataclasses.replace(results, trials=tuple(slow)))
    shown = text(tmp_path)
    assert "load average was 1.70" in shown
    assert "int8.onnx at 128 tokens: the slowest round took 2.04 times" in shown


def test_the_results_of_the_repository_are_what_its_json_renders_to():
    """RESULTS.md is never edited by hand: rendering the recorded samples gives the committed bytes."""
    assert (RESULTS.parent / TITLE).read_text(encoding="utf-8") == text(RESULTS)


def test_a_plot_can_be_drawn_of_one_length(tmp_path):
    """One panel for each length, also for a single one."""
    results = speed_results()
    draw(dataclasses.replace(results, suite=suite(lengths=(128,))), tmp_path / "plot.svg")
    assert (tmp_path / "plot.svg").read_text().startswith("<?xml")


def test_rendering_pruning_is_deterministic_and_complete(tmp_path):
    """Equal JSON gives equal text and pictures, and the text names what the numbers are of."""
    kept = records()
    for one in (one for results in kept.values() for one in results):
        save(tmp_path / "results", one)
    path = render(tmp_path / "results")
    plots = {plot.name: plot.read_bytes() for plot in (tmp_path / "results").glob("*.svg")}
    assert sorted(plots) == ["2026-01-02-fast-tm-cpu-pruned-speed.svg", "2026-01-02-fast-tm-cpu-pruning.svg"]
    shown = path.read_text()
    for expected in (
        "+0.90 (+0.65 to +1.15) points, 3 seeds",
        "880 answers are right (88.00 %), as `int8.onnx` 879",
        "872, 871, 870",
        "leaves 9000 of 30522 tokens",
        "Weights are random",
        "| the base one | 6, 12, 3072 | 300.0 s |",
        "edgebert prune",
        "`keep 0.25`: heads 6 6 6 6 6; neurons",
        *(f"(results/{name})" for name in plots),
    ):
        assert expected in shown
    render(tmp_path / "results")
    assert path.read_text() == shown == text(tmp_path / "results")
    assert {plot.name: plot.read_bytes() for plot in (tmp_path / "results").glob("*.svg")} == plots


def test_a_part_of_the_grid_can_be_rendered(tmp_path):
    """Free runs of one seed alone give a table and a picture."""
    save(tmp_path / "results", pruning_results({(0.5, 0.0): (0.4,)}))
    assert "+0.40 points, 1 seed |" in render(tmp_path / "results").read_text()
