"""Compares a tokenizer of ours with Hugging Face's: ids, offsets in both units, words, windows, whether it was cut."""

from __future__ import annotations

import base64
import random
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer
from tokenizers.implementations import BertWordPieceTokenizer

import export.apk.unicode_tables
from tests.support.fakes import SPECIALS
from tests.support.peer import Peer

Difference = tuple[str, object, object]
"""A text, what the reference makes of it, and what the other one does."""

CHUNK = 4000
PLANES = range(0x40000)
"""Code points up to U+3FFFF: all that have a character today but for tags, selectors and private use."""

SAMPLE = tuple(range(0x3400)) + tuple(range(0x3400, 0x40000, 97))
"""Code points in context: where scripts change every few, and a sample of the rest; full.py takes all."""

CASINGS = pytest.mark.parametrize("lower_case", [True, False], ids=["uncased", "cased"])

_SPACES = " \t\n\r\u00a0\u1680\u2003\u2028\u2029\u3000\x0b\x0c\x85\u200b\ufeff"
_LOOK_ALIKES = (*SPECIALS, "[mask]", "[MASK", "[[MASK]]", "[ SEP ]", "[CLS][SEP]", "[UNK]x", "##", "##ing", "[", "]")


def reference(path: Path, *, lower_case: bool) -> Tokenizer:
    """Return Hugging Face's tokenizer for a vocab.txt, without truncation."""
    lines = path.read_text(encoding="utf-8").split("\n")[:-1]
    ids = {token: index for index, token in enumerate(lines)}
    return Tokenizer.from_str(BertWordPieceTokenizer(ids, lowercase=lower_case, strip_accents=None).to_str())


def write_vocabulary(path: Path, tokens: Iterable[str]) -> Path:
    """Write a vocab.txt and return its path."""
    path.write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    return path


def character_vocabulary(codes: Iterable[int]) -> list[str]:
    """Return a vocabulary in which every character has ids of its own: no difference hides behind ``[UNK]``."""
    kept = [chr(code) for code in codes if code not in (0x0A, 0x0D) and not 0xD800 <= code < 0xE000]
    return [*SPECIALS, *kept, *(f"##{character}" for character in kept)]


def differences(peer: Peer, tokenizer: Tokenizer, texts: Sequence[str], *, max_length: int = 512) -> list[Difference]:
    """Return each text of which the two make something else, with what either makes of it.

    The peer must have loaded the same vocabulary, and the reference must not truncate.
    """
    found: list[Difference] = []
    tokenizer.enable_truncation(max_length)
    for start in range(0, len(texts), CHUNK):
        chunk = texts[start : start + CHUNK]
        encodings = tokenizer.encode_batch(chunk)
        cuts = [bool(encoding.overflowing) for encoding in encodings]
        packed = base64.b64decode(peer.call("encode packed", texts=chunk, max_length=max_length))
        if not np.array_equal(np.frombuffer(packed, "<i4"), _packed([(text,) for text in chunk], encodings, cuts)):
            rows = peer.call("encode", texts=chunk, max_length=max_length)
            found += [
                (text, expected, row)
                for text, row, encoding, cut in zip(chunk, rows, encodings, cuts, strict=True)
                if row != (expected := _row((text,), encoding, cut=cut))
            ]
            assert found, "the two forms of an answer disagree"
    tokenizer.no_truncation()
    return found


