"""Ordinary folders that are not as save_pretrained of today writes them load as the model they hold."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from edgebert.checkpoint import load_model
from edgebert.configuration import read_architecture, read_dropouts
from edgebert.errors import CheckpointError
from edgebert.inspection import read_labels
from edgebert.tensors import read_tensors
from edgebert.training.importer import import_bert
from tests.checkpoint.folders import WEIGHTS, refusal
from tests.checkpoint.models import TASK
from tests.support import fakes

TEXTS = fakes.random_texts(5, count=8, longest=17)


def theirs(folder: Path) -> np.ndarray:
    """Return the logits of transformers' own model of a folder, all of whose tensors it must have found."""
    model, found = transformers.DistilBertForSequenceClassification.from_pretrained(folder, output_loading_info=True)
    assert not any(found[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return fakes.torch_logits(model.eval(), TEXTS)


def ours(folder: Path) -> np.ndarray:
    return fakes.torch_logits(load_model(folder).module, TEXTS)


def rename(folder: Path, change: Callable[[str], str]) -> None:
    """Give every tensor of a folder another name."""
    save_file({change(name): tensor for name, tensor in load_file(folder / WEIGHTS).items()}, folder / WEIGHTS)


@pytest.mark.parametrize("names", [..., None, [], ["DistilBertForMaskedLM"], ["TFDistilBertForSequenceClassification"]])
def test_the_tensors_decide_where_architectures_is_missing_or_stale(folder, caplog, names):
    """transformers, told the class, opens such a folder: the same logits, and a note; the labels are read as well."""
    fakes.edit_json(folder / "config.json", architectures=names)
    with caplog.at_level("INFO", logger="edgebert"):
        np.testing.assert_allclose(ours(folder), theirs(folder), rtol=0, atol=2e-6)
    assert "architectures names no DistilBertForSequenceClassification" in caplog.text
    assert read_labels(folder) == fakes.LABELS


@pytest.mark.parametrize("rows", [len(fakes.VOCABULARY) + 1, 1000])
def test_reserved_rows_change_no_answer(tmp_path, rows):
    """A table with any number of rows that no token uses gives transformers' logits."""
    folder = fakes.tiny_checkpoint(tmp_path / "model", rows=rows)
    np.testing.assert_allclose(ours(folder), theirs(folder), rtol=0, atol=2e-6)


@pytest.mark.parametrize(
    ("table", "labels"),
    [
        ({"0": 0, "1": 1}, ("0", "1")),
        ({"0": False, "1": True}, ("False", "True")),
        ({"0": 1.5, "1": -1}, ("1.5", "-1")),
        ({"0": "no", "1": 7}, ("no", "7")),
    ],
)
def test_numbers_and_booleans_are_names_as_text(folder, table, labels):
    """Label names taken from a column of integers are what transformers shows, as text."""
    fakes.edit_json(folder / "config.json", id2label=table, label2id=...)
    assert load_model(folder).checkpoint.labels == labels == read_labels(folder)
    shown = transformers.DistilBertConfig.from_pretrained(folder).id2label
    assert tuple(str(shown[index]) for index in range(len(shown))) == labels
    np.testing.assert_allclose(ours(folder), theirs(folder), rtol=0, atol=2e-6)


@pytest.mark.parametrize("prefix", ["module.", "_orig_mod.", "model.", "module._orig_mod.", "_orig_mod.model.", "a.b."])
def test_a_wrapper_before_all_names_is_taken_off(folder, caplog, prefix):
    """What DataParallel, torch.compile and training loops put before every name changes no answer, and is told."""
    expected = theirs(folder)
    rename(folder, lambda name: prefix + name)
    with caplog.at_level("INFO", logger="edgebert"):
        np.testing.assert_allclose(ours(folder), expected, rtol=0, atol=2e-6)
    assert f"{prefix}classifier.bias as classifier.bias" in caplog.text


def test_the_state_of_a_compiled_and_wrapped_model_loads(folder):
    """The real wrappers' state, of the whole model and of its encoder alone, loads as the model inside."""
    expected = theirs(folder)
    model = transformers.DistilBertForSequenceClassification.from_pretrained(folder)
    save_file(torch.nn.DataParallel(torch.compile(model, backend="eager")).state_dict(), folder / WEIGHTS)
    np.testing.assert_allclose(ours(folder), expected, rtol=0, atol=2e-6)
    model.distilbert = torch.compile(model.distilbert, backend="eager")
    assert any("distilbert._orig_mod." in name for name in model.state_dict())
    save_file(model.state_dict(), folder / WEIGHTS)
    np.testing.assert_allclose(ours(folder), expected, rtol=0, atol=2e-6)


def test_a_wrapper_around_a_part_is_refused_by_name(folder):
    """Where a tensor beside the model lacks the prefix, the message names both."""
    rename(folder, lambda name: "model." + name)
    save_file(load_file(folder / WEIGHTS) | {"loss.weight": torch.ones(2)}, folder / WEIGHTS)
    message = refusal(folder).message
    assert "begin with 'model.', but loss.weight does not" in message


def test_two_tensors_of_one_name_are_refused(folder):
    """A file with a model and its compiled twin is not guessed at."""
    state = load_file(folder / WEIGHTS)
    save_file(state | {"_orig_mod." + name: tensor + 1 for name, tensor in state.items()}, folder / WEIGHTS)
    assert "two tensors are" in refusal(folder).message


def test_gamma_and_beta_are_weight_and_bias(folder):
    """The old names of a norm's scale and shift, in all norms of the model, give the same answers."""
    expected = theirs(folder)

    def old(name: str) -> str:
        if "norm" not in name.lower():
            return name
        return name.replace(".weight", ".gamma").replace(".bias", ".beta")

    rename(folder, old)
    assert sum(name.endswith(".gamma") for name in load_file(folder / WEIGHTS)) == 5
    np.testing.assert_allclose(ours(folder), expected, rtol=0, atol=2e-6)


def test_a_wrapped_bert_is_imported_as_the_bert_inside(tmp_path):
    """import-bert reads names the same way: the files it writes are equal to the last byte."""
    config = transformers.BertConfig(
        vocab_size=len(fakes.VOCABULARY),
        hidden_size=16,
        num_attention_heads=2,
        num_hidden_layers=1,
        intermediate_size=24,
        max_position_embeddings=32,
    )
    plain, wrapped = tmp_path / "plain", tmp_path / "wrapped"
    for folder in (plain, wrapped):
        torch.manual_seed(1)
        transformers.BertForSequenceClassification(config).save_pretrained(folder)
        fakes.write_tokenizer(folder)
    rename(wrapped, lambda name: "module." + name.replace("LayerNorm.weight", "LayerNorm.gamma"))
    outs = [import_bert(folder, folder.with_name(folder.name + "-out")) for folder in (plain, wrapped)]
    assert (outs[0] / WEIGHTS).read_bytes() == (outs[1] / WEIGHTS).read_bytes()


@pytest.mark.parametrize("pruned", [{"0": [1]}, {"1": [3, 0]}, {"0": [2, 2], "1": [0, 1, 3]}])
def test_heads_that_transformers_4_pruned_are_gone(folder, pruned):
    """The weights hold the heads that are left: the logits are those of the whole model with the others muted."""
    whole = load_file(folder / WEIGHTS)
    muted, cut = dict(whole), dict(whole)
    for layer, heads in pruned.items():
        name, width = f"distilbert.transformer.layer.{layer}.attention", 32 // 4
        gone = [row for head in set(heads) for row in range(head * width, (head + 1) * width)]
        left = [row for row in range(32) if row not in gone]
        output = whole[f"{name}.out_lin.weight"].clone()
        output[:, gone] = 0
        muted[f"{name}.out_lin.weight"] = output
        cut[f"{name}.out_lin.weight"] = whole[f"{name}.out_lin.weight"][:, left].contiguous()
        for part in ("q_lin", "k_lin", "v_lin"):
            for kind in ("weight", "bias"):
                cut[f"{name}.{part}.{kind}"] = whole[f"{name}.{part}.{kind}"][left].contiguous()
    save_file(muted, folder / WEIGHTS)
    expected = theirs(folder)
    save_file(cut, folder / WEIGHTS)
    fakes.edit_json(folder / "config.json", pruned_heads=pruned)
    np.testing.assert_allclose(ours(folder), expected, rtol=0, atol=5e-6)


@pytest.mark.parametrize(
    "pruned",
    [{"0": [0, 1, 2, 3]}, {"2": [0]}, {"0": [4]}, {"0": [-1]}, {"0": 1}, {"0": [True]}, [1], "x", {"a": []}, 3],
)
def test_pruned_heads_that_cannot_be_are_refused(folder, pruned):
    """File, key and value are named, with what was expected."""
    fakes.edit_json(folder / "config.json", pruned_heads=pruned)
    assert f"config.json: pruned_heads is {pruned!r}: expected" in refusal(folder).message


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)
KEYS = (
    *(
        "architectures",
        "dropout",
        "attention_dropout",
        "seq_classif_dropout",
        "dim",
        "n_heads",
        "hidden_dim",
        "n_layers",
    ),
    *("vocab_size", "max_position_embeddings", "activation", "id2label", "problem_type", "num_labels", "pruned_heads"),
    *("heads_per_layer", "neurons_per_layer", "model_type", "pad_token_id", "initializer_range", "torch_dtype"),
)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changes=st.dictionaries(st.sampled_from(KEYS), ANY, min_size=1, max_size=3))
def test_whatever_stands_in_the_configuration_it_is_read_or_refused(folder, changes):
    """No value of any key that is read leads to another exception than a refusal that names the file."""
    config = folder / "config.json"
    before = config.read_bytes()
    fakes.edit_json(config, **changes)
    message = ""
    try:
        load_model(folder)
    except CheckpointError as error:
        message = error.message
    finally:
        config.write_bytes(before)
    assert not message or str(folder) in message
    assert "\n" not in message


