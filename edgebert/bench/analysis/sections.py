"""Reports taken apart into one section for each device, with all that is derived from its raw samples."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgebert.bench.analysis.rows import CountRow, EnergyRow, TimeRow, count_rows, energy_rows, rows
from edgebert.bench.analysis.scores import CrossAgreement, ScoreRow, cross_device_agreement, score_rows
from edgebert.bench.analysis.warnings import device_warnings, report_warnings

if TYPE_CHECKING:
    from edgebert.bench.report import Measurement, Report

MIX = "all"
"""The series of the user's texts at their own mix of lengths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """What one report says of one device.

    Attributes:
        report: The report, with this device alone in it and without what belongs to no file of its bundle.
        rows: Times; none for an emulated device.
        scores: Accuracy and agreement.
        counts: Instructions.
        energy: Energy.
        warnings: Reasons not to believe it.
    """

    report: Report
    rows: tuple[TimeRow, ...]
    scores: tuple[ScoreRow, ...]
    counts: tuple[CountRow, ...]
    energy: tuple[EnergyRow, ...]
    warnings: tuple[str, ...]

    @property
    def measurement(self) -> Measurement:
        """The device's part of the report."""
        return self.report.measurements[0]

    @property
    def main_series(self) -> str:
        """The mixed series, or the first one where there is no mix; empty where nothing was timed."""
        names = list(dict.fromkeys(row.series for row in self.rows))
        return MIX if MIX in names else next(iter(names), "")


def sections(reports: Sequence[Report]) -> tuple[Section, ...]:
    """Return one section for each device of each report, in their order; equal ones only once.

    Raises:
        UsageError: A report contradicts itself.
    """
    alone = [
        replace(report, measurements=(_known(item, report),)) for report in reports for item in report.measurements
    ]
    return tuple(
        Section(
            report=report,
            rows=rows(report),
            scores=score_rows(report),
            counts=count_rows(report),
            energy=energy_rows(report),
            warnings=device_warnings(report.measurements[0], report.suite),
        )
        for report in dict.fromkeys(alone)
    )


def by_request(found: Sequence[Section]) -> list[list[Section]]:
    """Return the sections in groups of the same bundle, texts and suite: those that one command could have made."""
    groups: dict[object, list[Section]] = {}
    for section in found:
        report = section.report
        groups.setdefault((report.bundle, report.texts, report.suite), []).append(section)
    return list(groups.values())


def warnings_of(group: Sequence[Section]) -> tuple[str, ...]:
    """Return the warnings about one group that are about no device of it."""
    return report_warnings(replace(group[0].report, measurements=()))


def agreement_of(group: Sequence[Section]) -> tuple[CrossAgreement, ...]:
    """Return how often each two devices of one group give the same label."""
    measurements = tuple(itertools.chain.from_iterable(section.report.measurements for section in group))
    return cross_device_agreement(replace(group[0].report, measurements=measurements))


def _known(measurement: Measurement, report: Report) -> Measurement:
    files = {item.file for item in report.bundle.files}
    return replace(
        measurement,
        trials=tuple(item for item in measurement.trials if item.file in files),
        answers=tuple(item for item in measurement.answers if item.file in files),
        counts=tuple(item for item in measurement.counts if item.file in files),
    )
