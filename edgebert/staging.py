"""Folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path

from edgebert.errors import EnvironmentProblem, OutputError

_NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


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
    if not out.name:
        raise OutputError(f"{out}: not the name of a folder to make")
    if out.is_file() or (out.exists() and not force):
        raise OutputError(f"{out}: exists already", hint="give another name, or --force to replace a folder")
    if out.exists() and any(out.iterdir()) and not (out / marker).is_file():
        raise OutputError(f"{out}: not replaced: it holds other things and no {marker}", hint="give another name")
    prefix = f".{out.name}.partial-"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        for left in out.parent.glob(f"{prefix}*"):
            if not _is_alive(left.name.removeprefix(prefix)):
                shutil.rmtree(left, ignore_errors=True)
        stage = out.parent / f"{prefix}{os.getpid()}-{secrets.token_hex(3)}"
        stage.mkdir()
    except OSError as error:
        raise OutputError(
            f"{out}: cannot be made: {error.strerror}", hint="choose a folder you can write to"
        ) from error
    try:
        yield stage
        old = stage.with_name(stage.name + ".old")
        if out.exists():
            out.rename(old)
        try:
            stage.rename(out)
        except OSError:
            if old.exists():
                old.rename(out)
            raise
        shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        if error.errno in _NO_ROOM:
            raise EnvironmentProblem(
                f"{out}: no room left on the disk: {error.strerror}", hint="nothing was written; free some space"
            ) from error
        raise
    finally:
        shutil.rmtree(stage, ignore_errors=True)


def _is_alive(tag: str) -> bool:
    pid = tag.partition("-")[0]
    if not pid.isdigit():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
