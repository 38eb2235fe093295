"""A checkpoint loads exactly as transformers loads it; a path or a name that leads to none is refused."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
import transformers
from safetensors.torch import load_file

from edgebert.checkpoint import load_model
from edgebert.errors import CheckpointError, EnvironmentProblem
from edgebert.folder import locate
from edgebert.inspection import read_labels
from tests.checkpoint.folders import CLASSIFIER, WEIGHTS, edit_weights, refusal
from tests.support import fakes


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
    assert (found.name, found.path, found.task) == ("my-model", folder, "text-classification")
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
    edit_weights(folder, classifier__weight=load_file(folder / WEIGHTS)[CLASSIFIER] + 1)
    second = load_model(folder).checkpoint.sha256
    fakes.edit_json(folder / "config.json", seq_classif_dropout=0.5)
    third = load_model(folder).checkpoint.sha256
    fakes.write_tokenizer(folder, lower_case=False)
    assert len({first, second, third, load_model(folder).checkpoint.sha256}) == 4


def test_labels_are_read_without_the_weights(folder):
    """read_labels needs the configuration only."""
    (folder / WEIGHTS).unlink()
    assert read_labels(folder) == fakes.LABELS


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


@pytest.mark.parametrize("name", ["distilbert-base-uncased-finetuned-sst-2-english", "someone/some-model"])
def test_a_hub_id_that_cannot_be_reached_is_one_line(name):
    """Offline, the message says that it is no folder either and that the Hub was not reached."""
    with pytest.raises(EnvironmentProblem) as caught:
        load_model(name)
    assert "\n" not in caught.value.message
    assert f"'{name}' is not a local folder, and the Hub cannot be reached" in caught.value.message
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
