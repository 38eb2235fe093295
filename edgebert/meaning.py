"""What the outputs of a model mean: its task, its labels, and what else a checkpoint fixes of the task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from edgebert.arguments import Count, Positive, Share

Task = Literal[
    "text-classification",
    "multi-label-classification",
    "text-regression",
    "token-classification",
    "question-answering",
    "feature-extraction",
]
"""Names of the Hub's, but for the two that the Hub calls text classification as well."""

TASKS: tuple[Task, ...] = get_args(Task)


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseSetting:
    """A dense layer behind the pooling of a sentence embedding: its width, and the function that follows it."""

    outputs: Positive
    activation: Literal["none", "relu", "tanh"]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskSettings:
    """What a checkpoint fixes of its task beside the labels; a field that the task does not have keeps its default.

    Attributes:
        thresholds: Several labels: probability above which each label is given.
        aggregation: Entities: how the labels of a word's tokens become that of the word, as in the Hub's pipeline.
        stride: Answers: tokens of the context that two windows share.
        no_answer: Answers: whether "no answer" is one.
        pooling: Embeddings: the mean of all rows, or the first.
        normalize: Embeddings: whether they have length 1.
        dense: Embeddings: dense layers behind the pooling, bottom first.
        width: Embeddings: how many numbers one has.
    """

    thresholds: tuple[Share, ...] = ()
    aggregation: Literal["simple", "first", "average", "max"] | None = None
    stride: Count | None = None
    no_answer: bool = False
    pooling: Literal["mean", "first"] | None = None
    normalize: bool = False
    dense: tuple[DenseSetting, ...] = ()
    width: Positive | None = None


NO_SETTINGS = TaskSettings()
"""Those of a task that has none, as one label a text."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meaning:
    """What the outputs of a model mean.

    Attributes:
        labels: Names of its labels by index; empty where a task has none.
        settings: What else the checkpoint fixes.
    """

    labels: tuple[str, ...] = ()
    settings: TaskSettings = NO_SETTINGS
