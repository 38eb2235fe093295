"""A checkpoint loads exactly as transformers loads it, or is refused in one line that names the trouble."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from edgebert.checkpoint import load_model, read_labels
from edgebert.errors import CheckpointError, EdgebertError, EnvironmentProblem
from edgebert.folder import load_tokenizer, locate, vocabulary
from tests import fakes

WEIGHTS = "model.safetensors"
CLASSIFIER = "classifier.weight"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return fakes.copy_of(fakes.shared_checkpoint(), tmp_path / "model")


def edit_weights(folder: Path, **changes: torch.Tensor | None) -> None:
    """Replace tensors of the checkpoint; ``None`` removes one."""
    state = load_file(folder / WEIGHTS) | {name.replace("__", "."): value for name, value in changes.items()}
    save_file({name: value for name, value in state.items() if value is not None}, folder / WEIGHTS)


def refusal(folder: Path | str) -> CheckpointError:
    """Return the error that loading ends with; it is one line and tells where."""
    with pytest.raises(CheckpointError) as caught:
        load_model(folder)
    error = caught.value
    assert "\n" not in error.message
    assert str(folder) in error.message
    assert error.exit_code == 2
    return error


@pytest.mark.parametrize(
    "shape",
    [
        {},
        {
            "hidden": 12,
            "heads": 3,
            "neurons": 7,
            "layers": 1,
            "labels": ("a", "b", "c", "d", "e"),
            "activation": "relu",
        },
        {"hidden": 16, "heads": 1, "neurons": 100, "layers": 3, "positions": 17},
    ],
)
def test_the_module_is_exactly_what_transformers_loads(tmp_path, shape):
    """Every tensor equals from_pretrained's to the last bit, and the logits are those it computes."""
    folder = fakes.tiny_checkpoint(tmp_path / "model", **shape)
    model = load_model(folder)
    theirs = transformers.DistilBertForSequenceClassification.from_pretrained(folder).eval()
    texts = fakes.random_texts(3, count=20, longest=17)
    state = model.module.state_dict()
    assert set(state) == set(theirs.state_dict())
    assert all(torch.equal(state[name], tensor) for name, tensor in theirs.state_dict().items())
    # Where a tensor lies in memory decides the order in which some kernels add.
    np.testing.assert_allclose(
        fakes.torch_logits(model.module, texts), fakes.torch_logits(theirs, texts), rtol=0, atol=2e-6
    )
    assert model.checkpoint.labels == shape.get("labels", fakes.LABELS)
    assert not model.module.training
    assert not any(parameter.requires_grad for parameter in model.module.parameters())


def test_the_description_is_that_of_the_configuration(tmp_path):
    """Architecture, labels, name and task come from config.json, heads and neurons layer by layer."""
    folder = fakes.tiny_checkpoint(tmp_path / "my-model", hidden=12, heads=3, neurons=7, layers=2, positions=20)
    found = load_model(folder).checkpoint
    assert (found.name, found.path, found.task) == ("my-model", folder, "sequence-classification")
    shape = found.architecture
    assert (shape.hidden, shape.head_dim, shape.heads, shape.neurons) == (12, 4, (3, 3), (7, 7))
    assert (shape.vocabulary, shape.positions, shape.activation) == (len(fakes.VOCABULARY), 20, "gelu")


def test_loading_does_not_touch_the_random_state():
    """The random numbers of a program go on as if nothing had been loaded."""
    state = torch.random.get_rng_state()
    load_model(fakes.shared_checkpoint())
    assert torch.equal(torch.random.get_rng_state(), state)


def test_the_hash_follows_configuration_weights_and_tokenizer(folder):
    """Equal content has equal hashes wherever it lies; a change in any of the three changes it."""
    first = load_model(folder).checkpoint.sha256
    assert first == load_model(fakes.shared_checkpoint()).checkpoint.sha256
    state = load_file(folder / WEIGHTS)
    edit_weights(folder, **{CLASSIFIER.replace(".", "__"): state[CLASSIFIER] + 1})
    second = load_model(folder).checkpoint.sha256
    fakes.edit_json(folder / "config.json", seq_classif_dropout=0.5)
    third = load_model(folder).checkpoint.sha256
    fakes.write_tokenizer(folder, lower_case=False)
    assert len({first, second, third, load_model(folder).checkpoint.sha256}) == 4


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_weights_are_widened(tmp_path, dtype):
    """A checkpoint in fp16 or bf16 loads as the float32 model of the same values."""
    folder = fakes.tiny_checkpoint(tmp_path / "half", dtype=dtype)
    module = load_model(folder).module
    stored = load_file(folder / WEIGHTS)
    assert stored[CLASSIFIER].dtype == dtype
    for name, tensor in module.state_dict().items():
        assert tensor.dtype == torch.float32
        assert torch.equal(tensor, stored[name].float())


