"""The training loop of a distillation: its steps, the average of its weights, held-out evaluation, checkpointing.

What comes out is the mean of the weights after each step of the second half (stochastic weight averaging, Izmailov et
al. 2018, arXiv:1803.05407): it is calmer than the last step's, which a few batches decide.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgebert.batching import batches_by_length, epoch_batches
from edgebert.errors import UsageError
from edgebert.network import outputs_of
from edgebert.training.imitation import distillation_loss
from edgebert.training.items import ItemPair, PairBatch, pad_pairs
from edgebert.training.objectives import Objective
from edgebert.training.options import DistillOptions
from edgebert.training.resume import StateFolder, TrainingState, drop_state, load_state, save_state

if TYPE_CHECKING:
    import torch
    from numpy.typing import NDArray

    from edgebert.network import Outputs
    from edgebert.progress import Progress

    # Batches of held-out items, each with the outputs of the teacher.
    HeldOut = list[tuple[PairBatch, Outputs]]

_WARM_UP_SHARE = 0.06
_WEIGHT_DECAY = 0.01
_LARGEST_GRADIENT = 1.0
_SAVE_EVERY_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillSetup:
    """Who learns what from whom.

    Attributes:
        student: The model that learns.
        teacher: The model it learns from.
        layers: The teacher's layer whose output each of the student's layers is compared with.
        pad_ids: Padding IDs of student and teacher.
        options: Hyper-parameters.
        objective: What the task of both minimises.
    """

    student: torch.nn.Module
    teacher: torch.nn.Module
    layers: tuple[int, ...]
    pad_ids: tuple[int, int]
    objective: Objective
    options: DistillOptions


def train(
    setup: DistillSetup, pairs: Sequence[ItemPair], folder: StateFolder | None, progress: Progress
) -> Mapping[str, torch.Tensor]:
    """Train the student, from its saved state where there is one, and return its averaged weights.

    The student trains without dropout: a small pruned model recovers better so.

    Raises:
        UsageError: The training diverged.
    """
    options, student, done = setup.options, setup.student, 0
    lengths = [max(map(len, pair.student)) for pair in pairs]
    per_epoch = math.ceil(len(pairs) / options.batch_size)
    total = math.ceil(options.epochs * per_epoch)
    student.requires_grad_(requires_grad=True)
    optimizer = _optimizer(setup)
    average = {name: tensor.clone() for name, tensor in student.state_dict().items()}
    if folder and (saved := load_state(folder)):
        average, done = dict(saved.groups["average"]), saved.step
        _restore(setup, optimizer, saved)
    elif folder:
        drop_state(folder.path)
    progress("distilling", done, total)
    batches: list[list[int]] = []
    smooth, saved_at = math.nan, time.monotonic()
    for step in range(done, total):
        epoch, index = divmod(step, per_epoch)
        if not batches or index == 0:
            batches = epoch_batches(lengths, options.batch_size, seed=options.seed, epoch=epoch)
        for group in optimizer.param_groups:
            group["lr"] = options.learning_rate * rate(step, total, int(_WARM_UP_SHARE * total))
        loss = _step(
            setup, optimizer, pad_pairs([pairs[number] for number in batches[index]], setup.pad_ids, setup.objective)
        )
        for name, tensor in student.state_dict().items():
            # Up to the first of the steps that are averaged the mean is the student itself.
            average[name].lerp_(tensor, 1 / max(step + 1 - total // 2, 1))
        is_due = (step + 1) % math.ceil(per_epoch / 2) == 0 or time.monotonic() - saved_at > _SAVE_EVERY_S
        if folder and step + 1 < total and is_due:
            save_state(folder, _state(setup, optimizer, average, step + 1))
            saved_at = time.monotonic()
        smooth = loss if math.isnan(smooth) else 0.9 * smooth + 0.1 * loss
        progress(f"distilling | loss {smooth:.3f}", step + 1, total)
    optimizer.zero_grad(set_to_none=True)
    return average


def rate(step: int, total: int, warm_up: int) -> float:
    """Return the share of the peak learning rate at a step, counted from 0; the peak is at step ``warm_up``."""
    return min((step + 1) / (warm_up + 1), (total - step) / (total - warm_up))


def _step(setup: DistillSetup, optimizer: torch.optim.Optimizer, batch: PairBatch) -> float:
    """Take one step of the optimizer and return the loss before it."""
    import torch

    optimizer.zero_grad(set_to_none=True)
    loss = distillation_loss(setup.student, setup.teacher, setup.layers, batch, setup.objective, setup.options)
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(setup.student.parameters(), _LARGEST_GRADIENT)
    optimizer.step()
    if not math.isfinite(loss.item()):
        raise UsageError(
            f"the distillation diverged: the loss is {loss.item()}",
            hint=f"use a learning rate below {setup.options.learning_rate:g}",
        )
    return loss.item()


def with_teacher_outputs(setup: DistillSetup, pairs: Sequence[ItemPair]) -> HeldOut:
    """Return held-out items in batches, with what the teacher computes of them."""
    import torch

    held_out = []
    for numbers in batches_by_length(
        [max(map(len, pair.teacher)) for pair in pairs], setup.options.batch_size, longest_first=True
    ):
        batch = pad_pairs([pairs[number] for number in numbers], setup.pad_ids, setup.objective)
        with torch.inference_mode():
            held_out.append((batch, outputs_of(setup.teacher, batch.teacher_ids, batch.teacher_mask)))
    return held_out


def agreements(setup: DistillSetup, held_out: HeldOut) -> NDArray[np.bool_]:
    """Return for each held-out window whether the student answers it as the teacher does, bool [windows]."""
    import torch

    same = []
    for batch, theirs in held_out:
        with torch.inference_mode():
            ours = outputs_of(setup.student, batch.ids, batch.mask)
            same.append(setup.objective.agree(ours, theirs, batch.shared).numpy())
    return np.concatenate(same)


def _optimizer(setup: DistillSetup) -> torch.optim.Optimizer:
    import torch

    parameters = list(setup.student.parameters())
    groups = [
        {"params": [one for one in parameters if one.ndim > 1], "weight_decay": _WEIGHT_DECAY},
        {"params": [one for one in parameters if one.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=setup.options.learning_rate, fused=True)


def _state(
    setup: DistillSetup, optimizer: torch.optim.Optimizer, average: Mapping[str, torch.Tensor], step: int
) -> TrainingState:
    moments = {name: optimizer.state[one] for name, one in setup.student.named_parameters()}
    groups = {
        "average": average,
        "student": setup.student.state_dict(),
        "first": {name: state["exp_avg"] for name, state in moments.items()},
        "second": {name: state["exp_avg_sq"] for name, state in moments.items()},
    }
    return TrainingState(step=step, groups=groups)


def _restore(setup: DistillSetup, optimizer: torch.optim.Optimizer, saved: TrainingState) -> None:
    import torch

    setup.student.load_state_dict(saved.groups["student"])
    for name, one in setup.student.named_parameters():
        first, second = saved.groups["first"][name], saved.groups["second"][name]
        optimizer.state[one] = {"step": torch.tensor(float(saved.step)), "exp_avg": first, "exp_avg_sq": second}
