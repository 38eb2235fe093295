"""``edgebert bench`` over a real ``ssh`` and a real ``adb``, to machines whose arm64 programs QEMU runs.

What is measured there is no speed. What a phone or board may do to a run is real: connections that break, workers that
die, disks that are full.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from edgebert.benchmarking.analysis.warnings import report_warnings
from edgebert.benchmarking.report import read_report
from edgebert.benchmarking.run.devices import connect
from edgebert.benchmarking.run.journal import journal_of
from edgebert.benchmarking.run.runner import BenchmarkResult, measure
from edgebert.benchmarking.suite import Suite
from edgebert.bundle import Bundle
from edgebert.cli.app import main
from edgebert.device.process import size_and_sha256
from edgebert.errors import DeviceGone, DeviceProblem
from tests.benchmarking.world import World, files_with_worker, meanwhile, started_world, steps
from tests.support import fakes
from tests.support.emulated import CACHE, counter_or_skip
from tests.support.kit_build import with_tools

pytest.importorskip("onnx", reason="the shared bundle is exported")
pytest.importorskip("onnxruntime", reason="so is its golden file")

FLOAT, INT8 = "baseline/float32.onnx", "int8.onnx"
ONCE = Suite(runs=1, warm_up=0, processes=1, cool_celsius=0)
QUICK = ("--runtime", "onnxruntime", "--runs", 2, "--warm-up", 0, "--processes", 2)
ABBA = [FLOAT, INT8, INT8, FLOAT]
LIMIT_S = 240
"""Seconds after which a test that waits has failed; emulated workers take a few each."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The phone and the board that all tests share."""
    with started_world(tmp_path_factory.mktemp("programs")) as started:
        yield started


