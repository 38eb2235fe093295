"""What the head of each task computes: which rows it reads, its dense layers, its outputs. One row for each task."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from edgebert.manifest import Task

Activation = Literal["none", "relu"]
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
            no other row: 14 % of the products of a six-layer model, at no change of the answer.
        layers: Its dense layers, bottom first.
        outputs: Names of the outputs, in every file and of the module in transformers.
        settings: Keys that the ``config.json`` of every checkpoint of the task has.
        dropouts: Keys of ``config.json`` for what training drops in the head, with their defaults.
    """

    reads: Reads
    layers: tuple[DenseSpec, ...]
    outputs: tuple[str, ...]
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


HEADS: dict[Task, HeadSpec] = {
    "text-classification": HeadSpec(
        reads="first",
        layers=(
            DenseSpec(name="pre_classifier", outputs="hidden", activation="relu"),
            DenseSpec(name="classifier", outputs="labels"),
        ),
        outputs=("logits",),
        settings={"problem_type": "single_label_classification"},
        dropouts={"seq_classif_dropout": 0.2},
    )
}
