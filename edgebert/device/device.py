"""The one boundary between edgebert and a device: run a program, put a file. Everything else is built on it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Protocol

from edgebert.device.facts import DeviceKind

NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A program that ended: its exit code, what it printed, and the text of its standard error."""

    code: int
    stdout: bytes
    stderr: str


class Device(Protocol):
    """A machine that programs can be run on.

    Attributes:
        url: What the user called it, as in ``ssh:pi@board``.
        kind: How it is reached.
        cpu: Emulated CPU; empty on real hardware.
        root: Folder on the device that everything of edgebert lies below, absolute, POSIX.
    """

    url: str
    kind: DeviceKind
    cpu: str
    root: str

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] = NOTHING,
        timeout_s: float = 60.0,
    ) -> Finished:
        """Run a program with ``root`` as its working folder, and wait for it; its exit code is no error here.

        ``environment`` is added to what the device gives every program.

        Raises:
            DeviceGone: The connection broke, or the program did not end within ``timeout_s``.
            DeviceProblem: The device cannot be used at all, as when it is unauthorised.
        """
        ...

    def push(self, source: Path, name: str) -> None:
        """Copy a file to ``name``, a path below ``root`` whose folder is made; it appears whole or not at all.

        Raises:
            DeviceGone: The connection broke.
            DeviceProblem: The disk of the device is full, or it refuses.
        """
        ...

    def close(self) -> None:
        """Let go of the connection; leaves no process behind. May be called twice."""
        ...
