"""A config.json that describes no classifier of ours is refused in one line that names the trouble."""

from __future__ import annotations

import pytest

from edgebert.checkpoint import load_model
from edgebert.errors import CheckpointError, EdgebertError
from edgebert.inspection import read_labels
from tests.checkpoint.folders import edit_weights, refusal
from tests.support import fakes


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


@pytest.mark.parametrize("architectures", [["DistilBertModel"], ["DistilBertForMaskedLM"], [], ..., None])
@pytest.mark.parametrize("head", ["pre_classifier", "classifier"])
def test_a_checkpoint_with_half_a_head_is_refused(folder, architectures, head):
    """It is named, also by what reads the labels only; a lone classifier can be that of somebody's own class."""
    fakes.edit_json(folder / "config.json", architectures=architectures)
    edit_weights(folder, **{f"{head}__weight": None, f"{head}__bias": None})
    error = refusal(folder)
    with pytest.raises(CheckpointError) as caught:
        read_labels(folder)
    assert caught.value.message == error.message
    if head == "classifier":
        assert "no head that edgebert knows: there is no tensor classifier.weight" in error.message
        assert "edgebert finetune" in error.hint
    else:
        assert "there is no tensor pre_classifier.weight), but no label is a tag" in error.message
        assert '"architectures": ["DistilBertForTokenClassification"]' in error.hint


@pytest.mark.parametrize("architectures", [5, "DistilBertForSequenceClassification", [7], {"a": 1}, True, 0, ""])
def test_architectures_of_another_type_are_refused(folder, architectures):
    """The message names file, key and value; reading the labels refuses as well."""
    fakes.edit_json(folder / "config.json", architectures=architectures)
    assert f"config.json: architectures is {architectures!r}, not a list of names" in refusal(folder).message
    with pytest.raises(CheckpointError, match="architectures is"):
        read_labels(folder)


@pytest.mark.parametrize("problem", ["regression", "classification", 3, ["regression"], True])
def test_a_problem_type_that_cannot_be_is_refused(folder, problem):
    """It is shown; regression has one output and not two."""
    fakes.edit_json(folder / "config.json", problem_type=problem)
    assert f"config.json: problem_type is {problem!r}" in refusal(folder).message


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"0": "same", "1": "same"}, "twice"),
        ({"0": "score"}, "classifier.weight has the shape (2, 32), config.json asks for (1, 32)"),
        ({"0": "a", "2": "b"}, "0 to n-1"),
        ({"a": 0, "b": 1}, "0 to n-1"),
        ({}, "label"),
        (["a", "b"], "0 to n-1"),
        ("text", "0 to n-1"),
        ({"0": "a", "1": ""}, "name of a label"),
        ({"0": "a", "1": ["b"]}, "name of a label"),
        ({"0": "a", "1": None}, "name of a label"),
        ({"0": 1, "1": "1"}, "twice"),
        ({"0": "a", "1": "\ud800"}, "'\\ud800', which is not valid Unicode"),
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
        ("n_layers", 10**9),
        ("dim", 10**12),
        ("vocab_size", 2**63),
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


@pytest.mark.parametrize("key", ["dropout", "attention_dropout", "seq_classif_dropout"])
@pytest.mark.parametrize("value", [1, 2, -1, -0.1, "0.1", None, True])
def test_a_dropout_that_is_no_share_is_refused(folder, key, value):
    """Every dropout key is read, because training the model again needs it."""
    fakes.edit_json(folder / "config.json", **{key: value})
    assert f"{key} is {value!r}" in refusal(folder).message
