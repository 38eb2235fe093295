"""What the files of a report answered: accuracy, agreement with float, and agreement of devices with each other."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from edgebert.bench.analysis.stats import Estimate
from edgebert.bench.report import FileAnswers, Measurement, Report
from edgebert.errors import UsageError
from edgebert.intervals import wilson_interval
from edgebert.manifest import Role, Score
from edgebert.tasks import count_same, score_answers


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """What one file answered on one device, emulated or not.

    Attributes:
        examples: Texts it answered; 0 when there was no accuracy run.
        baseline: Float file on the same device that it is compared with; ``None`` for a baseline, or none was run.
        score: Accuracy, and the paired difference to the baseline; ``None`` where the texts have no labels.
        agreement: Share of the texts that file and baseline give the same label, with its interval; ``None`` without.
        golden_difference: Largest absolute difference to the golden logits.
        golden_tolerance: Largest one that counts as the same model.
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


@dataclass(frozen=True, slots=True, kw_only=True)
class CrossAgreement:
    """The share of texts, 0 to 1, that a file gives the same label on two devices."""

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
        accuracy: New minus old accuracy on the same texts, with its 95 % interval; ``None`` without labels.
        agreement: Share of the texts, 0 to 1, that keep their label; ``None`` without answers.
        examples: Number of those texts.
    """

    file: str
    device: str | None
    old_bytes: int
    new_bytes: int
    accuracy: Estimate | None
    agreement: float | None
    examples: int


def score_rows(report: Report) -> tuple[ScoreRow, ...]:
    """Return what the files answered, by device and file.

    Raises:
        UsageError: A file answered another number of texts than there are labels, or than its baseline did.
    """
    return tuple(
        _score_row(report, item, answers, known.role)
        for item in report.measurements
        for answers in item.answers
        if (known := report.bundle.find(answers.file)) is not None
    )


def cross_device_agreement(report: Report) -> tuple[CrossAgreement, ...]:
    """Return how often each pair of devices gives the same label, by file and runtime that both of them ran."""
    found = []
    for first, second in itertools.combinations(report.measurements, 2):
        others = {(item.file, item.runtime): item.predicted for item in second.answers}
        for item in first.answers:
            other = others.get((item.file, item.runtime), ())
            if item.predicted and len(item.predicted) == len(other):
                found.append(
                    CrossAgreement(
                        file=item.file,
                        runtime=item.runtime,
                        first=first.device.name,
                        second=second.device.name,
                        examples=len(other),
                        agreement=count_same(item.predicted, other) / len(other),
                    )
                )
    return tuple(found)


def float_answers(report: Report, measurement: Measurement, answers: FileAnswers) -> FileAnswers | None:
    """Return the float file's answers on the same device; ``None`` for a baseline, and where it answered nothing."""
    name = report.bundle.baseline_of(answers.file)
    found = [item for item in measurement.answers if item.file == name and item.predicted]
    # The float file in the same runtime, and only where that was not run in another one of the format.
    found.sort(key=lambda item: item.runtime != answers.runtime)
    return found[0] if found else None


def file_changes(old: Report, new: Report, pairs: Sequence[Pair]) -> Iterator[FileChange]:
    """Yield what changed in each file that both bundles hold, by device where both answered the same texts."""
    # Answers to other texts say nothing about each other, even where the difference is allowed for the times.
    is_same = old.texts.sha256 == new.texts.sha256 and old.bundle.labels == new.bundle.labels
    for known in new.bundle.files:
        former = old.bundle.find(known.file)
        if former is None:
            continue
        sizes = FileChange(
            file=known.file,
            device=None,
            old_bytes=former.size_bytes,
            new_bytes=known.size_bytes,
            accuracy=None,
            agreement=None,
            examples=0,
        )
        answered = list(_answer_changes(sizes, old, new, pairs)) if is_same else []
        yield from answered or [sizes]


def _score_row(report: Report, measurement: Measurement, answers: FileAnswers, role: Role) -> ScoreRow:
    gold, count = report.texts.labels, len(answers.predicted)
    baseline = float_answers(report, measurement, answers) if count else None
    others = {"labels": len(gold)} if gold else {}
    if baseline is not None:
        others[f"answers of {baseline.file}"] = len(baseline.predicted)
    for what, number in others.items():
        if count and number != count:
            place = f"{measurement.device.name}: {answers.file}"
            raise UsageError(f"{place} answered {count} texts, but there are {number} {what}")
    score = agreement = None
    if gold and count:
        score = score_answers(
            gold,
            answers.predicted,
            file=answers.file,
            runtime=answers.runtime,
            labels=len(report.bundle.labels),
            baseline=None if baseline is None else (baseline.file, baseline.predicted),
        )
    if baseline is not None:
        same = count_same(answers.predicted, baseline.predicted)
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
        score=score,
        agreement=agreement,
        golden_difference=answers.golden_difference,
        golden_tolerance=answers.golden_tolerance,
    )


def _answer_changes(sizes: FileChange, old: Report, new: Report, pairs: Sequence[Pair]) -> Iterator[FileChange]:
    gold = new.texts.labels if old.texts.labels == new.texts.labels else ()
    for before, after in pairs:
        former = {item.runtime: item.predicted for item in before.answers if item.file == sizes.file}
        for item in after.answers:
            first, count = former.get(item.runtime, ()), len(item.predicted)
            if item.file != sizes.file or not first or len(first) != count:
                continue
            accuracy = None
            if len(gold) == count:
                score = score_answers(
                    gold,
                    item.predicted,
                    file=item.file,
                    runtime=item.runtime,
                    labels=len(new.bundle.labels),
                    baseline=(item.file, first),
                )
                assert score.difference is not None
                accuracy = Estimate(value=score.difference, low=score.difference_low, high=score.difference_high)
            agreement = count_same(first, item.predicted) / count
            yield replace(sizes, device=after.device.name, accuracy=accuracy, agreement=agreement, examples=count)
