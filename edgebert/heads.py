"""What the head of each task computes: which rows it reads, its dense layers, its outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from edgebert.meaning import Task, TaskSettings

Activation = Literal["none", "relu", "tanh"]
Reads = Literal["first", "every", "mean"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseSpec:
    """A dense layer of a head.

    Attributes:
        name: Its name in a checkpoint.
        outputs: Its width: that of the encoder, one for each label, or a number.
        activation: What follows it.
    """

    name: str
    outputs: Literal["hidden", "labels"] | int
    activation: Activation = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec:
    """The head of a task.

    Attributes:
        reads: Which rows of the encoder it reads. Where it is the ``first`` alone (``[CLS]``), the last layer computes
            no other row: 14 % of the products of a six-layer model, at no change of the answer. ``mean`` is that of
            the rows that are no padding.
        layers: Its dense layers, bottom first.
        outputs: Names of the outputs, in every file and of the module in transformers. Where there are several, each
            is a column of the last dense layer.
        normalize: Whether the output is divided by its length.
        settings: Keys that the ``config.json`` of every checkpoint of the task has.
        dropouts: Keys of ``config.json`` for what training drops in the head, with their defaults.
    """

    reads: Reads
    layers: tuple[DenseSpec, ...]
    outputs: tuple[str, ...]
    normalize: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    dropouts: Mapping[str, float] = field(default_factory=dict)

    def shapes(self, *, hidden: int, labels: int) -> dict[str, tuple[int, int]]:
        """Return the shape of each dense layer's weight by its name, (outputs, inputs), bottom first."""
        shapes, inputs = {}, hidden
        for layer in self.layers:
            outputs = {"hidden": hidden, "labels": labels}.get(str(layer.outputs), layer.outputs)
            shapes[layer.name] = (int(outputs), inputs)
            inputs = int(outputs)
        return shapes


_DROPOUTS = {"seq_classif_dropout": 0.2}
_CLASSIFIER = DenseSpec(name="classifier", outputs="labels")


def head_spec(task: Task, settings: TaskSettings) -> HeadSpec:
    """Return the head of a task.

    Args:
        task: The task.
        settings: What a checkpoint fixes of it; a sentence embedding has its pooling and dense layers from there.
    """
    if task == "feature-extraction":
        return _embedding(settings)
    return _HEADS[task]


def _of_sequences(last: DenseSpec, problem_type: str) -> HeadSpec:
    """Return the head of ``DistilBertForSequenceClassification``."""
    return HeadSpec(
        reads="first",
        layers=(DenseSpec(name="pre_classifier", outputs="hidden", activation="relu"), last),
        outputs=("logits",),
        settings={"problem_type": problem_type},
        dropouts=_DROPOUTS,
    )


def _embedding(settings: TaskSettings) -> HeadSpec:
    return HeadSpec(
        reads=settings.pooling or "mean",
        layers=tuple(
            DenseSpec(name=f"dense.{index}", outputs=dense.outputs, activation=dense.activation)
            for index, dense in enumerate(settings.dense)
        ),
        outputs=("sentence_embedding",),
        normalize=settings.normalize,
    )


_HEADS: dict[Task, HeadSpec] = {
    "text-classification": _of_sequences(_CLASSIFIER, "single_label_classification"),
    "multi-label-classification": _of_sequences(_CLASSIFIER, "multi_label_classification"),
    "text-regression": _of_sequences(DenseSpec(name="classifier", outputs=1), "regression"),
    "token-classification": HeadSpec(reads="every", layers=(_CLASSIFIER,), outputs=("logits",)),
    "question-answering": HeadSpec(
        reads="every",
        layers=(DenseSpec(name="qa_outputs", outputs=2),),
        outputs=("start_logits", "end_logits"),
        dropouts={"qa_dropout": 0.1},
    ),
}
