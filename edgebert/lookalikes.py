"""What lies where a file or checkpoint was expected, so that a refusal names the cause and not its first symptom."""

from __future__ import annotations

from pathlib import Path

_POINTER = b"version https://git-lfs.github.com/spec/"


def is_lfs_pointer(path: Path) -> bool:
    """Return whether a file is what a clone without Git LFS leaves in the place of a large file."""
    try:
        with path.open("rb") as stream:
            return stream.read(len(_POINTER)) == _POINTER
    except OSError:
        return False


def dangling(path: Path) -> str:
    """Return where a link that leads to no file points to; an empty string for anything else."""
    return str(path.readlink()) if path.is_symlink() and not path.exists() else ""
