"""The plot of how a device was during a run: temperature, frequency and the times of its processes."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgebert.benchmarking.render.plots import WIDTH, marks
from edgebert.benchmarking.render.words import shown
from edgebert.plotting import INK, plain_axes, svg_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from edgebert.benchmarking.report import BundleFacts, Configuration, DoneTrial, Measurement
    from edgebert.device.protocol import Conditions

_PANEL_POINTS = 65
_LINE_SHARE = 0.15

Lines = dict[str, list[tuple[float, float]]]
"""Points of each line: minute and value."""


def draw_trace(measurement: Measurement, bundle: BundleFacts, series: str) -> str | None:
    """Draw over the minutes of the run: temperatures, frequencies, and each process's median over its file's.

    The minutes are added up from the workers' own steady clocks and the waits before them: setting the time of day
    does not bend the axis.
    """
    looks, starts, out = marks(bundle), _starts(measurement.trials), io.StringIO()
    timed = list(zip(starts, measurement.trials, strict=False))
    read = [(start + found.at_ns / 60e9, found) for start, done in timed for found in done.trial.conditions]
    temperatures = _temperatures(read)
    for state in measurement.states:
        if state.battery_celsius is not None and 0 <= state.trial < len(starts):
            temperatures.setdefault("battery", []).append((starts[state.trial], state.battery_celsius))
    found = {"°C": temperatures, "GHz": _frequencies(read), "time / median": _drift(timed, series)}
    panels = [(unit, drawable) for unit, lines in found.items() if (drawable := _drawable(lines))]
    if not panels:
        return None
    with svg_figure(out, width=WIDTH, height=0.5 + 1.35 * len(panels), letters="none") as figure:
        drawn = figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0]
        for axes, (unit, lines) in zip(drawn, panels, strict=True):
            if looks.keys() >= lines.keys():
                for name, points in sorted(lines.items()):
                    look, (x, y) = looks[name], zip(*points, strict=True)
                    axes.plot(x, y, look.shape, color=look.colour, markersize=3.5, markerfacecolor=look.face)
            else:
                _draw_named(axes, lines)
            plain_axes(axes, "", unit)
        axes.set_xlabel("minutes of measuring", color=INK)
    return out.getvalue()


def _draw_named(axes: Axes, lines: Lines) -> None:
    """Draw lines with their names behind their ends, one below the other."""
    for style, points in zip(("-", "--", ":", "-."), lines.values(), strict=False):
        axes.plot(*zip(*points, strict=True), style, color=INK, linewidth=1.2)
    low, high = axes.get_ylim()
    place = -1.0
    for name, points in sorted(lines.items(), key=lambda item: (item[1][-1][1], item[1][0][1])):
        minute, value = points[-1]
        share = (value - low) / (high - low)
        place = max(share, place + _LINE_SHARE)
        shift = (4, (place - share) * _PANEL_POINTS)
        axes.annotate(name, (minute, value), shift, textcoords="offset points", va="center", fontsize=8, color=INK)


def _starts(trials: Iterable[DoneTrial]) -> list[float]:
    """Return the minute at which each trial started, and the one at which the last one ended."""
    starts, now = [], 0.0
    for done in trials:
        now += done.waited_s / 60
        starts.append(now)
        now += done.trial.elapsed_ns / 60e9
    return [*starts, now]


def _drawable(lines: Lines) -> Lines:
    """Return the lines with more than one moment: a single one would be an empty plot."""
    return {name: points for name, points in lines.items() if len({minute for minute, _ in points}) > 1}


def _temperatures(read: Sequence[tuple[float, Conditions]]) -> Lines:
    """Return the three sensors that got hottest."""
    lines: Lines = {}
    for minute, found in read:
        for item in found.temperatures:
            lines.setdefault(shown(item.sensor, 32), []).append((minute, item.celsius))
    hottest = sorted(lines, key=lambda name: (-max(value for _, value in lines[name]), name))[:3]
    return {name: sorted(lines[name]) for name in hottest}


def _frequencies(read: Sequence[tuple[float, Conditions]]) -> Lines:
    """Return the fastest and the slowest of the processors that a trial could run on."""
    told = [(minute, found.freq_khz) for minute, found in read if found.freq_khz]
    fastest, slowest = (sorted((minute, end(khz) / 1e6) for minute, khz in told) for end in (max, min))
    if fastest == slowest:
        return {"all cores": fastest} if told else {}
    return {"fastest": fastest, "slowest": slowest}


def _drift(timed: Iterable[tuple[float, DoneTrial]], series: str) -> Lines:
    """Return the median of each process over the median of those of its file, runtime and thread count."""
    found: dict[Configuration, list[tuple[float, float]]] = {}
    for start, done in timed:
        for item in done.trial.series:
            if item.name == series and item.run_ns:
                group = (done.file, done.trial.runtime, done.trial.threads)
                found.setdefault(group, []).append((start, float(np.median(item.run_ns))))
    lines: Lines = {}
    for (file, _, _), points in found.items():
        middle = float(np.median([value for _, value in points]))
        if middle > 0:
            lines.setdefault(file, []).extend((minute, value / middle) for minute, value in points)
    return lines
