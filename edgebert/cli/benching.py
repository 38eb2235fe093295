"""The commands that measure on devices, and those that make a device ready for it."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import edgebert
from edgebert.cli import output
from edgebert.cli.choices import Runtime, complete_cores, complete_count, complete_device
from edgebert.cli.options import (
    BundleFolder,
    DataColumns,
    Force,
    Json,
    LabelColumn,
    PairColumn,
    Restart,
    TextColumn,
    Wide,
    numbers,
    option,
)
from edgebert.errors import EdgebertError, UsageError

if TYPE_CHECKING:
    from edgebert.benchmarking.report import Report
    from edgebert.benchmarking.run.runner import BenchmarkResult


def bench(
    bundle: BundleFolder,
    out: Annotated[Path, option("Report to write, e.g. report.json.", "--out", "-o", metavar="FILE")],
    device: Annotated[
        list[str] | None,
        option(
            "Device: local, ssh:USER@HOST:PORT, adb:SERIAL or emulator:CPU; edgebert devices lists them.",
            metavar="DEVICE",
            default="local",
            commas=True,
            complete=complete_device,
        ),
    ] = None,
    evaluation: Annotated[
        Path | None,
        option(
            "Data file with right answers to run.", "--eval", metavar="FILE", default="the golden inputs of the bundle"
        ),
    ] = None,
    runtime: Annotated[
        list[str] | None,
        option("Runtime to run the files in.", default="one for each format", choices=get_args(Runtime), commas=True),
    ] = None,
    file: Annotated[
        list[str] | None,
        option(
            "File of the bundle to measure beside its FP32 baseline, e.g. int8.onnx.",
            metavar="NAME",
            default="all",
            commas=True,
        ),
    ] = None,
    threads: Annotated[
        list[str] | None,
        option("Number of threads, e.g. 1,2,4.", metavar="N", default="1, or as in the suite", commas=True),
    ] = None,
    runs: Annotated[
        int | None, option("Counted inferences of each series in a process.", default="30, or as in the suite")
    ] = None,
    warm_up: Annotated[
        int | None, option("Inferences before them, not counted.", default="3, or as in the suite")
    ] = None,
    processes: Annotated[
        int | None, option("Fresh processes for each file and thread count.", default="8, or as in the suite")
    ] = None,
    suite: Annotated[Path | None, option("TOML file with the settings of the benchmark.", metavar="FILE")] = None,
    eval_samples: Annotated[
        str | None,
        option(
            "Examples of --eval to score on each device.",
            metavar="N|all",
            default="0, or as in the suite",
            complete=complete_count,
        ),
    ] = None,
    cores: Annotated[
        str | None,
        option(
            "CPU cores to run on: big, little, or numbers, e.g. 0,1.",
            metavar="CORES",
            default="chosen by the system",
            complete=complete_cores,
        ),
    ] = None,
    python: Annotated[
        str | None, option("Python on the device that has numpy and a runtime, e.g. /usr/bin/python3.", metavar="PATH")
    ] = None,
    worker: Annotated[
        Path | None, option("Worker archive for the device, made by edgebert worker build.", metavar="FILE")
    ] = None,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: LabelColumn = None,
    *,
    clean: Annotated[bool, option("Remove all edgebert files from the devices afterwards.", "--clean")] = False,
    restart: Restart = False,
    force: Force = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Benchmark the int8 and FP32 files of a bundle on devices, interleaved; an interrupted run resumes.

    [Benchmarking](benchmarking.md) describes what is measured and how to read it. The state of an interrupted run is in
    `OUT.journal`: the same command resumes it, and `--restart` discards it. `--force` replaces a finished report, and
    never another file.

    Exit code 1: a file computes something else on a device than the model. Exit code 3: a device did not finish; the
    report of the others is written.
    """
    from edgebert.benchmarking.report import REPORT
    from edgebert.benchmarking.run.devices import parse_url
    from edgebert.benchmarking.run.journal import journal_of
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

    with _resumable(out), output.progress_bar() as progress:
        done = edgebert.bench(
            bundle,
            out,
            devices=urls,
            evaluation=texts,
            suite=chosen,
            files=files,
            runtimes=runtimes,
            python=python,
            worker=worker,
            cache=cache_folder(),
            clean=clean,
            restart=restart,
            force=force,
            progress=progress,
        )
    if as_json:
        output.show_json(done.report)
    elif not output.is_standard_output(out):
        _show(done.report, out, wide=wide)
    _leave(done)


def devices(*, as_json: Json = False) -> None:
    """List available devices. For unavailable ones, show the reason and how to fix it.

    Phones need the program `adb`, boards need `ssh`. Boards cannot be discovered: name them with `ssh:USER@HOST`.
    """
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
        if item.hint:
            output.show_text(f"{'':<5}  -> {item.hint}")


def cache_folder() -> Path:
    """Return the folder for what is fetched once, below ``$XDG_CACHE_HOME``."""
    given = os.environ.get("XDG_CACHE_HOME", "")
    base = Path(given) if Path(given).is_absolute() else Path.home() / ".cache"
    return base / "edgebert"


@contextlib.contextmanager
def _resumable(out: Path) -> Iterator[None]:
    """Say how an interrupted run goes on, where its report is a file."""
    from edgebert.outputs import is_stream

    try:
        yield
    except KeyboardInterrupt:
        if not is_stream(out):
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
            output.show_warning(text)
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
