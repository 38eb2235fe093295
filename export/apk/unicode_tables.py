"""Freezes the character tables that Hugging Face's `tokenizers` goes by into a Java source.

The tables are read off the behaviour of the installed library, code point by code point, not off a Unicode database:
it mixes tables of several Unicode versions, and what counts is what it does. A phone has tables of its own, which
change with every Android version; the frozen ones give the same ids everywhere.
"""

from __future__ import annotations

import functools
import string
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import tokenizers
from tokenizers.normalizers import NFD, BertNormalizer, Lowercase
from tokenizers.pre_tokenizers import BertPreTokenizer

from export.apk.project import DEMO

TARGET = DEMO / "core/src/main/java/io/edgebert/core/UnicodeTables.java"

CODE_POINTS = tuple(c for c in range(0x110000) if not 0xD800 <= c < 0xE000)
HANGUL = range(0xAC00, 0xD7A4)
BATCH = 4096

# No code point of the library's tables has a canonical combining class below the one of the first or above the one of
# the second (1 and 240), so that next to one of the two every combining character shows that it moves.
LOWEST, HIGHEST = "\u0334", "\u0345"

_DIGITS = string.digits + string.ascii_lowercase


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What the library does with each code point.

    Attributes:
        dropped: Removed by cleaning.
        white_space: Made a space by cleaning.
        chinese: Given a space on both sides.
        decompositions: Canonical decompositions, in full, without those of Hangul syllables, which are arithmetic.
        combining_ranks: Order of combining characters among each other: the rank of their combining class, from 1.
        nonspacing_marks: Removed where accents are stripped.
        lower_case: Lower-case forms where they differ.
        punctuation: Words of their own.
    """

    dropped: tuple[int, ...]
    white_space: tuple[int, ...]
    chinese: tuple[int, ...]
    decompositions: Mapping[int, str]
    combining_ranks: Mapping[int, int]
    nonspacing_marks: tuple[int, ...]
    lower_case: Mapping[int, str]
    punctuation: tuple[int, ...]


def changes(transform: Callable[[str], str], *, between: str = "\n", unchanged: str = "{}") -> dict[int, str]:
    """Return what a transformation makes of the code points that it changes.

    Args:
        transform: Applied to many code points at a time.
        between: Stands between them meanwhile; the transformation must leave it as it is.
        unchanged: What the transformation makes of a code point that it does not change.
    """
    found: dict[int, str] = {}
    before, after = unchanged.split("{}")
    others = [c for c in CODE_POINTS if chr(c) != between]
    for start in range(0, len(others), BATCH):
        batch = others[start : start + BATCH]
        parts = transform(between.join(map(chr, batch))).split(between)
        if len(parts) != len(batch):
            raise SystemExit(f"a code point from U+{batch[0]:04X} on changes what stands beside it")
        expected = [before + chr(c) + after for c in batch]
        if parts != expected:
            found |= {c: part for c, part, same in zip(batch, parts, expected, strict=True) if part != same}
    return found


@functools.cache
def read_tables() -> Tables:
    """Return the tables of the installed `tokenizers`."""
    off = {"clean_text": False, "handle_chinese_chars": False, "strip_accents": False, "lowercase": False}
    cleaned = changes(BertNormalizer(**off | {"clean_text": True}).normalize_str, between="a")
    spaced = changes(BertNormalizer(**off | {"handle_chinese_chars": True}).normalize_str)
    stripped = changes(BertNormalizer(**off | {"strip_accents": True}).normalize_str)
    lowered = changes(BertNormalizer(**off | {"lowercase": True}).normalize_str)
    decomposed = changes(NFD().normalize_str)
    marks = frozenset(c for c, text in stripped.items() if text == "" and c not in decomposed)

    # What the Java code takes for granted, and a later release of the library might do otherwise.
    assert set(cleaned.values()) == {"", " "}
    assert all(text == f" {chr(c)} " for c, text in spaced.items())
    for c in stripped.keys() | decomposed.keys():
        kept = (d for d in decomposed.get(c, chr(c)) if ord(d) not in marks)
        assert stripped.get(c, chr(c)) == "".join(kept)
    assert lowered == changes(Lowercase().normalize_str)
    assert all(decomposed[c] == hangul(c) for c in HANGUL)
    assert not any(" " in text for text in decomposed.values())

    return Tables(
        dropped=tuple(c for c, text in cleaned.items() if text == ""),
        white_space=tuple(sorted([ord(" "), *(c for c, text in cleaned.items() if text == " ")])),
        chinese=tuple(spaced),
        decompositions={c: text for c, text in decomposed.items() if c not in HANGUL},
        combining_ranks=_combining_ranks(decomposed),
        nonspacing_marks=tuple(sorted(marks)),
        lower_case=lowered,
        punctuation=_punctuation(),
    )


def hangul(c: int) -> str:
    """Return the canonical decomposition of a Hangul syllable by the arithmetic of the Unicode standard."""
    leading, rest = divmod(c - 0xAC00, 21 * 28)
    vowel, trailing = divmod(rest, 28)
    return chr(0x1100 + leading) + chr(0x1161 + vowel) + (chr(0x11A7 + trailing) if trailing else "")


def _punctuation() -> tuple[int, ...]:
    split = BertPreTokenizer().pre_tokenize_str
    found = []
    for start in range(0, len(CODE_POINTS), BATCH):
        batch = CODE_POINTS[start : start + BATCH]
        # Between letters, a word that begins where the code point stands and is one long is the code point itself.
        alone = {begin for _, (begin, end) in split("a" + "a".join(map(chr, batch)) + "a") if end - begin == 1}
        # A letter between two code points that are no part of a word is alone too, but stands at an even place.
        found += [c for place, c in enumerate(batch) if 2 * place + 1 in alone]
    return tuple(found)


def _combining_ranks(decomposed: Mapping[int, str]) -> dict[int, int]:
    nfd = NFD().normalize_str
    after = changes(lambda text: nfd(text.replace("\n", LOWEST + "\n") + LOWEST), unchanged="{}" + LOWEST)
    before = changes(lambda text: nfd(HIGHEST + text.replace("\n", "\n" + HIGHEST)), unchanged=HIGHEST + "{}")
    # The two themselves do not move beside their own class.
    moving = sorted((after.keys() | before.keys() | {ord(LOWEST), ord(HIGHEST)}) - decomposed.keys())

    def order(first: int, second: int) -> int:
        def swaps(a: int, b: int) -> bool:
            return nfd(chr(a) + chr(b)) != chr(a) + chr(b)

        return swaps(first, second) - swaps(second, first)

    ranks: dict[int, int] = {}
    previous = None
    for c in sorted(moving, key=functools.cmp_to_key(order)):
        ranks[c] = 1 if previous is None else ranks[previous] + (order(previous, c) != 0)
        previous = c
    assert ranks[ord(LOWEST)] == 1
    assert ranks[ord(HIGHEST)] == max(ranks.values())
    return dict(sorted(ranks.items()))


def number(value: int) -> str:
    """Return a number in base 36."""
    digits = ""
    while value >= len(_DIGITS):
        value, digit = divmod(value, len(_DIGITS))
        digits = _DIGITS[digit] + digits
    return _DIGITS[value] + digits


def ranges(values: Iterable[int]) -> list[str]:
    """Return ascending numbers as ranges: ``gap`` or ``gap:length``, the gap counted from the end of the last range."""
    found: list[list[int]] = []
    for value in values:
        if found and found[-1][1] == value:
            found[-1][1] += 1
        else:
            found.append([value, value + 1])
    words, last = [], 0
    for start, end in found:
        words.append(number(start - last) + (f":{number(end - start)}" if end - start > 1 else ""))
        last = end
    return words


def mapping(values: Mapping[int, Iterable[int]]) -> list[str]:
    """Return a map from code points as ``gap=value`` or ``gap=value+value``, the gap counted from the last one."""
    words, last = [], 0
    for c, targets in values.items():
        words.append(f"{number(c - last)}={'+'.join(map(number, targets))}")
        last = c
    return words


def java_source(tables: Tables) -> str:
    """Return the Java class that holds the tables."""
    fields = (
        ("DROPPED", "Removed by cleaning, as ranges.", ranges(tables.dropped)),
        ("WHITE_SPACE", "Made a space by cleaning, as ranges.", ranges(tables.white_space)),
        ("CHINESE", "Given a space on both sides, as ranges.", ranges(tables.chinese)),
        ("NONSPACING_MARKS", "Removed where accents are stripped, as ranges.", ranges(tables.nonspacing_marks)),
        ("PUNCTUATION", "Words of their own, as ranges.", ranges(tables.punctuation)),
        (
            "COMBINING_RANKS",
            "Order of combining characters among each other, as a map; a code point not in it never moves.",
            mapping({c: [rank] for c, rank in tables.combining_ranks.items()}),
        ),
        (
            "DECOMPOSITIONS",
            "Full canonical decompositions, as a map; those of Hangul syllables are arithmetic.",
            mapping({c: [ord(d) for d in text] for c, text in tables.decompositions.items()}),
        ),
        (
            "LOWER_CASE",
            "Lower-case forms, as a map.",
            mapping({c: [ord(d) for d in text] for c, text in tables.lower_case.items()}),
        ),
    )
    body = "\n".join(_field(name, description, words) for name, description, words in fields)
    return f"""\
