from __future__ import annotations

import contextlib
import json
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest

from edgebert.benchmarking.run.devices import connect
from edgebert.device.board import Board, Launcher
from edgebert.device.device import AndroidFacts
from edgebert.device.process import open_local
from edgebert.device.protocol import WORKER_SCHEMA, Request, Series
from edgebert.device.ssh import open_ssh
from edgebert.errors import CheckFailed, DeviceGone, DeviceProblem, EdgebertError, UsageError
from edgebert.workers.launch import prepare
from tests.device.answers import ANSWER
from tests.device.workers import framed, printing, script
from tests.support import fakes, kit

IDS = ((2, 10, 11, 3), (2, 12, 3))
NOTHING_TO_DO = Request(
    schema=WORKER_SCHEMA, file="x", runtime="onnxruntime", threads=1, cores=(), pad_id=0, series=(), warm_up=0, runs=0
)


@pytest.fixture
def device():
    opened = open_local()
    yield opened
    opened.close()


def request_for(file, runtime="onnxruntime"):
    return Request(
        schema=WORKER_SCHEMA,
        file=file,
        runtime=runtime,
        threads=1,
        cores=(),
        pad_id=0,
        series=(Series(name="all", inputs=IDS),),
        warm_up=1,
        runs=3,
        answers=IDS,
    )


def baseline():
    return fakes.shared_bundle() / "baseline" / "float32.onnx"


def check_trial(board, *, timeout_s):
    """Run one trial of the tiny float model and compare its logits with those of ONNX Runtime in this process."""
    trial = board.work(request_for(board.put(baseline())), timeout_s=timeout_s)
    assert [len(series.run_ns) for series in trial.series] == [3]
    wanted = np.concatenate([fakes.onnx_rows(baseline(), [ids]) for ids in IDS])
    np.testing.assert_allclose(np.array([answer["logits"].values for answer in trial.answers]), wanted, atol=1e-5)


# -------------------------------------------------------------------------------------------------------- real workers


def test_real_worker_on_this_machine(tmp_path):
    """A worker on this machine describes it, and answers a trial as the runtime does in this process."""
    board = connect("local", cache=tmp_path)
    try:
        facts = board.facts()
        assert (facts.kind, facts.cpu, facts.android, facts.is_emulated) == ("local", "", None, False)
        assert "onnxruntime" in dict(facts.hardware.runtimes)
        check_trial(board, timeout_s=120)
    finally:
        board.close()


def test_real_worker_by_ssh(tmp_path):
    """A worker behind a real ssh answers the same, and its files go while the worker stays."""
    if shutil.which("ssh") is None:
        pytest.skip("no ssh program")
    with kit.local_sshd() as server, contextlib.ExitStack() as stack:
        device = open_ssh(server.target, root=str(tmp_path / "device"), options=server.options)
        stack.callback(device.close)
        board = Board(device, prepare(device, python=sys.executable, runtime=None))
        check_trial(board, timeout_s=120)
        board.remove_files()
        assert [path.name.partition("-")[0] for path in (tmp_path / "device").iterdir()] == ["worker"]


def test_real_worker_on_an_emulated_arm_board(tmp_path):
    """A worker on an arm64 board behind a real ssh runs with the Python there, and answers as this machine does."""
    if shutil.which("ssh") is None:
        pytest.skip("no ssh program")
    large = tmp_path / "large"
    large.write_bytes(bytes(2_000_000))
    with kit.arm64_board_by_ssh() as server, contextlib.ExitStack() as stack:
        folder = "/usr/lib/python3/dist-packages"
        server.machine.run("sh", "-c", f"mkdir -p {folder} && echo /opt/site > {folder}/site.pth")
        device = open_ssh(server.target, root="/data/local/tmp/edgebert", options=server.options)
        stack.callback(device.close)
        board = Board(device, prepare(device, python="/usr/bin/python3", runtime=None))
        assert board.facts().hardware.machine == "aarch64"
        check_trial(board, timeout_s=300)
        server.machine.mount_small("/data/small", 512)
        small = open_ssh(server.target, root="/data/small", options=server.options)
        stack.callback(small.close)
        with pytest.raises(DeviceProblem, match="no room on the disk"):
            Board(small, board.launcher).put(large)
        assert small.run(("ls", "-A", "files")).stdout == b""
        board.clean()
        assert device.run(("ls", "-A")).stdout == b""


