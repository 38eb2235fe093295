"""What the files of a report answered: the metric, agreement with float, and agreement of devices with each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from edgebert.benchmarking.analysis.stats import Estimate
from edgebert.benchmarking.report import FileAnswers, Measurement, Report
from edgebert.errors import UsageError
from edgebert.intervals import wilson_interval
from edgebert.manifest import LabelChange, Role, Score
from edgebert.metrics import BaselineTallies, paired_score, tally_array
from edgebert.tallies.changes import most_changed
from edgebert.tasks import TaskHead, task_head


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """What one file answered on one device, emulated or not.

    Attributes:
        examples: Texts it answered; 0 when there was no accuracy run.
        baseline: Float file on the same device that it is compared with; ``None`` for a baseline, or none was run.
        score: The task's metric, and the paired difference to the baseline; ``None`` without right answers.
        agreement: Share of the texts that file and baseline answer alike, with its interval; ``None`` without.
        golden_difference: Largest absolute difference to the golden logits.
        golden_tolerance: Largest one that counts as the same model.
        label_changes: The labels whose F1 changed most; none where a report does not hold the right labels.
    """

    device: str
    file: str
    role: Role
    runtime: str
    version: str
    examples: int
    baseline: str | None
    score: Score | None
    agreement: Estimate | None
    golden_difference: float
    golden_tolerance: float
    label_changes: tuple[LabelChange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossAgreement:
    """The share of texts, 0 to 1, that a file answers alike on two devices."""

    file: str
    runtime: str
    first: str
    second: str
    examples: int
    agreement: float


Pair = tuple[Measurement, Measurement]
"""What an old and a new report measured on one device."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """A file of both bundles: sizes in bytes, and what its answers on a device did.

    Attributes:
        device: Device that the answers are of; ``None`` where no device answered the same texts in both reports.
        metric: Name of the task's metric; ``None`` without tallies.
        accuracy: New minus old metric of the task on the same texts, with its 95 % interval; ``None`` without tallies.
        agreement: Share of the texts, 0 to 1, that keep their answer; ``None`` without answers.
        examples: Number of those texts.
    """

    file: str
    device: str | None
    old_bytes: int
    new_bytes: int
    metric: str | None
    accuracy: Estimate | None
    agreement: float | None
    examples: int


def score_rows(report: Report) -> tuple[ScoreRow, ...]:
    """Return what the files answered, by device and file.

    Raises:
        UsageError: A file answered another number of texts than were tallied, or than its baseline did.
    """
    return tuple(
        _score_row(report, item, answers, known.role)
        for item in report.measurements
        for answers in item.answers
        if (known := report.bundle.find(answers.file)) is not None
    )


def cross_device_agreement(report: Report) -> tuple[CrossAgreement, ...]:
    """Return how often each pair of devices gives the same answer, by file and runtime that both of them ran."""
    head, found = task_head(report.bundle.task), []
    for first, second in itertools.combinations(report.measurements, 2):
        others = {(item.file, item.runtime): item.answers for item in second.answers}
        for item in first.answers:
            other = others.get((item.file, item.runtime), ())
            if item.answers and len(item.answers) == len(other):
                found.append(
                    CrossAgreement(
                        file=item.file,
                        runtime=item.runtime,
                        first=first.device.name,
                        second=second.device.name,
                        examples=len(other),
                        agreement=head.count_same(item.answers, other) / len(other),
                    )
                )
    return tuple(found)


def float_answers(report: Report, measurement: Measurement, answers: FileAnswers) -> FileAnswers | None:
    """Return the float file's answers on the same device; ``None`` for a baseline, and where it answered nothing."""
    name = report.bundle.baseline_of(answers.file)
    found = [item for item in measurement.answers if item.file == name and item.answers]
    # The float file in the same runtime, and only where that was not run in another one of the format.
    found.sort(key=lambda item: item.runtime != answers.runtime)
    return found[0] if found else None


