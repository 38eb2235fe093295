"""The one place that starts programs: never through a shell, always with a limit, nothing left behind."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgebert.device.device import NOTHING, Finished
from edgebert.errors import DeviceGone, EnvironmentProblem


def run_program(
    argv: Sequence[str],
    *,
    stdin: bytes = b"",
    environment: Mapping[str, str] = NOTHING,
    cwd: Path | None = None,
    timeout_s: float,
) -> Finished:
    """Run a program of this machine and wait for it; its exit code is no error.

    Args:
        argv: Program and arguments.
        stdin: What it reads from its standard input.
        environment: Variables added to those of this process.
        cwd: Its working folder.
        timeout_s: Seconds it may take.

    Raises:
        EnvironmentProblem: There is no such program, or it cannot be started.
        DeviceGone: It took longer, and was killed with all that it had started.
    """
    try:
        process = subprocess.Popen(
            list(argv),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, **environment},
            cwd=cwd,
            start_new_session=True,  # so that it can be killed with its children, and Ctrl-C reaches us first
        )
    except OSError as error:
        raise EnvironmentProblem(f"{argv[0]}: cannot be started: {error.strerror}", hint="is it installed?") from error
    try:
        stdout, stderr = process.communicate(stdin, timeout=timeout_s)
    except subprocess.TimeoutExpired as error:
        raise DeviceGone(f"{Path(argv[0]).name}: no answer within {timeout_s:g} s") from error
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            for stream in (process.stdin, process.stdout, process.stderr):
                if stream is not None:
                    with contextlib.suppress(OSError):
                        stream.close()
    return Finished(code=process.returncode, stdout=stdout, stderr=stderr.decode("utf-8", "replace").strip())
