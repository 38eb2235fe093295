"""The pictures of a model card, made from values alone: equal values give equal bytes."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from edgebert.architecture import Architecture, Pruning
from edgebert.errors import MissingExtraError
from edgebert.manifest import Artifact, Manifest, Score
from edgebert.printable import printable
from edgebert.staging import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_ONNX, _TFLITE, _FLOAT, _PALE, _INK = "#0f6fc5", "#d9730d", "#8a8f98", "#d5d9df", "#24292f"


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
            _draw_point(axes, item, score)
        axes.set_xlabel("file size (MB)")
        axes.set_ylabel(f"change of {scored[0][1].metric.replace('_', ' ')} (points)")
        axes.axhline(0, color=_FLOAT, linewidth=0.8, linestyle="--", zorder=0)
        axes.set_xlim(0, max(item.size_bytes for item, _ in scored) / 1e6 * 1.35)
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        figure.legend(loc="outside lower center", ncols=2, frameon=False)


def draw_pruning(pruning: Pruning, architecture: Architecture, path: Path) -> None:
    """Draw the heads and neurons that stayed in each layer of the original, as an SVG file.

    Args:
        pruning: What was cut.
        architecture: Shape of what is left.
        path: File to write.

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
    axes.barh(places, original, height=0.72, color=_PALE)
    axes.barh(places, [left.get(layer, 0) for layer in places], height=0.72, color=_ONNX)
    for layer in places:
        text = f"{left[layer]:,} of {original[layer]:,}" if layer in left else "dropped"
        axes.text(original[layer] + 0.03 * widest, layer, text, va="center", color=_INK)
    axes.set_title(what, fontsize=11, loc="left")
    axes.set_xlim(0, 1.55 * widest)
    axes.set_ylim(-0.6, len(original) - 0.4)
    axes.set_xticks([])
    axes.spines[["top", "right", "bottom"]].set_visible(False)


def _draw_point(axes: Axes, item: Artifact, score: Score) -> None:
    size, change = item.size_bytes / 1e6, 100 * (score.difference or 0.0)
    low, high = (change if end is None else 100 * end for end in (score.difference_low, score.difference_high))
    axes.errorbar(
        [size],
        [change],
        yerr=None if low == high else [[change - low], [high - change]],
        fmt="o" if item.format == "onnx" else "s",
        capsize=4,
        markersize=7,
        color=_FLOAT if item.role == "baseline" else (_ONNX if item.format == "onnx" else _TFLITE),
        label=f"{printable(item.file)}: {size:.1f} MB, {100 * score.value:.1f} %",
    )


@contextlib.contextmanager
def svg_figure(
    out: Path | TextIO, *, height: float, width: float = 7.0, letters: Literal["path", "none"] = "path"
) -> Iterator[Figure]:
    """Give a figure and save it as SVG when the block ends well.

    Args:
        out: File to write, whole or not at all, or a stream to write to.
        height: In inches.
        width: In inches.
        letters: ``path`` draws them as outlines, which need no font; ``none`` leaves them text.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib import style
        from matplotlib.figure import Figure
    except ImportError as error:
        raise MissingExtraError("matplotlib", extra="report", purpose="drawing a picture") from error
    # A fixed salt, no date, and no settings of the user's: equal values give equal pictures. A dollar sign in a name is
    # no formula.
    settings = {"svg.hashsalt": "edgebert", "font.size": 10, "svg.fonttype": letters, "text.parse_math": False}
    with style.context(["default", settings]):
        figure = Figure(figsize=(width, height), layout="constrained")
        yield figure
        with warnings.catch_warnings():
            # Letters that are left text are drawn with the fonts of the reader.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
            drawn = io.StringIO()
            figure.savefig(drawn, format="svg", metadata={"Date": None, "Creator": "edgebert"})
        if isinstance(out, Path):
            replace_file(out, drawn.getvalue().encode())
        else:
            out.write(drawn.getvalue())
