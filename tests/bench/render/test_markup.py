from __future__ import annotations

import html

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.bench.render.markup import LONGEST, element, escaped, inline_svg, numeric_columns, shown, table
from edgebert.printable import printable
from tests.bench.pages import parsed

SVG = """<?xml version="1.0"?>
<svg xmlns:xlink="http://www.w3.org/1999/xlink" width="9pt" height="9pt" viewBox="0 0 9 9"
 xmlns="http://www.w3.org/2000/svg" version="1.1">
 <metadata>who</metadata>
 <defs><style type="text/css">*{stroke-linejoin: round}</style></defs>
 <g id="patch_1"><path d="M 0 0" style="fill: #ffffff"/></g>
 <g id="axes_1"><clipPath id="clip"><rect x="1.23456" y="2" width="3" height="4"/></clipPath>
 <path id="mark" d="M 1.23456 -7.000001
L 2 3" clip-path="url(#clip)" style="fill: #24292f; stroke: #123456"/>
 <use xlink:href="#mark" x="1" y="2"/>
 <text style="font-size: 10px; font-family: 'DejaVu Sans', sans-serif; text-anchor: middle">a &lt;b&gt;</text></g>
</svg>"""


@given(st.text())
def test_a_text_reads_back_as_it_was_shown(text: str):
    """Whatever a text holds, a browser gets exactly its printable letters, and no element."""
    page = parsed(element("p", escaped(text), title=text))
    assert [found.tag for found in page.elements] == ["p"]
    assert page.elements[0].text == page.elements[0].attributes["title"] == printable(text)
    assert len(printable(text).splitlines()) <= 1


@given(st.text())
def test_a_name_never_fills_a_page(text: str):
    """A name stands on one line, of at most so many letters."""
    assert len(shown(text)) <= LONGEST
    assert shown(shown(text)) == shown(text)


@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["1", "-", "2.5"], True),
        (["+1.20 (-0.10 to +0.30)", "-"], True),
        (["99.00 % (97 to 99)"], True),
        (["3.20 x (3.10 to 3.30)"], True),
        (["1,234"], True),
        (["faster"], False),
        (["2x4"], False),
        (["<b>"], False),
    ],
)
def test_numbers_stand_on_the_right(cells: list[str], expected: bool):
    """A column is numeric when each of its cells is a number, with a unit or an interval behind it, or empty."""
    assert numeric_columns([["name", cell] for cell in cells]) == [False, expected]


def test_a_table_names_its_rows_and_columns():
    """Each header has a scope, the first cell of a row is its header, and the part that scrolls has a name."""
    page = parsed(table("cap <1>", ["file", "ms"], [["a&b", "1.0"], ["c", "-"]], name="cap on device"))
    assert [(cell.attributes["scope"], cell.text) for cell in page.all("th")] == [
        ("col", "file"),
        ("col", "ms"),
        ("row", "a&b"),
        ("row", "c"),
    ]
    assert [(cell.attributes.get("class"), cell.text) for cell in page.all("td")] == [
        ("number", "1.0"),
        ("number", "-"),
    ]
    assert page.all("caption")[0].text == "cap <1>"
    assert page.all("div")[0].attributes == {
        "class": "wide",
        "role": "region",
        "tabindex": "0",
        "aria-label": "cap on device",
    }


def test_a_picture_becomes_part_of_the_page():
    """It has a name, ids that its links follow, the colours of the page, and neither background nor fonts."""
    text = inline_svg(SVG, name='"x" <y>', prefix="p1-", colours={"#24292f": "ink"})
    page = parsed(text)
    root = page.elements[0]
    assert root.attributes == {"viewbox": "0 0 9 9", "role": "img", "aria-label": '"x" <y>'}
    assert [item.attributes["id"] for item in page.elements if "id" in item.attributes] == ["p1-clip", "p1-mark"]
    assert page.all("use")[0].attributes["href"] == "#p1-mark"
    path = page.all("path")[0].attributes
    assert path["clip-path"] == "url(#p1-clip)"
    assert path["d"] == "M 1.2 -7.0 L 2 3"
    assert path["style"] == "fill:var(--ink);stroke:#123456"
    assert page.all("text")[0].text == "a <b>"
    for gone in ("metadata", "#ffffff", "DejaVu", "http", "<style", "xmlns"):
        assert gone not in text
    assert html.unescape("&lt;b&gt;") not in text
