"""Labels and numbers of a whole text: one label, several labels, or a number."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgebert.answers import LabelPrediction, LabelsPrediction, NumberPrediction
from edgebert.examples import Encoded, Example, Key, Outputs, Target, gold_of
from edgebert.meaning import Meaning, TaskSettings

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgebert.text import TextEncoder

THRESHOLD = 0.5
"""Probability above which a label is given, where a model states no other."""

CLOSE = 0.01
"""Two numbers are the same to a user within this share of the larger, or within this difference."""


def one_window(encoder: TextEncoder, example: Example, _: TaskSettings) -> Encoded:
    """Return a text as one window, cut at the longest input."""
    (text,) = example.texts
    window, truncated = encoder.window(text)
    return Encoded(texts=example.texts, windows=(window,), tokens=len(window.ids), truncated=truncated)


def best_label(_: Encoded, outputs: Sequence[Outputs], __: Meaning) -> Key:
    """Return the index of the most probable label; the first of equal ones wins."""
    return (int(outputs[0]["logits"].argmax()),)


def decode_label(encoded: Encoded, outputs: Sequence[Outputs], meaning: Meaning) -> LabelPrediction:
    """Return the most probable label, with the softmax over all labels."""
    logits = outputs[0]["logits"]  # [labels]
    shifted = np.exp(logits.astype(np.float64) - float(logits.max()))
    probabilities = shifted / shifted.sum()
    best = int(logits.argmax())
    return LabelPrediction(
        text=encoded.texts[0],
        label=meaning.labels[best],
        probability=float(probabilities[best]),
        probabilities=tuple(float(p) for p in probabilities),
        tokens=encoded.tokens,
        truncated=encoded.truncated,
    )


def gold_target(_: Encoded, example: Example, __: Meaning) -> tuple[Target, ...]:
    """Return the right label, or the right number."""
    return (gold_of(example),)


def are_labels(count: int) -> Callable[[tuple[int | float, ...], Meaning], bool]:
    """Return what tells whether numbers are so many label indices."""
    return lambda numbers, meaning: (
        len(numbers) == count and all(type(number) is int and 0 <= number < len(meaning.labels) for number in numbers)
    )


def labels_above(_: Encoded, outputs: Sequence[Outputs], meaning: Meaning) -> Key:
    """Return the indices of the labels whose probability is above their threshold, ascending."""
    above = _sigmoid(outputs[0]["logits"]) > _thresholds(meaning)
    return tuple(int(index) for index in np.flatnonzero(above))


def decode_labels(encoded: Encoded, outputs: Sequence[Outputs], meaning: Meaning) -> LabelsPrediction:
    """Return the same labels, the most probable first, with the sigmoid of every label."""
    probabilities = _sigmoid(outputs[0]["logits"])  # [labels]
    given = sorted(labels_above(encoded, outputs, meaning), key=lambda index: -probabilities[int(index)])
    return LabelsPrediction(
        text=encoded.texts[0],
        labels=tuple(meaning.labels[int(index)] for index in given),
        probabilities=tuple(float(p) for p in probabilities),
        tokens=encoded.tokens,
        truncated=encoded.truncated,
    )


def labels_target(_: Encoded, example: Example, meaning: Meaning) -> tuple[Target, ...]:
    """Return 1.0 for each label that is right, and 0.0 for each other one."""
    gold = gold_of(example)
    return (tuple(float(index in gold) for index in range(len(meaning.labels))),)


def is_labels_key(key: Key, meaning: Meaning) -> bool:
    """Return whether numbers are ascending label indices."""
    return all(type(index) is int and 0 <= index < len(meaning.labels) for index in key) and list(key) == sorted(
        set(key)
    )


def number_of(_: Encoded, outputs: Sequence[Outputs], __: Meaning) -> Key:
    """Return the number that a model computes."""
    return (float(outputs[0]["logits"][0]),)


def decode_number(encoded: Encoded, outputs: Sequence[Outputs], _: Meaning) -> NumberPrediction:
    """Return it for people."""
    return NumberPrediction(
        text=encoded.texts[0],
        value=float(outputs[0]["logits"][0]),
        tokens=encoded.tokens,
        truncated=encoded.truncated,
    )


def are_close(first: Key, second: Key) -> bool:
    """Return whether two numbers are the same to a user."""
    return math.isclose(first[0], second[0], rel_tol=CLOSE, abs_tol=CLOSE)


def is_number_key(key: Key, _: Meaning) -> bool:
    """Return whether numbers are one that is finite."""
    return len(key) == 1 and math.isfinite(key[0]) and type(key[0]) is not bool


def _sigmoid(logits: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the probability of each label, float64 [labels]; neither end of float32 overflows."""
    weights = np.exp(-np.abs(logits.astype(np.float64)))
    probabilities: NDArray[np.float64] = np.where(logits >= 0, 1.0, weights) / (1.0 + weights)
    return probabilities


def _thresholds(meaning: Meaning) -> NDArray[np.float64]:
    return np.array(meaning.settings.thresholds or (THRESHOLD,) * len(meaning.labels))
