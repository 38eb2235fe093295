"""Figures of speed and accuracy: met, missed or not measured."""

from __future__ import annotations

import pytest

from benchmarks.results import Process, save
from benchmarks.studies.accuracy import figures as accuracy_figures
from benchmarks.studies.speed import CommandStart
from benchmarks.studies.speed import figures as speed_figures
from tests.benchmarks.values import MS, SIZES, accuracy_results, main, speed_results


def verdicts(figures):
    return {figure.what: figure.met for figure in figures}


def test_figures_that_are_reached_are_met():
    """With all figures reached, every verdict is 'met'."""
    figures = (*speed_figures(speed_results()), *accuracy_figures(accuracy_results()))
    assert len(figures) == 10
    assert {figure.verdict for figure in figures} == {"met"}


@pytest.mark.parametrize(
    ("results", "what"),
    [
        (speed_results(MS | {"edgebert float32.tflite": 98}), "int8.tflite over edgebert float32.tflite"),
        (speed_results(MS | {"Optimum int8.onnx": 36.5, "edgebert int8.tflite": 32}), "int8.tflite over Optimum"),
        (speed_results(MS | {"edgebert int8.onnx": 38.1}), "int8.onnx over Optimum"),
        (speed_results(sizes=SIZES | {"edgebert int8.onnx": 28}), "size of int8.onnx"),
        (speed_results(export=Process(command="", wall_ns=9 * 10**10, cpu_ns=1, peak_rss_bytes=1)), "wall time"),
        (speed_results(export=Process(command="", wall_ns=1, cpu_ns=1, peak_rss_bytes=4 * 10**9)), "peak memory"),
        (speed_results(start=CommandStart(help_ns=(5 * 10**8,), loaded=())), "--help"),
        (speed_results(start=CommandStart(help_ns=(1,), loaded=("torch",))), "import edgebert"),
    ],
)
def test_a_figure_that_is_missed_is_named(results, what):
    """Each figure is missed alone when its own number falls short."""
    missed = [name for name, met in verdicts(speed_figures(results)).items() if not met]
    assert len(missed) == 1
    assert what in missed[0]


def test_an_accuracy_figure_says_when_the_interval_reaches_across():
    """2 points lost is missed; 1.2 and 0.9 lost are not certain; a gain is met."""
    for difference, verdict in (
        (-0.02, "MISSED"),
        (-0.012, "MISSED, but the interval reaches across"),
        (-0.009, "met, but the interval reaches across"),
        (0.02, "met"),
    ):
        assert [figure.verdict for figure in accuracy_figures(accuracy_results(difference))] == [verdict]


def test_figures_without_results_or_peers_are_not_measured(tmp_path, capsys):
    """What was not measured is neither met nor missed."""
    assert {figure.verdict for figure in (*speed_figures(None), *accuracy_figures(None))} == {"not measured"}
    alone = {name: value for name, value in MS.items() if name.startswith("edgebert")}
    unmet = [name for name, met in verdicts(speed_figures(speed_results(alone))).items() if met is None]
    assert len(unmet) == 2
    assert all("Optimum" in name for name in unmet)
    assert main(["check", "--results", str(tmp_path)]) == 0
    assert "not measured" in capsys.readouterr().out


def test_check_exits_1_when_a_figure_is_missed(tmp_path, capsys):
    """The newest results decide."""
    save(tmp_path, speed_results(MS | {"edgebert int8.onnx": 50}))
    assert main(["check", "--results", str(tmp_path)]) == 1
    assert "MISSED" in capsys.readouterr().out
    save(tmp_path, speed_results(date="2026-02-01"))
    assert main(["check", "--results", str(tmp_path)]) == 0
