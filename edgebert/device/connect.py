"""From what the user calls a device to a board that is ready to measure."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import get_args

from edgebert.device.board import Board
from edgebert.device.device import Device
from edgebert.device.facts import DeviceKind
from edgebert.device.launch import prepare
from edgebert.device.local import open_local
from edgebert.device.ssh import open_ssh, parse_target
from edgebert.errors import UsageError

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
            raise UsageError(f"{url!r}: this machine is called local, and no more")
        return kind, ""
    if kind == "adb" and not rest:
        return kind, ""  # the only phone, where there is one
    if not rest:
        raise UsageError(f"{url!r}: which one?", hint=f"as in {_EXAMPLES[kind]}")
    if rest.startswith("-") or not rest.isprintable() or (" " in rest and kind != "adb"):
        raise UsageError(f"{url!r}: {rest!r} names no device", hint=f"as in {_EXAMPLES[kind]}")
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
        runtime: A runtime bundle for the device.
        root: Folder on the device for everything of edgebert, where the usual one will not do.
        cache: Folder of this machine that the emulator's parts lie in.

    Raises:
        UsageError: The URL cannot be read, or the options do not go together.
        BundleError: The runtime bundle cannot be read.
        EnvironmentProblem: This machine lacks ssh, adb or the emulator.
        DeviceProblem: The device cannot be used; the hint says what to do.
        DeviceGone: The connection broke.
    """
    kind, rest = parse_url(url)
    if kind == "emulator":
        if python is not None or runtime is not None or root is not None:
            raise UsageError(f"{url}: an emulator brings its own worker", hint="leave out Python, runtime and root")
        from edgebert.emulation.instructions import open_emulated_board

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
