"""Signals that wait until a program is started, so that none leaves one behind."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterable, Iterator

# Windows has no SIGHUP.
_HELD = [getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)]


@contextlib.contextmanager
def interrupts_held() -> Iterator[None]:
    """Let signals that Python handles wait for the end of the block: within Popen they would leave a program behind."""
    if threading.current_thread() is not threading.main_thread():
        yield  # Python handles signals in the first thread only
        return
    handled = {number: signal.getsignal(number) for number in _HELD}
    arrived: list[int] = []
    for number, handler in handled.items():
        if callable(handler):  # one that is ignored or default stays so, here and in the program
            signal.signal(number, lambda number, _: arrived.append(number))
    try:
        yield
    finally:
        # A handler that raises between two of them would leave the others held for good.
        with _signals_blocked(handled):
            for number, handler in handled.items():
                if callable(handler):
                    signal.signal(number, handler)
        for late in arrived:
            signal.raise_signal(late)


@contextlib.contextmanager
def _signals_blocked(numbers: Iterable[int]) -> Iterator[None]:
    """Let no signal arrive inside the block, where the system can: Windows cannot."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    mask = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, mask)
