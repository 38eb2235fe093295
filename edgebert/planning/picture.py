"""The picture of a plan: size against change of the metric of all that was tried, the front, bounds and pick."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebert.planning.values import ORIGINAL, Candidate, Measured, SearchResult
from edgebert.plotting import BLUE, GREY, INK, PALE, RED, open_axes, svg_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.collections import PathCollection
    from matplotlib.transforms import Bbox

_MARKS = {"float32": ("s", "FP32 file"), "int8": ("o", "int8 file")}
_COST_SPREAD = 0.01
_SHIFTS = [(9, 7), (-9, 7), (9, -7), (-9, -7), (0, 12), (0, -12), (13, 0), (-13, 0), (14, 14), (-14, 14)]
"""Where a number can be, in points from its mark."""


def draw_plan(plan: SearchResult, path: Path) -> None:
    """Draw every trial by size in MB and change of the metric, as an SVG file.

    The change is from the FP32 original, text by text; trials of the front have its 95 % interval. A key names the
    original, the front and the pick, the smallest file first. Colour tells the cost (time or work), unless all cost the
    same. A line joins the best at each size, and dashed lines are the bounds.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    named = [trial for trial in plan.trials if trial.candidate == ORIGINAL or trial in plan.front or trial == plan.pick]
    named.sort(key=lambda trial: (trial.size_bytes, trial.name))
    with svg_figure(path, height=4.6 + 0.18 * len(named)) as figure:
        from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

        axes = figure.subplots()
        costs = [trial.cost for trial in plan.trials]
        shaded: dict[str, Any] = {"vmin": 0, "vmax": 100, "cmap": "viridis_r"}
        has_shades = max(costs) - min(costs) > _COST_SPREAD
        points = _draw_trials(axes, plan, shaded if has_shades else None)
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        metric = plan.trials[0].metric
        change = f"{'improvement' if metric.is_error else 'change'} of {metric.name} from the FP32 original"
        open_axes(axes, "file size (MB)", f"{change} ({metric.unit})" if metric.unit else change)
        if has_shades:
            what = "time" if plan.options.is_timed else "work"
            figure.colorbar(points[0], ax=axes, label=f"{what} (% of the FP32 original)")
        _draw_lines(axes, plan)
        figure.legend(loc="outside upper left", ncols=5, frameon=False, fontsize=9)
        key = [_key_line(number, trial, plan) for number, trial in enumerate(named, start=1)]
        (blank,) = axes.plot([], [], " ")
        style = {"handlelength": 0, "handletextpad": 0, "fontsize": 9, "frameon": False}
        figure.legend([blank] * len(key), key, loc="outside lower left", **style)
        figure.draw_without_rendering()  # numbers find their place in the layout
        _draw_names(axes, named, plan)


def candidate_label(candidate: Candidate) -> str:
    """Return a short name of a candidate, as in ``keep 35 %, cut vocabulary, int8``."""
    if candidate == ORIGINAL:
        return "FP32 original"
    words = [f"keep {100 * candidate.keep:g} %"]
    words += ["cut vocabulary"] if candidate.vocabulary else []
    words += ["distilled"] if candidate.distill else []
    return ", ".join([*words, "FP32" if candidate.precision == "float32" else candidate.precision])


def _draw_trials(axes: Axes, plan: SearchResult, shaded: dict[str, Any] | None) -> list[PathCollection]:
    """Draw the trials by precision, those that others beat in everything smaller."""
    points = []
    for precision, (mark, label) in _MARKS.items():
        chosen = [trial for trial in plan.trials if trial.candidate.precision == precision]
        if chosen:
            areas = [46 if trial in plan.front or trial.candidate == ORIGINAL else 16 for trial in chosen]
            colour = {"color": BLUE} if shaded is None else shaded | {"c": [100 * trial.cost for trial in chosen]}
            points.append(axes.scatter(*_places(chosen), marker=mark, s=areas, zorder=3, label=label, **colour))
    for index, trial in enumerate(plan.front):
        interval = "_nolegend_" if index else "95 % interval"
        axes.plot([trial.size_mb] * 2, [-drop for drop in trial.drop_interval], color=PALE, zorder=0, label=interval)
    if plan.pick is not None:
        place = _places([plan.pick])
        axes.scatter(*place, s=230, facecolors="none", edgecolors=RED, linewidths=1.6, zorder=4, label="pick")
    return points


def _draw_lines(axes: Axes, plan: SearchResult) -> None:
    """Draw the line of the best at each size, that of no change, and the bounds, each bound with its value."""
    axes.plot(*_places(_best_by_size(plan.trials)), color=GREY, linewidth=1, zorder=1, label="best at its size")
    bounds, metric = plan.bounds, plan.trials[0].metric
    style: dict[str, Any] = {"color": RED, "linewidth": 0.9, "linestyle": "--"}
    axes.axhline(0, color=INK, linewidth=0.8, zorder=0)
    axes.axhline(-bounds.max_drop, **style, zorder=0)
    ends: dict[str, Any] = {"xycoords": ("axes fraction", "data"), "fontsize": 8.5, "textcoords": "offset points"}
    axes.annotate("FP32 original", (0, 0), (3, 3), va="bottom", color=INK, **ends)
    unit = f" {metric.unit.removesuffix('s') if bounds.max_drop == 1 else metric.unit}" if metric.unit else ""
    text = f"bound: at most {bounds.max_drop:g}{unit} worse"
    axes.annotate(text, (1, -bounds.max_drop), (-3, -3), ha="right", va="top", color=RED, **ends)
    if bounds.max_mb:
        axes.axvline(bounds.max_mb, **style, zorder=0)
        ends["xycoords"] = ("data", "axes fraction")
        axes.annotate(f"bound: {bounds.max_mb:g} MB", (bounds.max_mb, 0), (3, 4), rotation=90, color=RED, **ends)


def _draw_names(axes: Axes, named: Sequence[Measured], plan: SearchResult) -> None:
    """Write the number of each named trial beside its mark, where it covers the least of what is there."""
    marks = [_box_of(axes, trial) for trial in plan.trials]
    taken: list[Bbox] = [text.get_window_extent() for text in axes.texts]
    style: dict[str, Any] = {"textcoords": "offset points", "ha": "center", "va": "center", "fontsize": 9, "color": INK}
    for number, trial in enumerate(named, start=1):
        tried = []
        for place, shift in enumerate(_SHIFTS):
            made = axes.annotate(str(number), (trial.size_mb, -trial.drop + 0.0), shift, **style, zorder=5)
            made.set_in_layout(False)
            box = made.get_window_extent()
            tried.append((sum(box.overlaps(other) for other in (*taken, *marks)), place, made, box))
        best = min(tried, key=lambda found: found[:2])
        for found in tried:
            if found is not best:
                found[2].remove()
        taken.append(best[3])


def _box_of(axes: Axes, trial: Measured) -> Bbox:
    """Return the square of a mark in pixels."""
    from matplotlib.transforms import Bbox

    x, y = axes.transData.transform((trial.size_mb, -trial.drop))
    return Bbox.from_extents(x - 5, y - 5, x + 5, y + 5)


def _key_line(number: int, trial: Measured, plan: SearchResult) -> str:
    """Return what the key says of a trial: number, name, size and change."""
    metric, pick = trial.metric, " (pick)" if trial == plan.pick else ""
    change = "" if trial.candidate == ORIGINAL else f", {metric.shown(-trial.drop / metric.scale, sign=True)}"
    return f"{number}  {candidate_label(trial.candidate)}: {trial.size_mb:.1f} MB{change}{pick}"


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
