"""How fast are edgebert's files, next to the float ones and to those of others? Measured side by side."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from benchmarks.measure import Entrant, edgebert_command, run_command, run_trials
from benchmarks.page import Figure, bounded, conditions, reaches, speed_figure, table, timed_rows, versions, warnings
from benchmarks.results import Process, TimedFiles, median_ms, size_ratio, stamp
from benchmarks.suite import Build, RoundsOptions
from edgebert.errors import UsageError
from edgebert.jsonio import from_plain, loads, parse
from edgebert.manifest import Package
from edgebert.plotting import BLUE, GREY, ORANGE, svg_figure
from edgebert.progress import Progress

LENGTH = 128
SPEEDS = (
    ("edgebert int8.tflite", "edgebert float32.tflite", 3.3),
    ("edgebert int8.tflite", "Optimum int8.onnx", 1.15),
    ("edgebert int8.onnx", "Optimum int8.onnx", 1.0),
)
SHARE_OF_FLOAT = 0.27
EXPORT_SECONDS = 90.0
EXPORT_GB = 4.0
HELP_SECONDS = 0.5
HELP_RUNS = 11
SLOW_PACKAGES = ("torch", "transformers", "onnx", "onnxruntime", "litert_torch", "ai_edge_litert", "huggingface_hub")
REFERENCE = "edgebert float32.onnx"
FLOAT_OF = {
    "edgebert int8.tflite": "edgebert float32.tflite",
    "edgebert int8.onnx": "edgebert float32.onnx",
    "Optimum int8.onnx": "Optimum model.onnx",
}
"""The float file that a file is compared with: that of its maker and format."""

_COLOURS = {"edgebert int8": BLUE, "edgebert float32": GREY, "Optimum int8": ORANGE, "Optimum model": "#c9b8a8"}
_IMPORT = (
    "import sys, edgebert; "
    f"print(*[name for name in {SLOW_PACKAGES!r} if name in sys.modules])"  # the names are constants of this file
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandStart:
    """How the command line starts.

    Attributes:
        help_ns: Wall times of ``edgebert --help``.
        loaded: Packages that ``import edgebert`` loads, of those that are slow to load.
    """

    help_ns: tuple[int, ...]
    loaded: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedResults(TimedFiles):
    """Everything of one run: the files, the packages that made the peers', what the export took, and the start."""

    kind: Literal["speed"] = "speed"
    peer_packages: tuple[Package, ...]
    export: Process
    start: CommandStart


@dataclass(frozen=True, kw_only=True)
class SpeedOptions(RoundsOptions):
    """Options of ``speed``."""

    no_peers: Annotated[bool, typer.Option("--no-peers", help="Measure edgebert's files alone.")] = False


def run(asked: SpeedOptions, progress: Progress) -> SpeedResults:
    """Measure every file at every length, peers interleaved."""
    plan, place = asked.plan, asked.place
    if not place.export.is_file():
        raise UsageError(f"{place.export}: nothing has been exported yet", hint="python -m benchmarks files")
    export = loads(Process, place.export.read_text(encoding="utf-8"), source=str(place.export))
    entrants, load_average = _entrants(place, with_peers=not asked.no_peers), os.getloadavg()[0]
    files, trials = run_trials(plan, entrants, vocabulary=plan.architecture.vocabulary, progress=progress)
    commands = [asked.command("files"), asked.command("peers"), asked.timing_command("speed")]
    if asked.no_peers:
        commands = [commands[0], f"{commands[2]} --no-peers"]
    return SpeedResults(
        **stamp(*commands),
        peer_packages=() if asked.no_peers else _peer_packages(place),
        suite=plan,
        files=files,
        trials=trials,
        load_average=load_average,
        export=export,
        start=measure_start(),
    )


def measure_start(runs: int = HELP_RUNS) -> CommandStart:
    """Time ``edgebert --help`` and look at what ``import edgebert`` loads.

    Raises:
        CheckFailed: One of them fails.
    """
    times = []
    for _ in range(runs):
        start = time.perf_counter_ns()
        run_command([str(edgebert_command()), "--help"])
        times.append(time.perf_counter_ns() - start)
    return CommandStart(help_ns=tuple(times), loaded=tuple(run_command([sys.executable, "-c", _IMPORT]).split()))


def _entrants(place: Build, *, with_peers: bool) -> tuple[Entrant, ...]:
    ours, optimum = place.bundle, place.optimum
    rows = [
        ("edgebert int8.tflite", ours / "int8.tflite", "int8"),
        ("edgebert int8.onnx", ours / "int8.onnx", "int8"),
        ("edgebert float32.tflite", ours / "baseline" / "float32.tflite", "float32"),
        ("edgebert float32.onnx", ours / "baseline" / "float32.onnx", "float32"),
    ]
    if with_peers:
        rows.append(("Optimum int8.onnx", optimum / "int8.onnx", "int8"))
        rows.append(("Optimum model.onnx", optimum / "model.onnx", "float32"))
        if not (optimum / "versions.json").is_file():
            raise UsageError(f"{optimum}: the peer's files are not there", hint="python -m benchmarks peers")
    for _, path, _ in rows:
        if not path.is_file():
            raise UsageError(f"{path}: not there yet", hint="python -m benchmarks files")
    runtimes = {".tflite": "litert", ".onnx": "onnxruntime"}
    return tuple(
        Entrant(name=name, path=path, precision=precision, runtime=runtimes[path.suffix])
        for name, path, precision in rows
    )


