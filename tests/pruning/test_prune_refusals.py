"""Shares, options and texts that nothing can be pruned by: each is one line."""

from __future__ import annotations

import dataclasses

import pytest

from edgebert.errors import DataError, UsageError
from edgebert.examples import Example
from edgebert.pruning.prune import prune_model
from edgebert.recipe import PruneOptions
from tests.pruning.inputs import HALF, plain, sentences, training, training_of


@pytest.mark.parametrize("keep", [0.0, -0.5, 1.01, float("nan"), float("inf")])
def test_a_share_outside_its_range_is_refused(keep):
    """Only shares above 0 and at most 1 are taken, and the message names the one given."""
    with pytest.raises(UsageError, match=r"keep is .*, not above 0 and at most 1"):
        prune_model(plain(), training(), PruneOptions(keep=keep))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"keep": 0.05}, "the budget of 0.05 of the model is below"),
        ({"seed": -1}, "seed is -1"),
        ({"seed": 2**32}, "seed is 4294967296"),
        ({"distill": -1.0}, "distill is -1"),
        ({"distill": float("nan")}, "distill is nan"),
        ({"distill": float("inf")}, "distill is inf"),
        ({"distill": 1.0, "learning_rate": 0.0}, "learning_rate is 0"),
    ],
)
def test_options_that_cannot_be_are_refused(changes, words):
    """One line says which value is wrong; those that need no work to see are refused before any is done."""
    told: list[str] = []
    with pytest.raises(UsageError) as caught:
        prune_model(
            plain(), training(), dataclasses.replace(HALF, **changes), progress=lambda stage, *_: told.append(stage)
        )
    assert words in caught.value.message
    assert told == [] or "keep" in changes


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (training_of(sentences(31)), "31 texts are too few"),
        (training_of(()), "0 texts are too few"),
        (training_of(sentences(90), (0, 2) * 45), "not one of the model's"),
        (training_of(sentences(90), (0, -1) * 45), "not one of the model's"),
    ],
)
def test_texts_that_cannot_be_ranked_by_are_refused(given, words):
    """Too few texts, and labels of another set, are named together with their file."""
    with pytest.raises(DataError) as caught:
        prune_model(plain(), given, HALF)
    assert caught.value.message.startswith("train.tsv: ")
    assert words in caught.value.message


def test_a_text_with_half_a_character_is_refused():
    """A lone surrogate in any text is one line, not a traceback."""
    data, bad = training(), Example(texts=("bad \ud800",), gold=(0,))
    given = dataclasses.replace(data, examples=(*data.examples[:-1], bad))
    with pytest.raises(UsageError, match="lone surrogate"):
        prune_model(plain(), given, HALF)
