"""This machine as a device: a worker is a process like on any other, in a folder of its own."""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgebert.device.device import NOTHING, Device, DeviceKind, Finished
from edgebert.device.process import run_program
from edgebert.errors import DeviceGone, DeviceProblem, EnvironmentProblem, UsageError
from edgebert.staging import NO_ROOM, staged_file

_NOT_FOUND = 127


class LocalDevice:
    """This machine; see ``Device`` for what it promises."""

    url = "local"
    kind: DeviceKind = "local"
    cpu = ""

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
            done = run_program(argv, stdin=stdin, environment=environment, cwd=Path(self.root), timeout_s=timeout_s)
        except DeviceGone:
            raise
        except EnvironmentProblem as error:
            return Finished(code=_NOT_FOUND, stdout=b"", stderr=error.message)
        if done.code < 0:
            return Finished(code=128 - done.code, stdout=done.stdout, stderr=done.stderr)
        return done

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

    def android_facts(self) -> None:
        """Return nothing: this is no phone."""

    def phone_state(self, trial: int) -> None:
        """Return nothing: this is no phone."""

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
        raise UsageError(f"{root}: not a folder of its own", hint="name one for edgebert alone, as in ~/edgebert-files")
    return LocalDevice(folder, is_temporary=False)
