"""The one place that starts programs: never through a shell, always with a limit, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import IO

from edgebert.device.device import NOTHING, Finished
from edgebert.errors import DeviceGone, EnvironmentProblem, UsageError


class _Programs:
    """What runs at the moment, in all threads, and whether anything may."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: set[subprocess.Popen[bytes]] = set()
        self.stops = 0
        self.spared = threading.local()

    @property
    def is_stopped(self) -> bool:
        """Whether this thread may not run programs."""
        return self.stops > 0 and not getattr(self.spared, "depth", 0)


_programs = _Programs()


@contextlib.contextmanager
def stopped_programs() -> Iterator[None]:
    """Kill every program that ``run_program`` waits for, in whichever thread, and let none start inside the block.

    The threads get a KeyboardInterrupt: to them it is what Ctrl-C is to the first one. What they do within
    ``spared_programs`` is neither killed nor refused.
    """
    with _programs.lock:
        _programs.stops += 1
        for process in _programs.running:
            if process.returncode is None:
                _kill(process)
    try:
        yield
    finally:
        with _programs.lock:
            _programs.stops -= 1


@contextlib.contextmanager
def spared_programs() -> Iterator[None]:
    """Let this thread run programs inside the block even when all others are stopped: those that tidy up."""
    depth = getattr(_programs.spared, "depth", 0)
    _programs.spared.depth = depth + 1
    try:
        yield
    finally:
        _programs.spared.depth = depth


def run_program(
    argv: Sequence[str],
    *,
    stdin: bytes | Path = b"",
    environment: Mapping[str, str] = NOTHING,
    cwd: Path | None = None,
    timeout_s: float,
) -> Finished:
    """Run a program of this machine and wait for it; its exit code is no error, negative when a signal killed it.

    Args:
        argv: Program and arguments.
        stdin: What it reads from its standard input, or the file that is its standard input.
        environment: Variables added to those of this process.
        cwd: Its working folder.
        timeout_s: Seconds it may take.

    Raises:
        EnvironmentProblem: There is no such program, or it cannot be started.
        UsageError: The file for its standard input cannot be read.
        DeviceGone: It took longer, and was killed with all that it had started.
        KeyboardInterrupt: All programs are stopped (``stopped_programs``).
    """
    with contextlib.ExitStack() as files:
        # A file and no pipe: what a program leaves running (ssh, adb) often keeps its standard error open.
        errors = files.enter_context(tempfile.TemporaryFile())
        source = files.enter_context(_opened(stdin)) if isinstance(stdin, Path) else subprocess.PIPE
        process = _started(argv, source, errors, environment, cwd)
        try:
            stdout, _ = process.communicate(None if isinstance(stdin, Path) else stdin, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise DeviceGone(f"{Path(argv[0]).name}: no answer within {timeout_s:g} s") from error
        finally:
            with _programs.lock:
                _programs.running.discard(process)
            if process.returncode is None:
                _kill(process)
                process.wait()
                for stream in (process.stdin, process.stdout):
                    if stream is not None:
                        with contextlib.suppress(OSError):
                            stream.close()
        if _programs.is_stopped:
            raise KeyboardInterrupt  # whatever it printed may be cut short
        errors.seek(0)
        stderr = errors.read().decode("utf-8", "replace").strip()
    return Finished(code=process.returncode, stdout=stdout, stderr=stderr)


def _started(
    argv: Sequence[str], source: int | IO[bytes], errors: IO[bytes], environment: Mapping[str, str], cwd: Path | None
) -> subprocess.Popen[bytes]:
    # Under the lock, so that whoever stops all programs misses none.
    with _programs.lock:
        if _programs.is_stopped:
            raise KeyboardInterrupt
        try:
            process = subprocess.Popen(
                list(argv),
                stdin=source,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **environment},
                cwd=cwd,
                start_new_session=True,  # so that it can be killed with its children, and Ctrl-C reaches us first
            )
        except (OSError, ValueError) as error:  # ValueError: a NUL byte in an argument
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise EnvironmentProblem(f"{argv[0]}: cannot be started: {reason}", hint="is it installed?") from error
        if not getattr(_programs.spared, "depth", 0):
            _programs.running.add(process)
        return process


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def _opened(source: Path) -> contextlib.AbstractContextManager[IO[bytes]]:
    try:
        return source.open("rb")
    except OSError as error:
        raise UsageError(f"{source}: cannot be read: {error.strerror}") from error
