"""What the files of a report answered: accuracy, agreement with float, and agreement of devices with each other."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from edgebert.bench.analysis.grouping import baseline_of, known_file
from edgebert.bench.analysis.stats import Estimate
from edgebert.bench.report import FileAnswers, FileFacts, Measurement, Report
from edgebert.errors import UsageError
from edgebert.intervals import wilson_interval
from edgebert.manifest import Role, Score
from edgebert.metrics import paired_score


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoreRow:
    """What one file answered on one device, emulated or not.

    Attributes:
        device: Name of the device.
        file: File inside the bundle.
        role: What the file is.
        runtime: Runtime.
        version: Its version.
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


def score_rows(report: Report) -> tuple[ScoreRow, ...]:
    """Return what the files answered, by device and file.

    Raises:
        UsageError: A file answered another number of texts than there are labels, or than its baseline did.
    """
    return tuple(
        _score_row(report, item, answers, known)
        for item in report.measurements
        for answers in item.answers
        if (known := known_file(report, answers.file)) is not None
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
                        agreement=float(np.mean(np.equal(item.predicted, other))),
                    )
                )
    return tuple(found)


def float_answers(report: Report, measurement: Measurement, answers: FileAnswers) -> FileAnswers | None:
    """Return the float file's answers on the same device; ``None`` for a baseline, and where it answered nothing."""
    known = known_file(report, answers.file)
    name = None if known is None else baseline_of(report, known)
    found = [item for item in measurement.answers if item.file == name and item.predicted]
    # The float file in the same runtime, and only where that was not run in another one of the format.
    found.sort(key=lambda item: item.runtime != answers.runtime)
    return found[0] if found else None


def _score_row(report: Report, measurement: Measurement, answers: FileAnswers, known: FileFacts) -> ScoreRow:
    device = measurement.device.name
    baseline = float_answers(report, measurement, answers) if answers.predicted else None
    _check_lengths(answers, baseline, report.texts.labels, device)
    predicted = np.array(answers.predicted, dtype=np.int64)
    score = agreement = None
    if report.texts.labels and answers.predicted:
        score = paired_score(
            file=answers.file,
            runtime=answers.runtime,
            metric="accuracy",
            expected=np.array(report.texts.labels, dtype=np.int64),
            predicted=predicted,
            labels=len(report.bundle.labels),
            baseline_file=None if baseline is None else baseline.file,
            baseline_predicted=None if baseline is None else np.array(baseline.predicted, dtype=np.int64),
        )
    if baseline is not None:
        same = int(np.count_nonzero(predicted == np.array(baseline.predicted)))
        low, high = wilson_interval(same, predicted.size)
        agreement = Estimate(value=same / predicted.size, low=low, high=high)
    return ScoreRow(
        device=device,
        file=answers.file,
        role=known.role,
        runtime=answers.runtime,
        version=answers.version,
        examples=predicted.size,
        baseline=None if baseline is None else baseline.file,
        score=score,
        agreement=agreement,
        golden_difference=answers.golden_difference,
        golden_tolerance=answers.golden_tolerance,
    )


def _check_lengths(answers: FileAnswers, baseline: FileAnswers | None, labels: Sequence[int], device: str) -> None:
    count = len(answers.predicted)
    others = {"labels": len(labels)} if labels else {}
    if baseline is not None:
        others[f"answers of {baseline.file}"] = len(baseline.predicted)
    for what, number in others.items():
        if count and number != count:
            raise UsageError(f"{device}: {answers.file} answered {count} texts, but there are {number} {what}")
