"""A bundle for each task that the Hub has a pipeline for, inputs, and what edgebert makes of them as plain values."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_args

from edgebert.bundle import Bundle
from edgebert.entities import Aggregation
from edgebert.examples import Example
from edgebert.meaning import Task
from edgebert.pipeline import export_bundle
from edgebert.prediction import Predictor, file_predictor
from tests.support import fakes
from tests.support.task_bundles import MAX_LENGTH, task_checkpoint

FILES = ("int8.onnx", "baseline/float32.onnx")

TEXTS = (
    *fakes.TEXTS,
    "Angela Merkel met Barack Obama in Berlin, Germany, on 5 May 2015.",
    "Tested 👍 in O'Neill's U.S.-based shop (N.Y.): not very good!",
    "the battery is great and the screen is awful, it is not very good but it is tested " * 3,
)
CONTEXT = "The letter was written by Ada Lovelace in 1843, and the battery of the screen is not very good."
QUESTIONS = (
    ("Who wrote the letter?", CONTEXT),
    ("What is good?", f"😀 {CONTEXT} It is great!"),
    ("where is it", f"{CONTEXT} " * 4),
    ("why?", "good"),
    ("is it?", "the battery is bad"),
    ("not good?", "awful"),
    ("bad battery", "very"),
    ("great screen", "it is 42"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A task: the class of transformers and the settings of its checkpoint."""

    architecture: str
    settings: dict[str, Any]


CASES: dict[Task, Case] = {
    "multi-label-classification": Case(
        architecture="DistilBertForSequenceClassification",
        settings={"problem_type": "multi_label_classification", "id2label": dict(enumerate(("fast", "cheap", "ok")))},
    ),
    "text-regression": Case(
        architecture="DistilBertForSequenceClassification",
        settings={"problem_type": "regression", "num_labels": 1},
    ),
    "token-classification": Case(
        architecture="DistilBertForTokenClassification",
        settings={"id2label": dict(enumerate(("O", "B-PER", "I-PER", "B-LOC", "I-LOC")))},
    ),
    "question-answering": Case(architecture="DistilBertForQuestionAnswering", settings={}),
    "feature-extraction": Case(architecture="DistilBertModel", settings={}),
}


def make_task_bundles(folder: Path) -> dict[str, Any]:
    """Make a bundle for each task, and return the inputs of each and what edgebert answers."""
    return {task: _make(task, folder) for task in CASES}


def _make(task: Task, folder: Path) -> dict[str, Any]:
    case, checkpoint, answers = CASES[task], folder / "checkpoints" / task, task == "question-answering"
    # Certain of some answers, and of none to other questions.
    seed, scale = (0, 3.0) if answers else (5, 1.0)
    task_checkpoint(checkpoint, case.architecture, case.settings, seed=seed, head_scale=scale)
    bundle = export_bundle(checkpoint, folder / task, formats=("onnx",), lengths=(MAX_LENGTH,))
    inputs = QUESTIONS if task == "question-answering" else tuple((text,) for text in TEXTS)
    return {"inputs": inputs, "files": {file: _answers(bundle, file, inputs) for file in FILES}}


def _answers(bundle: Bundle, file: str, inputs: tuple[tuple[str, ...], ...]) -> dict[str, Any]:
    """Return the outputs of each window of each input, and the answers by each way to read them."""
    predictor = file_predictor(bundle, bundle.artifact(file), None)
    encoded = [predictor.encode(Example(texts=texts)) for texts in inputs]
    outputs = [
        [{name: array.tolist() for name, array in window.items()} for window in predictor.outputs(item)]
        for item in encoded
    ]
    answers = {name: [reader.answer(*texts) for texts in inputs] for name, reader in _readers(predictor)}
    return {"outputs": outputs, "answers": answers}


def _readers(predictor: Predictor) -> Iterator[tuple[str, Predictor]]:
    """Yield each way to read the outputs of a model, by its name in the Hub's pipeline."""
    task, meaning = predictor.head.task, predictor.meaning
    ways: dict[str, dict[str, Any]] = {"plain": {}}
    if task == "token-classification":
        ways = {name: {"aggregation": name} for name in get_args(Aggregation)}
    if task == "question-answering":
        ways = {"answer": {"no_answer": False}, "answer or none": {"no_answer": True}}
    for name, changes in ways.items():
        settings = dataclasses.replace(meaning.settings, **changes)
        yield name, dataclasses.replace(predictor, meaning=dataclasses.replace(meaning, settings=settings))
