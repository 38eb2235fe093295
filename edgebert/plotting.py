"""The canvas and the palette of every plot: equal values give equal bytes."""

from __future__ import annotations

import contextlib
import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TextIO
from xml.etree import ElementTree as ET

from edgebert.errors import MissingExtraError
from edgebert.printable import printable
from edgebert.staging import replace_file

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HUES = BLUE, ORANGE, GREEN, PURPLE, RED = ("#0f6fc5", "#d9730d", "#2e8b57", "#8e4ec6", "#c62828")
INK, GREY, PALE = "#24292f", "#8a8f98", "#d5d9df"

_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_FONTS = re.compile(r"font-family:[^;]*;?\s*")


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


def plain_axes(axes: Axes, x: str, y: str) -> None:
    """Name the axes and draw them in colours that a page can replace by its own."""
    axes.set_xlabel(x, color=INK)
    axes.set_ylabel(y, color=INK)
    axes.set_facecolor("none")
    axes.tick_params(colors=INK)
    axes.grid(color=PALE, linewidth=0.7)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(GREY)


def log_axis(axes: Axes, least: float, most: float) -> None:
    """Make the horizontal axis logarithmic, with plain numbers also where it does not reach across a power of ten."""
    low, high = least / 1.06, most * 1.06
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    quarters = tuple(quarter / 4 for quarter in range(4, 40))
    steps = (1, 2, 5) if high / low > 8 else (1, 1.5, 2, 3, 4, 5, 7) if high / low > 2 else quarters
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks = [step * 10.0**power for power in powers for step in steps if low <= step * 10.0**power <= high]
    ticks = ticks or [float(f"{(low * high) ** 0.5:.3g}")]
    axes.set_xticks(ticks, [f"{tick:.4g}" for tick in ticks])
    axes.set_xticks([], minor=True)


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


def inline_svg(svg: str, *, name: str, prefix: str, colours: Mapping[str, str]) -> str:
    """Return a picture of ``svg_figure`` as an element of a page.

    It follows the font and the colours of the page, loads nothing, has ids of its own, and is smaller than it was.

    Args:
        svg: SVG text with letters left as text.
        name: What the picture shows, for those who cannot see it.
        prefix: Start of its ids, unlike that of every other picture of the page.
        colours: Name of the CSS variable for each colour it was drawn in, as in ``#24292f``.
    """
    root = ET.fromstring(svg)  # noqa: S314  (made here, not read)
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in {f"{_SVG}metadata", f"{_SVG}style"} or child.get("id") == "patch_1":
                parent.remove(child)
    values = [value for item in root.iter() for value in item.attrib.values()]
    used = {match for value in values for match in re.findall(r"#([\w.-]+)", value)}
    for item in root.iter():
        item.tag = item.tag.removeprefix(_SVG)
        item.text, item.tail = (item.text or "").strip() or None, None
        given = {key.replace(_LINK, "href"): value for key, value in item.attrib.items()}
        item.attrib = {
            key: _attribute(key, value, prefix, colours) for key, value in given.items() if key != "id" or value in used
        }
    for key in ("width", "height", "version"):
        root.attrib.pop(key, None)
    root.attrib |= {"role": "img", "aria-label": printable(name)}
    return ET.tostring(root, encoding="unicode")


def _attribute(key: str, value: str, prefix: str, colours: Mapping[str, str]) -> str:
    if key == "id":
        return prefix + value
    if key == "href":
        return f"#{prefix}{value[1:]}"
    if key == "clip-path":
        return value.replace("url(#", f"url(#{prefix}")
    if key in {"d", "x", "y", "transform"}:
        return " ".join(_NUMBER.sub(lambda match: f"{float(match[0]):.1f}", value).split())
    if key == "style":
        value = _FONTS.sub("", value).replace("; ", ";").replace(": ", ":")
        for colour, variable in colours.items():
            value = value.replace(colour, f"var(--{variable})")
    return value
