"""Several labels are those above their thresholds; a number is the same within a hundredth."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgebert.answers import LabelsPrediction
from edgebert.errors import DataError
from edgebert.examples import Encoded, Example, Outputs
from edgebert.meaning import Meaning, TaskSettings
from edgebert.tasks import MULTI_LABEL_CLASSIFICATION as SEVERAL
from edgebert.tasks import TEXT_REGRESSION as NUMBER
from tests.support.windows import bare_window

ENCODED = Encoded(texts=("a text",), windows=(bare_window((2, 7, 3)),), tokens=3, truncated=True)
THREE = Meaning(labels=("a", "b", "c"))
FINITE = st.floats(-(2.0**100), 2.0**100, width=32)


def outputs(*logits: float) -> list[Outputs]:
    return [{"logits": np.array(logits, np.float32)}]


@given(logits=arrays(np.float32, 3, elements=FINITE), thresholds=st.tuples(*[st.floats(0, 1)] * 3))
def test_labels_are_those_above_their_thresholds(logits: np.ndarray, thresholds: tuple[float, ...]):
    """Each label has its own sigmoid and threshold; the most probable stands first, all in order in the key."""
    meaning = Meaning(labels=("a", "b", "c"), settings=TaskSettings(thresholds=thresholds))
    found = SEVERAL.decode(ENCODED, [{"logits": logits}], meaning)
    assert isinstance(found, LabelsPrediction)
    exact = [1 / (1 + math.exp(-float(x))) if x > -700 else 0.0 for x in logits]
    assert found.probabilities == pytest.approx(exact, rel=1e-9, abs=1e-300)
    above = {label for label, p, least in zip("abc", found.probabilities, thresholds, strict=True) if p > least}
    assert set(found.labels) == above
    ranks = [found.probabilities["abc".index(label)] for label in found.labels]
    assert ranks == sorted(ranks, reverse=True)
    key = SEVERAL.answer(ENCODED, [{"logits": logits}], meaning)
    assert key == tuple(sorted("abc".index(label) for label in above))
    assert SEVERAL.is_key(key, meaning)
    assert (found.text, found.tokens, found.truncated) == ("a text", 3, True)


def test_half_is_the_threshold_where_nothing_is_said():
    """A logit above 0 gives its label; 0 itself does not."""
    assert SEVERAL.answer(ENCODED, outputs(0.0, 0.001, -3.0), THREE) == (1,)
    assert SEVERAL.answer(ENCODED, outputs(-1, -1, -1), THREE) == ()


def test_the_target_of_several_labels_is_a_number_for_each():
    """1.0 where a label is right; none may be right, but an example without an answer is refused."""
    examples = [Example(texts=("x",), gold=gold) for gold in ((0, 2), ())]
    assert [SEVERAL.targets(ENCODED, item, THREE) for item in examples] == [((1.0, 0.0, 1.0),), ((0.0, 0.0, 0.0),)]
    assert SEVERAL.count(examples, [(0, 1), ()], THREE, None) == ((1, 2, 3), (0, 0, 0))
    with pytest.raises(DataError, match="line 3"):
        SEVERAL.targets(ENCODED, Example(texts=("x",), line=3), THREE)


@pytest.mark.parametrize(
    ("key", "right"), [((), True), ((0, 2), True), ((2, 0), False), ((1, 1), False), ((3,), False), ((0.0,), False)]
)
def test_an_answer_is_ascending_labels(key: tuple[int | float, ...], right: bool):
    """Each label once, of those that the model has."""
    assert SEVERAL.is_key(key, THREE) is right


def test_a_number_is_what_the_model_computes():
    """One output, and the answer has it as it is."""
    meaning = Meaning()
    assert NUMBER.shapes(meaning, tokens=9) == {"logits": (1,)}
    assert NUMBER.answer(ENCODED, outputs(2.5), meaning) == (2.5,)
    assert NUMBER.decode(ENCODED, outputs(2.5), meaning).value == 2.5  # type: ignore[union-attr]
    item = Example(texts=("x",), gold=(3.0,))
    assert NUMBER.targets(ENCODED, item, meaning) == ((3.0,),)
    assert NUMBER.count([item], [(2.5,)], meaning, None) == ((3.0, 2.5),)


@pytest.mark.parametrize(
    ("first", "second", "same"),
    [(0.0, 0.01, True), (0.0, 0.011, False), (100, 101, True), (100, 102, False), (-5, 5, False), (3, 3.02, True)],
)
def test_numbers_are_the_same_within_a_hundredth(first: float, second: float, same: bool):
    """Of the larger of the two, or as a difference."""
    assert NUMBER.same((first,), (second,)) is same
    assert NUMBER.same((second,), (first,)) is same


@pytest.mark.parametrize(
    ("key", "right"),
    [((1.5,), True), ((2,), True), ((), False), ((1.0, 2.0), False), ((math.nan,), False), ((math.inf,), False)],
)
def test_an_answer_is_one_finite_number(key: tuple[int | float, ...], right: bool):
    """Whole or not."""
    assert NUMBER.is_key(key, Meaning()) is right
