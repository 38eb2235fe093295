"""What ends a command from outside: SIGTERM and SIGHUP are cleaned up after as Ctrl-C is."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


class Stopped(KeyboardInterrupt):
    """A signal that ends the program; to everything that cleans up it is an interrupt."""

    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.number = number


def exit_code(interrupt: KeyboardInterrupt) -> int:
    """Return 128 + the number of the signal, as a shell reports a program that a signal ended."""
    return 128 + (interrupt.number if isinstance(interrupt, Stopped) else signal.SIGINT)


@contextlib.contextmanager
def stopping_signals() -> Iterator[None]:
    """Raise ``Stopped`` inside the block at SIGTERM or SIGHUP, unless whoever started us has it ignored (``nohup``).

    A closing terminal and an init system send both: what comes after the first does not disturb the cleaning up.
    """
    before: dict[int, Any] = {}

    is_stopped = threading.Event()

    def stop(number: int, _: FrameType | None) -> None:
        if not is_stopped.is_set():
            is_stopped.set()
            raise Stopped(number)

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
