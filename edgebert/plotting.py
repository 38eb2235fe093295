"""The canvas and the palette of every plot: equal values give equal bytes."""

from __future__ import annotations

import contextlib
import io
import math
import re
import warnings
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True, kw_only=True)
class ForestRow:
    """A file in a picture of changes: its name, its change with the 95 % interval, and its size.

    Attributes:
        name: Name of the file.
        text: What is written beside the name, e.g. the change in words.
        change: Change of the metric from the FP32 model, in the unit of the axis.
        low: Lower end of its interval.
        high: Upper end of its interval.
        size_mb: Size of the file in MB of 1,000,000 bytes.
        baseline_mb: Size of the FP32 file that it is compared with; ``None`` where it is not known.
        is_gain: Whether a change above 0 is better.
    """

    name: str
    text: str
    change: float
    low: float
    high: float
    size_mb: float
    baseline_mb: float | None
    is_gain: bool = True

    @property
    def verdict(self) -> str:
        """What the interval says: one of ``VERDICTS``."""
        low, high = (self.low, self.high) if self.is_gain else (-self.high, -self.low)
        return "significant drop" if high < 0 else "significant gain" if low > 0 else "no significant change"


VERDICTS = {"significant drop": RED, "no significant change": BLUE, "significant gain": GREEN}
"""What an interval of a change can say, and the colour of each."""

FOREST_ROW, FOREST_REST = 0.62, 1.25
"""Height of a row of ``draw_forest`` and of all else in it, in inches."""

_LETTERS = 8.2
"""Letters for each inch of such a picture that are not drawn into the sizes beside them."""


def draw_forest(figure: Figure, rows: Sequence[ForestRow], *, change_of: str) -> None:
    """Draw the change of each file with its interval, beside a bar of its size over that of the FP32 file.

    Args:
        figure: Where; about ``FOREST_ROW`` inches high for each row and ``FOREST_REST`` for the axes.
        rows: The files, the first on top.
        change_of: Name of the axis, with the unit.
    """
    left, right = figure.subplots(1, 2, width_ratios=(1.7, 1))
    ends = [0.0, *(end for row in rows for end in (row.low, row.high))]
    margin = 0.07 * (max(ends) - min(ends)) or 1.0
    left.set_xlim(min(ends) - margin, max(ends) + margin)
    left.axvline(0, color=INK, linewidth=1.2, zorder=1.5)
    at_top = {"xycoords": ("data", "axes fraction"), "textcoords": "offset points", "ha": "center"}
    left.annotate("FP32 model", (0, 1), (0, 3), fontsize=9, color=INK, **at_top)
    longest = int(_LETTERS * figure.get_figwidth())
    widest = max(max(row.size_mb, row.baseline_mb or 0.0) for row in rows)
    for place, row in enumerate(rows):
        colour, above = VERDICTS[row.verdict], {"va": "bottom", "fontsize": 9, "color": INK}
        label = f"{row.name}: {row.text}"
        if len(label) > longest:
            name = row.name if len(row.name) <= longest - 3 else f"{row.name[: longest - 4]}…"
            label = f"{name}\n{row.text}"
        left.annotate(label, (0, place - 0.2), xycoords=("axes fraction", "data"), **above).set_in_layout(False)
        reach = None if row.low == row.high else [[row.change - row.low], [row.high - row.change]]
        left.errorbar([row.change], [place + 0.08], xerr=reach, fmt="o", color=colour, capsize=4, markersize=7)
        if row.baseline_mb is not None:
            right.barh(place + 0.08, row.baseline_mb, height=0.3, color=PALE)
        right.barh(place + 0.08, row.size_mb, height=0.3, color=GREY)
        size = f"{row.size_mb:.1f} MB" if row.baseline_mb is None else f"{row.size_mb:.1f} of {row.baseline_mb:.1f} MB"
        right.annotate(size, (0, place - 0.2), **above)
    for axes, name in ((left, change_of), (right, "size in MB, pale: FP32")):
        plain_axes(axes, name, "")
        axes.set_ylim(len(rows) - 0.55, -0.75)
        axes.set_yticks([])
        axes.spines["left"].set_visible(False)
    right.set_xlim(0, 1.02 * widest)


def forest_legend(figure: Figure, rows: Sequence[ForestRow]) -> None:
    """Name the colours of ``draw_forest`` below it, for a picture that stands alone."""
    from matplotlib.lines import Line2D

    verdicts = dict.fromkeys(row.verdict for row in rows)
    marks = [Line2D([], [], color=VERDICTS[verdict], marker="o", label=verdict) for verdict in verdicts]
    figure.legend(handles=marks, loc="outside lower left", ncols=3, frameon=False, fontsize=9)


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
