"""The tallies of examples from their right answers and those that a file gave; one function for each task."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from edgebert.errors import DataError
from edgebert.examples import Example, Key, Tally, gold_of
from edgebert.meaning import Meaning
from edgebert.tallies.entities import entity_tally, tag_scheme
from edgebert.tallies.label_sets import MISSED, RIGHT, label_set_tally
from edgebert.tallies.spans import span_tally
from edgebert.tallies.vectors import cosines, vector_tallies


def count_pairs_of_numbers(
    examples: Sequence[Example], answers: Sequence[Key], _: Meaning, __: Sequence[Key] | None = None
) -> tuple[Tally, ...]:
    """Return the right label or number, then the given one."""
    return tuple(gold_of(example) + answer for example, answer in zip(examples, answers, strict=True))


def count_label_sets(
    examples: Sequence[Example], answers: Sequence[Key], meaning: Meaning, _: Sequence[Key] | None = None
) -> tuple[Tally, ...]:
    """Return what became of each label of the model: see ``label_sets``."""
    labels = len(meaning.labels)
    return tuple(
        label_set_tally(gold_of(one), answer, labels=labels) for one, answer in zip(examples, answers, strict=True)
    )


def count_entities(
    examples: Sequence[Example], answers: Sequence[Key], meaning: Meaning, _: Sequence[Key] | None = None
) -> tuple[Tally, ...]:
    """Return the entities that are right, given and expected, then the same in strict mode."""
    scheme, found = tag_scheme(meaning.labels), []
    for example, answer in zip(examples, answers, strict=True):
        gold, given = ([meaning.labels[int(index)] for index in key] for key in (gold_of(example), answer))
        if len(gold) != len(given):
            raise DataError(f"line {example.line}: {len(gold)} words have a tag, and {len(given)} were given one")
        found.append(entity_tally(gold, given, scheme))
    return tuple(found)


def count_spans(
    examples: Sequence[Example], answers: Sequence[Key], _: Meaning, __: Sequence[Key] | None = None
) -> tuple[Tally, ...]:
    """Return exact match and F1 of each answer, by the text of its place in the context."""
    return tuple(
        span_tally(_texts_at(example, gold_of(example)), "".join(_texts_at(example, answer)))
        for example, answer in zip(examples, answers, strict=True)
    )


def count_vectors(
    examples: Sequence[Example], answers: Sequence[Key], meaning: Meaning, reference: Sequence[Key] | None = None
) -> tuple[Tally, ...]:
    """Return cosine and share of kept neighbours of each example against the reference, means over its texts.

    Where all examples are pairs of texts with a score, the score and the cosine of the pair follow.

    Args:
        examples: The examples.
        answers: The embeddings of their texts, one after the other.
        meaning: That of the model.
        reference: The embeddings by the FP32 file; ``None`` for that file itself.
    """
    width = meaning.settings.width or 1
    found, known = (
        np.concatenate([np.array(key, dtype=np.float64).reshape(-1, width) for key in keys])
        for keys in (answers, answers if reference is None else reference)
    )
    owners = np.repeat(np.arange(len(examples)), [len(key) // width for key in answers])
    texts = vector_tallies(found, known)
    sums = np.stack([np.bincount(owners, weights=column) for column in texts.T], axis=1)
    tallies = sums / np.bincount(owners)[:, None]
    scores = [example.gold for example in examples]
    if all(len(key) == 2 * width for key in answers) and all(scores):
        tallies = np.column_stack([tallies, [score[0] for score in scores if score], cosines(found[::2], found[1::2])])
    return tuple(tuple(row) for row in tallies.tolist())


def _texts_at(example: Example, places: Key) -> list[str]:
    context = example.texts[1]
    return [context[int(start) : int(end)] for start, end in zip(places[::2], places[1::2], strict=True)]


def gold_label(tally: Tally) -> Key:
    """Return the right label that a tally of one label states."""
    return tally[:1]


def gold_labels(tally: Tally) -> Key:
    """Return the right labels that a tally of several labels states."""
    return tuple(index for index, state in enumerate(tally) if state in (RIGHT, MISSED))


def is_label_set_tally(tally: Tally, meaning: Meaning) -> bool:
    """Return whether numbers are a tally of several labels."""
    return len(tally) == len(meaning.labels) and all(type(state) is int and 0 <= state <= 3 for state in tally)


def is_number_tally(tally: Tally, _: Meaning) -> bool:
    """Return whether numbers are a right number and a given one."""
    return len(tally) == 2 and bool(np.all(np.isfinite(tally)))


def is_entity_tally(tally: Tally, _: Meaning) -> bool:
    """Return whether numbers are six counts of entities."""
    return (
        len(tally) == 6
        and all(type(count) is int and count >= 0 for count in tally)
        and tally[0] <= min(tally[1:3])
        and tally[3] <= min(tally[4:6])
    )


def is_span_tally(tally: Tally, _: Meaning) -> bool:
    """Return whether numbers are an exact match and an F1."""
    return len(tally) == 2 and tally[0] in (0, 1) and tally[0] <= tally[1] <= 1


def is_vector_tally(tally: Tally, _: Meaning) -> bool:
    """Return whether numbers are a cosine and a share of neighbours, for a pair also its score and cosine."""
    return (
        len(tally) in (2, 4)
        and bool(np.all(np.isfinite(tally)))
        and -1 <= tally[0] <= 1
        and 0 <= tally[1] <= 1
        and (len(tally) == 2 or -1 <= tally[3] <= 1)
    )
