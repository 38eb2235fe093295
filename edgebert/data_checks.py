"""What a person should look at before training: duplicates, labels and their counts, truncated inputs."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgebert.data import Dataset
from edgebert.examples import Example
from edgebert.printable import shown

if TYPE_CHECKING:
    from tokenizers import Tokenizer

MOST_LINES = 5
"""How many pairs of lines are kept of duplicates."""

LENGTHS = (64, 128, 256, 512)
"""Longest inputs in tokens that people choose among."""

_BATCH = 1000
_MANY_LABELS = 20
_BLANKS_OF_A_SENTENCE = 2
_OF_TEXTS = ("text-classification", "multi-label-classification")


@dataclass(frozen=True, slots=True, kw_only=True)
class Duplicates:
    """Examples of one file whose texts another file has as well.

    Attributes:
        count: How many examples of the second file.
        lines: The first of them, at most ``MOST_LINES``: the line in the first file and that in the second.
    """

    count: int
    lines: tuple[tuple[int, int], ...]


def find_duplicates(training: Iterable[Example], evaluation: Iterable[Example]) -> Duplicates:
    """Return the examples of ``evaluation`` whose texts, without blanks around them, are in ``training`` as well."""
    first_lines: dict[tuple[str, ...], int] = {}
    for example in training:
        first_lines.setdefault(_bare(example), example.line)
    count, lines = 0, list[tuple[int, int]]()
    for example in evaluation:
        line = first_lines.get(_bare(example))
        if line is not None:
            count += 1
            if len(lines) < MOST_LINES:
                lines.append((line, example.line))
    return Duplicates(count=count, lines=tuple(lines))


def label_counts(data: Dataset) -> tuple[tuple[str, int], ...]:
    """Return how often each label is right, in the order of the labels; words count where words have tags.

    Of questions, those with and without an answer are counted. A task of numbers has no counts.
    """
    if data.task == "question-answering":
        answered = sum(bool(example.gold) for example in data.examples)
        return (("answer", answered), ("no answer", len(data.examples) - answered))
    if not data.labels:
        return ()
    counts = Counter(index for example in data.examples for index in example.gold or ())
    return tuple((label, counts[index]) for index, label in enumerate(data.labels))


def token_counts(tokenizer: Tokenizer, data: Dataset) -> tuple[int, ...]:
    """Return how many tokens each input has, special ones included, before any is truncated.

    A question is one input together with its context; the two texts of a pair with a score are two.
    """
    inputs: list[str | tuple[str, ...]] = []
    for example in data.examples:
        inputs += [example.texts] if data.task == "question-answering" else example.texts
    counts: list[int] = []
    for start in range(0, len(inputs), _BATCH):
        counts += (len(found.ids) for found in tokenizer.encode_batch(inputs[start : start + _BATCH]))
    return tuple(counts)


def truncated_shares(tokens: Sequence[int], lengths: Iterable[int]) -> tuple[tuple[int, float], ...]:
    """Return for each length the share of inputs, from 0 to 1, that have more tokens.

    Args:
        tokens: Tokens of each input, special tokens included, before it was truncated; one input at least.
        lengths: Longest inputs in tokens.
    """
    return tuple((length, sum(count > length for count in tokens) / len(tokens)) for length in lengths)


def data_warnings(data: Dataset) -> tuple[str, ...]:
    """Return what is probably a mistake in data, a sentence each: swapped columns, one text with several answers."""
    found = []
    if said := _swapped(data):
        found.append(said)
    if data.task in (*_OF_TEXTS, "token-classification"):
        found += _contradictions(data)
    unused = [label for label, count in label_counts(data) if not count] if data.labels else []
    if unused:
        names = ", ".join(map(shown, unused[:5])) + (f" and {len(unused) - 5} more" if len(unused) > 5 else "")
        found.append(f"{data.name}: no example has the label{'s' * (len(unused) > 1)} {names}")
    return tuple(found)


def _swapped(data: Dataset) -> str:
    """Return what says that texts and labels are in each other's columns; empty where nothing does."""
    counts = label_counts(data) if data.task in _OF_TEXTS else ()
    given = sum(count for _, count in counts)
    if not given:
        return ""
    lone = sum(count == 1 for _, count in counts)
    # Names of labels may be longer than short texts, but they are not sentences.
    blanks = sum(label.count(" ") * count for label, count in counts) / given
    length = sum(len(label) * count for label, count in counts) / given
    of_texts = sum(len(text) for example in data.examples for text in example.texts) / len(data.examples)
    if len(counts) > _MANY_LABELS and lone > len(counts) / 2:
        said = f"{lone:,} of {len(counts):,} labels have one text each"
    elif len(counts) > _MANY_LABELS and given < 2 * len(counts):
        said = f"there are {len(counts):,} labels and {len(data.examples):,} texts"
    elif blanks >= _BLANKS_OF_A_SENTENCE and length > of_texts:
        said = f"labels have {length:.0f} characters on average, texts {of_texts:.0f}"
    else:
        return ""
    return f"{data.name}: {said}: are the columns of text and label swapped?"


def _contradictions(data: Dataset) -> list[str]:
    first: dict[tuple[str, ...], Example] = {}
    lines = []
    for example in data.examples:
        before = first.setdefault(_bare(example), example)
        if before.gold != example.gold:
            lines.append((before.line, example.line))
    if not lines:
        return []
    places = ", ".join(f"{before} and {after}" for before, after in lines[:MOST_LINES])
    return [f"{data.name}: texts that appear twice with different answers: {len(lines):,}, first in lines {places}"]


def _bare(example: Example) -> tuple[str, ...]:
    return tuple(text.strip() for text in example.texts)
