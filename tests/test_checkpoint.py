"""A checkpoint loads exactly as transformers loads it, or is refused in one line that names the trouble."""

from __future__ import annotations

import dataclasses
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from edgebert.checkpoint import PRUNING_SCHEMA, Checkpoint, Model, load_model, read_labels, save_model
from edgebert.errors import CheckpointError, EdgebertError, EnvironmentProblem
from edgebert.folder import load_tokenizer, locate, vocabulary
from edgebert.jsonio import dumps
from edgebert.network import build_module
from edgebert.shape import Architecture, Distillation, Pruning, TextSource, VocabularyCut
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


FULL = Architecture(
    hidden=12,
    head_dim=4,
    heads=(3, 3, 3),
    neurons=(9, 9, 9),
    vocabulary=len(fakes.VOCABULARY) + 40,
    positions=20,
    activation="gelu",
)
UNEVEN = dataclasses.replace(FULL, heads=(1, 3), neurons=(5, 1), vocabulary=len(fakes.VOCABULARY))
PRUNING = Pruning(
    schema=PRUNING_SCHEMA,
    original=FULL,
    original_name="größer",
    original_sha256="a" * 64,
    layers=(0, 2),
    budget="macs",
    keep=0.5,
    macs_share=0.49,
    tokens_per_text=12.5,
    sample=100,
    seed=3,
    train=TextSource(name="train.tsv", sha256="b" * 64, examples=1000),
    vocabulary=VocabularyCut(
        tokens_before=FULL.vocabulary,
        tokens_after=UNEVEN.vocabulary,
        bytes_saved=1920,
        texts=10,
        unknown_before=0.0,
        unknown_after=0.0,
        tokens_per_text_before=12.0,
        tokens_per_text_after=13.0,
        agreement=1.0,
        accuracy_before=None,
        accuracy_after=None,
    ),
    distillation=Distillation(
        epochs=2.0,
        learning_rate=2e-4,
        temperature=2.0,
        labelled=True,
        held_out=50,
        agreement_before=0.9,
        agreement_after=0.97,
    ),
)


def in_memory(
    architecture: Architecture = UNEVEN, *, pruning: Pruning | None = None, labels: tuple[str, ...] = ("no", "größe")
) -> Model:
    """A model of any shape with the tokenizer of the shared checkpoint; every parameter is random."""
    generator = torch.Generator().manual_seed(5)
    tokenizer = load_tokenizer(fakes.shared_checkpoint())
    module = build_module(architecture, labels, settings={"dropout": 0.25})
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(0.5 * torch.randn(parameter.shape, generator=generator))
    checkpoint = Checkpoint(
        path=Path("nowhere"),
        name="in-memory",
        task="sequence-classification",
        labels=labels,
        architecture=architecture,
        sha256="0" * 64,
        pruning=pruning,
    )
    return Model(checkpoint=checkpoint, module=module.requires_grad_(requires_grad=False).eval(), tokenizer=tokenizer)


def saved(model: Model, folder: Path) -> Path:
    folder.mkdir()
    save_model(model, folder)
    return folder


@st.composite
def shapes(draw: st.DrawFn) -> Architecture:
    layers = draw(st.integers(1, 3))
    return dataclasses.replace(
        UNEVEN,
        heads=tuple(draw(st.lists(st.integers(1, 3), min_size=layers, max_size=layers))),
        neurons=tuple(draw(st.lists(st.integers(1, 9), min_size=layers, max_size=layers))),
        activation=draw(st.sampled_from(["gelu", "relu"])),
    )


@given(shapes())
@settings(max_examples=20)
def test_a_saved_model_loads_as_it_was_in_memory(tmp_path_factory, shape):
    """Whatever the widths, weights and logits are equal to the last bit; so are labels, shape, ids, dropout."""
    model = in_memory(shape)
    loaded = load_model(saved(model, tmp_path_factory.mktemp("saved") / "model"))
    assert loaded.checkpoint.architecture == shape
    assert loaded.checkpoint.labels == model.checkpoint.labels
    assert loaded.checkpoint.pruning is None
    state = loaded.module.state_dict()
    assert all(torch.equal(state[name], tensor) for name, tensor in model.module.state_dict().items())
    texts = fakes.random_texts(2, count=5, longest=20)
    np.testing.assert_array_equal(fakes.torch_logits(loaded.module, texts), fakes.torch_logits(model.module, texts))
    text = "The battery, is NOT great 42!"
    assert loaded.tokenizer.encode(text).ids == model.tokenizer.encode(text).ids
    assert loaded.module.config.dropout == 0.25


