from __future__ import annotations

import html

from edgebert.plotting import inline_svg
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
