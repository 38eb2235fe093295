"""A tiny model with texts to prune it by."""

from __future__ import annotations

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
from edgebert.manifest import NO_SETTINGS
from edgebert.recipe import PruneOptions
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
    gold = [None] * len(texts) if labels is None else [(label,) for label in labels]
    examples = tuple(
        Example(texts=(text,), gold=answer, line=line)
        for line, (text, answer) in enumerate(zip(texts, gold, strict=True), 1)
    )
    return TrainingTexts(name="train.tsv", sha256="ab" * 32, examples=examples)


def training_file(path: Path) -> Path:
    data = training()
    return fakes.write_data(
        path, [(text, fakes.LABELS[label]) for text, label in zip(data.texts, data.labels, strict=True)]
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
