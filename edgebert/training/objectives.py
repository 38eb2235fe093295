"""What training minimises: the losses of each task, and distillation's three (Sanh et al. 2019, arXiv:1910.01108)."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import TYPE_CHECKING, Annotated, Any, Literal, NamedTuple

import numpy as np

from edgebert.arguments import Between, Factor, Positive, Rate, Seed, check_options
from edgebert.batching import batches_by_length
from edgebert.manifest import Task
from edgebert.network import batch_outputs, blocks, outputs_of, padded
from edgebert.progress import Progress, silent

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from edgebert.network import Outputs

Reduction = Literal["mean", "sum"]

TEMPERATURE = 2.0
"""What the logits of both models are divided by for the soft targets."""

LONGEST = 128
"""Tokens of a text that take part, where the models have so many positions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillOptions:
    """How to distill.

    Attributes:
        epochs: Passes over the training texts; a fraction ends within one.
        learning_rate: Peak of the rate: it rises over the first 6 % of the steps and then falls linearly to 0.
        batch_size: Texts in one step.
        held_out: Share of the texts kept aside to see what became of it: one text at least, 1,000 at most.
        seed: Decides which texts are held out, and their order.

    Raises:
        UsageError: A value is out of range.
    """

    epochs: Factor = 2.0
    learning_rate: Rate = 5e-5
    batch_size: Positive = 32
    held_out: Annotated[float, Between(0, 1, above=True, below=True)] = 0.05
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_options(self)


class TokenPair(NamedTuple):
    """One text as student and teacher see it.

    Attributes:
        student: The student's token ids.
        teacher: The teacher's token ids.
        shared: Number of leading tokens that are the same in both, at least the ``[CLS]``.
        label: Its label, ``None`` without labels.
    """

    student: tuple[int, ...]
    teacher: tuple[int, ...]
    shared: int
    label: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBatch:
    """Some texts as tensors.

    Attributes:
        ids: The student's ids, int64 [batch, longest].
        mask: 1 for its tokens and 0 for padding, int64 [batch, longest].
        teacher_ids: The teacher's ids, int64 [batch, its longest].
        teacher_mask: As ``mask``.
        shared: Which positions hold the same token in both, bool [batch, the shorter longest].
        labels: Labels, int64 [batch]; ``None`` where a text has none.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    teacher_ids: torch.Tensor
    teacher_mask: torch.Tensor
    shared: torch.Tensor
    labels: torch.Tensor | None


def pad_pairs(pairs: Sequence[TokenPair], pad_ids: tuple[int, int]) -> PairBatch:
    """Return texts as one batch, padded with the IDs of student and teacher."""
    import torch

    ids, mask = padded([pair.student for pair in pairs], pad_ids[0])
    teacher_ids, teacher_mask = padded([pair.teacher for pair in pairs], pad_ids[1])
    labels = [pair.label for pair in pairs if pair.label is not None]
    positions = torch.arange(min(ids.shape[1], teacher_ids.shape[1]))
    return PairBatch(
        ids=ids,
        mask=mask,
        teacher_ids=teacher_ids,
        teacher_mask=teacher_mask,
        shared=positions < torch.tensor([[pair.shared] for pair in pairs]),
        labels=torch.tensor(labels) if len(labels) == len(pairs) else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What training a task minimises; a row of ``OBJECTIVES``.

    Attributes:
        loss: Loss against the right answers: of outputs, gold, and ``mean`` or ``sum`` over the batch, float32 [].
        own: The answers that outputs stand for, [batch, ...]: gold where there is none.
        soft: Loss on soft targets: of the student's outputs, the teacher's, and a temperature, float32 [].
        divergence: How far outputs are from the original's: of outputs and the original's, in nats, float32 [batch].
    """

    loss: Callable[[Outputs, torch.Tensor, Reduction], torch.Tensor]
    own: Callable[[Outputs], torch.Tensor]
    soft: Callable[[Outputs, Outputs, float], torch.Tensor]
    divergence: Callable[[Outputs, Outputs], torch.Tensor]


