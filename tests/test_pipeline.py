"""A checkpoint in, a bundle out: complete, reproducible, scored example by example, or nothing at all."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import transformers

from edgebert.bundle import SCHEMA, open_bundle, sha256_of
from edgebert.checkpoint import load_model
from edgebert.data import read_dataset
from edgebert.errors import CheckpointError, DataError, OutputError, RecipeError, UsageError
from edgebert.pipeline import export_bundle
from edgebert.recipe import Recipe, Target
from edgebert.text import TextEncoder
from tests.support import fakes
from tests.support.bundle_files import CARD, ONNX, TEXT_FILES, TFLITE, files_in, hashes


def torch_labels(texts: list[str]) -> list[int]:
    """Return the label that the shared checkpoint in torch gives each text, cut where the shared bundle cuts it."""
    model = load_model(fakes.shared_checkpoint())
    encoder = TextEncoder(model.tokenizer, fakes.LENGTHS[-1])
    return fakes.torch_logits(model.module, [encoder.encode(text) for text in texts]).argmax(axis=1).tolist()


def some_texts(count: int) -> list[str]:
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(fakes.WORDS[:11], rng.integers(1, 20))) for _ in range(count)]


def test_a_bundle_holds_exactly_what_its_format_says():
    """Model files, baselines, tokenizer, configuration, golden texts, manifest and card; nothing else."""
    assert files_in(fakes.shared_bundle()) == TEXT_FILES | CARD | ONNX | TFLITE


def test_the_manifest_describes_the_checkpoint_and_the_files():
    """Labels, shape and text spec are the checkpoint's; sizes and hashes are those of the files, which open checks."""
    manifest = open_bundle(fakes.shared_bundle()).manifest
    checkpoint = load_model(fakes.shared_checkpoint()).checkpoint
    assert (manifest.schema, manifest.task, manifest.labels) == (SCHEMA, checkpoint.task, fakes.LABELS)
    assert manifest.architecture == checkpoint.architecture
    assert (manifest.text.max_length, manifest.text.lengths, manifest.text.lower_case) == (16, fakes.LENGTHS, True)
    special = (manifest.text.pad_id, manifest.text.unk_id, manifest.text.cls_id, manifest.text.sep_id)
    assert [fakes.VOCABULARY[index] for index in special] == ["[PAD]", "[UNK]", "[CLS]", "[SEP]"]
    assert manifest.recipe.name == "int8"
    assert manifest.recipe.lengths == fakes.LENGTHS
    assert {item.file for item in manifest.artifacts} == ONNX | TFLITE
    assert {item.file for item in manifest.files} >= TEXT_FILES
    assert manifest.provenance.checkpoint == "tiny"
    assert manifest.provenance.checkpoint_sha256 == checkpoint.sha256
    assert {"torch", "transformers", "onnx", "litert-torch"} <= {item.name for item in manifest.provenance.packages}
    assert manifest.evaluation is None
    assert all(item.score is None for item in manifest.artifacts)


def test_the_export_returns_what_opening_the_folder_gives(tmp_path):
    """The value at hand and the folder on disk are the same bundle."""
    made = export_bundle(fakes.shared_checkpoint(), tmp_path / "bundle", formats=("onnx",), lengths=(8,))
    assert made == open_bundle(tmp_path / "bundle")


def test_every_file_was_verified_in_the_runtime_that_made_it_pass():
    """The manifest names runtime, version and processor of every parity check."""
    for item in open_bundle(fakes.shared_bundle()).manifest.artifacts:
        (verified,) = item.verified
        assert verified.runtime == ("onnxruntime" if item.format == "onnx" else "litert")
        assert verified.version[0].isdigit()
        assert verified.max_difference <= item.tolerance
        assert (item.tolerance == 1e-4) == (item.role == "baseline")


