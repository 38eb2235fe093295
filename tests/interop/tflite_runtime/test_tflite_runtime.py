"""Bundles in the old interpreter. Runs where tflite-runtime is and torch is not: make test-tflite-runtime."""

import json
import sys

import numpy as np
import pytest

from edgebert.bundle import open_bundle

pytest.importorskip(
    "tflite_runtime.interpreter",
    reason="needs tflite-runtime, which has an environment of its own: make test-tflite-runtime",
    exc_type=ImportError,
)

RUNTIME = "tflite-runtime"
FLOAT, LEGACY, PER_CHANNEL = "baseline/float32.tflite", "int8-legacy.tflite", "int8.tflite"


def read(done):
    """Return the JSON that a command printed."""
    return json.loads(done.stdout)


def logits_check(checks, file):
    """Return the check of a file's logits in the old runtime."""
    (found,) = [item for item in checks if (item["what"], item["file"]) == ("logits", file)]
    assert found["runtime"] == RUNTIME
    return found


def test_this_environment_has_no_torch():
    """Verifying, scoring and predicting need neither torch nor transformers, which this environment lacks."""
    for name in ("torch", "transformers", "onnxruntime", "ai_edge_litert"):
        with pytest.raises(ImportError):
            __import__(name)


def test_the_legacy_bundle_verifies(folder, edgebert):
    """Its TFLite files give the golden logits here; its ONNX files are named as not run, for want of a runtime."""
    done = edgebert("verify", folder / "int8-legacy", "--json")
    assert done.returncode == 0, done.stdout + done.stderr
    checks = read(done)["checks"]
    assert logits_check(checks, LEGACY)["ok"] is True
    assert logits_check(checks, FLOAT)["ok"] is True
    assert {item["ok"] for item in checks if item["file"].endswith(".onnx") and item["what"] == "logits"} == {None}


def test_the_legacy_file_scores_as_in_litert(folder, expected, edgebert):
    """Its scores on labelled texts equal those that LiteRT gave where the bundle was made."""
    done = edgebert("evaluate", folder / "int8-legacy", "--eval", folder / "data.tsv", "--runtime", RUNTIME, "--json")
    assert done.returncode == 0, done.stderr
    results = {item["file"]: item for item in read(done)["results"]}
    assert set(results) == {FLOAT, LEGACY}
    for file, found in results.items():
        made = expected["bundles"]["int8-legacy"]["scores"][file]
        assert found["runtime"] == RUNTIME
        assert made["runtime"] == "litert"
        assert {**found, "runtime": ""} == {**made, "runtime": ""}


@pytest.mark.parametrize("file", [FLOAT, LEGACY])
def test_the_legacy_bundle_predicts_as_in_litert(folder, expected, edgebert, file):
    """Labels are those of LiteRT; probabilities differ by no more than both files' distance from float allows."""
    done = edgebert("predict", folder / "int8-legacy", *expected["texts"], "--file", file, "--json")
    assert done.returncode == 0, done.stderr
    found, made = read(done), expected["bundles"]["int8-legacy"]["predictions"][file]
    assert [item["label"] for item in found] == [item["label"] for item in made]
    # Each logit is within the tolerance of float in either runtime; a probability moves by half of that at the most.
    atol = open_bundle(folder / "int8-legacy").artifact(file).tolerance
    rows = [list(item["probabilities"].values()) for item in found], [item["probabilities"] for item in made]
    np.testing.assert_allclose(*rows, rtol=0, atol=atol)


def test_verify_catches_the_per_channel_file(folder, edgebert):
    """The old runtime computes per-channel files wrongly, without an error: verify exits 1 and says which file."""
    done = edgebert("verify", folder / "int8", "--json")
    assert done.returncode == 1
    assert PER_CHANNEL in done.stderr
    checks = read(done)["checks"]
    failed = logits_check(checks, PER_CHANNEL)
    assert failed["ok"] is False
    assert RUNTIME in failed["detail"]
    assert "int8-legacy" in failed["hint"]
    assert logits_check(checks, FLOAT)["ok"] is True
    assert [item["file"] for item in checks if item["ok"] is False] == [PER_CHANNEL]


@pytest.mark.parametrize("words", [("evaluate", "--eval", "data.tsv"), ("predict", "good")])
def test_nothing_is_computed_with_the_per_channel_file(folder, edgebert, words):
    """Evaluate refuses to score with such a runtime, and predict to answer: exit 1, file and runtime named."""
    command, *rest = words
    rest = [folder / word if word == "data.tsv" else word for word in rest]
    done = edgebert(command, folder / "int8", *rest, "--runtime", RUNTIME, "--file", PER_CHANNEL, "--json")
    assert done.returncode == 1
    assert done.stdout == ""
    assert PER_CHANNEL in done.stderr
    assert RUNTIME in done.stderr
    assert "int8-legacy" in done.stderr


def test_doctor_finds_the_old_runtime_and_no_clash(edgebert):
    """Doctor lists tflite-runtime as working, and its requirements (numpy 1, Python 3.11) as met here."""
    done = edgebert("doctor", "--json")
    assert done.returncode == 0, done.stderr
    findings = {item["topic"]: item for item in read(done)}
    assert findings[f"runtime {RUNTIME}"]["status"] == "ok"
    assert findings["runtime litert"]["status"] == "absent"
    assert "clash" not in {item["status"] for item in findings.values()}
    assert sys.version_info < (3, 12)


def test_doctor_says_what_would_clash(edgebert):
    """With numpy 2 beside tflite-runtime, doctor names both and how to fix it."""
    from edgebert.doctor import Installed, findings, installed_packages

    packages = installed_packages()
    packages["numpy"] = Installed(version="2.4.6")
    packages["tflite-runtime"] = Installed(version="2.14.0", requires=("numpy<2",))
    (clash,) = [item for item in findings(packages, python="3.11.7", cpu="x86_64 avx2") if item.status == "clash"]
    assert "numpy" in clash.topic
    assert RUNTIME in clash.detail
    assert clash.hint
