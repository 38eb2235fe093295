"""The threads of torch on the command line: no more than there are processors, and none that spins while it waits."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path


def settle_threads() -> None:
    """Set what OpenMP reads when torch loads it; what the user has set stays.

    Without a waiting policy, threads spin between the operations of a model: the work of a small one takes three times
    the processor time. And a container that may use two processors of sixty-four gets a thread for each of them.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if (quota := processor_quota()) is not None:
        os.environ.setdefault("OMP_NUM_THREADS", str(quota))


def processor_quota(*, groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int | None:
    """Return how many processors the control groups of Linux let this process use; ``None`` for no limit.

    Args:
        groups: Where the control groups are mounted.
        own: File that names those of this process.
    """
    quotas = []
    with contextlib.suppress(OSError, ValueError):
        for line in own.read_text(encoding="utf-8").splitlines():
            _, kinds, name = line.split(":", 2)
            mounted = groups / kinds if kinds else groups
            if kinds and "cpu" not in kinds.split(","):
                continue
            folder = Path(name.strip("/"))
            quotas += [_quota(mounted / part) for part in (folder, *folder.parents)]
    known = [quota for quota in quotas if quota is not None]
    return max(1, int(min(known))) if known else None


def _quota(folder: Path) -> float | None:
    """Return the processors that one group may use, in either version of the files."""
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        return None if quota == "max" else int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text(encoding="utf-8") for name in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 else None
    return None
