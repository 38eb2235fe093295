"""The commands that measure on devices, and those that make a device ready for it."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import edgebert
from edgebert.cli import output
from edgebert.cli.options import (
    DataColumns,
    Force,
    Json,
    LabelColumn,
    PairColumn,
    TextColumn,
    Wide,
    add_commands,
    argument,
    numbers,
    one_of,
    option,
)
from edgebert.errors import EdgebertError, UsageError
from edgebert.ondevice.session import RUNTIMES

if TYPE_CHECKING:
    from edgebert.benchmarking.report import Report
    from edgebert.benchmarking.run.runner import BenchmarkResult
    from edgebert.device.board import Board

worker_app = typer.Typer(help="Make the worker that phones and boards need.", no_args_is_help=True)
emulator_app = typer.Typer(help="Make emulated ARM processors ready on this machine.", no_args_is_help=True)


def bench(
    bundle: Annotated[Path, argument("Bundle.")],
    out: Annotated[Path, option("Report to write, as in report.json.")],
    device: Annotated[
        list[str] | None,
        option(
            "local, ssh:user@host:port, adb:SERIAL or emulator:CPU; repeatable (edgebert devices lists them).",
            default="local",
        ),
    ] = None,
    evaluation: Annotated[
        Path | None, option("Data file with right answers to run.", "--eval", default="the golden texts")
    ] = None,
    runtime: Annotated[
        list[str] | None,
        option(
            "onnxruntime, litert or tflite-runtime; repeatable.",
            default="one that is there for each format",
            check=one_of(*RUNTIMES),
        ),
    ] = None,
    file: Annotated[
        list[str] | None, option("Only this file and its float baseline, as in int8.onnx; repeatable.", default="all")
    ] = None,
    threads: Annotated[str | None, option("Thread counts, as in 1,2,4.", default="the suite's, 1")] = None,
    runs: Annotated[
        int | None, option("Counted inferences of each series in a process.", default="the suite's, 30")
    ] = None,
    warm_up: Annotated[int | None, option("Inferences before them.", default="the suite's, 3")] = None,
    processes: Annotated[
        int | None, option("Fresh processes of each file and thread count.", default="the suite's, 8")
    ] = None,
    suite: Annotated[Path | None, option("TOML file that says how to measure.")] = None,
    eval_samples: Annotated[
        str | None, option("Texts of --eval to answer on each device: a number, or all.", default="the suite's, 0")
    ] = None,
    cores: Annotated[
        str | None, option("Cores to pin to: big, little, or numbers as in 0,1.", default="the system's")
    ] = None,
    python: Annotated[
        str | None, option("Python of the device, with numpy and a runtime, as in /usr/bin/python3.")
    ] = None,
    worker: Annotated[Path | None, option("Worker archive for the device (edgebert worker build makes it).")] = None,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: LabelColumn = None,
    *,
    clean: Annotated[bool, option("Remove everything of edgebert from the devices afterwards.", "--clean")] = False,
    restart: Annotated[
        bool, option("Start over: discard what an unfinished run to the same --out measured.", "--restart")
    ] = False,
    force: Force = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Measure a bundle against its float baseline on real or emulated devices; an interrupted run resumes."""
    from edgebert.benchmarking.report import REPORT
    from edgebert.benchmarking.run.devices import connect, parse_url
    from edgebert.benchmarking.run.journal import journal_of
    from edgebert.benchmarking.run.runner import finish, measure
    from edgebert.benchmarking.run.workload import chosen_files
    from edgebert.benchmarking.suite import Suite, load_suite, merged
    from edgebert.workers.archive import WORKER_ARCHIVE

    # The report of an unfinished run is its own: the same command goes on, and replaces it.
    is_unfinished = out.is_file() and journal_of(out).exists()
    output.check_output(out, REPORT, force=force or is_unfinished, is_shared=as_json, parents=True)
    urls = list(device or ("local",))
    kinds = {parse_url(url)[0] for url in urls}
    if worker is not None and kinds <= {"local", "emulator"}:
        raise UsageError("--worker is for phones and boards", hint="this machine and emulators have their own")
    if python is not None and kinds == {"emulator"}:
        raise UsageError("--python is for devices that have one of their own", hint="leave it out for emulators")
    chosen = merged(
        Suite() if suite is None else load_suite(suite),
        threads=None if threads is None else numbers(threads, "--threads", example="1,2,4"),
        runs=runs,
        warm_up=warm_up,
        processes=processes,
        accuracy=eval_samples,
        cores=cores,
    )
    opened, files, runtimes = edgebert.open_bundle(bundle), tuple(file or ()), tuple(runtime or ())
    chosen_files(opened, files, runtimes)
    if worker is not None and not (worker.is_file() and WORKER_ARCHIVE.is_one(worker)):
        raise UsageError(f"{worker}: not a worker archive", hint="edgebert worker build --out FILE makes one")
    texts = None
    if evaluation is not None:
        texts = DataColumns(text_column, pair_column, label_column).dataset(
            evaluation, opened.manifest.task, opened.manifest.meaning
        )

    def connected(url: str) -> Board:
        # The same command may name several kinds of devices.
        own, pushed = (None, None) if url.startswith("emulator:") else (python, worker)
        return connect(url, cache=cache_folder(), python=own, runtime=None if url == "local" else pushed)

    with _journal(out) as journal:
        with output.progress_bar() as progress:
            done = measure(
                opened,
                urls,
                connect=connected,
                journal=journal,
                suite=chosen,
                data=texts,
                files=files,
                runtimes=runtimes,
                restart=restart,
                clean=clean,
                progress=progress,
            )
        finish(done, out, journal=journal)
    if as_json:
        output.show_json(done.report)
    elif not output.is_standard_output(out):
        _show(done.report, out, wide=wide)
    _leave(done)


