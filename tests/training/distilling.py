"""A small teacher, a student that is cut from it, and texts to learn from."""

from __future__ import annotations

import functools
import random
from collections.abc import Callable

import torch

from edgebert.architecture import Keep
from edgebert.checkpoint import Model, load_model
from edgebert.data import TrainingTexts
from edgebert.pruning.surgery import cut
from edgebert.training.options import DistillOptions
from tests.pruning.inputs import training_of
from tests.support import fakes

OPTIONS = DistillOptions(epochs=4, learning_rate=3e-3, batch_size=16, held_out=0.2, seed=5)
KEEP = Keep(layers=(0, 1), heads=((0, 2), (1,)), neurons=(tuple(range(0, 64, 3)), tuple(range(8))))


@functools.cache
def teacher() -> Model:
    return load_model(fakes.shared_checkpoint())


@functools.cache
def student() -> Model:
    return cut(teacher(), KEEP)


@functools.cache
def training() -> TrainingTexts:
    """200 texts of one to ten words, and the labels that the teacher gives them."""
    choose = random.Random(0)
    words = [word for word in fakes.WORDS if not word.startswith("##")] + ["zebra", "42", "!"]
    texts = tuple(" ".join(choose.choices(words, k=choose.randint(1, 10))) for _ in range(200))
    return training_of(texts, answers(teacher(), texts))


def answers(model: Model, texts: tuple[str, ...]) -> list[int]:
    ids = [model.tokenizer.encode(text).ids for text in texts]
    with torch.no_grad():
        return [int(model.module(input_ids=torch.tensor([row])).logits.argmax()) for row in ids]


def weights(model: Model) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in model.module.state_dict().items()}


def same(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return first.keys() == second.keys() and all(torch.equal(first[name], second[name]) for name in first)


def soft_loss_on(model: Model, original: Model, texts: tuple[str, ...]) -> float:
    """The soft loss over some texts at temperature 2, each computed alone."""
    total = 0.0
    for text in texts:
        chances = []
        for one in (model, original):
            with torch.no_grad():
                logits = one.module(input_ids=torch.tensor([one.tokenizer.encode(text).ids])).logits[0]
            chances.append((logits.double() / 2).softmax(dim=0))
        ours, theirs = chances
        total += 4 * float((theirs * (theirs / ours).log()).sum())
    return total / len(texts)


class Stop(Exception):
    """What a test interrupts a training with."""


def stopping_at(last: int, error: BaseException | None = None) -> Callable[[str, int, int], None]:
    def progress(stage: str, step: int, total: int) -> None:
        if step == last:
            raise error or Stop

    return progress
