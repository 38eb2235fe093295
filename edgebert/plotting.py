"""The canvas and the palette of every plot: equal values give equal bytes."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO

from edgebert.errors import MissingExtraError
from edgebert.staging import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HUES = BLUE, ORANGE, GREEN, PURPLE, RED = ("#0f6fc5", "#d9730d", "#2e8b57", "#8e4ec6", "#c62828")
INK, GREY, PALE = "#24292f", "#8a8f98", "#d5d9df"


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


def open_axes(axes: Axes, x: str, y: str) -> None:
    """Name the axes, draw a pale grid, and leave out the lines above and on the right."""
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)


def draw_change(axes: Axes, x: float, change: float, interval: tuple[float, float], **style: object) -> None:
    """Draw one value with its interval, which has no bar where it has no width.

    Args:
        axes: Where.
        x: Place on the horizontal axis.
        change: The value.
        interval: Its ends.
        **style: Arguments of ``Axes.errorbar``, as ``fmt``, ``color`` and ``label``.
    """
    low, high = interval
    ends = None if low == high else [[change - low], [high - change]]
    axes.errorbar([x], [change], yerr=ends, capsize=4, markersize=7, **style)  # type: ignore[arg-type]
