"""The course of a distillation: its steps, the average of its weights, and the way back from a saved state.

What comes out is the mean of the weights after each step of the second half (stochastic weight averaging, Izmailov et
al. 2018, arXiv:1803.05407): it is calmer than the last step's, which a few batches decide.
"""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from edgebert.errors import UsageError
from edgebert.training.batches import PairBatch, TokenPair, epoch_batches, sorted_batches, stack
from edgebert.training.losses import hidden_loss, soft_loss, task_loss
from edgebert.training.resume import Saved, Slot, drop_state, load_state, save_state

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from edgebert.progress import Progress
    from edgebert.training.distill import DistillOptions

    # Batches of held-out texts, each with the teacher's logits, float32 [batch, labels].
    Exam = list[tuple[PairBatch, torch.Tensor]]

_WEIGHT_DECAY = 0.01
_LARGEST_GRADIENT = 1.0
_SAVE_EVERY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Course:
    """Who learns what from whom: ``states`` are the teacher's layers whose output each student layer aims at."""

    student: torch.nn.Module
    teacher: torch.nn.Module
    states: tuple[int, ...]
    pad_ids: tuple[int, int]
    options: DistillOptions


def train(
    course: Course, pairs: Sequence[TokenPair], slot: Slot | None, progress: Progress
) -> Mapping[str, torch.Tensor]:
    """Train the student of a course, from its saved state where there is one, and return its averaged weights."""
    options, done = course.options, 0
    lengths = [len(pair.student) for pair in pairs]
    per_epoch = math.ceil(len(pairs) / options.batch_size)
    total = math.ceil(options.epochs * per_epoch)
    warm_up = int(options.warm_up * total)
    course.student.requires_grad_(requires_grad=True)
    optimizer, average = _optimizer(course), _weights(course)
    if slot and (saved := load_state(slot)):
        average, done = dict(saved.groups["average"]), saved.step
        _restore(course, optimizer, saved)
    elif slot:
        drop_state(slot.folder)
    progress("distilling", done, total)
    batches: list[list[int]] = []
    smooth, saved_at = math.nan, time.monotonic()
    for step in range(done, total):
        epoch, index = divmod(step, per_epoch)
        if not batches or index == 0:
            batches = epoch_batches(lengths, options.batch_size, seed=options.seed, epoch=epoch)
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * rate(step, total, warm_up)
        loss = _step(course, optimizer, stack([pairs[number] for number in batches[index]], course.pad_ids), step)
        _average(average, course, steps=step + 1 - total // 2)
        is_due = (step + 1) % math.ceil(per_epoch / 2) == 0 or time.monotonic() - saved_at > _SAVE_EVERY_S
        if slot and step + 1 < total and is_due:
            save_state(slot, _state(course, optimizer, average, step + 1))
            saved_at = time.monotonic()
        smooth = loss if math.isnan(smooth) else 0.9 * smooth + 0.1 * loss
        progress(f"distilling | loss {smooth:.3f}", step + 1, total)
    optimizer.zero_grad(set_to_none=True)
    return average


def rate(step: int, total: int, warm_up: int) -> float:
    """Return the share of the peak learning rate at a step, counted from 0; the peak is at step ``warm_up``."""
    return min((step + 1) / (warm_up + 1), (total - step) / (total - warm_up))


def _step(course: Course, optimizer: torch.optim.Optimizer, batch: PairBatch, step: int) -> float:
    """Take one step of the optimizer and return the loss before it."""
    import torch

    options = course.options
    course.student.train(mode=options.dropout)
    if options.dropout:
        # A state of its own for each step, so that a resumed training drops what the uninterrupted one drops.
        seed = np.random.SeedSequence((options.seed, step)).generate_state(1)[0]
        torch.default_generator.manual_seed(int(seed))
    optimizer.zero_grad(set_to_none=True)
    loss = _loss(course, batch)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(course.student.parameters(), _LARGEST_GRADIENT)
    optimizer.step()
    return _finite(loss.item(), options)


def _loss(course: Course, batch: PairBatch) -> torch.Tensor:
    """Return the weighted sum of the three losses of a batch, float32 []."""
    import torch

    options = course.options
    last = len(course.states) if options.hidden else 0
    with _outputs(course.student, range(last)) as states:
        logits = course.student(input_ids=batch.ids, attention_mask=batch.mask).logits
    with torch.inference_mode(), _outputs(course.teacher, course.states[:last]) as aims:
        answers = course.teacher(input_ids=batch.teacher_ids, attention_mask=batch.teacher_mask).logits
    loss = options.soft * soft_loss(logits, answers, options.temperature)
    for state, aim in zip(states, aims, strict=True):
        loss = loss + options.hidden / last * hidden_loss(state, aim, batch.shared)
    if batch.labels is not None and options.task:
        loss = loss + options.task * task_loss(logits, batch.labels)
    return loss


@contextlib.contextmanager
def _outputs(module: torch.nn.Module, layers: Iterable[int]) -> Iterator[list[torch.Tensor]]:
    """Give a list that the hidden states, float32 [batch, length, hidden], of some layers are put into.

    ``output_hidden_states`` would leave hooks behind in the module, with transformers 5.
    """
    states: list[torch.Tensor] = []

    def keep(_module: torch.nn.Module, _inputs: Any, output: Any) -> None:
        states.append(output[-1] if isinstance(output, tuple) else output)  # a tuple with transformers 4

    blocks: Any = module.distilbert.transformer.layer  # type: ignore[union-attr]
    hooks = [blocks[layer].register_forward_hook(keep) for layer in layers]
    try:
        yield states
    finally:
        for hook in hooks:
            hook.remove()


def answers_of(course: Course, pairs: Sequence[TokenPair]) -> Exam:
    """Return texts in batches, with the teacher's logits."""
    import torch

    exam = []
    for numbers in sorted_batches([len(pair.teacher) for pair in pairs], course.options.batch_size):
        batch = stack([pairs[number] for number in numbers], course.pad_ids)
        with torch.inference_mode():
            answers = course.teacher(input_ids=batch.teacher_ids, attention_mask=batch.teacher_mask).logits
        exam.append((batch, answers))
    return exam


def agreements(course: Course, exam: Exam) -> NDArray[np.bool_]:
    """Return for each held-out text whether the student labels it as the teacher does, bool [texts]."""
    import torch

    course.student.train(mode=False)
    same = []
    for batch, answers in exam:
        with torch.inference_mode():
            logits = course.student(input_ids=batch.ids, attention_mask=batch.mask).logits
            same.append((logits.argmax(dim=-1) == answers.argmax(dim=-1)).numpy())
    return np.concatenate(same)


def _weights(course: Course) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in course.student.state_dict().items()}


