"""Locks on files and folders that are open, and the flags to open them with, as far as a system has them.

Linux and macOS have all of it. Windows has neither locks of this kind nor descriptors of folders: what a killed process
left there stays, and two processes that write one file do not notice each other.
"""

from __future__ import annotations

import os
from types import ModuleType

fcntl: ModuleType | None
try:
    import fcntl
except ImportError:
    fcntl = None


def flags(*names: str) -> int:
    """Return flags of ``os.open`` by their names; one that the system does not have is left out."""
    return sum(getattr(os, name, 0) for name in names)


NEW_FILE = flags("O_WRONLY", "O_CREAT", "O_EXCL", "O_NOFOLLOW", "O_CLOEXEC", "O_BINARY")
FOLDER = flags("O_RDONLY", "O_DIRECTORY", "O_NOFOLLOW", "O_CLOEXEC")
EITHER = flags("O_RDONLY", "O_NOFOLLOW", "O_NONBLOCK", "O_CLOEXEC")
WRITTEN_THROUGH = flags("O_WRONLY", "O_NOCTTY", "O_CLOEXEC", "O_BINARY")


RENAMES_OPEN_FILES = os.name != "nt"
"""Whether a file can get another name while it is open."""


def lock(descriptor: int, *, wait: bool) -> bool:
    """Lock what is open until it is closed, for this process alone; return whether the system can do that.

    Args:
        descriptor: The open file or folder.
        wait: Wait until no other process holds the lock.

    Raises:
        BlockingIOError: Another process holds it, and ``wait`` is off.
        OSError: The disk has no locks.
    """
    if fcntl is None:
        return False
    fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    return True


class Held:
    """Something that is open, and perhaps locked; ``descriptor`` is ``None`` where the system cannot open it."""

    def __init__(self, descriptor: int | None) -> None:
        self.descriptor = descriptor

    def close(self) -> None:
        """Close it. May be called twice."""
        descriptor, self.descriptor = self.descriptor, None
        if descriptor is not None:
            os.close(descriptor)


def open_folder(path: os.PathLike[str]) -> Held:
    """Open a folder, where the system can.

    Raises:
        OSError: It is none, or it is not there.
    """
    return Held(os.open(path, FOLDER) if hasattr(os, "O_DIRECTORY") else None)
