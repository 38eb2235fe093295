"""From what the user calls a device to a board that is ready to measure."""

from __future__ import annotations

import contextlib
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from edgebert.arguments import path_of
from edgebert.device.adb import AdbDevice, Listed, listed_devices
from edgebert.device.android import ARM64
from edgebert.device.board import Board
from edgebert.device.device import AndroidFacts, Device, DeviceKind
from edgebert.device.process import open_local
from edgebert.device.ssh import open_ssh, parse_target
from edgebert.emulation.setup import emulator_state
from edgebert.errors import DeviceProblem, EnvironmentProblem, UsageError
from edgebert.workers.launch import prepare

_EXAMPLES: dict[DeviceKind, str] = {
    "local": "local",
    "ssh": "ssh:pi@raspberrypi",
    "adb": "adb:SERIAL",
    "emulator": "emulator:cortex-a76",
}


def parse_url(url: str) -> tuple[DeviceKind, str]:
    """Return how a device is reached, and the rest of its URL: target, serial number or CPU.

    The rest is empty for ``local``, and may be for ``adb``: then the only phone is meant.

    Raises:
        UsageError: It is none of the four kinds, or its rest is missing or cannot be read.
    """
    scheme, colon, rest = url.partition(":")
    kind = next((kind for kind in get_args(DeviceKind) if kind == scheme), None)
    if kind is None:
        raise UsageError(f"{url!r}: not a device", hint=f"one of {', '.join(_EXAMPLES.values())}")
    if kind == "local":
        if colon:
            raise UsageError(f"{url!r}: this machine is called local, without a name behind it")
        return kind, ""
    if kind == "adb" and not rest:
        return kind, ""  # the only phone, where there is one
    if not rest:
        raise UsageError(f"{url!r}: which one?", hint=f"e.g. {_EXAMPLES[kind]}")
    if rest.startswith("-") or not rest.isprintable() or (" " in rest and kind != "adb"):
        raise UsageError(f"{url!r}: {rest!r} is not a device", hint=f"e.g. {_EXAMPLES[kind]}")
    if kind == "ssh":
        parse_target(rest)
    return kind, rest


def connect(
    url: str,
    *,
    python: str | None = None,
    runtime: Path | None = None,
    root: str | None = None,
    cache: Path,
) -> Board:
    """Reach a device, bring the worker there, and return both.

    Args:
        url: ``local``, ``ssh:user@host:port``, ``adb:SERIAL`` or ``emulator:CPU``.
        python: A Python of the device that has numpy and a runtime.
        runtime: A worker archive for the device.
        root: Folder on the device for everything of edgebert, where the usual one will not do.
        cache: Folder of this machine that the emulator's parts lie in.

    Raises:
        UsageError: The URL cannot be read, or the options do not go together.
        BundleError: The worker archive cannot be read.
        EnvironmentProblem: This machine lacks ssh, adb or the emulator.
        DeviceProblem: The device cannot be used; the hint says what to do.
        DeviceGone: The connection broke.
    """
    kind, rest = parse_url(url)
    if kind == "emulator":
        if python is not None or runtime is not None or root is not None:
            raise UsageError(f"{url}: an emulator brings its own worker", hint="leave out Python, runtime and root")
        from edgebert.emulation.emulator import open_emulated_board

        return open_emulated_board(rest, cache=cache)
    device = _opened(kind, rest, root)
    with contextlib.ExitStack() as undo:
        undo.callback(device.close)
        board = Board(device, prepare(device, python=python, runtime=runtime))
        undo.pop_all()
    return board


def _opened(kind: DeviceKind, rest: str, root: str | None) -> Device:
    if kind == "local":
        return open_local(Path(root) if root is not None else None)
    if kind == "ssh":
        return open_ssh(rest, root=root)
    from edgebert.device.adb import open_adb

    return open_adb(rest, root=root)


EMULATED_CPU = "cortex-a76"


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundDevice:
    """A device that exists or could.

    Attributes:
        url: What to call it; of a kind that cannot be searched for, how its names look.
        ok: Whether it can be used as it is.
        what: Model, system or kind of it.
        why: Why it cannot be used, or what to bear in mind; empty when there is nothing to say.
        hint: What to do about it; empty when there is nothing to do.
    """

    url: str
    ok: bool
    what: str
    why: str = ""
    hint: str = ""


def found_devices(*, adb: str | Path = "adb", cache: str | Path | None = None) -> tuple[FoundDevice, ...]:
    """Return every device that can be found, usable or not; what goes wrong with one is said of that one.

    Args:
        adb: The adb program.
        cache: Folder of this machine that the emulator's parts lie in; ``None`` leaves the emulator out.

    Returns:
        This machine first, then phones, the emulator, and how to name a board.

    Raises:
        UsageError: An argument is no path.

    Examples:
        >>> [device.url for device in edgebert.found_devices() if device.ok]
        ['local', 'adb:SERIAL']
    """
    adb = str(path_of("adb", adb))
    cache = None if cache is None else path_of("cache", cache)
    emulators = () if cache is None else (_emulator(cache),)
    return (_this_machine(), *_phones(adb), *emulators, _boards())


def _this_machine() -> FoundDevice:
    machine = platform.machine()
    why = "" if machine in {"aarch64", "arm64"} else "not an ARM processor: its times say nothing about a phone"
    return FoundDevice(
        url="local", ok=True, what=f"{platform.system()} on {machine}, {os.cpu_count()} processors", why=why
    )


def _phones(adb: str) -> tuple[FoundDevice, ...]:
    try:
        listed = listed_devices(adb=adb)
    except EnvironmentProblem as error:
        return (FoundDevice(url="adb:SERIAL", ok=False, what="phones by adb", why=error.message, hint=error.hint),)
    if not listed:
        hint = "connect a phone by USB and switch on USB debugging in its developer options"
        return (FoundDevice(url="adb:SERIAL", ok=False, what="phones by adb", why="adb sees none", hint=hint),)
    return tuple(_phone(device, adb) for device in listed)


def _phone(listed: Listed, adb: str) -> FoundDevice:
    url, what = f"adb:{listed.serial}", listed.model or "phone"
    if listed.state != "device":
        return FoundDevice(url=url, ok=False, what=what, why=listed.state, hint=listed.hint)
    try:
        facts = AdbDevice(listed.serial, root="/", adb=adb).android_facts()
    except DeviceProblem as error:
        return FoundDevice(url=url, ok=False, what=what, why=error.message, hint=error.hint)
    what = _description(facts) or what
    if facts.abi and facts.abi != ARM64:
        return FoundDevice(
            url=url, ok=False, what=what, why=f"runs {facts.abi} programs, not {ARM64}", hint="take another one"
        )
    return FoundDevice(url=url, ok=True, what=what)


def _description(facts: AndroidFacts) -> str:
    name = facts.model
    if facts.manufacturer and not name.lower().startswith(facts.manufacturer.lower()):
        name = f"{facts.manufacturer} {name}".strip()
    return ", ".join(part for part in (name, facts.soc, facts.release and f"Android {facts.release}") if part)


def _emulator(cache: Path) -> FoundDevice:
    ok, sentence = emulator_state(cache)
    url, what = f"emulator:{EMULATED_CPU}", "ARM processor emulated on this machine"
    return FoundDevice(url=url, ok=ok, what=what, why=sentence, hint="" if ok else "run 'edgebert emulator setup'")


def _boards() -> FoundDevice:
    why = "boards cannot be searched for"
    return FoundDevice(
        url="ssh:USER@HOST", ok=False, what="boards by ssh", why=why, hint="name one: ssh:pi@raspberrypi"
    )
