"""An embedding is the numbers of a text; a pair has two, and an example of a score aims at it."""

from __future__ import annotations

import math

import numpy as np
import pytest

from edgebert.errors import DataError
from edgebert.examples import Example, Outputs
from edgebert.meaning import NO_SETTINGS, Meaning, TaskSettings
from edgebert.tasks import FEATURE_EXTRACTION as HEAD
from edgebert.text import TextEncoder
from tests.support.tiny_files import make_tokenizer

MEANING = Meaning(settings=TaskSettings(width=3, pooling="mean"))
ENCODER = TextEncoder(make_tokenizer(), 6)


def outputs(*rows: tuple[float, ...]) -> list[Outputs]:
    return [{"sentence_embedding": np.array(row, np.float32)} for row in rows]


def test_a_text_is_one_vector():
    """Its window is the encoder's, its key the numbers of the vector, as they are."""
    encoded = HEAD.windows(ENCODER, Example(texts=("good bad good bad good",)), NO_SETTINGS)
    assert [window.ids for window in encoded.windows] == [ENCODER.encode("good bad good bad good")]
    assert (encoded.tokens, encoded.truncated) == (6, True)
    found = HEAD.decode(encoded, outputs((0.1, 2, -3)), MEANING)
    assert found.vector == tuple(float(number) for number in np.array([0.1, 2, -3], np.float32))  # type: ignore[union-attr]
    assert HEAD.answer(encoded, outputs((0.1, 2, -3)), MEANING) == found.vector  # type: ignore[union-attr]
    assert HEAD.shapes(MEANING, tokens=6) == {"sentence_embedding": (3,)}


def test_a_pair_is_two_windows_with_one_score():
    """Each text is read by itself; training aims at the score from both."""
    item = Example(texts=("good", "bad " * 9), gold=(0.5,), line=2)
    encoded = HEAD.windows(ENCODER, item, NO_SETTINGS)
    assert [window.ids for window in encoded.windows] == [ENCODER.encode(text) for text in item.texts]
    assert (encoded.tokens, encoded.truncated) == (9, True)
    key = HEAD.answer(encoded, outputs((1, 0, 0), (0, 1, 0)), MEANING)
    assert key == (1, 0, 0, 0, 1, 0)
    assert HEAD.is_key(key, MEANING)
    assert HEAD.targets(encoded, item, MEANING) == ((0.5,), (0.5,))
    with pytest.raises(DataError, match="line 4"):
        HEAD.targets(encoded, Example(texts=item.texts, line=4), MEANING)
    ((cosine, kept, score, pair),) = HEAD.count([item], [key], MEANING, [key])
    assert (cosine, score, pair) == (pytest.approx(1), 0.5, pytest.approx(0))
    assert kept == 1


def test_embeddings_are_the_same_where_they_point_the_same_way():
    """A cosine of 0.99 or more; vectors of nothing are equal to each other only."""
    turned = (math.cos(0.14), math.sin(0.14), 0.0)
    far = (math.cos(0.15), math.sin(0.15), 0.0)
    assert HEAD.same((1, 0, 0), turned)
    assert not HEAD.same((1, 0, 0), far)
    assert HEAD.same((0, 0, 0), (0, 0, 0))
    assert not HEAD.same((0, 0, 0), (1, 0, 0))
    assert not HEAD.same((1, 0, 0), (1, 0, 0, 1, 0, 0))


@pytest.mark.parametrize(
    ("key", "right"), [((1, 2, 3), True), ((1, 2), False), ((), False), ((0.0,) * 6, True), ((1, 2, math.nan), False)]
)
def test_an_answer_is_one_vector_or_two(key: tuple[int | float, ...], right: bool):
    """Of the width of the model, and finite."""
    assert HEAD.is_key(key, MEANING) is right
    assert not HEAD.is_key(key, Meaning())
