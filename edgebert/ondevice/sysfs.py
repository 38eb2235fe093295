"""The small files in which Linux tells about the machine, and the processors that a process may run on.

A file that cannot be read is absent; only ``pin`` raises.
"""

from __future__ import annotations

import os
import re
from typing import Optional, Sequence

from edgebert.ondevice.protocol import Failure

_LONGEST = 1 << 16
_WHOLE = re.compile(r"[+-]?[0-9]{1,18}")
_RANGE = re.compile(r"([0-9]{1,6})(?:-([0-9]{1,6}))?")
_MOST_PROCESSORS = 1 << 12


def read_text(*parts: str) -> str:
    """Return the content of a file without blanks around it; empty when it cannot be read."""
    try:
        with open(os.path.join(*parts), "rb") as file:
            content = file.read(_LONGEST)
    except (OSError, ValueError):  # a ValueError is a name with a NUL
        return ""
    return content.decode("utf-8", "replace").replace("\0", " ").strip()


def read_whole(*parts: str) -> Optional[int]:
    """Return the whole number that is all a file holds; ``None`` when it holds something else."""
    text = read_text(*parts)
    return int(text) if _WHOLE.fullmatch(text) else None


def read_label(*parts: str) -> str:
    """Return the first line of a file, at most 80 characters of it."""
    lines = read_text(*parts).splitlines()
    return lines[0].strip()[:80] if lines else ""


def listed(folder: str, prefix: str = "") -> list[str]:
    """Return the names in a folder that begin with ``prefix``, in natural order: ``zone2`` before ``zone10``."""
    try:
        names = os.listdir(folder)
    except (OSError, ValueError):
        return []
    return sorted((name for name in names if name.startswith(prefix)), key=_natural)


def parse_processors(text: str) -> tuple[int, ...]:
    """Return the numbers that the kernel writes as in ``0-3,6``, ascending; empty when the text is no such list."""
    found: set[int] = set()
    for part in text.split(",") if text else ():
        match = _RANGE.fullmatch(part.strip())
        if not match:
            return ()
        first, last = int(match.group(1)), int(match.group(2) or match.group(1))
        if not first <= last < _MOST_PROCESSORS:
            return ()
        found.update(range(first, last + 1))
    return tuple(sorted(found))


def online(root: str = "/") -> tuple[int, ...]:
    """Return the numbers of the processors that are switched on, ascending."""
    listed = parse_processors(read_text(root, "sys/devices/system/cpu/online"))
    return listed or tuple(range(os.cpu_count() or 1))


def usable() -> tuple[int, ...]:
    """Return the numbers of the processors that this process may run on, ascending."""
    if not hasattr(os, "sched_getaffinity"):
        return online()
    return tuple(sorted(os.sched_getaffinity(0)))


def pin(cores: Sequence[int]) -> None:
    """Keep this process, and every thread it starts from now on, on ``cores``; an empty list leaves the choice open.

    Raises:
        Failure: One of them does not exist, may not be used, or the system cannot pin (``bad-request``).
    """
    if not cores:
        return
    if not hasattr(os, "sched_setaffinity"):
        raise Failure("bad-request", "cores: this system does not let a process choose its processors")
    try:
        os.sched_setaffinity(0, cores)
    except (OSError, ValueError, OverflowError):
        pinned = False
    else:
        # The system ignores numbers that do not exist as long as one does.
        pinned = usable() == tuple(sorted(cores))
    if not pinned:
        wanted, present = (", ".join(map(str, numbers)) for numbers in (cores, online()))
        raise Failure("bad-request", "cores: cannot run on %s; switched on here: %s" % (wanted, present))


def _natural(name: str) -> tuple[tuple[str, int], ...]:
    return tuple((other, int(digits or 0)) for other, digits in re.findall(r"([^0-9]*)([0-9]{0,18})", name))
