"""Files that the user names for a command: written whole, through devices, pipes and links, over nothing else."""

from __future__ import annotations

import contextlib
import os
import stat
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TextIO

from edgebert.errors import OutputError
from edgebert.locks import WRITTEN_THROUGH
from edgebert.staging import staged_file, writing

# Standard error is known by its names only: libraries write to its descriptor, which edgebert leads nowhere.
_STDERR_NAMES = {"/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"}
_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """What a command writes to a file.

    Attributes:
        name: What it is, as in ``a page of edgebert report``.
        is_one: Whether the file at a path is one of these, so that it may be replaced.
    """

    name: str
    is_one: Callable[[Path], bool]


def begins_with(*marks: str) -> Callable[[Path], bool]:
    """Return a function that tells whether each of ``marks`` is in the first 4,096 bytes of a file."""

    def is_one(path: Path) -> bool:
        with path.open("rb") as stream:
            head = stream.read(_HEAD_BYTES)
        return all(mark.encode() in head for mark in marks)

    return is_one


def check_output(path: Path, kind: FileKind, *, force: bool, parents: bool = False) -> None:
    """Refuse a place where a file cannot be written; made for the moment before the work begins.

    Pipes, terminals and character devices are written through. A link is followed. An empty file is of every kind.

    Args:
        path: The file.
        kind: What is to be written.
        force: Replace an existing file of that kind; another one is never replaced.
        parents: Whether missing folders will be made.

    Raises:
        OutputError: The place is taken or cannot be written.
    """
    with writing(path):
        if is_stream(path):
            return
        target = Path(os.path.realpath(path))
        if os.path.lexists(target):
            _check_existing(path, target, kind, force=force)
        elif not path.name or path.name == "..":
            raise OutputError(f"{path}: not the name of a file to write", hint="give the name of a file")
        folder = target.parent
        while parents and not os.path.lexists(folder):
            folder = folder.parent
        if not folder.is_dir():
            raise OutputError(
                f"{path}: cannot be written: there is no folder {target.parent}", hint="make the folder first"
            )
        if not os.access(folder, os.W_OK | os.X_OK):
            raise OutputError(
                f"{path}: cannot be written: no permission for {folder}", hint="choose a folder you can write to"
            )


def write_output(path: Path, content: bytes, kind: FileKind, *, force: bool) -> None:
    """Write a file that the user named; arguments and errors as for ``opened_output``."""
    with opened_output(path, kind, force=force) as stream:
        stream.write(content)


@contextlib.contextmanager
def opened_output(path: Path, kind: FileKind, *, force: bool) -> Iterator[IO[bytes]]:
    """Give a stream to a file that the user named: it appears whole at the end of the block, or not at all.

    Pipes, terminals and character devices are written through, and the file that a link names is replaced.

    Args:
        path: The file; its folder must be there.
        kind: What is written.
        force: Replace an existing file of that kind; another one is never replaced.

    Raises:
        OutputError: The place is taken or cannot be written.
        EnvironmentProblem: There is no room.
        BrokenPipeError: The reader of a pipe has gone.
    """
    check_output(path, kind, force=force)
    with writing(path):
        if (own := own_stream(path)) is not None:
            own.flush()
            yield own.buffer
            own.buffer.flush()
        elif is_stream(path):
            with os.fdopen(os.open(path, WRITTEN_THROUGH), "wb") as stream:
                yield stream
        else:
            with staged_file(Path(os.path.realpath(path))) as stream:
                yield stream


def own_stream(path: Path) -> TextIO | None:
    """Return ``sys.stdout`` or ``sys.stderr`` if a path is that, as ``/dev/stdout`` is, even led to a file."""
    if os.path.normpath(path) in _STDERR_NAMES:
        return sys.stderr
    for stream in (sys.stdout, sys.stderr):
        # A captured stream has no descriptor; a path that cannot be looked at is no stream of ours.
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if os.path.samestat(path.stat(), os.fstat(stream.fileno())):
                return stream
    return None


def is_stream(path: Path) -> bool:
    """Return whether a path is written through rather than replaced: a pipe, a device, a stream of this process."""
    if own_stream(path) is not None:
        return True
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)


def _check_existing(path: Path, target: Path, kind: FileKind, *, force: bool) -> None:
    if target.is_dir():
        raise OutputError(f"{path}: is a folder", hint="give the name of a file")
    if not target.is_file():
        raise OutputError(f"{path}: not replaced: it is neither file, pipe nor terminal", hint="give another name")
    if not force:
        raise OutputError(f"{path}: exists already", hint=f"give another name, or --force to replace {kind.name}")
    if target.stat().st_size and not kind.is_one(target):
        raise OutputError(f"{path}: not replaced: it is not {kind.name}", hint="give another name")