def label_loss(outputs: Outputs, labels: torch.Tensor, reduction: Reduction) -> torch.Tensor:
    """Return the cross-entropy of logits, float32 [batch, labels], with labels, int64 [batch]: float32 []."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(outputs["logits"], labels, reduction=reduction)


def best_label(outputs: Outputs) -> torch.Tensor:
    """Return the most probable label of logits, float32 [batch, labels]: int64 [batch]."""
    return outputs["logits"].detach().argmax(dim=1)


def divergence(outputs: Outputs, original: Outputs) -> torch.Tensor:
    """Return KL(original || other) of two logits, float32 [batch, labels]: float32 [batch]."""
    from torch.nn.functional import kl_div

    ours, theirs = outputs["logits"].log_softmax(dim=1), original["logits"].log_softmax(dim=1)
    return kl_div(ours, theirs, reduction="none", log_target=True).sum(dim=1)


def soft_loss(student: Outputs, teacher: Outputs, temperature: float) -> torch.Tensor:
    """Return the loss on soft targets (Hinton et al. 2015): KL(teacher || student) x temperature squared.

    Args:
        student: Logits, float32 [batch, labels].
        teacher: Logits, float32 [batch, labels].
        temperature: What both are divided by.

    Returns:
        The mean over the batch, float32 [].
    """
    from torch.nn.functional import kl_div

    ours, theirs = ((outputs["logits"] / temperature).log_softmax(dim=-1) for outputs in (student, teacher))
    return kl_div(ours, theirs, reduction="batchmean", log_target=True) * temperature**2


OBJECTIVES: dict[Task, Objective] = {
    "text-classification": Objective(loss=label_loss, own=best_label, soft=soft_loss, divergence=divergence)
}


def answers_of(
    module: torch.nn.Module,
    texts: Sequence[Sequence[int]],
    pad_id: int,
    objective: Objective,
    *,
    stage: str = "",
    progress: Progress = silent,
) -> NDArray[np.int64]:
    """Return the answers of a model to texts, given as token IDs: int64 [texts, ...].

    Args:
        module: The model, in evaluation mode.
        texts: The texts.
        pad_id: ID of the token that pads a batch.
        objective: The row of its task.
        stage: What ``progress`` is told after every batch.
        progress: Told as the work goes on.
    """
    order = batches_by_length([*map(len, texts)], 64)
    answers, done = [], 0
    for chosen in order:
        answers.append(objective.own(batch_outputs(module, [texts[index] for index in chosen], pad_id)).numpy())
        done += len(chosen)
        progress(stage, done, len(texts))
    return np.concatenate(answers)[np.argsort([*chain.from_iterable(order)])]


def hidden_loss(student: torch.Tensor, teacher: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
    """Return the mean squared distance of hidden states, over the tokens that both models share.

    Args:
        student: Hidden states, float32 [batch, length, hidden]; positions beyond those of ``shared`` do not count.
        teacher: As ``student``, perhaps of another length.
        shared: Which positions hold the same token in both, bool [batch, shared length]; at least one does.

    Returns:
        The mean over tokens and width, float32 [].
    """
    length = shared.shape[1]
    distance = (student[:, :length] - teacher[:, :length]).square().mean(dim=-1)  # [batch, shared length]
    return (distance * shared).sum() / shared.sum()


def distillation_loss(
    student: torch.nn.Module,
    teacher: torch.nn.Module,
    layers: Sequence[int],
    batch: PairBatch,
    objective: Objective,
) -> torch.Tensor:
    """Return the sum of the three losses of a batch, float32 []; ``layers`` are those of ``DistillSetup``."""
    import torch

    with _hidden_states(student, range(len(layers))) as states:
        outputs = outputs_of(student, batch.ids, batch.mask)
    with torch.inference_mode(), _hidden_states(teacher, layers) as aims:
        targets = outputs_of(teacher, batch.teacher_ids, batch.teacher_mask)
    loss = objective.soft(outputs, targets, TEMPERATURE)
    for state, aim in zip(states, aims, strict=True):
        loss = loss + 1 / len(layers) * hidden_loss(state, aim, batch.shared)
    if batch.labels is not None:
        loss = loss + objective.loss(outputs, batch.labels, "mean")
    return loss


@contextlib.contextmanager
def _hidden_states(module: torch.nn.Module, layers: Iterable[int]) -> Iterator[list[torch.Tensor]]:
    """Give a list that the hidden states, float32 [batch, length, hidden], of some layers are put into.

    ``output_hidden_states`` would leave hooks behind in the module, with transformers 5.
    """
    states: list[torch.Tensor] = []

    def keep(_module: torch.nn.Module, _inputs: Any, output: Any) -> None:
        states.append(output[-1] if isinstance(output, tuple) else output)  # a tuple with transformers 4

    hooks = [blocks(module)[layer].register_forward_hook(keep) for layer in layers]
    try:
        yield states
    finally:
        for hook in hooks:
            hook.remove()
