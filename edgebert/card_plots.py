"""The plots of a model card: sizes against the change of the metric, and what pruning left."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebert.metrics import METRICS
from edgebert.plotting import BLUE, GREY, INK, ORANGE, PALE, draw_change, open_axes, svg_figure
from edgebert.printable import printable

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from matplotlib.axes import Axes

    from edgebert.architecture import Architecture, Pruning
    from edgebert.manifest import Manifest


def change_axis(metric: str) -> str:
    """Return the name of an axis with the change of a metric, with its unit."""
    unit = f" ({METRICS[metric].unit})" if METRICS[metric].unit else ""
    return f"change of {METRICS[metric].name}{unit}"


def draw_size_accuracy(manifest: Manifest, path: Path) -> None:
    """Draw size in MB against the change of accuracy from the float file, as an SVG file.

    The changes are paired text by text and have their 95 % intervals, so that a picture shows what the table says.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    scored = [
        (item, item.score)
        for item in manifest.artifacts
        if item.score and (item.role == "baseline" or item.score.difference is not None)
    ]
    with svg_figure(path, height=4.0) as figure:
        axes = figure.subplots()
        for item, score in scored:
            metric = METRICS[score.metric]
            size, change = item.size_bytes / 1e6, metric.scale * (score.difference or 0.0)
            low, high = (
                change if end is None else metric.scale * end for end in (score.difference_low, score.difference_high)
            )
            value = f"{100 * score.value:.1f} %" if metric.in_points else metric.shown(score.value)
            shape, colour = ("o", BLUE) if item.format == "onnx" else ("s", ORANGE)
            colour = GREY if item.role == "baseline" else colour
            label = f"{printable(item.file)}: {size:.1f} MB, {value}"
            draw_change(axes, size, change, (low, high), fmt=shape, color=colour, label=label)
        open_axes(axes, "file size (MB)", change_axis(scored[0][1].metric))
        axes.axhline(0, color=GREY, linewidth=0.8, linestyle="--", zorder=0)
        axes.set_xlim(0, max(item.size_bytes for item, _ in scored) / 1e6 * 1.35)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)


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