def test_transformers_opens_the_folder():
    """Configuration and tokenizer load as those of a DistilBERT and give the golden ids."""
    root = fakes.shared_bundle()
    config = transformers.AutoConfig.from_pretrained(root)
    assert (config.model_type, config.id2label) == ("distilbert", dict(enumerate(fakes.LABELS)))
    tokenizer = transformers.AutoTokenizer.from_pretrained(root)
    for case in open_bundle(root).golden().cases:
        ids = tokenizer(case.texts[0], truncation=True, max_length=fakes.LENGTHS[-1])["input_ids"]
        assert tuple(ids) == case.windows[0].input_ids
    assert (root / "vocab.txt").read_text(encoding="utf-8").splitlines() == list(fakes.VOCABULARY)


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Return the bundle of each format alone, of the same model as the shared bundle, made with another hash seed."""
    folder = tmp_path_factory.mktemp("alone")
    code = (
        "import sys\n"
        "from edgebert import export_bundle\n"
        "for name in ('onnx', 'tflite'):\n"
        f"    export_bundle(sys.argv[1], f'{{sys.argv[2]}}/{{name}}', formats=(name,), lengths={fakes.LENGTHS})\n"
    )
    subprocess.run(
        [sys.executable, "-c", code, str(fakes.shared_checkpoint()), str(folder)],
        env=os.environ | {"PYTHONHASHSEED": "12345"},
        check=True,
        capture_output=True,
    )
    return {name: folder / name for name in ("onnx", "tflite")}


def test_two_processes_give_the_same_bytes(alone, tmp_path):
    """The same checkpoint, recipe and versions give every file alike, whatever the process's hash seed."""
    again = export_bundle(fakes.shared_checkpoint(), tmp_path / "b", formats=("onnx",), lengths=fakes.LENGTHS)
    assert hashes(alone["onnx"]) == hashes(again.root)


def test_scores_are_counted_example_by_example(tmp_path):
    """With the checkpoint's own answers as labels, three turned, float scores n - 3 of n, and int8 is paired."""
    texts = some_texts(60)
    own = torch_labels(texts)
    labels = [1 - label if index < 3 else label for index, label in enumerate(own)]
    data = fakes.write_data(tmp_path / "dev.tsv", zip(texts, labels, strict=True))
    bundle = export_bundle(
        fakes.shared_checkpoint(), tmp_path / "bundle", evaluation=data, formats=("onnx",), lengths=fakes.LENGTHS
    )
    evaluation = bundle.manifest.evaluation
    assert evaluation is not None
    assert (evaluation.name, evaluation.examples, evaluation.sha256) == ("dev.tsv", 60, sha256_of(data))
    assert evaluation.truncated == sum(len(text.split()) > fakes.LENGTHS[-1] - 2 for text in texts) > 0
    float_score, int8_score = (bundle.artifact(name).score for name in ("baseline/float32.onnx", "int8.onnx"))
    assert float_score.value == pytest.approx(57 / 60)
    assert (float_score.baseline, float_score.difference, float_score.flips) == (None, None, None)
    encoder = TextEncoder(load_model(fakes.shared_checkpoint()).tokenizer, fakes.LENGTHS[-1])
    int8 = fakes.onnx_rows(bundle.path("int8.onnx"), [encoder.encode(text) for text in texts]).argmax(axis=1)
    assert int8_score.value == pytest.approx(np.mean(int8 == labels))
    assert int8_score.flips == int(np.sum(int8 != own))
    assert int8_score.agreement == pytest.approx(1 - int8_score.flips / 60)
    assert int8_score.difference == pytest.approx(int8_score.value - float_score.value)
    assert int8_score.baseline == "baseline/float32.onnx"
    assert files_in(bundle.root) == TEXT_FILES | CARD | ONNX | {"size-accuracy.svg"}


@pytest.mark.parametrize(("name", "files"), [("onnx", ONNX), ("tflite", TFLITE)])
def test_one_format_can_be_made_alone(alone, name, files):
    """Only its files and its baseline are written, with the bytes and descriptions that a bundle of both has."""
    bundle, both = open_bundle(alone[name]), open_bundle(fakes.shared_bundle())
    assert files_in(bundle.root) == TEXT_FILES | CARD | files
    for file in (*files, *TEXT_FILES):
        assert sha256_of(bundle.path(file)) == sha256_of(both.path(file))
    assert [bundle.artifact(file) for file in files] == [both.artifact(file) for file in files]


