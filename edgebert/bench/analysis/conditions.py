"""The conditions that two runs must share before their times may be compared."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from edgebert.bench.report import Measurement, Report

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

Pair = tuple[Measurement, Measurement]


def unequal_conditions(old: Report, new: Report, pairs: Sequence[Pair]) -> tuple[tuple[str, str], ...]:
    """Return the conditions that differ between two reports: name, and both values in words.

    Args:
        old: One report.
        new: The other.
        pairs: Measurements to compare, of the old and the new report.
    """
    found = list(_of_reports(old, new, pairs))
    for pair in pairs:
        found += _of_devices(*pair)
        found += _of_runs(*pair)
    return tuple(dict.fromkeys(found))


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
