"""Entities: which ones the tags of words spell, by seqeval's rules, and the tally of a sentence.

Tags are ``O``, a prefix with a type as in ``B-PER`` (BIO, IOB2, BIOES, BILOU), or the type alone. A prefix alone has
the type ``_``. L and U are read as E and S, and a type alone as if its prefix were I, so that neighbours of the same
type are one entity.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Literal, NamedTuple

import numpy as np
import numpy.typing as npt

Scheme = Literal["types", "bio", "bioes"]
"""What strict mode demands of an entity: nothing, that it begins with B, or that it also ends with E or is a lone S."""

_PREFIXES = {"B": "B", "I": "I", "E": "E", "S": "S", "L": "E", "U": "S"}


class Entity(NamedTuple):
    """An entity among the words of a sentence: its type, its first word, and the one after its last."""

    type: str
    start: int
    stop: int


def tag_scheme(labels: Iterable[str]) -> Scheme:
    """Return the scheme that the labels of a model belong to."""
    prefixes = {_parts(label)[0] for label in labels}
    if "B" not in prefixes:
        return "types"
    return "bioes" if prefixes & {"E", "S"} else "bio"


def entity_types(labels: Iterable[str]) -> tuple[str, ...]:
    """Return the types of entities that the labels of a model can spell, in the order of the labels."""
    return tuple(dict.fromkeys(kind for prefix, kind in map(_parts, labels) if prefix != "O"))


def find_entities(tags: Iterable[str]) -> tuple[Entity, ...]:
    """Return the entities of a sentence as seqeval finds them by default.

    Tags that break their scheme are still read: an entity goes on until a tag begins another one, is of another type,
    or is ``O``.
    """
    found, start, previous = [], 0, ("O", "")
    for at, (prefix, kind) in enumerate([*map(_parts, tags), ("O", "")]):
        before, type_before = previous
        is_new = before in ("O", "E", "S") or prefix in ("O", "B", "S") or kind != type_before
        if is_new and before != "O":
            found.append(Entity(type_before, start, at))
        if is_new:
            start = at
        previous = prefix, kind
    return tuple(found)


def find_strict_entities(tags: Iterable[str], scheme: Scheme) -> tuple[Entity, ...]:
    """Return the entities of a sentence as seqeval finds them in strict mode; without a scheme, as by default.

    Only what is spelled rightly is one: in BIO a B and each I of its type after it; in BIOES that with an E at its end,
    or an S.
    """
    if scheme == "types":
        return find_entities(tags)
    found: list[Entity] = []
    start: int | None = None
    kind_before = ""
    for at, (prefix, kind) in enumerate([*map(_parts, tags), ("O", "")]):
        if start is not None and (prefix not in ("I", "E") or kind != kind_before):
            if scheme == "bio":
                found.append(Entity(kind_before, start, at))
            start = None
        if prefix == "B":
            start, kind_before = at, kind
        elif prefix == "S" and scheme == "bioes":
            found.append(Entity(kind, at, at + 1))
        elif prefix == "E" and start is not None:
            found.append(Entity(kind, start, at + 1))
            start = None
    return tuple(found)


def entity_tally(gold: Sequence[str], answered: Sequence[str], scheme: Scheme) -> tuple[int, ...]:
    """Return the tally of a sentence: entities that are right, given and expected, then the same in strict mode.

    Args:
        gold: The right tag of each word.
        answered: The tag that each word was given.
        scheme: That of the labels of the model (``tag_scheme``).
    """
    return (
        *_counts(find_entities(gold), find_entities(answered)),
        *_counts(find_strict_entities(gold, scheme), find_strict_entities(answered, scheme)),
    )


def type_counts(
    gold: Sequence[Sequence[str]], answered: Sequence[Sequence[str]], types: Sequence[str]
) -> npt.NDArray[np.int64]:
    """Return how many entities of each type are right, given and expected by default, int64 [types, 3].

    Args:
        gold: The right tags of the words of each sentence.
        answered: The tags that they were given.
        types: The types (``entity_types``).
    """
    counts = np.zeros((len(types), 3), dtype=np.int64)
    for right, given in zip(gold, answered, strict=True):
        expected, found = find_entities(right), find_entities(given)
        for row, kind in zip(counts, types, strict=True):
            ours, theirs = ([item for item in items if item.type == kind] for items in (expected, found))
            row += _counts(ours, theirs)
    return counts


def f1(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return F1 from sums of right, given and expected entities, float64 [..., 3] to [...]; 0 where there are none."""
    return _share(2 * sums[..., 0], sums[..., 1] + sums[..., 2])


def precision(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the share of given entities that are right, from the same sums; 0 where none was given."""
    return _share(sums[..., 0], sums[..., 1])


def recall(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the share of expected entities that were found, from the same sums; 0 where none is expected."""
    return _share(sums[..., 0], sums[..., 2])


def _share(part: npt.NDArray[np.float64], whole: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    share: npt.NDArray[np.float64] = part / np.where(whole > 0, whole, 1.0)
    return share


def _counts(expected: Iterable[Entity], found: Iterable[Entity]) -> tuple[int, int, int]:
    right, given = set(expected), set(found)
    return len(right & given), len(given), len(right)


@lru_cache(maxsize=4096)
def _parts(tag: str) -> tuple[str, str]:
    """Return the prefix of a tag, one of B, I, E, S and O, and its type; that of ``O`` is empty."""
    if tag == "O":
        return "O", ""
    if tag in _PREFIXES:
        return _PREFIXES[tag], "_"
    if tag[1:2] == "-" and tag[0] in _PREFIXES:
        return _PREFIXES[tag[0]], tag[2:] or "_"
    return "I", tag
