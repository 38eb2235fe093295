"""The record of a pruning is saved and read whole, or refused with the key that is wrong."""

from __future__ import annotations

import dataclasses
import json

import pytest

from edgebert.architecture import PRUNING_SCHEMA
from edgebert.checkpoint import load_model
from edgebert.errors import upgrade_line
from edgebert.jsonio import dumps
from tests.checkpoint.folders import refusal
from tests.checkpoint.models import FULL, PRUNING, UNEVEN, in_memory, saved
from tests.support import fakes


@pytest.mark.parametrize("changes", [{}, {"vocabulary": None, "distillation": None, "budget": "latency"}])
def test_the_record_of_a_pruning_comes_back(tmp_path, changes):
    """pruning.json holds the whole record, and load_model returns an equal one."""
    pruning = dataclasses.replace(PRUNING, **changes)
    folder = saved(in_memory(pruning=pruning), tmp_path / "model")
    assert (folder / "pruning.json").read_text(encoding="utf-8") == dumps(pruning)
    assert load_model(folder).checkpoint.pruning == pruning


def test_a_record_of_schema_1_was_computed_in_float32(tmp_path):
    """Only later ones say in what their training computed."""
    folder = saved(in_memory(pruning=PRUNING), tmp_path / "model")
    plain = json.loads((folder / "pruning.json").read_text(encoding="utf-8"))
    del plain["distillation"]["precision"]
    (folder / "pruning.json").write_text(json.dumps({**plain, "schema": 1}), encoding="utf-8")
    assert load_model(folder).checkpoint.pruning == dataclasses.replace(PRUNING, schema=1)


def test_a_record_of_a_newer_edgebert_is_refused_before_its_fields_are_read(tmp_path):
    """The hint says to upgrade, whatever else a later version may have put in."""
    folder = saved(in_memory(pruning=PRUNING), tmp_path / "model")
    fakes.edit_json(folder / "pruning.json", schema=PRUNING_SCHEMA + 1, unheard_of=True, layers=...)
    error = refusal(folder)
    assert f"schema {PRUNING_SCHEMA + 1}; this edgebert reads up to {PRUNING_SCHEMA}" in error.message
    assert error.hint == upgrade_line()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"schema": ...}, "not a pruning record: there is no schema number"),
        ({"schema": "1"}, "not a pruning record: there is no schema number"),
        ({"schema": 0}, "not a pruning record: there is no schema number"),
        ({"schema": True}, "not a pruning record: there is no schema number"),
        ({"seed": ...}, "the key 'seed' is missing"),
        ({"seed": 1.5}, "seed is 1.5"),
        ({"extra": 1}, "unknown key 'extra'"),
        ({"budget": "watts"}, "budget is"),
        ({"train": {"name": "x"}}, "train.sha256"),
        ({"layers": [0, "2"]}, "layers[1]"),
        ({"layers": [2, 0]}, "layers is [2, 0], not ascending numbers of the original's layers, 0 to 2"),
        ({"layers": [0, 0]}, "layers is [0, 0]"),
        ({"layers": [0, 3]}, "layers is [0, 3]"),
        ({"layers": [-1, 0]}, "layers[0] is -1"),
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
