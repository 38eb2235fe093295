"""Answers to questions: which part of a context the outputs of its windows point at, as the Hub's pipeline finds it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgebert.answers import SpanPrediction
from edgebert.examples import Encoded, Example, Key, Outputs, Target, Window, gold_of, word_places
from edgebert.meaning import Meaning, TaskSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgebert.text import TextEncoder

MOST_TOKENS = 15
"""Tokens that an answer has at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """A part of a context that may be the answer.

    Attributes:
        start: Its first code point.
        end: The code point behind its last; both are 0 for "no answer".
        score: Its probability. That of a text which several windows or places have is the sum of them.
    """

    start: int
    end: int
    score: float


def default_stride(max_length: int) -> int:
    """Return how many tokens two windows share where nothing else is said."""
    return min(128, max_length // 3)


def most_stride(max_length: int) -> int:
    """Return how many tokens two windows can share, however long the question is."""
    return max_length - 3 - max_length // 3 - 1


def question_windows(encoder: TextEncoder, example: Example, settings: TaskSettings) -> Encoded:
    """Return the windows of a question and its context; errors as for ``TextEncoder.pair_windows``."""
    question, context = example.texts
    stride = default_stride(encoder.max_length) if settings.stride is None else settings.stride
    windows, truncated = encoder.pair_windows(question, context, stride=stride)
    tokens = sum(len(window.ids) for window in windows)
    return Encoded(texts=example.texts, windows=windows, tokens=tokens, truncated=truncated)


def best_spans(
    context: str, windows: Sequence[Window], outputs: Sequence[Outputs], *, no_answer: bool, count: int = 1
) -> tuple[Span, ...]:
    """Return the most probable answers, the best first; of equal ones the first in the context.

    In each window, start and end have a softmax over ``[CLS]`` and the tokens of the context. A span of at most
    ``MOST_TOKENS`` tokens has the product of the two, and is extended to the words that its ends are in. Spans of the
    same text, but for its case, are one answer with the sum of their scores, also across windows.

    Args:
        context: The text that was searched.
        windows: Its windows.
        outputs: ``start_logits`` and ``end_logits`` of each, float32 [tokens].
        no_answer: Whether "no answer" is an answer: with the lowest product at ``[CLS]`` of a window.
        count: How many answers to return at most.
    """
    found: dict[str, Span] = {}
    for window, of_window in zip(windows, outputs, strict=True):
        for span in _window_spans(window, of_window, count=2 * count + 10):
            text = context[span.start : span.end].lower()
            known = found.get(text)
            found[text] = span if known is None else replace(known, score=known.score + span.score)
    answers = [*found.values()]
    if no_answer:
        answers.append(Span(start=0, end=0, score=min(map(_null_score, windows, outputs))))
    return tuple(sorted(answers, key=lambda span: -span.score)[:count])


def span_key(encoded: Encoded, outputs: Sequence[Outputs], meaning: Meaning) -> Key:
    """Return where the answer starts and ends in the context, in code points; () for no answer."""
    best = _best(encoded, outputs, meaning)
    return (best.start, best.end) if best.end else ()


def decode_span(encoded: Encoded, outputs: Sequence[Outputs], meaning: Meaning) -> SpanPrediction:
    """Return the answer for people; the score is 0 where there is no context to search and none is no answer."""
    best = _best(encoded, outputs, meaning)
    question, context = encoded.texts
    return SpanPrediction(
        question=question,
        context=context,
        answer=context[best.start : best.end] if best.end else None,
        start=best.start,
        end=best.end,
        score=best.score,
        tokens=encoded.tokens,
        truncated=encoded.truncated,
    )


def span_targets(encoded: Encoded, example: Example, _: Meaning) -> tuple[Target, ...]:
    """Return the first and the last token of the first accepted answer in each window.

    Both are 0, the place of ``[CLS]``, in a window that does not have the whole answer, and where there is none.
    """
    gold = gold_of(example)
    if not gold:
        return ((0, 0),) * len(encoded.windows)
    start, end = gold[:2]
    tokens = [
        [
            token
            for token in _context_tokens(window)
            if window.offsets[token][0] < end and window.offsets[token][1] > start
        ]
        for window in encoded.windows
    ]
    ends = [
        (window.offsets[inside[0]][0], window.offsets[inside[-1]][1]) if inside else None
        for window, inside in zip(encoded.windows, tokens, strict=True)
    ]
    seen = [item for item in ends if item is not None]
    whole = (min(first for first, _ in seen), max(last for _, last in seen)) if seen else None
    return tuple(
        (inside[0], inside[-1]) if inside and found == whole else (0, 0)
        for inside, found in zip(tokens, ends, strict=True)
    )


def is_span_key(key: Key, _: Meaning) -> bool:
    """Return whether numbers are the ends of an answer, or none."""
    return not key or (len(key) == 2 and all(type(number) is int for number in key) and 0 <= key[0] < key[1])


def _best(encoded: Encoded, outputs: Sequence[Outputs], meaning: Meaning) -> Span:
    spans = best_spans(encoded.texts[1], encoded.windows, outputs, no_answer=meaning.settings.no_answer)
    return spans[0] if spans else Span(start=0, end=0, score=0.0)


def _window_spans(window: Window, outputs: Outputs, *, count: int) -> list[Span]:
    """Return the most probable spans of a window, the best first."""
    tokens = _context_tokens(window)
    starts, ends = (probabilities[1:] for probabilities in _probabilities(window, outputs))  # [tokens of the context]
    padded = np.append(ends, np.zeros(MOST_TOKENS - 1))
    lengths = np.arange(MOST_TOKENS)
    products = starts[:, None] * padded[np.arange(len(tokens))[:, None] + lengths]  # [start, length - 1]
    inside = np.arange(len(tokens))[:, None] + lengths < len(tokens)
    order = np.argsort(np.where(inside, -products, np.inf), axis=None, kind="stable")[: min(count, int(inside.sum()))]
    places = word_places(window, sequence=1)
    spans = []
    for first, more in zip(*np.unravel_index(order, products.shape), strict=True):
        opening, closing = (window.words[tokens[index]] for index in (first, first + more))
        spans.append(Span(start=places[opening][0], end=places[closing][1], score=float(products[first, more])))
    return spans


def _context_tokens(window: Window) -> list[int]:
    return [token for token, sequence in enumerate(window.sequences) if sequence == 1]


def _probabilities(window: Window, outputs: Outputs) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the softmax of start and end over [CLS] and the tokens of the context, in this order."""
    start, end = (_softmax(outputs[name][[0, *_context_tokens(window)]]) for name in ("start_logits", "end_logits"))
    return start, end


def _null_score(window: Window, outputs: Outputs) -> float:
    start, end = _probabilities(window, outputs)
    return float(start[0] * end[0])


def _softmax(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    shifted = np.exp(logits.astype(np.float64) - float(logits.max()))
    probabilities: NDArray[np.float64] = shifted / shifted.sum()
    return probabilities
