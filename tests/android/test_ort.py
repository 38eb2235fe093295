"""The classifier of the app on a JVM: our tokenizer, ONNX Runtime through its Java API and our decoder."""

from __future__ import annotations

import json

import numpy as np
import pytest

from edgebert.batching import pad_batch
from edgebert.bundle import open_bundle
from edgebert.ondevice.session import open_session
from edgebert.text import open_encoder
from tests.android import full_answers
from tests.android.calls import decoded, error_of
from tests.support import fakes
from tests.support.jvm import Jvm
from tests.support.tokenizing import random_texts

FILES = ("int8.onnx", "baseline/float32.onnx")
HARD = (
    "",
    " \t",
    "Great battery!",
    "[MASK] is [SEP] it",
    "Ünïcödé \U0001f44d ok",
    "good " * 300,
    "x" * 100_000,
    "\u4e00\u4e8c" * 30,
)


def open_model(jvm, folder, file, *, threads=1, check=True):
    return jvm.call("model open", folder=str(folder), file=file, threads=threads, check=check)


def texts(folder):
    golden = [case.texts[0] for case in open_bundle(folder).golden().cases]
    return [*golden, *HARD, *random_texts(5, count=40, tokens=fakes.VOCABULARY)]


@pytest.mark.parametrize("file", FILES)
def test_answers_are_those_of_python(ort_jvm, file):
    """A real bundle gives Python's ids exactly, and its logits and labels as the same file gives them in Python."""
    folder = fakes.shared_bundle()
    opened = open_bundle(folder)
    artifact = opened.artifact(file)
    session = open_session(str(folder / file), "onnxruntime")
    encoder = open_encoder(folder / "tokenizer.json", opened.manifest.text.max_length)
    open_model(ort_jvm, folder, file)
    asked = texts(folder)
    rows = ort_jvm.call("model answers", texts=asked)
    found = np.array([logits for _, logits, *_ in rows])
    expected = np.array([session.run(*pad_batch([ids], 0))["logits"][0] for ids in map(encoder.encode, asked)])
    assert [tuple(ids) for ids, *_ in rows] == [encoder.encode(text) for text in asked]
    # Other versions of the runtime add in another order. A different rounding of one activation moves an 8-bit answer
    # much further, so that one is held to the manifest's tolerance.
    assert np.abs(found - expected).max() <= artifact.tolerance
    answers = [decoded(row, opened.manifest.labels) for row in expected]
    sure = np.abs(expected[:, 0] - expected[:, 1]) > 2 * np.abs(found - expected).max()
    assert sure.mean() > 0.8
    labels = [label for _, _, label, _ in rows]
    assert [label for label, is_sure in zip(labels, sure, strict=True) if is_sure] == [
        answer.label for answer, is_sure in zip(answers, sure, strict=True) if is_sure
    ]


@pytest.mark.parametrize("file", FILES)
@pytest.mark.parametrize("threads", [1, 2])
def test_self_test_passes(ort_jvm, file, threads):
    """Every golden text of a real bundle passes in ONNX Runtime's Java API, with one thread and with two."""
    open_model(ort_jvm, fakes.shared_bundle(), file, threads=threads)
    found = ort_jvm.call("model self-test")
    assert found["problems"] == []
    assert found["passed"]
    assert found["texts"] == len(open_bundle(fakes.shared_bundle()).golden().cases)
    assert found["max_difference"] <= open_bundle(fakes.shared_bundle()).artifact(file).tolerance


def test_full_size_comparison_of_answers_runs(ort_jvm, bundle, capsys):
    """The command that compares answers ends with 0 where they agree, with 1 where not, with 2 without a bundle."""
    assert full_answers.main(["--bundle", str(bundle), "--random", "30"]) == 0
    said = capsys.readouterr().out.splitlines()
    assert said[-1] == "the same answers"
    assert said.count("  ids: 0 texts differ") == 2
    golden = json.loads((bundle / "golden.json").read_text())
    golden["cases"][1]["windows"][0]["outputs"]["logits"]["values"][0] += 100
    (bundle / "golden.json").write_text(json.dumps(golden))
    fakes.restate(bundle, "golden.json")
    assert full_answers.main(["--bundle", str(bundle), "--random", "0"]) == 1
    assert "  self-test: logits of " in capsys.readouterr().out
    assert full_answers.main(["--bundle", str(bundle.parent)]) == 2
    assert capsys.readouterr().err.startswith("error: ")


def test_self_test_refuses_another_model(ort_jvm, bundle):
    """A file that is another function than the manifest says, hash and all, is refused by the golden texts."""
    fakes.replace_artifact(bundle, FILES[1], (bundle / FILES[0]).read_bytes())
    open_model(ort_jvm, bundle, FILES[1])
    found = ort_jvm.call("model self-test")
    assert not found["passed"]
    assert found["problems"][0].startswith('logits of "" are ')


def test_damaged_model_is_refused(ort_jvm, bundle):
    """A model file with one other byte is refused before the runtime sees it."""
    fakes.flip_byte(bundle / FILES[0])
    kind, message = error_of(ort_jvm, "model open", folder=str(bundle), file=FILES[0], threads=1, check=True)
    assert kind == "DAMAGED_FILE"
    assert message.startswith(f"{FILES[0]}: is not the file that the manifest describes")