@given(value=st.integers() | st.floats())
def test_a_dropout_is_taken_exactly_where_torch_can_train_with_it(value):
    """From 0 to below 1, as torch.nn.Dropout takes it; 1 would drop everything."""
    try:
        shares = read_dropouts({"dropout": value}, Path("model"), TASK)
    except CheckpointError:
        assert not 0 <= value < 1
    else:
        assert torch.nn.Dropout(shares["dropout"]).p == value


@given(key=st.sampled_from(["dim", "n_layers", "vocab_size", "hidden_dim"]), value=st.integers())
def test_no_size_is_read_that_would_fill_the_memory(key, value):
    """A shape that is accepted is bounded, so that describing it takes no memory."""
    values = {"dim": 12, "n_heads": 1, key: value}
    if not 1 <= value <= (1000 if key == "n_layers" else 10_000_000):
        with pytest.raises(CheckpointError, match=f"{key} is {value}, not an integer from 1 to"):
            read_architecture(values, Path("model"))
    else:
        shape = read_architecture(values, Path("model"))
        assert shape.layers <= 1000
        assert max(shape.hidden, shape.vocabulary, *shape.neurons) <= 10_000_000


@pytest.mark.parametrize("dimensions", [3, 64, 65, 1000])
def test_a_tensor_of_many_dimensions_is_refused_by_name(folder, dimensions):
    """safetensors can state any number of dimensions, numpy 64: file and tensor are named."""
    header = f'{{"classifier.bias":{{"dtype":"F32","shape":{[1] * dimensions},"data_offsets":[0,4]}}}}'.encode()
    (folder / WEIGHTS).write_bytes(len(header).to_bytes(8, "little") + header + bytes(4))
    if dimensions > 64:
        with pytest.raises(CheckpointError, match=rf"classifier\.bias has {dimensions} dimensions"):
            read_tensors([folder / WEIGHTS])
    refusal(folder)


@pytest.mark.parametrize("scale", [1e30, 1e38])
def test_finite_weights_whose_logits_overflow_are_refused(folder, scale):
    """Every weight is finite, the answer is not: the folder and what happened are named, not a fault of edgebert."""
    state = load_file(folder / WEIGHTS)
    state["pre_classifier.weight"] = state["pre_classifier.weight"].sign() * scale
    state["classifier.weight"] = state["classifier.weight"].sign() * scale
    save_file(state, folder / WEIGHTS)
    error = refusal(folder)
    assert "float32 overflows" in error.message
    assert "learning rate" in error.hint
