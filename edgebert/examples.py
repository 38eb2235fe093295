"""Inputs of a model, and its answers to them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Task = Literal["sequence-classification"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """One labelled text; ``line`` is its line in the data file, counted from 1."""

    text: str
    label: int
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The answer to one text: the most probable label and the softmax over all of them.

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
