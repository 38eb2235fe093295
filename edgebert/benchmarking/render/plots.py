"""The plots of a report, one function each: raw times, time by length, changes, and counts.

Each returns a picture as SVG text, or ``None`` where there is nothing to draw.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgebert.benchmarking.analysis.stats import quantiles
from edgebert.benchmarking.render.words import count_of, run_names, shown
from edgebert.plotting import (
    FOREST_REST,
    FOREST_ROW,
    GREY,
    HUES,
    INK,
    PALE,
    ForestRow,
    draw_forest,
    log_axis,
    plain_axes,
    svg_figure,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from edgebert.benchmarking.report import (
        BundleFacts,
        Configuration,
        FileFacts,
        InstructionCount,
        Measurement,
    )

COLOURS = {INK: "ink", PALE: "line", GREY: "float", **{hue: f"hue{index}" for index, hue in enumerate(HUES)}}
"""CSS variable of each colour the plots are drawn in; black, white and the rest stay as they are."""

MOST_MARKS = 2000
"""Runs of one file drawn one by one; of more, all of the slowest and an even sample of the others."""

WIDTH = 5.2
"""Of every plot, in inches."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """How a file looks in every plot of a page: hollow and grey is a float baseline, a square is TFLite."""

    colour: str
    shape: str
    is_hollow: bool

    @property
    def face(self) -> str:
        """Colour inside the mark."""
        return "none" if self.is_hollow else self.colour


def marks(bundle: BundleFacts) -> dict[str, Mark]:
    """Return the mark of each file of a bundle, those that ship first."""
    shipped = [item for item in bundle.files if item.role == "shipped"]

    def mark(item: FileFacts) -> Mark:
        hue = GREY if item.role == "baseline" else HUES[shipped.index(item) % len(HUES)]
        return Mark(colour=hue, shape="o" if item.format == "onnx" else "s", is_hollow=item.role == "baseline")

    return {item.file: mark(item) for item in sorted(bundle.files, key=lambda item: item.role == "baseline")}


def draw_times(measurement: Measurement, bundle: BundleFacts, series: str) -> str | None:
    """Draw every counted run of a series in milliseconds: a row for each process, below each other by file and threads.

    The axis is logarithmic, so that equal distances are equal ratios; bars mark p50, p90 and p99 over all processes.
    """
    looks, groups, out = marks(bundle), _groups(measurement, bundle, series), io.StringIO()
    if not groups:
        return None
    names = run_names(groups)
    with svg_figure(out, width=WIDTH, height=0.7 + 0.62 * len(groups), letters="none") as figure:
        axes = figure.subplots()
        for place, (key, processes) in enumerate(groups.items()):
            _draw_runs(axes, place, processes, looks[key[0]].colour, shown(names[key], 40))
        axes.set_ylim(len(groups) - 0.45, -0.75)
        axes.set_yticks([])
        everything = [ns / 1e6 for processes in groups.values() for runs in processes for ns in runs]
        log_axis(axes, min(everything), max(everything))
        plain_axes(axes, "ms, logarithmic", "")
        axes.spines[["top", "right", "left"]].set_visible(False)
    return out.getvalue()


def draw_lengths(measurement: Measurement, bundle: BundleFacts) -> str | None:
    """Draw the median time of the texts of each length in tokens, with the fewest threads that were measured.

    A file with fixed lengths pads each text, so all texts that are fed at one length are one step.
    """
    looks, out = marks(bundle), io.StringIO()
    least = min((done.trial.threads for done in measurement.trials), default=0)
    times: dict[str, dict[int, dict[int, list[float]]]] = {}
    for done in measurement.trials:
        for item in done.trial.series if done.trial.threads == least else ():
            by_fed = times.setdefault(done.file, {})
            for run, ns in enumerate(item.run_ns):
                tokens, fed = (lengths[run % len(item.tokens)] for lengths in (item.tokens, item.fed))
                by_fed.setdefault(fed, defaultdict(list))[tokens].append(ns / 1e6)
    if max((sum(map(len, by_fed.values())) for by_fed in times.values()), default=0) < 2:
        return None
    formats = {item.file: item.format for item in bundle.files}
    with svg_figure(out, width=WIDTH, height=3.2, letters="none") as figure:
        axes = figure.subplots()
        for file, by_fed in times.items():
            points = _steps(by_fed, bundle.text.lengths) if formats[file] == "tflite" else _points(by_fed)
            look, line = looks[file], "--" if looks[file].is_hollow else "-"
            axes.plot(*zip(*points, strict=True), line, color=look.colour, linewidth=1)
            drawn = [(length, _median(runs)) for by_length in by_fed.values() for length, runs in by_length.items()]
            axes.plot(*zip(*drawn, strict=True), look.shape, color=look.colour, markersize=4, markerfacecolor=look.face)
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        plain_axes(axes, f"tokens of the text ({count_of(least, 'thread')})", "ms, median")
    return out.getvalue()


def _points(by_fed: Mapping[int, Mapping[int, list[float]]]) -> list[tuple[float, float]]:
    """Return the median of each length in tokens, the shortest first."""
    return sorted((length, _median(runs)) for by_length in by_fed.values() for length, runs in by_length.items())


def _steps(by_fed: Mapping[int, Mapping[int, list[float]]], lengths: Sequence[int]) -> list[tuple[float, float]]:
    """Return the line of each fed length: level from the fixed length below it, at the median of its texts."""
    last, found = 0, list[tuple[float, float]]()
    for fed in sorted(by_fed):
        level = _median([ms for runs in by_fed[fed].values() for ms in runs])
        before = max((length for length in lengths if length < fed), default=0)
        found += [(np.nan, np.nan)] if before != last else []
        found += [(before, level), (fed, level)]
        last = fed
    return found


def _median(values: Sequence[float]) -> float:
    return float(np.median(values))


def draw_changes(rows: Sequence[ForestRow], *, change_of: str) -> str | None:
    """Draw the paired change of the metric of each file on one device with its interval, and its size."""
    out = io.StringIO()
    if not rows:
        return None
    with svg_figure(out, width=WIDTH, height=FOREST_REST + FOREST_ROW * len(rows), letters="none") as figure:
        draw_forest(figure, rows, change_of=change_of)
    return out.getvalue()


def draw_counts(counts: Sequence[InstructionCount], *, classes: Sequence[str]) -> str | None:
    """Draw the instructions of one inference in millions for each file, split into classes and a rest."""
    out = io.StringIO()
    if not counts:
        return None
    with svg_figure(out, width=WIDTH, height=0.8 + 0.55 * len(counts), letters="none") as figure:
        axes = figure.subplots()
        for place, item in enumerate(counts):
            parts = dict(item.classes)
            widths = [parts.get(name, 0.0) / 1e6 for name in classes]
            widths.append(max(item.per_inference / 1e6 - sum(widths), 0.0))
            left = 0.0
            for width, colour in zip(widths, (*HUES[: len(classes)], GREY), strict=True):
                axes.barh(place, width, left=left, height=0.45, color=colour)
                left += width
            label = f"{shown(item.file, 32)}, {item.tokens} tokens: {item.per_inference / 1e6:,.1f}"
            axes.annotate(label, (0, place - 0.28), va="bottom", fontsize=9, color=INK)
        axes.set_ylim(len(counts) - 0.6, -0.75)
        axes.set_xlim(0, 1.02 * max(item.per_inference for item in counts) / 1e6 or 1)
        axes.set_yticks([])
        plain_axes(axes, "million instructions", "")
        axes.spines["left"].set_visible(False)
    return out.getvalue()


def _groups(measurement: Measurement, bundle: BundleFacts, series: str) -> dict[Configuration, list[tuple[int, ...]]]:
    """Return the nanoseconds of each run, by process; a shipped file is before the baseline of its format."""
    found = {
        key: [item.run_ns for trial in trials.values() for item in trial.series if item.name == series and item.run_ns]
        for key, trials in measurement.configurations().items()
    }
    files = {item.file: item for item in bundle.files}

    def place(key: Configuration) -> tuple[int, str, str, bool, str]:
        file, runtime, threads = key
        return threads, files[file].format, runtime, files[file].role == "baseline", file

    return {key: found[key] for key in sorted(found, key=place) if found[key]}


def _draw_runs(axes: Axes, place: int, processes: Sequence[Sequence[int]], colour: str, label: str) -> None:
    total, height = sum(map(len, processes)), 0.5 / len(processes)
    x: list[float] = []
    y: list[float] = []
    for index, runs in enumerate(processes):
        bottom = place - 0.2 + index * height
        for ns in _thinned(runs, max(MOST_MARKS * len(runs) // total, 1)):
            x += [ns / 1e6, ns / 1e6, np.nan]
            y += [bottom, bottom + 0.85 * height, np.nan]
    axes.plot(x, y, color=colour, linewidth=1, alpha=0.7, solid_capstyle="butt")
    found = quantiles(processes)
    values = [item.value / 1e6 for item in (found.p50, found.p90, found.p99)]
    for value, width in zip(values, (2.0, 1.2, 0.7), strict=True):
        axes.plot([value] * 2, [place - 0.26, place + 0.36], color=INK, linewidth=width, solid_capstyle="butt")
    text = f"{label}: p50 {values[0]:.3g}, p90 {values[1]:.3g}, p99 {values[2]:.3g} ms"
    axes.annotate(text, (0, place - 0.3), xycoords=("axes fraction", "data"), va="bottom", fontsize=9, color=INK)


def _thinned(runs: Sequence[int], most: int) -> list[int]:
    """Return at most about ``most`` runs: the slowest tenth of them whole, and an even sample of the rest."""
    if len(runs) <= most:
        return list(runs)
    ordered, tail = sorted(runs), max(most // 10, 1)
    picked = np.linspace(0, len(ordered) - tail - 1, max(most - tail, 1)).astype(int)
    return [ordered[index] for index in picked] + ordered[-tail:]
