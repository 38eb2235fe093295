"""Benchmarks from Python: what ``edgebert bench`` and ``edgebert report`` do, with paths in and values out."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Literal, get_args

from edgebert.arguments import PLACE, expect, path_of, strings_of
from edgebert.benchmarking.report import REPORT, Report, read_report
from edgebert.benchmarking.run.devices import connect, parse_url
from edgebert.benchmarking.run.journal import journal_of
from edgebert.benchmarking.run.runner import BenchmarkResult, finish, measure
from edgebert.benchmarking.suite import Suite, load_suite
from edgebert.bundle import open_bundle
from edgebert.data import Dataset, read_dataset
from edgebert.errors import UsageError
from edgebert.outputs import check_output, is_stream
from edgebert.progress import Progress, silent

if TYPE_CHECKING:
    from edgebert.device.board import Board

ReportFormat = Literal["html", "markdown", "csv"]
"""What a report can be rendered as."""


def bench(
    bundle: str | Path,
    out: str | Path,
    *,
    devices: Sequence[str] = ("local",),
    evaluation: Dataset | str | Path | None = None,
    suite: Suite | str | Path | None = None,
    files: Sequence[str] = (),
    runtimes: Sequence[str] = (),
    python: str | None = None,
    worker: str | Path | None = None,
    cache: str | Path | None = None,
    clean: bool = False,
    restart: bool = False,
    force: bool = False,
    progress: Progress = silent,
) -> BenchmarkResult:
    """Benchmark the int8 and FP32 files of a bundle on devices, and write the report.

    Devices run side by side; those that share the processors of this machine take turns. An interrupted run resumes
    when this is called again with equal arguments: until its end a journal is beside ``out``.

    Args:
        bundle: Folder of the bundle.
        out: Report to write, e.g. ``report.json``.
        devices: URLs of the devices: ``local``, ``ssh:user@host:port``, ``adb:SERIAL`` or ``emulator:CPU``. One string
            is one device.
        evaluation: Examples with right answers, or the path of their file; ``None`` runs the golden inputs.
        suite: How to measure, or the path of a TOML file that says so; ``None`` takes the defaults of ``Suite``.
        files: Files to measure with their FP32 baseline, e.g. ``("int8.onnx",)``; all shipped files when empty.
        runtimes: Runtimes to measure in; one for each format when empty.
        python: Python of the devices, with numpy and a runtime, e.g. ``/usr/bin/python3``.
        worker: Worker archive for the devices, as ``edgebert worker build`` makes it.
        cache: Folder of the emulator's parts; ``None`` takes ``~/.cache/edgebert``.
        clean: Remove everything of edgebert from the devices afterwards.
        restart: Discard what an unfinished run to ``out`` measured.
        force: Replace an existing report.
        progress: Told of inferences made and to come.

    Returns:
        The report, and why devices or files failed. A device that fails does not end the others.

    Raises:
        UsageError: The request cannot be carried out, or an unfinished run to ``out`` differs from it.
        DataError: The evaluation data cannot be read.
        BundleError: The bundle or the worker archive is damaged.
        DeviceProblem: No device could be measured.
        OutputError: ``out`` is taken or cannot be written.
        EnvironmentProblem: The disk is full, or this machine lacks ssh, adb or the emulator.

    Examples:
        >>> result = edgebert.bench("bundle", "report.json", devices="adb:SERIAL", evaluation="dev.tsv")
        >>> [measurement.device.name for measurement in result.report.measurements]
        ['adb:SERIAL']
    """
    place, opened = path_of("out", out), open_bundle(bundle)
    urls, files, runtimes = strings_of("devices", devices), strings_of("files", files), strings_of("runtimes", runtimes)
    expect("evaluation", evaluation, Dataset, *PLACE, NoneType, hint="read the file with read_dataset")
    expect("suite", suite, Suite, *PLACE, NoneType)
    expect("python", python, str, NoneType)
    archive = None if worker is None else path_of("worker", worker)
    parts = Path.home() / ".cache" / "edgebert" if cache is None else path_of("cache", cache)
    for name, value in (("clean", clean), ("restart", restart), ("force", force)):
        expect(name, value, bool)
    expect("progress", progress, Callable)
    for url in urls:
        parse_url(url)
    # The report of an unfinished run is its own: the same call goes on, and replaces it.
    is_unfinished = place.is_file() and journal_of(place).exists()
    check_output(place, REPORT, force=force or is_unfinished, parents=True)
    task, meaning = opened.manifest.task, opened.manifest.meaning
    if evaluation is not None and not isinstance(evaluation, Dataset):
        evaluation = read_dataset(evaluation, task=task, labels=meaning.labels)

    def connected(url: str) -> Board:
        # The same run may be on several kinds of devices.
        has_own = url.startswith("emulator:")
        own, pushed = (None, None) if has_own else (python, None if url == "local" else archive)
        return connect(url, cache=parts, python=own, runtime=pushed)

    with _journal(place) as journal:
        done = measure(
            opened,
            urls,
            connect=connected,
            journal=journal,
            suite=suite if suite is None or isinstance(suite, Suite) else load_suite(path_of("suite", suite)),
            data=evaluation,
            files=files,
            runtimes=runtimes,
            restart=restart,
            clean=clean,
            progress=progress,
        )
        finish(done, place, journal=journal)
    return done


@contextlib.contextmanager
def _journal(out: Path) -> Iterator[Path]:
    """Give the place of the journal: beside the report, where that is a file; else the run cannot be resumed."""
    if not is_stream(out):
        yield journal_of(out)
        return
    with tempfile.TemporaryDirectory(prefix="edgebert-") as folder:
        yield Path(folder, "report.journal")


def render_report(reports: str | Path | Report | Sequence[str | Path | Report], format: ReportFormat) -> str:  # noqa: A002  # the word of the command line
    """Return one or more reports as a page of HTML, as Markdown, or as CSV; equal reports give equal text.

    Args:
        reports: A report or its file, or several of them.
        format: ``html`` is one file with pictures (needs the extra ``report``), ``markdown`` has the same tables, and
            ``csv`` has a line for each quantity, with its unrounded value and its 95 % interval.

    Returns:
        The text of the page.

    Raises:
        UsageError: A report cannot be read or contradicts itself, or the format is unknown.
        MissingExtraError: jinja2 or matplotlib is not installed, which the HTML needs.

    Examples:
        >>> Path("report.html").write_text(edgebert.render_report("report.json", "html"), encoding="utf-8")
    """
    expect("format", format, str)
    if format not in get_args(ReportFormat):
        raise UsageError(f"unknown format {format!r}", hint=f"known: {', '.join(get_args(ReportFormat))}")
    expect("reports", reports, Report, *PLACE, Iterable)
    given = [reports] if isinstance(reports, (str, Path, Report)) else list(reports)
    found = [item if isinstance(item, Report) else read_report(item) for item in given]
    if not found:
        raise UsageError("no report was given")
    if format == "html":
        from edgebert.benchmarking.render.html import page_text

        return page_text(found)
    from edgebert.benchmarking.analysis.rows import sections
    from edgebert.benchmarking.render.text import csv_text, markdown_text

    return markdown_text(found) if format == "markdown" else csv_text(sections(found))