def _average(average: dict[str, torch.Tensor], course: Course, *, steps: int) -> None:
    """Take the student's weights into the mean of as many steps as are averaged now, this one included."""
    for name, tensor in course.student.state_dict().items():
        # Up to the first of them the mean is the student itself.
        average[name].lerp_(tensor, 1 / max(steps, 1))


def _finite(loss: float, options: DistillOptions) -> float:
    if not math.isfinite(loss):
        raise UsageError(
            f"the distillation diverged: the loss is {loss}",
            hint=f"use a learning rate below {options.learning_rate:g}",
        )
    return loss


def _optimizer(course: Course) -> torch.optim.Optimizer:
    import torch

    parameters = list(course.student.parameters())
    groups = [
        {"params": [one for one in parameters if one.ndim > 1], "weight_decay": _WEIGHT_DECAY},
        {"params": [one for one in parameters if one.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=course.options.learning_rate, fused=True)


def _state(course: Course, optimizer: torch.optim.Optimizer, average: Mapping[str, torch.Tensor], step: int) -> Saved:
    moments = {name: optimizer.state[one] for name, one in course.student.named_parameters()}
    groups = {
        "average": average,
        "student": course.student.state_dict(),
        "first": {name: state["exp_avg"] for name, state in moments.items()},
        "second": {name: state["exp_avg_sq"] for name, state in moments.items()},
    }
    return Saved(step=step, groups=groups)


def _restore(course: Course, optimizer: torch.optim.Optimizer, saved: Saved) -> None:
    import torch

    course.student.load_state_dict(saved.groups["student"])
    for name, one in course.student.named_parameters():
        first, second = saved.groups["first"][name], saved.groups["second"][name]
        optimizer.state[one] = {"step": torch.tensor(float(saved.step)), "exp_avg": first, "exp_avg_sq": second}
