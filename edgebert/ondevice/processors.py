"""Which processors the worker may run on."""

from __future__ import annotations

import os
from typing import Sequence

from edgebert.ondevice.protocol import Failure
from edgebert.ondevice.sysfs import parse_processors, read_text


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
