"""Which trials of a report belong together: the processes of one file, and the float file it is compared with."""

from __future__ import annotations

from collections.abc import Mapping

from edgebert.bench.report import FileFacts, Measurement, Report
from edgebert.device.protocol import TimedSeries, Trial

Configuration = tuple[str, str, int]
"""File, runtime, threads: the trials of one key are the processes that are judged together."""


def grouped(measurement: Measurement) -> dict[Configuration, dict[int, Trial]]:
    """Return the trials of a device by file, runtime and threads, and by round within them."""
    found: dict[Configuration, dict[int, Trial]] = {}
    for done in measurement.trials:
        key = (done.file, done.trial.runtime, done.trial.threads)
        found.setdefault(key, {})[done.round] = done.trial
    return found


def times_of(trials: Mapping[int, Trial], series: str) -> dict[int, TimedSeries]:
    """Return the times of one series by round, without the rounds that timed nothing of it."""
    found = {}
    for number in sorted(trials):
        for item in trials[number].series:
            if item.name == series and item.run_ns:
                found[number] = item
    return found


def baseline_of(report: Report, file: FileFacts) -> str | None:
    """Return the float file that a shipped file is compared with: the baseline of the same format."""
    if file.role == "baseline":
        return None
    return next(
        (item.file for item in report.bundle.files if item.role == "baseline" and item.format == file.format), None
    )


def known_file(report: Report, file: str) -> FileFacts | None:
    """Return what the report's bundle says of a file; ``None`` for a file that it does not hold."""
    return next((item for item in report.bundle.files if item.file == file), None)
