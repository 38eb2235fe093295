"""Distillation that cannot be: every wrong request is one line."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from edgebert.checkpoint import load_model
from edgebert.data import TrainingTexts
from edgebert.errors import DataError, EnvironmentProblem, UsageError
from edgebert.pruning.surgery import cut
from edgebert.training.distill import distill
from edgebert.training.objectives import DistillOptions
from tests.support import fakes
from tests.training.distilling import KEEP, OPTIONS, stopping_at, student, teacher, training


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("epochs", 0),
        ("epochs", float("nan")),
        ("learning_rate", 1.0),
        ("batch_size", 0),
        ("max_length", 2),
        ("temperature", 0),
        ("soft", -1),
        ("hidden", float("inf")),
        ("task", float("nan")),
        ("warm_up", 1),
        ("held_out", 0),
        ("held_out", 1),
        ("seed", -1),
    ],
)
def test_an_option_out_of_range_is_named(name, value):
    """With its value."""
    with pytest.raises(UsageError, match=f"^{name} is {value}, not "):
        DistillOptions(**{name: value})


def test_texts_that_cannot_teach_are_refused():
    """One text, a label that is none of the model's, and losses that are all off."""
    one = TrainingTexts(name="one.txt", sha256="0" * 64, texts=("good",), labels=None)
    with pytest.raises(DataError, match=r"one\.txt: distillation needs two texts or more, it holds 1"):
        distill(student(), teacher(), one, options=OPTIONS)
    two = TrainingTexts(name="two.tsv", sha256="0" * 64, texts=("good", "bad"), labels=(0, 2))
    with pytest.raises(DataError, match=r"two\.tsv: the label 2 is none of the model's, which are 0 to 1"):
        distill(student(), teacher(), two, options=OPTIONS)
    with pytest.raises(UsageError, match="nothing to learn"):
        distill(student(), teacher(), replace(two, labels=None), options=replace(OPTIONS, soft=0, hidden=0))
    _, record = distill(student(), teacher(), replace(two, labels=(0, 1)), options=OPTIONS)
    assert record.held_out == 1


def test_models_that_do_not_fit_are_refused(tmp_path):
    """Another width or other labels: the teacher is not what the student was cut from."""
    wide = load_model(fakes.tiny_checkpoint(tmp_path / "wide", hidden=16))
    with pytest.raises(UsageError, match="cannot learn from tiny: it has a hidden width of 16, the other of 32"):
        distill(wide, teacher(), training())
    named = load_model(fakes.tiny_checkpoint(tmp_path / "named", labels=("a", "b", "c")))
    with pytest.raises(UsageError, match="it has labels of"):
        distill(named, teacher(), training())


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