def test_the_legacy_recipe_makes_a_file_of_its_own_name(tmp_path):
    """int8-legacy.tflite is made beside int8.onnx, with a tolerance of its own precision."""
    bundle = export_bundle(fakes.shared_checkpoint(), tmp_path / "bundle", recipe="int8-legacy", lengths=(8,))
    assert [item.file for item in bundle.shipped] == ["int8.onnx", "int8-legacy.tflite"]
    legacy = bundle.artifact("int8-legacy.tflite")
    assert legacy.precision == "int8-legacy"
    assert legacy.tolerance != bundle.artifact("int8.onnx").tolerance


def test_a_recipe_can_ship_float_files(tmp_path):
    """A float32 target is the baseline's bytes under a shipped name."""
    recipe = Recipe(
        name="float",
        description="float32 as it is",
        targets=(Target(format="onnx", precision="float32"),),
        lengths=(8,),
    )
    bundle = export_bundle(fakes.shared_checkpoint(), tmp_path / "bundle", recipe=recipe)
    (shipped,) = bundle.shipped
    assert shipped.file == "float32.onnx"
    assert shipped.sha256 == bundle.artifact("baseline/float32.onnx").sha256


def test_a_loaded_model_is_taken_as_it_is_and_left_as_it_was(tmp_path):
    """The module keeps its weights and its tokenizer cuts nothing afterwards."""
    model = load_model(fakes.shared_checkpoint())
    texts = fakes.random_texts(1, count=3, longest=30)
    before = fakes.torch_logits(model.module, texts)
    bundle = export_bundle(model, tmp_path / "bundle", formats=("onnx",), lengths=(8,))
    assert bundle.manifest.provenance.checkpoint_sha256 == model.checkpoint.sha256
    np.testing.assert_array_equal(fakes.torch_logits(model.module, texts), before)
    assert len(model.tokenizer.encode("good " * 100).ids) == 102


def test_a_checkpoint_in_half_precision_is_exported_as_the_float_model_of_its_values(tmp_path):
    """fp16 weights pass parity as every other checkpoint does."""
    import torch

    folder = fakes.tiny_checkpoint(tmp_path / "half", dtype=torch.float16, labels=("a", "b", "c"))
    bundle = export_bundle(folder, tmp_path / "bundle", formats=("onnx",), lengths=(8,))
    assert bundle.artifact("baseline/float32.onnx").verified[0].max_difference < 1e-4
    assert bundle.manifest.labels == ("a", "b", "c")


