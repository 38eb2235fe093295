"""Folders of sentence-transformers give the vectors that it gives; parts that would change them are refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sentence_transformers
import torch
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from edgebert.architecture import Keep
from edgebert.checkpoint import Model, load_model, save_model, task_of
from edgebert.errors import CheckpointError
from edgebert.inspection import read_labels
from edgebert.meaning import DenseSetting
from edgebert.network import batch_outputs
from edgebert.pruning.surgery import cut
from edgebert.text import TextEncoder
from tests.checkpoint.folders import WEIGHTS, edit_weights, refusal
from tests.checkpoint.task_folders import as_old, sentence_folder, task_folder
from tests.checkpoint.test_as_found import ANY
from tests.support import fakes

TEXTS = [*fakes.TEXTS, "", "Ünïcode, CAPITALS", "long " * 40]
KINDS: dict[str, dict[str, Any]] = {
    "mean": {},
    "first": {"pooling": "cls", "max_length": 9},
    "scaled": {"normalize": True},
    "dense": {"dense": [(9, "Tanh"), (7, "ReLU"), (5, "Identity")], "normalize": True},
}


def theirs(folder: Path) -> np.ndarray:
    """Return the vectors that sentence-transformers gives."""
    return sentence_transformers.SentenceTransformer(str(folder), device="cpu").encode(TEXTS)


def ours(model: Model) -> np.ndarray:
    """Return the vectors of our module, float32 [texts, width]."""
    encoder = TextEncoder(model.tokenizer, model.checkpoint.architecture.positions)
    ids = [encoder.encode(text) for text in TEXTS]
    return batch_outputs(model.module, ids, model.pad_id)["sentence_embedding"].numpy()


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with every kind of part."""
    return sentence_folder(tmp_path_factory.mktemp("sentences") / "model", **KINDS["dense"])


@pytest.fixture
def model(pristine: Path, tmp_path: Path) -> Path:
    return fakes.copy_of(pristine, tmp_path / "model")


