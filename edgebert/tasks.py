"""The task heads edgebert knows: what they are called in a checkpoint, how their logits become answers, what to test.

One row for each; token classification and question answering will be rows, not branches.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from edgebert.intervals import paired_counts_interval
from edgebert.manifest import Score, Task
from edgebert.metrics import paired_score

Outputs = dict[str, NDArray[np.float32]]
"""What a file computes of one window, by the name of the output: float32, without a batch dimension or padded rows."""


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
    """What the pipeline has to know of a task.

    Attributes:
        task: Its name in manifests.
        architecture: Class name in the ``architectures`` of a Hugging Face ``config.json``.
        golden_texts: Texts whose ids and logits every consumer of a bundle must reproduce.
    """

    task: Task
    architecture: str
    golden_texts: tuple[str, ...]


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


class Pairs(NamedTuple):
    """Numbers of examples that both files answer right, only the baseline, only the shipped one, and neither."""

    both: int
    only_baseline: int
    only_shipped: int
    neither: int


def count_same(first: Sequence[int], second: Sequence[int]) -> int:
    """Return on how many examples two files give the same answer, the index of a label."""
    return int(np.count_nonzero(np.equal(first, second)))


def count_pairs(gold: Sequence[int], baseline: Sequence[int], shipped: Sequence[int]) -> Pairs:
    """Return how many examples each of two files answers right."""
    before, after = np.equal(baseline, gold), np.equal(shipped, gold)
    groups = (before & after, before & ~after, ~before & after, ~before & ~after)
    return Pairs(*(int(np.count_nonzero(group)) for group in groups))


def score_answers(
    gold: Sequence[int],
    answers: Sequence[int],
    *,
    file: str,
    runtime: str,
    labels: int,
    baseline: tuple[str, Sequence[int]] | None,
) -> Score:
    """Return the score of a file that answered examples on a device, and the paired difference to its baseline.

    Args:
        gold: Right answers, one for each example.
        answers: Answers of the file.
        file: File inside the bundle.
        runtime: Runtime that computed the answers.
        labels: Number of labels of the model.
        baseline: Name and answers of the baseline.

    Raises:
        UsageError: There is no example, the numbers of answers differ, or one is out of range.
    """
    name, others = (None, None) if baseline is None else baseline
    return paired_score(
        file=file,
        runtime=runtime,
        metric="accuracy",
        expected=np.array(gold, dtype=np.int64),
        predicted=np.array(answers, dtype=np.int64),
        labels=labels,
        baseline_file=name,
        baseline_predicted=None if others is None else np.array(others, dtype=np.int64),
    )


def stated_pairs(score: Score) -> Pairs | None:
    """Return the pairs that a score was computed from; ``None`` where no pairs give its interval, as for macro F1.

    A score states the sums of the pairs, not the pairs. Each number of examples that only the baseline has right
    gives another interval, so the stated interval tells which one it was.
    """
    if score.metric != "accuracy" or score.difference is None or score.flips is None:
        return None
    right, more = round(score.value * score.examples), round(score.difference * score.examples)
    stated = np.array([score.difference_low or 0.0, score.difference_high or 0.0])
    # Examples that the files label differently are the most that only one of them can have right.
    for only_baseline in range((score.flips - more) // 2, max(-more, 0) - 1, -1):
        only_shipped = only_baseline + more
        pairs = Pairs(right - only_shipped, only_baseline, only_shipped, score.examples - right - only_baseline)
        if min(pairs) >= 0 and np.all(np.abs(stated - paired_counts_interval(*pairs)) < 1e-12):
            return pairs
    return None


def unseen_width(score: Score, *, alpha: float) -> float:
    """Return the part of a score's interval, on either side, that allows for flips which were not seen.

    Only the interval of macro F1 has it (``metrics.macro_f1_difference_interval``): z squared flips, and all of it
    where nothing flipped. It shrinks with the number of examples itself, not with its root.
    """
    if score.metric != "macro_f1":
        return 0.0
    return NormalDist().inv_cdf(1 - alpha) ** 2 / score.examples if score.flips else math.inf
