from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

import export.apk.unicode_tables
from tests.support.jvm import REPOSITORY

tables = export.apk.unicode_tables

CODES = st.sets(st.integers(0, 0x10FFFF), max_size=60)
MAPS = st.dictionaries(
    st.integers(0, 0x10FFFF), st.lists(st.integers(0, 0x10FFFF), min_size=1, max_size=4), max_size=30
)


def decoded_ranges(words: list[str]) -> list[int]:
    values: list[int] = []
    place = 0
    for word in words:
        gap, _, length = word.partition(":")
        place += int(gap, 36)
        values += range(place, place := place + int(length or "1", 36))
    return values


def decoded_map(words: list[str]) -> dict[int, list[int]]:
    values: dict[int, list[int]] = {}
    key = 0
    for word in words:
        gap, _, targets = word.partition("=")
        key += int(gap, 36)
        values[key] = [int(target, 36) for target in targets.split("+")]
    return values


def constant(name: str) -> list[str]:
    """Return the words of a table in the committed source."""
    source = tables.TARGET.read_text(encoding="utf-8")
    match = re.search(rf"String {name} =\n(?P<lines>[^;]*);", source)
    assert match is not None
    return "".join(re.findall(r'"([^"]*)"', match["lines"])).split(" ")


def test_committed_tables_are_what_the_library_does():
    """The Java source is what the script makes of the installed library."""
    made = tables.java_source(tables.read_tables())
    assert tables.is_same(tables.TARGET.read_text(encoding="utf-8"), made)


def test_other_tables_are_told_apart():
    """A table that differs in one character is out of date; another version of the library alone is not."""
    source = tables.TARGET.read_text(encoding="utf-8")
    assert tables.is_same(source, re.sub(r'LIBRARY = "[^"]*"', 'LIBRARY = "tokenizers 0.22.2"', source))
    assert not tables.is_same(source, source.replace('"9:2 ', '"9:1 ', 1))


@given(CODES)
def test_ranges_come_back(codes):
    """Code points written as ranges are read as the same code points."""
    assert decoded_ranges(tables.ranges(sorted(codes))) == sorted(codes)


@given(MAPS)
def test_maps_come_back(values):
    """A map that was written is read as the same map."""
    ordered = dict(sorted(values.items()))
    assert decoded_map(tables.mapping(ordered)) == ordered


@given(st.integers(0, 1 << 40))
def test_numbers_are_base_36(value):
    """Numbers are written as Java's parseInt with radix 36 reads them."""
    assert int(tables.number(value), 36) == value


@pytest.mark.parametrize(
    ("name", "inside", "outside"),
    [
        ("DROPPED", "\x00\x07\x0b\x85\u00ad\u200b\ufeff\ufffd\ue000\U000e0001\U0010fffd", "\t\n\r a\u0378\u08e2\ufffe"),
        ("WHITE_SPACE", "\t\n\r \u00a0\u1680\u2003\u2028\u2029\u3000", "\x0b\x0c\x1c\x85\u200b\u180e"),
        ("CHINESE", "\u4e00\u9fff\u3400\uf900\U00020000\U0002f800", "\u3007\u30a2\uac00\U0002b820\U0002b91f\U00030000"),
        ("NONSPACING_MARKS", "\u0300\u0345\u05b0\u093c\u20d0\ufe0f", "a\u0903\u302e\u20dd\u08d4\U0001f3fb"),
        ("PUNCTUATION", "!$+<=>^`|~_\u00a1\u00a7\u2014\u3002\u00ab", "a9 \u00a9\u20ac\u00b4\u2e52\u061d\U0001f600"),
    ],
)
def test_tables_know_the_traps(name, inside, outside):
    """Each table has the code points that other implementations miss, and lacks those they have too many."""
    codes = set(decoded_ranges(constant(name)))
    assert [c for c in inside if ord(c) not in codes] == []
    assert [c for c in outside if ord(c) in codes] == []


def test_lower_case_is_that_of_single_characters():
    """Lower-casing looks at no neighbour: capital sigma is never final, and only one letter becomes two."""
    lower = decoded_map(constant("LOWER_CASE"))
    assert lower[ord("\u03a3")] == [ord("\u03c3")]
    assert [key for key, value in lower.items() if len(value) > 1] == [0x130]


def test_decompositions_leave_nothing_to_decompose():
    """Each decomposition is complete, and Hangul syllables are left to arithmetic."""
    decompositions = decoded_map(constant("DECOMPOSITIONS"))
    assert [key for key, value in decompositions.items() if any(code in decompositions for code in value)] == []
    assert [key for key in decompositions if key in tables.HANGUL] == []


def test_constants_fit_into_class_files():
    """No table is longer than the 65,535 bytes that one constant of a class file holds."""
    source = tables.TARGET.read_text(encoding="utf-8")
    names = re.findall(r"String (\w+) =\n", source)
    assert len(names) == 8
    assert all(len(" ".join(constant(name))) < 0xFFFF for name in names)


def test_sources_ask_the_platform_for_no_property_of_a_character():
    """No class of the core uses character tables of the JVM, which are of another Unicode version on every phone."""
    core = REPOSITORY / "android-demo" / "core" / "src" / "main" / "java"
    asks = re.compile(
        r"Character\.(is[A-Z](?!urrogate|ighSurrogate|owSurrogate)\w*|getType|to(Lower|Upper)Case)|java\.text|java\.util\.regex"
        r"|\.(toLowerCase|toUpperCase|equalsIgnoreCase|trim|strip)\("
    )
    found = {path.name: asks.findall(path.read_text(encoding="utf-8")) for path in sorted(core.rglob("*.java"))}
    assert found
    assert {name: matches for name, matches in found.items() if matches} == {}
