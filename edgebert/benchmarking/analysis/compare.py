"""Two reports side by side: faster, slower, no significant change or too noisy, row by row.

Only runs made under equal conditions are compared; what differs is refused by name, unless it is knowingly allowed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebert.arguments import strings_of
from edgebert.benchmarking.analysis.scores import FileChange, Pair, file_changes
from edgebert.benchmarking.analysis.stats import Estimate, Times, Verdict, change, quantiles, verdict
from edgebert.benchmarking.report import Configuration, Measurement, Report, read_report, times_by_series
from edgebert.errors import UsageError
from edgebert.manifest import Role

CONDITIONS = (
    "device",
    "cpu",
    "features",
    "texts",
    "runtime-version",
    "suite",
    "governor",
    "charging",
    "power-saving",
)
"""Conditions whose difference can be accepted knowingly; emulated against real never is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """One row that both reports have.

    Attributes:
        old_p50_ns: Median time of the old report, nanoseconds.
        new_p50_ns: That of the new one.
        ratio: Times as fast as before; its interval holds together with those of all other rows.
        verdict: What the ratio says.
        is_same_file: Whether the file is the very same in both: a change is then one of the device.
    """

    device: str
    file: str
    role: Role
    runtime: str
    threads: int
    series: str
    old_p50_ns: float
    new_p50_ns: float
    ratio: Estimate
    verdict: Verdict
    is_same_file: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """What changed from one report to another.

    Attributes:
        rows: Times, where both reports have them.
        files: Sizes and answers.
        allowed: Conditions that differ and were knowingly accepted, one sentence each.
        warnings: What speaks against the comparison.
        level: Confidence level of each row's interval: 95 % for all of them together.
    """

    rows: tuple[Change, ...]
    files: tuple[FileChange, ...]
    allowed: tuple[str, ...]
    warnings: tuple[str, ...]
    level: float


def compare(old: str | Path | Report, new: str | Path | Report, *, allow: Iterable[str] = ()) -> Comparison:
    """Return what changed between two reports.

    The runs are independent, so the intervals are unpaired (``stats.change``), and as much wider as it takes that all
    of them hold together at 95 % (Bonferroni): a comparison of many rows raises no more false alarms than one of few.

    Args:
        old: The report to compare with, or its file.
        new: The report to judge, or its file.
        allow: Names of ``CONDITIONS`` that may differ.

    Returns:
        The rows that both have: median times in nanoseconds, ratios as times as fast as before, and a verdict.

    Raises:
        UsageError: Conditions differ that are not allowed (all of them are named), a name in ``allow`` is unknown, or
            the reports have nothing in common.

    Examples:
        >>> [row.verdict for row in edgebert.compare("old.json", "new.json").rows]
        ['no significant change', 'faster']
    """
    allow = frozenset(strings_of("allow", allow))
    old, new = (item if isinstance(item, Report) else read_report(item) for item in (old, new))
    if unknown := sorted(allow - set(CONDITIONS)):
        raise UsageError(f"unknown condition {unknown[0]!r}", hint=f"known: {', '.join(CONDITIONS)}")
    pairs = _matched(old, new, allow)
    differing = unequal_conditions(old, new, pairs)
    refused = [f"{name}: {text}" for name, text in differing if name not in allow]
    if refused:
        names = sorted({name for name, _ in differing if name not in allow and name in CONDITIONS})
        hint = "measure both under the same conditions"
        if names:
            hint += f", or accept the difference knowingly with {' '.join(f'--allow {name}' for name in names)}"
        raise UsageError(f"the two reports were not made under equal conditions: {'; '.join(refused)}", hint=hint)
    matched = list(_times(old, new, pairs))
    level = 1 - 0.05 / max(len(matched), 1)
    rows = tuple(_change(old, new, *item, level) for item in matched)
    files = tuple(file_changes(old, new, pairs))
    if not rows and not files:
        raise UsageError(
            "the two reports have no file in common", hint="compare reports of bundles of the same formats"
        )
    warnings = (
        f"{row.device}: {row.file} is the same file in both and yet {row.verdict} "
        f"({row.ratio.value:.2f} times as fast): the device changed between the runs"
        for row in rows
        if row.is_same_file and row.verdict in {"faster", "slower"}
    )
    allowed = tuple(f"{name}: {text}" for name, text in differing)
    return Comparison(rows=rows, files=files, allowed=allowed, warnings=tuple(warnings), level=level)


def unequal_conditions(old: Report, new: Report, pairs: Sequence[Pair]) -> tuple[tuple[str, str], ...]:
    """Return the conditions that differ between two reports: name, and both values in words."""
    found = list(_of_reports(old, new, pairs))
    for pair in pairs:
        found += _of_devices(*pair)
        found += _of_runs(*pair)
    return tuple(dict.fromkeys(found))


def _matched(old: Report, new: Report, allow: frozenset[str]) -> list[Pair]:
    """Return the measurements of the same device; another device is accepted only where there is one on each side."""
    named = {item.device.name: item for item in old.measurements}
    pairs = [(named[item.device.name], item) for item in new.measurements if item.device.name in named]
    if not pairs and len(old.measurements) == len(new.measurements) == 1:
        return [(old.measurements[0], new.measurements[0])]
    if not pairs and "device" in allow:
        raise UsageError("the two reports have no device in common", hint="compare reports of one device each")
    return pairs


def _times(old: Report, new: Report, pairs: Sequence[Pair]) -> Iterator[tuple[str, Configuration, str, Times, Times]]:
    """Yield device, configuration, series and both times by process of what was timed in both reports."""
    for before, after in pairs:
        if before.device.is_emulated or after.device.is_emulated:
            continue
        formers = before.configurations()
        for key, trials in after.configurations().items():
            if key in formers and old.bundle.find(key[0]) and new.bundle.find(key[0]):
                former = times_by_series(formers[key])
                for name, rounds in times_by_series(trials).items():
                    if name in former:
                        first, second = ([item.run_ns for item in side.values()] for side in (former[name], rounds))
                        yield after.device.name, key, name, first, second


