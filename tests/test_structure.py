"""A manifest of every task agrees with itself; each setting and score that does not fit its task is told."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from edgebert.architecture import PRUNING_SCHEMA
from edgebert.manifest import EvaluationData, Manifest, Score, TensorSpec
from edgebert.meaning import NO_SETTINGS, DenseSetting, Task, TaskSettings
from edgebert.metrics import METRICS, outside
from edgebert.structure import contradictions
from edgebert.tasks import TASK_HEADS
from tests.support.cut_models import pruning_of
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


SHARE, CORRELATION, ERROR = (0.0, 1.0), (-1.0, 1.0), (0.0, math.inf)
BOUNDS = {
    **dict.fromkeys(("accuracy", "macro_f1", "micro_f1", "label_macro_f1", "subset_accuracy"), SHARE),
    **dict.fromkeys(("pearson", "spearman"), CORRELATION),
    "rmse": ERROR,
    **dict.fromkeys(("entity_f1", "entity_precision", "entity_recall"), SHARE),
    **dict.fromkeys(("strict_entity_f1", "strict_entity_precision", "strict_entity_recall"), SHARE),
    **dict.fromkeys(("answer_f1", "exact_match", "recall_at_10"), SHARE),
    **dict.fromkeys(("cosine", "cosine_p1", "pair_spearman"), CORRELATION),
}
"""What each metric can be, by its definition."""


def scored(task: Task, metric: str, **changes: float) -> Manifest:
    """Return the manifest of a task whose files are scored; ``changes`` are of the first file's score."""
    plain = manifest_of(task)
    artifacts = []
    for item in plain.artifacts:
        runtime = "onnxruntime" if item.format == "onnx" else "litert"
        score = Score(file=item.file, runtime=runtime, metric=metric, value=0.5, low=0.25, high=0.75, examples=8)
        if item.role == "shipped":
            numbers = {"difference": 0.0, "difference_low": -0.25, "difference_high": 0.25, "agreement": 1.0}
            score = replace(score, baseline=f"baseline/float32.{item.format}", flips=0, **numbers)
        artifacts.append(replace(item, score=replace(score, **({} if artifacts else changes))))  # type: ignore[arg-type]
    data = EvaluationData(name="dev.tsv", sha256="ab" * 32, examples=8, truncated=0)
    return replace(plain, artifacts=tuple(artifacts), evaluation=data)


def test_every_metric_has_its_bounds():
    """Each metric of each task is in the table."""
    assert {metric for head in TASK_HEADS for metric in head.metrics} == set(BOUNDS) == set(METRICS)


@pytest.mark.parametrize(("task", "metric"), [(head.task, metric) for head in TASK_HEADS for metric in head.metrics])
def test_scores_are_within_the_bounds_of_their_metric(task: Task, metric: str):
    """What the metric can be agrees with itself, up to the bounds; a number beyond them is told, and NaN anyway."""
    low, high = BOUNDS[metric]
    assert list(contradictions(scored(task, metric))) == []
    widest = {"low": low, "high": min(high, 1e9), "difference_low": low - high, "difference_high": high - low}
    widest = {name: min(max(number, -1e9), 1e9) for name, number in widest.items()}
    assert list(contradictions(scored(task, metric, **widest))) == []
    beyond = [{"low": low - 0.01}, {"high": math.nan}, {"low": math.nan}, {"difference_low": math.nan}]
    if high < math.inf:
        most = high - low
        beyond += [{"high": high + 0.01}, {"difference_low": -most - 0.01}, {"difference_high": most + 0.01}]
    for changes in beyond:
        found = list(contradictions(scored(task, metric, **changes)))
        assert found, changes
        assert all(text.startswith("artifacts[0].score") for text in found), changes


@pytest.mark.parametrize("changes", [{"low": 0.6}, {"high": 0.4}, {"difference_low": 0.1}, {"difference_high": -0.1}])
@pytest.mark.parametrize("task", CASES)
def test_a_score_is_in_its_own_interval(task: Task, changes: dict[str, float]):
    """So is the difference in its own, whatever the task."""
    (metric, *_) = next(head.metrics for head in TASK_HEADS if head.task == task)
    assert any("in its interval" in text for text in contradictions(scored(task, metric, **changes)))


@pytest.mark.parametrize("task", CASES)
def test_a_metric_of_another_task_is_told(task: Task):
    """A score of a metric that the task does not have."""
    known = next(head.metrics for head in TASK_HEADS if head.task == task)
    other = next(metric for metric in BOUNDS if metric not in known)
    assert any(f"metric is {other!r}" in text for text in contradictions(scored(task, other)))


@pytest.mark.parametrize("metric", BOUNDS)
def test_a_plan_refuses_scores_beyond_the_bounds_of_their_metric(metric: str):
    """The same bounds hold in the state of a plan, which names the number."""
    low, high = BOUNDS[metric]
    fine = scored("text-classification", metric).artifacts[0].score
    assert fine is not None
    assert outside(fine) == ""
    beyond = {"value": low - 0.01, "low": low - 0.01, "difference_low": low - high - 0.01}
    beyond |= {"high": high + 0.01, "difference": high - low + 0.01}
    for name, number in beyond.items():
        if math.isfinite(number):
            assert outside(replace(fine, **{name: number})).startswith(f"{name} is "), name  # type: ignore[arg-type]


def test_a_cut_of_every_version_of_its_record_is_taken():
    """A manifest may hold a record of a cut as old as the first and as new as is written today, and no newer."""
    plain = make_manifest()
    kept = tuple(range(plain.architecture.layers))
    for schema, found in ((0, 1), (1, 0), (PRUNING_SCHEMA, 0), (PRUNING_SCHEMA + 1, 1)):
        cut = replace(pruning_of(plain.architecture, layers=kept), schema=schema)
        told = [line for line in contradictions(replace(plain, pruning=cut)) if line.startswith("pruning.schema")]
        assert len(told) == found