# ------------------------------------------------------------------------------------------------------ what goes wrong


def test_killed_worker(device, tmp_path):
    """A worker that a signal kills means that the device is gone, and the signal is named."""
    board = Board(device, script(tmp_path, "os.kill(os.getpid(), signal.SIGKILL)"))
    with pytest.raises(DeviceGone, match=r"the worker was killed \(SIGKILL\)") as caught:
        board.work(NOTHING_TO_DO, timeout_s=60)
    assert "memory" in caught.value.hint


def test_silent_worker(device, tmp_path):
    """A worker that ends well and says nothing is gone too."""
    with pytest.raises(DeviceGone, match="exit code 0, no answer"):
        Board(device, script(tmp_path, "")).work(NOTHING_TO_DO, timeout_s=60)


def test_slow_worker(device, tmp_path):
    """A worker that takes longer than it may is gone."""
    with pytest.raises(DeviceGone, match="no answer within"):
        Board(device, script(tmp_path, "import time; time.sleep(60)")).work(NOTHING_TO_DO, timeout_s=0.5)


@pytest.mark.parametrize("source", ["import no_such_module", "syntax error", "sys.exit(2)"])
def test_worker_that_does_not_start(device, tmp_path, source):
    """A Python that fails before it gets to the worker fails again: this is no transient failure."""
    with pytest.raises(DeviceProblem, match="does not start") as caught:
        Board(device, script(tmp_path, source)).work(NOTHING_TO_DO, timeout_s=60)
    assert not isinstance(caught.value, DeviceGone)


def test_program_that_is_absent(device):
    """A launcher whose program is not there fails for good."""
    with pytest.raises(DeviceProblem, match="does not start") as caught:
        Board(device, Launcher(argv=("no-such",), environment={}, worker="")).facts()
    assert not isinstance(caught.value, DeviceGone)


@pytest.mark.parametrize("kept", [1, 30, 60, 80, len(framed(ANSWER)) - 2])
def test_half_written_answer(device, tmp_path, kept):
    """An answer that breaks off anywhere, because the worker died while it wrote, is gone and never read."""
    launcher = printing(tmp_path, framed(ANSWER)[:kept], then="os.kill(os.getpid(), signal.SIGKILL)")
    with pytest.raises(DeviceGone, match=r"half-written|killed"):
        Board(device, launcher).facts()


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("runtime-absent", DeviceProblem),
        ("out-of-memory", DeviceProblem),
        ("runtime-failure", CheckFailed),
        ("bad-request", UsageError),
    ],
)
def test_complaints_of_a_worker(device, tmp_path, kind, error):
    """Each kind of complaint is the error that it stands for, with the device and the worker's words."""
    payload = json.dumps({"schema": WORKER_SCHEMA, "error": {"kind": kind, "message": "the words"}}).encode()
    with pytest.raises(EdgebertError, match=r"^local: the words$") as caught:
        Board(device, printing(tmp_path, framed(payload))).work(NOTHING_TO_DO, timeout_s=60)
    assert type(caught.value) is error


def test_real_worker_complains(tmp_path):
    """The real worker's own complaints are understood: a runtime that is absent, a file that is none, a bad request."""
    board = connect("local", cache=tmp_path)
    broken = tmp_path / "broken.onnx"
    broken.write_bytes(b"no model")
    try:
        file = board.put(broken)
        with pytest.raises(CheckFailed):
            board.work(request_for(file), timeout_s=120)
        with pytest.raises(UsageError):
            board.work(request_for(file, runtime="no-such-runtime"), timeout_s=120)
    finally:
        board.close()


# --------------------------------------------------------------------------------------------------------------- facts


class Calling:
    """A phone: this machine, and what it says of itself."""

    kind = "adb"
    url = "adb:1234"
    cpu = ""

    def __init__(self, device, model):
        self.root = device.root
        self.run, self.push, self.close = device.run, device.push, device.close
        self.model = model

    def android_facts(self):
        """Say what a phone says."""
        return AndroidFacts(manufacturer="", model=self.model, soc="", release="15", sdk=35, abi="arm64-v8a")


