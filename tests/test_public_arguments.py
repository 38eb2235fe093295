"""Arguments of public functions as people pass them: they work, or an EdgebertError names the argument in one line."""

from __future__ import annotations

import functools
import inspect
import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

import edgebert
from edgebert.arguments import (
    PLACE,
    Factor,
    Positive,
    Rate,
    Share,
    check_options,
    expect,
    integers_of,
    path_of,
    strings_of,
)
from edgebert.errors import EdgebertError, UsageError
from edgebert.recipe import PruneOptions
from tests.support import fakes

ROOT = Path(__file__).parents[1]

# Values that no parameter is made for, or that only some take.
HOSTILE = (
    None, 5, -1, 1.5, math.nan, True, "", "nowhere at all", b"bytes", object(), [], [None], [math.nan], [5], {},
    {"a": 1}, ("x", 5), Path("nowhere at all"), "\0", "half \ud83d", print, np.zeros(3), np.array(["a"], object),
)  # fmt: skip


def calls(folder: Path) -> dict[str, dict[str, Any]]:
    """Return arguments for each public function with which it fails late or works at once."""
    data = fakes.write_data(folder / "data.csv", [("good", 0), ("bad", 1)])
    dataset = edgebert.read_dataset(data, labels=fakes.LABELS)
    texts = edgebert.read_training(data, labels=None)
    report = str(ROOT / "tests" / "golden" / "report-1.json")
    model, bundle, out = str(fakes.shared_checkpoint()), str(fakes.shared_bundle()), str(folder / "data.csv")
    place = edgebert.android_place(str(folder))
    # An output that is taken ends each function that writes, after it has looked at its arguments.
    return {
        "android_place": {"assets": str(folder), "folder": "edgebert", "package": None, "kotlin_out": None},
        "bench": {
            "bundle": bundle, "out": out, "devices": ["local"], "evaluation": dataset, "suite": edgebert.Suite(),
            "files": (), "runtimes": (), "python": None, "worker": None, "cache": str(folder), "clean": False,
            "restart": False, "force": False,
        },
        "build_worker": {"out": out, "cache": out, "force": False},
        "check": {"bundle": bundle, "report": report, "limits": edgebert.Limits(max_mb=1)},
        "compare": {"old": report, "new": report, "allow": ()},
        "embed": {
            "bundle": bundle, "place": place, "file": None, "public_key": None, "check": True, "force": False,
        },
        "found_devices": {"adb": "no-such-adb", "cache": None},
        "inspect": {"bundle": bundle},
        "new_key": {"path": out},
        "read_labels": {"target": bundle},
        "read_report": {"path": report},
        "render_report": {"reports": report, "format": "csv"},
        "set_up_emulator": {"cache": out},
        "sign": {"bundle": bundle, "key": out},
        "built_in_recipes": {},
        "diagnose": {},
        "evaluate": {
            "target": bundle, "data": dataset, "runtime": "onnxruntime", "file": "int8.onnx", "metric": "accuracy",
        },
        "export_bundle": {
            "model": model, "out": out, "recipe": "int8", "training": None, "baseline": None, "evaluation": dataset,
            "formats": ("onnx",), "lengths": (8, 16), "options": edgebert.AnswerOptions(),
            "keep_baselines": True, "allow_added_tokens": False,
            "force": False,
        },
        "finetune": {
            "base": model, "training": dataset, "evaluation": dataset, "out": out,
            "options": edgebert.FinetuneOptions(), "force": False,
        },
        "import_bert": {"source": model, "out": out, "force": False},
        "load_model": {"source": model},
        "load_recipe": {"name": "int8"},
        "open_bundle": {"path": bundle, "check": True},
        "plan": {
            "model": model, "training": texts, "evaluation": dataset, "out": out,
            "bounds": edgebert.Bounds(max_drop=1), "force": False,
        },
        "predict": {
            "target": bundle, "texts": ["good"], "file": "int8.onnx", "runtime": None,
            "options": edgebert.AnswerOptions(),
        },
        "prune": {
            "model": model, "training": texts, "out": out, "options": edgebert.PruneOptions(keep=0.5),
            "vocabulary": None, "latency": None, "force": False,
        },
        "read_dataset": {"path": str(data), "labels": fakes.LABELS, "text_column": None, "label_column": None},
        "read_training": {"path": str(data), "labels": None, "text_column": None, "label_column": None},
        "strip": {"bundle": bundle, "out": out, "force": False},
        "verify": {"target": bundle, "runtimes": ("onnxruntime",)},
    }  # fmt: skip


