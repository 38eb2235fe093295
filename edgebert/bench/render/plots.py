"""The plots of a report, one function each: raw times, time by length, sizes, counts; ``traces`` has one more.

Each returns a picture as SVG text, or ``None`` where there is nothing to draw.
"""

from __future__ import annotations

import io
from collections import defaultdict
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgebert.bench.analysis.stats import quantiles
from edgebert.bench.render.markup import shown
from edgebert.bench.render.words import count_of, run_names
from edgebert.plotting import GREY, HUES, INK, PALE, draw_change, svg_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from edgebert.bench.report import BundleFacts, Configuration, FileFacts, InstructionCount, Measurement

COLOURS = {
    INK: "ink",
    PALE: "line",
    GREY: "float",
    **{hue: f"hue{index}" for index, hue in enumerate(HUES)},
}
"""CSS variable of each colour the plots are drawn in; black, white and the rest stay as they are."""

_WIDTH = 5.2
MOST_MARKS = 2000
"""Runs of one file drawn one by one; of more, all of the slowest and an even sample of the others."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class Scored:
    """Change of accuracy of a file on a device, in points, with its 95 % interval; 0 without one for a baseline."""

    file: str
    value: float
    low: float
    high: float


def marks(bundle: BundleFacts) -> dict[str, Mark]:
    """Return the mark of each file of a bundle."""
    shipped = [item for item in bundle.files if item.role == "shipped"]

    def mark(item: FileFacts) -> Mark:
        hue = GREY if item.role == "baseline" else HUES[shipped.index(item) % len(HUES)]
        return Mark(colour=hue, shape="o" if item.format == "onnx" else "s", is_hollow=item.role == "baseline")

    return {item.file: mark(item) for item in bundle.files}


def draw_times(measurement: Measurement, bundle: BundleFacts, series: str) -> str | None:
    """Draw every counted run of a series in milliseconds: a row for each process, below each other by file and threads.

    The axis is logarithmic, so that equal distances are equal ratios; bars mark p50, p90 and p99 over all processes.
    """
    looks, groups = marks(bundle), _groups(measurement, bundle, series)
    if not groups:
        return None
    names = run_names(groups)
    out = io.StringIO()
    with canvas(out, height=0.7 + 0.62 * len(groups)) as figure:
        axes = figure.subplots()
        axes.set_xscale("log")
        for place, (key, processes) in enumerate(groups.items()):
            _draw_runs(axes, place, processes, looks[key[0]].colour, short_name(names[key], 40))
        axes.set_ylim(len(groups) - 0.45, -0.75)
        axes.set_yticks([])
        everything = [ns / 1e6 for processes in groups.values() for runs in processes for ns in runs]
        _time_axis(axes, min(everything), max(everything))
        axes.spines[["top", "right", "left"]].set_visible(False)
    return out.getvalue()


def draw_lengths(measurement: Measurement, bundle: BundleFacts) -> str | None:
    """Draw the median time of the texts of each length in tokens, with the fewest threads that were measured."""
    looks = marks(bundle)
    least = min((done.trial.threads for done in measurement.trials), default=0)
    times: dict[str, dict[int, list[float]]] = {}
    for done in measurement.trials:
        for item in done.trial.series if done.trial.threads == least else ():
            by_length = times.setdefault(done.file, defaultdict(list))
            for run, ns in enumerate(item.run_ns):
                by_length[item.tokens[run % len(item.tokens)]].append(ns / 1e6)
    if max((len(by_length) for by_length in times.values()), default=0) < 2:
        return None
    out = io.StringIO()
    with canvas(out, height=3.2) as figure:
        axes = figure.subplots()
        for file, by_length in times.items():
            lengths = sorted(by_length)
            medians = [float(np.median(by_length[length])) for length in lengths]
            _line(axes, lengths, medians, looks[file])
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        plain_axes(axes, f"tokens of the text ({count_of(least, 'thread')})", "ms, median")
    return out.getvalue()


def draw_sizes(scores: Sequence[Scored], bundle: BundleFacts) -> str | None:
    """Draw file size in MB against the paired change of accuracy on one device, with 95 % intervals."""
    sizes = {item.file: item.size_bytes / 1e6 for item in bundle.files}
    looks, out = marks(bundle), io.StringIO()
    if not scores:
        return None
    with canvas(out, height=3.2) as figure:
        axes = figure.subplots()
        for item in scores:
            look = looks[item.file]
            interval, face = (item.low, item.high), look.face
            draw_change(
                axes, sizes[item.file], item.value, interval, fmt=look.shape, color=look.colour, markerfacecolor=face
            )
        axes.set_xlim(0, 1.1 * max(sizes[item.file] for item in scores))
        axes.axhline(0, color=GREY, linewidth=0.8, linestyle="--", zorder=0)
        plain_axes(axes, "file size (MB)", "change of accuracy (points)")
    return out.getvalue()


def draw_counts(counts: Sequence[InstructionCount], *, classes: Sequence[str]) -> str | None:
    """Draw the instructions of one inference in millions for each file, split into classes and a rest."""
    if not counts:
        return None
    out = io.StringIO()
    with canvas(out, height=0.8 + 0.55 * len(counts)) as figure:
        axes = figure.subplots()
        for place, item in enumerate(counts):
            parts = dict(item.classes)
            widths = [parts.get(name, 0.0) / 1e6 for name in classes]
            widths.append(max(item.per_inference / 1e6 - sum(widths), 0.0))
            left = 0.0
            for width, colour in zip(widths, (*HUES[: len(classes)], GREY), strict=True):
                axes.barh(place, width, left=left, height=0.45, color=colour)
                left += width
            label = f"{short_name(item.file)}, {item.tokens} tokens: {item.per_inference / 1e6:,.1f}"
            axes.annotate(label, (0, place - 0.28), va="bottom", fontsize=9, color=INK)
        axes.set_ylim(len(counts) - 0.6, -0.75)
        axes.set_xlim(0, 1.02 * max(item.per_inference for item in counts) / 1e6 or 1)
        axes.set_yticks([])
        plain_axes(axes, "million instructions", "")
        axes.spines["left"].set_visible(False)
    return out.getvalue()


def canvas(out: io.StringIO, *, height: float) -> AbstractContextManager[Figure]:
    """Give a figure as wide as a phone, ``height`` inches high, and write it as SVG when the block ends well."""
    return svg_figure(out, width=_WIDTH, height=height, letters="none")


def plain_axes(axes: Axes, x: str, y: str) -> None:
    """Name the axes and draw them in the colours of every plot."""
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.set_facecolor("none")
    axes.tick_params(colors=INK)
    axes.grid(color=PALE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)


def short_name(text: str, most: int = 32) -> str:
    """Return a name of at most so many letters, on one line."""
    line = shown(text)
    return line if len(line) <= most else line[: most - 1] + "…"


def _groups(measurement: Measurement, bundle: BundleFacts, series: str) -> dict[Configuration, list[tuple[int, ...]]]:
    """Return the nanoseconds of each run, by process; a shipped file stands next to the baseline of its format."""
    found: dict[Configuration, list[tuple[int, ...]]] = {}
    for done in measurement.trials:
        for item in done.trial.series:
            if item.name == series and item.run_ns and min(item.run_ns) > 0:
                found.setdefault((done.file, done.trial.runtime, done.trial.threads), []).append(item.run_ns)
    files = {item.file: item for item in bundle.files}

    def place(key: Configuration) -> tuple[int, str, str, str, str]:
        file, runtime, threads = key
        return threads, files[file].format, runtime, files[file].role, file

    return {key: found[key] for key in sorted(found, key=place)}


def _draw_runs(axes: Axes, place: int, processes: Sequence[Sequence[int]], colour: str, label: str) -> None:
    total = sum(map(len, processes))
    height = 0.5 / len(processes)
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
    ordered = sorted(runs)
    tail = max(most // 10, 1)
    picked = np.linspace(0, len(ordered) - tail - 1, max(most - tail, 1)).astype(int)
    return [ordered[index] for index in picked] + ordered[-tail:]


def _line(axes: Axes, x: Sequence[float], y: Sequence[float], look: Mark) -> None:
    dashes = "--" if look.is_hollow else "-"
    axes.plot(x, y, look.shape + dashes, color=look.colour, linewidth=1, markersize=4, markerfacecolor=look.face)


def _time_axis(axes: Axes, least: float, most: float) -> None:
    """Put plain numbers on a logarithmic axis, also where it does not reach across a power of ten."""
    low, high = least / 1.06, most * 1.06
    axes.set_xlim(low, high)
    steps = (1, 2, 5) if high / low > 8 else (1, 1.5, 2, 3, 4, 5, 7) if high / low > 2 else np.arange(1, 10, 0.25)
    powers = range(int(np.floor(np.log10(low))), int(np.ceil(np.log10(high))) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
    ticks = ticks or [float(f"{(low * high) ** 0.5:.3g}")]
    axes.set_xticks(ticks, [f"{tick:.4g}" for tick in ticks])
    axes.set_xticks([], minor=True)
    plain_axes(axes, "ms, logarithmic", "")
