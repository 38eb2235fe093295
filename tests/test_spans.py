"""Answers are those of the Hub's pipeline (transformers 4.57), whose definition is written out here a second time."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from edgebert.errors import DataError
from edgebert.examples import Encoded, Example, Outputs, Window
from edgebert.meaning import Meaning, TaskSettings
from edgebert.spans import (
    MOST_TOKENS,
    Span,
    best_spans,
    decode_span,
    default_stride,
    is_span_key,
    question_windows,
    span_key,
    span_targets,
)
from edgebert.text import TextEncoder
from tests.support.tiny_files import VOCABULARY, make_tokenizer

SETTINGS = TaskSettings(stride=4)
WITH_NONE = Meaning(settings=TaskSettings(stride=4, no_answer=True))
WITHOUT = Meaning(settings=SETTINGS)


def encode(question: str, context: str, *, length: int = 16, stride: int = 4) -> Encoded:
    encoder = TextEncoder(make_tokenizer(), length)
    return question_windows(encoder, Example(texts=(question, context)), TaskSettings(stride=stride))


def random_outputs(encoded: Encoded, seed: int, *, scale: float = 4.0) -> list[Outputs]:
    draw = np.random.default_rng(seed)
    names = ("start_logits", "end_logits")
    return [
        {name: draw.normal(0, scale, len(window.ids)).astype(np.float32) for name in names}
        for window in encoded.windows
    ]


def by_definition(
    context: str, windows: Sequence[Window], outputs: Sequence[Outputs], *, no_answer: bool, top: int
) -> list[tuple[int, int, float]]:
    """Return start, end and score of the best answers."""
    merged: dict[str, list[float]] = {}
    null_scores = []
    for window, logits in zip(windows, outputs, strict=True):
        allowed = [0] + [token for token in range(len(window.ids)) if window.sequences[token] == 1]
        starts, ends = (
            {
                token: math.exp(float(logits[name][token]))
                / math.fsum(math.exp(float(logits[name][other])) for other in allowed)
                for token in allowed
            }
            for name in ("start_logits", "end_logits")
        )
        null_scores.append(starts[0] * ends[0])
        spans = [
            (starts[first] * ends[last], first, last)
            for first in allowed[1:]
            for last in allowed[1:]
            if first <= last < first + 15
        ]
        for score, first, last in sorted(spans, key=lambda item: (-item[0], item[1], item[2] - item[1]))[
            : top * 2 + 10
        ]:
            same_start = [t for t in allowed[1:] if window.words[t] == window.words[first]]
            same_end = [t for t in allowed[1:] if window.words[t] == window.words[last]]
            start, end = window.offsets[same_start[0]][0], window.offsets[same_end[-1]][1]
            place = merged.setdefault(context[start:end].lower(), [start, end, 0.0])
            place[2] += score
    answers = [(int(start), int(end), score) for start, end, score in merged.values()]
    if no_answer:
        answers.append((0, 0, min(null_scores)))
    return sorted(answers, key=lambda item: -item[2])[:top]


CONTEXTS = st.text(st.sampled_from("abCé İßΣ価 .,!😀\u0301\u200b한"), max_size=60) | st.lists(
    st.sampled_from([token for token in VOCABULARY if not token.startswith(("##", "["))] + ["goodful", "unly", "Bad"]),
    max_size=50,
).map(" ".join)


@given(
    context=CONTEXTS,
    question=st.sampled_from(("good?", "", "a b c d e f g h i")),
    seed=st.integers(0, 2**32),
    no_answer=st.booleans(),
    top=st.integers(1, 4),
)
@example(context="good bad " * 12, question="good", seed=0, no_answer=True, top=3)
def test_the_best_answers_are_those_of_the_definition(
    context: str, question: str, seed: int, no_answer: bool, top: int
):
    """Places, order and scores of the best answers over all windows, with "no answer" and without."""
    encoded = encode(question, context)
    outputs = random_outputs(encoded, seed)
    found = best_spans(context, encoded.windows, outputs, no_answer=no_answer, count=top)
    expected = by_definition(context, encoded.windows, outputs, no_answer=no_answer, top=top)
    assert [(span.start, span.end) for span in found] == [(start, end) for start, end, _ in expected]
    assert [span.score for span in found] == pytest.approx([score for _, _, score in expected], rel=1e-9)


def pointing(encoded: Encoded, *places: tuple[int, int, int]) -> list[Outputs]:
    """Return logits that point at a first and a last token of some windows, and at nothing much in the others."""
    outputs = [
        {name: np.zeros(len(window.ids), np.float32) for name in ("start_logits", "end_logits")}
        for window in encoded.windows
    ]
    for window, first, last in places:
        outputs[window]["start_logits"][first] = outputs[window]["end_logits"][last] = 20
    return outputs


def test_an_answer_has_whole_words_and_code_points_of_the_context():
    """Pieces of words are extended; emoji, accents and removed characters before the answer count as characters."""
    context = "😀e\u0301\u200b İ goodful unbad."
    encoded = encode("a", context, length=32)
    (window,) = encoded.windows
    tail = [VOCABULARY[index] for index in window.ids]
    first, last = tail.index("##ful"), tail.index("un")
    outputs = pointing(encoded, (0, first, last))
    found = decode_span(encoded, outputs, WITHOUT)
    assert found.answer == context[found.start : found.end] == "goodful unbad"
    assert (found.start, found.question, found.context) == (7, "a", context)
    assert found.score == pytest.approx(1, abs=1e-6)
    assert span_key(encoded, outputs, WITHOUT) == (found.start, found.end)
    assert (found.tokens, found.truncated) == (len(window.ids), False)


def test_an_answer_beyond_the_first_window_is_found():
    """The window that is sure of its answer wins, wherever it is."""
    context = "x " * 30 + "battery"
    encoded = encode("good", context)
    assert len(encoded.windows) > 2
    last = len(encoded.windows) - 1
    place = len(encoded.windows[last].ids) - 2
    outputs = pointing(encoded, (last, place, place))
    for window in outputs[:-1]:
        window["start_logits"][0] = window["end_logits"][0] = 20  # [CLS]
    assert decode_span(encoded, outputs, WITHOUT).answer == "battery"
    assert decode_span(encoded, outputs, WITH_NONE).answer == "battery"
    assert encoded.tokens == sum(len(window.ids) for window in encoded.windows)


def test_no_answer_is_given_where_the_checkpoint_knows_it():
    """The lowest score of [CLS] in all windows must be above that of the best answer."""
    encoded = encode("good", "bad battery")
    outputs = pointing(encoded, (0, 0, 0))
    found = decode_span(encoded, outputs, WITH_NONE)
    assert (found.answer, found.start, found.end) == (None, 0, 0)
    assert found.score == pytest.approx(1, abs=1e-6)
    assert span_key(encoded, outputs, WITH_NONE) == ()
    assert decode_span(encoded, outputs, WITHOUT).answer is not None


@pytest.mark.parametrize("context", ["", "  \t", "\u200b"])
@pytest.mark.parametrize("question", ["", "good " * 40])
def test_a_context_of_nothing_has_no_answer(context: str, question: str):
    """It is one window without an answer: sure of it where "no answer" is one, else with score 0."""
    encoded = encode(question, context)
    outputs = random_outputs(encoded, 3)
    assert (len(encoded.windows), encoded.truncated) == (1, bool(question))
    assert [decode_span(encoded, outputs, meaning).score for meaning in (WITHOUT, WITH_NONE)] == [0.0, 1.0]
    assert span_key(encoded, outputs, WITHOUT) == span_key(encoded, outputs, WITH_NONE) == ()


def test_an_answer_has_at_most_so_many_tokens():
    """Ends farther apart are no answer, however sure the model is of each."""
    encoded = encode("good", "a b c d e f g h i j k l m n o p q r s t", length=64)
    found = best_spans(encoded.texts[1], encoded.windows, pointing(encoded, (0, 3, 3 + MOST_TOKENS)), no_answer=False)
    assert found[0].score < 0.1
    found = best_spans(
        encoded.texts[1], encoded.windows, pointing(encoded, (0, 3, 2 + MOST_TOKENS)), no_answer=False, count=5
    )
    assert (found[0].start, found[0].end) == (0, 29)
    assert list(found) == sorted(found, key=lambda span: -span.score)
    assert isinstance(found[0], Span)


def test_windows_share_a_third_where_nothing_is_said():
    """128 tokens at most, so that each window goes on."""
    assert [default_stride(length) for length in (10, 384, 512)] == [3, 128, 128]
    encoder = TextEncoder(make_tokenizer(), 16)
    item = Example(texts=("good", "x " * 40))
    assert question_windows(encoder, item, TaskSettings()) == question_windows(encoder, item, TaskSettings(stride=5))


def test_training_aims_at_the_windows_that_have_the_whole_answer():
    """Others aim at [CLS], as does a question without an answer; of several answers the first counts."""
    context = "a b c d e f goodful bad h i j k l m n"
    start = context.index("good")
    item = Example(texts=("x", context), gold=(start, start + 11, 0, 1))
    encoded = encode("x", context, length=12, stride=2)
    targets = span_targets(encoded, item, WITHOUT)
    whole = [target for target in targets if target != (0, 0)]
    assert whole
    assert len(whole) < len(targets)
    for window, (first, last) in zip(encoded.windows, targets, strict=True):
        if first:
            assert (window.offsets[int(first)][0], window.offsets[int(last)][1]) == (start, start + 11)
            assert window.sequences[int(first)] == 1
    none = Example(texts=item.texts, gold=())
    assert span_targets(encoded, none, WITHOUT) == ((0, 0),) * len(encoded.windows)
    with pytest.raises(DataError, match="line 4"):
        span_targets(encoded, Example(texts=item.texts, line=4), WITHOUT)


@given(context=CONTEXTS, data=st.data())
def test_training_aims_at_the_tokens_of_the_answer(context: str, data: st.DataObject):
    """Where an answer of whole tokens fits a window, its ends are the first and the last of them in the window."""
    encoded = encode("good", context)
    tokens = sorted(
        {
            offsets
            for window in encoded.windows
            for offsets, sequence in zip(window.offsets, window.sequences, strict=True)
            if sequence == 1
        }
    )
    if not tokens:
        return
    first, last = sorted(data.draw(st.tuples(*[st.integers(0, len(tokens) - 1)] * 2)))
    start, end = tokens[first][0], tokens[last][1]
    targets = span_targets(encoded, Example(texts=encoded.texts, gold=(start, end)), WITHOUT)
    for window, target in zip(encoded.windows, targets, strict=True):
        seen = [offsets for offsets, of in zip(window.offsets, window.sequences, strict=True) if of == 1]
        is_whole = bool(seen) and seen[0][0] <= start and end <= seen[-1][1]
        assert (target != (0, 0)) == is_whole
        if is_whole:
            assert (window.offsets[int(target[0])][0], window.offsets[int(target[1])][1]) == (start, end)


@pytest.mark.parametrize(
    ("key", "right"), [((), True), ((0, 4), True), ((4, 4), False), ((1.0, 2), False), ((-1, 2), False), ((1,), False)]
)
def test_an_answer_is_two_places(key: tuple[int | float, ...], right: bool):
    """They are code points, and the second is behind the first; nothing is no answer."""
    assert is_span_key(key, WITHOUT) is right
