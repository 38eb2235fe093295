from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from edgebert.device.protocol import Request, Series
from edgebert.errors import CheckFailed, MissingExtraError, UsageError
from edgebert.runtime import installed_version
from edgebert.workers.measure import measure
from tests.support.tiny_files import answer, write_onnx

pytest.importorskip("onnx")

# A parent that measures for minutes, and tells when a worker is at it.
LONG = """
from edgebert.workers.measure import measure
from edgebert.device.protocol import Request, Series
series = (Series(name="x", inputs=((2, 3),)),)
request = Request(file="m.onnx", runtime="onnxruntime", pad_id=0, series=series, runs=10**7)
measure([request], progress=lambda *step: print(step, flush=True))
"""


@pytest.fixture
def files(tmp_path: Path) -> list[Path]:
    return [write_onnx(tmp_path / f"{name}.onnx", scale=(scale, 1.0)) for name, scale in (("a", 1.0), ("b", 2.0))]


def request_for(file: Path, **changes) -> Request:
    series = (Series(name="4", inputs=((2, 5, 3), (2, 3))),)
    values = {"file": str(file), "runtime": "onnxruntime", "pad_id": 0, "series": series, "warm_up": 1, "runs": 5}
    return Request(**values | {"answers": ((2, 5, 3),)} | changes)


def worker_of(parent: subprocess.Popen[bytes]) -> Path:
    """Return the folder in ``/proc`` of the worker that a process waits for, once it runs."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        for child in Path(f"/proc/{parent.pid}/task/{parent.pid}/children").read_text(encoding="ascii").split():
            if b"edgebert.ondevice\0run" in Path("/proc", child, "cmdline").read_bytes():
                return Path("/proc", child)
        time.sleep(0.01)
    parent.kill()
    raise AssertionError("no worker was started")


def test_requests_are_run_in_the_order_given_each_by_a_worker_of_its_own(files, monkeypatch, tmp_path):
    """Times and answers of every request, ABBA as asked, one process after the other, and progress after each."""
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    told = []
    order = [files[0], files[1], files[1], files[0]]
    trials = measure([request_for(file) for file in order], progress=lambda *step: told.append(step))
    assert [trial.answers[0]["logits"].values for trial in trials] == [
        pytest.approx(answer((2, 5, 3), scale)) for scale in ((1, 1), (2, 1), (2, 1), (1, 1))
    ]
    assert all(len(trial.series[0].run_ns) == 5 for trial in trials)
    starts = [trial.started_s for trial in trials]
    assert all(trial.ended_s <= after for trial, after in zip(trials, starts[1:], strict=False))
    assert told == [("timing", done, 4) for done in range(5)]
    assert not list((tmp_path / "tmp").iterdir())


def test_a_relative_path_is_that_of_this_process(files, monkeypatch):
    """The worker's own folder is another one."""
    monkeypatch.chdir(files[0].parent)
    (trial,) = measure([request_for(Path("a.onnx"))])
    assert trial.version == installed_version("onnxruntime")


def test_no_requests_measure_nothing():
    """An empty schedule is no error."""
    assert measure([]) == ()


def test_what_fails_in_a_worker_is_an_error_that_names_the_file(tmp_path):
    """A damaged file fails a check; an absent one, or a request out of range, is wrong input."""
    damaged = tmp_path / "damaged.onnx"
    damaged.write_bytes(b"no model")
    with pytest.raises(CheckFailed, match=r"^damaged.onnx: onnxruntime: "):
        measure([request_for(damaged)])
    with pytest.raises(UsageError, match=r"^absent.onnx: there is no file "):
        measure([request_for(tmp_path / "absent.onnx")])


def test_a_runtime_that_is_not_installed_is_named_before_anything_runs(files):
    """The error says which extra has it."""
    if installed_version("tflite-runtime") is not None:
        pytest.skip("tflite-runtime is installed")
    with pytest.raises(MissingExtraError, match="tflite-runtime"):
        measure([request_for(files[0]), request_for(files[0], runtime="tflite-runtime")])


def test_an_interrupt_ends_the_worker_and_leaves_nothing(tmp_path):
    """Ctrl-C in the middle of a worker: no process and no temporary folder stays."""
    write_onnx(tmp_path / "m.onnx")
    (tmp_path / "tmp").mkdir()
    environment = {**os.environ, "TMPDIR": str(tmp_path / "tmp")}
    started = subprocess.Popen(
        [sys.executable, "-c", LONG], cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    worker = worker_of(started)
    started.send_signal(signal.SIGINT)
    _, said = started.communicate(timeout=60)
    assert b"KeyboardInterrupt" in said
    assert not list((tmp_path / "tmp").iterdir())
    assert not worker.exists()
