"""What a bundle or a checkpoint answers to a text, and which file of it answers."""

from __future__ import annotations

from importlib import metadata

import numpy as np
import pytest

from edgebert.checkpoint import load_model
from edgebert.errors import UsageError
from edgebert.prediction import predict, task_of
from tests.support import fakes


def test_a_checkpoint_answers_with_the_softmax_of_its_logits():
    """Label and probabilities of predict are those of torch."""
    model = load_model(fakes.shared_checkpoint())
    ids = [model.tokenizer.encode(text).ids for text in fakes.TEXTS]
    logits = fakes.torch_logits(model.module, ids).astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    for answer, text, row in zip(predict(fakes.shared_checkpoint(), fakes.TEXTS), fakes.TEXTS, shares, strict=True):
        assert answer.text == text
        assert answer.label == fakes.LABELS[int(row.argmax())]
        assert answer.probability == pytest.approx(row.max(), abs=1e-5)
        assert answer.probabilities == pytest.approx(row.tolist(), abs=1e-5)


@pytest.mark.parametrize("file", ["baseline/float32.onnx", "baseline/float32.tflite"])
def test_a_float_file_answers_as_the_checkpoint_does(file):
    """Probabilities agree to float rounding, text by text."""
    bundle = predict(fakes.shared_bundle(), fakes.TEXTS, file=file)
    checkpoint = predict(fakes.shared_checkpoint(), fakes.TEXTS)
    for mine, theirs in zip(bundle, checkpoint, strict=True):
        assert mine.label == theirs.label
        assert mine.probabilities == pytest.approx(theirs.probabilities, abs=1e-4)


@pytest.mark.parametrize("target", ["bundle", "checkpoint"])
def test_any_text_has_an_answer(target):
    """Empty, endless, foreign and control characters are texts too; no texts have no answers."""
    path = fakes.shared_bundle() if target == "bundle" else fakes.shared_checkpoint()
    texts = ["", " ", "good " * 5000, "价格便宜 😀", "\x00\x07\n\t", "[MASK] [SEP]"]
    answers = predict(path, texts)
    assert [answer.text for answer in answers] == texts
    assert [answer.tokens for answer in answers[:2]] == [2, 2]
    assert [answer.truncated for answer in answers] == [False, False, True, False, False, False]
    assert all(answer.label in fakes.LABELS and 0.5 <= answer.probability <= 1 for answer in answers)
    assert predict(path, []) == ()


def test_a_lone_surrogate_is_refused():
    """No UTF-8 can hold it, so no app could send it."""
    with pytest.raises(UsageError, match="surrogate"):
        predict(fakes.shared_bundle(), ["half \ud83d"])


def test_predict_chooses_file_and_runtime():
    """By default the first file that ships; a runtime chooses the first that it runs; a file is taken by its name."""
    first = predict(fakes.shared_bundle(), ["good"])
    assert first == predict(fakes.shared_bundle(), ["good"], file="int8.onnx")
    lite = predict(fakes.shared_bundle(), ["good"], runtime="litert")
    assert lite == predict(fakes.shared_bundle(), ["good"], file="int8.tflite") != first


@pytest.mark.parametrize(
    "choice", [{"runtime": "torch"}, {"runtime": "x"}, {"file": "x"}, {"file": "int8.onnx", "runtime": "litert"}]
)
def test_predict_refuses_what_does_not_go_together(choice):
    """Each is one line of usage error."""
    with pytest.raises(UsageError):
        predict(fakes.shared_bundle(), ["good"], **choice)


def test_predict_takes_a_file_whose_runtime_is_here(monkeypatch):
    """Without ONNX Runtime, the TFLite file of the same bundle answers."""
    real = metadata.version

    def version(name: str) -> str:
        if name == "onnxruntime":
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)
    expected = predict(fakes.shared_bundle(), ["good"], file="int8.tflite")
    assert predict(fakes.shared_bundle(), ["good"]) == expected


def test_labels_are_those_of_the_target():
    """A bundle says them in its manifest, a checkpoint in its configuration."""
    assert task_of(fakes.shared_bundle()) == task_of(fakes.shared_checkpoint())
    assert task_of(fakes.shared_bundle())[1].labels == fakes.LABELS