package io.edgebert.core;

/**
 * The character tables of the Hugging Face tokenizers library, frozen. Made by `python -m export.apk tables` from what
 * the library does; not to be edited.
 *
 * <p>All numbers are in base 36. A range is {{@code gap}} or {{@code gap:length}}, with the gap from the end of the
 * range before; an entry of a map is {{@code gap=value}} or {{@code gap=value+value}}, with the gap from the key
 * before.
 */
final class UnicodeTables {{
  /** The version whose behaviour this is. */
  static final String LIBRARY = "tokenizers {tokenizers.__version__}";

{body}
  private UnicodeTables() {{}}
}}
"""


def _field(name: str, description: str, words: list[str]) -> str:
    lines, line = [], ""
    for word in words:
        if len(line) + len(word) > 100:
            lines.append(line)
            line = ""
        line += word + " "
    lines.append(line.rstrip())
    joined = "\n          + ".join(f'"{line}"' for line in lines)
    return f"  /** {description} */\n  static final String {name} =\n      {joined};\n"


def is_same(source: str, other: str) -> bool:
    """Return whether two Java sources hold the same tables, read off whichever version of the library."""

    def tables(text: str) -> list[str]:
        return [line for line in text.splitlines() if " LIBRARY = " not in line]

    return tables(source) == tables(other)
