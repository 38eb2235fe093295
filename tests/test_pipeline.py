"""A checkpoint in, a bundle out: complete, reproducible, scored example by example, or nothing at all."""

from __future__ import annotations

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import transformers

from edgebert.bundle import open_bundle, sha256_of
from edgebert.checkpoint import load_model
from edgebert.data import read_dataset, read_training
from edgebert.errors import DataError, OutputError, RecipeError, UsageError
from edgebert.pipeline import export_bundle
from edgebert.shape import PruneOptions
from edgebert.text import TextEncoder
from edgebert.types import Recipe, Target
from edgebert.verification import verify
from tests import cut_models, fakes

TEXT_FILES = {"config.json", "golden.json", "tokenizer.json", "tokenizer_config.json", "vocab.txt"}
CARD = {"edgebert.json", "README.md"}
ONNX = {"int8.onnx", "baseline/float32.onnx"}
TFLITE = {"int8.tflite", "baseline/float32.tflite"}
BASELINE_TEXTS = {"baseline/golden.json", "baseline/tokenizer.json", "baseline/vocab.txt"}


def files_in(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


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
    assert (manifest.schema, manifest.task, manifest.labels) == (2, checkpoint.task, fakes.LABELS)
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
        ids = tokenizer(case.text, truncation=True, max_length=fakes.LENGTHS[-1])["input_ids"]
        assert tuple(ids) == case.input_ids
    assert (root / "vocab.txt").read_text(encoding="utf-8").splitlines() == list(fakes.VOCABULARY)


def test_two_processes_give_the_same_bytes(tmp_path):
    """The same checkpoint, recipe and versions give every file alike, whatever the process's hash seed."""
    code = (
        "import sys\n"
        "from edgebert import export_bundle\n"
        f"export_bundle(sys.argv[1], sys.argv[2], lengths={fakes.LENGTHS})\n"
    )
    out = tmp_path / "again"
    subprocess.run(
        [sys.executable, "-c", code, str(fakes.shared_checkpoint()), str(out)],
        env=os.environ | {"PYTHONHASHSEED": "12345"},
        check=True,
        capture_output=True,
    )
    assert files_in(out) == files_in(fakes.shared_bundle())
    different = [name for name in files_in(out) if sha256_of(out / name) != sha256_of(fakes.shared_bundle() / name)]
    assert not different


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


@pytest.mark.parametrize(("formats", "files"), [(("onnx",), ONNX), (("tflite",), TFLITE)])
def test_one_format_can_be_made_alone(tmp_path, formats, files):
    """Only its files and its baseline are written, and they are the bytes of a bundle with both."""
    bundle = export_bundle(fakes.shared_checkpoint(), tmp_path / "b", formats=formats, lengths=fakes.LENGTHS)
    assert files_in(bundle.root) == TEXT_FILES | CARD | files
    for name in files:
        assert sha256_of(bundle.path(name)) == sha256_of(fakes.shared_bundle() / name)


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


def test_progress_runs_from_the_first_step_to_the_last(tmp_path):
    """Steps are counted up to a total that does not change, and each says what is being done."""
    seen = []
    export_bundle(
        fakes.shared_checkpoint(),
        tmp_path / "bundle",
        formats=("onnx",),
        lengths=(8,),
        progress=lambda stage, done, total: seen.append((stage, done, total)),
    )
    assert [done for _, done, _ in seen] == list(range(len(seen)))
    assert {total for *_, total in seen} == {len(seen)}
    assert "writing int8.onnx" in [stage for stage, *_ in seen]


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
    """Ids that mean something else would silently turn every score around."""
    path = fakes.write_data(tmp_path / "dev.csv", [("good", "positive"), ("bad", "negative")])
    data = read_dataset(path, labels=("positive", "negative"))
    with pytest.raises(DataError, match="positive, negative"):
        export_bundle(fakes.shared_checkpoint(), tmp_path / "bundle", evaluation=data, lengths=(8,))
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


@pytest.fixture(scope="module")
def two_models(tmp_path_factory) -> Path:
    """Return a bundle in both formats of a hand-cut model with other tokens, compared with its original."""
    original, cut = cut_models.shared_folders()
    out = tmp_path_factory.mktemp("two") / "bundle"
    return export_bundle(cut, out, baseline=original, lengths=fakes.LENGTHS).root


def test_a_bundle_of_two_models_says_what_is_of_which(two_models):
    """Shape, texts and pruning are those of what ships; the original has its own; nothing else lies in the folder."""
    folders = cut_models.shared_folders()
    original, cut = (load_model(folder).checkpoint for folder in folders)
    manifest = open_bundle(two_models).manifest
    assert files_in(two_models) == TEXT_FILES | CARD | ONNX | TFLITE | BASELINE_TEXTS | {"pruning.svg"}
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
            assert encoder.encode(case.text) == case.input_ids
        ids = [case.input_ids for case in bundle.golden(role).cases]
        logits = [case.logits for case in bundle.golden(role).cases]
        np.testing.assert_allclose(fakes.torch_logits(model.module, ids), logits, atol=1e-6)
    for item in bundle.manifest.artifacts:
        assert item.verified[0].max_difference <= item.tolerance
        assert (item.tolerance == 1e-4) == (item.role == "baseline")
    # The float TFLite file that the int8 one was quantized from is that of the cut model, and it does not stay.
    ids = [case.input_ids for case in bundle.golden().cases]
    found = fakes.tflite_logits(two_models / "int8.tflite", ids, fakes.LENGTHS[-1])
    own = fakes.torch_logits(cut.module, ids)
    assert fakes.rms(found - own) < 0.2 * fakes.rms(own)


def test_sizes_of_two_models_are_compared_with_the_original(two_models):
    """The int8 file is a smaller share of the original's float file than int8 alone would be of its own."""
    from edgebert.card import share_of_float

    manifest = open_bundle(two_models).manifest
    sizes = {item.file: item.size_bytes for item in manifest.artifacts}
    for item in manifest.artifacts:
        expected = sizes[item.file] / sizes[f"baseline/float32.{item.format}"]
        assert share_of_float(manifest, item) == pytest.approx(expected)
    assert sizes["int8.onnx"] < sizes["baseline/float32.onnx"] / 3


def test_two_models_can_ship_float_files(tmp_path):
    """A float32 target is of the model that ships, in either format, and not the baseline's bytes."""
    original, cut = cut_models.shared_folders()
    recipe = Recipe(
        name="float",
        description="float32 as it is",
        targets=tuple(Target(format=name, precision="float32") for name in ("onnx", "tflite")),
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
    assert files_in(again) == files_in(first)
    assert [name for name in files_in(again) if sha256_of(again / name) != sha256_of(first / name)] == []


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
    assert "pruned model, not of the one it was cut from" in (bundle.root / "README.md").read_text(encoding="utf-8")


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
    labels = fakes.LABELS
    texts = read_training(training, labels=labels)
    first = export_bundle(fakes.shared_checkpoint(), tmp_path / "a", recipe=PRUNING, training=training).root
    second = export_bundle(fakes.shared_checkpoint(), tmp_path / "b", recipe=PRUNING, training=texts).root
    assert files_in(first) == files_in(second) == TEXT_FILES | CARD | ONNX | BASELINE_TEXTS | {"pruning.svg"}
    assert [name for name in files_in(first) if sha256_of(first / name) != sha256_of(second / name)] == []


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
    with pytest.raises(UsageError, match="'prune50-int8' prunes") as caught:
        export_bundle(tmp_path / "no such model", tmp_path / "bundle", recipe="prune50-int8")
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
