"""Emulated ARM processors in the recorded results: what is asked of them, and what is shown."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.results import save
from benchmarks.studies import load_all, render
from benchmarks.studies.emulated import CPUS, EmulatedResults
from benchmarks.studies.emulated import figures as emulated_figures
from benchmarks.studies.emulated import section as emulated_section
from edgebert.benchmarking.analysis.warnings import what_int8_gains
from edgebert.benchmarking.report import Measurement
from tests.benchmarks.values import RECORD
from tests.support.report_values import (
    FLOAT,
    FLOAT_TFLITE,
    INT8,
    INT8_TFLITE,
    make_answers,
    make_count,
    make_emulated,
    make_measurement,
    make_report,
    make_texts,
)

LABELS = (0, 1) * 100
REPOSITORY = Path(__file__).parents[3]


def flipped(count: int) -> tuple[int, ...]:
    """The right answers, but for the first few texts."""
    return tuple(1 - label if index < count else label for index, label in enumerate(LABELS))


def emulated(cpu: str, *, share: float, wrong: int = 0) -> Measurement:
    files = ((INT8, 3e8), (FLOAT, 1e9), (INT8_TFLITE, share * 1e9), (FLOAT_TFLITE, 1e9))
    return replace(
        make_emulated(*(make_count(file, count, series="32") for file, count in files), cpu=cpu),
        answers=tuple(make_answers(file, flipped(wrong)) for file, _ in files),
        trials=(),
    )


def results(*, share: float = 0.25, wrong: int = 0) -> EmulatedResults:
    """Results that reach every figure unless told otherwise; ``wrong`` texts differ on the last CPU."""
    here = make_measurement(answers=[make_answers(INT8, flipped(1)), make_answers(INT8_TFLITE, flipped(1))])
    cpus = [emulated(cpu, share=share, wrong=wrong if cpu == CPUS[-1] else 0) for cpu in CPUS]
    demo = make_report(replace(here, trials=()), *cpus, labels=LABELS)
    base = make_report(*(emulated(cpu, share=0.25) for cpu in CPUS[1:]), texts=make_texts())
    return EmulatedResults(
        **RECORD,
        commands=("python -m benchmarks emulated --train a.tsv --eval b.tsv",),
        demo=demo,
        base=base,
    )


def test_figures_that_are_reached_are_met():
    """Four of instructions, two of agreement."""
    figures = tuple(emulated_figures(results()))
    assert [figure.met for figure in figures] == [True] * 6


@pytest.mark.parametrize(("share", "missed"), [(0.29, 1), (0.37, 2)])
def test_too_many_instructions_are_missed(share, missed):
    """Each CPU has a bound of its own, and the base shape is judged by itself."""
    figures = tuple(emulated_figures(results(share=share)))
    assert sum(figure.met is False for figure in figures) == missed
    assert all("demo shape" in figure.what for figure in figures if figure.met is False)


@pytest.mark.parametrize(("wrong", "met"), [(1, True), (2, False)])
def test_agreement_is_that_of_the_worst_pair_of_arm_cpus(wrong, met):
    """Two hundredths differ from one pair by 0.995; what this machine answers does not count."""
    figures = [figure for figure in emulated_figures(results(wrong=wrong)) if figure.what.startswith("agreement")]
    assert [figure.met for figure in figures] == [met] * 2


def test_without_results_nothing_is_measured():
    """Every figure is listed, none is claimed."""
    assert {figure.verdict for figure in emulated_figures(None)} == {"not measured"}


def test_results_come_back_and_are_rendered(tmp_path):
    """Equal after a round trip; the section shows shares, accuracy and agreement, and no time."""
    found = results(wrong=1)
    save(tmp_path / "results", found)
    assert load_all(tmp_path / "results") == {"emulated": (found,)}
    text = render(tmp_path / "results").read_text(encoding="utf-8")
    section = "\n\n".join(emulated_section(found, ""))
    assert section in text
    for expected in ("cortex-a53", "| 0.250 |", "0.9950 to 1.0000", "200 texts of dev.tsv", "No physical device"):
        assert expected in section
    assert " ms" not in section


def test_what_int8_gains_is_what_was_recorded():
    """The shares that a report states for a kind of processor are the least and the most that were counted."""
    shares: dict[str, list[float]] = {}
    features = {}
    for found in load_all(REPOSITORY / "benchmarks" / "results")["emulated"]:
        for measurement in (*found.demo.measurements, *found.base.measurements):
            counts = {(count.file, count.series): count.per_inference for count in measurement.counts}
            for (file, series), count in counts.items():
                if not file.startswith("baseline/"):
                    of_float = count / counts[f"baseline/{file.replace('int8', 'float32')}", series]
                    shares.setdefault(measurement.device.cpu, []).append(of_float)
                    features[measurement.device.cpu] = measurement.device.hardware
    assert set(shares) == set(CPUS)
    for cpu, found_shares in shares.items():
        least, most = round(100 * min(found_shares)), round(100 * max(found_shares))
        assert f"needs {least} to {most} % of the instructions of float32" in what_int8_gains(features[cpu])
