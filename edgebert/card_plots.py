"""The plots of a model card: change of the metric and size of each file, and what pruning left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebert.metrics import METRICS
from edgebert.plotting import (
    BLUE,
    FOREST_REST,
    FOREST_ROW,
    INK,
    PALE,
    ForestRow,
    draw_forest,
    forest_legend,
    svg_figure,
)
from edgebert.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from edgebert.architecture import Architecture, Pruning
    from edgebert.manifest import Artifact, FileEntry, Manifest, Score


def change_axis(metric: str) -> str:
    """Return the name of an axis with the change of a metric, with its unit."""
    unit = f" ({METRICS[metric].unit})" if METRICS[metric].unit else ""
    return f"change of {METRICS[metric].name}{unit}"


def draw_changes(manifest: Manifest, path: Path) -> None:
    """Draw the change of the metric from the FP32 model for each shipped file, and its size, as an SVG file.

    The changes are paired text by text and have their 95 % intervals, so that a picture shows what the table says.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    scored = [(item, item.score) for item in manifest.artifacts if item.score and item.score.difference is not None]
    rows = [forest_row(item.file, score, item.size_bytes, baseline_bytes(manifest, item)) for item, score in scored]
    with svg_figure(path, height=FOREST_REST + FOREST_ROW * len(rows)) as figure:
        draw_forest(figure, rows, change_of=change_axis(scored[0][1].metric))
        forest_legend(figure, rows)


def baseline_bytes(manifest: Manifest, artifact: Artifact) -> int:
    """Return the size in bytes of the FP32 baseline of a file's format, also of one that a slim bundle leaves out."""
    listed: tuple[Artifact | FileEntry, ...] = (*manifest.artifacts, *manifest.left_out)
    return {item.file: item.size_bytes for item in listed}[f"baseline/float32.{artifact.format}"]


def forest_row(file: str, score: Score, size_bytes: int, baseline_bytes: int | None) -> ForestRow:
    """Return a row of ``draw_forest`` for a file with a score that is paired with its baseline."""
    metric = METRICS[score.metric]
    change, low, high = (end or 0.0 for end in (score.difference, score.difference_low, score.difference_high))
    value = f"{metric.scale * score.value:.1f} %" if metric.in_points else metric.shown(score.value)
    told, least, most = (metric.shown(end, sign=True) for end in (change, low, high))
    return ForestRow(
        name=printable(file),
        text=f"{value}, {told} ({least} to {most})",
        change=metric.scale * change,
        low=metric.scale * low,
        high=metric.scale * high,
        size_mb=size_bytes / 1e6,
        baseline_mb=None if baseline_bytes is None else baseline_bytes / 1e6,
        is_gain=not metric.is_error,
    )


def draw_pruning(pruning: Pruning, architecture: Architecture, path: Path) -> None:
    """Draw the heads and neurons that stayed in each layer of the original, as an SVG file.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    original = pruning.original
    with svg_figure(path, height=1.0 + 0.4 * original.layers) as figure:
        left, right = figure.subplots(1, 2, sharey=True)
        _draw_widths(left, "attention heads", original.heads, pruning.layers, architecture.heads)
        _draw_widths(right, "feed-forward neurons", original.neurons, pruning.layers, architecture.neurons)
        left.set_ylabel("layer")
        left.set_yticks(range(original.layers), [str(layer + 1) for layer in range(original.layers)])
        for axes in (left, right):
            axes.tick_params(axis="y", length=0)
        bars = left.containers
        figure.legend([bars[1], bars[0]], ["kept", "original"], loc="outside lower center", ncols=2, frameon=False)


def _draw_widths(axes: Axes, what: str, original: Sequence[int], layers: Sequence[int], kept: Sequence[int]) -> None:
    """Draw one bar for each layer: pale as wide as the original, dark as wide as what is left, and both numbers."""
    left = dict(zip(layers, kept, strict=True))
    places, widest = range(len(original)), max(original)
    axes.barh(places, original, height=0.72, color=PALE)
    axes.barh(places, [left.get(layer, 0) for layer in places], height=0.72, color=BLUE)
    for layer in places:
        text = f"{left[layer]:,} of {original[layer]:,}" if layer in left else "dropped"
        axes.text(original[layer] + 0.03 * widest, layer, text, va="center", color=INK)
    axes.set_title(what, fontsize=11, loc="left")
    axes.set_xlim(0, 1.55 * widest)
    axes.set_ylim(-0.6, len(original) - 0.4)
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)