def reference_windows(
    tokenizer: Tokenizer, first: Sequence[str], second: Sequence[str], *, max_length: int, stride: int
) -> list[tuple[list[Encoding], bool]]:
    """Return the windows of each pair of texts, and whether its first text was cut to a third of the input."""
    heads = tokenizer.encode_batch(list(first), add_special_tokens=False)
    tails = tokenizer.encode_batch(list(second), add_special_tokens=False)
    tokenizer.enable_truncation(max_length, stride=stride, strategy="only_second")
    found = []
    for head, tail in zip(heads, tails, strict=True):
        head.truncate(max_length // 3)
        parts = len(head.overflowing)
        pair = tokenizer.post_process(head, tail)
        # What was cut off the first text is paired with each part of the second one as well; those come first.
        count = (len(pair.overflowing) - parts) // (parts + 1)
        found.append(([pair, *pair.overflowing[len(pair.overflowing) - count :]], bool(parts)))
    tokenizer.no_truncation()
    return found


def window_differences(
    peer: Peer, tokenizer: Tokenizer, pairs: Sequence[tuple[str, str]], *, max_length: int, stride: int
) -> list[tuple[tuple[str, str], object, object]]:
    """Return each pair of texts of which the two make other windows, with what either makes of it.

    The peer must have loaded the same vocabulary, and the reference must not truncate.
    """
    found: list[tuple[tuple[str, str], object, object]] = []
    for start in range(0, len(pairs), CHUNK):
        chunk = pairs[start : start + CHUNK]
        first, second = [pair[0] for pair in chunk], [pair[1] for pair in chunk]
        expected = reference_windows(tokenizer, first, second, max_length=max_length, stride=stride)
        texts = [pair for pair, (windows, _) in zip(chunk, expected, strict=True) for _ in windows]
        windows = [window for group, _ in expected for window in group]
        cuts = [cut for group, cut in expected for _ in group]
        asked = {"first": first, "second": second, "max_length": max_length, "stride": stride}
        counts, packed = peer.call("windows packed", **asked)
        equal = np.array_equal(np.frombuffer(base64.b64decode(packed), "<i4"), _packed(texts, windows, cuts))
        if not equal or counts != [len(group) for group, _ in expected]:
            rows = peer.call("windows", **asked)
            made = [
                [_row(pair, window, cut=cut) for window in group]
                for pair, (group, cut) in zip(chunk, expected, strict=True)
            ]
            found += [each for each in zip(chunk, made, rows, strict=True) if each[1] != each[2]]
            assert found, "the two forms of an answer disagree"
    return found


def _row(texts: Sequence[str], encoding: Encoding, *, cut: bool) -> list[object]:
    """Return what the driver's call `encode` gives for a text, and `windows` for a window of two."""
    places = [utf16_places(text) for text in texts]
    sequences = _numbers(encoding.sequence_ids)
    units = [
        [places[max(sequence, 0)][begin], places[max(sequence, 0)][end]]
        for sequence, (begin, end) in zip(sequences, encoding.offsets, strict=True)
    ]
    offsets = [list(pair) for pair in encoding.offsets]
    return [encoding.ids, offsets, units, _numbers(encoding.word_ids), sequences, cut]


def _packed(texts: Sequence[tuple[str, ...]], encodings: Sequence[Encoding], cuts: Sequence[bool]) -> NDArray[np.int32]:
    """Return what the driver's call `encode packed` gives: counts and cuts, ids, offsets in either unit, words, texts.

    Args:
        texts: The texts of each encoding: one each, or two each.
        encodings: What the reference makes of them.
        cuts: Whether something was cut off the first text of each.
    """
    ids = [encoding.ids for encoding in encodings]
    counts = np.fromiter(map(len, ids), np.int64, len(ids))
    total = int(counts.sum())
    offsets = np.fromiter(
        chain.from_iterable(chain.from_iterable(encoding.offsets for encoding in encodings)), np.int64, 2 * total
    )
    words = np.fromiter(chain.from_iterable(_numbers(encoding.word_ids) for encoding in encodings), np.int64, total)
    sequences = np.fromiter(
        chain.from_iterable(_numbers(encoding.sequence_ids) for encoding in encodings), np.int64, total
    )
    # Characters above U+FFFF before each place of all texts in a row.
    flat = [text for group in texts for text in group]
    codes = np.frombuffer("".join(flat).encode("utf-32-le"), "<u4")
    wide = np.concatenate(([0], np.cumsum(codes > 0xFFFF)))
    begins = np.concatenate(([0], np.cumsum(np.fromiter(map(len, flat), np.int64, len(flat)))))[:-1]
    width = len(texts[0]) if texts else 1
    base = np.repeat(begins[np.repeat(np.arange(len(texts)) * width, counts) + np.maximum(sequences, 0)], 2)
    units = offsets + wide[base + offsets] - wide[base]
    heads = np.column_stack((counts, np.fromiter(cuts, np.int64, len(ids)))).ravel()
    numbers = np.fromiter(chain.from_iterable(ids), np.int64, total)
    return np.concatenate((heads, numbers, offsets, units, words, sequences)).astype(np.int32)


def _numbers(numbers: Sequence[int | None]) -> list[int]:
    """Return numbers, with -1 where there is none."""
    return [-1 if number is None else number for number in numbers]


def utf16_places(text: str) -> list[int]:
    """Return where each character of a text begins in UTF-16 units, and where the last one ends."""
    places = [0]
    for character in text:
        places.append(places[-1] + (2 if ord(character) > 0xFFFF else 1))
    return places


def in_context(codes: Iterable[int]) -> Iterator[str]:
    """Yield texts around each code point: inside a word, alone, and among combining characters."""
    for code in codes:
        if not 0xD800 <= code < 0xE000:
            character = chr(code)
            yield f"a{character}b"
            yield f" {character}"
            yield f"E{character}\u0323\u302e{character}\u0301.{character}"


def random_texts(seed: int, *, count: int, tokens: Sequence[str]) -> list[str]:
    """Return texts of every sort that has once told two tokenizers apart, reproducible from the seed.

    Args:
        seed: Seed of the choice.
        count: Number of texts.
        tokens: Tokens of the vocabulary, which some texts are made of.
    """
    rng = random.Random(seed)
    tables = export.apk.unicode_tables.read_tables()
    moving = [chr(code) for code in tables.combining_ranks]
    cased = [chr(code) for code in tables.lower_case]
    composed = [chr(code) for code in tables.decompositions]
    marks = [chr(code) for code in tables.nonspacing_marks]
    punctuation = [chr(code) for code in tables.punctuation]
    ends = [chr(code) for code in (*_ends(tables.dropped), *_ends(tables.chinese), *_ends(tables.nonspacing_marks))]
    pools = (moving, cased, composed, marks, punctuation, ends, _SPACES, "aAeEoO", _LOOK_ALIKES)

    def character() -> str:
        low, high = rng.choice(
            (
                (0x20, 0x7E),
                (0x20, 0x7E),
                (0, 0xFF),
                (0xA0, 0x24F),
                (0x300, 0x5FF),
                (0x600, 0x1FFF),
                (0x2000, 0x33FF),
                (0x3400, 0xD7FF),
                (0xE000, 0xFFFF),
                (0x10000, 0x1FFFF),
                (0x20000, 0x10FFFF),
            )
        )
        code = rng.randint(low, high)
        return chr(code)

    def mixture() -> str:
        return "".join(character() for _ in range(rng.randint(1, 40)))

    def words() -> str:
        chosen = (rng.choice(tokens) for _ in range(rng.randint(1, 20)))
        return rng.choice(" .,-\t\u3000").join(word.removeprefix(rng.choice(("", "##"))) for word in chosen)

    def pieces() -> str:
        return "".join(rng.choice(rng.choice(pools)) for _ in range(rng.randint(1, 30)))

    def stack() -> str:
        bases = ("a", "\u00c5", "\uac01", "\u4e00", " ", "\u0958", "\u1e69", "\u0344", "\u0f73", "[MASK]")
        group = (rng.choice(bases) + "".join(rng.choices(moving + composed, k=rng.randint(0, 9))) for _ in range(4))
        return "".join(group)

    def long_word() -> str:
        letters = rng.choice(("a", "\u00e9", "\uac01", "\U0001d400", "\u0130", "ab", "e\u0301"))
        return "x " + letters * rng.randint(30, 110) + rng.choice(("", ".", "\u0301", " y"))

    kinds = (mixture, mixture, words, words, pieces, pieces, stack, long_word)
    return [rng.choice(kinds)() for _ in range(count)]


def random_pairs(seed: int, *, count: int, tokens: Sequence[str]) -> list[tuple[str, str]]:
    """Return pairs of texts of which the second has more to read, or nothing at times; reproducible from the seed.

    Args:
        seed: Seed of the choice.
        count: Number of pairs.
        tokens: Tokens of the vocabulary, which some texts are made of.
    """
    rng = random.Random(seed)
    texts = iter(random_texts(seed, count=5 * count, tokens=tokens))
    pairs = []
    for _ in range(count):
        first, *parts = (next(texts) for _ in range(5))
        pairs.append((first, rng.choice((" ", "", "\u4e00")).join(parts[: rng.randint(0, 4)])))
    return pairs


def _ends(codes: Sequence[int]) -> set[int]:
    """Return the ends of the ranges that ascending code points form, and what lies just outside them."""
    members = set(codes)
    edges = {code for code in codes if code - 1 not in members or code + 1 not in members}
    around = {code + step for code in edges for step in (-1, 0, 1)}
    return {code for code in around if 0 <= code < 0x110000 and not 0xD800 <= code < 0xE000}
