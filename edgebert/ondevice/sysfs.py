"""What Linux tells of the machine in small files: at one moment (clocks, heat, load, energy), and which processors.

A file that cannot be read is absent; only ``pin`` raises.
"""

from __future__ import annotations

import os
import re
from typing import Any, Optional, Sequence

from edgebert.ondevice.protocol import Failure

_CPU = "sys/devices/system/cpu/cpu%d"
_LONGEST = 1 << 16
_WHOLE = re.compile(r"[+-]?[0-9]{1,15}")  # what every reader of JSON holds exactly
_RANGE = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")
_MOST_PROCESSORS = 1 << 12

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
        root: Folder that ``sys`` and ``proc`` are in.
    """
    percent, status = _battery(root)
    return {
        "moment": moment,
        "at_ns": at_ns,
        "freq_khz": _of_all([max(read_whole(root, _CPU % core, "cpufreq/scaling_cur_freq") or 0, 0) for core in cores]),
        "governor": _of_all([read_label(root, _CPU % core, "cpufreq/scaling_governor") for core in cores]),
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


def _of_all(readings: list[Any]) -> list[Any]:
    """Return readings of the processors, or none: half a list could not say whose they are."""
    return readings if all(readings) else []


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
    return min(sum(counts), 10**15) if counts else None


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


def read_text(*parts: str) -> str:
    """Return the content of a file without blanks around it; empty when it cannot be read."""
    try:
        with open(os.path.join(*parts), "rb") as file:
            content = file.read(_LONGEST)
    except (OSError, ValueError):  # a ValueError is a name with a NUL
        return ""
    return content.decode("utf-8", "replace").replace("\0", " ").strip()


def read_whole(*parts: str) -> Optional[int]:
    """Return the integer that is all a file holds; ``None`` when it holds something else."""
    text = read_text(*parts)
    return int(text) if _WHOLE.fullmatch(text) else None


def read_label(*parts: str) -> str:
    """Return the first line of a file, at most 80 characters of it."""
    lines = read_text(*parts).splitlines()
    return lines[0].strip()[:80] if lines else ""


def listed(folder: str, prefix: str = "") -> list[str]:
    """Return the names in a folder that begin with ``prefix``, in natural order: ``zone2`` before ``zone10``."""
    try:
        names = os.listdir(folder)
    except (OSError, ValueError):
        return []
    return sorted((name for name in names if name.startswith(prefix)), key=_natural)


def parse_processors(text: str) -> tuple[int, ...]:
    """Return the numbers that the kernel writes as in ``0-3,6``, ascending; empty when the text is no such list."""
    found: set[int] = set()
    for part in text.split(",") if text else ():
        match = _RANGE.fullmatch(part.strip())
        if not match:
            return ()
        first, last = int(match.group(1)), int(match.group(2) or match.group(1))
        if not first <= last < _MOST_PROCESSORS:
            return ()
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def online(root: str = "/") -> tuple[int, ...]:
    """Return the numbers of the processors that are switched on, ascending."""
    listed = parse_processors(read_text(root, "sys/devices/system/cpu/online"))
    return listed or tuple(range(os.cpu_count() or 1))


def usable() -> tuple[int, ...]:
    """Return the numbers of the processors that this process may run on, ascending."""
    if not hasattr(os, "sched_getaffinity"):
        return online()
    return tuple(sorted(os.sched_getaffinity(0)))


def pin(cores: Sequence[int]) -> None:
    """Keep this process, and every thread it starts from now on, on ``cores``; an empty list leaves the choice open.

    Raises:
        Failure: One of them does not exist, may not be used, or the system cannot pin (``bad-request``).
    """
    if not cores:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise Failure("bad-request", "cores: this system does not let a process choose its processors")
    try:
        os.sched_setaffinity(0, cores)
    except (OSError, ValueError, OverflowError):
        pinned = False
    else:
        # The system ignores numbers that do not exist as long as one does.
        pinned = usable() == tuple(sorted(cores))
    if not pinned:
        wanted, present = (", ".join(map(str, numbers)) for numbers in (cores, online()))
        raise Failure("bad-request", "cores: cannot run on %s; switched on here: %s" % (wanted, present))


def _natural(name: str) -> tuple[tuple[str, int], ...]:
    return tuple((other, int(digits or 0)) for other, digits in re.findall(r"([^0-9]*)([0-9]{0,18})", name))
