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
from numpy.typing import NDArray

from edgebert.manifest import Task
from edgebert.metrics import Tally

if TYPE_CHECKING:
    from edgebert.data import Example
    from edgebert.text import TextEncoder

Outputs = dict[str, NDArray[np.float32]]
"""What a file computes of one window, by the name of the output: float32, without a batch dimension or padded rows."""

Key = tuple[int | float, ...]
"""An answer as numbers, which is all that reports and journals keep of it: for a label its index."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """An example as the model reads it.

    Attributes:
        texts: Its texts, one or two.
        windows: Token ids of each input that it takes, special tokens included, not padded.
        tokens: Tokens that are read in all.
        truncated: Whether it has more than these, which are left out.
    """

    texts: tuple[str, ...]
    windows: tuple[tuple[int, ...], ...]
    tokens: int
    truncated: bool


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


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHead:
    """What there is to know of a task.

    Attributes:
        task: Its name in manifests.
        architecture: Class name in the ``architectures`` of a Hugging Face ``config.json``.
        outputs: Names of the outputs of a file, and of the dimensions of each: ``labels`` or ``tokens``.
        golden_texts: Inputs whose ids and outputs every consumer of a bundle must reproduce: one or two texts each.
        metrics: Names of its metrics (``metrics.METRICS``), the default one first.
        windows: Encodes the texts of an example.
        answer: Returns the answer that the outputs of the windows give.
        decode: Returns the same for people, with the names of the labels.
        gold: Returns the right answer to an example.
        count: Returns the tally of an example from the right answer and the one that was given.
        same: Tells whether two answers are the same to a user.
        is_key: Tells whether numbers are an answer of a model with so many labels.
        is_tally: Tells whether numbers are a tally of such a model.
    """

    task: Task
    architecture: str
    outputs: Mapping[str, tuple[Literal["labels", "tokens"], ...]]
    golden_texts: tuple[tuple[str, ...], ...]
    metrics: tuple[str, ...]
    windows: Callable[[TextEncoder, tuple[str, ...]], Encoded]
    answer: Callable[[Encoded, Sequence[Outputs]], Key]
    decode: Callable[[Encoded, Sequence[Outputs], tuple[str, ...]], Prediction]
    gold: Callable[[Example], Key]
    count: Callable[[Key, Key], Tally]
    same: Callable[[Key, Key], bool]
    is_key: Callable[[Key, int], bool]
    is_tally: Callable[[Tally, int], bool]

    @property
    def token_outputs(self) -> tuple[str, ...]:
        """The outputs that have a row for each token, and so also for padding."""
        return tuple(name for name, dims in self.outputs.items() if "tokens" in dims)

    def shapes(self, *, labels: int, tokens: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each output of a window, by its name.

        Args:
            labels: Number of labels of the model.
            tokens: Number of tokens in the window.
        """
        sizes = {"labels": labels, "tokens": tokens}
        return {name: tuple(sizes[dim] for dim in dims) for name, dims in self.outputs.items()}

    def count_all(self, gold: Sequence[Key], answers: Sequence[Key]) -> tuple[Tally, ...]:
        """Return the tally of each example."""
        return tuple(map(self.count, gold, answers))

    def count_same(self, first: Sequence[Key], second: Sequence[Key]) -> int:
        """Return on how many examples two files give the same answer."""
        return sum(map(self.same, first, second))


def _one_window(encoder: TextEncoder, texts: tuple[str, ...]) -> Encoded:
    (text,) = texts
    ids, truncated = encoder.encode_marked(text)
    return Encoded(texts=texts, windows=(ids,), tokens=len(ids), truncated=truncated)


def _largest_logit(_: Encoded, outputs: Sequence[Outputs]) -> Key:
    """Return the index of the most probable label; the first of equal ones wins."""
    return (int(outputs[0]["logits"].argmax()),)


def _softmax(encoded: Encoded, outputs: Sequence[Outputs], labels: tuple[str, ...]) -> Prediction:
    logits = outputs[0]["logits"]  # [labels]
    shifted = np.exp(logits.astype(np.float64) - float(logits.max()))
    probabilities = shifted / shifted.sum()
    best = int(logits.argmax())
    return Prediction(
        text=encoded.texts[0],
        label=labels[best],
        probability=float(probabilities[best]),
        probabilities=tuple(float(p) for p in probabilities),
        tokens=encoded.tokens,
        truncated=encoded.truncated,
    )


def _are_labels(count: int) -> Callable[[tuple[int | float, ...], int], bool]:
    """Return what tells whether numbers are so many label indices."""
    return lambda numbers, labels: (
        len(numbers) == count and all(type(number) is int and 0 <= number < labels for number in numbers)
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
    architecture="DistilBertForSequenceClassification",
    outputs={"logits": ("labels",)},
    golden_texts=tuple((text,) for text in _GOLDEN_TEXTS),
    metrics=("accuracy", "macro_f1"),
    windows=_one_window,
    answer=_largest_logit,
    decode=_softmax,
    gold=lambda example: (example.label,),
    count=operator.add,  # the right label, then the given one
    same=operator.eq,
    is_key=_are_labels(1),
    is_tally=_are_labels(2),
)

TASK_HEADS = (TEXT_CLASSIFICATION,)


def task_head(task: Task) -> TaskHead:
    """Return the row of ``TASK_HEADS`` for a task."""
    return {head.task: head for head in TASK_HEADS}[task]
