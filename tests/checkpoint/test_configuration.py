"""A config.json that describes no classifier of ours is refused in one line that names the trouble."""

from __future__ import annotations

import pytest

from edgebert.checkpoint import load_model, read_labels
from edgebert.errors import EdgebertError
from tests import fakes
from tests.checkpoint.folders import refusal


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


@pytest.mark.parametrize("key", ["dropout", "attention_dropout", "seq_classif_dropout"])
@pytest.mark.parametrize("value", [1, -0.1, "0.1", None, True])
def test_a_dropout_that_is_no_share_is_refused(folder, key, value):
    """Every dropout key is read, because training the model again needs it."""
    fakes.edit_json(folder / "config.json", **{key: value})
    assert f"{key} is {value!r}" in refusal(folder).message