def _peer_packages(place: Build) -> tuple[Package, ...]:
    versions = place.optimum / "versions.json"
    plain = parse(versions.read_text(encoding="utf-8"), source=str(versions))
    return tuple(from_plain(Package, item, source=str(versions)) for item in plain)


def figures(results: SpeedResults | None) -> Iterator[Figure]:
    """Yield the figures of speed, size, export and start."""
    for file, over, least in SPEEDS:
        yield speed_figure(results, file, over, LENGTH, least)
    for kind in ("tflite", "onnx"):
        share = size_ratio(results, f"edgebert int8.{kind}", f"edgebert float32.{kind}")
        yield bounded(f"size of int8.{kind} over float32.{kind}", "at most", SHARE_OF_FLOAT, share, digits=4)
    export, what = results.export if results else None, "export"
    if results is not None:
        what += f" of both formats, {len(results.suite.signatures)} lengths, {results.machine.cores} cores"
    wall_s, peak_gb = (export.wall_ns / 1e9, export.peak_rss_bytes / 1e9) if export else (None, None)
    separator = ":" if results else ","
    yield bounded(f"{what}{separator} wall time", "under", EXPORT_SECONDS, wall_s, unit=" s")
    yield bounded(f"{what}{separator} peak memory", "under", EXPORT_GB, peak_gb, unit=" GB", digits=2)
    help_s = statistics.median(results.start.help_ns) / 1e9 if results else None
    yield bounded("edgebert --help, median", "under", HELP_SECONDS, help_s, unit=" s", digits=3)
    loaded = results.start.loaded if results else ()
    said = f"loads {', '.join(loaded)}" if loaded else "loads none of the slow packages"
    yield Figure(
        what="import edgebert",
        wanted="loads no torch",
        found=said if results else "",
        met="torch" not in loaded if results else None,
    )


def largest_logit_difference(results: TimedFiles, file: str, reference: str) -> float:
    """Return the largest absolute difference of a logit between two files, over the first input of every length."""
    answers = {(trial.file, trial.length): trial.logits for trial in results.trials}
    return max(
        float(np.abs(np.subtract(answers[file, length], answers[reference, length])).max())
        for length in results.suite.lengths
    )


def section(results: SpeedResults, plot: str) -> list[str]:
    """Return the paragraphs of ``RESULTS.md``; ``plot`` is the path of the picture."""
    suite, export = results.suite, results.export
    header, *rows = timed_rows(results, FLOAT_OF, "its float")
    for file, cells in zip(results.files, rows, strict=True):
        cells.append(f"{largest_logit_difference(results, file.name, REFERENCE):.1e}")
    peers = f" In Optimum's environment: {versions(results.peer_packages)}." if results.peer_packages else ""
    return [
        f"## Speed, {results.date}, {results.machine.model}",
        (
            f"Suite `{suite.name}`: {suite.description}. {suite.rounds} rounds of {suite.runs} runs after "
            f"{suite.warm_up} to warm up; medians; intervals from the spread among rounds (Student's t). "
            f"Threads: {suite.threads}."
        ),
        table([*header, f"logits off {REFERENCE.partition(' ')[2]} by"], rows, right=range(2, len(header) + 1)),
        f"![Median time of each file at each length]({plot})",
        (
            f"`{export.command}` took {export.wall_ns / 1e9:.1f} s ({export.cpu_ns / 1e9:.1f} s of processor time) "
            f"and at most {export.peak_rss_bytes / 1e9:.2f} GB of memory."
        ),
        *warnings(results),
        *conditions(results),
        f"Load average before the first trial: {results.load_average:.2f}. Packages: {versions(results.packages)}."
        + peers,
    ]


def draw(results: SpeedResults, path: Path) -> None:
    """Draw the median time of every file at every length, with 95 % intervals, as an SVG file.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    names, lengths = [file.name for file in results.files], results.suite.lengths
    with svg_figure(path, width=4.2 * len(lengths) + 1.4, height=0.42 * len(names) + 1.2) as drawn:
        panels = drawn.subplots(1, len(lengths), sharey=True, squeeze=False)[0]
        for panel, length in zip(panels, lengths, strict=True):
            found = [median_ms(results, name, length) for name in names]
            bars = panel.barh(
                names,
                [item.value for item in found],
                xerr=reaches(found),
                color=[_COLOURS.get(name.rpartition(".")[0], GREY) for name in names],
                capsize=3,
            )
            panel.bar_label(bars, labels=[f"{item.value:.1f}" for item in found], padding=4)
            panel.set_xlim(0, 1.18 * max(item.high or item.value for item in found))
            panel.set_title(f"{length} tokens")
            panel.set_xlabel("ms per text")
            panel.spines[["top", "right"]].set_visible(False)
        panels[0].invert_yaxis()
