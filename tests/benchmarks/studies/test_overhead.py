"""What a connection costs: whole benchmarks over a real ``ssh`` and ``adb``, and how the results are shown."""

from __future__ import annotations

import shutil

import pytest

from benchmarks.results import save
from benchmarks.studies import load_all, overhead
from benchmarks.studies.overhead import Connection, Overhead, OverheadResults
from benchmarks.studies.overhead import figures as overhead_figures
from benchmarks.studies.overhead import section as overhead_section
from edgebert.bundle import open_bundle
from tests.benchmarks.values import RECORD
from tests.support import fakes, kit

SECOND = 1_000_000_000


def run(connection: Connection, rest_s: float) -> Overhead:
    return Overhead(
        connection=connection,
        workers=18,
        wall_ns=int((6 + rest_s) * SECOND),
        worker_ns=5 * SECOND,
        push_ns=1 * SECOND,
    )


def results(*, ssh: tuple[float, ...] = (2.0,), adb: tuple[float, ...] = (2.5,)) -> OverheadResults:
    return OverheadResults(
        **RECORD,
        commands=("python -m benchmarks overhead --train a.tsv --eval b.tsv",),
        runs=(*(run("ssh", rest) for rest in ssh), *(run("adb", rest) for rest in adb)),
        load_average=0.25,
    )


def test_a_figure_is_reached_by_the_median():
    """One slow run of three changes no verdict, two do; the bound itself is missed."""
    assert [figure.met for figure in overhead_figures(results(ssh=(2, 9, 2), adb=(2, 9, 9)))] == [True, False]
    assert [figure.met for figure in overhead_figures(results(ssh=(3,), adb=(2.9,)))] == [False, True]
    assert [figure.met for figure in overhead_figures(None)] == [None, None]


def test_section():
    """Each connection has its row, in seconds."""
    text = "\n\n".join(overhead_section(results(ssh=(1.0, 2.0, 8.0)), ""))
    assert "| ssh | 18 | 8.00 | 5.00 | 1.00 | 2.00 |" in text
    assert "| adb | 18 | 8.50 | 5.00 | 1.00 | 2.50 |" in text


def test_recorded_results_are_read_back(tmp_path):
    save(tmp_path, results())
    assert load_all(tmp_path) == {"overhead": (results(),)}


def test_real_runs(tmp_path, monkeypatch):
    """Every part was timed, and the parts do not add up to more than the whole."""
    if shutil.which("ssh") is None:
        pytest.skip("no ssh program")
    kit.kit_or_skip()
    monkeypatch.setattr(overhead, "RUNS", 1)
    bundle = open_bundle(fakes.shared_bundle())
    timed = overhead.measure_overhead(bundle, tmp_path / "work")
    assert [item.connection for item in timed] == ["ssh", "adb"]
    for item in timed:
        assert item.workers == 2 + 2 * overhead.SUITE.processes
        assert min(item.worker_ns, item.push_ns, item.rest_ns) > 0