def test_equal_models_are_saved_as_equal_files(tmp_path):
    """A model that was saved and loaded is saved again byte for byte, and config.json names nothing volatile."""
    first = saved(in_memory(pruning=PRUNING), tmp_path / "first")
    second = saved(load_model(first), tmp_path / "second")
    names = sorted(path.name for path in first.iterdir())
    assert names == [
        "config.json",
        "model.safetensors",
        "pruning.json",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ]
    for name in names:
        assert (first / name).read_bytes() == (second / name).read_bytes()
    config = json.loads((first / "config.json").read_text(encoding="utf-8"))
    assert not {"transformers_version", "_name_or_path", "dtype", "torch_dtype"} & set(config)
    assert config["architectures"] == ["DistilBertForSequenceClassification"]
    assert (config["heads_per_layer"], config["neurons_per_layer"]) == ([1, 3], [5, 1])
    assert (config["n_heads"], config["dim"], config["hidden_dim"], config["n_layers"]) == (3, 12, 5, 2)
    assert str(tmp_path) not in "".join(path.read_text(encoding="latin-1") for path in first.iterdir())


def test_saving_leaves_the_model_as_it_was(tmp_path):
    """Weights and answers of the model in memory are the same before and after."""
    model = in_memory()
    texts = fakes.random_texts(2, count=3, longest=20)
    before = fakes.torch_logits(model.module, texts)
    saved(model, tmp_path / "model")
    np.testing.assert_array_equal(fakes.torch_logits(model.module, texts), before)


@pytest.mark.parametrize(
    "shape",
    [
        dataclasses.replace(UNEVEN, heads=(3, 3), neurons=(5, 5)),
        dataclasses.replace(UNEVEN, heads=(3,), neurons=(1,)),
    ],
)
def test_transformers_opens_what_plain_keys_can_tell(tmp_path, shape):
    """Full heads and one width in all layers, fewer layers or neurons than before: from_pretrained loads the same."""
    folder = saved(in_memory(shape, pruning=None), tmp_path / "model")
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert not {"heads_per_layer", "neurons_per_layer"} & set(config)
    theirs, info = transformers.AutoModelForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    texts = fakes.random_texts(2, count=5, longest=20)
    np.testing.assert_allclose(
        fakes.torch_logits(theirs.eval(), texts),
        fakes.torch_logits(load_model(folder).module, texts),
        rtol=0,
        atol=2e-6,
    )
    assert theirs.config.id2label == {0: "no", 1: "größe"}
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    assert (tokenizer.pad_token_id, tokenizer.model_max_length) == (0, 20)


@pytest.mark.parametrize(
    "widths",
    [
        {"heads": (3, 3), "neurons": (5, 1)},
        {"heads": (2, 2), "neurons": (5, 5)},
        {"heads": (3, 2), "neurons": (5, 5)},
        {"heads": (1,), "neurons": (9,)},
    ],
)
def test_transformers_refuses_widths_that_it_cannot_express(tmp_path, widths):
    """Stock from_pretrained raises over the shapes; it does not fill a narrow layer with random numbers."""
    folder = saved(in_memory(dataclasses.replace(UNEVEN, **widths)), tmp_path / "model")
    with pytest.raises(RuntimeError, match=r"size mismatch|mismatched"):
        transformers.AutoModelForSequenceClassification.from_pretrained(folder)


def test_a_saved_pad_token_is_the_tokenizers(tmp_path):
    """config.json names the id that the tokenizer pads with, wherever that stands in the vocabulary."""
    folder = tmp_path / "model"
    fakes.tiny_checkpoint(folder, vocabulary=("xx", "yy", *fakes.VOCABULARY))
    again = saved(load_model(folder), tmp_path / "again")
    assert json.loads((again / "config.json").read_text(encoding="utf-8"))["pad_token_id"] == 2


def test_weights_that_do_not_fit_the_widths_are_refused(tmp_path):
    """A pruned checkpoint whose lists say another width than its tensors have is refused by the tensor's name."""
    folder = saved(in_memory(), tmp_path / "model")
    fakes.edit_json(folder / "config.json", heads_per_layer=[2, 3])
    assert "layer.0.attention.q_lin.weight has the shape (4, 12)" in refusal(folder).message
    fakes.edit_json(folder / "config.json", heads_per_layer=[1, 3], neurons_per_layer=[5, 2])
    assert "layer.1.ffn.lin1.weight has the shape (1, 12)" in refusal(folder).message
    fakes.edit_json(folder / "config.json", neurons_per_layer=[5, 0])
    assert "neurons_per_layer is [5, 0]" in refusal(folder).message
    fakes.edit_json(folder / "config.json", heads_per_layer=..., neurons_per_layer=...)
    assert "has the shape" in refusal(folder).message


@pytest.mark.parametrize("key", ["dropout", "attention_dropout", "seq_classif_dropout"])
@pytest.mark.parametrize("value", [1, -0.1, "0.1", None, True])
def test_a_dropout_that_is_no_share_is_refused(folder, key, value):
    """Every dropout key is read, because training the model again needs it."""
    fakes.edit_json(folder / "config.json", **{key: value})
    assert f"{key} is {value!r}" in refusal(folder).message