@pytest.mark.parametrize("content", [b"", b"not a model", b"\x08\x08" + bytes(5000)], ids=["empty", "text", "cut"])
def test_runtime_refuses_what_is_no_model(ort_jvm, bundle, content):
    """What is no model, and the manifest calls one all the same, ends in one line from the runtime, not in a crash."""
    fakes.replace_artifact(bundle, FILES[0], content)
    kind, message = error_of(ort_jvm, "model open", folder=str(bundle), file=FILES[0], threads=1, check=True)
    assert kind == "RUNTIME_FAILURE"
    assert message.startswith("onnxruntime: ")


def test_half_a_model_is_refused(ort_jvm, bundle):
    """The first half of a model, its hash stated as right, does not open."""
    content = (bundle / FILES[0]).read_bytes()
    fakes.replace_artifact(bundle, FILES[0], content[: len(content) // 2])
    assert error_of(ort_jvm, "model open", folder=str(bundle), file=FILES[0], threads=1, check=True)[0] in (
        "RUNTIME_FAILURE",
        "DAMAGED_FILE",
    )


@pytest.mark.parametrize(
    ("where", "change", "kind", "message"),
    [
        ("inputs", {"dtype": "int32"}, "DAMAGED_FILE", "input_ids=int64}, but the manifest states {"),
        ("inputs", {"name": "tokens"}, "RUNTIME_FAILURE", "takes tokens as int64, which this app cannot fill in"),
        ("outputs", {"name": "scores"}, "DAMAGED_FILE", "has the outputs {logits=float32}, but the manifest states {"),
    ],
)
def test_other_inputs_than_the_manifest_states(ort_jvm, bundle, where, change, kind, message):
    """A file with other inputs or outputs than its manifest is refused when it is opened, with both."""
    manifest = json.loads((bundle / "edgebert.json").read_text())
    artifact = next(item for item in manifest["artifacts"] if item["file"] == FILES[0])
    artifact[where][0] |= change
    fakes.write_manifest(bundle / "edgebert.json", manifest)
    found, text = error_of(ort_jvm, "model open", folder=str(bundle), file=FILES[0], threads=1, check=True)
    assert found == kind
    assert text.startswith(f"{FILES[0]}: ")
    assert message in text


@pytest.mark.parametrize("threads", [0, -1, 257])
def test_impossible_numbers_of_threads(ort_jvm, threads):
    """A number of threads that cannot be is refused."""
    folder = str(fakes.shared_bundle())
    kind, message = error_of(ort_jvm, "model open", folder=folder, file=FILES[0], threads=threads, check=True)
    assert (kind, message) == ("BAD_REQUEST", f"{threads} threads: from 1 to 256 can be asked for")


def test_files_of_another_format_are_refused(ort_jvm):
    """A TFLite file is not given to ONNX Runtime."""
    folder = str(fakes.shared_bundle())
    kind, message = error_of(ort_jvm, "model open", folder=folder, file="int8.tflite", threads=1, check=True)
    assert (kind, message) == ("BAD_REQUEST", "int8.tflite: is no ONNX file; this runtime opens no other")


def test_labels_that_do_not_match_the_model(ort_jvm, bundle):
    """A manifest with a label too many does not get a wrong answer out of a model of two."""
    fakes.edit_json(bundle / "edgebert.json", labels=[*fakes.LABELS, "neutral"])
    open_model(ort_jvm, bundle, FILES[0])
    kind, message = error_of(ort_jvm, "model answer", text="good")
    assert kind == "LABEL_MISMATCH"
    assert message == "the model gives 2 logits, but the manifest has 3 labels"


def test_closed_models_run_no_more(ort_jvm):
    """A question to a closed model is an error; closing it again does nothing."""
    open_model(ort_jvm, fakes.shared_bundle(), FILES[0])
    ort_jvm.call("model close")
    ort_jvm.call("model close")
    assert error_of(ort_jvm, "model answer", text="good") == ("CLOSED", "the model was closed")


def test_lone_surrogate_gets_no_answer(ort_jvm):
    """Half a character, as a keyboard that is cut short may send, is an error and no answer."""
    open_model(ort_jvm, fakes.shared_bundle(), FILES[0])
    kind, _ = error_of(ort_jvm, "model answer units", units=[0x67, 0xD83D])
    assert kind == "INVALID_TEXT"
    assert ort_jvm.call("model answer", text="good") in fakes.LABELS


@pytest.mark.parametrize("value", [None, "0"])
def test_runtime_that_may_phone_home_is_not_loaded(value):
    """Without the variable that switches telemetry off, the library is not even loaded."""
    with Jvm(with_ort=True, environment={"ORT_DISABLE_TELEMETRY": value}) as other:
        kind, message = error_of(other, "model runtime")
    assert kind == "RUNTIME_ABSENT"
    assert message == "onnxruntime: its telemetry is not switched off; set ORT_DISABLE_TELEMETRY=1 before its first use"


def test_missing_library_is_an_error(tmp_path):
    """An app without the native library for its processor says so each time, and does not crash."""
    with Jvm([f"-Donnxruntime.native.path={tmp_path}"], with_ort=True, environment={"LD_LIBRARY_PATH": ""}) as other:
        for _ in range(2):
            kind, message = error_of(other, "model runtime")
            assert kind == "RUNTIME_ABSENT"
            assert message.startswith("onnxruntime: does not load here: ")
