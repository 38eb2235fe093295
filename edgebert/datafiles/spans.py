"""Entities as spans of characters in JSON lines: they become tags of words.

The words are those of BERT's pre-tokenizer, split further where an entity begins or ends within one.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from functools import cache
from itertools import pairwise
from typing import NamedTuple

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers

from edgebert.datafiles.labels import text_columns
from edgebert.datafiles.objects import Object, field, pick, read_objects, typed
from edgebert.datafiles.sources import Found, Source, Wanted
from edgebert.datafiles.tags import OUTSIDE, Tagged, resolve
from edgebert.errors import DataError
from edgebert.examples import Spans
from edgebert.printable import shown
from edgebert.records import LONGEST

SPAN_KEYS = ("entities", "spans")
"""Keys of the entities when none is named: the first that exists."""

TYPE_KEYS = ("label", "type")
"""Keys of the type of an entity: the first that exists."""

_COUNTED = "places count characters (code points) from 0, and the end is behind the last one"


class _Entity(NamedTuple):
    start: int
    end: int
    kind: str
    number: int


def read_spans(source: Source, wanted: Wanted) -> Found:
    """Return the texts of JSON lines with a list of entities: start, end and type, and the text where it is told.

    The tags are B-x for the first word of an entity and I-x for its others.

    Raises:
        DataError: A line cannot be used, entities overlap, or a text is not where an entity says.
    """
    key = span_key = ""
    span_keys = SPAN_KEYS if wanted.answer is None else (wanted.answer,)

    def found() -> Iterator[Tagged]:
        nonlocal key, span_key
        for line, value in read_objects(source):
            where = f"{source.name}: line {line}"
            if not key:
                key = pick(list(value), text_columns(wanted), where, "key", "--text-column")
                if not wanted.optional or any(name in value for name in span_keys):
                    span_key = pick(list(value), span_keys, where, "key", "--label-column")
            text = field(value, key, str, where)
            if not text.strip():
                raise DataError(f"{where}, key {key!r}: the text is empty", hint="fill in or delete this row")
            if span_key:
                entities = _entities(value, span_key, text, f"{where}, key {span_key!r}")
                yield _tagged(text, entities, line, f"{where}, key {span_key!r}")
            else:
                yield Tagged(text, (), (), line)

    return resolve(found(), wanted, source, lambda line, _: f"line {line}, key {span_key!r}", complete=True)


def words_of(text: str) -> Spans:
    """Return the places of BERT's words in a text: runs of letters and digits, marks, and Chinese characters."""
    return tuple(_splitter().encode(text, add_special_tokens=False).offsets)


@cache
def _splitter() -> Tokenizer:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False, strip_accents=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    return tokenizer


def _entities(value: Object, key: str, text: str, where: str) -> list[_Entity]:
    """Return the entities of a text in its order."""
    found = []
    for index, item in enumerate(typed(value.get(key), list, where)):
        place = f"{where}[{index}]"
        entity = typed(item, dict, place, hint='an entity is {"start": ..., "end": ..., "label": ...}')
        start, end = (field(entity, name, int, place, hint=_COUNTED) for name in ("start", "end"))
        kind_key = next((name for name in TYPE_KEYS if name in entity), TYPE_KEYS[0])
        kind = field(entity, kind_key, str, place).strip()
        if not kind:
            raise DataError(f"{place}, key {kind_key!r}: the type is empty", hint="name the type, e.g. person")
        if not 0 <= start < end <= len(text):
            raise DataError(
                f"{place}: {start} to {end} is not a span of a text of {len(text)} characters", hint=_COUNTED
            )
        said = field(entity, "text", str, place) if "text" in entity else text[start:end]
        if said != text[start:end]:
            at = text.find(said)
            raise DataError(
                f"{place}: the text {shown(said)} is not at {start} to {end}; there is {shown(text[start:end])}",
                hint=f"{_COUNTED}; this text is {'not in it' if at < 0 else f'first at {at}'}",
            )
        found.append(_Entity(start, end, kind, index))
    found.sort()
    for before, after in pairwise(found):
        if after.start < before.end:
            raise DataError(
                f"{where}[{after.number}]: {after.start} to {after.end} overlaps [{before.number}], "
                f"{before.start} to {before.end}",
                hint="a word has one tag: keep one of the two",
            )
    return found


def _tagged(text: str, entities: list[_Entity], line: int, where: str) -> Tagged:
    if len(text) > LONGEST:
        raise DataError(f"{where}: the text is longer than {LONGEST:,} characters", hint="split it")
    borders = [border for entity in entities for border in entity[:2]]
    words = tuple(_split(words_of(text), borders))
    tags = [OUTSIDE] * len(words)
    starts = [start for start, _ in words]
    for entity in entities:
        first, behind = bisect_left(starts, entity.start), bisect_left(starts, entity.end)
        if first == behind:
            raise DataError(
                f"{where}[{entity.number}]: {shown(text[entity.start : entity.end])} has no word", hint="delete it"
            )
        tags[first:behind] = [f"B-{entity.kind}", *[f"I-{entity.kind}"] * (behind - first - 1)]
    return Tagged(text, words, tuple(tags), line)


def _split(words: Spans, borders: list[int]) -> Iterator[tuple[int, int]]:
    """Yield words, cut at the borders within them, which ascend."""
    at = 0
    for start, end in words:
        while at < len(borders) and borders[at] <= start:
            at += 1
        while at < len(borders) and borders[at] < end:
            if borders[at] > start:
                yield start, borders[at]
                start = borders[at]
            at += 1
        yield start, end
