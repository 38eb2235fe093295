"""Whether a device is warmer than when the run began, so that a wait keeps the trials equal."""

from __future__ import annotations

from collections.abc import Sequence

from edgebert.device.facts import PhoneState
from edgebert.device.protocol import Conditions, Temperature, Trial

STEP_S = 10.0
"""Seconds to wait at once."""


def is_warm_after(first: Trial, last: Trial, *, celsius: float) -> bool:
    """Return whether the next trial should wait, from what the worker read during the first and the latest trial.

    A sensor inside a processor jumps with the first inference and falls as fast when it ends, so temperatures are
    compared as they were before the file was loaded. A cooling device that has stepped up since the start, as a cap on
    the frequency does, is a reason however warm the sensors are.

    Args:
        first: First trial of the run.
        last: Latest trial.
        celsius: How much warmer a sensor may be.
    """
    if not first.conditions or not last.conditions:
        return False
    start = first.conditions[0]
    return _is_warmer(start.temperatures, last.conditions[0].temperatures, celsius) or _is_capped(
        start, last.conditions[-1]
    )


def is_warm_now(first: PhoneState, now: PhoneState, *, celsius: float) -> bool:
    """Return whether the next trial should wait, from what the phone says of itself."""
    if (now.thermal_status or 0) > (first.thermal_status or 0):
        return True
    return _is_warmer(_sensors(first), _sensors(now), celsius)


def _is_warmer(start: Sequence[Temperature], now: Sequence[Temperature], celsius: float) -> bool:
    before = {item.sensor: item.celsius for item in start}
    return any(item.celsius > before[item.sensor] + celsius for item in now if item.sensor in before)


def _is_capped(start: Conditions, now: Conditions) -> bool:
    before = {item.name: item.state for item in start.cooling}
    return any(item.state > before[item.name] for item in now.cooling if item.name in before)


def _sensors(state: PhoneState) -> tuple[Temperature, ...]:
    if state.battery_celsius is None:
        return state.temperatures
    return (*state.temperatures, Temperature(sensor="battery", celsius=state.battery_celsius))
