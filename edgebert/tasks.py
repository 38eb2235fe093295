"""What a task is: one row says what its inputs are to the model, what its outputs mean and when an answer is right.

Everything that reads or judges answers asks a row, so that a new task is a new row here, in ``heads`` and in
``training.objectives``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from edgebert.answers import LabelPrediction, Prediction
from edgebert.examples import Encoded, Example, Key, Outputs, Tally, Target, gold_of
from edgebert.manifest import Meaning, Task, TaskSettings
from edgebert.tallies.counting import count_pairs_of_numbers

if TYPE_CHECKING:
    from edgebert.text import TextEncoder

Dimension = Literal["labels", "tokens", "width", "one"]
"""A size of an output: the labels of the model, the tokens of the window, the numbers of an embedding, or 1."""

Count = Callable[[Sequence[Example], Sequence[Key], Meaning, "Sequence[Key] | None"], tuple[Tally, ...]]
"""Returns the tallies of all examples: of examples, their answers, and those of the file that is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHead:
    """What there is to know of a task.

    Attributes:
        task: Its name in manifests.
        hub: Its name on the Hub.
        architecture: Class name in the ``architectures`` of a Hugging Face ``config.json``.
        outputs: Names of the outputs of a file, and of the dimensions of each (``Dimension``).
        inputs: What its texts are called, as in ``question`` and ``context``.
        golden_texts: Inputs whose ids and outputs every consumer of a bundle must reproduce: one or two texts each.
        metrics: Names of its metrics (``metrics.METRICS``), the default one first.
        windows: Encodes an example.
        answer: Returns the answer that the outputs of the windows give.
        decode: Returns the same for people.
        count: Returns the tallies of examples. A task without right answers in its data compares with the answers of
            another file.
        targets: Returns what training aims at in each window of an example that has a right answer.
        same: Tells whether two answers are the same to a user.
        is_key: Tells whether numbers are an answer of a model.
        is_tally: Tells whether numbers are a tally of a model.
    """

    task: Task
    hub: str
    architecture: str
    outputs: Mapping[str, tuple[Dimension, ...]]
    inputs: tuple[str, ...]
    golden_texts: tuple[tuple[str, ...], ...]
    metrics: tuple[str, ...]
    windows: Callable[[TextEncoder, Example, TaskSettings], Encoded]
    answer: Callable[[Encoded, Sequence[Outputs], Meaning], Key]
    decode: Callable[[Encoded, Sequence[Outputs], Meaning], Prediction]
    count: Count
    targets: Callable[[Encoded, Example, Meaning], tuple[Target, ...]]
    same: Callable[[Key, Key], bool]
    is_key: Callable[[Key, Meaning], bool]
    is_tally: Callable[[Tally, Meaning], bool]

    @property
    def token_outputs(self) -> tuple[str, ...]:
        """The outputs that have a row for each token, and so also for padding."""
        return tuple(name for name, dims in self.outputs.items() if "tokens" in dims)

    def shapes(self, meaning: Meaning, *, tokens: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each output of a window of so many tokens, by its name."""
        sizes = {"labels": len(meaning.labels), "tokens": tokens, "width": meaning.settings.width or 0, "one": 1}
        return {name: tuple(sizes[dim] for dim in dims) for name, dims in self.outputs.items()}

    def count_same(self, first: Sequence[Key], second: Sequence[Key]) -> int:
        """Return on how many examples two files give the same answer."""
        return sum(map(self.same, first, second))


def _one_window(encoder: TextEncoder, example: Example, _: TaskSettings) -> Encoded:
    (text,) = example.texts
    window, truncated = encoder.window(text)
    return Encoded(texts=example.texts, windows=(window,), tokens=len(window.ids), truncated=truncated)


def _largest_logit(_: Encoded, outputs: Sequence[Outputs], __: Meaning) -> Key:
    """Return the index of the most probable label; the first of equal ones wins."""
    return (int(outputs[0]["logits"].argmax()),)


def _softmax(encoded: Encoded, outputs: Sequence[Outputs], meaning: Meaning) -> LabelPrediction:
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


def _label_target(_: Encoded, example: Example, __: Meaning) -> tuple[Target, ...]:
    return (gold_of(example),)


def _are_labels(count: int) -> Callable[[tuple[int | float, ...], Meaning], bool]:
    """Return what tells whether numbers are so many label indices."""
    return lambda numbers, meaning: (
        len(numbers) == count and all(type(number) is int and 0 <= number < len(meaning.labels) for number in numbers)
    )


_GOLDEN_TEXTS = (
    "",
    "excellent",
    "The battery lasts all day, and the screen is bright even outdoors.",
    "It stopped working after two weeks; the seller never answered. Very disappointed!",
    "Not bad at all, although I would not call it good either.",
    "Déjà vu: naïve café, ÅNGSTRÖM, Straße, İstanbul, fiancée.",
    "So happy with this 😀👍🏽 — 10/10, would buy again ❤️",
    "The word [MASK] is typed here, and [SEP] and [CLS] and [UNK] too.",
    "价格便宜，质量很好。안녕하세요 ありがとう Привет",
    "tabs\tand\nlines\r\nand\u00a0hard\u200bspaces\ufeff and controls \x07\x00 too",
    "e\u0301 is not \u00e9 to a program; neither is \ufb01 to fi, nor \u210c to H.",
    "antidisestablishmentarianism" * 6,
    "https://example.org/a?b=c&d=%20#e me@example.org @you #tag $9.99 50% C++ (a+b)*c != d",
    " ".join(f"word{index}" for index in range(500)),
    "good " * 500,
    "   \t  ",
)

TEXT_CLASSIFICATION = TaskHead(
    task="text-classification",
    hub="text-classification",
    architecture="DistilBertForSequenceClassification",
    outputs={"logits": ("labels",)},
    inputs=("text",),
    golden_texts=tuple((text,) for text in _GOLDEN_TEXTS),
    metrics=("accuracy", "macro_f1"),
    windows=_one_window,
    answer=_largest_logit,
    decode=_softmax,
    count=count_pairs_of_numbers,
    targets=_label_target,
    same=operator.eq,
    is_key=_are_labels(1),
    is_tally=_are_labels(2),
)

TASK_HEADS = (TEXT_CLASSIFICATION,)


def task_head(task: Task) -> TaskHead:
    """Return the row of ``TASK_HEADS`` for a task."""
    return {head.task: head for head in TASK_HEADS}[task]
