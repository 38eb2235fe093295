"""Devices that are measured one after the other or side by side, and what an interrupt does to them."""

from __future__ import annotations

import threading
import time

import pytest

from edgebert.benchmarking.run.runner import lanes
from edgebert.device.process import run_program
from edgebert.errors import DeviceGone
from tests.benchmarking.runs import Killed, run
from tests.support.fake_devices import FakeBoard


def test_devices_that_share_this_machine_take_turns():
    """This machine, emulators and loopback form one lane; every other device has one of its own."""
    here = (
        "local",
        "ssh:me@localhost:2222",
        "emulator:max",
        "ssh:127.0.0.1",
        "adb:emulator-5554",
        "adb:127.0.0.1:5555",
    )
    there = ("ssh:pi@board", "adb:R5CT", "ssh:localhosting.example")
    assert lanes((*there, *here)) == (here, *((url,) for url in there))
    assert lanes(("local",)) == (("local",),)


def test_devices_of_their_own_run_side_by_side(bundle, tmp_path):
    """Two phones are at work at the same time: each waits in its first worker for the other."""
    boards = {}

    def meet(other):
        def fault(board, request):
            assert boards[other].at_work.wait(20), "the other phone never started"
            raise DeviceGone("tried again")

        return fault

    boards["adb:one"] = FakeBoard(bundle.root, faults={0: meet("adb:two")})
    boards["adb:two"] = FakeBoard(bundle.root, faults={0: meet("adb:one")})
    done = run(bundle, boards, tmp_path, urls=("adb:one", "adb:two"))
    assert [len(item.trials) for item in done.report.measurements] == [8, 8]


def test_an_interrupt_stops_every_lane_and_keeps_the_journal(bundle, tmp_path):
    """When one lane is interrupted the other ends after its worker, both devices are tidied, and the steps stay."""
    stopped = threading.Event()

    def interrupted(board, request):
        assert two.at_work.wait(30)
        raise Killed

    def slow(board, request):
        stopped.wait(0.2)

    two = FakeBoard(bundle.root, faults=dict.fromkeys(range(10), slow))
    boards = {"adb:one": FakeBoard(bundle.root, faults={3: interrupted}), "adb:two": two}
    with pytest.raises(Killed):
        run(bundle, boards, tmp_path, urls=("adb:one", "adb:two"))
    assert len(two.requests) < 10
    assert all(board.ended == ["removed", "closed"] for board in boards.values())
    assert (tmp_path / "journal").stat().st_size > 0


def test_an_interrupt_kills_the_programs_of_other_lanes(bundle, tmp_path):
    """A lane that waits for a program of many minutes ends when another is interrupted, and tidies up by programs."""
    tidied = tmp_path / "tidied"

    class Tidy(FakeBoard):
        def remove_files(self):
            run_program(["touch", str(tidied)], timeout_s=60)
            super().remove_files()

    def sleeping(board, request):
        run_program(["sleep", "600"], timeout_s=600)

    def interrupted(board, request):
        assert boards["adb:two"].at_work.wait(60)
        raise KeyboardInterrupt

    boards = {
        "adb:one": FakeBoard(bundle.root, faults={0: interrupted}),
        "adb:two": Tidy(bundle.root, faults={0: sleeping}),
    }
    started = time.monotonic()
    with pytest.raises(KeyboardInterrupt):
        run(bundle, boards, tmp_path, urls=tuple(boards))
    assert time.monotonic() - started < 300
    assert boards["adb:two"].ended == ["removed", "closed"]
    assert tidied.exists()
    assert run_program(["true"], timeout_s=60).code == 0
