"""Real bundles of tiny models with random weights: checkpoints as transformers saves them, and what export makes."""

from __future__ import annotations

import dataclasses
import functools
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tests.support import fakes
from tests.support.once import made_once

if TYPE_CHECKING:
    from edgebert.bundle import Bundle
    from edgebert.meaning import Task

MAX_LENGTH = 64
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
        settings={"id2label": dict(enumerate(("O", "B-PER", "I-PER")))},
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


@dataclasses.dataclass(frozen=True, kw_only=True)
class Made:
    """A checkpoint folder, a bundle of it, and the data file that it was scored on."""

    task: Task
    model: Path
    bundle: Bundle
    data: Path


@functools.cache
def task_bundle(task: Task) -> Made:
    """Return what tests share of a task: look at it, copy it, don't change it."""
    from edgebert.bundle import open_bundle

    def make(folder: Path) -> None:
        _make(task, folder)

    make.__name__ = task
    folder = made_once(make)
    return Made(task=task, model=folder / "model", bundle=open_bundle(folder / "bundle"), data=folder / "data.jsonl")


def task_checkpoint(
    folder: Path, architecture: str, settings: dict[str, Any], *, seed: int, head_scale: float = 1.0
) -> None:
    """Save a tiny model of a class of transformers with random weights, and its tokenizer.

    Args:
        folder: Folder to make.
        architecture: Name of the class.
        settings: What ``config.json`` says of its task.
        seed: Seed of the weights.
        head_scale: What the weights of an answering head are multiplied with: a large one is certain of its answers.
    """
    import transformers

    labels = settings.get("id2label", {})
    config = transformers.DistilBertConfig(
        vocab_size=len(fakes.VOCABULARY),
        dim=32,
        n_heads=4,
        hidden_dim=64,
        n_layers=2,
        max_position_embeddings=MAX_LENGTH,
        label2id={label: index for index, label in labels.items()} or None,
        **settings,
    )
    module = getattr(transformers, architecture)(config)
    fakes.set_random(module, seed)
    if head_scale != 1.0:
        module.qa_outputs.weight.data *= head_scale
    module.save_pretrained(folder)
    fakes.write_tokenizer(folder)


def _make(task: Task, folder: Path) -> None:
    from edgebert.pipeline import export_bundle

    case = CASES[task]
    task_checkpoint(folder / "model", case.architecture, case.settings, seed=3)
    data = folder / "data.jsonl"
    data.write_text("".join(f"{json.dumps(row)}\n" for row in case.rows), encoding="utf-8")
    lengths = (16, MAX_LENGTH)
    export_bundle(folder / "model", folder / "bundle", formats=case.formats, lengths=lengths, evaluation=data)
