"""Pieces of the report page: escaped texts, tables, and pictures that follow the colours of the page.

Every text that a piece takes is untrusted: a device, a file or a sensor may be called ``<script>``.
"""

from __future__ import annotations

import html
import re
from collections.abc import Mapping, Sequence
from xml.etree import ElementTree as ET

from edgebert.printable import printable

LONGEST = 160
"""Characters of a name that are shown; the rest is cut off."""

_SVG, _LINK = "{http://www.w3.org/2000/svg}", "{http://www.w3.org/1999/xlink}href"
_NUMBER = re.compile(r"-?\d+\.\d{3,}")
_FONTS = re.compile(r"font-family:[^;]*;?\s*")
_NUMERIC = re.compile(r"[-+0-9.,<]+( .*|%|)")


def shown(text: str) -> str:
    """Return a name or note as it can be shown, cut off if it is long."""
    line = printable(text)
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def escaped(text: str) -> str:
    """Return a text as HTML."""
    return html.escape(printable(text))


def numeric_columns(rows: Sequence[Sequence[str]]) -> list[bool]:
    """Return for each column whether it belongs on the right: all its cells are numbers or empty, and it is no name."""
    return [
        index > 0 and all(_NUMERIC.fullmatch(cell) for cell in column if cell not in {"", "-"})
        for index, column in enumerate(zip(*rows, strict=True))
    ]


def element(tag: str, inner: str, **attributes: str) -> str:
    """Return an element around HTML; the values of its attributes are texts, ``class_`` and the like lose the dash."""
    given = "".join(f' {name.rstrip("_").replace("_", "-")}="{escaped(value)}"' for name, value in attributes.items())
    return f"<{tag}{given}>{inner}</{tag}>"


def paragraph(text: str, **attributes: str) -> str:
    """Return a paragraph of a text."""
    return element("p", escaped(text), **attributes)


def bullets(texts: Sequence[str]) -> str:
    """Return a list of texts."""
    return element("ul", "".join(element("li", escaped(text)) for text in texts))


def definitions(pairs: Sequence[tuple[str, str]]) -> str:
    """Return a list of names and values."""
    inner = "".join(element("dt", escaped(name)) + element("dd", escaped(value)) for name, value in pairs)
    return element("dl", inner)


def table(caption: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, name: str = "") -> str:
    """Return a table that scrolls by itself where it is too wide; numbers stand on the right.

    Args:
        caption: Its name.
        columns: Headers; the first column names the row.
        rows: Texts, as many in each row as there are columns.
        name: Its name among all tables of the page, for those who hear it; the caption alone by default.
    """
    numeric = numeric_columns(rows)

    def cell(tag: str, index: int, text: str, **attributes: str) -> str:
        return element(tag, escaped(text), **attributes, **({"class_": "number"} if numeric[index] else {}))

    head = "".join(cell("th", index, name, scope="col") for index, name in enumerate(columns))
    body = "".join(
        element(
            "tr",
            cell("th", 0, row[0], scope="row")
            + "".join(cell("td", index, text) for index, text in enumerate(row[1:], start=1)),
        )
        for row in rows
    )
    inner = element("caption", escaped(caption)) + element("thead", element("tr", head)) + element("tbody", body)
    # A part that scrolls must be reachable by keyboard, and needs a name.
    return element(
        "div", element("table", inner), class_="wide", role="region", tabindex="0", aria_label=name or caption
    )


def inline_svg(svg: str, *, name: str, prefix: str, colours: Mapping[str, str]) -> str:
    """Return a picture of matplotlib's as an element of a page.

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
    used = {
        match for item in root.iter() for value in item.attrib.values() for match in re.findall(r"#([\w.-]+)", value)
    }
    for item in root.iter():
        item.tag = item.tag.removeprefix(_SVG)
        item.text, item.tail = (item.text or "").strip() or None, None
        item.attrib = {
            key: value
            for key, value in ((key.replace(_LINK, "href"), value) for key, value in item.attrib.items())
            if key != "id" or value in used
        }
        for key, value in item.attrib.items():
            item.set(key, _attribute(key, value, prefix, colours))
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
