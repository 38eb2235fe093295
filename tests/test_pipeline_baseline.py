"""A bundle of two models: what ships is of one, the baselines that it is compared with are of the other."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from edgebert.bundle import open_bundle
from edgebert.card import share_of_float
from edgebert.checkpoint import load_model
from edgebert.errors import UsageError
from edgebert.pipeline import export_bundle
from edgebert.recipe import Recipe, Target
from edgebert.text import TextEncoder
from edgebert.verification import verify
from tests.support import cut_models, fakes
from tests.support.bundle_files import BASELINE_TEXTS, CARD, ONNX, TEXT_FILES, TFLITE, files_in, hashes
from tests.support.tiny_files import logits_of


@pytest.fixture
def two_models() -> Path:
    """Return a bundle in both formats of a hand-cut model with other tokens, compared with its original."""
    return cut_models.shared_scored_bundle()


def test_a_bundle_of_two_models_says_what_is_of_which(two_models):
    """Shape, texts and pruning are those of what ships; the original has its own; nothing else lies in the folder."""
    folders = cut_models.shared_folders()
    original, cut = (load_model(folder).checkpoint for folder in folders)
    manifest = open_bundle(two_models).manifest
    pictures = {"pruning.svg", "size-accuracy.svg"}
    assert files_in(two_models) == TEXT_FILES | CARD | ONNX | TFLITE | BASELINE_TEXTS | pictures
    assert {item.file for item in manifest.files} == TEXT_FILES | BASELINE_TEXTS
    assert manifest.architecture == cut.architecture
    assert manifest.pruning == cut.pruning is not None
    assert (manifest.provenance.checkpoint, manifest.provenance.checkpoint_sha256) == ("cut", cut.sha256)
    assert (manifest.original.checkpoint, manifest.original.checkpoint_sha256) == ("original", original.sha256)
    assert manifest.original.architecture == original.architecture
    tokens = [(root / "vocab.txt").read_text(encoding="utf-8").splitlines() for root in (two_models, folders[1])]
    assert tokens[0] == tokens[1]
    assert (two_models / "baseline/vocab.txt").read_text(encoding="utf-8").splitlines() == list(fakes.VOCABULARY)
    assert all(check.ok for check in verify(two_models))


def test_each_file_of_two_models_computes_its_own(two_models):
    """Float baselines answer as the original, int8 files nearer to the cut model than to the original."""
    original, cut = (load_model(folder) for folder in cut_models.shared_folders())
    bundle = open_bundle(two_models)
    for role, model in (("baseline", original), ("shipped", cut)):
        encoder = TextEncoder(model.tokenizer, fakes.LENGTHS[-1])
        for case in bundle.golden(role).cases:
            assert encoder.encode(case.texts[0]) == case.windows[0].input_ids
        ids = [window.input_ids for window in bundle.golden(role).windows]
        logits = [logits_of(case) for case in bundle.golden(role).cases]
        np.testing.assert_allclose(fakes.torch_logits(model.module, ids), logits, atol=1e-6)
    for item in bundle.manifest.artifacts:
        assert item.verified[0].max_difference <= item.tolerance
        assert (item.tolerance == 1e-4) == (item.role == "baseline")
    # The float TFLite file that the int8 one was quantized from is that of the cut model, and it does not stay.
    ids = [window.input_ids for window in bundle.golden().windows]
    found = fakes.tflite_logits(two_models / "int8.tflite", ids, fakes.LENGTHS[-1])
    own = fakes.torch_logits(cut.module, ids)
    assert fakes.rms(found - own) < 0.2 * fakes.rms(own)


def test_sizes_of_two_models_are_compared_with_the_original(two_models):
    """The int8 file is a smaller share of the original's float file than int8 alone would be of its own."""
    manifest = open_bundle(two_models).manifest
    sizes = {item.file: item.size_bytes for item in manifest.artifacts}
    for item in manifest.artifacts:
        expected = sizes[item.file] / sizes[f"baseline/float32.{item.format}"]
        assert share_of_float(manifest, item) == pytest.approx(expected)
    assert sizes["int8.onnx"] < sizes["baseline/float32.onnx"] / 3


def test_two_models_can_ship_float_files(tmp_path):
    """A float32 target is of the model that ships, and not the baseline's bytes."""
    original, cut = cut_models.shared_folders()
    recipe = Recipe(
        name="float",
        description="float32 as it is",
        targets=(Target(format="onnx", precision="float32"),),
        lengths=(8,),
    )
    bundle = export_bundle(cut, tmp_path / "bundle", baseline=original, recipe=recipe)
    alone = export_bundle(cut, tmp_path / "alone", recipe=recipe)
    for item in bundle.shipped:
        assert item.sha256 == alone.artifact(item.file).sha256 == alone.artifact(f"baseline/{item.file}").sha256
        assert item.sha256 != bundle.artifact(f"baseline/{item.file}").sha256
    assert alone.manifest.original is None


def test_equal_inputs_give_equal_bundles_of_two_models(tmp_path):
    """Folders or loaded models, made twice: every file has the same bytes."""
    original, cut = cut_models.shared_folders()
    first = cut_models.shared_cut_bundle()
    again = export_bundle(
        load_model(cut), tmp_path / "b", baseline=load_model(original), formats=("onnx",), lengths=fakes.LENGTHS
    ).root
    assert hashes(again) == hashes(first)


def test_a_baseline_that_is_the_model_itself_is_no_other_model(tmp_path):
    """Naming the model as its own baseline gives the bundle that naming none gives, to the byte."""
    folder = fakes.shared_checkpoint()
    named = export_bundle(folder, tmp_path / "named", baseline=folder, formats=("onnx",), lengths=(8,))
    plain = export_bundle(folder, tmp_path / "plain", formats=("onnx",), lengths=(8,))
    assert named.manifest == plain.manifest
    assert named.manifest.original is None


def test_a_pruned_model_without_baseline_is_its_own(tmp_path):
    """Its float file is what it is compared with; the record of the cut is in the manifest all the same."""
    _, cut = cut_models.shared_folders()
    bundle = export_bundle(cut, tmp_path / "bundle", formats=("onnx",), lengths=(8,))
    assert bundle.manifest.original is None
    assert bundle.manifest.pruning == load_model(cut).checkpoint.pruning
    assert files_in(bundle.root) == TEXT_FILES | CARD | ONNX | {"pruning.svg"}
    assert "those of the pruned model, not of the original" in (bundle.root / "README.md").read_text(encoding="utf-8")


def test_a_baseline_with_other_labels_is_refused(tmp_path):
    """Scores of models that name their labels differently cannot be paired; both are named."""
    other = fakes.tiny_checkpoint(tmp_path / "other", labels=("positive", "negative"))
    with pytest.raises(UsageError, match=r"baseline other has the labels positive, negative, the model tiny has"):
        export_bundle(fakes.shared_checkpoint(), tmp_path / "bundle", baseline=other)
    assert not (tmp_path / "bundle").exists()


def test_a_baseline_that_is_too_short_is_refused(tmp_path):
    """The longest length has to fit both models; the one that it does not fit is named."""
    other = fakes.tiny_checkpoint(tmp_path / "other", positions=24)
    with pytest.raises(UsageError, match="length 32 is more than the 24 positions of the model other"):
        export_bundle(fakes.shared_checkpoint(), tmp_path / "bundle", baseline=other, lengths=(16, 32))
    assert not (tmp_path / "bundle").exists()
