"""Values that people and attackers put where a program expects a name, a number or a text."""

from __future__ import annotations

import random
from typing import Any

ANNOTATION = "::error title=FUZZ::planted"
"""A workflow command of GitHub; it must never begin a line of output."""

STRINGS = (
    "",
    " ",
    "\t",
    "\x00",
    "\x1b[31mred\x1b[0m",
    "\x1b]0;title\x07",
    "\x9b31m\x85",
    "one\ntwo",
    f"\r\n{ANNOTATION}",
    ANNOTATION,
    "\u202eabc\u2066",
    "\u2028\u2029",
    "\ufeffgood",
    "\ud800",
    "[bold red]x[/] [/oops]",
    "<script>alert(1)</script>",
    "|a|b|\n|-|-|",
    "![x](javascript:alert(1))",
    "../../outside",
    "/etc/passwd",
    "a/b",
    "-rf",
    "--json",
    "~",
    "~/x",
    "$(id)",
    "%s%n{0}",
    "%0A::error::x",
    "NaN",
    "1e400",
    "²",
    "e\u0301\U0001f600",
    "[CLS]",
    "##ing",
    "good",
    "int8.onnx",
    "x" * 300,
    "y" * 70_000,
)
NUMBERS = (
    *(
        0,
        1,
        -1,
        2,
        7,
        255,
        512,
        513,
        2**16,
        2**31 - 1,
        2**31,
        2**32,
        2**53 + 1,
        2**63 - 1,
        2**63,
        2**64,
        -(2**63),
        10**400,
    ),
    *(0.0, -0.0, 0.5, 1.5, -0.5, 1e-320, 1e-9, 1e9, 1e38, 1e300, 1.7976931348623157e308),
)
WORDS = (
    "\x1b[2J",
    "a\rb",
    "na\u0000me",
    "::error::x",
    "naïve",
    "[b]",
    "<b>",
    "`x`",
    "x y",
    "-x",
    "%0A",
    "\udcff\udcfe",
)
"""Short hostile names for files and folders; the NUL is for arguments only."""


def value(rng: random.Random) -> Any:
    """Return any JSON value, mostly of a wrong type or size."""
    kind = rng.randrange(6)
    if kind == 0:
        return rng.choice((None, True, False))
    if kind == 1:
        return rng.choice(([], {}, [[]], [None], {"": None}, [1, 2, 3], ["a", "a"], {"schema": 1}))
    return rng.choice(NUMBERS if kind in {2, 3} else STRINGS)


def file_name(rng: random.Random) -> str:
    """Return a name that a file can have, as Python spells it."""
    return rng.choice([word for word in (*WORDS, "n" * 240, "émile", "a b", "~", "..x") if "\x00" not in word])


def argument(rng: random.Random) -> str:
    """Return a word of a command line; a process takes no NUL."""
    text = str(
        rng.choice(
            (rng.choice(STRINGS[:-1]), rng.choice(NUMBERS[:17]), rng.choice(NUMBERS[18:]), "nan", "-inf", "1,2,,3")
        )
    )
    return (
        text.replace("\x00", "")
        .encode("utf-8", "surrogateescape" if "\ud800" not in text else "replace")
        .decode("utf-8", "surrogateescape")
    )