def _change(
    old: Report,
    new: Report,
    device: str,
    key: Configuration,
    series: str,
    before: Times,
    after: Times,
    level: float,
) -> Change:
    file, runtime, threads = key
    former, known = old.bundle.find(file), new.bundle.find(file)
    assert former is not None
    assert known is not None
    found = change(before, after, level=level)
    return Change(
        device=device,
        file=file,
        role=known.role,
        runtime=runtime,
        threads=threads,
        series=series,
        old_p50_ns=quantiles(before).p50.value,
        new_p50_ns=quantiles(after).p50.value,
        ratio=found,
        verdict=verdict(found),
        is_same_file=known.sha256 == former.sha256,
    )


def _of_reports(old: Report, new: Report, pairs: Sequence[Pair]) -> Iterator[tuple[str, str]]:
    before, after = ([item.device.name for item in report.measurements] for report in (old, new))
    missing = [name for name in dict.fromkeys(before + after) if (name in before) != (name in after)]
    if missing:
        yield "device", f"{_list(before)} against {_list(after)}"
    if old.texts.sha256 != new.texts.sha256:
        yield "texts", f"{old.texts.name} against {new.texts.name}, whose content differs"
    if any(first.trials and second.trials for first, second in pairs):
        # More processes or texts to answer change how much is known, not what is measured.
        for name in ("threads", "runs", "warm_up", "cores", "series_texts", "seed"):
            values = [getattr(report.suite, name) for report in (old, new)]
            if values[0] != values[1]:
                yield "suite", f"{name.replace('_', ' ')} {_shown(values[0])} against {_shown(values[1])}"


def _of_devices(old: Measurement, new: Measurement) -> Iterator[tuple[str, str]]:
    name, before, after = new.device.name, old.device, new.device
    if before.is_emulated != after.is_emulated:
        kinds = ["emulated" if item.is_emulated else "real" for item in (before, after)]
        yield "emulated", f"{name}: {kinds[0]} against {kinds[1]}"
        return
    if (before.kind, _model(old)) != (after.kind, _model(new)):
        yield "device", f"{before.kind} {_model(old)} against {after.kind} {_model(new)}"
    if before.cpu != after.cpu or _cores(old) != _cores(new) or before.hardware.machine != after.hardware.machine:
        yield "cpu", f"{name}: {_cpu(old)} against {_cpu(new)}"
    if before.hardware.features != after.hardware.features:
        changed = set(before.hardware.features) ^ set(after.hardware.features)
        yield "features", f"{name}: {_list(sorted(changed))} on one side only"


def _of_runs(old: Measurement, new: Measurement) -> Iterator[tuple[str, str]]:
    name = new.device.name
    before, after = _versions(old), _versions(new)
    for runtime in sorted(before.keys() & after.keys()):
        if before[runtime] != after[runtime]:
            yield "runtime-version", f"{name}: {runtime} {_list(before[runtime])} against {_list(after[runtime])}"
    if new.device.is_emulated or not (old.trials and new.trials):
        return
    for condition, first, second in (
        ("governor", _governors(old), _governors(new)),
        ("charging", _charging(old), _charging(new)),
        ("power-saving", _saving(old), _saving(new)),
    ):
        # What one side could not read is unknown, not different.
        if first and second and first != second:
            yield condition, f"{name}: {_list(first)} against {_list(second)}"


def _versions(measurement: Measurement) -> dict[str, list[str]]:
    found: dict[str, set[str]] = {}
    for runtime, version in (
        *((item.trial.runtime, item.trial.version) for item in measurement.trials),
        *((item.runtime, item.version) for item in measurement.answers),
    ):
        found.setdefault(runtime, set()).add(version)
    return {runtime: sorted(versions) for runtime, versions in found.items()}


def _governors(measurement: Measurement) -> list[str]:
    return sorted({name for item in measurement.trials for read in item.trial.conditions for name in read.governor})


def _charging(measurement: Measurement) -> list[str]:
    says = {item.is_charging for item in measurement.states if item.is_charging is not None}
    if not says:
        # Full and Not charging are the same to the processor.
        read = [found.battery_status for item in measurement.trials for found in item.trial.conditions]
        says = {status.lower() == "charging" for status in read if status}
    return sorted("charging" if item else "not charging" for item in says)


def _saving(measurement: Measurement) -> list[str]:
    says = {item.is_power_saving for item in measurement.states if item.is_power_saving is not None}
    return sorted("battery saver on" if item else "battery saver off" for item in says)


def _model(measurement: Measurement) -> str:
    android = measurement.device.android
    if android is not None:
        return f"{android.manufacturer} {android.model} ({android.soc})"
    return measurement.device.hardware.model or measurement.device.name


def _cores(measurement: Measurement) -> list[tuple[str, int | None]]:
    return [(core.part, core.max_khz) for core in measurement.device.hardware.cores]


def _cpu(measurement: Measurement) -> str:
    device = measurement.device
    parts = list(dict.fromkeys(core.part or device.hardware.machine for core in device.hardware.cores))
    clock = max((core.max_khz or 0 for core in device.hardware.cores), default=0)
    return device.cpu or f"{len(device.hardware.cores)} cores {_list(parts)} up to {clock / 1e6:.2f} GHz"


def _shown(value: object) -> str:
    return _list([str(item) for item in value]) if isinstance(value, tuple) else str(value) or "any"


def _list(values: Sequence[str]) -> str:
    return ", ".join(values) or "none"
