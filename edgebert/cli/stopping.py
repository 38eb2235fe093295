"""What ends a command from outside: SIGTERM and SIGHUP are cleaned up after as Ctrl-C is."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any


@contextlib.contextmanager
def stopping_signals() -> Iterator[list[int]]:
    """Raise a KeyboardInterrupt inside the block at SIGTERM or SIGHUP; give a list that gets the number of the signal.

    A signal that whoever started us has ignored (``nohup``) stays so. A closing terminal and an init system send both:
    what comes after the first does not disturb the cleaning up.
    """
    received: list[int] = []
    before: dict[int, Any] = {}

    def stop(number: int, _: FrameType | None) -> None:
        if not received:
            received.append(number)
            raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGHUP):
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
    try:
        yield received
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
