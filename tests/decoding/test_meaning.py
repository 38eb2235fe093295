"""What Java and JavaScript read of a bundle of any task: labels, settings, golden windows; and their self-test."""

from __future__ import annotations

import copy
import dataclasses
import json

import numpy as np
import pytest

from edgebert.bundle import open_bundle
from edgebert.meaning import NO_SETTINGS, TaskSettings
from edgebert.text import TextEncoder
from tests.android.calls import shipped
from tests.support import fakes
from tests.support.jvm import Jvm
from tests.support.peer import Refused
from tests.support.tokenizing import reference

STRIDE = 3

MEANINGS = {
    "text-classification": (("a", "b"), NO_SETTINGS),
    "multi-label-classification": (("a", "b"), TaskSettings(thresholds=(0.25, 0.5))),
    "text-regression": ((), NO_SETTINGS),
    "token-classification": (("O", "B-x"), TaskSettings(aggregation="average")),
    "question-answering": ((), TaskSettings(stride=STRIDE, no_answer=True)),
    "feature-extraction": ((), TaskSettings(pooling="mean", normalize=True, width=32)),
}

OUTPUTS = {"token-classification": ("logits",), "question-answering": ("start_logits", "end_logits")}

TEXTS = {
    "token-classification": [["good \U0001f600 battery"], [""], ["the screen " * 20]],
    "question-answering": [["good", "the battery, na\u00efve \U0001f600 " * 9], ["good " * 30, "bad"], ["", ""]],
}


@pytest.fixture
def bundle(tmp_path):
    """A copy of a bundle, to be changed."""
    return fakes.copy_of(fakes.shared_bundle(), tmp_path / "bundle")


def read_meaning(peer, folder):
    """Return what a peer reads of the task of a bundle."""
    if isinstance(peer, Jvm):
        peer.call("open", folder=str(folder))
        return peer.call("meaning")
    return peer.call("meaning", content=(folder / "edgebert.json").read_text(encoding="utf-8"))


def set_task(folder, task, labels, settings):
    """Give a bundle another task, with settings as plain JSON."""
    fakes.edit_json(folder / "edgebert.json", schema=5, task=task, labels=list(labels), settings=settings)


@pytest.mark.parametrize("task", MEANINGS)
def test_settings_are_read(peer, bundle, task):
    """Labels, thresholds and what else the checkpoint fixes are read for each task; what is not there has a default."""
    labels, settings = MEANINGS[task]
    set_task(bundle, task, labels, dataclasses.asdict(settings))
    found = read_meaning(peer, bundle)
    assert (found["task"], found["labels"]) == (task, list(labels))
    assert found["thresholds"] == list(settings.thresholds)
    assert found["aggregation"] == (settings.aggregation or "first")
    assert found["noAnswer"] is settings.no_answer
    assert found["width"] == settings.width
    if settings.stride is not None:
        assert found["stride"] == settings.stride


@pytest.mark.parametrize(
    ("task", "labels", "change", "message"),
    [
        ("token-classification", (), {}, "labels is (empty|no list of names)"),
        ("question-answering", ("a",), {}, "labels is not empty"),
        ("multi-label-classification", ("a",), {}, "thresholds (has 0 numbers instead of 1|is no list of 1 numbers)"),
        ("multi-label-classification", ("a",), {"thresholds": [1.5]}, "thresholds .*from 0 to 1"),
        ("token-classification", ("O",), {"thresholds": [0.5]}, "thresholds (has 1|is no list of 0)"),
        ("token-classification", ("O",), {"aggregation": "last"}, 'aggregation is "last", which is none of'),
        ("question-answering", (), {"stride": -1}, "stride is"),
        ("question-answering", (), {"no_answer": 1}, "no_answer is not a boolean"),
    ],
)
def test_settings_that_cannot_be_are_refused(peer, bundle, task, labels, change, message):
    """Settings that do not fit the task are an error that names the field."""
    set_task(bundle, task, labels, dataclasses.asdict(NO_SETTINGS) | change)
    with pytest.raises(Refused, match=message) as caught:
        read_meaning(peer, bundle)
    assert caught.value.plain_kind == "damaged_file"


