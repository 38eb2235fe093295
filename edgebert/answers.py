"""Answers as people and programs read them: one value for each kind of task."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelPrediction:
    """One label: the most probable, and the softmax over all of them.

    Attributes:
        text: The text.
        label: The most probable label.
        probability: Its probability.
        probabilities: Those of all labels, in the order of the model's labels.
        tokens: Number of tokens that the model read, ``[CLS]`` and ``[SEP]`` included: 2 where the text has nothing to
            read.
        truncated: Whether the text was longer than the longest input, and cut there.
    """

    text: str
    label: str
    probability: float
    probabilities: tuple[float, ...]
    tokens: int
    truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelsPrediction:
    """Every label whose probability is above its threshold, the most probable first.

    Attributes:
        text: The text.
        labels: These labels.
        probabilities: The sigmoid of each label of the model, in the order of the model's labels.
        tokens: Number of tokens that the model read.
        truncated: Whether the text was longer than the longest input, and cut there.
    """

    text: str
    labels: tuple[str, ...]
    probabilities: tuple[float, ...]
    tokens: int
    truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberPrediction:
    """A number; other attributes as for ``LabelPrediction``."""

    text: str
    value: float
    tokens: int
    truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Entity:
    """A part of a text that is of some type.

    Attributes:
        text: The part, as it stands in the text.
        type: Its type, as in ``person``.
        start: Its first code point in the text.
        end: The code point behind its last.
        score: Its probability, 0 to 1.
    """

    text: str
    type: str
    start: int
    end: int
    score: float


@dataclass(frozen=True, slots=True, kw_only=True)
class EntitiesPrediction:
    """The entities of a text in their order; other attributes as for ``LabelPrediction``."""

    text: str
    entities: tuple[Entity, ...]
    tokens: int
    truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class SpanPrediction:
    """The part of a context that answers a question.

    Attributes:
        question: The question.
        context: The text that was searched.
        answer: The part, as it stands in the context; ``None`` where the context does not answer the question.
        start: Its first code point in the context; 0 without an answer.
        end: The code point behind its last; 0 without an answer.
        score: Its probability, 0 to 1.
        tokens: Number of tokens that the model read in all windows.
        truncated: Whether the question was too long, and cut.
    """

    question: str
    context: str
    answer: str | None
    start: int
    end: int
    score: float
    tokens: int
    truncated: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorPrediction:
    """The embedding of a text: float32 numbers; other attributes as for ``LabelPrediction``."""

    text: str
    vector: tuple[float, ...]
    tokens: int
    truncated: bool


Prediction = (
    LabelPrediction | LabelsPrediction | NumberPrediction | EntitiesPrediction | SpanPrediction | VectorPrediction
)
"""The answer to one input; which of them it is depends on the task."""
