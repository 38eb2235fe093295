"""The worker: ``python -m edgebert.ondevice run`` measures what standard input asks for, ``describe`` the machine.

Whatever happens, one framed answer goes to standard output, and nothing else does.
"""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import Any, BinaryIO, Callable, Sequence

from edgebert.ondevice.protocol import Failure, failed, frame, read_request
from edgebert.ondevice.sysfs import pin
from edgebert.ondevice.timing import now_ns

USAGE = "usage: python -m edgebert.ondevice run < request.json\n       python -m edgebert.ondevice describe\n"


def main(arguments: Sequence[str]) -> int:
    """Answer once on standard output and return the exit code.

    Args:
        arguments: ``run`` or ``describe``.
    """
    wall_s, start_ns = time.time(), now_ns()
    commands: dict[str, Callable[[], dict[str, Any]]] = {"run": lambda: _run(wall_s, start_ns), "describe": _describe}
    if len(arguments) != 1 or arguments[0] not in commands:
        sys.stderr.write(USAGE)
        return 2
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # ends at once, without a word
    # The threads of numpy's own products would compete with those of the runtime, and nothing here uses them.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        with _only_answer() as stream:
            stream.write(_answer(commands[arguments[0]]))
    except OSError:  # nobody listens any more
        return 1
    return 0


def _run(wall_s: float, start_ns: int) -> dict[str, Any]:
    request = read_request(sys.stdin.buffer.read() if sys.stdin else b"")
    # Before numpy and the runtime, whose threads stay where their first one was.
    pin(request.cores)
    try:
        from edgebert.ondevice.trial import Start, run_trial
    except ImportError as error:
        # numpy wraps the reason into a page of advice.
        raise Failure("runtime-absent", "numpy does not import: %s" % (error.__cause__ or error)) from error
    return run_trial(request, Start(wall_s, start_ns))


def _describe() -> dict[str, Any]:
    from edgebert.ondevice.hardware import describe

    return describe()


def _answer(command: Callable[[], dict[str, Any]]) -> bytes:
    try:
        return frame(command())
    except Failure as failure:
        found = failure
    except MemoryError:
        found = Failure("out-of-memory", "the worker ran out of memory")
    except Exception as error:  # noqa: BLE001  # whatever it is, the host gets it as an answer
        found = Failure("runtime-failure", "%s: %s" % (type(error).__name__, error))
    return frame(failed(found))


def _only_answer() -> BinaryIO:
    """Return a stream to standard output, and lead what anybody else prints there to standard error."""
    # Above 2: where standard error is closed its number is free, and libraries would write it into the answer.
    copies = [os.dup(1)]
    while copies[-1] < 3:
        copies.append(os.dup(1))
    for low in copies[:-1]:
        os.close(low)
    stream = os.fdopen(copies[-1], "wb")
    try:
        os.dup2(2, 1)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return stream


if __name__ == "__main__":
    code = main(sys.argv[1:])
    # The answer is out: what a native library does wrong while it is unloaded must not spoil it.
    os._exit(code)
