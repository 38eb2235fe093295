"""The gate decides by any metric, and keeps its promise of how many more examples decide."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from benchmarks.metric_worlds import WORLDS
from edgebert.benchmarking.gate.check import check
from edgebert.benchmarking.gate.results import CheckResult, Limits
from edgebert.errors import UsageError
from edgebert.metrics import METRICS
from edgebert.tasks import TEXT_CLASSIFICATION
from tests.benchmarking.gate.gated import ONNX, answered, only, report_of, saved
from tests.support.report_values import (
    FLOAT,
    INT8,
    make_answers,
    make_measurement,
    make_paired_score,
    make_predictions,
)
from tests.support.tiny_files import make_artifact, make_manifest


@pytest.mark.parametrize(("limits", "needed"), [({"min_agreement": 0.98}, 189), ({"max_drop": 1}, 381)])
@pytest.mark.parametrize("from_manifest", [False, True])
def test_the_gate_keeps_its_promise_where_nothing_flipped(tmp_path, limits, needed, from_manifest):
    """100 of 100 equal texts: with as many equal texts as the gate asks for it passes, with one fewer it does not."""

    def found(examples):
        folder = tmp_path / str(examples)
        folder.mkdir()
        item = make_artifact(ONNX, value=1.0)
        labels = [0] * examples
        score = make_paired_score("accuracy", labels, labels, labels)
        bundle = saved(folder, replace(item, score=score))
        report = None if from_manifest else answered(bundle, both=examples, only_float=0, only_file=0, neither=0)
        return only(check(bundle, report=report, limits=Limits(**limits)))

    first = found(100)
    assert (first.verdict, first.more_examples) == ("undecided", needed - 100)
    assert (found(needed - 1).verdict, found(needed).verdict) == ("undecided", "pass")


@pytest.mark.parametrize("flips", [0, 1, 4])
def test_the_promise_is_kept_for_macro_f1(tmp_path, flips):
    """Four balanced labels, few flips, no drop: with N examples, give or take 4 %, it passes and before it does not."""

    def found(times):
        folder = tmp_path / str(times)
        folder.mkdir()
        expected = np.tile(np.arange(4), 25 * times)
        before, after = expected.copy(), expected.copy()
        for label in range(flips):
            before[label::100], after[4 + label :: 100] = (label + 1) % 4, (label + 1) % 4
        score = make_paired_score("macro_f1", expected.tolist(), after.tolist(), before.tolist())
        bundle = saved(folder, replace(make_artifact(ONNX, value=1.0), score=score))
        return only(check(bundle, report=None, limits=Limits(max_drop=1)))

    first = found(1)
    assert first.verdict == "undecided"
    assert first.more_examples is not None
    times = (100 + first.more_examples) / 100
    assert found(math.ceil(1.04 * times)).verdict == "pass"
    assert found(math.floor(0.96 * times)).verdict == "undecided"
    if not flips:
        assert first.more_examples == 285


def test_a_metric_that_no_pairs_tell_is_decided_on_devices_too(bundle, monkeypatch):
    """For a task that is scored by macro F1 a report gives the verdict and the number of examples of a manifest."""
    monkeypatch.setattr("edgebert.tasks.TASK_HEADS", (replace(TEXT_CLASSIFICATION, metrics=("macro_f1",)),))
    labels, before, after = make_predictions(both=180, only_float=6, only_file=2, neither=12)
    answers = [make_answers(INT8, after), make_answers(FLOAT, before)]
    report = report_of(bundle, make_measurement(answers=answers), labels=labels)
    score = make_paired_score("macro_f1", labels, after, before)
    stated = replace(bundle, manifest=make_manifest(replace(make_artifact(ONNX, value=1.0), score=score)))
    for limits in (Limits(max_drop=0.5), Limits(max_drop=50), Limits(max_drop=1, alpha=0.1)):
        on_device, at_export = (
            only(check(item, report=given, limits=limits)) for item, given in ((bundle, report), (stated, None))
        )
        assert (on_device.verdict, on_device.value) == (at_export.verdict, at_export.value)
        assert on_device.more_examples == at_export.more_examples


def judged(bundle, metric, before, after, **limits) -> CheckResult:
    """Return what the gate says of tallies on a device, for a task that is scored by a metric."""
    says = tuple(index % 2 for index in range(len(before)))
    made = report_of(bundle, make_measurement(answers=[make_answers(INT8, says), make_answers(FLOAT, says)]))
    (measured,) = made.measurements
    files = [
        replace(item, tallies=tuple(map(tuple, tallies.tolist())))
        for item, tallies in zip(measured.answers, (after, before), strict=True)
    ]
    report = replace(made, measurements=(replace(measured, answers=tuple(files)),))
    return only(check(bundle, report=report, limits=Limits(**limits)))


@pytest.mark.parametrize(
    ("metric", "room"),
    [
        ("label_macro_f1", 1.5),
        ("entity_f1", 1.5),
        ("exact_match", 1.5),
        ("answer_f1", 1.5),
        ("recall_at_10", 0.5),
        ("pearson", 0.02),
        ("spearman", 0.02),
        ("rmse", 0.02),
        ("cosine", 0.0003),
        ("pair_spearman", 0.005),
    ],
)
def test_every_metric_is_decided_with_as_many_examples_as_the_gate_asks_for(bundle, monkeypatch, metric, room):
    """A drop below the limit is undecided; with the number of examples asked for, give or take 20 %, it passes."""
    heads = (replace(TEXT_CLASSIFICATION, metrics=(metric,)),)
    monkeypatch.setattr("edgebert.tasks.TASK_HEADS", heads)
    before, after = WORLDS[metric](100, 0.04, np.random.default_rng(2))
    of = METRICS[metric]
    drop = of.scale * -of.gain(of.value(after) - of.value(before))
    limit = max(drop, 0) + room

    def found(times):
        return judged(bundle, metric, np.concatenate([before] * times), np.concatenate([after] * times), max_drop=limit)

    first = found(1)
    assert first.verdict == "undecided"
    word, unit = "rise" if metric == "rmse" else "drop", " points" if of.in_points else ""
    assert first.value.startswith(f"{word} {of.shown(drop / of.scale)}{unit} (")
    assert first.detail.startswith(f"100 examples in onnxruntime, {metric}; ")
    assert first.more_examples is not None
    times = (100 + first.more_examples) / 100
    assert found(math.ceil(1.2 * times)).verdict == "pass"
    assert found(math.floor(0.8 * times)).verdict == "undecided"


def test_a_percentile_is_undecided_until_there_are_examples_below_it(bundle, monkeypatch):
    """368 examples tell the 1st percentile from below; fewer say nothing of it, whatever they are."""
    monkeypatch.setattr("edgebert.tasks.TASK_HEADS", (replace(TEXT_CLASSIFICATION, metrics=("cosine_p1",)),))
    for examples, verdict, more in ((100, "undecided", 268), (367, "undecided", 1), (368, "pass", None)):
        before = np.ones((examples, 2))
        result = judged(bundle, "cosine_p1", before, 0.999 * before, max_drop=0.01)
        assert (result.verdict, result.more_examples) == (verdict, more)


@pytest.mark.parametrize(
    ("metric", "max_drop", "said"),
    [
        ("accuracy", 101, "--max-drop is 101, not from 0 to 100 points of accuracy"),
        ("cosine", 1, "--max-drop is 1, but cosine is a plain number from -1 to 1, not in points"),
    ],
)
def test_a_limit_in_the_wrong_unit_is_refused(bundle, metric, max_drop, said):
    """A limit that no file could miss was meant otherwise."""
    score = replace(bundle.manifest.artifacts[0].score, metric=metric)
    item = replace(bundle.manifest.artifacts[0], score=score)
    changed = replace(bundle, manifest=make_manifest(item))
    with pytest.raises(UsageError, match=said):
        check(changed, report=None, limits=Limits(max_drop=max_drop))


def test_a_stated_error_that_rose_is_a_loss(bundle):
    """An RMSE that is 0.3 higher (0.2 to 0.4) passes at 0.4 and fails below 0.2, in its own unit."""
    item = bundle.manifest.artifacts[0]
    score = replace(
        item.score, metric="rmse", value=2.5, low=2.1, high=2.9, difference=0.3, difference_low=0.2, difference_high=0.4
    )
    changed = replace(bundle, manifest=make_manifest(replace(item, score=score)))
    for limit, verdict in ((0.4, "pass"), (0.3, "undecided"), (0.19, "fail")):
        found = only(check(changed, report=None, limits=Limits(max_drop=limit)))
        assert (found.verdict, found.value) == (verdict, "rise 0.3000 (0.2000 to 0.4000)")
