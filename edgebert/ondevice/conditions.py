"""What can be read of the device at one moment: clocks, heat, throttling, load, battery, energy."""

from __future__ import annotations

import os
import re
from typing import Any, Optional, Sequence

from edgebert.ondevice.sysfs import listed, read_label, read_text, read_whole

COLDEST, HOTTEST = -40.0, 150.0
"""Degrees Celsius between which a sensor is believed; switched-off ones report the ends, or the absolute zero."""

# Phones show current, voltage and charge of the battery among the thermal zones.
_NO_TEMPERATURE = re.compile(r"soc|.*(ibat|vbat|bcl).*", re.IGNORECASE)


def read_conditions(moment: str, at_ns: int, cores: Sequence[int], *, root: str = "/") -> dict[str, Any]:
    """Return what ``Conditions`` of ``edgebert.device.protocol`` describes. Whatever cannot be read is left out.

    Args:
        moment: ``before``, ``during`` or ``after``.
        at_ns: Nanoseconds since the worker started.
        cores: Processors the trial may run on.
        root: Folder that ``sys`` and ``proc`` lie in.
    """
    percent, status = _battery(root)
    return {
        "moment": moment,
        "at_ns": at_ns,
        "freq_khz": _frequencies(root, cores),
        "governor": _governors(root, cores),
        "temperatures": _temperatures(root),
        "cooling": _cooling(root),
        "throttle_count": _throttle_count(root),
        "load": parse_load(read_text(root, "proc/loadavg")),
        "battery_percent": percent,
        "battery_status": status,
        "energy_uj": _energy(root),
    }


def parse_celsius(text: str) -> Optional[float]:
    """Return the degrees that a thermal zone reports, or ``None`` when its number is no temperature of a device.

    The kernel's unit is a thousandth of a degree; some vendors write whole degrees. A plain 0 is a sensor that is off.
    """
    if not re.fullmatch(r"-?[0-9]{1,9}", text):
        return None
    number = int(text)
    if 0 < number <= HOTTEST:
        celsius = float(number)
    elif abs(number) >= 1000:
        celsius = number / 1000
    else:
        return None
    return celsius if COLDEST < celsius < HOTTEST else None


def parse_load(text: str) -> Optional[float]:
    """Return the load average over one minute, the first number of ``/proc/loadavg``."""
    first = text.split()[0] if text.split() else ""
    return float(first) if re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", first) else None


def _frequencies(root: str, cores: Sequence[int]) -> list[int]:
    found = [read_whole(root, _CPU % core, "cpufreq/scaling_cur_freq") for core in cores]
    known = [khz for khz in found if khz is not None and khz > 0]
    # Half a list could not say whose frequencies they are.
    return known if len(known) == len(found) else []


def _governors(root: str, cores: Sequence[int]) -> list[str]:
    found = [read_label(root, _CPU % core, "cpufreq/scaling_governor") for core in cores]
    return found if all(found) else []


def _temperatures(root: str) -> list[dict[str, Any]]:
    found = []
    folder = os.path.join(root, "sys/class/thermal")
    for zone in listed(folder, "thermal_zone"):
        sensor = read_label(folder, zone, "type") or zone
        if _NO_TEMPERATURE.fullmatch(sensor):
            continue
        celsius = parse_celsius(read_text(folder, zone, "temp"))
        if celsius is not None:
            found.append({"sensor": sensor, "celsius": celsius})
    return found


def _cooling(root: str) -> list[dict[str, Any]]:
    found = []
    folder = os.path.join(root, "sys/class/thermal")
    for device in listed(folder, "cooling_device"):
        state, highest = (read_whole(folder, device, name) for name in ("cur_state", "max_state"))
        if state is not None and highest is not None and 0 <= state <= highest:
            name = read_label(folder, device, "type") or device
            found.append({"name": name, "state": state, "highest": highest})
    return found


def _throttle_count(root: str) -> Optional[int]:
    folder = os.path.join(root, "sys/devices/system/cpu")
    found = [
        read_whole(folder, cpu, "thermal_throttle", name)
        for cpu in listed(folder, "cpu")
        for name in ("core_throttle_count", "package_throttle_count")
    ]
    counts = [count for count in found if count is not None and count >= 0]
    return sum(counts) if counts else None


def _battery(root: str) -> tuple[Optional[int], Optional[str]]:
    folder = os.path.join(root, "sys/class/power_supply")
    for supply in listed(folder):
        # A wireless mouse is a battery too; its scope says that it does not feed this machine.
        if read_label(folder, supply, "type") not in ("", "Battery") or read_label(folder, supply, "scope") == "Device":
            continue
        percent = read_whole(folder, supply, "capacity")
        if percent is not None and 0 <= percent <= 100:
            return percent, read_label(folder, supply, "status") or None
    return None, None


def _energy(root: str) -> list[list[Any]]:
    found = []
    folder = os.path.join(root, "sys/class/powercap")
    for zone in listed(folder):
        used = read_whole(folder, zone, "energy_uj")
        if used is not None and used >= 0:
            # The number of a zone keeps names apart that occur in each socket.
            found.append([("%s %s" % (zone, read_label(folder, zone, "name"))).strip(), used])
    return found


_CPU = "sys/devices/system/cpu/cpu%d"
