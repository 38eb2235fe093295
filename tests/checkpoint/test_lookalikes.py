"""A folder that is something else than a checkpoint is called what it is, with the way to a checkpoint."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch.nn.utils import parametrizations, prune

from edgebert.checkpoint import load_model
from edgebert.errors import CheckpointError
from edgebert.folder import locate, read_config
from edgebert.tensors import tensor_names, weight_files
from edgebert.training.importer import import_bert
from tests.checkpoint.folders import WEIGHTS, refusal
from tests.support import fakes

POINTER = f"version https://git-lfs.github.com/spec/v1\noid sha256:{'0' * 64}\nsize 267832558\n"


@pytest.mark.parametrize(
    "name", ["config.json", WEIGHTS, "tokenizer.json", "tokenizer_config.json", "vocab.txt", "pruning.json"]
)
def test_a_pointer_of_git_lfs_is_named(folder, name):
    """Whatever file a clone without Git LFS left as a pointer, the message names it and the hint fetches it."""
    (folder / name).write_text(POINTER, encoding="utf-8")
    error = refusal(folder)
    assert error.message == f"{folder / name}: a pointer of Git LFS, not the file itself"
    assert error.hint == "git lfs pull"
    with pytest.raises(CheckpointError, match="a pointer of Git LFS"):
        import_bert(folder, folder.with_name("out"))


@pytest.mark.parametrize("name", ["config.json", WEIGHTS, "tokenizer.json", "vocab.txt"])
def test_a_link_that_leads_nowhere_is_named(folder, name):
    """A cache that was cleared leaves links without files: both ends are named."""
    (folder / name).unlink(missing_ok=True)
    (folder / name).symlink_to("../blobs/gone")
    assert f"{folder / name}: a link to ../blobs/gone, where there is no file" in refusal(folder).message


@pytest.mark.parametrize("name", ["config.json", WEIGHTS, "tokenizer.json", "tokenizer_config.json", "vocab.txt"])
@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/dev/null")])
def test_what_is_no_regular_file_is_named(folder, name, make):
    """A pipe is not waited for; a folder or a device in the place of a file is named too."""
    (folder / name).unlink(missing_ok=True)
    make(folder / name)
    error = refusal(folder)
    assert error.message.startswith(str(folder))
    assert "no config.json" in error.message or error.message == f"{folder / name}: not a regular file"


def test_a_folder_of_links_is_the_model_they_lead_to(folder):
    """A snapshot in the Hub's cache, links to blobs, loads as ever."""
    linked = folder.with_name("linked")
    linked.mkdir()
    for file in folder.iterdir():
        (linked / file.name).symlink_to(file)
    assert load_model(linked).checkpoint.sha256 == load_model(folder).checkpoint.sha256


def test_an_adapter_is_no_model(folder):
    """What peft saves is named; the hint is the call that makes a whole model. Merged weights beside it are taken."""
    adapter = {"base_model_name_or_path": "x", "peft_type": "LORA"}
    (folder / "adapter_config.json").write_text(json.dumps(adapter), encoding="utf-8")
    load_model(folder)
    (folder / WEIGHTS).rename(folder / "adapter_model.safetensors")
    (folder / "config.json").unlink()
    error = refusal(folder)
    assert "an adapter (LoRA)" in error.message
    assert "merge_and_unload()" in error.hint


@pytest.mark.parametrize(
    ("name", "words", "hint"),
    [
        ("pytorch_model.bin", "pickled", "save_pretrained"),
        ("model.pt", "pickled", "save_pretrained"),
        ("tf_model.h5", "of TensorFlow", "from_tf=True"),
        ("flax_model.msgpack", "of Flax", "from_flax=True"),
        ("model.ckpt", "of a training loop", "save_pretrained"),
        ("model.onnx", "exported", "checkpoint"),
        ("model.fp16.safetensors", "but model.fp16.safetensors", "rename it"),
        ("pytorch_model.safetensors", "but pytorch_model.safetensors", "rename it"),
    ],
)
def test_weights_of_another_kind_are_named(folder, name, words, hint):
    """The file that is there, what it is, and how it becomes a checkpoint; other files of a training are not."""
    (folder / WEIGHTS).rename(folder / name)
    for other in ("optimizer.pt", "training_args.bin", "rng_state.pth", "scheduler.pt"):
        (folder / other).write_bytes(b"never read")
    error = refusal(folder)
    assert "there is no model.safetensors" in error.message
    assert name in error.message
    assert words in error.message
    assert hint in error.hint
    assert "optimizer" not in error.message


def test_renaming_a_variant_as_the_hint_says_makes_it_load(folder):
    """The hint for a half-precision variant leads to the model."""
    fakes.tiny_checkpoint(folder.with_name("half"), dtype=torch.float16)
    (folder / WEIGHTS).unlink()
    variant = (folder.with_name("half") / WEIGHTS).rename(folder / "model.fp16.safetensors")
    command, source, target = refusal(folder).hint.partition(": ")[2].split()
    assert (command, Path(source)) == ("mv", variant)
    variant.rename(target)
    load_model(folder)


@pytest.mark.parametrize("names", [["model_head.pkl"], ["config_setfit.json", "modules.json"]])
def test_a_folder_of_setfit_is_named(folder, names):
    """Its encoder could be read, but its classifier is a pickle: it is not taken for a model of vectors."""
    state = load_file(folder / WEIGHTS)
    save_file({name: found for name, found in state.items() if name.startswith("distilbert.")}, folder / WEIGHTS)
    fakes.edit_json(folder / "config.json", architectures=["DistilBertModel"])
    for name in names:
        (folder / name).write_text("{}", encoding="utf-8")
    error = refusal(folder)
    assert "a SetFit model" in error.message
    assert "edgebert finetune" in error.hint