def test_names(device, tmp_path):
    """A phone is called by its model, else a device by its board's, else by its URL."""
    known = printing(tmp_path, framed(ANSWER))
    assert Board(Calling(device, "Pixel 8"), known).facts().name == "Pixel 8"
    assert Board(Calling(device, ""), known).facts().name == "Pi"
    assert Board(device, known).facts().android is None
    unknown = printing(tmp_path, framed(ANSWER.replace(b'"Pi"', b'""')))
    assert Board(Calling(device, ""), unknown).facts().name == "adb:1234"


# --------------------------------------------------------------------------------------------------------------- files


def test_put_once(device, tmp_path):
    """The same file is brought once, by two boards of one device too, and one cut short there is brought anew."""
    launcher = Launcher(argv=("true",), environment={}, worker="")
    source = tmp_path / "my model (1).onnx"
    source.write_bytes(b"content")
    path = Path(Board(device, launcher).put(source))
    assert path.is_relative_to(device.root)
    assert path.read_bytes() == b"content"
    assert path.name.endswith("-my_model__1_.onnx")
    before = path.stat().st_ino
    source.unlink()
    source.write_bytes(b"content")
    assert Board(device, launcher).put(source) == str(path)
    assert path.stat().st_ino == before
    path.unlink()
    path.write_bytes(b"cont")
    Board(device, launcher).put(source)
    assert path.read_bytes() == b"content"
    source.write_bytes(b"changed")
    assert Board(device, launcher).put(source) != str(path)


def test_put_of_nothing(device, tmp_path):
    """A file that is absent is the user's mistake."""
    with pytest.raises(UsageError, match="cannot be read"):
        Board(device, Launcher(argv=("true",), environment={}, worker="")).put(tmp_path / "absent")


def test_remove_files_leaves_what_is_not_of_this_run(device, tmp_path):
    """After a run its own files are gone; the worker and the files of others stay."""
    launcher = prepare(device, python=sys.executable, runtime=None)
    board, other = Board(device, launcher), Board(device, launcher)
    for name in ("a", "b"):
        (tmp_path / name).write_bytes(name.encode())
    board.put(tmp_path / "a")
    kept = Path(other.put(tmp_path / "b"))
    board.remove_files()
    assert list(kept.parent.iterdir()) == [kept]
    other.remove_files()
    assert [path.name.partition("-")[0] for path in Path(device.root).iterdir()] == ["worker"]
    other.remove_files()


FOREIGN = (
    "photo.jpg",
    "runtime-mine",
    "worker-0123456789abcde",
    "files-old",
    "-rf",
    "a b",
    "runtime-0123456789abcdef2",
)


def test_clean_removes_ours_and_nothing_else(device, tmp_path):
    """Cleaning removes files, workers, runtimes and what broken pushes left, and not one name that is not ours."""
    root = Path(device.root)
    (tmp_path / "a").write_bytes(b"a")
    board = Board(device, prepare(device, python=sys.executable, runtime=None))
    board.put(tmp_path / "a")
    for name in (
        "runtime-0123456789abcdef",
        "runtime-0123456789abcdef.0a1b2c3d.partial",
        "files/0123456789abcdef-model.onnx.0a1b2c3d.partial",
    ):
        (root / name).mkdir()
    for name in (
        "runtime-0123456789abcdef.0a1b2c3d.tar.gz",
        "worker-0123456789abcdef.0a1b2c3d.tar.gz.0a1b2c3d.partial",
        *FOREIGN,
        *(f"files/{name}" for name in FOREIGN),
    ):
        (root / name).write_bytes(b"x")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").write_bytes(b"x")
    (root / "worker-fedcba9876543210").symlink_to(outside)
    board.clean()
    assert sorted(path.name for path in root.iterdir()) == sorted([*FOREIGN, "files"])
    assert sorted(path.name for path in (root / "files").iterdir()) == sorted(FOREIGN)
    assert (outside / "kept").exists()


def test_clean_of_nothing(device):
    """Where nothing of ours is, cleaning does nothing."""
    Board(device, Launcher(argv=("true",), environment={}, worker="")).clean()
    assert list(Path(device.root).iterdir()) == []