def test_a_padded_embedding_table_is_exported(tmp_path):
    """A table with more rows than tokens passes, and vocab.txt lists the tokens only."""
    rows = -(-len(fakes.VOCABULARY) // 64) * 64
    folder = fakes.tiny_checkpoint(tmp_path / "padded", rows=rows)
    bundle = export_bundle(folder, tmp_path / "bundle", formats=("onnx",), lengths=(8,))
    assert bundle.manifest.architecture.vocabulary == rows
    assert len(bundle.path("vocab.txt").read_text(encoding="utf-8").splitlines()) == len(fakes.VOCABULARY)


@pytest.mark.parametrize(
    ("tokens", "named"), [(["<url>"], "1 added token: '<url>'"), (["<a>", "<b>", "<c>", "<d>"], "'<c>', ...")]
)
def test_added_tokens_are_exported_only_when_asked_for(tmp_path, tokens, named):
    """An app that has only vocab.txt would split them: the refusal names them and the option, and leaves nothing."""
    folder = fakes.tiny_checkpoint(tmp_path / "model", rows=len(fakes.VOCABULARY) + len(tokens))
    fakes.add_tokens(folder, tokens)
    with pytest.raises(CheckpointError) as caught:
        export_bundle(folder, tmp_path / "bundle", formats=("onnx",), lengths=(8,))
    assert named in caught.value.message
    assert "--allow-added-tokens" in caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("lengths", [(65,), (16, 128), (8, 512)])
def test_a_length_beyond_the_positions_is_refused(tmp_path, lengths):
    """A signature longer than the model's positions could only fail later."""
    with pytest.raises(RecipeError, match=rf"{lengths[-1]} .* 64 positions"):
        export_bundle(fakes.shared_checkpoint(), tmp_path / "bundle", lengths=lengths)
    assert not list(tmp_path.iterdir())


def test_labels_the_model_does_not_know_are_refused_and_nothing_is_left(tmp_path):
    """The evaluation data is read before anything is converted."""
    data = fakes.write_data(tmp_path / "dev.csv", [("good", "positive"), ("bad", "furious")])
    with pytest.raises(DataError, match="furious"):
        export_bundle(fakes.shared_checkpoint(), tmp_path / "bundle", evaluation=data)
    assert {path.name for path in tmp_path.iterdir()} == {"dev.csv"}


def test_a_data_set_with_labels_in_another_order_is_refused(tmp_path):
    """Ids that mean something else would silently turn every score around; nothing is converted before."""
    path = fakes.write_data(tmp_path / "dev.csv", [("good", "positive"), ("bad", "negative")])
    data = read_dataset(path, labels=("positive", "negative"))
    steps = []
    with pytest.raises(DataError, match="positive, negative"):
        export_bundle(
            fakes.shared_checkpoint(),
            tmp_path / "bundle",
            evaluation=data,
            progress=lambda *step: steps.append(step[0]),
        )
    assert steps == ["loading the checkpoint"]
    assert not (tmp_path / "bundle").exists()


def test_an_existing_bundle_is_replaced_only_by_force(tmp_path):
    """Without force the old bundle stays as it is; with it the new one stands in its place."""
    out = tmp_path / "bundle"
    export_bundle(fakes.shared_checkpoint(), out, formats=("onnx",), lengths=(8,))
    with pytest.raises(OutputError, match="exists"):
        export_bundle(fakes.shared_checkpoint(), out, formats=("onnx",), lengths=(16,))
    assert open_bundle(out).manifest.text.lengths == (8,)
    export_bundle(fakes.shared_checkpoint(), out, formats=("onnx",), lengths=(16,), force=True)
    assert open_bundle(out).manifest.text.lengths == (16,)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_failed_replacement_keeps_the_old_bundle(tmp_path):
    """Force deletes nothing before the new bundle is complete."""
    out = tmp_path / "bundle"
    export_bundle(fakes.shared_checkpoint(), out, formats=("onnx",), lengths=(8,))
    with pytest.raises(RecipeError):
        export_bundle(fakes.shared_checkpoint(), out, lengths=(400,), force=True)
    assert open_bundle(out).manifest.text.lengths == (8,)


def test_force_never_replaces_the_checkpoint_itself(tmp_path):
    """A folder that is no bundle is not deleted, whatever was asked."""
    folder = fakes.copy_of(fakes.shared_checkpoint(), tmp_path / "model")
    with pytest.raises(UsageError):
        export_bundle(folder, folder, force=True)
    assert load_model(folder).checkpoint.labels == fakes.LABELS


@pytest.mark.parametrize("evaluated", [False, True])
def test_progress_runs_from_the_first_step_to_the_end(tmp_path, evaluated):
    """Steps are counted from 0 up to a total that does not change, and each says what is being done."""
    seen = []
    export_bundle(
        fakes.shared_checkpoint(),
        tmp_path / "out",
        formats=("onnx",),
        lengths=(8,),
        evaluation=fakes.write_data(tmp_path / "dev.csv", [("good", 1), ("bad", 0)]) if evaluated else None,
        progress=lambda *step: None if step[0].startswith("evaluating") else seen.append(step),
    )
    assert [done for _, done, _ in seen] == list(range(len(seen)))
    assert {total for *_, total in seen} == {len(seen) - 1}
    assert "writing int8.onnx" in [stage for stage, *_ in seen]
