"""What the release gate says about the metric and agreement: from the answers on devices, else from the manifest.

A value passes when its whole interval is inside the limit and fails when it is wholly outside; with intervals at level
1 - 2 alpha each of the two wrong verdicts has at most probability alpha at the limit itself, up to what the method of
the interval is exact to. What the interval does not decide is undecided, with the number of examples that would.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Protocol

from edgebert.benchmarking.analysis.scores import float_answers, score_of
from edgebert.benchmarking.gate.results import CheckResult, Limits, decide
from edgebert.benchmarking.report import FileAnswers, Measurement, Report
from edgebert.errors import UsageError
from edgebert.intervals import wilson_interval
from edgebert.manifest import Artifact, Score
from edgebert.metrics import METRICS, check_drop, stated_ends, tally_array
from edgebert.tallies.kinds import Ends
from edgebert.tasks import task_head

MOST_EXAMPLES = 1_000_000
"""More examples than this are not counted out."""

_Place = tuple[str, str | None]


class _Needed(Protocol):
    def __call__(self, *, least: float) -> int | None: ...


def drop_results(item: Artifact, report: Report | None, limits: Limits) -> list[CheckResult]:
    """Return what ``limits.max_drop`` says about a file, by device where the report has answers and labels.

    Raises:
        UsageError: Neither report nor manifest knows.
    """
    return _results(item, report, limits, _drop_on, _drop_stated)


def agreement_results(item: Artifact, report: Report | None, limits: Limits) -> list[CheckResult]:
    """Return what ``limits.min_agreement`` says about a file; device and errors as in ``drop_results``."""
    return _results(item, report, limits, _agreement_on, _agreement_stated)


def _results(
    item: Artifact,
    report: Report | None,
    limits: Limits,
    on_device: Callable[[Report, Measurement, FileAnswers, Limits], CheckResult | None],
    in_manifest: Callable[[Score, Limits], CheckResult | None],
) -> list[CheckResult]:
    known = []
    for measurement in () if report is None else report.measurements:
        for answers in measurement.answers:
            if answers.file == item.file and answers.answers and limits.device in {None, measurement.device.name}:
                assert report is not None
                result = on_device(report, measurement, answers, limits)
                known += [] if result is None else [result]
    if known:
        return known
    stated = None if item.score is None else in_manifest(item.score, limits)
    if stated is None:
        raise UsageError(
            f"nothing is known about the answers of {item.file} beside those of float",
            hint="edgebert bench BUNDLE --eval FILE --eval-samples all tells by device; export --eval FILE by file",
        )
    return [stated]


def _drop_on(report: Report, measurement: Measurement, answers: FileAnswers, limits: Limits) -> CheckResult | None:
    baseline = float_answers(report, measurement, answers)
    if baseline is None or not len(baseline.tallies) == len(answers.tallies) == len(answers.answers):
        return None
    score = score_of(task_head(report.bundle.task), answers, baseline)
    if score is None:
        return None
    ends = METRICS[score.metric].change(tally_array(baseline.tallies), tally_array(answers.tallies))
    detail = f"{score.examples} examples in {answers.runtime}, {score.metric}"
    return _drop(score, ends, measurement.device.name, limits, detail)


def _drop_stated(score: Score, limits: Limits) -> CheckResult | None:
    ends = stated_ends(score)
    return (
        None
        if ends is None
        else _drop(score, ends, None, limits, f"{score.examples} examples at export, {score.metric}")
    )


def _drop(score: Score, ends: Ends, device: str | None, limits: Limits, detail: str) -> CheckResult:
    """Return what the change of a score says, in the unit of its metric."""
    assert limits.max_drop is not None
    assert score.difference is not None
    metric = METRICS[score.metric]
    check_drop(limits.max_drop, score.metric)

    def gained(examples: int) -> tuple[float, float]:
        low, high = sorted(metric.gain(end) for end in ends(1 - 2 * limits.alpha, examples))
        return low, high

    interval = gained(score.examples)
    lost, most, least = (metric.shown(-gain) for gain in (metric.gain(score.difference), *interval))
    word, unit = "rise" if metric.is_error else "drop", f" {metric.unit}" if metric.unit else ""
    return _judged(
        f"--max-drop {limits.max_drop:g}",
        (score.file, device),
        f"{word} {lost}{unit} ({least} to {most})",
        interval,
        -limits.max_drop / metric.scale,
        score.examples,
        detail,
        partial(examples_needed, gained, score.examples),
    )


def _agreement_on(report: Report, measurement: Measurement, answers: FileAnswers, limits: Limits) -> CheckResult | None:
    baseline, count = float_answers(report, measurement, answers), len(answers.answers)
    if baseline is None or len(baseline.answers) != count:
        return None
    same = task_head(report.bundle.task).count_same(baseline.answers, answers.answers)
    return _agreement((answers.file, measurement.device.name), limits, same, count, f"in {answers.runtime}")


def _agreement_stated(score: Score, limits: Limits) -> CheckResult | None:
    if score.flips is None:
        return None
    return _agreement((score.file, None), limits, score.examples - score.flips, score.examples, "at export")


def _agreement(place: _Place, limits: Limits, same: int, count: int, source: str) -> CheckResult:
    assert limits.min_agreement is not None
    low, high = wilson_interval(same, count, level=1 - 2 * limits.alpha)
    limit = f"--min-agreement {limits.min_agreement:g}"
    value = f"agreement {same / count:.4f} ({low:.4f} to {high:.4f})"
    needed = partial(examples_for_agreement, same, count, alpha=limits.alpha)
    return _judged(limit, place, value, (low, high), limits.min_agreement, count, f"{count} examples {source}", needed)


def _judged(
    limit: str,
    place: _Place,
    value: str,
    interval: tuple[float, float],
    least: float,
    count: int,
    detail: str,
    needed: _Needed,
) -> CheckResult:
    verdict, more = decide(*interval, least=least), None
    if verdict == "undecided":
        examples = needed(least=least)
        more = None if examples is None else examples - count
        detail += f"; more than {MOST_EXAMPLES:,} needed" if more is None else f"; {more:,} more needed"
    file, device = place
    return CheckResult(
        limit=limit, file=file, device=device, verdict=verdict, value=value, detail=detail, more_examples=more
    )


def examples_for_agreement(same: int, examples: int, *, least: float, alpha: float) -> int | None:
    """Return how many examples in all decide whether the agreement is at least ``least``; at the same share."""

    def interval(count: int) -> tuple[float, float]:
        return wilson_interval(count * same / examples, count, level=1 - 2 * alpha)

    return examples_needed(interval, examples, least=least)


def examples_needed(interval: Callable[[int], tuple[float, float]], examples: int, *, least: float) -> int | None:
    """Return how many examples bring the interval to one side of ``least``, when ``examples`` do not.

    ``None`` is more than ``MOST_EXAMPLES``.

    Args:
        interval: Gives the interval that a number of examples would have at the same proportions.
        examples: Number of examples that do not decide.
        least: The limit.
    """

    def decides(count: int) -> bool:
        return decide(*interval(count), least=least) != "undecided"

    few = many = examples
    while not decides(many):
        if many >= MOST_EXAMPLES:
            return None
        few, many = many, min(2 * many, MOST_EXAMPLES)
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if decides(middle) else (middle, many)
    return many
