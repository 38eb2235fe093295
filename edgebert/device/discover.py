"""Which devices there are, and why the others cannot be used."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from pathlib import Path

from edgebert.device.adb import AdbDevice
from edgebert.device.adb_words import Listed, listed_devices
from edgebert.device.android import ARM64
from edgebert.device.facts import AndroidFacts
from edgebert.emulation.emulator import emulator_state
from edgebert.errors import DeviceProblem, EnvironmentProblem

EMULATED_CPU = "cortex-a76"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A device that exists or could.

    Attributes:
        url: What to call it; of a kind that cannot be searched for, how its names look.
        ok: Whether it can be used as it is.
        what: Model, system or kind of it.
        why: Why it cannot be used, or what to bear in mind; empty when there is nothing to say.
        mend: What to do about it; empty when there is nothing to do.
    """

    url: str
    ok: bool
    what: str
    why: str = ""
    mend: str = ""


def found_devices(*, adb: str = "adb", cache: Path | None = None) -> tuple[Found, ...]:
    """Return every device that can be found, usable or not; what goes wrong with one is said of that one.

    Args:
        adb: The adb program.
        cache: Folder of this machine that the emulator's parts lie in; ``None`` leaves the emulator out.
    """
    emulators = () if cache is None else (_emulator(cache),)
    return (_this_machine(), *_phones(adb), *emulators, _boards())


def _this_machine() -> Found:
    machine = platform.machine()
    why = "" if machine in {"aarch64", "arm64"} else "not an ARM processor: its times say nothing about a phone"
    return Found(url="local", ok=True, what=f"{platform.system()} on {machine}, {os.cpu_count()} processors", why=why)


def _phones(adb: str) -> tuple[Found, ...]:
    try:
        listed = listed_devices(adb=adb)
    except EnvironmentProblem as error:
        return (Found(url="adb:SERIAL", ok=False, what="phones by adb", why=error.message, mend=error.hint),)
    if not listed:
        mend = "connect a phone by USB and switch on USB debugging in its developer options"
        return (Found(url="adb:SERIAL", ok=False, what="phones by adb", why="adb sees none", mend=mend),)
    return tuple(_phone(device, adb) for device in listed)


def _phone(listed: Listed, adb: str) -> Found:
    url, what = f"adb:{listed.serial}", listed.model or "phone"
    if listed.state != "device":
        return Found(url=url, ok=False, what=what, why=listed.state, mend=listed.mend)
    try:
        facts = AdbDevice(listed.serial, root="/", adb=adb).android_facts()
    except DeviceProblem as error:
        return Found(url=url, ok=False, what=what, why=error.message, mend=error.hint)
    what = _description(facts) or what
    if facts.abi and facts.abi != ARM64:
        return Found(
            url=url, ok=False, what=what, why=f"runs {facts.abi} programs, not {ARM64}", mend="take another one"
        )
    return Found(url=url, ok=True, what=what)


def _description(facts: AndroidFacts) -> str:
    name = facts.model
    if facts.manufacturer and not name.lower().startswith(facts.manufacturer.lower()):
        name = f"{facts.manufacturer} {name}".strip()
    return ", ".join(part for part in (name, facts.soc, facts.release and f"Android {facts.release}") if part)


def _emulator(cache: Path) -> Found:
    ok, sentence = emulator_state(cache)
    url, what = f"emulator:{EMULATED_CPU}", "ARM processor emulated on this machine"
    return Found(url=url, ok=ok, what=what, why=sentence, mend="" if ok else "run 'edgebert emulator setup'")


def _boards() -> Found:
    why = "boards cannot be searched for"
    return Found(url="ssh:USER@HOST", ok=False, what="boards by ssh", why=why, mend="name one: ssh:pi@raspberrypi")
