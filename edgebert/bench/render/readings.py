"""What was read of a device while it was measured, one line for each process."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from edgebert.bench.render.markup import shown
from edgebert.bench.render.tables import NONE, Sheet, sheet

if TYPE_CHECKING:
    from edgebert.bench.report import DoneTrial, Measurement

_COLUMNS = (
    "process",
    "file",
    "threads",
    "waited s",
    "took s",
    "GHz",
    "governor",
    "°C, hottest",
    "cooling",
    "throttled",
    "load",
    "battery",
)


def condition_sheet(measurement: Measurement) -> Sheet:
    """Return the conditions of every process of a real device: lowest and highest of what was read during it."""
    trials = () if measurement.device.is_emulated else measurement.trials
    return sheet("Conditions of every process", _COLUMNS, [_cells(done) for done in trials], is_detail=True)


def _cells(done: DoneTrial) -> tuple[str, ...]:
    read = done.trial.conditions
    caps = [f"{shown(item.name)} {item.state}/{item.highest}" for found in read for item in found.cooling if item.state]
    counts = [found.throttle_count for found in read if found.throttle_count is not None]
    battery = [f"{found.battery_percent} %" for found in read if found.battery_percent is not None]
    battery += [shown(found.battery_status) for found in read if found.battery_status]
    return (
        str(done.order),
        shown(done.file),
        str(done.trial.threads),
        f"{done.waited_s:.1f}",
        f"{done.trial.elapsed_ns / 1e9:.1f}",
        _range([khz / 1e6 for found in read for khz in found.freq_khz], ".2f"),
        _words(shown(name) for found in read for name in found.governor),
        _range([max(item.celsius for item in found.temperatures) for found in read if found.temperatures], ".1f"),
        _words(caps),
        str(counts[-1] - counts[0]) if counts else NONE,
        _range([found.load for found in read if found.load is not None], ".2f"),
        _words(battery),
    )


def _range(values: list[float], style: str) -> str:
    if not values:
        return NONE
    low, high = format(min(values), style), format(max(values), style)
    return low if low == high else f"{low} to {high}"


def _words(found: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(found)) or NONE
