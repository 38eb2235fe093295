"""Embeddings: the numbers that stand for the meaning of a text."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from edgebert.answers import VectorPrediction
from edgebert.examples import Encoded, Example, Key, Outputs, Target, gold_of
from edgebert.meaning import Meaning, TaskSettings
from edgebert.tallies.vectors import cosines

if TYPE_CHECKING:
    from edgebert.text import TextEncoder

ALIKE = 0.99
"""Cosine from which on two embeddings of a text are the same to a user."""


def text_windows(encoder: TextEncoder, example: Example, _: TaskSettings) -> Encoded:
    """Return a window for the text, or for each of the two of a pair."""
    found = [encoder.window(text) for text in example.texts]
    windows = tuple(window for window, _ in found)
    return Encoded(
        texts=example.texts,
        windows=windows,
        tokens=sum(len(window.ids) for window in windows),
        truncated=any(truncated for _, truncated in found),
    )


def vector_key(_: Encoded, outputs: Sequence[Outputs], __: Meaning) -> Key:
    """Return the embedding of the text; for a pair those of both, one after the other."""
    return tuple(number for item in outputs for number in item["sentence_embedding"].tolist())


def decode_vector(encoded: Encoded, outputs: Sequence[Outputs], _: Meaning) -> VectorPrediction:
    """Return the embedding of the text; of a pair that of the first."""
    return VectorPrediction(
        text=encoded.texts[0],
        vector=tuple(outputs[0]["sentence_embedding"].tolist()),
        tokens=encoded.tokens,
        truncated=encoded.truncated,
    )


def score_targets(encoded: Encoded, example: Example, _: Meaning) -> tuple[Target, ...]:
    """Return the score of the pair, for each of its windows."""
    return (gold_of(example),) * len(encoded.windows)


def are_alike(first: Key, second: Key) -> bool:
    """Return whether two embeddings of the same texts are the same to a user."""
    one, other = np.array([first], dtype=np.float64), np.array([second], dtype=np.float64)
    return one.shape == other.shape and (first == second or bool(cosines(one, other)[0] >= ALIKE))


def is_vector_key(key: Key, meaning: Meaning) -> bool:
    """Return whether numbers are the embedding of a text, or those of a pair."""
    width = meaning.settings.width
    return width is not None and len(key) in (width, 2 * width) and all(map(math.isfinite, key))
