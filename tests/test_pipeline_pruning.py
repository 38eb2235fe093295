"""A recipe that prunes: the pruned model ships beside baselines of the one given, or nothing at all is left."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest

from edgebert.bundle import sha256_of
from edgebert.checkpoint import load_model
from edgebert.data import read_training
from edgebert.errors import DataError, UsageError
from edgebert.pipeline import export_bundle
from edgebert.recipe import PruneOptions, Recipe, Target
from edgebert.verification import verify
from tests.support import fakes
from tests.support.bundle_files import BASELINE_TEXTS, CARD, ONNX, TEXT_FILES, files_in, hashes

PRUNING = Recipe(
    name="half",
    description="half, and fewer tokens",
    targets=(Target(format="onnx", precision="int8"),),
    lengths=fakes.LENGTHS,
    prune=PruneOptions(keep=0.5, vocabulary=True),
)


@pytest.fixture(scope="module")
def training(tmp_path_factory) -> Path:
    """Return labelled training texts that leave some words out."""
    rng = np.random.default_rng(5)
    words = [word for word in fakes.WORDS[:11] if word not in ("battery", "screen")]
    texts = [" ".join(rng.choice(words, rng.integers(2, 12))) for _ in range(80)]
    path = tmp_path_factory.mktemp("training") / "train.tsv"
    return fakes.write_data(path, [(text, index % 2) for index, text in enumerate(texts)])


def test_a_recipe_that_prunes_ships_the_pruned_model_and_compares_it_with_the_one_given(tmp_path, training):
    """What ships has fewer heads, neurons and tokens; the baselines are of the model as it was; all are checked."""
    data = fakes.write_data(tmp_path / "dev.tsv", [(text, index % 2) for index, text in enumerate(fakes.TEXTS)])
    before = load_model(fakes.shared_checkpoint())
    out = tmp_path / "bundle"
    bundle = export_bundle(before, out, recipe=PRUNING, training=training, evaluation=data)
    manifest, shape = bundle.manifest, before.checkpoint.architecture
    assert manifest.recipe == PRUNING
    assert manifest.original.architecture == shape
    assert sum(manifest.architecture.heads) < sum(shape.heads)
    assert sum(manifest.architecture.neurons) < sum(shape.neurons)
    assert manifest.architecture.vocabulary < shape.vocabulary
    assert manifest.original.checkpoint_sha256 == manifest.provenance.checkpoint_sha256 == before.checkpoint.sha256
    assert manifest.pruning.original_sha256 == before.checkpoint.sha256
    assert manifest.pruning.train.sha256 == sha256_of(training)
    assert manifest.pruning.macs_share <= 0.5 + 1e-9
    assert bundle.artifact("int8.onnx").score.baseline == "baseline/float32.onnx"
    assert all(check.ok for check in verify(out))
    baseline = export_bundle(fakes.shared_checkpoint(), tmp_path / "plain", formats=("onnx",), lengths=fakes.LENGTHS)
    name = "baseline/float32.onnx"
    assert bundle.artifact(name).sha256 == baseline.artifact(name).sha256
    assert {path.name for path in tmp_path.iterdir()} == {"dev.tsv", "bundle", "plain"}
    assert before.checkpoint == load_model(fakes.shared_checkpoint()).checkpoint


def test_pruning_in_the_export_is_repeatable(tmp_path, training):
    """A path or the texts themselves, twice: the same bytes."""
    texts = read_training(training, labels=fakes.LABELS)
    first = export_bundle(fakes.shared_checkpoint(), tmp_path / "a", recipe=PRUNING, training=training).root
    second = export_bundle(fakes.shared_checkpoint(), tmp_path / "b", recipe=PRUNING, training=texts).root
    assert hashes(first) == hashes(second)
    assert files_in(first) == TEXT_FILES | CARD | ONNX | BASELINE_TEXTS | {"pruning.svg"}


def test_a_recipe_that_distills_leaves_only_the_bundle(tmp_path, training):
    """The state of the distillation, kept beside the bundle while it goes on, is gone when it is done."""
    options = PruneOptions(keep=0.6, distill=0.5)
    recipe = dataclasses.replace(PRUNING, prune=options)
    bundle = export_bundle(fakes.shared_checkpoint(), tmp_path / "bundle", recipe=recipe, training=training)
    assert bundle.manifest.pruning.distillation.epochs == 0.5
    assert bundle.manifest.pruning.vocabulary is None
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_recipe_that_prunes_needs_texts(tmp_path):
    """Without training texts it is refused before anything is read, and the hint names the option."""
    with pytest.raises(UsageError, match="'keep50-int8' prunes") as caught:
        export_bundle(tmp_path / "no such model", tmp_path / "bundle", recipe="keep50-int8")
    assert "--train FILE" in caught.value.hint
    assert not list(tmp_path.iterdir())


def test_texts_that_no_pruning_would_use_are_refused(tmp_path, training):
    """A recipe that does not prune would ignore training texts silently."""
    with pytest.raises(UsageError, match="'int8' does not prune"):
        export_bundle(fakes.shared_checkpoint(), tmp_path / "bundle", training=training)
    assert not list(tmp_path.iterdir())


def test_training_texts_of_another_task_are_refused_and_nothing_is_left(tmp_path):
    """A label that the model does not know is named with its file."""
    path = fakes.write_data(tmp_path / "train.csv", [("good", "positive"), ("bad", "furious")])
    with pytest.raises(DataError, match="furious"):
        export_bundle(fakes.shared_checkpoint(), tmp_path / "bundle", recipe=PRUNING, training=path)
    assert {item.name for item in tmp_path.iterdir()} == {"train.csv"}
