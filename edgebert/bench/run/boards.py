"""What the bench needs of a device, and no more: anything that has these methods can be measured."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol, runtime_checkable

from edgebert.device.device import DeviceFacts, PhoneState
from edgebert.device.protocol import Request, Trial


class Board(Protocol):
    """A device that has a worker."""

    def facts(self) -> DeviceFacts:
        """Return what the device is."""
        ...

    def put(self, source: Path) -> str:
        """Bring a file there, unless it is there already, and return where a worker finds it."""
        ...

    def work(self, request: Request, *, timeout_s: float) -> Trial:
        """Run one fresh worker process.

        Raises:
            DeviceGone: Nothing came back: worth another try.
            DeviceProblem: The device cannot do it.
            CheckFailed: The runtime there does not load or run the file.
        """
        ...

    def remove_files(self) -> None:
        """Remove the files of this run."""
        ...

    def clean(self) -> None:
        """Remove everything of edgebert from the device."""
        ...

    def close(self) -> None:
        """Let go of the device. May be called twice."""
        ...


@runtime_checkable
class Phone(Protocol):
    """A device that says how it fares between two workers."""

    def phone_state(self, trial: int) -> PhoneState:
        """Return what it says before a trial."""
        ...


@runtime_checkable
class Counter(Protocol):
    """An emulated CPU that counts its instructions."""

    def count(self, request: Request, *, timeout_s: float) -> tuple[Trial, tuple[tuple[str, float], ...]]:
        """Return what a worker did, and the instructions of one counted inference by class, largest first."""
        ...


@runtime_checkable
class Uncounted(Protocol):
    """An emulated CPU that could count them, but not here.

    Attributes:
        why_not_counted: Why, in one sentence.
    """

    why_not_counted: str
