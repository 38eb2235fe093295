"""How a fine-tuning went so far, and its state on disk, so that an interrupted one resumes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from edgebert.training.resume import TrainingState

if TYPE_CHECKING:
    import torch


@dataclass(frozen=True, slots=True, kw_only=True)
class Epoch:
    """What an epoch of training came to.

    Attributes:
        step: Steps done at its end.
        train_loss: Mean loss of its steps.
        loss: Mean loss of the evaluation data; ``None`` without such data.
        score: Metric of the evaluation data; ``None`` without such data.
    """

    step: int
    train_loss: float
    loss: float | None = None
    score: float | None = None


@dataclass(slots=True, kw_only=True)
class Course:
    """What has become of a training so far.

    Attributes:
        epochs: Those that are done.
        losses: Loss of each step of the epoch under way.
        best: Weights after the best epoch by name, where they are kept.
        began: Step that the epoch under way began with.
        drawn: State of torch's generator at its beginning.
    """

    epochs: list[Epoch] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    best: dict[str, torch.Tensor] = field(default_factory=dict)
    began: int = 0
    drawn: torch.Tensor | None = None


def epoch_text(epoch: Epoch, number: int, count: int, metric: str) -> str:
    """Return what an epoch came to, in one line."""
    said = f"epoch {number} of {count}: training loss {epoch.train_loss:.3f}"
    if epoch.loss is None or epoch.score is None:
        return said
    return f"{said}, evaluation loss {epoch.loss:.3f}, {metric} {epoch.score:.4f}"


def state_of(course: Course, model: torch.nn.Module, optimizer: Any, step: int) -> TrainingState:
    """Return all that a training between two steps depends on."""
    import torch

    moments = {name: optimizer.state[one] for name, one in model.named_parameters() if one in optimizer.state}
    epochs = [
        [epoch.step, epoch.train_loss, *(math.nan if one is None else one for one in (epoch.loss, epoch.score))]
        for epoch in course.epochs
    ]
    now = torch.random.get_rng_state()
    groups: dict[str, Mapping[str, torch.Tensor]] = {
        "model": model.state_dict(),
        "first": {name: state["exp_avg"] for name, state in moments.items()},
        "second": {name: state["exp_avg_sq"] for name, state in moments.items()},
        "course": {
            "epochs": torch.tensor(epochs, dtype=torch.float64).reshape(-1, 4),
            "losses": torch.tensor(course.losses, dtype=torch.float64),
            "began": torch.tensor([course.began]),
            "drawn": now if course.drawn is None else course.drawn,
            "now": now,
        },
    }
    return TrainingState(step=step, groups=groups | ({"best": course.best} if course.best else {}))


def take_up(course: Course, saved: TrainingState) -> None:
    """Put what a saved state knows of a training into ``course``."""
    kept = saved.groups["course"]
    for step, train_loss, loss, score in kept["epochs"].tolist():
        course.epochs.append(
            Epoch(
                step=int(step),
                train_loss=train_loss,
                loss=None if math.isnan(loss) else loss,
                score=None if math.isnan(loss) else score,
            )
        )
    course.losses = kept["losses"].tolist()
    course.began = int(kept["began"][0])
    course.best = dict(saved.groups.get("best", {}))


def restore(saved: TrainingState, model: torch.nn.Module, optimizer: Any) -> None:
    """Put the weights, the moments of the optimizer and torch's generator back to where they were."""
    import torch

    model.load_state_dict(saved.groups["model"])
    inner = getattr(optimizer, "optimizer", optimizer)
    for name, one in model.named_parameters():
        if name in saved.groups["first"]:
            first, second = (saved.groups[group][name].to(one.device) for group in ("first", "second"))
            inner.state[one] = {"step": torch.tensor(float(saved.step)), "exp_avg": first, "exp_avg_sq": second}
    torch.random.set_rng_state(saved.groups["course"]["now"])
