from __future__ import annotations

import math
import re
import typing
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from edgebert.answers import LabelPrediction
from edgebert.errors import DataError
from edgebert.examples import Encoded, Example, gold_of
from edgebert.meaning import NO_SETTINGS, Meaning, Task, TaskSettings
from edgebert.metrics import METRICS, check_drop
from edgebert.tasks import (
    QUESTION_ANSWERING,
    TASK_HEADS,
    TEXT_CLASSIFICATION,
    TOKEN_CLASSIFICATION,
    TaskHead,
    task_head,
)
from edgebert.text import TextEncoder
from tests.support.tiny_files import SPECIALS, make_tokenizer
from tests.support.tokenizing import reference, write_vocabulary
from tests.support.windows import bare_window

THREE = Meaning(labels=("a", "b", "c"))
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
    from edgebert.heads import head_spec
    from edgebert.training.objectives import OBJECTIVES

    named = {head.task for head in TASK_HEADS}
    assert set(OBJECTIVES) == named
    for head in TASK_HEADS:
        assert set(head_spec(head.task, NO_SETTINGS).outputs) == set(head.outputs)
        assert set(head.metrics) <= set(METRICS)


def test_the_golden_texts_are_hard():
    """The golden texts hold no text, blanks, one word, 500 words, emoji, accents, CJK, controls and typed specials."""
    texts = [text for (text,) in TEXT_CLASSIFICATION.golden_texts]
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


def decode(
    logits: np.ndarray, labels: tuple[str, ...], *, text: str = "", tokens: int = 2, cut: bool = False
) -> LabelPrediction:
    """Return the answer to a text, and see that it is the one that reports keep."""
    encoded = Encoded(texts=(text,), windows=(bare_window((2,) * tokens),), tokens=tokens, truncated=cut)
    found = TEXT_CLASSIFICATION.decode(encoded, [{"logits": logits}], Meaning(labels=labels))
    assert isinstance(found, LabelPrediction)
    assert TEXT_CLASSIFICATION.answer(encoded, [{"logits": logits}], Meaning(labels=labels)) == (
        labels.index(found.label),
    )
    return found


@given(logits=LOGITS)
def test_the_answer_is_the_softmax_and_its_largest(logits: np.ndarray):
    """Probabilities are those of a softmax in float64, sum to 1, and the label is that of the largest logit."""
    found = decode(logits, names(len(logits)), text="a text", tokens=4, cut=True)
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
    before = decode(logits, labels)
    after = decode(logits[list(order)], tuple(labels[index] for index in order))
    assert dict(zip((labels[index] for index in order), after.probabilities, strict=True)) == pytest.approx(
        dict(zip(labels, before.probabilities, strict=True)), rel=1e-12
    )


def test_the_first_of_equal_labels_wins():
    """A tie goes to the label that stands first, in every runtime alike."""
    assert decode(np.array([1, 3, 3], np.float32), ("a", "b", "c")).label == "b"


def test_huge_logits_do_not_overflow():
    """Logits at the ends of float32 give certainty, without a warning of overflow."""
    largest = np.finfo(np.float32).max
    assert decode(np.array([-largest, largest], np.float32), ("a", "b")).probabilities == (0.0, 1.0)


def test_an_example_of_a_label_is_one_window():
    """The ids of a text, and whether it was cut, are those of the encoder."""
    encoder = TextEncoder(make_tokenizer(), 16)
    found = TEXT_CLASSIFICATION.windows(encoder, Example(texts=("good " * 100,)), NO_SETTINGS)
    ids, truncated = encoder.encode_marked("good " * 100)
    assert ([item.ids for item in found.windows], found.tokens, found.truncated) == ([ids], len(ids), truncated)
    assert TEXT_CLASSIFICATION.shapes(THREE, tokens=found.tokens) == {"logits": (3,)}


def test_labels_are_counted_as_pairs():
    """The tally of a label is the right one and the given one; two answers are the same where the labels are."""
    gold, answers = [(0,), (2,), (1,)], [(0,), (1,), (1,)]
    examples = [Example(texts=("a",), gold=answer) for answer in gold]
    assert TEXT_CLASSIFICATION.count(examples, answers, THREE, None) == ((0, 0), (2, 1), (1, 1))
    assert TEXT_CLASSIFICATION.count_same(gold, answers) == 2
    with pytest.raises(DataError, match="line 7: there is no right answer"):
        gold_of(Example(texts=("a",), line=7))


@pytest.mark.parametrize("key", [(), (3,), (-1,), (1.0,), (True,), (1, 1, 1)])
def test_what_is_no_label_of_the_model_is_no_answer(key: tuple[int | float, ...]):
    """An answer is one index below the number of labels, a tally two of them."""
    head = TEXT_CLASSIFICATION
    assert not head.is_key(key, THREE)
    assert not head.is_tally((*key, 0), THREE)
    assert all(head.is_key((label,), THREE) and head.is_tally((label, 2 - label), THREE) for label in range(3))


