"""A bundle in the hands of Optimum and a transformers pipeline, in an environment with Optimum: make test-optimum."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip(
    "optimum.onnxruntime", reason="needs Optimum, which has an environment of its own: make test-optimum"
)

from optimum.onnxruntime import ORTModelForSequenceClassification
from transformers import AutoModelForSequenceClassification, AutoTokenizer, pipeline

from edgebert.bundle import open_bundle
from edgebert.prediction import predict

ROOT = Path(__file__).parents[3]
FILES = ("int8.onnx", "baseline/float32.onnx")
# The same library runs the same file on the same ids; what is left is rounding in two ways to write a softmax.
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def bundle(folder):
    return open_bundle(folder / "int8")


def open_in_optimum(bundle, file):
    path = bundle.path(file)
    where = {} if path.parent == bundle.root else {"subfolder": path.parent.name}
    model = ORTModelForSequenceClassification.from_pretrained(bundle.root, file_name=path.name, **where)
    return model, AutoTokenizer.from_pretrained(bundle.root)


def answers(bundle, file, texts):
    """Return label and probabilities by label of each text, one at a time, as a pipeline gives them."""
    model, tokenizer = open_in_optimum(bundle, file)
    classify = pipeline("text-classification", model=model, tokenizer=tokenizer, top_k=None)
    found = []
    for text in texts:
        scores = {item["label"]: item["score"] for item in classify([text], truncation=True)[0]}
        found.append((max(scores, key=scores.get), [scores[label] for label in bundle.manifest.labels]))
    return found


@pytest.mark.parametrize("file", FILES)
def test_a_pipeline_answers_as_edgebert_does_here(bundle, expected, file):
    """A transformers pipeline over Optimum's model gives the labels and probabilities of edgebert.predict."""
    found = answers(bundle, file, expected["texts"])
    ours = predict(bundle.root, expected["texts"], file=file)
    assert [label for label, _ in found] == [item.label for item in ours]
    np.testing.assert_allclose([p for _, p in found], [item.probabilities for item in ours], rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("file", FILES)
def test_a_pipeline_answers_as_edgebert_did_in_the_environment_that_made_the_bundle(bundle, expected, file):
    """The answers also equal those that edgebert gave under transformers 5, where the bundle was made."""
    found = answers(bundle, file, expected["texts"])
    made = expected["bundles"]["int8"]["predictions"][file]
    assert [label for label, _ in found] == [item["label"] for item in made]
    np.testing.assert_allclose([p for _, p in found], [item["probabilities"] for item in made], rtol=0, atol=TOLERANCE)


def test_the_tokenizer_makes_the_golden_ids(bundle):
    """The tokenizer that transformers opens from the bundle makes the recorded ids of every golden text."""
    tokenizer = AutoTokenizer.from_pretrained(bundle.root)
    for case in bundle.golden().cases:
        assert tuple(tokenizer(case.texts[0], truncation=True)["input_ids"]) == case.windows[0].input_ids, case.texts[0]


def test_the_command_line_gives_the_answers_too(bundle, expected, edgebert):
    """The command edgebert predict prints the labels and probabilities that the pipeline gives."""
    texts = expected["texts"]
    done = edgebert("predict", bundle.root, *texts, "--file", "int8.onnx", "--json")
    assert done.returncode == 0, done.stderr
    printed = json.loads(done.stdout)
    found = answers(bundle, "int8.onnx", texts)
    assert [item["label"] for item in printed] == [label for label, _ in found]
    np.testing.assert_allclose(
        [list(item["probabilities"].values()) for item in printed], [p for _, p in found], rtol=0, atol=TOLERANCE
    )


def test_the_benchmarks_peer_computes_the_checkpoint(bundle, folder, tmp_path):
    """The peer's script makes float and int8 files here that compute the same checkpoint as edgebert's float file."""
    done = subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "optimum_peer.py", folder / "checkpoint", tmp_path],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert {item["name"] for item in json.loads((tmp_path / "versions.json").read_text())} >= {"optimum", "onnxruntime"}

    from edgebert.runtime import open_runner

    spec = bundle.manifest.text
    runners = {
        name: open_runner(path, runtime="onnxruntime", spec=spec, task="text-classification")
        for name, path in {
            "ours": bundle.path("baseline/float32.onnx"),
            "float": tmp_path / "model.onnx",
            "int8": tmp_path / "int8.onnx",
        }.items()
    }
    tolerance = bundle.artifact("int8.onnx").tolerance
    for case in bundle.golden().cases:
        ours = runners["ours"].run(case.windows[0].input_ids)["logits"]
        np.testing.assert_allclose(runners["float"].run(case.windows[0].input_ids)["logits"], ours, rtol=0, atol=1e-4)
        np.testing.assert_allclose(
            runners["int8"].run(case.windows[0].input_ids)["logits"], ours, rtol=0, atol=tolerance
        )


def test_a_pruned_checkpoint_answers_as_it_did_in_the_environment_that_cut_it(folder, expected):
    """Uneven widths load under transformers 4.57 too, and give the probabilities that transformers 5 gave."""
    found = predict(folder / "pruned", expected["texts"])
    made = expected["pruned"]
    assert [item.label for item in found] == [item["label"] for item in made]
    wanted = [item["probabilities"] for item in made]
    np.testing.assert_allclose([item.probabilities for item in found], wanted, rtol=0, atol=TOLERANCE)


def test_stock_transformers_refuses_a_pruned_checkpoint(folder):
    """Widths that its configuration cannot express are an error there, never a model of random weights."""
    with pytest.raises(RuntimeError, match=r"size mismatch|ignore_mismatched_sizes"):
        AutoModelForSequenceClassification.from_pretrained(folder / "pruned")