def devices(*, as_json: Json = False) -> None:
    """List the devices that can be measured on, and for the rest why not and what mends it."""
    from edgebert.benchmarking.run.devices import found_devices

    found = found_devices(cache=cache_folder())
    if as_json:
        output.show_json(list(found))
        return
    width = max(len(item.url) for item in found)
    for item in found:
        output.show_hanging(f"{'ready' if item.ok else 'no':<5}  {item.url:<{width}}  ", item.what)
        if item.why:
            output.show_hanging(f"{'':<5}  {'':<{width}}  ", item.why)
        if item.mend:
            output.show_text(f"{'':<5}  -> {item.mend}")


def build(
    out: Annotated[Path, option("File to make, as in worker-aarch64.tar.gz.")],
    *,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Make the self-contained aarch64 worker: loader, Python, numpy and runtimes, so that a device needs nothing."""
    from edgebert.workers.archive import WORKER_ARCHIVE
    from edgebert.workers.build import build_worker

    output.check_output(out, WORKER_ARCHIVE, force=force, is_shared=True, parents=True)
    with output.progress_bar() as progress:
        manifest = build_worker(out, cache=cache_folder(), progress=progress, force=force)
    if as_json:
        output.show_json(manifest)
        return
    for package in manifest.packages:
        output.show_text(f"{package.name:<24} {package.version}")
    output.show_note(f"wrote {out} ({out.stat().st_size / 1e6:.1f} MB): give it to edgebert bench as --worker")


def setup(*, as_json: Json = False) -> None:
    """Fetch and build what emulator:CPU needs, from Debian's and PyPI's packages; done again it does nothing."""
    from edgebert.emulation.setup import set_up_emulator

    with output.progress_bar() as progress:
        facts = set_up_emulator(cache_folder(), progress=progress)
    if as_json:
        output.show_json(facts)
        return
    output.show_text(f"ready: {facts.running}")
    cannot = facts.cannot_count
    output.show_text(f"no instruction counts: {cannot}" if cannot else "instructions can be counted")
    output.show_note("try: edgebert bench BUNDLE --device emulator:cortex-a76 --out report.json")


add_commands(worker_app, (build, "edgebert worker build --out worker-aarch64.tar.gz"))
add_commands(emulator_app, (setup, "edgebert emulator setup"))


def cache_folder() -> Path:
    """Return the folder for what is fetched once, below ``$XDG_CACHE_HOME``."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    return base / "edgebert"


@contextlib.contextmanager
def _journal(out: Path) -> Iterator[Path]:
    """Give the place of the journal: beside the report, where that is a file; else the run cannot be resumed."""
    from edgebert.benchmarking.run.journal import journal_of
    from edgebert.outputs import is_stream

    if is_stream(out):
        with tempfile.TemporaryDirectory(prefix="edgebert-") as folder:
            yield Path(folder, "report.journal")
        return
    try:
        yield journal_of(out)
    except KeyboardInterrupt:
        output.show_note("run the same command again to resume")
        raise


def _show(report: Report, out: Path, *, wide: bool) -> None:
    from edgebert.benchmarking.analysis.rows import sections
    from edgebert.benchmarking.analysis.warnings import what_int8_gains
    from edgebert.cli.report_tables import show_section, show_summary

    found = sections([report])
    show_summary(found)
    left_out: list[str] = []
    for section in found:
        measurement = section.measurement
        output.show_hanging(f"{measurement.device.name}: ", what_int8_gains(measurement.device.hardware))
        left_out += show_section(section, wide=wide)
        for note in measurement.notes:
            output.show_note(f"note: {note}")
        for text in section.warnings:
            output.show_note(f"warning: {text}")
    output.show_truncated(report.texts.truncated, report.bundle.text.max_length)
    output.show_left_out(left_out)
    output.show_note(f"wrote {out}; edgebert report {out} --html page.html draws it")


def _leave(done: BenchmarkResult) -> None:
    """Fail when a device or a file did, after everything that was measured is written and shown."""
    failures: list[EdgebertError] = [*done.gone, *done.misfits]
    if not failures:
        return
    for failure in failures[1:]:
        output.show_error(failure)
    if done.gone:
        output.show_note("run the same command again to measure only what is missing")
    raise failures[0]
