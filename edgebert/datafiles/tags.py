"""Tags of words, of JSON lines with tokens and of whatever else has them.

The text of tokens is its words joined by one space. Tags are read as they are: one that continues nothing, as I-x
behind O does, is counted and noted.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple, TypeVar

from edgebert.datafiles.labels import is_by_id, is_whole_number, label_ids, unknown_label
from edgebert.datafiles.objects import Object, field, pick, read_objects, typed
from edgebert.datafiles.sources import Budget, Found, Source, Wanted
from edgebert.errors import DataError
from edgebert.examples import Example, Spans
from edgebert.printable import shown

OUTSIDE = "O"
"""Tag of a word that is in no entity."""

TAG_KEYS = ("tags", "ner_tags")
"""Keys of the tags in JSON lines when none is named: the first that exists."""

TOKEN_KEYS = ("tokens",)
"""Keys of the words in JSON lines when none is named: the first that exists."""

Place = Callable[[int, int], str]
"""Tells where a tag is, for messages: of the line of its text and the index of its word."""

PREFIXED = re.compile(r"([BIESLUM])-(.+)", re.DOTALL)
"""A tag that says where in an entity its word is, and the type of the entity."""

_OPEN = frozenset("BIM")
_CONTINUING = frozenset("IELM")

_Shared = TypeVar("_Shared")


class Tagged(NamedTuple):
    """A text whose words have tags, or, where a file has none, no words and no tags."""

    text: str
    words: Spans
    tags: tuple[str, ...]
    line: int


def read_tokens(source: Source, wanted: Wanted) -> Found:
    """Return the texts of JSON lines with a list of words and a list of their tags.

    Raises:
        DataError: A line cannot be used, or a tag is unknown.
    """
    objects = read_objects(source)
    keys = TOKEN_KEYS if wanted.text is None else (wanted.text,)
    tag_keys = TAG_KEYS if wanted.answer is None else (wanted.answer,)
    tag_key = ""

    def found() -> Iterator[Tagged]:
        nonlocal tag_key
        key = ""
        for line, value in objects:
            where = f"{source.name}: line {line}"
            if not key:
                key = pick(list(value), keys, where, "key", "--text-column")
                if not wanted.optional or any(name in value for name in tag_keys):
                    tag_key = pick(list(value), tag_keys, where, "key", "--label-column")
            yield _token_object(value, key, tag_key, line, where)

    return resolve(found(), wanted, source, lambda line, index: f"line {line}, key {tag_key!r}[{index}]")


def resolve(found: Iterable[Tagged], wanted: Wanted, source: Source, place: Place, *, complete: bool = False) -> Found:
    """Return examples whose right answers are the indices of their words' tags.

    Args:
        found: The texts with their tags.
        wanted: What is asked for.
        source: The file.
        place: Tells where a tag is.
        complete: Whether the labels that are taken from the file have I-x for each B-x.

    Raises:
        DataError: A tag is unknown, all tags are the same, or there is no text.
    """
    budget = Budget(source.name)
    spans, spellings, places = dict[tuple[int, int], tuple[int, int]](), dict[str, str](), dict[str, str]()
    texts, broken, first = list[Tagged](), 0, ""
    for item in found:
        budget.take(200 + 2 * len(item.text) + 64 * len(item.words), item.line)
        for index, tag in enumerate(item.tags):
            if tag not in places:
                places[tag] = place(item.line, index)
        for index in broken_tags(item.tags):
            broken, first = broken + 1, first or f"{place(item.line, index)}: {shown(item.tags[index])}"
        texts.append(Tagged(item.text, _shared(item.words, spans), _shared(item.tags, spellings), item.line))
    if not texts:
        raise DataError(f"{source.name}: the file is empty", hint="each text is a list of words with their tags")
    if not wanted.answers or not places:
        return Found(examples=tuple(Example(texts=(text,), line=line, words=words) for text, words, _, line in texts))
    names = _infer_tags(places, source, complete=complete) if wanted.labels is None else wanted.labels
    ids = label_ids(names)
    if unknown := next((tag for tag in places if tag not in ids), None):
        raise unknown_label(unknown, names, f"{source.name}: {places[unknown]}", what="tag")
    note = f"tags that continue an entity which is not open there: {broken:,}, read as they are; the first in {first}"
    return Found(
        examples=tuple(
            Example(texts=(text,), gold=tuple(ids[tag] for tag in tags), line=line, words=words)
            for text, words, tags, line in texts
        ),
        labels=names,
        by_id=wanted.labels is not None and is_by_id(places, names),
        notes=(note,) if broken else (),
    )


def broken_tags(tags: Sequence[str]) -> Iterator[int]:
    """Yield the indices of tags that continue an entity which is not open there: I-x behind O, or behind B-y."""
    prefix = kind = ""
    for index, tag in enumerate(tags):
        before = prefix, kind
        match = PREFIXED.fullmatch(tag)
        prefix, kind = match.groups() if match else ("", "")
        if prefix in _CONTINUING and not (before[0] in _OPEN and before[1] == kind):
            yield index


def _shared(items: tuple[_Shared, ...], known: dict[_Shared, _Shared]) -> tuple[_Shared, ...]:
    """Return equal items as the same objects, which is a fifth of the memory."""
    return tuple(known.setdefault(item, item) for item in items)


def _infer_tags(places: Mapping[str, str], source: Source, *, complete: bool) -> tuple[str, ...]:
    if all(map(is_whole_number, places)):
        raise DataError(
            f"{source.name}: {next(iter(places.values()))}: the tags are numbers, and the file does not name them",
            hint="write the names of the tags, e.g. B-person, or give the labels of the model",
        )
    if len(places) == 1 and (OUTSIDE in places or not complete):
        raise DataError(f"{source.name}: every word has the tag {shown(next(iter(places)))}, at least two are needed")
    tags = set(places) | {f"I-{tag[2:]}" for tag in places if complete and tag.startswith("B-")}
    inside = sorted(tags - {OUTSIDE}, key=_kind_first)
    return (OUTSIDE, *inside) if OUTSIDE in tags or complete else tuple(inside)


def _kind_first(tag: str) -> tuple[str, str]:
    match = PREFIXED.fullmatch(tag)
    return (match[2], match[1]) if match else (tag, "")


def _token_object(value: Object, key: str, tag_key: str, line: int, where: str) -> Tagged:
    tokens = [typed(item, str, f"{where}, key {key!r}[{at}]") for at, item in enumerate(field(value, key, list, where))]
    if not tokens:
        raise DataError(f"{where}, key {key!r}: there are no tokens", hint="delete this line")
    for at, token in enumerate(tokens):
        if not token.strip():
            raise DataError(f"{where}, key {key!r}[{at}]: the token is empty", hint="delete it and its tag")
    if not tag_key:
        return Tagged(" ".join(tokens), (), (), line)
    tags = [_tag(item, f"{where}, key {tag_key!r}[{at}]") for at, item in enumerate(field(value, tag_key, list, where))]
    if len(tags) != len(tokens):
        raise DataError(
            f"{where}, key {tag_key!r}: there are {len(tags)} tags for {len(tokens)} tokens",
            hint="give each token one tag",
        )
    return joined(tokens, tags, line)


def _tag(value: object, where: str) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    tag = typed(value, str, where).strip()
    if not tag:
        raise DataError(f"{where}: the tag is empty", hint=f"the tag of a word in no entity is {OUTSIDE}")
    return tag


def joined(tokens: Sequence[str], tags: Sequence[str], line: int) -> Tagged:
    """Return the text of words and their tags: the words, joined by one space."""
    words, at = [], 0
    for token in tokens:
        words.append((at, at + len(token)))
        at += len(token) + 1
    return Tagged(" ".join(tokens), tuple(words), tuple(tags), line)