FUNCTIONS = [name for name in edgebert.__all__ if name.islower()]
PARAMETERS = [(name, key) for name in FUNCTIONS for key in inspect.signature(getattr(edgebert, name)).parameters]


def refusal(call: Callable[[], object]) -> EdgebertError | None:
    """Return the error of ours that a call ends in; any other one ends the test."""
    try:
        call()
    except EdgebertError as error:
        return error
    return None


@pytest.mark.parametrize(("name", "parameter"), PARAMETERS)
def test_a_strange_argument_works_or_is_named(tmp_path: Path, name: str, parameter: str, monkeypatch) -> None:
    """No value of any parameter of any public function ends in an error of Python's own."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.chdir(tmp_path)
    given = calls(tmp_path)[name]
    for index, value in enumerate(HOSTILE):
        if parameter in {"out", "cache", "place"} and "nowhere" in str(value):
            continue  # a good place for an output, where the work would begin
        error = refusal(functools.partial(getattr(edgebert, name), **given | {parameter: value}))
        if error is not None:
            assert "\n" not in error.message, (index, error.message)
            assert len(error.message) < 500, (index, error.message)


@pytest.mark.parametrize("kind", ["AnswerOptions", "FinetuneOptions", "PruneOptions", "Bounds", "Limits", "Suite"])
def test_strange_options_work_or_are_named(tmp_path: Path, kind: str, monkeypatch) -> None:
    """Options of another type are refused when they are made, or when they are used."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    uses = {
        "AnswerOptions": "export_bundle options",
        "FinetuneOptions": "finetune options",
        "PruneOptions": "prune options",
        "Bounds": "plan bounds",
        "Limits": "check limits",
        "Suite": "bench suite",
    }
    name, parameter = uses[kind].split()
    given = calls(tmp_path)[name]
    needed = {"PruneOptions": {"keep": 0.5}, "Bounds": {"max_drop": 1.0}, "Limits": {"max_mb": 1}}.get(kind, {})
    make = getattr(edgebert, kind)
    for field in inspect.signature(make).parameters:
        for value in HOSTILE:
            with pytest.raises(EdgebertError) as caught:
                getattr(edgebert, name)(**given | {parameter: make(**needed | {field: value})})
            assert "\n" not in caught.value.message


# What is taken --------------------------------------------------------------------------------------------------------


def test_paths_may_be_strings(tmp_path: Path) -> None:
    """For every function that reads a path, both spellings are one."""
    data = fakes.write_data(tmp_path / "data.csv", [("good", 0), ("bad", 1)])
    assert edgebert.read_dataset(str(data)) == edgebert.read_dataset(data)
    assert edgebert.read_training(str(data), labels=None) == edgebert.read_training(data, labels=None)
    assert (
        edgebert.open_bundle(str(fakes.shared_bundle())).manifest
        == edgebert.open_bundle(fakes.shared_bundle()).manifest
    )


def test_one_string_is_one_text() -> None:
    """A string is a sequence of characters to Python, and a text to everybody else."""
    assert edgebert.predict(fakes.shared_bundle(), "good") == edgebert.predict(fakes.shared_bundle(), ["good"])


@pytest.mark.parametrize(
    "texts", [("good", "bad"), {"good": 1, "bad": 2}, iter(["good", "bad"]), np.array(["good", "bad"])]
)
def test_texts_may_be_anything_to_iterate_over(texts) -> None:
    """Tuples, arrays, generators, the keys of a dictionary; answers hold plain strings."""
    answers = edgebert.predict(fakes.shared_bundle(), texts)
    assert [answer.text for answer in answers] == ["good", "bad"]
    assert all(type(answer.text) is str for answer in answers)


