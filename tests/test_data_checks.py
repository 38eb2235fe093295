"""What should be looked at before training is counted: duplicates, labels, truncated inputs, probable mistakes."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.data import Dataset
from edgebert.data_checks import (
    MOST_LINES,
    data_warnings,
    find_duplicates,
    label_counts,
    token_counts,
    truncated_shares,
)
from edgebert.examples import Example
from edgebert.tokenizer import load_tokenizer
from tests.support import fakes


def examples(*texts: str, gold: tuple[int, ...] = (0,)) -> tuple[Example, ...]:
    return tuple(Example(texts=(text,), gold=gold, line=line) for line, text in enumerate(texts, 1))


def dataset(*rows: tuple[str, tuple[int, ...]], labels: tuple[str, ...], task: str = "text-classification") -> Dataset:
    found = tuple(Example(texts=(text,), gold=gold, line=line) for line, (text, gold) in enumerate(rows, 2))
    return Dataset(name="a.csv", sha256="0" * 64, labels=labels, examples=found, task=task)


def test_duplicates_are_told_with_both_lines() -> None:
    """Blanks around a text do not count; of a text that is in the first file twice, the first line is told."""
    found = find_duplicates(examples("a", "b", " b"), examples("c", "b\n", "a", "B"))
    assert (found.count, found.lines) == (2, ((2, 2), (1, 3)))
    pair = Example(texts=("a", "b"), line=9)
    assert find_duplicates([pair], [Example(texts=("a", " b "), line=3), *examples("a")]).lines == ((9, 3),)


@given(st.lists(st.sampled_from("abcdefgh"), max_size=20), st.lists(st.sampled_from("abcdefgh"), max_size=20))
def test_duplicates_are_counted_as_by_hand(training: list[str], evaluation: list[str]) -> None:
    """Each example of the second file counts once, and only the first lines are kept."""
    found = find_duplicates(examples(*training), examples(*evaluation))
    assert found.count == sum(text in training for text in evaluation)
    assert len(found.lines) == min(found.count, MOST_LINES)
    assert all(training[first - 1] == evaluation[second - 1] for first, second in found.lines)


def test_labels_are_counted_by_task() -> None:
    """Each label of a text, each tag of a word, and answers of questions."""
    data = dataset(("a", (1,)), ("b", (1,)), labels=("x", "y"))
    assert label_counts(data) == (("x", 0), ("y", 2))
    data = dataset(("a", (0, 1)), ("b", ()), ("c", (1,)), labels=("x", "y"), task="multi-label-classification")
    assert label_counts(data) == (("x", 1), ("y", 2))
    data = dataset(("a", (0, 0, 1)), labels=("O", "B-x"), task="token-classification")
    assert label_counts(data) == (("O", 2), ("B-x", 1))
    data = dataset(("a", (0, 1, 4, 5)), ("b", ()), labels=(), task="question-answering")
    assert label_counts(data) == (("answer", 1), ("no answer", 1))
    assert label_counts(dataset(("a", (0,)), labels=(), task="text-regression")) == ()


@given(st.lists(st.integers(2, 50), min_size=1), st.lists(st.integers(2, 50), max_size=5))
def test_shares_of_truncated_inputs_are_those_above_a_length(tokens: list[int], lengths: list[int]) -> None:
    """By a count of each number of tokens."""
    counts = Counter(tokens)
    for length, share in truncated_shares(tokens, lengths):
        assert share * len(tokens) == pytest.approx(sum(count for size, count in counts.items() if size > length))


def test_labels_that_are_sentences_are_warned_of() -> None:
    """Longer than their texts and of several words; long names of labels are not, and many texts for each are fine."""
    labels = ("the film was far too long", "the music was just right for it")
    assert data_warnings(dataset(("good", (0,)), ("bad", (1,)), ("bad", (1,)), labels=labels)) == (
        "a.csv: labels have 29 characters on average, texts 3: are the columns of text and label swapped?",
    )
    names = ("balance_not_updated_after_transfer", "positive")
    assert data_warnings(dataset(("good", (0,)), ("bad", (1,)), labels=names)) == ()
    many = tuple(f"label {index}" for index in range(30))
    texts = [(f"text {index}", (min(index, 29),)) for index in range(45)]
    pairs = [(f"text {index}", (index % 23,)) for index in range(45)]
    assert data_warnings(dataset(*texts, labels=many))[0].startswith("a.csv: 29 of 30 labels have one text each")
    assert data_warnings(dataset(*pairs, labels=many[:23])) == (
        "a.csv: there are 23 labels and 45 texts: are the columns of text and label swapped?",
    )


def test_swapped_columns_are_warned_of() -> None:
    """Thousands of labels with a text each are probably the texts; many texts for each label are not."""
    labels = tuple(f"text {index}" for index in range(3000))
    swapped = dataset(*((f"label {index % 2}", (index,)) for index in range(3000)), labels=labels)
    assert data_warnings(swapped)[0] == (
        "a.csv: 3,000 of 3,000 labels have one text each: are the columns of text and label swapped?"
    )
    assert (
        data_warnings(dataset(*((f"text {index}", (index % 150,)) for index in range(3000)), labels=labels[:150])) == ()
    )


def test_texts_with_other_answers_the_second_time_are_warned_of() -> None:
    """With their lines; the same answer twice is no doubt, nor are two scores of a text."""
    data = dataset(("a", (0,)), ("a ", (1,)), ("b", (1,)), ("b", (1,)), labels=("x", "y"))
    assert data_warnings(data) == ("a.csv: texts that appear twice with different answers: 1, first in lines 2 and 3",)
    assert data_warnings(dataset(("a", (0,)), ("a", (1,)), labels=(), task="text-regression")) == ()


def test_labels_without_an_example_are_named() -> None:
    """At most five of them."""
    data = dataset(("a", (0,)), labels=tuple("abcdefgh"))
    assert data_warnings(data) == ("a.csv: no example has the labels 'b', 'c', 'd', 'e', 'f' and 2 more",)


def test_tokens_are_counted_before_truncation() -> None:
    """A question with its context is one input of three special tokens; the texts of a pair are two."""
    tokenizer = load_tokenizer(fakes.shared_checkpoint())
    pair = Example(texts=("good bad", "bad " * 600), gold=None, line=1)
    for task, expected in (("question-answering", (2 + 600 + 3,)), ("feature-extraction", (2 + 2, 600 + 2))):
        data = Dataset(name="x", sha256="0" * 64, labels=(), examples=(pair,), task=task)
        assert token_counts(tokenizer, data) == expected
    many = Dataset(name="x", sha256="0" * 64, labels=(), examples=(pair,) * 1001, task="question-answering")
    assert token_counts(tokenizer, many) == (605,) * 1001
