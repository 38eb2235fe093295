"""This machine: the one place that starts programs, and this machine as a device.

A program is never started through a shell, always has a limit, and leaves nothing behind.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import secrets
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

from edgebert.device.device import NOTHING, Device, DeviceKind, Finished
from edgebert.device.interrupts import interrupts_held
from edgebert.errors import DeviceGone, DeviceProblem, EnvironmentProblem, UsageError
from edgebert.staging import NO_ROOM, reading, staged_file


class _Spared(threading.local):
    """How many blocks of ``spared_programs`` this thread is in."""

    depth = 0


class _Programs:
    """What runs at the moment, in all threads, and whether anything may."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.running: set[subprocess.Popen[bytes]] = set()
        self.stops = 0
        self.spared = _Spared()

    @property
    def is_stopped(self) -> bool:
        """Whether this thread may not run programs."""
        return self.stops > 0 and not self.spared.depth


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
    _programs.spared.depth += 1
    try:
        yield
    finally:
        _programs.spared.depth -= 1


def run_program(
    argv: Sequence[str],
    *,
    stdin: bytes | Path = b"",
    environment: Mapping[str, str] = NOTHING,
    cwd: Path | None = None,
    timeout_s: float,
    hint: str = "is it installed?",
) -> Finished:
    """Run a program of this machine and wait for it; its exit code is no error, negative when a signal killed it.

    Args:
        argv: Program and arguments.
        stdin: What it reads from its standard input, or the file that is its standard input.
        environment: Variables added to those of this process.
        cwd: Its working folder.
        timeout_s: Seconds it may take.
        hint: What to do where it cannot be started.

    Raises:
        EnvironmentProblem: There is no such program, or it cannot be started.
        UsageError: The file for its standard input cannot be read.
        DeviceGone: It took longer, and was killed with all that it had started.
        KeyboardInterrupt: All programs are stopped (``stopped_programs``).
    """
    with contextlib.ExitStack() as files:
        # A file and no pipe: what a program leaves running (ssh, adb) often keeps its standard error open.
        errors = files.enter_context(tempfile.TemporaryFile())
        source: int | IO[bytes] = subprocess.PIPE
        if isinstance(stdin, Path):
            with reading(stdin):
                source = files.enter_context(stdin.open("rb"))
        process = None
        try:
            with interrupts_held():
                process = _started(argv, source, errors, {**os.environ, **environment}, cwd, hint)
            stdout, _ = process.communicate(None if isinstance(stdin, Path) else stdin, timeout=timeout_s)
        except subprocess.TimeoutExpired as error:
            raise DeviceGone(f"{Path(argv[0]).name}: no answer within {timeout_s:g} s") from error
        finally:
            if process is not None:
                _ended(process)
        if _programs.is_stopped:
            raise KeyboardInterrupt  # whatever it printed may be cut short
        errors.seek(0)
        stderr = errors.read().decode("utf-8", "replace").strip()
    return Finished(code=process.returncode, stdout=stdout, stderr=stderr)


def _started(
    argv: Sequence[str],
    source: int | IO[bytes],
    errors: IO[bytes],
    environment: Mapping[str, str],
    cwd: Path | None,
    hint: str,
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
                env=environment,
                cwd=cwd,
                start_new_session=True,  # so that it can be killed with its children, and Ctrl-C reaches us first
            )
        except (OSError, ValueError) as error:  # ValueError: a NUL byte in an argument
            reason = error.strerror if isinstance(error, OSError) else str(error)
            raise EnvironmentProblem(f"{argv[0]}: cannot be started: {reason}", hint=hint) from error
        if not _programs.spared.depth:
            _programs.running.add(process)
        return process


def _ended(process: subprocess.Popen[bytes]) -> None:
    with _programs.lock:
        _programs.running.discard(process)
    if process.returncode is None:
        _kill(process)
        process.wait()
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                with contextlib.suppress(OSError):
                    stream.close()


def _kill(process: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError):
        if hasattr(os, "killpg"):
            os.killpg(process.pid, signal.SIGKILL)
        else:
            process.kill()  # on Windows what it started goes on


def size_and_sha256(path: Path) -> tuple[int, str]:
    """Return the bytes of a file of this machine and their sha256, 64 hexadecimal digits.

    Raises:
        UsageError: It cannot be read.
    """
    with reading(path), path.open("rb") as stream:
        digest = hashlib.file_digest(stream, "sha256").hexdigest()
        return stream.tell(), digest


_NOT_FOUND = 127


class LocalDevice(Device):
    """This machine."""

    url = "local"
    kind: DeviceKind = "local"

    def __init__(self, folder: Path, *, is_temporary: bool) -> None:
        self.root = str(folder)
        self._is_temporary = is_temporary

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] = NOTHING,
        timeout_s: float = 60.0,
    ) -> Finished:
        """Run a program as ``Device.run`` says; killed by a signal it ends with 128 + signal, as behind a shell."""
        try:
            argv = (*self.emulator(argv[0]), *argv)
            done = run_program(argv, stdin=stdin, environment=environment, cwd=Path(self.root), timeout_s=timeout_s)
        except DeviceGone:
            raise
        except EnvironmentProblem as error:
            return Finished(code=_NOT_FOUND, stdout=b"", stderr=error.message)
        return done if done.code >= 0 else replace(done, code=128 - done.code)

    def emulator(self, program: str) -> tuple[str, ...]:
        """Return the words that go before a program; none here, where every program starts by itself."""
        return ()

    def push(self, source: Path, name: str) -> None:
        """Put a file as ``Device.push`` says: a second link to it where the disk is the same, else a copy."""
        if not source.is_file():
            raise UsageError(f"{source}: no such file")
        target = Path(self.root, name)
        partial = target.with_name(f"{target.name}.{secrets.token_hex(8)}.partial")
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source.resolve(), partial)  # of a link, the file it leads to
                partial.replace(target)
            except OSError:  # another disk, or one without links
                with source.open("rb") as content, staged_file(target) as stream:
                    shutil.copyfileobj(content, stream)
        except OSError as error:
            if error.errno in NO_ROOM:
                raise DeviceProblem(f"{self.url}: no room on the disk for {name}", hint="free some space") from error
            raise DeviceProblem(f"{self.url}: {name} cannot be written: {error.strerror}") from error
        finally:
            # Renaming a link onto another one of the same file leaves both.
            with contextlib.suppress(OSError):
                partial.unlink(missing_ok=True)

    def close(self) -> None:
        """Remove the folder if it was made for this run."""
        if self._is_temporary:
            shutil.rmtree(self.root, ignore_errors=True)


def open_local(root: Path | None = None) -> Device:
    """Return this machine as a device.

    Args:
        root: Folder for its files, made where it is missing; by default a temporary one that ``close`` removes.

    Raises:
        UsageError: ``root`` is ``/`` or the home folder, or no folder can be made there.
    """
    if root is None:
        return LocalDevice(Path(tempfile.mkdtemp(prefix="edgebert-")).resolve(), is_temporary=True)
    try:
        folder = root.expanduser().resolve()
        folder.mkdir(parents=True, exist_ok=True)
        home = Path.home().resolve()
    except (OSError, RuntimeError) as error:
        raise UsageError(f"{root}: no folder for the files of edgebert: {error}") from error
    if home.is_relative_to(folder):
        raise UsageError(f"{root}: not a folder of its own", hint="name one for edgebert alone, e.g. ~/edgebert-files")
    return LocalDevice(folder, is_temporary=False)
