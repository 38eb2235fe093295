"""What the release gate says about accuracy and agreement: from the predictions on devices, else from the manifest."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np

from edgebert.bench.analysis.scores import float_answers
from edgebert.bench.gate.decisions import (
    MOST_EXAMPLES,
    Decision,
    decide,
    drop_interval,
    examples_for_agreement,
    examples_for_drop,
    examples_for_width,
    stated_pairs,
)
from edgebert.bench.gate.limits import CheckResult, Limits
from edgebert.bench.report import FileAnswers, Measurement, Report
from edgebert.errors import UsageError
from edgebert.intervals import wilson_interval
from edgebert.manifest import Artifact, Score

OnDevice = Callable[[Report, Measurement, FileAnswers, Limits], CheckResult | None]
InManifest = Callable[[Score, Limits], CheckResult | None]


def drop_findings(item: Artifact, report: Report | None, limits: Limits) -> list[CheckResult]:
    """Return what ``limits.max_drop`` says about a file, by device where the report has predictions and labels.

    Raises:
        UsageError: Neither report nor manifest knows.
    """
    return _answered(item, report, limits, _drop_on, _drop_of)


def agreement_findings(item: Artifact, report: Report | None, limits: Limits) -> list[CheckResult]:
    """Return what ``limits.min_agreement`` says about a file, by device where the report has predictions.

    Raises:
        UsageError: Neither report nor manifest knows.
    """
    return _answered(item, report, limits, _agreement_on, _agreement_of)


def _answered(
    item: Artifact, report: Report | None, limits: Limits, on_device: OnDevice, in_manifest: InManifest
) -> list[CheckResult]:
    found = []
    for measurement in () if report is None else report.measurements:
        for answers in measurement.answers:
            if answers.file == item.file and answers.predicted and limits.device in {None, measurement.device.name}:
                assert report is not None
                found.append(on_device(report, measurement, answers, limits))
    known = [finding for finding in found if finding is not None]
    if known:
        return known
    stated = None if item.score is None else in_manifest(item.score, limits)
    if stated is None:
        raise UsageError(
            f"nothing is known about the answers of {item.file} beside those of float",
            hint="edgebert bench BUNDLE --data FILE --accuracy all tells by device; export --eval FILE by file",
        )
    return [stated]


def _drop_on(report: Report, measurement: Measurement, answers: FileAnswers, limits: Limits) -> CheckResult | None:
    baseline, labels = float_answers(report, measurement, answers), report.texts.labels
    if baseline is None or not len(labels) == len(baseline.predicted) == len(answers.predicted):
        return None
    before, after = np.equal(baseline.predicted, labels), np.equal(answers.predicted, labels)
    groups = (before & after, before & ~after, ~before & after, ~before & ~after)
    both, only_float, only_file, neither = (int(np.count_nonzero(group)) for group in groups)
    pairs, count = (both, only_float, only_file, neither), len(labels)
    low, high = drop_interval(pairs, alpha=limits.alpha)
    least = _least_change(limits)
    verdict, needed = decide(low, high, least=least), None
    if verdict == "undecided":
        needed = examples_for_drop(pairs, least=least, alpha=limits.alpha)
    return CheckResult(
        limit=_drop_limit(limits),
        file=answers.file,
        device=measurement.device.name,
        verdict=verdict,
        value=_drop_text((only_file - only_float) / count, low, high),
        detail=f"{count} examples in {answers.runtime}" + _more_text(verdict, count, needed),
        more_examples=None if needed is None else needed - count,
    )


def _drop_of(score: Score, limits: Limits) -> CheckResult | None:
    if score.difference is None or score.difference_low is None or score.difference_high is None:
        return None
    least, pairs = _least_change(limits), stated_pairs(score)
    if pairs is not None:
        low, high = drop_interval(pairs, alpha=limits.alpha)
    else:
        # The manifest states 95 %; other levels are as much wider as a normal distribution's would be.
        factor = NormalDist().inv_cdf(1 - limits.alpha) / NormalDist().inv_cdf(0.975)
        low = score.difference + factor * (score.difference_low - score.difference)
        high = score.difference + factor * (score.difference_high - score.difference)
    verdict, needed = decide(low, high, least=least), None
    if verdict == "undecided" and pairs is not None:
        needed = examples_for_drop(pairs, least=least, alpha=limits.alpha)
    elif verdict == "undecided":
        unseen = 0.0
        if score.metric == "macro_f1":
            # As in its interval (``metrics.macro_f1_difference_interval``): z squared flips, and all of it without any.
            unseen = NormalDist().inv_cdf(1 - limits.alpha) ** 2 / score.examples if score.flips else math.inf
        needed = examples_for_width(score.difference, low, high, score.examples, least=least, unseen=unseen)
    return CheckResult(
        limit=_drop_limit(limits),
        file=score.file,
        device=None,
        verdict=verdict,
        value=_drop_text(score.difference, low, high),
        detail=f"{score.examples} examples at export, {score.metric}" + _more_text(verdict, score.examples, needed),
        more_examples=None if needed is None else needed - score.examples,
    )


def _agreement_on(report: Report, measurement: Measurement, answers: FileAnswers, limits: Limits) -> CheckResult | None:
    baseline = float_answers(report, measurement, answers)
    if baseline is None or len(baseline.predicted) != len(answers.predicted):
        return None
    same, count = int(np.count_nonzero(np.equal(baseline.predicted, answers.predicted))), len(answers.predicted)
    return _agreement(answers.file, measurement.device.name, limits, same, count, f"{count} texts in {answers.runtime}")


def _agreement_of(score: Score, limits: Limits) -> CheckResult | None:
    if score.flips is None:
        return None
    count = score.examples
    detail = f"{count} texts at export"
    return _agreement(score.file, None, limits, count - score.flips, count, detail)


def _agreement(file: str, device: str | None, limits: Limits, same: int, count: int, detail: str) -> CheckResult:
    assert limits.min_agreement is not None
    low, high = wilson_interval(same, count, level=1 - 2 * limits.alpha)
    verdict, needed = decide(low, high, least=limits.min_agreement), None
    if verdict == "undecided":
        needed = examples_for_agreement(same, count, least=limits.min_agreement, alpha=limits.alpha)
    return CheckResult(
        limit=f"--min-agreement {limits.min_agreement:g}",
        file=file,
        device=device,
        verdict=verdict,
        value=f"agreement {same / count:.4f} ({low:.4f} to {high:.4f})",
        detail=detail + _more_text(verdict, count, needed),
        more_examples=None if needed is None else needed - count,
    )


def _least_change(limits: Limits) -> float:
    assert limits.max_drop is not None
    return -limits.max_drop / 100


def _drop_limit(limits: Limits) -> str:
    return f"--max-drop {limits.max_drop:g}"


def _drop_text(change: float, low: float, high: float) -> str:
    # Adding 0 turns a minus zero into zero.
    drop, least, most = (round(-100 * value, 2) + 0.0 for value in (change, high, low))
    return f"drop {drop:.2f} points ({least:.2f} to {most:.2f})"


def _more_text(verdict: Decision, examples: int, needed: int | None) -> str:
    if verdict != "undecided":
        return ""
    return f"; more than {MOST_EXAMPLES:,} needed" if needed is None else f"; {needed - examples:,} more needed"