@pytest.mark.parametrize("changes", [{}, {"vocabulary": None, "distillation": None, "budget": "latency"}])
def test_the_record_of_a_pruning_comes_back(tmp_path, changes):
    """pruning.json holds the whole record, and load_model returns an equal one."""
    pruning = dataclasses.replace(PRUNING, **changes)
    folder = saved(in_memory(pruning=pruning), tmp_path / "model")
    assert (folder / "pruning.json").read_text(encoding="utf-8") == dumps(pruning)
    assert load_model(folder).checkpoint.pruning == pruning


def test_a_record_of_a_newer_edgebert_is_refused_before_its_fields_are_read(tmp_path):
    """The hint says to upgrade, whatever else a later version may have put in."""
    folder = saved(in_memory(pruning=PRUNING), tmp_path / "model")
    fakes.edit_json(folder / "pruning.json", schema=PRUNING_SCHEMA + 1, unheard_of=True, layers=...)
    error = refusal(folder)
    assert f"schema {PRUNING_SCHEMA + 1}; this edgebert reads up to {PRUNING_SCHEMA}" in error.message
    assert error.hint == "pip install -U edgebert"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": ...}, "schema is None"),
        ({"schema": "1"}, "schema is '1'"),
        ({"schema": 0}, "schema is 0"),
        ({"schema": True}, "schema is True"),
        ({"seed": ...}, "the key 'seed' is missing"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"extra": 1}, "unknown key 'extra'"),
        ({"budget": "watts"}, "budget is"),
        ({"train": {"name": "x"}}, "train.sha256"),
        ({"layers": [0, "2"]}, "layers[1]"),
        ({"layers": [2, 0]}, "layers is [2, 0], not ascending numbers of the original's layers, 0 to 2"),
        ({"layers": [0, 0]}, "layers is [0, 0]"),
        ({"layers": [0, 3]}, "layers is [0, 3]"),
        ({"layers": [-1, 0]}, "layers is [-1, 0]"),
        ({"layers": [0, 1, 2]}, "layers names 3, config.json describes 2"),
        ({"layers": []}, "layers names 0"),
    ],
)
def test_a_record_that_is_malformed_is_refused(tmp_path, changes, words):
    """The message names pruning.json and the key."""
    folder = saved(in_memory(pruning=PRUNING), tmp_path / "model")
    fakes.edit_json(folder / "pruning.json", **changes)
    message = refusal(folder).message
    assert "pruning.json: " in message
    assert words in message


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"hidden": 24}, "original.hidden is 24, but that of config.json is 12"),
        ({"head_dim": 3}, "original.head_dim is 3"),
        ({"positions": 21}, "original.positions is 21"),
        ({"activation": "relu"}, "original.activation is 'relu'"),
        ({"vocabulary": UNEVEN.vocabulary - 1}, "original.vocabulary is"),
        ({"heads": (3, 3, 2)}, "original.heads[2] is 2, but layer 1 of config.json has 3"),
        ({"neurons": (4, 9, 9)}, "original.neurons[0] is 4, but layer 0 of config.json has 5"),
        ({"neurons": (9, 9)}, "original.heads and original.neurons"),
        ({"heads": (), "neurons": ()}, "original.heads and original.neurons"),
    ],
)
def test_a_record_of_another_model_is_refused(tmp_path, changes, words):
    """What is left cannot be more than the original had: key and both values are named."""
    folder = saved(in_memory(pruning=PRUNING), tmp_path / "model")
    original = dataclasses.replace(FULL, **changes)
    (folder / "pruning.json").write_text(dumps(dataclasses.replace(PRUNING, original=original)), encoding="utf-8")
    assert words in refusal(folder).message


@pytest.mark.parametrize("content", [b"{", b"", b"[1]", b"null", b"\xff", b'{"schema": NaN}', b"[" * 100_000])
def test_a_record_that_is_no_json_object_is_refused(tmp_path, content):
    """Whatever stands in pruning.json, the message names it."""
    folder = saved(in_memory(pruning=PRUNING), tmp_path / "model")
    (folder / "pruning.json").write_bytes(content)
    assert "pruning.json" in refusal(folder).message


def test_a_saved_model_reads_in_an_environment_of_its_own(tmp_path):
    """Another process, with the random state it happens to have, computes the same logits to the last bit."""
    model = in_memory(pruning=PRUNING)
    folder = saved(model, tmp_path / "model")
    code = (
        "import sys, torch\n"
        "from edgebert.checkpoint import load_model\n"
        "module = load_model(sys.argv[1]).module\n"
        "with torch.inference_mode():\n"
        "    print(module(input_ids=torch.tensor([[1, 2, 3]])).logits.numpy().tobytes().hex())\n"
    )
    done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == fakes.torch_logits(model.module, [[1, 2, 3]]).tobytes().hex()
