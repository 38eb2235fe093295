from __future__ import annotations

import math
import typing

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgebert.manifest import Task
from edgebert.tasks import SEQUENCE_CLASSIFICATION, TASK_HEADS, decode, task_head

LOGITS = arrays(np.float32, st.integers(1, 6), elements=st.floats(-(2.0**100), 2.0**100, width=32))


def names(count: int) -> tuple[str, ...]:
    return tuple(f"label {index}" for index in range(count))


@pytest.mark.parametrize("task", typing.get_args(Task))
def test_every_task_of_a_manifest_has_one_row(task: Task):
    """Each task that a manifest can name is described once."""
    assert [head.task for head in TASK_HEADS].count(task) == 1
    assert task_head(task).task == task


def test_the_tables_of_tasks_have_the_same_rows():
    """What a task means, what its head computes and what training it minimises are told for the same tasks."""
    from edgebert.heads import HEADS
    from edgebert.training.objectives import OBJECTIVES

    named = {head.task for head in TASK_HEADS}
    assert set(HEADS) == named
    assert set(OBJECTIVES) == named


def test_the_golden_texts_are_hard():
    """The golden texts hold no text, blanks, one word, 500 words, emoji, accents, CJK, controls and typed specials."""
    texts = SEQUENCE_CLASSIFICATION.golden_texts
    assert len(set(texts)) == len(texts)
    assert "" in texts
    assert any(text and not text.strip() for text in texts)
    assert any(len(text.split()) == 1 for text in texts)
    assert any(len(text.split()) == 500 for text in texts)
    together = "".join(texts)
    for piece in (
        "😀",
        "👍🏽",
        "é",
        "e\u0301",
        "İ",
        "ß",
        "价",
        "안",
        "П",
        "\x00",
        "\u200b",
        "\ufeff",
        "\t",
        "\r\n",
        "\xa0",
    ):
        assert piece in together
    for special in ("[MASK]", "[SEP]", "[CLS]", "[UNK]"):
        assert special in together
    for text in texts:
        assert text.encode("utf-8").decode("utf-8") == text


EMPTY = {"tokens": 2, "truncated": False}


@given(logits=LOGITS)
def test_the_answer_is_the_softmax_and_its_largest(logits: np.ndarray):
    """Probabilities are those of a softmax in float64, sum to 1, and the label is that of the largest logit."""
    found = decode("a text", logits, names(len(logits)), tokens=4, truncated=True)
    exact = [float(value) for value in logits]
    weights = [math.exp(value - max(exact)) for value in exact]
    assert (found.text, found.tokens, found.truncated) == ("a text", 4, True)
    assert found.probabilities == pytest.approx([weight / math.fsum(weights) for weight in weights], rel=1e-12)
    assert math.fsum(found.probabilities) == pytest.approx(1, abs=1e-12)
    assert found.label == f"label {exact.index(max(exact))}"
    assert found.probability == max(found.probabilities)
    assert all(type(value) is float for value in (found.probability, *found.probabilities))


@given(logits=LOGITS, data=st.data())
def test_labels_follow_their_logits(logits: np.ndarray, data: st.DataObject):
    """Labels in another order, with their logits, get the same probabilities."""
    order = data.draw(st.permutations(range(len(logits))))
    labels = names(len(logits))
    before = decode("", logits, labels, **EMPTY)
    after = decode("", logits[list(order)], tuple(labels[index] for index in order), **EMPTY)
    assert dict(zip((labels[index] for index in order), after.probabilities, strict=True)) == pytest.approx(
        dict(zip(labels, before.probabilities, strict=True)), rel=1e-12
    )


def test_the_first_of_equal_labels_wins():
    """A tie goes to the label that stands first, in every runtime alike."""
    assert decode("", np.array([1, 3, 3], np.float32), ("a", "b", "c"), **EMPTY).label == "b"


def test_huge_logits_do_not_overflow():
    """Logits at the ends of float32 give certainty, without a warning of overflow."""
    largest = np.finfo(np.float32).max
    assert decode("", np.array([-largest, largest], np.float32), ("a", "b"), **EMPTY).probabilities == (0.0, 1.0)