def test_sharded_weights_load(tmp_path):
    """Weights split over several files give the model that one file gives."""
    folder = fakes.copy_of(fakes.shared_checkpoint(), tmp_path / "sharded")
    module = transformers.DistilBertForSequenceClassification.from_pretrained(folder)
    (folder / WEIGHTS).unlink()
    module.save_pretrained(folder, max_shard_size="40KB")
    assert len(list(folder.glob("model-*-of-*.safetensors"))) > 1
    whole, sharded = load_model(fakes.shared_checkpoint()), load_model(folder)
    for name, tensor in whole.module.state_dict().items():
        assert torch.equal(sharded.module.state_dict()[name], tensor)


@pytest.mark.parametrize("name", ["../model.safetensors", "gone.safetensors", "/etc/passwd", "", 7, None, ["x"]])
def test_a_shard_that_is_not_in_the_folder_is_refused(folder, name):
    """An index can name files beside it and nothing else."""
    (folder / WEIGHTS).rename(folder.parent / "model.safetensors")
    index = folder / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {CLASSIFIER: name}}), encoding="utf-8")
    assert "model.safetensors.index.json" in refusal(folder).message


@pytest.mark.parametrize(
    "content", ["[]", '{"weight_map": []}', '{"weight_map": null}', "{}", "not json", '{"weight_map": {}}']
)
def test_an_index_of_another_form_is_refused(folder, content):
    """A damaged index is named."""
    (folder / WEIGHTS).unlink()
    (folder / "model.safetensors.index.json").write_text(content, encoding="utf-8")
    with pytest.raises(EdgebertError) as caught:
        load_model(folder)
    assert caught.value.exit_code == 2
    assert str(folder) in caught.value.message


def test_a_path_that_does_not_exist_is_no_checkpoint(tmp_path):
    """There is no such folder."""
    assert "no such folder" in refusal(tmp_path / "gone").message


def test_a_file_is_no_checkpoint(folder):
    """A file given in place of its folder is refused."""
    assert "a file, not a checkpoint folder" in refusal(folder / WEIGHTS).message


def test_an_empty_folder_is_no_checkpoint(tmp_path):
    """There is no config.json, and the hint says which folder to give."""
    error = refusal(tmp_path)
    assert "no config.json" in error.message
    assert "save_pretrained" in error.hint


@pytest.mark.parametrize("content", [b"{", b"", b"[1]", b"null", b'"text"', b"\xff\xfe", b'{"a": NaN}', b"[" * 100_000])
def test_a_config_that_is_no_json_object_is_refused(folder, content):
    """Whatever stands in config.json, the message names it."""
    (folder / "config.json").write_bytes(content)
    with pytest.raises(EdgebertError) as caught:
        load_model(folder)
    assert caught.value.exit_code == 2
    assert "config.json" in caught.value.message


@pytest.mark.parametrize("kind", ["bert", "roberta", "t5", None, ["distilbert"]])
def test_another_model_type_is_refused(folder, kind):
    """The message names the type; for BERT the hint names import-bert."""
    fakes.edit_json(folder / "config.json", model_type=kind)
    error = refusal(folder)
    assert f"model_type is {kind!r}, not 'distilbert'" in error.message
    assert ("import-bert" in error.hint) == (kind == "bert")


@pytest.mark.parametrize(
    "architectures",
    [["DistilBertModel"], ["DistilBertForMaskedLM"], ["DistilBertForTokenClassification"], [], ..., None, "text", [7]],
)
def test_a_checkpoint_without_a_head_for_texts_is_refused(folder, architectures):
    """The hint names finetune and the heads that are known."""
    fakes.edit_json(folder / "config.json", architectures=architectures)
    error = refusal(folder)
    assert "no head edgebert knows" in error.message
    assert "edgebert finetune" in error.hint
    assert "DistilBertForSequenceClassification" in error.hint


@pytest.mark.parametrize("problem", ["regression", "multi_label_classification", 3])
def test_heads_that_do_not_choose_one_label_are_refused(folder, problem):
    """Regression and multi-label heads are named by their problem type."""
    fakes.edit_json(folder / "config.json", problem_type=problem)
    assert repr(problem) in refusal(folder).message


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"0": "same", "1": "same"}, "twice"),
        ({"0": "score"}, "regression"),
        ({"0": "a", "2": "b"}, "0 to n-1"),
        ({"a": 0, "b": 1}, "0 to n-1"),
        ({}, "label"),
        (["a", "b"], "0 to n-1"),
        ("text", "0 to n-1"),
        ({"0": "a", "1": ""}, "name of a label"),
        ({"0": "a", "1": ["b"]}, "name of a label"),
    ],
)
def test_labels_that_cannot_be_used_are_refused(folder, table, words):
    """Labels have to be named 0 to n-1, each with a name of its own."""
    fakes.edit_json(folder / "config.json", id2label=table, label2id=...)
    assert words in refusal(folder).message


