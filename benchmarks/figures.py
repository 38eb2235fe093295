"""The figures that edgebert set out to reach, each with what was found."""

from __future__ import annotations

import statistics
from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.results import AccuracyResults, SpeedResults
from benchmarks.stats import speed_up
from edgebert.bench.analysis.stats import Estimate

LENGTH = 128
TFLITE_OVER_FLOAT = 3.3
TFLITE_OVER_OPTIMUM = 1.15
ONNX_OVER_OPTIMUM = 1.0
SHARE_OF_FLOAT = 0.27
EXPORT_SECONDS = 90.0
EXPORT_BYTES = 4_000_000_000
HELP_SECONDS = 0.5
POINTS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure.

    Attributes:
        what: What is measured.
        wanted: What it must reach.
        found: What was measured; empty when it was not.
        met: Whether it was reached; ``None`` when it was not measured.
        is_certain: Whether the whole 95 % interval lies on that side, where there is one.
    """

    what: str
    wanted: str
    found: str
    met: bool | None
    is_certain: bool = True

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        if self.met is None:
            return "not measured"
        word = "met" if self.met else "MISSED"
        return word if self.is_certain else f"{word}, but the interval reaches across"


def speed_figures(results: SpeedResults | None) -> tuple[Figure, ...]:
    """Return the figures of speed, size, export and start."""
    return (*_ratios(results), *_sizes(results), *_export(results), *_start(results))


def accuracy_figures(results: AccuracyResults | None) -> tuple[Figure, ...]:
    """Return one figure for each int8 file that was scored."""
    wanted = f"within {POINTS:g} point"
    if results is None:
        return (Figure(what="accuracy of int8 files against float", wanted=wanted, found="", met=None),)
    return tuple(
        Figure(
            what=f"accuracy of {score.file} against {score.baseline} on {results.evaluation.name}",
            wanted=wanted,
            found=f"{100 * score.difference:+.2f} ({100 * score.difference_low:+.2f} to "
            f"{100 * score.difference_high:+.2f}) points",
            met=100 * score.difference >= -POINTS,
            is_certain=(100 * score.difference >= -POINTS) == (100 * score.difference_low >= -POINTS),
        )
        for score in results.scores
        if score.difference is not None and score.difference_low is not None and score.difference_high is not None
    )


def _ratios(results: SpeedResults | None) -> Iterator[Figure]:
    asked = (
        ("edgebert int8.tflite", "edgebert float32.tflite", TFLITE_OVER_FLOAT),
        ("edgebert int8.tflite", "Optimum int8.onnx", TFLITE_OVER_OPTIMUM),
        ("edgebert int8.onnx", "Optimum int8.onnx", ONNX_OVER_OPTIMUM),
    )
    measured = {file.name for file in results.files} if results else set()
    for file, over, least in asked:
        what, wanted = f"speed of {file} over {over}, length {LENGTH}", f"at least {least:g} x"
        if results is None or not {file, over} <= measured or LENGTH not in results.suite.lengths:
            yield Figure(what=what, wanted=wanted, found="", met=None)
            continue
        found = speed_up(results, file, over, LENGTH)
        yield Figure(
            what=what,
            wanted=wanted,
            found=interval_text(found, unit=" x"),
            met=found.value >= least,
            is_certain=on_one_side(found, least),
        )


def _sizes(results: SpeedResults | None) -> Iterator[Figure]:
    sizes = {file.name: file.size_bytes for file in results.files} if results else {}
    for kind in ("tflite", "onnx"):
        what, wanted = f"size of int8.{kind} over float32.{kind}", f"at most {SHARE_OF_FLOAT:g}"
        small, large = sizes.get(f"edgebert int8.{kind}"), sizes.get(f"edgebert float32.{kind}")
        if small is None or large is None:
            yield Figure(what=what, wanted=wanted, found="", met=None)
        else:
            share = small / large
            yield Figure(what=what, wanted=wanted, found=f"{share:.4f}", met=share <= SHARE_OF_FLOAT)


def _export(results: SpeedResults | None) -> Iterator[Figure]:
    time_wanted, memory_wanted = f"under {EXPORT_SECONDS:g} s", f"under {EXPORT_BYTES / 1e9:g} GB"
    if results is None:
        yield Figure(what="export, wall time", wanted=time_wanted, found="", met=None)
        yield Figure(what="export, peak memory", wanted=memory_wanted, found="", met=None)
        return
    seconds, peak = results.export.wall_ns / 1e9, results.export.peak_rss_bytes
    what = f"export of both formats, {len(results.suite.signatures)} lengths, {results.machine.cores} cores"
    yield Figure(what=f"{what}: wall time", wanted=time_wanted, found=f"{seconds:.1f} s", met=seconds < EXPORT_SECONDS)
    yield Figure(
        what=f"{what}: peak memory", wanted=memory_wanted, found=f"{peak / 1e9:.2f} GB", met=peak < EXPORT_BYTES
    )


def _start(results: SpeedResults | None) -> Iterator[Figure]:
    help_what, help_wanted = "edgebert --help, median", f"under {HELP_SECONDS:g} s"
    load_what, load_wanted = "import edgebert", "loads no torch"
    if results is None:
        yield Figure(what=help_what, wanted=help_wanted, found="", met=None)
        yield Figure(what=load_what, wanted=load_wanted, found="", met=None)
        return
    seconds = statistics.median(results.start.help_ns) / 1e9
    yield Figure(what=help_what, wanted=help_wanted, found=f"{seconds:.3f} s", met=seconds < HELP_SECONDS)
    loaded = results.start.loaded
    yield Figure(
        what=load_what,
        wanted=load_wanted,
        found=f"loads {', '.join(loaded)}" if loaded else "loads none of the slow packages",
        met="torch" not in loaded,
    )


def interval_text(estimate: Estimate, *, unit: str = "") -> str:
    """Return an estimate with its interval, as in ``3.42 x (3.38 to 3.45)``; without one where rounds are too few."""
    shown = f"{estimate.value:.2f}{unit}"
    if estimate.low is None or estimate.high is None:
        return shown
    return f"{shown} ({estimate.low:.2f} to {estimate.high:.2f})"


def on_one_side(estimate: Estimate, least: float) -> bool:
    """Return whether the interval lies on one side of a bound; one that is not known does not."""
    if estimate.low is None or estimate.high is None:
        return False
    return (estimate.low >= least) == (estimate.high >= least)