@pytest.mark.parametrize("length", [10, 64, 512])
@pytest.mark.parametrize("head", TASK_HEADS, ids=lambda head: head.task)
def test_golden_texts_are_read_at_any_length(head: TaskHead, length: int):
    """Each golden text of a task becomes windows that fit, with outputs whose shapes are known; some are cut."""
    settings = TaskSettings(width=4)
    encoder = TextEncoder(make_tokenizer(), length)
    assert len(set(head.golden_texts)) == len(head.golden_texts)
    encoded = [head.windows(encoder, Example(texts=texts), settings) for texts in head.golden_texts]
    for item in encoded:
        assert len(item.texts) == len(head.inputs)
        assert item.windows
        assert item.tokens == sum(len(window.ids) for window in item.windows)
        for window in item.windows:
            assert 2 <= len(window.ids) <= length
            assert {len(part) for part in (window.offsets, window.sequences, window.words)} == {len(window.ids)}
            shapes = head.shapes(Meaning(labels=("O", "x"), settings=settings), tokens=len(window.ids))
            assert all(0 not in shape for shape in shapes.values())
    assert any(item.truncated for item in encoded)
    assert min(item.tokens for item in encoded) <= 3
    assert head.has_places == (head.task in ("token-classification", "question-answering"))


def test_golden_questions_are_hard():
    """Questions and contexts are empty, too long, and have what moves the places of characters."""
    questions, contexts = zip(*QUESTION_ANSWERING.golden_texts, strict=True)
    assert ("", "") in QUESTION_ANSWERING.golden_texts
    assert any(question and not context for question, context in QUESTION_ANSWERING.golden_texts)
    assert any(not question and context for question, context in QUESTION_ANSWERING.golden_texts)
    encoder = TextEncoder(make_tokenizer(), 512)
    windows = [
        QUESTION_ANSWERING.windows(encoder, Example(texts=texts), NO_SETTINGS)
        for texts in QUESTION_ANSWERING.golden_texts
    ]
    assert any(item.truncated for item in windows)
    assert any(len(item.windows) > 1 for item in windows)
    assert all(piece in " ".join(contexts) for piece in ("😀", "e\u0301", "İ", "价", "안", "\u200b", "[SEP]", "\x07"))
    assert "[SEP]" in " ".join(questions)
    assert max(len(TextEncoder(make_tokenizer(), 4096).encode(question)) for question in questions) > 512
    answer = "under the seat"
    ((_, context),) = [texts for texts in QUESTION_ANSWERING.golden_texts if answer in texts[1]]
    first, *others = encoder.pair_windows("Where?", context, stride=128)[0]
    assert first.offsets[-2][1] < context.index(answer)
    assert others[-1].offsets[-2][1] == len(context)
    assert any(context.startswith("😀👍🏽 e\u0301") and len(context) > 20 for context in contexts)


def test_golden_entities_are_hard():
    """Names stand behind emoji, combining marks and removed characters, and one is longer than any window."""
    texts = [text for (text,) in TOKEN_CLASSIFICATION.golden_texts]
    assert all(piece in " ".join(texts) for piece in ("😀", "e\u0301", "İ", "東京", "서울", "\u200b", "O'Neill"))
    longest = max(texts, key=len)
    assert len(TextEncoder(make_tokenizer(), 4096).encode(longest)) > 512


@pytest.mark.parametrize("length", [16, 32, 64, 128, 256, 384, 512])
def test_a_golden_entity_is_at_the_cut(length: int, tmp_path: Path):
    """Where each word is one token, as in the name of an office, the usual lengths cut inside a name."""
    name = "Office of the United Nations High Commissioner for Human Rights"
    (text,) = [text for (text,) in TOKEN_CLASSIFICATION.golden_texts if text.count(name) > 1]
    path = write_vocabulary(tmp_path / "vocab.txt", [*SPECIALS, *dict.fromkeys(text.lower().split())])
    window, truncated = TextEncoder(reference(path, lower_case=True), length).window(text)
    cut = window.offsets[-2][1]
    starts = [match.start() for match in re.finditer(name, text)]
    assert truncated
    assert any(start < cut < start + len(name) for start in starts)


def test_the_first_metric_of_each_task_has_a_usual_drop_in_its_unit():
    """One that ``check_drop`` takes: a search without --max-drop can begin for any task."""
    for head in TASK_HEADS:
        metric = METRICS[head.metrics[0]]
        assert metric.usual_drop is not None
        assert metric.usual_drop == (1.0 if metric.in_points else 0.01)
        check_drop(metric.usual_drop, head.metrics[0])