def test_labels_without_names_are_numbered(folder):
    """A configuration that names no labels has LABEL_0 and LABEL_1, as transformers calls them."""
    fakes.edit_json(folder / "config.json", id2label=..., label2id=...)
    assert load_model(folder).checkpoint.labels == ("LABEL_0", "LABEL_1") == read_labels(folder)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("dim", 0),
        ("dim", "32"),
        ("n_heads", 3),
        ("n_heads", -1),
        ("n_layers", True),
        ("hidden_dim", 2.5),
        ("vocab_size", None),
        ("max_position_embeddings", []),
        ("activation", "silu"),
        ("activation", None),
        ("activation", ["gelu"]),
    ],
)
def test_sizes_that_make_no_model_are_refused(folder, key, value):
    """The message names the key or the shapes that do not go together."""
    fakes.edit_json(folder / "config.json", **{key: value})
    assert key in refusal(folder).message


def test_a_missing_tensor_is_named(folder):
    """Nothing is filled in with random numbers."""
    edit_weights(folder, pre_classifier__bias=None, classifier__weight=None)
    message = refusal(folder).message
    assert "2 tensors are missing" in message
    assert "pre_classifier.bias" in message


def test_an_unknown_tensor_is_named(folder):
    """A tensor that config.json has no place for is not ignored."""
    edit_weights(folder, distilbert__transformer__layer__2__attention__q_lin__bias=torch.zeros(32))
    message = refusal(folder).message
    assert "do not belong" in message
    assert "layer.2.attention.q_lin.bias" in message


def test_leftovers_of_pre_training_are_no_trouble(folder):
    """Many published classifiers carry the masked-language head and an old buffer; neither is used."""
    edit_weights(
        folder,
        vocab_projector__bias=torch.zeros(3),
        vocab_layer_norm__weight=torch.zeros(32),
        distilbert__embeddings__position_ids=torch.arange(64)[None],
    )
    texts = fakes.random_texts(1, count=3, longest=8)
    expected = fakes.torch_logits(load_model(fakes.shared_checkpoint()).module, texts)
    np.testing.assert_array_equal(fakes.torch_logits(load_model(folder).module, texts), expected)


def test_a_tensor_of_another_shape_is_named(folder):
    """The message gives both shapes."""
    edit_weights(folder, classifier__weight=torch.zeros(3, 32))
    message = refusal(folder).message
    assert "classifier.weight" in message
    assert "(3, 32)" in message
    assert "(2, 32)" in message


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers_are_refused(folder, value):
    """A diverged training is named as what it is, with tensor and count."""
    edit_weights(folder, classifier__bias=torch.tensor([0.0, value]))
    message = refusal(folder).message
    assert "classifier.bias has 1 value" in message
    assert "NaN" in message


def test_half_precision_infinities_are_refused(folder):
    """An fp16 weight that overflowed is found before it is widened."""
    edit_weights(folder, classifier__bias=torch.tensor([0.0, 1e9]).half())
    assert "classifier.bias" in refusal(folder).message


@pytest.mark.parametrize("dtype", [torch.int64, torch.int8, torch.bool])
def test_weights_that_are_no_floats_are_refused(folder, dtype):
    """Integer weights are named, not converted."""
    edit_weights(folder, classifier__bias=torch.tensor([0, 1]).to(dtype))
    assert "classifier.bias" in refusal(folder).message


@pytest.mark.parametrize("keep", [0, 4, 100, -1])
def test_truncated_weights_are_refused(folder, keep):
    """A download that stopped is named, and the hint says to copy it again."""
    data = (folder / WEIGHTS).read_bytes()
    (folder / WEIGHTS).write_bytes(data[:keep])
    error = refusal(folder)
    assert "truncated or damaged" in error.message
    assert WEIGHTS in error.message


def test_pickled_weights_are_not_opened(folder):
    """A folder with .bin weights only is refused, with the way out."""
    (folder / WEIGHTS).unlink()
    (folder / "pytorch_model.bin").write_bytes(b"never read")
    error = refusal(folder)
    assert "pickled" in error.message
    assert "save_pretrained" in error.hint


def test_no_weights_at_all_are_refused(folder):
    """A folder of configuration and tokenizer alone has no model."""
    (folder / WEIGHTS).unlink()
    assert "there is no model.safetensors" in refusal(folder).message


def test_a_missing_tokenizer_is_refused(folder):
    """Neither tokenizer.json nor vocab.txt."""
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").unlink()
    error = refusal(folder)
    assert "no tokenizer" in error.message
    assert "tokenizer.save_pretrained" in error.hint


