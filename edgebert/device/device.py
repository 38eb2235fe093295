"""The one boundary between edgebert and a device: run a program, put a file, say what it is; all else builds on it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Literal, Protocol, TypeVar

from edgebert.arguments import Count
from edgebert.device.protocol import HardwareFacts, Temperature
from edgebert.errors import DeviceGone

T = TypeVar("T")

DeviceKind = Literal["local", "ssh", "adb", "emulator"]
NOTHING: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidFacts:
    """What a phone says of itself by ``getprop``; empty strings where it does not.

    Attributes:
        manufacturer: As in ``Google``.
        model: As in ``Pixel 8``.
        soc: As in ``Tensor G3``.
        release: Android version.
        sdk: API level; ``None`` where unknown.
        abi: Preferred ABI, as in ``arm64-v8a``.
    """

    manufacturer: str
    model: str
    soc: str
    release: str
    sdk: Count | None
    abi: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneState:
    """What ``dumpsys`` says of a phone at one moment of a run.

    Attributes:
        trial: Index of the trial it was read before; the number of trials for the reading at the end.
        battery_percent: Charge.
        battery_celsius: Temperature of the battery.
        is_charging: Whether power flows in.
        thermal_status: 0 none, 1 light, 2 moderate, 3 severe, 4 critical, 5 emergency, 6 shutdown.
        temperatures: Sensors of the thermal service.
        is_screen_on: Whether the display is awake.
        is_power_saving: Whether battery saver is on.
    """

    trial: Count
    battery_percent: Count | None = None
    battery_celsius: float | None = None
    is_charging: bool | None = None
    thermal_status: Count | None = None
    temperatures: tuple[Temperature, ...] = ()
    is_screen_on: bool | None = None
    is_power_saving: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """A device of a report.

    Attributes:
        name: What people call it: the phone's or board's model, else its URL.
        kind: How it was reached.
        cpu: Emulated CPU, as in ``cortex-a76``; empty on real hardware.
        hardware: What the worker said.
        android: What the phone said; ``None`` on everything else.
        worker: sha256 of the worker archive used, or the Python that ran the worker.
    """

    name: str
    kind: DeviceKind
    cpu: str
    hardware: HardwareFacts
    android: AndroidFacts | None
    worker: str

    @property
    def is_emulated(self) -> bool:
        """Whether wall times mean nothing."""
        return bool(self.cpu)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A program that ended: its exit code, what it printed, and the text of its standard error."""

    code: int
    stdout: bytes
    stderr: str


class Device(Protocol):
    """A machine that programs can be run on; what a class of devices leaves out is as it is here.

    Attributes:
        url: What the user called it, as in ``ssh:pi@board``.
        kind: How it is reached.
        cpu: Emulated CPU; empty on real hardware.
        root: Folder on the device that everything of edgebert is below, absolute, POSIX.
    """

    url: str
    kind: DeviceKind
    cpu: str = ""
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

    def android_facts(self) -> AndroidFacts | None:
        """Return what a phone says of itself; ``None`` for everything else.

        Raises:
            DeviceGone: The connection broke.
        """
        return None

    def phone_state(self, trial: int) -> PhoneState | None:
        """Return battery, heat and screen of a phone before a trial of that index; ``None`` for everything else.

        Raises:
            DeviceGone: The connection broke.
        """
        return None

    def close(self) -> None:
        """Let go of the connection; leaves no process behind. May be called twice."""
        return


WAITS_S = (1.0, 5.0)
"""Seconds before the second try, and before the third and last one."""


def retrying(
    call: Callable[[], T],
    *,
    on_retry: Callable[[DeviceGone], None],
    sleep: Callable[[float], None] = time.sleep,
) -> T:
    """Return what ``call`` returns, trying it again when the device was gone; every other error ends it.

    Args:
        call: What to do.
        on_retry: Told of each failure that is tried again.
        sleep: Waits.

    Raises:
        DeviceGone: The last try failed too.
    """
    for wait_s in WAITS_S:
        try:
            return call()
        except DeviceGone as error:
            on_retry(error)
            sleep(wait_s)
    return call()
