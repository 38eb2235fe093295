"""What does a benchmark over ``ssh`` or ``adb`` cost beside what it measures? Whole runs of ``edgebert bench``, timed.

The connections are real: an ``sshd`` and an ``adbd``, both built for this machine, whose sessions land on it.
An emulated phone would mostly time how QEMU starts programs.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast

from benchmarks.page import Figure, bounded, conditions, table, versions
from benchmarks.results import Recorded, stamp
from benchmarks.studies.accuracy import prepared, prepared_bundle
from benchmarks.suite import TextsOptions
from edgebert.benchmarking.report import write_report
from edgebert.benchmarking.run.runner import measure
from edgebert.benchmarking.suite import Suite
from edgebert.bundle import Bundle, open_bundle
from edgebert.device.adb import open_adb
from edgebert.device.board import Board
from edgebert.device.device import Device
from edgebert.device.protocol import Request, Trial
from edgebert.device.ssh import open_ssh
from edgebert.progress import Progress, silent
from edgebert.workers.launch import prepare

Connection = Literal["ssh", "adb"]
CONNECTIONS: tuple[Connection, ...] = ("ssh", "adb")

SUITE = Suite(runs=1, warm_up=0, series_texts=1, cool_celsius=0)
"""As few inferences as can be, but as many processes as by default: they decide what the connection costs."""

FILE = "int8.onnx"
MOST_S = 3.0
RUNS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Overhead:
    """Where the wall time of one benchmark went, in nanoseconds.

    Attributes:
        connection: ``ssh`` or ``adb``.
        workers: Worker processes it started.
        wall_ns: From the first word to the device to the written report.
        worker_ns: What the workers say they took: imports, loading, inferences.
        push_ns: Copying the model files.
    """

    connection: Connection
    workers: int
    wall_ns: int
    worker_ns: int
    push_ns: int

    @property
    def rest_ns(self) -> int:
        """Everything else: connecting, asking the device what it is, commands, frames, the journal, the report."""
        return self.wall_ns - self.worker_ns - self.push_ns


@dataclass(frozen=True, slots=True, kw_only=True)
class OverheadResults(Recorded):
    """Everything that was found out, on a machine that was both ends.

    Attributes:
        runs: The benchmarks, in the order they were made.
        load_average: Load of the machine before them.
    """

    kind: Literal["overhead"] = "overhead"
    runs: tuple[Overhead, ...]
    load_average: float


def run(asked: TextsOptions, progress: Progress) -> OverheadResults:
    """Time whole benchmarks over ssh and adb, and take off what their workers and pushes took."""
    texts = prepared(asked, progress)
    demo = open_bundle(prepared_bundle(texts.checkpoint, asked, progress))
    load_average = os.getloadavg()[0]
    return OverheadResults(
        **stamp(asked.texts_command("overhead")),
        runs=measure_overhead(demo, asked.build / "overhead", progress=progress),
        load_average=load_average,
    )


class _TimedDevice:
    """A device, a phone too, that keeps how long its pushes took."""

    def __init__(self, device: Device) -> None:
        self._device, self.push_ns = device, 0

    def __getattr__(self, name: str) -> object:
        return getattr(self._device, name)

    def push(self, source: Path, name: str) -> None:
        start = time.perf_counter_ns()
        self._device.push(source, name)
        self.push_ns += time.perf_counter_ns() - start


class _TimedBoard(Board):
    """A board that adds up what its workers say they took."""

    workers = worker_ns = 0

    def work(self, request: Request, *, timeout_s: float) -> Trial:
        trial = super().work(request, timeout_s=timeout_s)
        self.workers += 1
        self.worker_ns += trial.elapsed_ns
        return trial


def measure_overhead(bundle: Bundle, work: Path, *, progress: Progress = silent) -> tuple[Overhead, ...]:
    """Run whole benchmarks over both connections, by turns, and return where their time went.

    Raises:
        EdgebertError: What a benchmark raises.
    """
    work.mkdir(parents=True, exist_ok=True)
    found = []
    with _connections() as connections:
        for number in range(RUNS):
            for place, (connection, reach) in enumerate(connections.items()):
                progress(connection, number * len(connections) + place, RUNS * len(connections))
                found.append(_timed(bundle, work, connection, reach))
    return tuple(found)


def _timed(bundle: Bundle, work: Path, connection: Connection, reach: Callable[[], Board]) -> Overhead:
    boards: list[tuple[_TimedDevice, _TimedBoard]] = []

    def timed_board(_: str) -> Board:
        reached = reach()
        device = _TimedDevice(reached.device)
        boards.append((device, _TimedBoard(cast(Device, device), reached.launcher)))
        return boards[-1][1]

    journal = work / "journal"
    start = time.perf_counter_ns()
    done = measure(
        bundle, (connection,), connect=timed_board, journal=journal, suite=SUITE, files=(FILE,), restart=True
    )
    write_report(done.report, work / "report.json")
    journal.unlink()
    wall_ns = time.perf_counter_ns() - start
    for failure in (*done.gone, *done.misfits):
        raise failure
    ((device, board),) = boards
    return Overhead(
        connection=connection,
        workers=board.workers,
        wall_ns=wall_ns,
        worker_ns=board.worker_ns,
        push_ns=device.push_ns,
    )


@contextmanager
def _connections() -> Iterator[dict[Connection, Callable[[], Board]]]:
    """Start both servers and yield what connects to each."""
    # The machines of the tests, which need pytest; nothing else here does.
    from tests.support import kit

    with kit.local_sshd() as server, kit.native_phone_by_adb() as phone, tempfile.TemporaryDirectory() as root:

        def ready(device: Device) -> Board:
            return Board(device, prepare(device, python=sys.executable, runtime=None))

        yield {
            "ssh": lambda: ready(open_ssh(server.target, root=f"{root}/ssh", options=server.options)),
            "adb": lambda: ready(open_adb(phone.serial, root=f"{root}/adb", adb=phone.adb)),
        }


def figures(results: OverheadResults | None) -> Iterator[Figure]:
    """Yield the figure of each connection."""
    for connection in CONNECTIONS:
        rest = None if results is None else _median_s(results, connection, "rest_ns")
        what = f"what a benchmark over {connection} costs beside workers and pushes, {SUITE.processes} processes a file"
        yield bounded(what, "under", MOST_S, rest, unit=" s")


def _median_s(results: OverheadResults, connection: Connection, part: str) -> float:
    taken_ns: list[int] = [getattr(run, part) for run in results.runs if run.connection == connection]
    return statistics.median(taken_ns) / 1e9


def section(results: OverheadResults, _: str) -> list[str]:
    """Return the paragraphs of ``RESULTS.md``."""
    rows = []
    for connection in CONNECTIONS:
        workers = next(run.workers for run in results.runs if run.connection == connection)
        parts = ("wall_ns", "worker_ns", "push_ns", "rest_ns")
        rows.append([connection, str(workers), *(f"{_median_s(results, connection, part):.2f}" for part in parts)])
    header = ("connection", "workers", "wall", "as the workers say", "pushes", "the rest")
    return [
        f"## What a connection costs, {results.date}",
        *conditions(results),
        (
            f"Packages: {versions(results.packages)}. Load average before: {results.load_average:.2f}. Whole "
            f"runs of `edgebert bench` on {FILE} and its baseline, medians of {RUNS} in seconds. Both servers, a real "
            "sshd and a real adbd, are built for this machine and reached by its loopback; their sessions land on it, "
            "with an empty shell profile. No phone or board took part."
        ),
        table(header, rows, right=range(1, len(header))),
    ]
