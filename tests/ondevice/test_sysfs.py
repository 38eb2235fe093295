from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.ondevice.protocol import Failure
from edgebert.ondevice.sysfs import listed, online, parse_processors, pin, read_label, read_text, read_whole, usable

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
    words = f"from edgebert.ondevice.sysfs import *; pin([{HERE[-1]}]); print(usable())"
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


def test_a_file_is_read_without_blanks_around_it(tmp_path: Path):
    """Line breaks and the NUL of a device tree go, bytes that are no UTF-8 are shown as such."""
    (tmp_path / "file").write_bytes(b" one\xfftwo\0\n")
    assert read_text(str(tmp_path), "file") == "one\ufffdtwo"


def test_what_cannot_be_read_is_empty(tmp_path: Path):
    """A file that is missing, a folder, or has an impossible name is no text, no number and no list."""
    for name in ("missing", ".", "a\0b", "x" * 5000):
        assert read_text(str(tmp_path), name) == read_label(str(tmp_path), name) == ""
        assert read_whole(str(tmp_path), name) is None
    assert listed(str(tmp_path / "missing")) == listed("a\0b") == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("12\n", 12),
        ("-3", -3),
        ("", None),
        ("1.5", None),
        ("1_0", None),
        ("٣", None),
        ("9" * 5000, None),
        ("12 34", None),
    ],
)
def test_only_plain_whole_numbers_are_numbers(content: str, expected: int | None, tmp_path: Path):
    """What Python or Unicode would also take for a number is none, and one of absurd length neither."""
    (tmp_path / "file").write_text(content, encoding="utf-8")
    assert read_whole(str(tmp_path), "file") == expected


def test_a_label_is_one_short_line(tmp_path: Path):
    """Of a long text the first 80 characters of the first line stay."""
    (tmp_path / "file").write_text("x" * 100 + "\nmore", encoding="utf-8")
    assert read_label(str(tmp_path), "file") == "x" * 80


def test_numbered_names_come_in_the_order_of_their_numbers(tmp_path: Path):
    """``zone10`` follows ``zone2``, and names with another beginning are left out."""
    for name in ("zone10", "zone2", "zone0", "other1"):
        (tmp_path / name).touch()
    assert listed(str(tmp_path), "zone") == ["zone0", "zone2", "zone10"]


@given(st.sets(st.integers(0, 4095)))
def test_processor_lists_are_read_back(numbers: set[int]):
    """Single numbers and ranges give the numbers that were written, ascending."""
    ordered = sorted(numbers)
    assert parse_processors(",".join(map(str, ordered))) == tuple(ordered)
    if ordered:
        assert parse_processors(f"{ordered[0]}-{ordered[-1]}\n".strip()) == tuple(range(ordered[0], ordered[-1] + 1))


@given(st.one_of(st.text(), st.text(alphabet="0123456789-,")))
def test_no_text_makes_the_processor_list_raise(text: str):
    """Anything else is an empty list, never a huge one."""
    found = parse_processors(text)
    assert len(found) <= 4096
    assert list(found) == sorted(found)
