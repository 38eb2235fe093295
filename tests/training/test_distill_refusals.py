"""Distillation that cannot be: every wrong request is one line."""

from __future__ import annotations

import pytest
import torch

from edgebert.errors import EnvironmentProblem, UsageError
from edgebert.pruning.surgery import cut
from edgebert.training.distill import distill
from edgebert.training.options import DistillOptions
from tests.training.distilling import KEEP, OPTIONS, stopping_at, student, teacher, training


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", float("nan")),
        ("learning_rate", 1.0),
        ("batch_size", 0),
        ("held_out", 0),
        ("held_out", 1),
        ("seed", -1),
    ],
)
def test_an_option_out_of_range_is_named(name, value):
    """With its value."""
    with pytest.raises(UsageError, match=f"^{name} is {value}, not "):
        DistillOptions(**{name: value})


def test_a_training_that_diverges_says_so():
    """A student whose weights overflow is one line with a hint on the learning rate, not a file of NaN."""
    broken = cut(teacher(), KEEP)
    with torch.no_grad():
        broken.module.classifier.weight.mul_(1e38)
    with pytest.raises(UsageError, match="the distillation diverged: the loss is") as caught:
        distill(broken, teacher(), training(), options=OPTIONS)
    assert caught.value.hint == "use a learning rate below 0.003"


def test_a_full_memory_says_what_to_do():
    """What torch and Python raise for it becomes one line; other errors stay what they are."""

    def greedy(stage: str, step: int, total: int) -> None:
        torch.empty(2**60, dtype=torch.uint8)

    for progress in (greedy, stopping_at(1, MemoryError())):
        with pytest.raises(EnvironmentProblem, match="not enough memory for distilling with batches of 16") as caught:
            distill(student(), teacher(), training(), options=OPTIONS, progress=progress)
        assert "smaller batch size" in caught.value.hint
    with pytest.raises(RuntimeError, match="something else"):
        distill(
            student(), teacher(), training(), options=OPTIONS, progress=stopping_at(1, RuntimeError("something else"))
        )
