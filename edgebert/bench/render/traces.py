"""What a device did while it was measured, drawn over the minutes of the run."""

from __future__ import annotations

import io
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgebert.bench.render.plots import canvas, marks, plain_axes, short_name
from edgebert.plotting import INK

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from edgebert.bench.report import BundleFacts, DoneTrial, Measurement

_PANEL_POINTS = 65
_LINE_SHARE = 0.15

Lines = dict[str, list[tuple[float, float]]]
"""Points of each line: minute and value."""


def draw_trace(measurement: Measurement, bundle: BundleFacts, series: str) -> str | None:
    """Draw over the minutes of the run: temperatures, frequencies, and each process's median over its file's.

    The minutes are added up from the workers' own steady clocks and the waits before them: setting the time of day
    does not bend the axis.
    """
    starts = _starts(measurement.trials)
    panels = [
        panel
        for panel in (
            ("°C", _temperatures(measurement, starts)),
            ("GHz", _frequencies(measurement, starts)),
            ("time / median", _drift(measurement, starts, series)),
        )
        if panel[1]
    ]
    if not panels:
        return None
    looks, out = marks(bundle), io.StringIO()
    with canvas(out, height=0.5 + 1.35 * len(panels)) as figure:
        for axes, (unit, lines) in zip(
            figure.subplots(len(panels), sharex=True, squeeze=False)[:, 0], panels, strict=True
        ):
            if looks.keys() >= lines.keys():
                for name, points in sorted(lines.items()):
                    x, y = zip(*points, strict=True)
                    look = looks[name]
                    axes.plot(x, y, look.shape, color=look.colour, markersize=3.5, markerfacecolor=look.face)
            else:
                _named_lines(axes, lines)
            plain_axes(axes, "", unit)
        axes.set_xlabel("minutes of measuring", color=INK)
    return out.getvalue()


def _named_lines(axes: Axes, lines: Lines) -> None:
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


def _temperatures(measurement: Measurement, starts: Sequence[float]) -> Lines:
    """Return the three sensors that got hottest, and the battery."""
    lines: Lines = {}
    for start, done in zip(starts, measurement.trials, strict=False):
        for found in done.trial.conditions:
            for item in found.temperatures:
                lines.setdefault(short_name(item.sensor), []).append((start + found.at_ns / 60e9, item.celsius))
    hottest = sorted(lines, key=lambda name: (-max(value for _, value in lines[name]), name))[:3]
    lines = {name: sorted(lines[name]) for name in hottest}
    for state in measurement.states:
        if state.battery_celsius is not None and 0 <= state.trial < len(starts):
            lines.setdefault("battery", []).append((starts[state.trial], state.battery_celsius))
    return lines


def _frequencies(measurement: Measurement, starts: Sequence[float]) -> Lines:
    """Return the fastest and the slowest of the processors that a trial could run on."""
    lines: Lines = {}
    for start, done in zip(starts, measurement.trials, strict=False):
        for found in done.trial.conditions:
            if found.freq_khz:
                minute = start + found.at_ns / 60e9
                lines.setdefault("fastest", []).append((minute, max(found.freq_khz) / 1e6))
                lines.setdefault("slowest", []).append((minute, min(found.freq_khz) / 1e6))
    if lines and lines["fastest"] == lines["slowest"]:
        lines = {"all cores": lines["fastest"]}
    return {name: sorted(points) for name, points in lines.items()}


def _drift(measurement: Measurement, starts: Sequence[float], series: str) -> Lines:
    """Return the median of each process over the median of those of its file, runtime and thread count."""
    found: dict[tuple[str, str, int], list[tuple[float, float]]] = {}
    for start, done in zip(starts, measurement.trials, strict=False):
        for item in done.trial.series:
            if item.name == series and item.run_ns:
                median = float(np.median(item.run_ns))
                group = (done.file, done.trial.runtime, done.trial.threads)
                found.setdefault(group, []).append((start, median))
    lines: Lines = {}
    for (file, _, _), points in found.items():
        middle = float(np.median([value for _, value in points]))
        if middle > 0:
            lines.setdefault(file, []).extend((minute, value / middle) for minute, value in points)
    return lines