@pytest.mark.parametrize("old", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_the_vectors_are_those_of_sentence_transformers(tmp_path, kind, old):
    """Of texts short, empty and cut, from folders of today and of version 2; saved again, both read the same."""
    folder = sentence_folder(tmp_path / "model", **KINDS[kind])
    folder = as_old(folder) if old else folder
    loaded = load_model(folder)
    found = ours(loaded)
    np.testing.assert_allclose(found, theirs(folder), rtol=0, atol=3e-6)
    assert loaded.checkpoint.architecture.positions == (16 if old else KINDS[kind].get("max_length", 24))
    found_settings, layers = loaded.checkpoint.settings, KINDS[kind].get("dense", [])
    assert found_settings.pooling == ("first" if kind == "first" else "mean")
    assert found_settings.normalize == KINDS[kind].get("normalize", False)
    names = {"Identity": "none", "ReLU": "relu", "Tanh": "tanh"}
    assert found_settings.dense == tuple(DenseSetting(outputs=width, activation=names[name]) for width, name in layers)
    assert found.shape == (len(TEXTS), found_settings.width)
    assert task_of(folder) == ("feature-extraction", loaded.checkpoint.meaning)
    assert (loaded.checkpoint.labels, read_labels(folder)) == ((), ())
    again = tmp_path / "again"
    again.mkdir()
    save_model(loaded, again)
    reopened = load_model(again)
    np.testing.assert_array_equal(ours(reopened), found)
    np.testing.assert_allclose(theirs(again), found, rtol=0, atol=3e-6)
    assert (reopened.checkpoint.settings, reopened.checkpoint.architecture) == (
        found_settings,
        loaded.checkpoint.architecture,
    )
    third = tmp_path / "third"
    third.mkdir()
    save_model(reopened, third)
    files = sorted(path.relative_to(again) for path in again.rglob("*") if path.is_file())
    assert files == sorted(path.relative_to(third) for path in third.rglob("*") if path.is_file())
    assert all((again / file).read_bytes() == (third / file).read_bytes() for file in files)


def test_a_pruned_encoder_is_saved_with_its_parts(model, tmp_path):
    """Even: sentence-transformers opens the folder and agrees; uneven: the reopened model computes the same."""
    whole = load_model(model)
    for name, heads in (("even", ((0, 1, 2),)), ("uneven", ((2,),))):
        pruned = cut(whole, Keep(layers=(1,), heads=heads, neurons=((0, 4, 5),)))
        (tmp_path / name).mkdir()
        save_model(pruned, tmp_path / name)
        np.testing.assert_array_equal(ours(load_model(tmp_path / name)), ours(pruned))
    np.testing.assert_allclose(theirs(tmp_path / "even"), ours(load_model(tmp_path / "even")), rtol=0, atol=3e-6)


def test_the_encoders_names_may_have_a_prefix(model):
    """Tensors that are called distilbert.* are the same model."""
    expected = ours(load_model(model))
    state = {f"distilbert.{name}": tensor for name, tensor in load_file(model / WEIGHTS).items()}
    save_file(state, model / WEIGHTS)
    np.testing.assert_array_equal(ours(load_model(model)), expected)


def test_a_dense_layer_may_have_no_bias(model):
    """It is read as one of zeros."""
    place = model / "3_Dense"
    fakes.edit_json(place / "config.json", bias=False)
    state = load_file(place / WEIGHTS)
    save_file({"linear.weight": state["linear.weight"]}, place / WEIGHTS)
    np.testing.assert_allclose(ours(load_model(model)), theirs(model), rtol=0, atol=3e-6)


def test_an_encoder_alone_has_the_mean_and_says_so(tmp_path, caplog):
    """A bare DistilBertModel: the mean of the rows that are no padding, and a note; its labels are none."""
    folder = task_folder(tmp_path / "model", "feature-extraction")
    with caplog.at_level("INFO", logger="edgebert"):
        loaded = load_model(folder)
    assert "an embedding is the mean of all tokens, not scaled to length 1" in caplog.text
    found = loaded.checkpoint.settings
    assert (found.pooling, found.normalize, found.dense, found.width) == ("mean", False, (), 12)
    other = sentence_folder(tmp_path / "other", encoder=folder)
    np.testing.assert_allclose(ours(loaded), theirs(other), rtol=0, atol=3e-6)


def test_the_hash_follows_every_part(model):
    """What changes a vector changes the hash."""
    seen = {load_model(model).checkpoint.sha256}
    state = load_file(model / "2_Dense" / WEIGHTS)
    save_file({name: tensor + 1 for name, tensor in state.items()}, model / "2_Dense" / WEIGHTS)
    seen.add(load_model(model).checkpoint.sha256)
    fakes.edit_json(model / "3_Dense" / "config.json", activation_function="torch.nn.modules.activation.Tanh")
    seen.add(load_model(model).checkpoint.sha256)
    fakes.edit_json(model / "1_Pooling" / "config.json", pooling_mode="cls")
    seen.add(load_model(model).checkpoint.sha256)
    assert len(seen) == 4


@pytest.mark.parametrize(
    ("file", "changes", "words"),
    [
        ("1_Pooling/config.json", {"pooling_mode": "max"}, "the pooling is ['max']; edgebert takes mean or cls"),
        ("1_Pooling/config.json", {"pooling_mode": "lasttoken"}, "the pooling is ['lasttoken']"),
        ("1_Pooling/config.json", {"pooling_mode": ["mean", "max"]}, "the pooling is ['mean', 'max']"),
        ("1_Pooling/config.json", {"pooling_mode": [["mean"]]}, "the pooling is [['mean']]"),
        ("1_Pooling/config.json", {"pooling_mode": None}, "the pooling is None"),
        (
            "1_Pooling/config.json",
            {"pooling_mode": ..., "pooling_mode_mean_tokens": True, "pooling_mode_cls_token": True},
            "the pooling is ['cls', 'mean']",
        ),
        (
            "1_Pooling/config.json",
            {"pooling_mode": ..., "pooling_mode_weightedmean_tokens": True},
            "['weightedmean']",
        ),
        ("1_Pooling/config.json", {"pooling_mode_mean_tokens": "yes"}, "pooling_mode_mean_tokens is 'yes'"),
        ("1_Pooling/config.json", {"embedding_dimension": 13}, "the pooling takes rows of 13 numbers"),
        ("1_Pooling/config.json", {"embedding_dimension": ...}, "there is no embedding_dimension"),
        ("2_Dense/config.json", {"in_features": 11}, "in_features is 11, but the part before it gives 12"),
        ("2_Dense/config.json", {"in_features": "12"}, "in_features is '12'"),
        ("2_Dense/config.json", {"out_features": 8}, "in_features is 9, but the part before it gives 8"),
        ("4_Dense/config.json", {"out_features": 8}, "linear.weight has the shape (5, 7)"),
        ("2_Dense/config.json", {"out_features": 0}, "out_features is 0"),
        ("2_Dense/config.json", {"activation_function": "torch.nn.modules.activation.GELU"}, "activation_function is"),
        ("2_Dense/config.json", {"activation_function": "os.system"}, "activation_function is 'os.system'"),
        ("2_Dense/config.json", {"activation_function": ["x"]}, "activation_function is ['x']"),
        ("2_Dense/config.json", {"use_residual": True}, "use_residual is true; edgebert takes false"),
        ("2_Dense/config.json", {"module_input_name": "token_embeddings"}, "module_input_name"),
        ("2_Dense/config.json", {"bias": False}, "1 tensors do not belong"),
        ("2_Dense/config.json", {"bias": 1}, "bias is 1; edgebert takes true or false"),
        ("5_Normalize/config.json", {"module_input_name": "token_embeddings"}, "module_input_name"),
        ("sentence_bert_config.json", {"max_seq_length": 1}, "max_seq_length is 1"),
        ("sentence_bert_config.json", {"max_seq_length": "9"}, "max_seq_length is '9'"),
        ("sentence_bert_config.json", {"do_lower_case": "no"}, "do_lower_case is"),
        ("sentence_bert_config.json", {"transformer_task": "fill-mask"}, "transformer_task is"),
        ("config_sentence_transformers.json", {"default_prompt_name": "query", "prompts": {"query": "q: "}}, "prompt"),
        ("config_sentence_transformers.json", {"default_prompt_name": "gone"}, "default_prompt_name is 'gone'"),
        ("config_sentence_transformers.json", {"default_prompt_name": ["x"]}, "default_prompt_name is ['x']"),
        ("config_sentence_transformers.json", {"prompts": ["x"]}, "prompts is ['x']"),
        ("config_sentence_transformers.json", {"model_type": "SparseEncoder"}, "model_type is"),
    ],
)
def test_a_part_that_would_change_the_vectors_is_refused(model, file, changes, words):
    """One line names the file or its folder, and the value."""
    fakes.edit_json(model / file, **changes)
    message = refusal(model).message
    assert words in message
    with pytest.raises(CheckpointError):  # what needs no weights is refused without them
        load_model(model) if "tensors" in words or "linear" in words else task_of(model)


KEYS = {
    "1_Pooling/config.json": ("pooling_mode", "embedding_dimension", "pooling_mode_cls_token"),
    "2_Dense/config.json": ("in_features", "out_features", "bias", "activation_function", "use_residual"),
    "5_Normalize/config.json": ("module_input_name", "module_output_name"),
    "sentence_bert_config.json": ("max_seq_length", "do_lower_case", "transformer_task", "query_expansion"),
    "config_sentence_transformers.json": ("prompts", "default_prompt_name", "model_type", "truncate_dim"),
    "tokenizer_config.json": ("model_max_length",),
}
PARTS = ("type", "path", "kwargs", "idx")


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    place=st.sampled_from([(file, key) for file, keys in KEYS.items() for key in keys])
    | st.tuples(st.integers(0, 5), st.sampled_from(PARTS)),
    value=ANY,
)
def test_whatever_stands_in_the_files_it_is_read_or_refused(model, place, value):
    """No value of any key leads to another exception than a refusal in one line that names the file."""
    where, key = place
    path = model / (where if isinstance(where, str) else "modules.json")
    before = path.read_bytes()
    plain = json.loads(before)
    (plain if isinstance(where, str) else plain[where])[key] = value
    path.write_text(json.dumps(plain), encoding="utf-8")
    message = ""
    try:
        task_of(model)
    except CheckpointError as error:
        message = error.message
    finally:
        path.write_bytes(before)
    assert not message or str(model) in message
    assert "\n" not in message


