"""The tables of a report, derived from its raw samples, and one section of them for each device.

Emulated devices have instruction counts, but never a row of times.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from statistics import median

import numpy as np

from edgebert.benchmarking.analysis.scores import CrossAgreement, ScoreRow, cross_device_agreement, score_rows
from edgebert.benchmarking.analysis.stats import Estimate, Verdict, outlier_share, quantiles, ratio, verdict
from edgebert.benchmarking.analysis.warnings import device_warnings, report_warnings
from edgebert.benchmarking.report import Measurement, Report, times_by_series
from edgebert.device.protocol import Trial
from edgebert.manifest import Role

MIX = "all"
"""The series of the user's texts at their own mix of lengths."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRow:
    """The times of one file on one real device, at one thread count, for one series.

    Attributes:
        baseline: Float file it is compared with, in the same runtime; ``None`` for a baseline and where it is missing.
        processes: Processes that measured it.
        pairs: Rounds in which the baseline was measured too.
        runs: Counted inferences over all of them.
        mean_tokens: Mean length of the inputs in tokens.
        p50_ns: Median time of an inference, nanoseconds.
        p90_ns: Time that 90 % stay below.
        p99_ns: Time that 99 % stay below; its interval is a rough guide.
        per_second: Inferences a second, one after another, at the median time.
        first_ns: Median time of the first inference; ``None`` when it was not asked for.
        peak_rss_bytes: Median of the processes' largest resident memory; ``None`` where the system does not say.
        tokenizer_ns: Median time to tokenize a text on the device; ``None`` where that was not measured.
        ratio: Times as fast as the baseline: its p50 over this one; ``None`` without a baseline.
        verdict: What the ratio says; ``None`` without one.
        outliers: Share of outlying runs, 0 to 1.
    """

    device: str
    file: str
    role: Role
    runtime: str
    version: str
    threads: int
    series: str
    baseline: str | None
    processes: int
    pairs: int
    runs: int
    mean_tokens: float
    p50_ns: Estimate
    p90_ns: Estimate
    p99_ns: Estimate
    per_second: float
    load_ns: float
    first_ns: float | None
    import_ns: float
    peak_rss_bytes: float | None
    size_bytes: int
    tokenizer_ns: float | None
    ratio: Estimate | None
    verdict: Verdict | None
    outliers: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CountRow:
    """Instructions of one inference on an emulated CPU; ``share_of_float`` is that over the float baseline's."""

    device: str
    file: str
    role: Role
    runtime: str
    version: str
    series: str
    tokens: int
    per_inference: float
    classes: tuple[tuple[str, float], ...]
    share_of_float: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class EnergyRow:
    """Energy of one counter for each inference, in millijoules: all a process used, loading the file included."""

    device: str
    file: str
    runtime: str
    threads: int
    counter: str
    millijoules: Estimate


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
        names = [row.series for row in self.rows]
        return MIX if MIX in names else next(iter(names), "")


def rows(report: Report, *, level: float = 0.95) -> tuple[TimeRow, ...]:
    """Return the times of a report, by device, file, threads and series, with intervals at a confidence level."""
    return tuple(row for item in report.measurements for row in _device_rows(report, item, level))


def count_rows(report: Report) -> tuple[CountRow, ...]:
    """Return the instruction counts of a report, each beside the float baseline's."""
    found = []
    for item in report.measurements:
        counted = {(count.file, count.runtime, count.series): count.per_inference for count in item.counts}
        for count in item.counts:
            if (known := report.bundle.find(count.file)) is None:
                continue
            whole = counted.get((report.bundle.baseline_of(count.file) or "", count.runtime, count.series))
            found.append(
                CountRow(
                    device=item.device.name,
                    file=count.file,
                    role=known.role,
                    runtime=count.runtime,
                    version=count.version,
                    series=count.series,
                    tokens=count.tokens,
                    per_inference=count.per_inference,
                    classes=count.classes,
                    share_of_float=count.per_inference / whole if whole else None,
                )
            )
    return tuple(found)


