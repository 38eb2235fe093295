"""The tables of a report: times, instruction counts and energy, derived from its raw samples.

Emulated devices have counts, but never a row of times.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np

from edgebert.bench.analysis.grouping import Configuration, baseline_of, grouped, known_file, times_of
from edgebert.bench.analysis.scores import CrossAgreement, ScoreRow, cross_device_agreement, score_rows
from edgebert.bench.analysis.stats import Estimate, Times, Verdict, outlier_share, quantiles, ratio, verdict
from edgebert.bench.report import Measurement, Report
from edgebert.device.protocol import TimedSeries, Trial
from edgebert.manifest import Role

__all__ = [
    "CountRow",
    "CrossAgreement",
    "EnergyRow",
    "ScoreRow",
    "TimeRow",
    "count_rows",
    "cross_device_agreement",
    "energy_rows",
    "rows",
    "score_rows",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimeRow:
    """The times of one file on one real device, at one thread count, for one series.

    Attributes:
        device: Name of the device.
        file: File inside the bundle.
        role: What the file is.
        runtime: Runtime.
        version: Its version.
        threads: Threads one inference could use.
        series: Name of the series.
        baseline: Float file it is compared with, in the same runtime; ``None`` for a baseline and where it is missing.
        processes: Processes that measured it.
        pairs: Rounds in which the baseline was measured too.
        runs: Counted inferences over all of them.
        mean_tokens: Mean length of the inputs in tokens.
        p50_ns: Median time of an inference, nanoseconds.
        p90_ns: Time that 90 % stay below.
        p99_ns: Time that 99 % stay below; its interval is a rough guide.
        per_second: Inferences a second, one after another, at the median time.
        load_ns: Median time to open the file.
        first_ns: Median time of the first inference; ``None`` when it was not asked for.
        import_ns: Median time to import the runtime.
        peak_rss_bytes: Median of the processes' largest resident memory; ``None`` where the system does not say.
        size_bytes: Size of the file.
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


def rows(report: Report, *, level: float = 0.95) -> tuple[TimeRow, ...]:
    """Return the times of a report, by device, file, threads and series; none for emulated devices.

    Args:
        report: The report.
        level: Confidence level of the intervals.
    """
    return tuple(row for item in report.measurements for row in _device_rows(report, item, level))


def count_rows(report: Report) -> tuple[CountRow, ...]:
    """Return the instruction counts of a report, each beside the float baseline's."""
    found = []
    for item in report.measurements:
        counted = {(count.file, count.runtime, count.series): count.per_inference for count in item.counts}
        for count in item.counts:
            known = known_file(report, count.file)
            if known is None:
                continue
            baseline = baseline_of(report, known)
            whole = counted.get((baseline or "", count.runtime, count.series))
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
        if item.device.is_emulated:
            continue
        for (file, runtime, threads), trials in grouped(item).items():
            used: dict[str, list[list[int]]] = {}
            for trial in trials.values():
                inferences = sum(len(series.run_ns) + report.suite.warm_up for series in trial.series)
                for counter, microjoules in _energy_uj(trial).items():
                    if inferences and microjoules > 0:
                        # As whole nanojoules it is judged by what judges times.
                        used.setdefault(counter, []).append([round(1000 * microjoules / inferences)])
            for counter, samples in used.items():
                middle = quantiles(samples).p50
                ends = [None if end is None else end / 1e6 for end in (middle.low, middle.high)]
                estimate = Estimate(value=middle.value / 1e6, low=ends[0], high=ends[1])
                found.append(
                    EnergyRow(
                        device=item.device.name,
                        file=file,
                        runtime=runtime,
                        threads=threads,
                        counter=counter,
                        millijoules=estimate,
                    )
                )
    return tuple(found)


def _device_rows(report: Report, measurement: Measurement, level: float) -> list[TimeRow]:
    if measurement.device.is_emulated:
        return []
    groups = grouped(measurement)
    order = {item.file: index for index, item in enumerate(report.bundle.files)}
    found = []
    for key in sorted((key for key in groups if key[0] in order), key=lambda key: (order[key[0]], *key[1:])):
        names = dict.fromkeys(item.name for trial in groups[key].values() for item in trial.series)
        for name in names:
            row = _row(report, measurement, groups, key, name, level)
            found += [] if row is None else [row]
    return found


def _row(
    report: Report,
    measurement: Measurement,
    groups: Mapping[Configuration, Mapping[int, Trial]],
    key: Configuration,
    name: str,
    level: float,
) -> TimeRow | None:
    file, runtime, threads = key
    known, trials = known_file(report, file), list(groups[key].values())
    own = times_of(groups[key], name)
    if known is None or not own:
        return None
    baseline = baseline_of(report, known)
    others = times_of(groups.get((baseline or "", runtime, threads), {}), name)
    shared = [number for number in own if number in others]
    speed_up = None
    if shared:
        speed_up = ratio(_ns(others, shared), _ns(own, shared), level=level)
    times = _ns(own, list(own))
    found = quantiles(times, level=level)
    first = next(iter(own.values()))
    rss = [trial.peak_rss_bytes for trial in trials if trial.peak_rss_bytes is not None]
    first_ns = [trial.first_ns for trial in trials if trial.first_ns is not None]
    texts = [ns for trial in trials if trial.tokenized is not None for ns in trial.tokenized.text_ns]
    return TimeRow(
        device=measurement.device.name,
        file=file,
        role=known.role,
        runtime=runtime,
        version=trials[0].version,
        threads=threads,
        series=name,
        baseline=baseline if shared else None,
        processes=len(times),
        pairs=len(shared),
        runs=sum(map(len, times)),
        mean_tokens=float(np.mean(first.tokens)) if first.tokens else 0.0,
        p50_ns=found.p50,
        p90_ns=found.p90,
        p99_ns=found.p99,
        per_second=1e9 / found.p50.value,
        load_ns=float(median(trial.load_ns for trial in trials)),
        first_ns=float(median(first_ns)) if first_ns else None,
        import_ns=float(median(trial.import_ns for trial in trials)),
        peak_rss_bytes=float(median(rss)) if rss else None,
        size_bytes=known.size_bytes,
        tokenizer_ns=float(median(texts)) if texts else None,
        ratio=speed_up,
        verdict=None if speed_up is None else verdict(speed_up),
        outliers=outlier_share(times, inputs=len(first.tokens)),
    )


def _energy_uj(trial: Trial) -> dict[str, int]:
    ends = [item for item in trial.conditions if item.moment != "during"]
    if len(ends) < 2:
        return {}
    before, after = dict(ends[0].energy_uj), dict(ends[-1].energy_uj)
    return {name: after[name] - before[name] for name in before if name in after}


def _ns(series: Mapping[int, TimedSeries], rounds: Sequence[int]) -> Times:
    return [series[number].run_ns for number in rounds]
