"""What a phone says of itself: readers of `getprop` and `dumpsys` that take any text and skip what they cannot read."""

from __future__ import annotations

import re

from edgebert.device.device import AndroidFacts, PhoneState
from edgebert.device.protocol import Temperature

ARM64 = "arm64-v8a"
"""The ABI that a phone must prefer: the worker is an aarch64 program."""

SOC_PROPERTIES = (
    "ro.soc.model",  # Android 12 and newer
    "ro.vendor.qti.soc_model",
    "ro.vendor.mediatek.platform",
    "ro.mediatek.platform",
    "ro.hardware.chipname",  # Samsung
    "ro.chipname",
    "ro.board.platform",
)
NOT_TEMPERATURES = frozenset({-1, 6, 7, 8})
"""Types of the thermal HAL in units of their own: unknown, and the battery's voltage, current and charge limits."""

CELSIUS = (-40.0, 150.0)
LARGEST_NUMBER = 9
"""Digits of the longest number read: more is not a reading, and Python refuses to convert thousands of them."""

PROPERTY = re.compile(r"^\[([^\]\n]+)\]: \[([^\]\n]*)\]", re.MULTILINE)
FIELD = re.compile(r"^[ \t]*([A-Za-z][A-Za-z ]*):[ \t]*([^\s]+)[ \t]*$")
SENSOR = re.compile(r"Temperature\{mValue=([^,}]+), mType=(-?\d{1,3}), mName=([^}]*?)(?:, mStatus=[^}]*)?\}")
STATUS = re.compile(r"^[ \t]*Thermal Status: ([0-6])[ \t]*$", re.MULTILINE)
LIVE = "Current temperatures from HAL:"
CACHED = "Cached temperatures:"
WAKEFULNESS = re.compile(r"^[ \t]*mWakefulness=(\w+)", re.MULTILINE)
DISPLAY = re.compile(r"^[ \t]*Display Power: state=(\w+)", re.MULTILINE)
SAVING = (
    re.compile(r"^[ \t]*Battery Saver is currently: (ON|OFF|ADAPTIVE)\b", re.MULTILINE),  # Android 9 and newer
    re.compile(r"^[ \t]*mLowPowerModeEnabled=(true|false)\b", re.MULTILINE),  # up to Android 8
    re.compile(r"^Battery saver state machine:\s*Enabled=(true|false)\b", re.MULTILINE),
)


def android_facts(getprop: str) -> AndroidFacts:
    """Read what `getprop` printed; texts of a phone that keeps a property to itself are empty."""
    found = {name: value.strip() for name, value in PROPERTY.findall(getprop.replace("\r\n", "\n"))}

    def first(*names: str) -> str:
        return next((found[name] for name in names if found.get(name)), "")

    return AndroidFacts(
        manufacturer=first("ro.product.manufacturer", "ro.product.vendor.manufacturer", "ro.product.brand"),
        model=first("ro.product.model", "ro.product.vendor.model", "ro.product.system.model"),
        soc=first(*SOC_PROPERTIES),
        release=first("ro.build.version.release"),
        sdk=_count(first("ro.build.version.sdk")),
        abi=first("ro.product.cpu.abi", "ro.product.cpu.abilist").split(",")[0],
    )


def phone_state(trial: int, *, battery: str, thermal: str, power: str) -> PhoneState:
    """Put together what three calls of `dumpsys` printed at one moment of a run.

    Args:
        trial: Index of the trial that follows.
        battery: Output of `dumpsys battery`.
        thermal: Output of `dumpsys thermalservice` (Android 10 and newer; older ones have no such service).
        power: Output of `dumpsys power`.
    """
    fields: dict[str, str] = {}
    for line in battery.splitlines():
        if match := FIELD.match(line):  # the first one counts: vendors append sections, Samsung a log of past states
            fields.setdefault(match[1].strip().lower(), match[2])
    status = STATUS.search(thermal)
    saving = next((match[1] for pattern in SAVING if (match := pattern.search(power))), None)
    return PhoneState(
        trial=trial,
        battery_percent=_percent(fields),
        battery_celsius=_celsius(fields.get("temperature", "")),
        is_charging=_is_charging(fields),
        thermal_status=int(status[1]) if status else None,
        # The cached section keeps the last value that crossed a threshold, which may be hours old.
        temperatures=_sensors(_section(thermal, LIVE)) or _sensors(_section(thermal, CACHED)),
        is_screen_on=_is_screen_on(power),
        is_power_saving=None if saving is None else saving not in {"OFF", "false"},
    )


def _percent(fields: dict[str, str]) -> int | None:
    level, scale = _count(fields.get("level", "")), _count(fields.get("scale", "100"))
    percent = round(100 * level / scale) if level is not None and scale else None
    return percent if percent is not None and percent <= 100 else None


def _celsius(tenths: str) -> float | None:
    count = _count(tenths.removeprefix("-"))
    if count is None:
        return None
    celsius = (-count if tenths.startswith("-") else count) / 10
    return celsius if CELSIUS[0] <= celsius <= CELSIUS[1] else None


def _is_screen_on(power: str) -> bool | None:
    match = WAKEFULNESS.search(power)
    awake = {"Awake": True, "Dreaming": True, "Asleep": False, "Dozing": False}.get(match[1]) if match else None
    if awake is None and (match := DISPLAY.search(power)):
        return match[1] == "ON"
    return awake


def _is_charging(fields: dict[str, str]) -> bool | None:
    """Read the supplies, since a full or protected battery is not charged by a cable that still feeds the phone."""
    supplies = {value for name, value in fields.items() if name.endswith(" powered")}
    if "true" in supplies:
        return True
    if "false" in supplies:
        return False
    return {"2": True, "3": False, "4": False}.get(fields.get("status", ""))


def _section(text: str, title: str) -> str:
    """Return the indented lines below a title."""
    lines = iter(text.splitlines())
    for line in lines:
        if line.strip() == title:
            break
    kept = []
    for line in lines:
        if not line[:1].isspace():
            break
        kept.append(line)
    return "\n".join(kept)


def _sensors(section: str) -> tuple[Temperature, ...]:
    """Read the sensors of a section; of two with the same name the first counts, and one at exactly 0 is not fitted."""
    found: dict[str, float] = {}
    for value, kind, name in SENSOR.findall(section):
        try:
            celsius = float(value)
        except ValueError:
            continue
        if int(kind) in NOT_TEMPERATURES or celsius == 0 or not CELSIUS[0] <= celsius <= CELSIUS[1]:
            continue
        found.setdefault(name.strip(), celsius)
    return tuple(Temperature(sensor=sensor, celsius=celsius) for sensor, celsius in found.items())


def _count(text: str) -> int | None:
    """Return a plain number of few ASCII digits, or nothing."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= LARGEST_NUMBER else None
