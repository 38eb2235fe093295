"""Folders and files that appear whole or not at all.

What is unfinished has a random name beside the final one, and is locked by the process that writes it. The lock tells
work from leftovers: it also holds between containers that share a disk, where process numbers mean nothing.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from edgebert.errors import EdgebertError, EnvironmentProblem, OutputError, UsageError
from edgebert.locks import EITHER, NEW_FILE, RENAMES_OPEN_FILES, Held, lock, open_folder

NO_ROOM = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_OLD = ".old"
_PARTIAL = re.compile(r"\.(.+)\.partial-[0-9a-f]{16}(\.old)?", re.DOTALL)
_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextlib.contextmanager
def writing(
    path: Path,
    *,
    problem: str | None = "cannot be written",
    hint: str = "choose a place you can write to",
    room_hint: str = "free some space",
) -> Iterator[None]:
    """Turn an error of the file system inside the block into one of ours that names ``path``.

    Args:
        path: What is written.
        problem: What is wrong unless the disk is full; ``None`` turns no other error.
        hint: What to do about that.
        room_hint: What to do about a full disk.

    Raises:
        OutputError: It cannot be written.
        EnvironmentProblem: The disk is full.
        BrokenPipeError: The reader of a pipe has gone.
    """
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        why = error.strerror or error
        if error.errno in NO_ROOM:
            raise EnvironmentProblem(f"{path}: no room left on the disk: {why}", hint=room_hint) from error
        if problem is None:
            raise
        raise OutputError(f"{path}: {problem}: {why}", hint=hint) from error


@contextlib.contextmanager
def reading(path: Path, *, error: type[EdgebertError] = UsageError, hint: str = "") -> Iterator[None]:
    """Turn a failure to read ``path``, or to decode it, inside the block into ``error``, which names it.

    Raises:
        EdgebertError: An ``error``.
    """
    try:
        yield
    except OSError as failure:
        raise error(f"{path}: cannot be read: {failure.strerror or failure}", hint=hint) from failure
    except UnicodeDecodeError as failure:
        raise error(f"{path}: not UTF-8 at byte {failure.start}", hint=hint) from failure


@contextlib.contextmanager
def staged_folder(out: Path, *, force: bool, marker: str) -> Iterator[Path]:
    """Give a temporary folder beside ``out`` and rename it to ``out`` when the block ends well.

    Whatever goes wrong, ``out`` is either as it was or complete. Where the system can exchange two names (Linux), a
    reader finds the old folder or the new one at every moment. Elsewhere the old folder is renamed first and the new
    one second: between the two there is none, and a process that is killed there leaves the old one to the next, which
    puts it back. What a killed process left is removed by the next one that writes to the same place.

    Args:
        out: The folder to make.
        force: Replace an existing folder instead of refusing, if it is empty or of the same kind.
        marker: File that such a folder holds, as in ``edgebert.json``: nothing else is ever deleted.

    Raises:
        OutputError: ``out`` exists and ``force`` is off, or its parent cannot be written.
        EnvironmentProblem: The disk is full.
    """
    with contextlib.suppress(OSError, ValueError):  # the checks that follow name what is wrong with the place
        _clear_leftovers(_place(out))
    check_folder(out, force=force, marker=marker)
    out = _place(out)
    with contextlib.ExitStack() as held:
        with _making(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            _check_place(out, force=force, marker=marker)
            stage, _ = held.enter_context(_claimed(out, _new_folder))
        try:
            with writing(out, problem=None):  # what else fails in there is not about this place
                yield stage
                # Somebody else may have made the folder meanwhile.
                _check_place(out, force=force, marker=marker)
                _replace(out, stage)
        finally:
            shutil.rmtree(stage, ignore_errors=True)


@contextlib.contextmanager
def staged_file(path: Path) -> Iterator[IO[bytes]]:
    """Give a stream to a temporary file beside ``path`` and rename it to ``path`` when the block ends well.

    Whenever the process dies, ``path`` is as it was or complete. A link of that name is replaced, not followed. A file
    that is replaced passes its permissions on.

    Raises:
        OSError: It cannot be written; the caller knows what that means to the user.
    """
    _clear_leftovers(path)
    with _claimed(path, lambda place: Held(os.open(place, NEW_FILE, 0o666))) as (partial, held):
        assert held.descriptor is not None
        try:
            with contextlib.suppress(FileNotFoundError):
                before = path.lstat()
                if stat.S_ISREG(before.st_mode):
                    partial.chmod(before.st_mode & 0o777)
            with os.fdopen(held.descriptor, "wb", closefd=False) as stream:
                yield stream
                stream.flush()
                os.fsync(held.descriptor)
            if not RENAMES_OPEN_FILES:
                held.close()
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def replace_file(path: Path, content: bytes) -> None:
    """Write a file as ``staged_file`` does, and raise what it raises."""
    with staged_file(path) as stream:
        stream.write(content)


def check_folder(out: Path, *, force: bool, marker: str) -> None:
    """Refuse what ``staged_folder`` would refuse, for the moment before the work begins; nothing is written.

    Raises:
        OutputError: As there.
    """
    if out.name in {"", ".."}:
        raise OutputError(f"{out}: not the name of a folder to make", hint="give the name of a folder")
    with _making(out):
        _check_place(_place(out), force=force, marker=marker)
    check_parent(_place(out))


def check_parent(place: Path) -> None:
    """Refuse a place below what is not a folder, or is closed to this user; folders that are missing will be made.

    Raises:
        OutputError: Nothing can be made there.
    """
    folder = place.absolute().parent
    with _making(place):
        while not os.path.lexists(folder):
            folder = folder.parent
        if not folder.is_dir():
            raise NotADirectoryError(errno.ENOTDIR, f"{folder} is not a folder")
        if not os.access(folder, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, f"no permission for {folder}")


def final_name(name: str) -> str | None:
    """Return the name that an unfinished file or folder would get at its end; ``None`` if ``name`` is none of ours."""
    return found[1] if (found := _PARTIAL.fullmatch(name)) else None


def _place(out: Path) -> Path:
    """Return where a folder belongs: beside the one that a link names, which may be on another disk."""
    return Path(os.path.realpath(out)) if os.path.islink(out) else out  # noqa: PTH114  (is_symlink fails on long names)


def _check_place(out: Path, *, force: bool, marker: str) -> None:
    if os.path.lexists(out) and not (force and out.is_dir()):  # a link in a circle exists too
        raise OutputError(f"{out}: exists already", hint="give another name, or --force to replace a folder")
    if out.exists() and any(out.iterdir()) and not (out / marker).is_file():
        raise OutputError(f"{out}: not replaced: it holds other things and no {marker}", hint="give another name")


def _new_folder(place: Path) -> Held | None:
    place.mkdir()
    with contextlib.suppress(FileNotFoundError):
        return open_folder(place)
    return None  # taken for a leftover before it could be locked


@contextlib.contextmanager
def _claimed(final: Path, make: Callable[[Path], Held | None]) -> Iterator[tuple[Path, Held]]:
    """Make something with a random name beside ``final``, locked until the block ends; give its name and itself."""
    while True:
        place = final.with_name(f".{final.name}.partial-{secrets.token_hex(8)}")
        held = make(place)
        if held is None:
            continue
        try:
            is_locked = False
            with contextlib.suppress(OSError):  # without locks, nobody can take it for a leftover either
                is_locked = _locked(held, wait=True)
            # Before it was locked, another process may have taken it for a leftover.
            if not is_locked or _is_named(held, place):
                yield place, held
                return
        finally:
            held.close()


def _locked(held: Held, *, wait: bool) -> bool:
    return held.descriptor is not None and lock(held.descriptor, wait=wait)


def _is_named(held: Held, place: Path) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return held.descriptor is not None and os.path.samestat(os.fstat(held.descriptor), place.lstat())
    return False


def _replace(out: Path, stage: Path) -> None:
    """Give ``stage`` the name ``out``; what was there before gets the name ``stage``, to be removed."""
    try:
        if not out.exists():
            stage.rename(out)
        elif not _exchange(stage, out):
            _replace_in_two_steps(out, stage)
    except OSError as error:
        if error.errno in NO_ROOM:
            raise
        if error.errno in {errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR}:
            raise OutputError(f"{out}: exists already", hint="somebody else made it; give another name") from error
        raise OutputError(f"{out}: cannot be replaced: {error.strerror}", hint="give another name") from error


def _exchange(one: Path, other: Path) -> bool:
    """Exchange two names in one step; return whether this system could."""
    try:
        renameat2 = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError, TypeError):  # TypeError: Windows has no library of that kind
        return False
    renameat2.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return bool(renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) == 0)


def _replace_in_two_steps(out: Path, stage: Path) -> None:
    old = stage.with_name(stage.name + _OLD)
    held = open_folder(out)
    try:
        with contextlib.suppress(OSError):
            _locked(held, wait=False)  # until it has gone, nobody puts it back
        try:
            out.rename(old)
            stage.rename(out)
        except BaseException:
            if old.exists():
                old.rename(stage if out.exists() else out)  # ``stage`` is removed by whoever made it
            raise
        old.rename(stage)
    finally:
        held.close()


def _clear_leftovers(final: Path) -> None:
    """Remove what dead processes left, and put back a folder that one of them had just moved out of the way."""
    try:
        lefts = [item for item in final.parent.iterdir() if final_name(item.name) == final.name]
    except PermissionError:  # a folder may be written by those who may not list it
        return
    for left in lefts:
        # What cannot be opened or locked is in use, or none of ours.
        with contextlib.suppress(OSError), contextlib.closing(Held(os.open(left, EITHER))) as held:
            if _locked(held, wait=False) and _is_named(held, left):
                _clear(left, final, is_folder=left.is_dir())


def _clear(left: Path, final: Path, *, is_folder: bool) -> None:
    if left.name.endswith(_OLD) and not os.path.lexists(final):
        left.rename(final)
    elif is_folder:
        shutil.rmtree(left, ignore_errors=True)
    else:
        left.unlink()


def _making(out: Path) -> contextlib.AbstractContextManager[None]:
    return writing(out, problem="cannot be made", hint="choose a folder you can write to")
