"""Folders and files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from edgebert.errors import EnvironmentProblem, OutputError

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_TAG = re.compile(r"(\d+)-[0-9a-f]{6}(\.old)?")


@contextlib.contextmanager
def staged_folder(out: Path, *, force: bool, marker: str) -> Iterator[Path]:
    """Give a temporary folder beside ``out`` and rename it to ``out`` when the block ends well.

    Whatever goes wrong, ``out`` is either as it was or complete. What a killed process left behind is removed by the
    next one that writes to the same place.

    Args:
        out: The folder to make.
        force: Replace an existing folder instead of refusing, if it is empty or of the same kind.
        marker: File that such a folder holds, as in ``edgebert.json``: nothing else is ever deleted.

    Raises:
        OutputError: ``out`` exists and ``force`` is off, or its parent cannot be written.
        EnvironmentProblem: The disk is full.
    """
    if out.name in {"", ".."}:
        raise OutputError(f"{out}: not the name of a folder to make")
    if os.path.islink(out):  # noqa: PTH114  (Path.is_symlink fails on a name that is too long)
        # The folder belongs beside the one that the link names, which may lie on another disk.
        out = Path(os.path.realpath(out))
    prefix = f".{out.name}.partial-"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(out, prefix)
        _check_place(out, force=force, marker=marker)
        stage = out.parent / f"{prefix}{os.getpid()}-{secrets.token_hex(3)}"
        stage.mkdir()
    except OSError as error:
        if error.errno in NO_ROOM:
            raise _no_room(out, error) from error
        raise OutputError(
            f"{out}: cannot be made: {error.strerror}", hint="choose a folder you can write to"
        ) from error
    try:
        yield stage
        # Somebody else may have made the folder meanwhile.
        _check_place(out, force=force, marker=marker)
        _replace(out, stage)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise _no_room(out, error) from error
        raise
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file beside ``path`` and rename it to that: whenever the process dies, the old file or the new is there.

    Raises:
        OSError: It cannot be written; the caller knows what that means to the user.
    """
    partial = path.with_name(path.name + ".partial")
    try:
        with partial.open("wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(stream.fileno())
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


def _check_place(out: Path, *, force: bool, marker: str) -> None:
    if os.path.lexists(out) and not (force and out.is_dir()):  # a link in a circle exists too
        raise OutputError(f"{out}: exists already", hint="give another name, or --force to replace a folder")
    if out.exists() and any(out.iterdir()) and not (out / marker).is_file():
        raise OutputError(f"{out}: not replaced: it holds other things and no {marker}", hint="give another name")


def _replace(out: Path, stage: Path) -> None:
    """Rename ``stage`` to ``out``; what was there before gets the name ``stage``, to be removed."""
    old = stage.with_name(stage.name + ".old")
    try:
        if out.exists():
            out.rename(old)
        stage.rename(out)
    except BaseException:
        if old.exists() and not out.exists():
            old.rename(out)
        raise
    if old.exists():
        old.rename(stage)


def _clear_leftovers(out: Path, prefix: str) -> None:
    """Remove what dead processes left, and put back a folder that one of them had just moved out of the way."""
    for left in list(out.parent.iterdir()):
        tag = _TAG.fullmatch(left.name.removeprefix(prefix)) if left.name.startswith(prefix) else None
        if tag is None or _is_alive(int(tag[1])):
            continue
        if tag[2] and not out.exists():
            left.rename(out)
        else:
            shutil.rmtree(left, ignore_errors=True)


def _no_room(out: Path, error: OSError) -> EnvironmentProblem:
    return EnvironmentProblem(
        f"{out}: no room left on the disk: {error.strerror}", hint="nothing was written; free some space"
    )


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return True
