"""Entities of a text from the labels of its tokens, as the Hub's pipeline puts them together.

Labels are ``O``, a prefix with a type as in ``B-person`` (BIO, IOB2, BIOES, BILOU), or the type alone. The Hub's
pipeline knows B and I; it takes E and S (or L and U) for types of their own, which here end an entity or are a whole
one. It tells the words of a text by the lengths of their tokens, which fails where the tokenizer leaves characters out,
as combining accents; here they are those of the pre-tokenizer.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from edgebert.answers import EntitiesPrediction, Entity
from edgebert.examples import Encoded, Example, Key, Outputs, Spans, Target, Window, gold_of, word_places
from edgebert.meaning import Meaning, TaskSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgebert.text import TextEncoder

Aggregation = Literal["simple", "first", "average", "max"]
"""Whose label a word has: each token has its own, that of the first one, of their mean, or of the most certain one."""

UNREAD = -100
"""The target of a token that training does not look at."""

_PREFIXES = {"B": "B", "I": "I", "E": "E", "L": "E", "S": "S", "U": "S"}


class _Unit(NamedTuple):
    """A token, or a word, with its label: index, probability, and place in the text."""

    label: int
    score: float
    start: int
    end: int


def tagged_windows(encoder: TextEncoder, example: Example, _: TaskSettings) -> Encoded:
    """Return a text as one window, with its words: those that have a tag in the data, else those that are read."""
    (text,) = example.texts
    window, truncated = encoder.window(text)
    words = example.words or tuple(word_places(window).values())
    return Encoded(texts=example.texts, windows=(window,), tokens=len(window.ids), truncated=truncated, words=words)


def find_entities(
    text: str, window: Window, logits: NDArray[np.float32], labels: Sequence[str], aggregation: Aggregation
) -> tuple[Entity, ...]:
    """Return the entities of a text in their order.

    Neighbours are one entity where their types are equal and the second has the prefix I or E, or none; its score is
    the mean of theirs.

    Args:
        text: The text.
        window: Its tokens.
        logits: Of each token, float32 [tokens, labels].
        labels: Names of the labels.
        aggregation: How the labels of a word's tokens become that of the word.
    """
    groups: list[list[_Unit]] = []
    before = ("", "")
    for unit in _units(window, logits, aggregation):
        prefix, tag = _tag(labels[unit.label])
        if groups and tag == before[1] and prefix in ("I", "E") and before[0] in ("B", "I"):
            groups[-1].append(unit)
        else:
            groups.append([unit])
        before = (prefix, tag)
    entities = []
    for group in groups:
        start, end = group[0].start, group[-1].end
        if (kind := _type(labels[group[0].label])) != "O":
            score = float(np.mean([unit.score for unit in group]))
            entities.append(Entity(text=text[start:end], type=kind, start=start, end=end, score=score))
    return tuple(entities)


def decode_entities(encoded: Encoded, outputs: Sequence[Outputs], meaning: Meaning) -> EntitiesPrediction:
    """Return the entities for people."""
    (text,), (window,) = encoded.texts, encoded.windows
    aggregation = meaning.settings.aggregation or "first"
    return EntitiesPrediction(
        text=text,
        entities=find_entities(text, window, outputs[0]["logits"], meaning.labels, aggregation),
        tokens=encoded.tokens,
        truncated=encoded.truncated,
    )


def tags_key(encoded: Encoded, outputs: Sequence[Outputs], meaning: Meaning) -> Key:
    """Return the label of each word: that of its first token, and ``O`` where no token of it is read."""
    outside = meaning.labels.index("O") if "O" in meaning.labels else 0
    best = outputs[0]["logits"].argmax(axis=1)  # [tokens]
    tokens = first_tokens(encoded.windows[0], encoded.words)
    return tuple(outside if token is None else int(best[token]) for token in tokens)


def tag_targets(encoded: Encoded, example: Example, _: Meaning) -> tuple[Target, ...]:
    """Return the label of each token that is the first of a word with a tag, and ``UNREAD`` for the others."""
    (window,) = encoded.windows
    targets = [UNREAD] * len(window.ids)
    for token, label in zip(first_tokens(window, encoded.words), gold_of(example), strict=True):
        if token is not None:
            targets[token] = int(label)
    return (tuple(targets),)


def first_tokens(window: Window, words: Spans) -> list[int | None]:
    """Return the first token that begins in each word; ``None`` where none does.

    So it is for a word that was cut off, and one of which the tokenizer keeps no character.
    """
    tokens = [token for token, sequence in enumerate(window.sequences) if sequence == 0]
    starts = [window.offsets[token][0] for token in tokens]
    places = [bisect_left(starts, start) for start, _ in words]
    return [
        tokens[place] if place < len(tokens) and starts[place] < end else None
        for place, (_, end) in zip(places, words, strict=True)
    ]


def is_tags_key(key: Key, meaning: Meaning) -> bool:
    """Return whether numbers are labels of words."""
    return all(type(number) is int and 0 <= number < len(meaning.labels) for number in key)


def _units(window: Window, logits: NDArray[np.float32], aggregation: Aggregation) -> Iterator[_Unit]:
    """Yield what has a label of its own: the tokens (``simple``) or the words."""
    shifted = np.exp(logits.astype(np.float64) - logits.max(axis=1, keepdims=True))
    probabilities = shifted / shifted.sum(axis=1, keepdims=True)  # [tokens, labels]
    tokens = [token for token, sequence in enumerate(window.sequences) if sequence == 0]
    for _, group in groupby(tokens, key=(lambda token: token) if aggregation == "simple" else window.words.__getitem__):
        members = list(group)
        rows = probabilities[members]
        if aggregation == "average":
            row = rows.mean(axis=0)
        else:
            row = rows[int(rows.max(axis=1).argmax())] if aggregation == "max" else rows[0]
        label = int(row.argmax())
        start, end = window.offsets[members[0]][0], window.offsets[members[-1]][1]
        yield _Unit(label=label, score=float(row[label]), start=start, end=end)


def _tag(label: str) -> tuple[str, str]:
    """Return the prefix of a label, one of B, I, E and S, and what must be equal in the labels of one entity."""
    prefix, dash, kind = label.partition("-")
    return (_PREFIXES[prefix], kind) if dash and prefix in _PREFIXES else ("I", label)


def _type(label: str) -> str:
    """Return the type that a label names: what follows its first dash, or all of it."""
    return label.partition("-")[2] if "-" in label else label
