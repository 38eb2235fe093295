"""Every task from a checkpoint folder to a bundle that answers, is scored, verified and planned for a device."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import pytest
import transformers

from edgebert.bench.run.workload import make_workload
from edgebert.bench.suite import Suite
from edgebert.bundle import Bundle
from edgebert.data import read_dataset
from edgebert.evaluation import evaluate
from edgebert.meaning import Task
from edgebert.pipeline import export_bundle
from edgebert.prediction import predict, task_of
from edgebert.verification import verify
from tests.support import fakes

PERSON = ("O", "B-PER", "I-PER")
TEXT = "good 😀 bad film not e\u0301 great"
CONTEXT = "bad film . not great at all and good 😀 film but not bad , a great film"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Case:
    """A task: the class of transformers and settings of its checkpoint, an input, and rows of a data file."""

    architecture: str
    settings: dict[str, Any]
    given: Any
    rows: list[dict[str, Any]]
    formats: tuple[str, ...] = ("onnx",)


CASES: dict[Task, Case] = {
    "multi-label-classification": Case(
        architecture="DistilBertForSequenceClassification",
        settings={"problem_type": "multi_label_classification", "id2label": dict(enumerate("abc"))},
        given=TEXT,
        rows=[{"text": "good film", "labels": ["a", "b"]}, {"text": "bad", "labels": []}],
    ),
    "text-regression": Case(
        architecture="DistilBertForSequenceClassification",
        settings={"problem_type": "regression", "num_labels": 1},
        given=TEXT,
        rows=[{"text": word, "score": number} for word, number in (("good", 1.5), ("bad", -0.5), ("film", 0.2))],
    ),
    "token-classification": Case(
        architecture="DistilBertForTokenClassification",
        settings={"id2label": dict(enumerate(PERSON))},
        given=TEXT,
        rows=[{"tokens": ["good", "bad", "film"], "tags": ["O", "B-PER", "I-PER"]}],
    ),
    "question-answering": Case(
        architecture="DistilBertForQuestionAnswering",
        settings={},
        given=("good film ?", CONTEXT),
        rows=[
            {
                "question": "bad",
                "context": CONTEXT,
                "answers": {"text": ["great film"], "answer_start": [CONTEXT.index("great film")]},
            }
        ],
        formats=("onnx", "tflite"),  # the converter puts the two outputs into an order of its own
    ),
    "feature-extraction": Case(
        architecture="DistilBertModel",
        settings={},
        given=TEXT,
        rows=[
            {"sentence1": one, "sentence2": other, "score": number}
            for one, other, number in (("good", "great", 0.9), ("bad", "good film", 0.1), ("film", "a film", 0.7))
        ],
    ),
}


@pytest.fixture(scope="module", params=CASES)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Task, Path, Bundle, Path]:
    """A task, a checkpoint folder of it as transformers saves one, a bundle of that, and a data file."""
    task: Task = request.param
    case, folder = CASES[task], tmp_path_factory.mktemp(task)
    labels = case.settings.get("id2label", {})
    config = transformers.DistilBertConfig(
        vocab_size=len(fakes.VOCABULARY),
        dim=32,
        n_heads=4,
        hidden_dim=64,
        n_layers=2,
        max_position_embeddings=64,
        label2id={label: index for index, label in labels.items()} or None,
        **case.settings,
    )
    module = getattr(transformers, case.architecture)(config)
    fakes.set_random(module, 3)
    module.save_pretrained(folder / "model")
    fakes.write_tokenizer(folder / "model")
    data = folder / "data.jsonl"
    data.write_text("".join(f"{json.dumps(row)}\n" for row in case.rows), encoding="utf-8")
    bundle = export_bundle(folder / "model", folder / "bundle", formats=case.formats, lengths=(16, 64), evaluation=data)
    return task, folder / "model", bundle, data


def test_a_bundle_is_of_the_task_of_its_checkpoint(made: tuple[Task, Path, Bundle, Path]):
    """The manifest has task, labels and settings of the checkpoint, and every check of verify passes."""
    task, model, bundle, _ = made
    assert task_of(bundle.root) == task_of(model)
    assert bundle.manifest.task == task
    assert all(check.ok for check in verify(bundle.root))


def test_the_float_file_answers_as_the_checkpoint(made: tuple[Task, Path, Bundle, Path]):
    """The same answer to a text with an emoji and a combining accent, with numbers within rounding."""
    task, model, bundle, _ = made
    given = [CASES[task].given]
    (found,) = predict(bundle.root, given, file="baseline/float32.onnx")
    (expected,) = predict(model, given)
    assert _plain(found).keys() == _plain(expected).keys()
    for name, value in _plain(expected).items():
        assert _plain(found)[name] == pytest.approx(value, abs=1e-4), name


def _plain(value: Any) -> dict[str, Any]:
    """Return a prediction as flat names and values, which ``approx`` compares."""
    plain = dataclasses.asdict(value)
    for number, entity in enumerate(plain.pop("entities", ())):
        plain |= {f"entity {number} {name}": item for name, item in entity.items()}
    return plain


def test_every_file_is_scored_against_float(made: tuple[Task, Path, Bundle, Path]):
    """By the first metric of the task, as in the manifest; the int8 file is paired with the float one."""
    _, _, bundle, data = made
    scores = {score.file: score for score in evaluate(bundle.root, data).results}
    assert scores == {item.file: item.score for item in bundle.manifest.artifacts}
    assert all(scores[item.file].baseline == f"baseline/float32.{item.format}" for item in bundle.shipped)


def test_a_device_gets_every_window(made: tuple[Task, Path, Bundle, Path]):
    """A pair is not what a tokenizer is timed on: it would see one half."""
    task, _, bundle, path = made
    data = read_dataset(path, task=task, labels=bundle.manifest.labels)
    work = make_workload(bundle, data, Suite(accuracy=None))
    assert work.examples == data.examples
    assert bool(work.timed) == (task != "question-answering")
    assert all(item.windows for item in work.shipped.accuracy)


def test_entities_are_those_of_the_pipeline(made: tuple[Task, Path, Bundle, Path]):
    """Transformers' own pipeline finds the same in the checkpoint folder."""
    task, model, bundle, _ = made
    if task != "token-classification":
        return
    text = "good bad film 😀 not great bad"
    pipe = transformers.pipeline("token-classification", str(model), aggregation_strategy="first")
    (found,) = predict(bundle.root, [text], file="baseline/float32.onnx")
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