def test_prompts_that_the_app_chooses_are_told(model, caplog):
    """They are no part of the model: a note names them."""
    fakes.edit_json(model / "config_sentence_transformers.json", prompts={"query": "query: ", "document": ""})
    with caplog.at_level("INFO", logger="edgebert"):
        load_model(model)
    assert "the prompts 'query' are put before a text by the app" in caplog.text


@pytest.mark.parametrize(
    ("index", "changes", "words"),
    [
        *((1, {"path": path}, "the path of module 1 is") for path in ("../x", "..", ".", "", "/etc", "a/b", "1\\2", 7)),
        *((0, {"path": path}, "the path of module 0 is") for path in ("..", ".", "../model", None)),
        (1, {"path": "gone"}, "names the folder 'gone', but there is no"),
        (1, {"path": "2_Dense"}, "two modules have one folder"),
        (4, {"type": "sentence_transformers.models.LSTM"}, "module 4 is a 'sentence_transformers.models.LSTM'"),
        (1, {"type": "mine.Pooling"}, "module 1 is a 'mine.Pooling'"),
        (1, {"type": None}, "module 1 is a None"),
        (0, {"kwargs": ["task"]}, "module 0 is a"),
        (1, {"type": "sentence_transformers.models.Normalize"}, "the modules are Transformer, Normalize, Dense"),
    ],
)
def test_modules_that_cannot_be_are_refused(model, index, changes, words):
    """No folder outside is looked into, and no part is left out."""
    path = model / "modules.json"
    parts = json.loads(path.read_text(encoding="utf-8"))
    parts[index] |= changes
    path.write_text(json.dumps(parts), encoding="utf-8")
    assert words in refusal(model).message


