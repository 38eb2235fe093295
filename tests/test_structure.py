"""A manifest of every task agrees with itself, and each setting that does not fit its task is told."""

from __future__ import annotations

from dataclasses import replace

import pytest

from edgebert.manifest import Manifest, TensorSpec
from edgebert.meaning import NO_SETTINGS, DenseSetting, Task, TaskSettings
from edgebert.structure import contradictions
from tests.support.tiny_files import make_manifest

HIDDEN = make_manifest().architecture.hidden
DENSE = (DenseSetting(outputs=7, activation="tanh"),)
CASES: dict[Task, tuple[tuple[str, ...], TaskSettings, dict[str, tuple[int | str, ...]]]] = {
    "text-classification": (("a", "b"), NO_SETTINGS, {"logits": (2,)}),
    "multi-label-classification": (("a", "b", "c"), TaskSettings(thresholds=(0.5, 0.4, 0.5)), {"logits": (3,)}),
    "text-regression": ((), NO_SETTINGS, {"logits": (1,)}),
    "token-classification": (("O", "B-x"), TaskSettings(aggregation="first"), {"logits": ("length", 2)}),
    "question-answering": (
        (),
        TaskSettings(stride=2, no_answer=True),
        {"start_logits": ("length",), "end_logits": ("length",)},
    ),
    "feature-extraction": (
        (),
        TaskSettings(pooling="mean", normalize=True, dense=DENSE, width=7),
        {"sentence_embedding": (7,)},
    ),
}
"""Labels, settings and outputs of each task, without the dimension of the batch."""


def manifest_of(task: Task, **changes: object) -> Manifest:
    """Return the manifest of a tiny bundle of a task; ``changes`` are of its settings."""
    labels, settings, outputs = CASES[task]
    plain = make_manifest()
    artifacts = tuple(
        replace(
            item,
            outputs=tuple(
                TensorSpec(name=name, dtype="float32", shape=(item.inputs[0].shape[0], *shape))
                for name, shape in outputs.items()
            ),
        )
        for item in plain.artifacts
    )
    settings = replace(settings, **changes)  # type: ignore[arg-type]
    return replace(plain, task=task, labels=labels, settings=settings, artifacts=artifacts)


@pytest.mark.parametrize("task", CASES)
def test_a_manifest_of_every_task_agrees_with_itself(task: Task):
    """Labels, settings and outputs that belong together contradict nothing."""
    assert list(contradictions(manifest_of(task))) == []
    if task == "question-answering":
        assert list(contradictions(manifest_of(task, stride=None))) == []


def test_the_order_of_outputs_means_nothing():
    """A converter of TFLite files sorts the outputs of a signature by name."""
    plain = manifest_of("question-answering")
    turned = tuple(replace(item, outputs=item.outputs[::-1]) for item in plain.artifacts)
    assert list(contradictions(replace(plain, artifacts=turned))) == []


@pytest.mark.parametrize("task", CASES)
def test_settings_of_another_task_are_told(task: Task):
    """A field that the task does not have keeps its default, whatever the field is."""
    others = {
        "thresholds": (0.5,),
        "aggregation": "max",
        "stride": 1,
        "no_answer": True,
        "pooling": "first",
        "normalize": True,
        "dense": DENSE,
        "width": HIDDEN,
    }
    for field, value in others.items():
        if getattr(CASES[task][1], field) == getattr(NO_SETTINGS, field):
            found = list(contradictions(manifest_of(task, **{field: value})))
            assert any(text.startswith(f"settings.{field} is ") for text in found), field


@pytest.mark.parametrize(
    ("task", "field", "value"),
    [
        ("multi-label-classification", "thresholds", (0.5,)),
        ("token-classification", "aggregation", None),
        ("question-answering", "stride", 8),
        ("feature-extraction", "pooling", None),
        ("feature-extraction", "width", None),
        ("feature-extraction", "width", HIDDEN),
        ("feature-extraction", "dense", ()),
    ],
)
def test_settings_that_a_task_needs_are_told(task: Task, field: str, value: object):
    """One that lacks, or that does not fit the rest of the manifest, is a contradiction."""
    assert any("settings." in text for text in contradictions(manifest_of(task, **{field: value})))


@pytest.mark.parametrize("task", CASES)
def test_labels_are_there_where_a_task_has_them(task: Task):
    """Labels of a task without any, and none of a task with some, are a contradiction."""
    plain = manifest_of(task)
    other = replace(plain, labels=() if plain.labels else ("a", "b"))
    assert any(text.startswith("labels is ") for text in contradictions(other))


@pytest.mark.parametrize("task", CASES)
def test_outputs_of_another_shape_are_told(task: Task):
    """One number more in the last dimension of an output is a contradiction."""
    plain = manifest_of(task)
    (first, *others) = plain.artifacts
    outputs = tuple(replace(item, shape=(*item.shape[:-1], 99)) for item in first.outputs)
    changed = replace(plain, artifacts=(replace(first, outputs=outputs), *others))
    assert any("inputs and outputs" in text for text in contradictions(changed))
