"""The one place that starts programs: never through a shell, always with a limit, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from edgebert.device.device import NOTHING, Finished
from edgebert.errors import DeviceGone, EnvironmentProblem, UsageError


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
    """
    with contextlib.ExitStack() as files:
        # A file and no pipe: what a program leaves running (ssh, adb) often keeps its standard error open.
        errors = files.enter_context(tempfile.TemporaryFile())
        source = files.enter_context(_opened(stdin)) if isinstance(stdin, Path) else subprocess.PIPE
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
        try:
            stdout, _ = process.communicate(None if isinstance(stdin, Path) else stdin, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise DeviceGone(f"{Path(argv[0]).name}: no answer within {timeout_s:g} s") from error
        finally:
            if process.returncode is None:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                for stream in (process.stdin, process.stdout):
                    if stream is not None:
                        with contextlib.suppress(OSError):
                            stream.close()
        errors.seek(0)
        stderr = errors.read().decode("utf-8", "replace").strip()
    return Finished(code=process.returncode, stdout=stdout, stderr=stderr)


def _opened(source: Path) -> contextlib.AbstractContextManager[IO[bytes]]:
    try:
        return source.open("rb")
    except OSError as error:
        raise UsageError(f"{source}: cannot be read: {error.strerror}") from error
