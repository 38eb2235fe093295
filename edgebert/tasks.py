"""The task heads edgebert knows: what they are called in a checkpoint, how their logits become answers, what to test.

One row for each; token classification and question answering will be rows, not branches.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgebert.examples import Prediction, Task

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHead:
    """What the pipeline has to know of a task.

    Attributes:
        task: Its name in manifests.
        architecture: Class name in the ``architectures`` of a Hugging Face ``config.json``.
        golden_texts: Texts whose ids and logits every consumer of a bundle must reproduce.
        reads_first_token_only: Whether the head looks at ``[CLS]`` alone, so that the last layer has to compute no
            other row: 14 % of the products of a six-layer model, at no change of the answer.
    """

    task: Task
    architecture: str
    golden_texts: tuple[str, ...]
    reads_first_token_only: bool


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

SEQUENCE_CLASSIFICATION = TaskHead(
    task="sequence-classification",
    architecture="DistilBertForSequenceClassification",
    golden_texts=_GOLDEN_TEXTS,
    reads_first_token_only=True,
)

TASK_HEADS = (SEQUENCE_CLASSIFICATION,)


def task_head(task: Task) -> TaskHead:
    """Return the row of ``TASK_HEADS`` for a task."""
    return {head.task: head for head in TASK_HEADS}[task]


def decode(
    text: str, logits: NDArray[np.float32], labels: tuple[str, ...], *, tokens: int, truncated: bool
) -> Prediction:
    """Return the answer that float32 ``logits`` [labels] give to ``text``; the first of equal labels wins.

    Args:
        text: The text.
        logits: One for each label.
        labels: Names of the labels.
        tokens: Number of tokens that the model read of the text.
        truncated: Whether there were more.
    """
    shifted = np.exp(logits.astype(np.float64) - float(logits.max()))
    probabilities = shifted / shifted.sum()
    best = int(logits.argmax())
    return Prediction(
        text=text,
        label=labels[best],
        probability=float(probabilities[best]),
        probabilities=tuple(float(p) for p in probabilities),
        tokens=tokens,
        truncated=truncated,
    )
