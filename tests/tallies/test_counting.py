"""Examples and answers of every task become tallies that are recognised as such."""

from __future__ import annotations

import pytest

from edgebert.errors import DataError
from edgebert.examples import Example
from edgebert.meaning import Meaning, TaskSettings
from edgebert.tallies import counting

TAGS = Meaning(labels=("O", "B-PER", "I-PER"))
SETS = Meaning(labels=("a", "b", "c"))
WIDE = Meaning(settings=TaskSettings(width=2))
NONE = Meaning()


def test_the_tallies_of_each_task():
    """Numbers, sets of labels, entities and answers are told by the keys alone."""
    one = Example(texts=("t",), gold=(1.5,))
    assert counting.count_pairs_of_numbers([one], [(2.0,)], NONE) == ((1.5, 2.0),)
    several = [Example(texts=("t",), gold=(0, 2)), Example(texts=("t",), gold=())]
    assert counting.count_label_sets(several, [(0, 1), ()], SETS) == ((1, 2, 3), (0, 0, 0))
    tagged = Example(texts=("Ada L. spoke",), gold=(1, 2, 0))
    assert counting.count_entities([tagged], [(2, 2, 0)], TAGS) == ((1, 1, 1, 0, 0, 1),)
    asked = Example(texts=("Who?", "It was Ada Lovelace."), gold=(7, 10, 7, 19))
    assert counting.count_spans([asked, asked], [(7, 20), ()], NONE) == ((1, 1.0), (0, 0.0))
    unanswered = Example(texts=("Why?", "It was Ada."), gold=())
    assert counting.count_spans([unanswered, unanswered], [(), (0, 2)], NONE) == ((1, 1.0), (0, 0.0))


def test_embeddings_are_compared_with_the_reference():
    """A file without a reference is its own; pairs with a score also tell how near their texts are."""
    single = [Example(texts=("a",)), Example(texts=("b",))]
    keys = [(1.0, 0.0), (0.0, 2.0)]
    assert counting.count_vectors(single, keys, WIDE) == ((1.0, 1.0), (1.0, 1.0))
    turned = [(0.0, 1.0), (0.0, 1.0)]
    assert counting.count_vectors(single, turned, WIDE, keys) == ((0.0, 1.0), (1.0, 1.0))
    pair = Example(texts=("a", "b"), gold=(4.0,))
    assert counting.count_vectors([pair], [(1.0, 0.0, 0.0, 1.0)], WIDE) == ((1.0, 1.0, 4.0, 0.0),)
    assert counting.count_vectors([Example(texts=("a", "b"))], [(1.0, 0.0, 0.0, 1.0)], WIDE) == ((1.0, 1.0),)


def test_examples_that_cannot_be_counted_are_refused():
    """A missing right answer, and tags for another number of words than there are."""
    with pytest.raises(DataError, match="line 7: there is no right answer to score against"):
        counting.count_spans([Example(texts=("q", "c"), line=7)], [()], NONE)
    with pytest.raises(DataError, match="line 2: 2 words have a tag, and 1 were given one"):
        counting.count_entities([Example(texts=("a b",), gold=(0, 1), line=2)], [(0,)], TAGS)


@pytest.mark.parametrize(
    ("check", "meaning", "good", "bad"),
    [
        (counting.is_label_set_tally, SETS, [(0, 1, 3), (2, 2, 2)], [(0, 1), (0, 1, 4), (0, 1, 1.0), (0, 1, -1)]),
        (counting.is_number_tally, NONE, [(1, -2.5)], [(1,), (1, 2, 3), (1, float("nan")), (1, float("inf"))]),
        (
            counting.is_entity_tally,
            TAGS,
            [(1, 2, 1, 0, 1, 1)],
            [(1, 2, 1), (2, 1, 3, 0, 0, 0), (1, 1, 1, 1, 1, 0), (1, 2, 1, 0, 1, 1.0), (-1, 0, 0, 0, 0, 0)],
        ),
        (counting.is_span_tally, NONE, [(1, 1.0), (0, 0.5)], [(1, 0.5), (0.5, 1), (0, 1.5), (0,)]),
        (
            counting.is_vector_tally,
            WIDE,
            [(0.5, 1), (-1, 0.1, 7.5, 0.2)],
            [(0.5,), (1.1, 0.5), (0.5, 1.5), (0.5, 1, 3), (0.5, 1, 3, 2), (0.5, float("nan"))],
        ),
    ],
)
def test_tallies_are_told_from_other_numbers(check, meaning, good, bad):
    """A report with anything else is damaged."""
    assert [check(tally, meaning) for tally in good] == [True] * len(good)
    assert [check(tally, meaning) for tally in bad] == [False] * len(bad)
