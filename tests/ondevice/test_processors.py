from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgebert.ondevice.processors import online, pin, usable
from edgebert.ondevice.protocol import Failure

HERE = sorted(os.sched_getaffinity(0))
ROOT = Path(__file__).parents[2]


def test_processors_switched_on_are_those_the_kernel_lists(tmp_path: Path):
    """The kernel's list counts; without one, as many as the system counts are on."""
    (tmp_path / "sys/devices/system/cpu").mkdir(parents=True)
    assert online(str(tmp_path)) == tuple(range(os.cpu_count() or 1))
    (tmp_path / "sys/devices/system/cpu/online").write_text("0-1,4\n", encoding="utf-8")
    assert online(str(tmp_path)) == (0, 1, 4)


def test_a_pinned_process_runs_on_that_processor_only():
    """After pinning, the process may use the asked processor and no other."""
    words = f"from edgebert.ondevice.processors import *; pin([{HERE[-1]}]); print(usable())"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == f"({HERE[-1]},)\n", done.stderr


def test_no_cores_leave_the_choice_to_the_system():
    """An empty list changes nothing."""
    pin([])
    assert usable() == tuple(HERE)


@pytest.mark.parametrize("cores", [[4000], [HERE[0], 4000], [2**31 - 1]])
def test_a_processor_that_is_not_there_is_refused(cores: list[int]):
    """A number that does not exist is a bad request that names those that do, even beside one that exists."""
    before = os.sched_getaffinity(0)
    try:
        with pytest.raises(Failure, match=r"cores: cannot run on .*(4000|2147483647); switched on here: 0") as caught:
            pin(cores)
    finally:
        os.sched_setaffinity(0, before)
    assert caught.value.kind == "bad-request"