def file_changes(old: Report, new: Report, pairs: Sequence[Pair]) -> Iterator[FileChange]:
    """Yield what changed in each file that both bundles hold, by device where both answered the same texts."""
    # Answers to other texts say nothing about each other, even where the difference is allowed for the times.
    is_same = (old.bundle.task, old.bundle.labels, old.texts.sha256) == (
        new.bundle.task,
        new.bundle.labels,
        new.texts.sha256,
    )
    for known in new.bundle.files:
        former = old.bundle.find(known.file)
        if former is None:
            continue
        sizes = FileChange(
            file=known.file,
            device=None,
            old_bytes=former.size_bytes,
            new_bytes=known.size_bytes,
            metric=None,
            accuracy=None,
            agreement=None,
            examples=0,
        )
        answered = list(_answer_changes(sizes, old, new, pairs)) if is_same else []
        yield from answered or [sizes]


def score_of(head: TaskHead, answers: FileAnswers, other: FileAnswers | None) -> Score | None:
    """Return the score of a file, paired with another that answered the same texts; ``None`` without right answers."""
    if not answers.tallies:
        return None
    compared = None
    if other is not None and other.tallies:
        same = head.count_same(answers.answers, other.answers)
        compared = BaselineTallies(file=other.file, tallies=tally_array(other.tallies), same=same)
    tallies = tally_array(answers.tallies)
    return paired_score(head.metrics[0], tallies, file=answers.file, runtime=answers.runtime, baseline=compared)


def _score_row(report: Report, measurement: Measurement, answers: FileAnswers, role: Role) -> ScoreRow:
    count, head = len(answers.answers), task_head(report.bundle.task)
    baseline = float_answers(report, measurement, answers) if count else None
    others = {"tallies": len(answers.tallies)} if answers.tallies else {}
    if baseline is not None:
        others[f"answers of {baseline.file}"] = len(baseline.answers)
    for what, number in others.items():
        if number != count:
            place = f"{measurement.device.name}: {answers.file}"
            raise UsageError(f"{place} answered {count} texts, but there are {number} {what}")
    agreement = None
    if baseline is not None:
        same = head.count_same(answers.answers, baseline.answers)
        low, high = wilson_interval(same, count)
        agreement = Estimate(value=same / count, low=low, high=high)
    return ScoreRow(
        device=measurement.device.name,
        file=answers.file,
        role=role,
        runtime=answers.runtime,
        version=answers.version,
        examples=count,
        baseline=None if baseline is None else baseline.file,
        score=score_of(head, answers, baseline),
        agreement=agreement,
        golden_difference=answers.golden_difference,
        golden_tolerance=answers.golden_tolerance,
        label_changes=_label_changes(report, head, answers, baseline),
    )


def _label_changes(
    report: Report, head: TaskHead, answers: FileAnswers, baseline: FileAnswers | None
) -> tuple[LabelChange, ...]:
    if head.gold is None or baseline is None or not answers.tallies:
        return ()
    golds = [*map(head.gold, answers.tallies)]
    meaning = report.bundle.meaning
    return most_changed(head.label_changes(answers.file, golds, baseline.answers, answers.answers, meaning))


def _answer_changes(sizes: FileChange, old: Report, new: Report, pairs: Sequence[Pair]) -> Iterator[FileChange]:
    head, is_gold_same = task_head(new.bundle.task), old.texts.gold_sha256 == new.texts.gold_sha256
    for before, after in pairs:
        former = {item.runtime: item for item in before.answers if item.file == sizes.file}
        for item in after.answers:
            first, count = former.get(item.runtime), len(item.answers)
            if item.file != sizes.file or first is None or not count or len(first.answers) != count:
                continue
            if count < new.texts.texts and old.suite.seed != new.suite.seed:
                continue  # two samples of the texts
            score = score_of(head, item, first) if is_gold_same else None
            change = None
            if score is not None and score.difference is not None:
                change = Estimate(value=score.difference, low=score.difference_low, high=score.difference_high)
            agreement = head.count_same(first.answers, item.answers) / count
            yield replace(
                sizes,
                device=after.device.name,
                metric=head.metrics[0] if change else None,
                accuracy=change,
                agreement=agreement,
                examples=count,
            )