def golden_of(encoder, task):
    """Return golden cases of schema 3 with random outputs for the texts of a task: the same for the same ids."""
    labels, settings = MEANINGS[task]
    cases = []
    for texts in TEXTS[task]:
        windows = []
        pair = task == "question-answering"
        found = encoder.pair_windows(*texts, stride=settings.stride)[0] if pair else (encoder.window(*texts)[0],)
        for window in found:
            rng = np.random.default_rng(window.ids)
            shape = (len(window.ids), len(labels)) if labels else (len(window.ids),)
            outputs = {
                name: {"shape": list(shape), "values": rng.normal(size=shape).astype(np.float32).ravel().tolist()}
                for name in OUTPUTS[task]
            }
            windows.append({"input_ids": window.ids, "offsets": window.offsets, "outputs": outputs})
        cases.append({"texts": texts, "windows": windows})
    return json.loads(json.dumps(cases))


def replay(peer, folder, task, cases, given):
    """Return the problems of a self-test of golden cases, where a model gives the outputs of others, in their order."""
    labels, settings = MEANINGS[task]
    windows = [window for case in given for window in case["windows"]]
    if isinstance(peer, Jvm):
        set_task(folder, task, labels, dataclasses.asdict(settings))
        manifest = json.loads((folder / "edgebert.json").read_text(encoding="utf-8"))
        file = shipped(fakes.shared_bundle()).file
        for artifact in manifest["artifacts"]:
            artifact["outputs"] = [
                {"name": name, "dtype": "float32", "shape": ["batch", "length", *([len(labels)] if labels else [])]}
                for name in OUTPUTS[task]
            ]
            artifact["tolerance"] = 1e-3
        fakes.edit_json(folder / "edgebert.json", artifacts=manifest["artifacts"])
        (folder / "golden.json").write_text(json.dumps({"schema": 3, "cases": cases}), encoding="utf-8")
        fakes.restate(folder, "golden.json")
        peer.call("open", folder=str(folder))
        runs = [
            {"outputs": [{"values": list(map(repr, window["outputs"][name]["values"]))} for name in OUTPUTS[task]]}
            for window in windows
        ]
        return peer.call("self-test", file=file, runs=runs)["problems"]
    content = json.dumps({"schema": 3, "cases": cases})
    outputs = {
        ",".join(map(str, window["input_ids"])): {
            name: list(map(repr, output["values"])) for name, output in window["outputs"].items()
        }
        for window in windows
    }
    encodings = {
        "|".join(case["texts"]): [
            {"ids": window["input_ids"], "characters": window["offsets"]} for window in case["windows"]
        ]
        for case in given
    }
    golden = peer.call("golden", content=content)
    return peer.call("self test", golden=golden, tolerance=1e-3, windows=encodings, outputs=outputs)["problems"]


@pytest.fixture
def encoder():
    """Python's encoder of the bundle."""
    opened = open_bundle(fakes.shared_bundle())
    return TextEncoder(reference(opened.path("vocab.txt"), lower_case=True), opened.manifest.text.max_length)


@pytest.mark.parametrize("task", OUTPUTS)
def test_golden_windows_are_replayed(peer, bundle, encoder, task):
    """Every window of a golden case is compared: ids, offsets in code points, and each output by its name."""
    right = golden_of(encoder, task)
    assert max(len(case["windows"]) for case in right) > 1 or task == "token-classification"
    assert replay(peer, bundle, task, right, right) == []

    wrong = copy.deepcopy(right)
    wrong[-1]["windows"][-1]["offsets"][-2][1] += 1
    (problem,) = replay(peer, bundle, task, wrong, right)
    assert problem.lower().startswith("offsets of ")

    wrong = copy.deepcopy(right)
    wrong[-1]["windows"].append(wrong[-1]["windows"][0])
    (problem,) = replay(peer, bundle, task, wrong, right)
    assert "windows instead of" in problem

    given = copy.deepcopy(right)
    name = OUTPUTS[task][-1]
    given[0]["windows"][-1]["outputs"][name]["values"][-1] += 0.01
    (problem,) = replay(peer, bundle, task, right, given)
    assert problem.lower().startswith(f"{name} of ")

    constant = copy.deepcopy(right)
    for window in (window for case in constant for window in case["windows"]):
        for output in window["outputs"].values():
            output["values"] = [0.0] * len(output["values"])
    problems = replay(peer, bundle, task, right, constant)
    assert problems[-1].lower().startswith(f"the model gives the same {' and '.join(OUTPUTS[task])} for every text")