@pytest.fixture(autouse=True)
def reachable(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let ``adb`` and ``ssh`` be those that reach the two, as they are when the test begins."""
    monkeypatch.setenv("PATH", world.path)
    if world.phone.daemon is None or world.phone.daemon.poll() is not None:
        world.phone.start()


def run(world: World, bundle: Bundle, folder: Path, url: str, **options: object) -> BenchmarkResult:
    """Run the bench in this process on one device, with the runtime where no ``python`` is named.

    An emulated worker takes seconds to start: each file is measured once, and where no two are needed one is.
    """
    named = {name: options.pop(name) for name in ("python", "root") if name in options}
    if not url.startswith("emulator:") and "python" not in named:
        named["runtime"] = world.runtime
    given = {"suite": ONCE, "runtimes": ("onnxruntime",), "journal": folder / "journal"} | options
    return measure(bundle, [url], connect=lambda url: connect(url, cache=CACHE, **named), **given)


def command(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    """Return exit code, output and errors of the command line, run in this process."""
    capsys.readouterr()
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    return left.value.code, *capsys.readouterr()


def orders(measurement) -> list[tuple[int, str]]:
    return [(item.order, item.file) for item in measurement.trials]


# --------------------------------------------------------------------------------------------------- when all is well


def test_a_phone_and_a_board_are_measured_side_by_side(world, tmp_path, capsys):
    """One command measures both at once with the runtime it brings; the report is whole, and only the runtime stays."""
    rows = [(text, index % 2) for index, text in enumerate(fakes.TEXTS)]
    data = fakes.write_data(tmp_path / "dev.tsv", rows)
    out = tmp_path / "out" / "report.json"
    words = ("--eval", data, "--eval-samples", 4, "--worker", world.runtime, "--out", out, "--json")
    code, shown, err = command(
        capsys, "bench", fakes.shared_bundle(), "--device", world.adb, "--device", world.ssh, *QUICK, *words
    )
    assert code == 0, err
    report = read_report(out)
    assert json.loads(shown) == json.loads(out.read_text(encoding="utf-8"))
    assert [item.name for item in out.parent.iterdir()] == ["report.json"]
    for url, found in zip((world.adb, world.ssh), report.measurements, strict=True):
        assert orders(found) == list(enumerate(ABBA))
        assert all(len(series.run_ns) == 2 for item in found.trials for series in item.trial.series)
        assert all(item.trial.tokenized.text_ns for item in found.trials)
        assert [(item.file, len(item.answers)) for item in found.answers] == [(FLOAT, 4), (INT8, 4)]
        assert all(item.golden_difference <= item.golden_tolerance for item in found.answers)
        assert (found.notes, found.retries) == ((), 0)
        assert (found.device.worker, found.device.hardware.machine) == (size_and_sha256(world.runtime)[1], "aarch64")
        assert (found.device.kind, found.device.cpu) == (url.partition(":")[0], "Cortex-A76")
        assert world.files(url) == [f"runtime-{found.device.worker[:16]}"]
    phone, board = report.measurements
    assert (phone.device.name, phone.device.android.soc) == ("Pixel 8", "Tensor G3")
    assert [state.trial for state in phone.states] == [0, 1, 2, 3, 4]
    assert {(state.battery_percent, state.thermal_status) for state in phone.states} == {(73, 0)}
    assert (board.device.android, board.states) == (None, ())
    spans = [(item.trials[0].trial.started_s, item.trials[-1].trial.ended_s) for item in report.measurements]
    assert max(start for start, _ in spans) < min(end for _, end in spans)


@pytest.mark.parametrize("kind", ["adb", "ssh"])
def test_a_runtime_that_is_there_is_not_brought_again(world, bundle, tmp_path, kind):
    """The second run finds the first one's runtime and sends model files alone; with clean, nothing of both stays."""
    url = getattr(world, kind)
    assert files_with_worker(world, url) == [f"runtime-{size_and_sha256(world.runtime)[1][:16]}"]
    world.log.write_text("")
    done = run(world, bundle, tmp_path, url, files=(FLOAT,), clean=True)
    assert orders(done.report.measurements[0]) == [(0, FLOAT)]
    sent = world.log.read_text()
    assert "float32.onnx" in sent
    assert ".tar.gz" not in sent
    assert world.files(url) == []


CLOCK_SET_BACK = """
import time
clock, readings = time.time, []
def set_back():
    readings.append(clock())
    return readings[-1] - 3600 * (len(readings) > 1)
time.time = set_back
"""


def test_the_python_of_a_board_can_be_the_worker(world, bundle, tmp_path):
    """A Python of the board takes the worker's sources alone, which stay; a clock set back is warned of."""
    folder = "/usr/lib/python3/dist-packages"
    words = (
        'mkdir -p "$1" && printf "/opt/site\\nimport set_back\\n" > "$1/site.pth" && printf %s "$2" > "$1/set_back.py"'
    )
    world.board.machine.run("sh", "-c", words, "sh", folder, CLOCK_SET_BACK)
    before = set(world.files(world.ssh))
    done = run(world, bundle, tmp_path, world.ssh, python="/usr/bin/python3")
    (found,) = done.report.measurements
    assert (orders(found), found.notes, done.gone, done.misfits) == ([(0, FLOAT), (1, INT8)], (), (), ())
    assert (found.device.worker, found.device.cpu) == ("/usr/bin/python3", "Cortex-A76")
    assert all(ns > 0 for item in found.trials for series in item.trial.series for ns in series.run_ns)
    assert any("the clock was set during 2 trials, by up to 3600 s" in text for text in report_warnings(done.report))
    (worker,) = set(world.files(world.ssh)) - before
    assert worker.startswith("worker-")


def test_an_emulated_processor_answers_and_counts(world, bundle, tmp_path):
    """Instructions of one inference of each file and length, by class, and golden answers; no times."""
    counter_or_skip()
    done = run(world, bundle, tmp_path, "emulator:cortex-a76")
    (found,) = done.report.measurements
    assert (found.trials, found.notes, done.gone, done.misfits) == ((), (), (), ())
    assert [(item.file, item.series) for item in found.counts] == [
        (FLOAT, "8"),
        (FLOAT, "16"),
        (INT8, "8"),
        (INT8, "16"),
    ]
    for item in found.counts:
        assert item.per_inference == pytest.approx(sum(count for _, count in item.classes))
        assert item.per_inference > 10_000
    assert any(name in ("sdot", "udot") for item in found.counts[2:] for name, _ in item.classes)
    assert all(item.golden_difference <= item.golden_tolerance for item in found.answers)


# ---------------------------------------------------------------------------------------------------- what goes wrong


def test_a_phone_that_comes_back_is_measured_to_the_end(world, bundle, tmp_path):
    """adbd dies in mid-run and is there again at the next try: counted, and no trial is missing or made twice."""

    def come_back(_: float) -> None:
        if world.phone.daemon.poll() is not None:
            world.phone.start()

    journal = tmp_path / "journal"
    with meanwhile(lambda: steps(journal, "trial"), world.phone.die):
        done = run(world, bundle, tmp_path, world.adb, sleep=come_back)
    (found,) = done.report.measurements
    assert done.gone == ()
    assert orders(found) == [(0, FLOAT), (1, INT8)]
    assert [state.trial for state in found.states] == [0, 1, 2]
    assert found.retries >= 1
    assert "files" not in world.files(world.adb)


def test_a_phone_that_stays_away_leaves_the_others_be(world, tmp_path, capsys):
    """The other device is in the report, the exit code is 3, and the same command goes on when the phone is back."""
    out = tmp_path / "report.json"
    words = ("bench", fakes.shared_bundle(), "--device", world.adb, "--device", "local", *QUICK)
    words += ("--worker", world.runtime, "--out", out)
    with meanwhile(lambda: steps(journal_of(out), "trial"), world.phone.die):
        code, _, err = command(capsys, *words)
    assert code == 3
    assert world.adb in err
    assert "run the same command again to measure only what is missing" in err
    phone, here = read_report(out).measurements
    assert 1 <= len(phone.trials) < 4
    assert phone.notes[-1].startswith(f"not finished: {world.adb}")
    assert orders(here) == list(enumerate(ABBA))
    assert journal_of(out).exists()
    world.phone.start()
    code, _, err = command(capsys, *words)
    assert code == 0, err
    again, unchanged = read_report(out).measurements
    assert orders(again) == list(enumerate(ABBA))
    assert again.trials[: len(phone.trials)] == phone.trials
    assert again.notes == ()
    assert unchanged == here
    assert not journal_of(out).exists()
    assert "files" not in world.files(world.adb)


@pytest.mark.parametrize("kind", ["adb", "ssh"])
def test_a_worker_that_is_killed_is_started_again(world, bundle, tmp_path, kind):
    """A worker that the device kills in the middle of its work costs one retry, which is counted."""
    url, found = getattr(world, kind), []

    def kill() -> None:
        os.kill(found[-1], signal.SIGKILL)

    def is_at_work() -> bool:
        found.append(world.worker(url))
        return found[-1] is not None

    with meanwhile(is_at_work, kill):
        done = run(world, bundle, tmp_path, url, files=(FLOAT,), sleep=lambda _: None)
    (measurement,) = done.report.measurements
    assert measurement.retries == 1
    assert orders(measurement) == [(0, FLOAT)]


def test_a_full_disk_is_said_and_the_run_goes_on_later(world, bundle, tmp_path):
    """A model that finds no room ends the run with one line; nothing of it stays, and with room it is measured."""
    files_with_worker(world, world.adb)
    small = f"{world.root(world.adb)}/files"
    world.phone.machine.mount_small(small, 64)
    try:
        with pytest.raises(DeviceProblem, match=r"no room on the disk for files/.*float32\.onnx") as caught:
            run(world, bundle, tmp_path, world.adb)
        assert not isinstance(caught.value, DeviceGone)
        assert "free some space" in caught.value.hint
        assert world.phone.machine.run("ls", "-A", small).stdout == ""
    finally:
        unmount = [*world.phone.machine.enter(), "umount", f"{world.phone.machine.root}{small}"]
        subprocess.run(unmount, check=True, timeout=60, env=with_tools())
    done = run(world, bundle, tmp_path, world.adb)
    assert orders(done.report.measurements[0]) == [(0, FLOAT), (1, INT8)]


def test_a_phone_of_another_abi_is_refused(world, tmp_path, capsys):
    """Nothing is sent to a phone that runs no 64-bit ARM programs: one line, exit code 3, no report."""
    machine = world.phone.machine
    machine.run("cp", "/transcripts/getprop.txt", "/transcripts/kept")
    machine.run("sed", "-i", "s/arm64-v8a/armeabi-v7a/", "/transcripts/getprop.txt")
    world.log.write_text("")
    try:
        words = ("--device", world.adb, "--worker", world.runtime, "--out", tmp_path / "report.json")
        code, out, err = command(capsys, "bench", fakes.shared_bundle(), *QUICK, *words)
    finally:
        machine.run("mv", "/transcripts/kept", "/transcripts/getprop.txt")
    assert (code, out) == (3, "")
    assert "runs armeabi-v7a programs, not arm64-v8a" in err
    assert "push" not in world.log.read_text()
    assert not (tmp_path / "report.json").exists()


def test_a_runtime_for_another_machine_is_refused(world, bundle, tmp_path):
    """A board of another instruction set than the runtime's is told so before anything is sent."""
    if os.uname().machine == "aarch64":
        pytest.skip("this machine is what the runtime is for")
    root = tmp_path / "device"
    with pytest.raises(DeviceProblem, match="is for aarch64, and this device is") as caught:
        run(world, bundle, tmp_path, "ssh:here", root=str(root))
    assert "--python" in caught.value.hint
    assert list(root.iterdir()) == []


def test_ctrl_c_stops_the_workers_of_every_device_at_once(world, tmp_path):
    """Two devices in trials of many minutes: the command ends, and neither a worker nor a file is left on them."""
    out = tmp_path / "report.json"
    words = ["bench", fakes.shared_bundle(), "--device", world.adb, "--device", world.ssh, "--worker", world.runtime]
    words += ["--runtime", "onnxruntime", "--runs", 100_000, "--out", out]
    start = [sys.executable, "-c", "from edgebert.cli.app import main; main()", *map(str, words)]
    urls, journal = (world.adb, world.ssh), journal_of(out)

    def are_in_trials() -> bool:
        answered = steps(journal, "golden")
        return all(answered.count(url) == 2 and world.worker(url) is not None for url in urls)

    with subprocess.Popen(start, stderr=subprocess.PIPE, text=True) as running:
        deadline = time.monotonic() + LIMIT_S
        while not are_in_trials():
            assert running.poll() is None, running.communicate()[1]
            assert time.monotonic() < deadline
            time.sleep(0.2)
        running.send_signal(signal.SIGINT)
        try:
            _, err = running.communicate(timeout=90)
        finally:
            running.kill()
    assert running.returncode == 130
    assert "run the same command again to resume" in err
    assert "Traceback" not in err
    assert steps(journal, "trial") == []
    for url in urls:
        deadline = time.monotonic() + 20
        while world.worker(url) is not None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert world.worker(url) is None
        assert "files" not in world.files(url)
