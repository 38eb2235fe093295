"""The picture of a plan: size against change of the metric of all that was tried, the front, bounds and pick."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from edgebert.planning.values import ORIGINAL, Measured, SearchResult
from edgebert.plotting import GREY, INK, ORANGE, PALE, RED, open_axes, svg_figure
from edgebert.printable import printable

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection

_MARKS = {"float32": "s", "int8": "o"}


def draw_plan(plan: SearchResult, path: Path) -> None:
    """Draw every trial by size in MB and change of the metric, as an SVG file.

    The change is from the float original, text by text; trials of the front have its 95 % interval. Colour tells the
    cost (time or work). A line joins the best at each size.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with svg_figure(path, height=4.8) as figure:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

        axes = figure.subplots()
        if any(trial.candidate == ORIGINAL for trial in plan.trials):
            axes.axhline(-plan.bounds.max_drop, color=RED, linewidth=0.8, linestyle="--", zorder=0, label="bounds")
        if plan.bounds.max_mb:
            axes.axvline(plan.bounds.max_mb, color=RED, linewidth=0.8, linestyle="--", zorder=0)
        points = [_draw_trials(axes, plan, precision) for precision in _MARKS]
        _draw_front(axes, plan)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        metric = plan.trials[0].metric
        change = f"{'improvement' if metric.is_error else 'change'} of {metric.name} from the float original"
        open_axes(axes, "file size (MB)", f"{change} ({metric.unit})" if metric.unit else change)
        what = "time" if plan.options.is_timed else "work"
        figure.colorbar(points[0], ax=axes, label=f"{what} (% of the float original)")
        figure.legend(
            loc="outside lower center", ncols=6, frameon=False, handletextpad=0.2, columnspacing=1.0, fontsize=9
        )


def _draw_trials(axes: Axes, plan: SearchResult, precision: str) -> PathCollection:
    """Draw the trials of one precision, those that others beat in everything smaller."""
    chosen, mark = [trial for trial in plan.trials if trial.candidate.precision == precision], _MARKS[precision]
    if distilled := [trial for trial in chosen if trial.candidate.distill]:
        axes.scatter(*_places(distilled), s=95, marker=mark, facecolors="none", edgecolors=ORANGE, zorder=3)
    costs, areas = [100 * trial.cost for trial in chosen], [46 if trial in plan.front else 16 for trial in chosen]
    return axes.scatter(
        *_places(chosen), c=costs, marker=mark, s=areas, label=precision, zorder=2, vmin=0, vmax=100, cmap="viridis_r"
    )


def _draw_front(axes: Axes, plan: SearchResult) -> None:
    """Draw intervals, the line and the pick, and name in the legend what the marks mean."""
    axes.plot(*_places(_best_by_size(plan.trials)), color=GREY, linewidth=1, zorder=1, label="best at its size")
    for trial in plan.front:
        axes.plot([trial.size_mb] * 2, [-drop for drop in trial.drop_interval], color=PALE, zorder=0)
    if any(trial.candidate.distill for trial in plan.trials):
        axes.scatter([], [], s=95, facecolors="none", edgecolors=ORANGE, label="distilled")
    if plan.pick is not None:
        place = _places([plan.pick])
        axes.scatter(*place, s=230, facecolors="none", edgecolors=RED, linewidths=1.6, zorder=3, label="pick")
        axes.set_title(f"pick: {printable(plan.pick.name)}", fontsize=11, loc="left", color=INK)


def _places(trials: Sequence[Measured]) -> tuple[list[float], list[float]]:
    """Return sizes in MB and changes in the unit of the metric, losses below 0."""
    return [trial.size_mb for trial in trials], [-trial.drop + 0.0 for trial in trials]


def _best_by_size(trials: tuple[Measured, ...]) -> list[Measured]:
    """Return the trials that are better than all smaller ones, the smallest first."""
    best: list[Measured] = []
    for trial in sorted(trials, key=lambda t: (t.size_bytes, -t.quality)):
        if not best or trial.quality > best[-1].quality:
            best.append(trial)
    return best
