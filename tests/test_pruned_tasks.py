"""Every task pruned and distilled: nearer to the original than without, saved, opened, and in a bundle that answers."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from edgebert.checkpoint import Model, load_model, save_model
from edgebert.data import TrainingTexts, read_training
from edgebert.meaning import Task
from edgebert.network import outputs_of
from edgebert.pipeline import export_bundle
from edgebert.prediction import predict
from edgebert.pruning.prune import prune_model
from edgebert.recipe import PruneOptions, Recipe, Target
from edgebert.tasks import task_head
from edgebert.text import TextEncoder
from edgebert.training.objectives import OBJECTIVES
from edgebert.verification import verify
from tests.support.task_bundles import CASES, Made, task_bundle

WORDS = ("good", "bad", "great", "film", "a", "not", "at", "all", "the", "is", "it", "very")
TAGS = ("O", "B-PER", "I-PER")


@pytest.fixture(scope="module", params=CASES)
def made(request: pytest.FixtureRequest) -> Made:
    """A checkpoint folder of a task, a bundle of that, and a data file."""
    return task_bundle(request.param)


def written(task: Task, path: Path, *, count: int, seed: int) -> Path:
    """Write a data file of random words with random answers, and return its path."""
    draw = np.random.default_rng(seed)
    rows = []
    for _ in range(count):
        words, others = ([str(word) for word in draw.choice(WORDS, draw.integers(3, 12))] for _ in range(2))
        text, number, place = " ".join(words), float(draw.normal()), int(draw.integers(len(words)))
        row: dict[str, Any] = {"text": text, "score": number}
        if task == "multi-label-classification":
            row = {"text": text, "labels": [label for label in "abc" if draw.random() < 0.5]}
        elif task == "token-classification":
            row = {"tokens": words, "tags": [str(tag) for tag in draw.choice(TAGS, len(words))]}
        elif task == "question-answering":
            start = sum(len(word) + 1 for word in words[:place])
            row = {"question": others[0], "context": text}
            row |= {"answers": {"text": [words[place]], "answer_start": [start]}}
        elif task == "feature-extraction":
            row = {"sentence1": text, "sentence2": " ".join(others), "score": float(draw.uniform(-1, 1))}
        rows.append(row)
    path.write_text("".join(f"{json.dumps(row)}\n" for row in rows), encoding="utf-8")
    return path


def apart(task: Task, one: Model, other: Model, data: TrainingTexts) -> float:
    """Return how far the outputs of two models are apart by the divergence of the task, the mean over windows."""
    found = []
    for example in data.examples:
        outputs, masks = [], []
        for model in (one, other):
            encoder = TextEncoder(model.tokenizer, model.checkpoint.architecture.positions)
            (window, *_) = task_head(task).windows(encoder, example, model.checkpoint.settings).windows
            with torch.inference_mode():
                outputs.append(outputs_of(model.module, torch.tensor([window.ids])))
            masks.append(torch.ones(1, len(window.ids), dtype=torch.bool))
        assert masks[0].shape == masks[1].shape
        found.append(float(OBJECTIVES[task].divergence(*outputs, masks[0])))
    return float(np.mean(found))


def trainings(made: Made, folder: Path) -> tuple[Path, TrainingTexts, TrainingTexts]:
    """Return a training file with random answers, what is in it, and other inputs."""
    task = made.task
    labels = load_model(made.model).checkpoint.labels
    paths = [written(task, folder / f"{seed}.jsonl", count=count, seed=seed) for seed, count in ((1, 80), (2, 30))]
    training, unseen = (read_training(path, task=task, labels=labels) for path in paths)
    return paths[0], training, unseen


def test_distillation_brings_a_pruned_model_nearer_to_the_original(made: Made, tmp_path: Path):
    """On inputs that it has not seen. The answers in the file are random here, so they are left out."""
    task, original = made.task, load_model(made.model)
    _, training, unseen = trainings(made, tmp_path)
    bare = tuple(dataclasses.replace(example, gold=None) for example in training.examples)
    training = dataclasses.replace(training, examples=bare)
    options = PruneOptions(keep=0.5, distill=8, learning_rate=5e-3)
    cut = prune_model(original, training, dataclasses.replace(options, distill=0, learning_rate=None))
    distilled = prune_model(original, training, options)
    assert cut.checkpoint.architecture == distilled.checkpoint.architecture
    assert apart(task, distilled, original, unseen) < 0.95 * apart(task, cut, original, unseen)


def test_a_pruned_model_goes_the_whole_way(made: Made, tmp_path: Path):
    """Cut to half, with fewer tokens, and distilled: it is saved, opens, and answers the same from its bundle."""
    task, original = made.task, load_model(made.model)
    path, training, unseen = trainings(made, tmp_path)
    options = PruneOptions(keep=0.5, vocabulary=True, distill=1)
    pruned = prune_model(original, training, options)
    record, shape = pruned.checkpoint.pruning, pruned.checkpoint.architecture
    assert record is not None
    assert record.macs_share <= 0.5
    assert shape.vocabulary < original.checkpoint.architecture.vocabulary
    (tmp_path / "pruned").mkdir()
    save_model(pruned, tmp_path / "pruned")
    opened = load_model(tmp_path / "pruned")
    assert (opened.checkpoint.task, opened.checkpoint.meaning) == (task, original.checkpoint.meaning)
    assert opened.checkpoint.pruning == record
    assert apart(task, opened, pruned, unseen) == pytest.approx(0, abs=1e-6)

    recipe = Recipe(
        name="half",
        description="half, and fewer tokens",
        targets=(Target(format="onnx", precision="float32"), Target(format="onnx", precision="int8")),
        lengths=(16, 64),
        prune=options,
    )
    bundle = export_bundle(made.model, tmp_path / "bundle", recipe=recipe, training=path, evaluation=made.data)
    assert all(check.ok for check in verify(bundle.root))
    assert bundle.manifest.pruning == record
    given = [item.texts if task == "question-answering" else item.texts[0] for item in unseen.examples[:5]]
    expected = predict(tmp_path / "pruned", given)
    for one, other in zip(predict(bundle.root, given, file="float32.onnx"), expected, strict=True):
        assert _plain(one).keys() == _plain(other).keys()
        for name, value in _plain(other).items():
            assert _plain(one)[name] == pytest.approx(value, abs=1e-4), name
    assert len(predict(bundle.root, given, file="int8.onnx")) == len(given)


def _plain(value: Any) -> dict[str, Any]:
    """Return a prediction as flat names and values, which ``approx`` compares."""
    plain = dataclasses.asdict(value)
    for number, entity in enumerate(plain.pop("entities", ())):
        plain |= {f"entity {number} {name}": item for name, item in entity.items()}
    return plain
