"""Every task from a checkpoint folder to a bundle that answers, is scored, verified and planned for a device."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import transformers

from edgebert.benchmarking.run.workload import make_workload
from edgebert.benchmarking.suite import Suite
from edgebert.data import read_dataset
from edgebert.evaluation import evaluate
from edgebert.prediction import predict, task_of
from edgebert.verification import verify
from tests.support.task_bundles import CASES, Made, task_bundle


@pytest.fixture(scope="module", params=CASES)
def made(request: pytest.FixtureRequest) -> Made:
    """A checkpoint folder of a task, a bundle of that, and a data file."""
    return task_bundle(request.param)


def test_a_bundle_is_of_the_task_of_its_checkpoint(made: Made):
    """The manifest has task, labels and settings of the checkpoint, and every check of verify passes."""
    bundle = made.bundle
    assert task_of(bundle.root) == task_of(made.model)
    assert bundle.manifest.task == made.task
    assert all(check.ok for check in verify(bundle.root))


def test_the_float_file_answers_as_the_checkpoint(made: Made):
    """The same answer to a text with an emoji and a combining accent, with numbers within rounding."""
    given = [CASES[made.task].given]
    (found,) = predict(made.bundle.root, given, file="baseline/float32.onnx")
    (expected,) = predict(made.model, given)
    assert _plain(found).keys() == _plain(expected).keys()
    for name, value in _plain(expected).items():
        assert _plain(found)[name] == pytest.approx(value, abs=1e-4), name


def _plain(value: Any) -> dict[str, Any]:
    """Return a prediction as flat names and values, which ``approx`` compares."""
    plain = dataclasses.asdict(value)
    for number, entity in enumerate(plain.pop("entities", ())):
        plain |= {f"entity {number} {name}": item for name, item in entity.items()}
    return plain


def test_every_file_is_scored_against_float(made: Made):
    """By the first metric of the task, as in the manifest; the int8 file is paired with the float one."""
    bundle = made.bundle
    scores = {score.file: score for score in evaluate(bundle.root, made.data).results}
    assert scores == {item.file: item.score for item in bundle.manifest.artifacts}
    assert all(scores[item.file].baseline == f"baseline/float32.{item.format}" for item in bundle.shipped)


def test_a_device_gets_every_window(made: Made):
    """A pair is not what a tokenizer is timed on: it would see one half."""
    data = read_dataset(made.data, task=made.task, labels=made.bundle.manifest.labels)
    work = make_workload(made.bundle, data, Suite(accuracy=None))
    assert work.examples == data.examples
    assert bool(work.timed) == (made.task != "question-answering")
    assert all(item.windows for item in work.shipped.accuracy)


def test_entities_are_those_of_the_pipeline(made: Made):
    """Transformers' own pipeline finds the same in the checkpoint folder."""
    if made.task != "token-classification":
        return
    text = "good bad film 😀 not great bad"
    pipe = transformers.pipeline("token-classification", str(made.model), aggregation_strategy="first")
    (found,) = predict(made.bundle.root, [text], file="baseline/float32.onnx")
    entities = _plain(found)
    expected = {}
    for number, item in enumerate(pipe(text)):
        assert item["word"]
        expected |= {
            f"entity {number} type": item["entity_group"],
            f"entity {number} start": item["start"],
            f"entity {number} end": item["end"],
        }
        assert entities[f"entity {number} score"] == pytest.approx(float(item["score"]), abs=1e-4)
    assert expected == {name: entities[name] for name in expected}
    assert sum(name.endswith("type") for name in entities) == sum(name.endswith("type") for name in expected)