@pytest.mark.parametrize("name", ["config_sentence_transformers.json", "sentence_bert_config.json"])
def test_an_encoder_taken_out_of_its_folder_is_named(folder, name):
    """What comes behind it is said elsewhere: it is not guessed at."""
    state = load_file(folder / WEIGHTS)
    save_file({name: found for name, found in state.items() if name.startswith("distilbert.")}, folder / WEIGHTS)
    fakes.edit_json(folder / "config.json", architectures=["DistilBertModel"])
    load_model(folder)
    (folder / name).write_text("{}", encoding="utf-8")
    assert f"there is {name}, but no modules.json" in refusal(folder).message


def test_a_folder_of_checkpoints_names_the_last(folder, tmp_path):
    """An output folder of a Trainer holds checkpoint-500 and checkpoint-1000: the hint is the path of the latter."""
    out = tmp_path / "out"
    for name in ("checkpoint-1000", "checkpoint-500"):
        fakes.copy_of(folder, out / name)
    error = refusal(out)
    assert "checkpoint-1000, checkpoint-500" in error.message
    load_model(error.hint.partition(": ")[2])


def test_a_bundle_is_no_checkpoint(tmp_path):
    """What export made holds no weights that can be exported again."""
    error = refusal(fakes.copy_of(fakes.shared_bundle(), tmp_path / "bundle"))
    assert "a bundle that edgebert export made" in error.message


def test_a_folder_of_something_else_says_what_is_there(tmp_path):
    """Neither an empty folder nor one of photos has a config.json; the names show that it is the wrong one."""
    assert "the folder is empty" in refusal(tmp_path).message
    for number in range(7):
        (tmp_path / f"{number}.jpg").touch()
    assert "only 0.jpg, 1.jpg, 2.jpg, 3.jpg, 4.jpg and 2 more" in refusal(tmp_path).message


def test_a_file_in_place_of_its_folder_is_told_the_folder(folder):
    """The hint is the folder that would load."""
    load_model(refusal(folder / WEIGHTS).hint.partition(": ")[2])


def test_masks_of_pruning_are_named(folder):
    """What torch.nn.utils.prune saves is refused with the call that makes it permanent, and then it loads."""
    model = load_model(folder).module.requires_grad_(requires_grad=True)
    layer = model.pre_classifier
    prune.l1_unstructured(layer, "weight", amount=0.5)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / WEIGHTS)
    error = refusal(folder)
    assert "pre_classifier.weight_" in error.message
    assert "torch.nn.utils.prune.remove(module, 'weight')" in error.hint
    prune.remove(layer, "weight")
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / WEIGHTS)
    assert (load_model(folder).module.pre_classifier.weight == 0).sum() == 32 * 32 // 2


def test_parametrizations_are_named(folder):
    """A weight that torch computes from others is refused with the call that stores it."""
    model = load_model(folder).module
    parametrizations.weight_norm(model.classifier)
    save_file({name: tensor.contiguous() for name, tensor in model.state_dict().items()}, folder / WEIGHTS)
    error = refusal(folder)
    assert "classifier.parametrizations.weight" in error.message
    assert "remove_parametrizations" in error.hint


def test_names_are_read_without_the_weights(folder):
    """The names of tensors come from the heads of the files, in the form that reading the weights gives them."""
    state = load_file(folder / WEIGHTS)
    save_file({"module." + name: tensor for name, tensor in state.items()}, folder / WEIGHTS)
    assert tensor_names(weight_files(folder)) == set(state)
    (folder / WEIGHTS).write_bytes(b"x")
    with pytest.raises(CheckpointError, match="truncated or damaged"):
        tensor_names(weight_files(folder))


@pytest.mark.parametrize(
    "name", ["models/mine", "models/mine.v2", "./mine", "../x", "~/x", "/x/y", ".hidden", "models/"]
)
def test_what_can_be_a_path_is_never_asked_of_the_hub(name, tmp_path, monkeypatch):
    """A name that begins like a path, or whose first part is a folder here: the download is not begun."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "models" / "mien").mkdir(parents=True)
    monkeypatch.setattr("edgebert.folder._download", lambda _: pytest.fail("asked of the Hub"))
    if name == "models/":
        with pytest.raises(CheckpointError, match="no checkpoint"):
            read_config(locate(name)[0])
        return
    with pytest.raises(CheckpointError, match="no such folder") as caught:
        locate(name)
    assert caught.value.hint.startswith("check the path")
    if name == "models/mine":
        assert "models/mien" in caught.value.hint


@pytest.mark.parametrize("name", ["someone/some-model", "distilbert-base-uncased"])
def test_what_is_fetched_is_told_before_it_is_fetched(name, caplog, monkeypatch):
    """The note names repository and place, and comes before the Hub is asked."""
    import huggingface_hub

    def fetch(repository: str, **_: object) -> str:
        assert f"'{repository}' is not a local folder: fetching" in caplog.text
        return str(fakes.shared_checkpoint())

    monkeypatch.setattr(huggingface_hub, "snapshot_download", fetch)
    with caplog.at_level("INFO", logger="edgebert"):
        assert locate(name) == (fakes.shared_checkpoint(), name)
    assert len(caplog.records) == 1
