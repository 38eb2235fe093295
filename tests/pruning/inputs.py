"""A tiny model with texts to prune it by."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from edgebert.architecture import Architecture, Keep
from edgebert.checkpoint import Model, load_model
from edgebert.data import TrainingTexts
from edgebert.examples import Example
from edgebert.heads import head_spec
from edgebert.meaning import NO_SETTINGS
from edgebert.recipe import PruneOptions
from edgebert.training.items import Item
from tests.support import fakes

HEAD = head_spec("text-classification", NO_SETTINGS)
HALF = PruneOptions(keep=0.5)
WORDS = ("good", "bad", "great", "awful", "the", "is", "it", "not", "very", "battery", "screen")


@functools.cache
def folder() -> Path:
    return fakes.tiny_checkpoint(fakes._shared() / "prune", layers=3)


def plain() -> Model:
    return load_model(folder())


def sentences(count: int = 90, seed: int = 0) -> tuple[str, ...]:
    rng = np.random.default_rng(seed)
    return tuple(" ".join(rng.choice(WORDS, rng.integers(1, 9))) for _ in range(count))


def training(count: int = 90, *, labelled: bool = True) -> TrainingTexts:
    texts = sentences(count)
    labels = [int("good" in text or "great" in text) for text in texts]
    return training_of(texts, labels if labelled else None)


def training_of(texts: Sequence[str], labels: Sequence[int] | None = None) -> TrainingTexts:
    """Return texts as training data, with or without labels."""
    return TrainingTexts(name="train.tsv", sha256="ab" * 32, examples=examples_of(texts, labels))


def examples_of(texts: Sequence[str], labels: Sequence[int] | None = None) -> tuple[Example, ...]:
    gold = [None] * len(texts) if labels is None else [(label,) for label in labels]
    return tuple(
        Example(texts=(text,), gold=answer, line=line)
        for line, (text, answer) in enumerate(zip(texts, gold, strict=True), 1)
    )


def unlabelled(data: TrainingTexts) -> TrainingTexts:
    return dataclasses.replace(data, examples=tuple(dataclasses.replace(one, gold=None) for one in data.examples))


def labels_of(data: TrainingTexts) -> list[int]:
    return [int(example.gold[0]) for example in data.examples if example.gold]


def items(ids: Sequence[Sequence[int]], labels: Sequence[int] | None = None) -> list[Item]:
    """Return texts as token IDs with labels or without as what is learnt from."""
    gold = [None] * len(ids) if labels is None else [((label,),) for label in labels]
    return [Item((tuple(text),), targets) for text, targets in zip(ids, gold, strict=True)]


def training_file(path: Path) -> Path:
    data = training()
    return fakes.write_data(
        path, [(text, fakes.LABELS[label]) for text, label in zip(data.texts, labels_of(data), strict=True)]
    )


def same_weights(one: Model, other: Model) -> bool:
    left, right = one.module.state_dict(), other.module.state_dict()
    return list(left) == list(right) and all(torch.equal(left[name], right[name]) for name in left)


def keep_all(architecture: Architecture) -> Keep:
    """Return the plan that cuts nothing out."""
    return Keep(
        layers=tuple(range(architecture.layers)),
        heads=tuple(tuple(range(count)) for count in architecture.heads),
        neurons=tuple(tuple(range(count)) for count in architecture.neurons),
    )