def energy_rows(report: Report) -> tuple[EnergyRow, ...]:
    """Return the energy of each inference where a real device counts it; counters that turned over are left out."""
    found = []
    for item in report.measurements:
        for (file, runtime, threads), trials in {} if item.device.is_emulated else item.configurations().items():
            used: dict[str, list[list[int]]] = {}
            for trial in trials.values():
                inferences = sum(len(series.run_ns) + report.suite.warm_up for series in trial.series)
                for counter, microjoules in _energy_uj(trial).items():
                    if inferences and microjoules > 0:
                        # As whole nanojoules it is judged by what judges times.
                        used.setdefault(counter, []).append([round(1000 * microjoules / inferences)])
            for counter, samples in used.items():
                middle = quantiles(samples).p50
                low, high = (None if end is None else end / 1e6 for end in (middle.low, middle.high))
                found.append(
                    EnergyRow(
                        device=item.device.name,
                        file=file,
                        runtime=runtime,
                        threads=threads,
                        counter=counter,
                        millijoules=Estimate(value=middle.value / 1e6, low=low, high=high),
                    )
                )
    return tuple(found)


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
            rows=tuple(sorted(rows(report), key=attrgetter("role"), reverse=True)),  # shipped, then baselines
            scores=tuple(sorted(score_rows(report), key=attrgetter("role"), reverse=True)),
            counts=tuple(sorted(count_rows(report), key=attrgetter("role"), reverse=True)),
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


def _device_rows(report: Report, measurement: Measurement, level: float) -> Iterator[TimeRow]:
    groups = {} if measurement.device.is_emulated else measurement.configurations()
    order = {item.file: index for index, item in enumerate(report.bundle.files)}
    for key in sorted((key for key in groups if key[0] in order), key=lambda key: (order[key[0]], *key[1:])):
        file, runtime, threads = key
        role, size_bytes = next((item.role, item.size_bytes) for item in report.bundle.files if item.file == file)
        baseline = report.bundle.baseline_of(file)
        trials = list(groups[key].values())
        others_by_series = times_by_series(groups.get((baseline or "", runtime, threads), {}))
        for name, own in times_by_series(groups[key]).items():
            others = others_by_series.get(name, {})
            shared = [number for number in own if number in others]
            paired = ([side[number].run_ns for number in shared] for side in (others, own))
            speed_up = ratio(*paired, level=level) if shared else None
            times = [item.run_ns for item in own.values()]
            found, tokens = quantiles(times, level=level), next(iter(own.values())).tokens
            yield TimeRow(
                device=measurement.device.name,
                file=file,
                role=role,
                runtime=runtime,
                version=trials[0].version,
                threads=threads,
                series=name,
                baseline=baseline if shared else None,
                processes=len(times),
                pairs=len(shared),
                runs=sum(map(len, times)),
                mean_tokens=float(np.mean(tokens)) if tokens else 0.0,
                p50_ns=found.p50,
                p90_ns=found.p90,
                p99_ns=found.p99,
                per_second=1e9 / found.p50.value,
                load_ns=float(median(trial.load_ns for trial in trials)),
                first_ns=_median(trial.first_ns for trial in trials),
                import_ns=float(median(trial.import_ns for trial in trials)),
                peak_rss_bytes=_median(trial.peak_rss_bytes for trial in trials),
                size_bytes=size_bytes,
                tokenizer_ns=_median(ns for trial in trials if trial.tokenized for ns in trial.tokenized.text_ns),
                ratio=speed_up,
                verdict=None if speed_up is None else verdict(speed_up),
                outliers=outlier_share(times, inputs=len(tokens)),
            )


def _median(values: Iterable[int | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(median(known)) if known else None


def _energy_uj(trial: Trial) -> dict[str, int]:
    ends = [dict(item.energy_uj) for item in trial.conditions if item.moment != "during"]
    return {name: ends[-1][name] - uj for name, uj in ends[0].items() if name in ends[-1]} if ends else {}
