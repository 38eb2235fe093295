"""What the head of each task computes: its dense layers, in order. One row for each task."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgebert.manifest import Task

Activation = Literal["none", "relu"]


@dataclass(frozen=True, slots=True, kw_only=True)
class DenseSpec:
    """A dense layer of a head: its name in the checkpoint, and what follows it."""

    name: str
    activation: Activation = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class HeadSpec:
    """The head of a task.

    Attributes:
        layers: Its dense layers, bottom first; the task's row in ``tasks`` says which rows the first one reads.
        output: Name of the output in every file.
    """

    layers: tuple[DenseSpec, ...]
    output: str


HEADS: dict[Task, HeadSpec] = {
    "sequence-classification": HeadSpec(
        layers=(DenseSpec(name="pre_classifier", activation="relu"), DenseSpec(name="classifier")), output="logits"
    )
}
