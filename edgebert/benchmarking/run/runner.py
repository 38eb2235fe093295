"""A benchmark: every device does the same work, side by side where they cannot disturb one another."""

from __future__ import annotations

import contextlib
import hashlib
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from edgebert.benchmarking.report import Report, write_report
from edgebert.benchmarking.run.device_run import DeviceRun
from edgebert.benchmarking.run.journal import RESTART, Journal, RunFingerprint, open_journal
from edgebert.benchmarking.run.outcome import make_report, measurement, misfits
from edgebert.benchmarking.run.steps import AnswersStep
from edgebert.benchmarking.run.workload import BenchmarkPlan, chosen_files, make_workload
from edgebert.benchmarking.suite import Suite
from edgebert.bundle import MANIFEST, Bundle, sha256_of
from edgebert.device.board import Board
from edgebert.device.process import spared_programs, stopped_programs
from edgebert.errors import CheckFailed, EdgebertError, EnvironmentProblem, UsageError
from edgebert.jsonio import dumps
from edgebert.printable import shown
from edgebert.progress import Progress, silent
from edgebert.staging import writing
from edgebert.tasks import task_head

if TYPE_CHECKING:
    from edgebert.data import Dataset


class _Stopped(Exception):
    """Another lane failed, or the user interrupted: this one ends where it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchmarkResult:
    """What a benchmark came to.

    Attributes:
        report: Everything that was measured.
        gone: Why devices did not finish; the journal is worth keeping then.
        misfits: Files that compute something else on a device than the model, or do not run there.
    """

    report: Report
    gone: tuple[EdgebertError, ...]
    misfits: tuple[CheckFailed, ...]


def measure(
    bundle: Bundle,
    devices: Sequence[str],
    *,
    connect: Callable[[str], Board],
    journal: Path,
    suite: Suite | None = None,
    data: Dataset | None = None,
    files: Sequence[str] = (),
    runtimes: Sequence[str] = (),
    restart: bool = False,
    clean: bool = False,
    progress: Progress = silent,
    sleep: Callable[[float], None] | None = None,
) -> BenchmarkResult:
    """Measure a bundle against its float baseline on devices; goes on where a killed run was.

    Devices that share this machine (``local``, emulators, loopback) take turns, all others run side by side.

    Args:
        bundle: The bundle.
        devices: URLs of the devices.
        connect: Reaches a device.
        journal: File that keeps every step until the report is written.
        suite: How to measure; the default suite without.
        data: Examples with right answers to run; the golden texts of the bundle without.
        files: Files to measure against their baseline; all that ship when empty.
        runtimes: Runtimes to measure in; one for each format when empty.
        restart: Forget what an unfinished run has measured.
        clean: Remove everything of edgebert from the devices afterwards, the worker too.
        progress: Told of inferences made and to come.
        sleep: Waits for so many seconds, in place of the clock.

    Raises:
        UsageError: The request cannot be carried out, or the journal is of another run.
        BundleError: The bundle is damaged.
        DeviceProblem: No device could be measured.
        OutputError: The journal cannot be written.
        EnvironmentProblem: The disk is full.
    """
    if not devices or len(set(devices)) != len(devices):
        raise UsageError(f"the devices are {', '.join(devices) or 'none'}", hint="name each device once")
    suite = suite or Suite()
    chosen_files(bundle, files, runtimes)
    bundle.check_files()
    plan = BenchmarkPlan(
        bundle=bundle,
        workload=make_workload(bundle, data, suite),
        suite=suite,
        files=tuple(files),
        runtimes=tuple(runtimes),
    )
    with contextlib.closing(open_journal(journal, _fingerprint(plan, devices), restart=restart)) as opened:
        _check_answers(plan, opened, devices)
        failed = _BenchmarkRun(plan, opened, connect, clean=clean, progress=progress, sleep=sleep).run(devices)
        steps = {url: opened.of(url) for url in devices}
    measured = {url: measurement(plan, steps[url], failed.get(url)) for url in devices}
    found = {url: item for url, item in measured.items() if item is not None}
    if not found:
        raise next(iter(failed.values()))
    return BenchmarkResult(
        report=make_report(plan, tuple(found.values())),
        gone=tuple(failed[url] for url in devices if url in failed),
        misfits=tuple(
            CheckFailed(f"{url}: {sentence}", hint="do not ship this file to such a device")
            for url in found
            for sentence in misfits(steps[url])
        ),
    )


def finish(benched: BenchmarkResult, out: Path, *, journal: Path) -> None:
    """Write the report whole, and remove the journal unless a device may still go on.

    Raises:
        OutputError: The file cannot be written.
        EnvironmentProblem: The disk is full.
    """
    with writing(out):
        try:
            write_report(benched.report, out)
        except EnvironmentProblem as error:
            again = f"free some space and run the same command again: {journal} keeps what was measured"
            raise EnvironmentProblem(error.message, hint=again) from error
        if not benched.gone:
            journal.unlink(missing_ok=True)


def lanes(devices: Sequence[str]) -> tuple[tuple[str, ...], ...]:
    """Return the devices in lanes: those of one lane take turns, lanes run side by side."""
    here = tuple(url for url in devices if _is_here(url))
    return (*((here,) if here else ()), *((url,) for url in devices if url not in here))


def _is_here(url: str) -> bool:
    """Return whether a device shares the processors of this machine."""
    kind, _, rest = url.partition(":")
    address = rest.rpartition("@")[2]
    host = address[1:].partition("]")[0] if address.startswith("[") else address.partition(":")[0]
    is_loopback = host in ("localhost", "::1") or host.startswith("127.")
    return kind in ("local", "emulator") or is_loopback or (kind == "adb" and host.startswith("emulator-"))


def _fingerprint(plan: BenchmarkPlan, devices: Sequence[str]) -> RunFingerprint:
    return RunFingerprint(
        edgebert=metadata.version("edgebert"),
        bundle=sha256_of(plan.bundle.path(MANIFEST)),
        texts=hashlib.sha256(dumps(plan.workload).encode()).hexdigest(),
        suite=plan.suite,
        devices=tuple(devices),
        files=plan.files,
        runtimes=plan.runtimes,
    )


def _check_answers(plan: BenchmarkPlan, journal: Journal, devices: Sequence[str]) -> None:
    """Refuse answers in a journal that the model cannot give.

    Raises:
        UsageError: There is one.
    """
    head, meaning = task_head(plan.bundle.manifest.task), plan.bundle.manifest.meaning
    for step in (step for url in devices for step in journal.of(url)):
        for key in step.answers if isinstance(step, AnswersStep) else ():
            if not head.is_key(key, meaning):
                raise UsageError(
                    f"{journal.path}: {shown(list(key))} is no answer of a model of {len(meaning.labels)} labels",
                    hint=RESTART,
                )


class _BenchmarkRun:
    """All devices at once: who runs beside whom, what was done, and how it stops."""

    def __init__(
        self,
        plan: BenchmarkPlan,
        journal: Journal,
        connect: Callable[[str], Board],
        *,
        clean: bool,
        progress: Progress,
        sleep: Callable[[float], None] | None,
    ) -> None:
        self._plan, self._journal, self._connect = plan, journal, connect
        self._clean, self._progress, self._sleep = clean, progress, sleep
        self._stop, self._lock = threading.Event(), threading.Lock()
        self._done = self._total = 0
        self._failed: dict[str, EdgebertError] = {}

    def run(self, devices: Sequence[str]) -> dict[str, EdgebertError]:
        """Visit every device and return why some did not finish, by URL."""
        tracks = lanes(devices)
        if len(tracks) == 1:
            self._visit_all(tracks[0])  # in this thread, so that an interrupt reaches the worker at once
            return self._failed
        with ThreadPoolExecutor(len(tracks)) as pool:
            running = [pool.submit(self._visit_all, track) for track in tracks]
            try:
                finished, _ = wait(running, return_when=FIRST_EXCEPTION)
                for item in finished:
                    item.result()
            finally:
                if not all(item.done() for item in running):  # an interrupt, or a lane that failed
                    self._stop.set()
                    with stopped_programs():
                        wait(running)
        return self._failed

    def _visit_all(self, track: Sequence[str]) -> None:
        for url in track:
            try:
                self._visit(url)
            except _Stopped:
                return
            except EdgebertError as error:
                # A device that fails leaves the others be; a journal that cannot be written ends them all.
                if self._journal.is_broken:
                    raise
                self._failed[url] = error

    def _visit(self, url: str) -> None:
        self._rest(0)
        board = self._connect(url)
        run = DeviceRun(
            url, board, self._plan, self._journal, expect=self._expect, advance=self._advance, rest=self._rest
        )
        try:
            run.make()
        finally:
            # A device that is gone cannot be tidied, and what failed before is what the user has to know.
            with spared_programs():
                with contextlib.suppress(EdgebertError):
                    board.clean() if self._clean else board.remove_files()
                board.close()

    def _expect(self, count: int) -> None:
        with self._lock:
            self._total += count

    def _advance(self, count: int, file: str) -> None:
        with self._lock:
            self._done += count
            self._progress(f"measuring | {file}", self._done, self._total)

    def _rest(self, seconds: float) -> None:
        if self._stop.is_set():
            raise _Stopped
        if seconds and self._sleep is not None:
            self._sleep(seconds)
        elif seconds and self._stop.wait(seconds):
            raise _Stopped
