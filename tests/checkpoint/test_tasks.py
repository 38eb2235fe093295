"""A checkpoint of every task loads as transformers loads it, and is saved as it was; contradictions are refused."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file

from edgebert.architecture import Keep
from edgebert.checkpoint import load_model, save_model, task_of
from edgebert.errors import CheckpointError
from edgebert.inspection import read_labels
from edgebert.meaning import Meaning, TaskSettings
from edgebert.network import batch_outputs, outputs_of, padded
from edgebert.pruning.surgery import cut
from tests.checkpoint.folders import WEIGHTS, edit_weights, refusal
from tests.checkpoint.task_folders import CLASSES, IDS, LABELS, TASKS, task_folder
from tests.checkpoint.test_as_found import ANY
from tests.support import fakes

HEADS = tuple(task for task in TASKS if task != "feature-extraction")
SETTINGS = {
    "multi-label-classification": TaskSettings(thresholds=(0.5, 0.5, 0.5)),
    "token-classification": TaskSettings(aggregation="first"),
}


@pytest.mark.parametrize("task", HEADS)
def test_every_task_loads_as_transformers_loads_it(tmp_path, task):
    """Outputs, labels and settings; the labels are read without the weights; saved, nothing changes to the last bit."""
    folder = task_folder(tmp_path / "model", task)
    model = load_model(folder)
    theirs, info = getattr(transformers, CLASSES[task]).from_pretrained(folder, output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    with torch.inference_mode():
        expected = outputs_of(theirs.eval(), *padded(IDS, 0))
    found = batch_outputs(model.module, IDS, 0)
    assert list(found) == list(expected) == list(model.checkpoint.head.outputs)
    for name, output in found.items():
        np.testing.assert_allclose(output.numpy(), expected[name].numpy(), rtol=0, atol=3e-6)
    assert model.checkpoint.task == task
    assert model.checkpoint.labels == LABELS.get(task, ())
    assert model.checkpoint.settings == SETTINGS.get(task, TaskSettings())
    again = tmp_path / "again"
    again.mkdir()
    save_model(model, again)
    reopened = load_model(again)
    assert reopened.checkpoint.meaning == model.checkpoint.meaning
    for name, output in batch_outputs(reopened.module, IDS, 0).items():
        assert torch.equal(output, found[name])
    config = transformers.AutoConfig.from_pretrained(again)
    assert (config.architectures, config.num_labels) == ([CLASSES[task]], theirs.config.num_labels)
    (again / WEIGHTS).unlink()
    assert task_of(again) == (task, model.checkpoint.meaning)
    assert read_labels(again) == model.checkpoint.labels


@pytest.mark.parametrize("task", HEADS)
@pytest.mark.parametrize("names", [..., [], ["DistilBertModel"], ["DistilBertForMaskedLM"]])
def test_the_tensors_tell_the_task(tmp_path, caplog, task, names):
    """Without a class that has a head in architectures the outputs are the same, and a note says it."""
    folder = task_folder(tmp_path / "model", task)
    expected = batch_outputs(load_model(folder).module, IDS, 0)
    fakes.edit_json(folder / "config.json", architectures=names)
    with caplog.at_level("INFO", logger="edgebert"):
        model = load_model(folder)
    assert f"architectures names no {CLASSES[task]}" in caplog.text
    assert model.checkpoint.task == task
    assert task_of(folder) == (task, model.checkpoint.meaning)
    for name, output in batch_outputs(model.module, IDS, 0).items():
        assert torch.equal(output, expected[name])


@pytest.mark.parametrize("named", sorted({*CLASSES.values()} - {"DistilBertModel"}))
@pytest.mark.parametrize("task", TASKS)
def test_a_class_that_the_tensors_are_not_of_is_refused(tmp_path, task, named):
    """The message names the class, or the tensor that is missing."""
    folder = task_folder(tmp_path / "model", task)
    fakes.edit_json(folder / "config.json", architectures=[named])
    if CLASSES[task] == named:
        load_model(folder)
    elif task == "feature-extraction":
        assert "no head that edgebert knows: there is no tensor" in refusal(folder).message
    else:
        assert f"names {named}, but the tensors are those of a {CLASSES[task]}" in refusal(folder).message


@pytest.mark.parametrize("names", [["DistilBertForMaskedLM"], ..., [], ["BertModel"]])
def test_an_encoder_that_is_not_named_as_such_is_refused(tmp_path, names):
    """A pre-trained model is to be fine-tuned; only DistilBertModel is one of embeddings."""
    folder = task_folder(tmp_path / "model", "feature-extraction")
    fakes.edit_json(folder / "config.json", architectures=names)
    error = refusal(folder)
    assert "no head that edgebert knows" in error.message
    assert "edgebert finetune" in error.hint
    with pytest.raises(CheckpointError, match="no head that edgebert knows"):
        task_of(folder)


def test_two_heads_are_refused(tmp_path):
    """In the weights and in architectures."""
    folder = task_folder(tmp_path / "model", "question-answering")
    fakes.edit_json(folder / "config.json", architectures=[CLASSES["question-answering"], CLASSES["text-regression"]])
    assert "architectures names two heads" in refusal(folder).message
    fakes.edit_json(folder / "config.json", architectures=...)
    edit_weights(folder, classifier__weight=torch.ones(2, 12), classifier__bias=torch.ones(2))
    assert "there are two heads: classifier, qa_outputs" in refusal(folder).message


@pytest.mark.parametrize(
    ("task", "changes", "words"),
    [
        ("text-regression", {"problem_type": "single_label_classification"}, "needs two labels or more, but id2label"),
        ("text-classification", {"problem_type": "regression"}, "needs one output, but id2label has 3"),
        ("text-classification", {"num_labels": 2}, "num_labels is 2, but id2label has 3"),
        ("text-classification", {"num_labels": "3"}, "num_labels is '3'"),
        ("token-classification", {"id2label": {"0": "O", "1": "B-X"}}, "classifier.weight has the shape (5, 12)"),
        ("token-classification", {"id2label": {"0": "O"}}, "1 label, too few"),
        ("token-classification", {"id2label": ..., "num_labels": 10**9}, "num_labels is 1000000000"),
        ("text-regression", {"sentence_transformers": {"version": "5.0.0"}}, "a cross-encoder"),
        ("question-answering", {"edgebert_no_answer": "yes"}, "edgebert_no_answer is 'yes'"),
        ("multi-label-classification", {"thresholds": [0.5]}, "not a number for each of the 3 labels"),
        ("multi-label-classification", {"thresholds": [0.5, 0.5, 2]}, "thresholds has 2, not a probability"),
        ("multi-label-classification", {"thresholds": [0.5, 0.5, True]}, "thresholds has True"),
        ("multi-label-classification", {"thresholds": {"x": 0.5}}, "names 'x', which is not a label of id2label"),
        ("multi-label-classification", {"thresholds": "0.5"}, "thresholds is '0.5'"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(tmp_path, task, changes, words):
    """The message names the key and both sides."""
    folder = task_folder(tmp_path / "model", task)
    fakes.edit_json(folder / "config.json", **changes)
    assert words in refusal(folder).message


def test_a_lone_output_is_a_number_and_names_no_label(tmp_path):
    """With problem_type or without; with its count as num_labels or as id2label."""
    folder = task_folder(tmp_path / "model", "text-regression")
    for changes in ({"problem_type": "regression"}, {"id2label": ..., "label2id": ..., "num_labels": 1}):
        fakes.edit_json(folder / "config.json", **changes)
        assert (load_model(folder).checkpoint.task, read_labels(folder)) == ("text-regression", ())


def test_one_label_can_be_one_of_several(tmp_path):
    """A yes or no with a threshold."""
    keys = {"id2label": {0: "spam"}, "problem_type": "multi_label_classification"}
    checkpoint = load_model(task_folder(tmp_path / "model", "multi-label-classification", **keys)).checkpoint
    assert (checkpoint.task, checkpoint.labels) == ("multi-label-classification", ("spam",))


@pytest.mark.parametrize("value", [[0.25, 0.5, 1], {"c": 1.0, "a": 0.25}])
def test_thresholds_are_read_and_written(tmp_path, value):
    """As a list, or by label with a half where a label has none; a saved model keeps them."""
    folder = task_folder(tmp_path / "model", "multi-label-classification")
    fakes.edit_json(folder / "config.json", thresholds=value)
    model = load_model(folder)
    assert model.checkpoint.settings.thresholds == (0.25, 0.5, 1.0)
    (tmp_path / "again").mkdir()
    save_model(model, tmp_path / "again")
    assert load_model(tmp_path / "again").checkpoint.settings.thresholds == (0.25, 0.5, 1.0)


def test_no_answer_is_read_and_written(tmp_path):
    """A model that was trained for questions without an answer stays one."""
    folder = task_folder(tmp_path / "model", "question-answering")
    fakes.edit_json(folder / "config.json", edgebert_no_answer=True)
    model = load_model(folder)
    assert model.checkpoint.meaning == Meaning(settings=TaskSettings(no_answer=True))
    (tmp_path / "again").mkdir()
    save_model(model, tmp_path / "again")
    assert load_model(tmp_path / "again").checkpoint.settings.no_answer


def test_tags_without_an_outside_are_noted(tmp_path, caplog):
    """Plain tags, one for every token, have no O."""
    folder = task_folder(tmp_path / "model", "token-classification", id2label={0: "NOUN", 1: "VERB", 2: "DET"})
    with caplog.at_level("INFO", logger="edgebert"):
        assert load_model(folder).checkpoint.labels == ("NOUN", "VERB", "DET")
    assert "no label is called O" in caplog.text


@pytest.mark.parametrize("task", TASKS)
def test_tensors_beside_the_head_are_refused(tmp_path, task):
    """Nothing is left over, but for the head of pre-training and the old buffer of positions."""
    folder = task_folder(tmp_path / "model", task)
    state = load_file(folder / WEIGHTS)
    prefix = "" if task == "feature-extraction" else "distilbert."
    harmless = {
        f"{prefix}embeddings.position_ids": torch.arange(24),
        "vocab_layer_norm.weight": torch.ones(12),
        "vocab_projector.bias": torch.ones(5),
    }
    save_file(state | harmless, folder / WEIGHTS)
    load_model(folder)
    save_file(state | {"extra.weight": torch.ones(2)}, folder / WEIGHTS)
    assert "extra.weight" in refusal(folder).message


@pytest.mark.parametrize("task", TASKS)
def test_a_pruned_model_of_every_task_is_saved_as_it_was(tmp_path, task):
    """Uneven widths: the reopened model computes the same to the last bit."""
    model = load_model(task_folder(tmp_path / "model", task))
    keep = Keep(layers=(0, 1), heads=((0, 2), (1,)), neurons=(tuple(range(7)), tuple(range(3, 20))))
    pruned = cut(model, keep)
    (tmp_path / "again").mkdir()
    save_model(pruned, tmp_path / "again")
    reopened = load_model(tmp_path / "again")
    assert reopened.checkpoint.architecture.heads == (2, 1)
    before, after = (batch_outputs(each.module, IDS, 0) for each in (pruned, reopened))
    assert all(torch.equal(before[name], after[name]) for name in before)


@pytest.mark.parametrize(
    ("task", "words"),
    [
        ("text-regression", r"has the logits \[-?(inf|nan)\]: "),
        ("token-classification", r"has the logits with \d+ of 15 numbers that are NaN or infinite: "),
    ],
)
def test_outputs_that_overflow_are_refused_in_one_short_line(tmp_path, task, words):
    """Weights that are finite and too large: few outputs are shown, many are counted."""
    folder = task_folder(tmp_path / "model", task)
    weights = load_file(folder / WEIGHTS)["classifier.weight"]
    edit_weights(folder, classifier__weight=3e38 * weights.sign())
    assert re.search(words, refusal(folder).message)


KEYS = ("architectures", "id2label", "num_labels", "problem_type", "thresholds", "edgebert_no_answer", "dim")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    place = tmp_path_factory.mktemp("tasks")
    return {task: task_folder(place / task, task) for task in TASKS}


@settings(max_examples=80, deadline=None)
@given(task=st.sampled_from(TASKS), changes=st.dictionaries(st.sampled_from(KEYS), ANY, min_size=1, max_size=3))
def test_whatever_stands_in_the_configuration_it_is_read_or_refused(folders, task, changes):
    """No value of any key leads to another exception than a refusal in one line that names the file."""
    config = folders[task] / "config.json"
    before = config.read_bytes()
    fakes.edit_json(config, **changes)
    message = ""
    try:
        task_of(folders[task])
    except CheckpointError as error:
        message = error.message
    finally:
        config.write_bytes(before)
    assert not message or str(folders[task]) in message
    assert "\n" not in message