@pytest.mark.parametrize("content", ["{}", "[]", "[1]", "null", "[{}]"])
def test_modules_of_another_form_are_refused(model, content):
    """The file is named."""
    (model / "modules.json").write_text(content, encoding="utf-8")
    assert "modules.json" in refusal(model).message


def test_missing_and_pickled_parts_are_refused(model):
    """A folder that lacks its files, or has weights in a pickle, is named."""
    (model / "2_Dense" / WEIGHTS).rename(model / "2_Dense" / "pytorch_model.bin")
    assert "pickled" in refusal(model).message
    (model / "2_Dense" / "config.json").unlink()
    assert "names the folder '2_Dense', but there is no" in refusal(model).message
    (model / "config.json").unlink()
    refusal(model)


def test_a_head_beside_modules_is_refused(model):
    """Vectors or labels: only the user can know."""
    edit_weights(model, classifier__weight=torch.ones(2, 12), classifier__bias=torch.ones(2))
    error = refusal(model)
    assert "a modules.json of sentence-transformers, but also a tensor classifier.weight" in error.message


def test_lower_case_beside_a_cased_tokenizer_is_refused(model):
    """sentence-transformers would lower-case the texts; for a tokenizer that does so it changes nothing."""
    fakes.edit_json(model / "sentence_bert_config.json", do_lower_case=True)
    np.testing.assert_allclose(ours(load_model(model)), theirs(model), rtol=0, atol=3e-6)
    fakes.write_tokenizer(model, lower_case=False)
    assert "do_lower_case of sentence-transformers is true" in refusal(model).message