@pytest.mark.parametrize("lower_case", [True, False])
def test_a_vocabulary_file_alone_gives_the_ids_of_the_tokenizer_file(folder, lower_case):
    """vocab.txt with tokenizer_config.json describes the same tokenizer as tokenizer.json."""
    fakes.write_tokenizer(folder, lower_case=lower_case)
    texts = ["Good BATTERY, naïve café", "[MASK] 42!", "", "价格 x", "a" * 120, "It's NOT the screen..."]
    full = load_tokenizer(folder)
    expected = [full.encode(text).ids for text in texts]
    theirs = transformers.AutoTokenizer.from_pretrained(folder)
    (folder / "tokenizer.json").unlink()
    plain = load_tokenizer(folder)
    assert [plain.encode(text).ids for text in texts] == expected
    assert theirs(texts)["input_ids"] == expected
    assert vocabulary(plain) == fakes.VOCABULARY == vocabulary(full)


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b"only\nwords\n"])
def test_a_vocabulary_file_that_is_none_is_refused(folder, content):
    """Other bytes than UTF-8, no tokens, or no special tokens: one line, not a traceback."""
    (folder / "tokenizer.json").unlink()
    (folder / "vocab.txt").write_bytes(content)
    refusal(folder)


@pytest.mark.parametrize("content", ["[]", "{", '{"do_lower_case": "maybe"}'])
def test_a_damaged_tokenizer_configuration_is_refused(folder, content):
    """A tokenizer_config.json that decides nothing is named, not guessed."""
    (folder / "tokenizer.json").unlink()
    (folder / "tokenizer_config.json").write_text(content, encoding="utf-8")
    with pytest.raises(EdgebertError, match=r"tokenizer_config\.json") as caught:
        load_model(folder)
    assert caught.value.exit_code == 2


def test_a_tokenizer_of_another_size_is_refused(folder):
    """More tokens than rows, or many fewer, is a mix-up: both counts are given."""
    fakes.write_tokenizer(folder, (*fakes.VOCABULARY, "extra"))
    message = refusal(folder).message
    assert f"{len(fakes.VOCABULARY) + 1} tokens" in message
    assert f"{len(fakes.VOCABULARY)} rows" in message
    fakes.write_tokenizer(folder, fakes.VOCABULARY[:-1])
    refusal(folder)


def test_an_embedding_table_padded_to_a_multiple_of_eight_is_accepted(tmp_path):
    """A table with a few rows more than tokens, for the kernels' sake, is no mix-up."""
    rows = -(-len(fakes.VOCABULARY) // 64) * 64
    assert rows > len(fakes.VOCABULARY)
    folder = fakes.tiny_checkpoint(tmp_path / "padded", rows=rows)
    assert load_model(folder).checkpoint.architecture.vocabulary == rows


def test_labels_are_read_without_the_weights(folder):
    """read_labels needs the configuration only."""
    (folder / WEIGHTS).unlink()
    assert read_labels(folder) == fakes.LABELS


@pytest.mark.parametrize("name", ["distilbert-base-uncased-finetuned-sst-2-english", "someone/some-model"])
def test_a_hub_id_that_cannot_be_reached_is_one_line(name):
    """Offline, the message says that it is no folder either and that the Hub was not reached."""
    with pytest.raises(EnvironmentProblem) as caught:
        load_model(name)
    assert "\n" not in caught.value.message
    assert f"'{name}' is no folder here, and the Hub cannot be reached" in caught.value.message
    assert caught.value.exit_code == 3


def test_a_hub_that_does_not_answer_is_one_line(tmp_path):
    """With the network allowed but its address refusing connections, the outcome is the same."""
    code = (
        "from edgebert.checkpoint import load_model\n"
        "from edgebert.errors import EnvironmentProblem\n"
        "try:\n"
        "    load_model('someone/some-model')\n"
        "except EnvironmentProblem as error:\n"
        "    print(error.message)\n"
    )
    # Port 9 of this machine: nothing listens there.
    settings = {"HF_HUB_OFFLINE": "0", "HF_ENDPOINT": "http://127.0.0.1:9", "HF_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=os.environ | settings, capture_output=True, text=True, check=True
    )
    assert "the Hub cannot be reached" in done.stdout


@pytest.mark.parametrize(
    "name", ["a/b/c", "has space", "../model", "./model", "/nowhere/model", "~/gone", "~nobody-here/x", "a/b:c", "\0"]
)
def test_what_cannot_be_a_hub_id_is_a_missing_folder(name):
    """Paths that do not exist are not looked for on the Hub."""
    with pytest.raises(CheckpointError):
        locate(name)
