"""The page as it is written: what its policy forbids, and that its words can be read."""

from __future__ import annotations

import re

import pytest

from tests.support.node import REPOSITORY

PAGE = REPOSITORY / "docs" / "web-demo"


def test_the_policy_forbids_all_but_the_own_origin():
    """The page's policy names no host, allows no inline code, and the page holds none."""
    source = (PAGE / "index.html").read_text(encoding="utf-8")
    policy = re.search(r'Content-Security-Policy"\s+content="([^"]*)"', source)
    assert policy is not None
    rules = dict(rule.split(" ", 1) for rule in policy[1].split("; "))
    assert rules["default-src"] == "'none'"
    allowed = {word for value in rules.values() for word in value.split()}
    assert allowed == {"'none'", "'self'", "'wasm-unsafe-eval'", "blob:"}
    assert [name for name, value in rules.items() if "blob:" in value] == ["worker-src"]
    assert not re.search(r"<style|<script(?![^>]*src=)|\bon[a-z]+=|style=|https?:", source)


def luminance(colour):
    digits = colour.lstrip("#")
    digits = "".join(2 * digit for digit in digits) if len(digits) == 3 else digits
    shares = [int(digits[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (x / 12.92 if x <= 0.04045 else ((x + 0.055) / 1.055) ** 2.4 for x in shares)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(
    ("text", "behind"),
    [
        *(("text", place) for place in ("card", "page", "bad-page")),
        *(("quiet", place) for place in ("card", "page", "track")),
        *(("good", "card"), ("bad", "card"), ("bad", "bad-page"), ("on-accent", "accent"), ("accent", "card")),
    ],
)
def test_words_can_be_read(scheme, text, behind):
    """Words stand out from what is behind them by 4.5 to 1 at least, light and dark."""
    style = (PAGE / "style.css").read_text(encoding="utf-8")
    palettes = re.findall(r":root \{([^}]*)\}", style)
    colours = dict(re.findall(r"--([a-z-]+): (#[0-9a-f]+);", palettes[("light", "dark").index(scheme)]))
    one, other = sorted((luminance(colours[text]), luminance(colours[behind])))
    assert (other + 0.05) / (one + 0.05) >= 4.5