@pytest.mark.parametrize(
    ("texts", "message"),
    [
        (["good", None], "texts[1] is None, expected a string"),
        ([math.nan], "texts[0] is nan, expected a string"),
        (["good", 5], "texts[1] is 5, expected a string"),
        ([["good"]], "texts[0] is ['good'], expected a string"),
        (b"good", "texts is b'good', expected a list of strings"),
        (None, "texts is None, expected a list of strings"),
        (5, "texts is 5, expected a list of strings"),
    ],
)
def test_what_is_no_text_is_named_by_its_index(texts, message: str) -> None:
    """A column of a table with holes has None and NaN in it."""
    with pytest.raises(UsageError) as caught:
        edgebert.predict(fakes.shared_bundle(), texts)
    assert caught.value.message == message


def test_one_format_or_runtime_may_be_a_string(tmp_path: Path) -> None:
    """formats="onnx" is the format, not its letters; so is a runtime of verify."""
    bundle = edgebert.export_bundle(fakes.shared_checkpoint(), str(tmp_path / "b"), formats="onnx", lengths=[16, 8])
    assert {item.format for item in bundle.manifest.artifacts} == {"onnx"}
    assert edgebert.verify(bundle.root, runtimes="onnxruntime") == edgebert.verify(
        bundle.root, runtimes=("onnxruntime",)
    )


# The checks -----------------------------------------------------------------------------------------------------------


def test_kinds_are_named_in_words() -> None:
    """What was expected is said as people say it; True is no integer, an integer is a number."""
    with pytest.raises(UsageError, match=r"^x is True, expected an integer or a string or None$"):
        expect("x", True, int, str, type(None))
    with pytest.raises(UsageError, match=r"^x is 5, expected a string or a path or a function$"):
        expect("x", 5, *PLACE, Callable)
    with pytest.raises(UsageError, match=r"^x is 'a', expected a PruneOptions$"):
        expect("x", "a", PruneOptions)
    expect("x", 5, float)
    expect("x", np.float64(0.5), float)
    expect("x", False, bool)
    with pytest.raises(UsageError, match=r"^keep is 'x', expected a number$"):
        PruneOptions(keep="x")


@dataclass
class _Options:
    some_share: Share = 0.5
    rate: Rate | None = None
    counts: tuple[Positive, ...] = ()
    format: Literal["onnx", "tflite"] = "onnx"
    factor: Factor = 1
    name: str = ""


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"some_share": 1.5}, "some_share is 1.5, not from 0 to 1"),
        ({"some_share": "x"}, "some_share is 'x', expected a number"),
        ({"rate": 1}, "rate is 1, not above 0 and below 1"),
        ({"rate": "x"}, "rate is 'x', expected a number or None"),
        ({"counts": (1, 0)}, "counts[1] is 0, not from 1 to 9007199254740992"),
        ({"counts": (1.5,)}, "counts[0] is 1.5, expected an integer"),
        ({"format": "coreml"}, "format is 'coreml', not one of onnx, tflite"),
        ({"factor": float("inf")}, "factor is inf, not above 0"),
        ({"factor": float("nan")}, "factor is nan, not above 0"),
        ({"name": 5}, "name is 5, expected a string"),
    ],
)
def test_options_are_checked_by_their_annotations(changes, message: str) -> None:
    """The message names field, value and range; with flags the field is named as on the command line."""
    check_options(_Options())
    with pytest.raises(UsageError) as caught:
        check_options(_Options(**changes))
    assert caught.value.message == message
    with pytest.raises(UsageError) as caught:
        check_options(_Options(**changes), flags=True)
    assert caught.value.message == "--" + message.replace("_", "-")


def test_paths_and_lists_are_checked() -> None:
    """An empty path would be the working directory."""
    assert path_of("x", "a/b") == Path("a/b")
    for value in ("", "\0", "half \ud83d", 5, b"a", None):
        with pytest.raises(UsageError, match=r"^x is "):
            path_of("x", value)
    assert strings_of("x", "ab") == ("ab",)
    assert integers_of("x", np.array([1, 2])) == (1, 2)
    for value in (5, "12", [1.5], [True], None):
        with pytest.raises(UsageError, match=r"^x"):
            integers_of("x", value)
