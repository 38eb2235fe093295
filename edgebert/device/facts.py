"""What is known of a device beside what its worker says: how it was reached, and what a phone tells of itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgebert.device.protocol import HardwareFacts, Temperature
from edgebert.ranges import Count

DeviceKind = Literal["local", "ssh", "adb", "emulator"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidFacts:
    """What a phone says of itself by ``getprop``; empty texts where it does not.

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
        worker: sha256 of the runtime bundle used, or the Python that ran the worker.
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
