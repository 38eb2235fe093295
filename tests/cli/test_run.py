"""The door of the command line: a stopped command leaves nothing, and threads are set before torch is loaded."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from edgebert.bundle import open_bundle
from edgebert.cli.run import processor_quota, settle_threads
from edgebert.pipeline import export_bundle
from tests.support import fakes


def stop_at(started: subprocess.Popen[str], stage: str, number: signal.Signals) -> str:
    """Send a signal when the program says that it begins a stage; return what it said after that."""
    assert started.stderr is not None
    for line in started.stderr:
        if line.strip() == stage:
            started.send_signal(number)
            break
    else:
        pytest.fail(f"the program ended before it was {stage}")
    _, rest = started.communicate(timeout=300)
    return rest


def partial_folders(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if "partial" in path.name]


@pytest.mark.parametrize(
    ("number", "code", "stage"),
    [
        (signal.SIGINT, 130, "computing golden logits"),
        (signal.SIGINT, 130, "writing baseline/float32.tflite"),
        (signal.SIGTERM, 143, "computing golden logits"),
        (signal.SIGHUP, 129, "writing int8.onnx"),
    ],
)
def test_a_signal_leaves_nothing(program, tmp_path, number, code, stage):
    """Ctrl-C, SIGTERM and SIGHUP end with 128 + their number and one line; not even the temporary folder stays."""
    out = tmp_path / "bundle"
    started = program("export", fakes.shared_checkpoint(), "--out", out, "--lengths", "8")
    rest = stop_at(started, stage, number)
    assert started.returncode == code
    assert rest.splitlines()[-1] == "interrupted; nothing was left half-written"
    assert "Traceback" not in rest
    assert not list(tmp_path.iterdir())


def test_a_terminal_that_closes_sends_more_than_one_signal(program, tmp_path):
    """SIGHUP and SIGTERM at once are one interrupt: the second does not disturb the cleaning up."""
    out = tmp_path / "bundle"
    started = program("export", fakes.shared_checkpoint(), "--out", out, "--lengths", "8")
    assert started.stderr is not None
    for line in started.stderr:
        if line.strip() == "writing int8.onnx":
            for number in (signal.SIGHUP, signal.SIGTERM, signal.SIGHUP):
                started.send_signal(number)
            break
    _, rest = started.communicate(timeout=300)
    assert started.returncode in {129, 143}
    assert "Traceback" not in rest
    assert not list(tmp_path.iterdir())


IN_A_TERMINAL = """
import os, pty, sys

process, terminal = pty.fork()
if process == 0:
    os.execv(sys.executable, [sys.executable, "-m", "edgebert", *sys.argv[1:]])
shown = b""
while b"writing" not in shown:
    shown += os.read(terminal, 1000)
os.close(terminal)
print(os.waitstatus_to_exitcode(os.waitpid(process, 0)[1]))
"""


def test_a_terminal_that_is_closed_takes_standard_error_along(tmp_path):
    """The exit code is that of SIGHUP and nothing is left, although no line can be shown any more."""
    words = ("export", fakes.shared_checkpoint(), "--out", tmp_path / "bundle", "--lengths", "8")
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    command = [sys.executable, "-c", IN_A_TERMINAL, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=300)
    assert done.stdout == "129\n", done.stderr
    assert not list(tmp_path.iterdir())


def test_a_command_that_was_started_to_outlive_its_terminal_does(tmp_path):
    """Where SIGHUP is ignored, as under nohup, it stays so, and the command ends its work."""
    out = tmp_path / "bundle"
    words = ("export", fakes.shared_checkpoint(), "--out", out, "--lengths", "8", "--formats", "onnx")
    command = ["sh", "-c", 'trap "" HUP; exec "$@"', "sh", sys.executable, "-m", "edgebert", *map(str, words)]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
    pipes = dict.fromkeys(("stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command, text=True, env=environment, **pipes) as started:
        stop_at(started, "computing golden logits", signal.SIGHUP)
    assert started.returncode == 0
    open_bundle(out)


@pytest.mark.parametrize(("ignored", "code"), [(False, -signal.SIGINT), (True, 0)])
def test_ctrl_c_while_python_imports_is_quiet(tmp_path, ignored, code):
    """The process ends by the signal without a word, unless whoever started it has it ignore interrupts."""
    (tmp_path / "typer.py").write_text(
        "import os, signal, sys\n"
        "os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.path.remove(os.path.dirname(__file__))\n"
        "del sys.modules['typer']\n"
        "import typer\n"
        "sys.modules[__name__] = typer\n"
    )
    path = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    command = [sys.executable, "-m", "edgebert", "--version"]
    if ignored:
        command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    environment = os.environ | {"PYTHONPATH": path}
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env=environment)
    assert (done.returncode, done.stderr) == (code, "")
    assert done.stdout.startswith("edgebert") is ignored


def test_ctrl_c_keeps_the_bundle_that_was_to_be_replaced(program, tmp_path):
    """With --force, the old bundle stands until the new one is whole."""
    out = tmp_path / "bundle"
    export_bundle(fakes.shared_checkpoint(), out, formats=("onnx",), lengths=(16,))
    started = program("export", fakes.shared_checkpoint(), "--out", out, "--lengths", "8", "--force")
    stop_at(started, "writing int8.onnx", signal.SIGINT)
    assert started.returncode == 130
    assert open_bundle(out).manifest.text.lengths == (16,)
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]


def test_a_killed_export_is_cleaned_up_by_the_next(program, tmp_path):
    """kill -9 leaves a hidden folder, never the final name; the next export removes it and succeeds."""
    out = tmp_path / "bundle"
    started = program("export", fakes.shared_checkpoint(), "--out", out, "--lengths", "8")
    stop_at(started, "writing int8.onnx", signal.SIGKILL)
    assert started.returncode == -signal.SIGKILL
    assert not out.exists()
    assert len(partial_folders(tmp_path)) == 1
    export_bundle(fakes.shared_checkpoint(), out, formats=("onnx",), lengths=(8,))
    assert [path.name for path in tmp_path.iterdir()] == ["bundle"]
    open_bundle(out)


COMMAND = """
import os, sys
from edgebert.cli import app
assert "torch" not in sys.modules, "OpenMP has read its settings already"
try:
    app.main(["--version"])
except SystemExit:
    pass
print(os.environ["OMP_WAIT_POLICY"])
"""


@pytest.mark.parametrize(("given", "expected"), [(None, "PASSIVE"), ("ACTIVE", "ACTIVE")])
def test_threads_wait_without_spinning(given: str | None, expected: str):
    """The command line sets the waiting policy before torch is loaded, and keeps what the user has set."""
    environment = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    if given is not None:
        environment["OMP_WAIT_POLICY"] = given
    done = subprocess.run([sys.executable, "-c", COMMAND], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == expected


@pytest.mark.parametrize(("given", "quota", "expected"), [(None, 3, "3"), ("7", 3, "7"), (None, None, None)])
def test_no_more_threads_than_the_quota(monkeypatch, given: str | None, quota: int | None, expected: str | None):
    """Threads are as many as the control group has processors for, unless the user has set their number."""
    monkeypatch.setattr("edgebert.cli.run.processor_quota", lambda: quota)
    monkeypatch.setenv("OMP_WAIT_POLICY", "PASSIVE")
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    if given is not None:
        monkeypatch.setenv("OMP_NUM_THREADS", given)
    settle_threads()
    assert os.environ.get("OMP_NUM_THREADS") == expected


V2, V1 = "0::/a/b\n", "12:cpuset:/\n5:cpu,cpuacct:/a/b\n1:name=systemd:/a/b\n"
GROUPS = {
    "no limit": (V2, {"a/b/cpu.max": "max 100000\n"}, None),
    "two processors": (V2, {"a/b/cpu.max": "200000 100000\n"}, 2),
    "a part of one": (V2, {"a/b/cpu.max": "50000 100000\n"}, 1),
    "two and a half": (V2, {"a/b/cpu.max": "250000 100000\n"}, 2),
    "the parent has less": (V2, {"a/b/cpu.max": "800000 100000\n", "a/cpu.max": "300000 100000\n"}, 3),
    "the root of a container": ("0::/\n", {"cpu.max": "400000 100000\n"}, 4),
    "a group that is not mounted": (V2, {"cpu.max": "400000 100000\n"}, 4),
    "version 1": (V1, {"cpu,cpuacct/a/b/cpu.cfs_quota_us": "200000", "cpu,cpuacct/a/b/cpu.cfs_period_us": "100000"}, 2),
    "version 1 without a limit": (
        V1,
        {"cpu,cpuacct/cpu.cfs_quota_us": "-1", "cpu,cpuacct/cpu.cfs_period_us": "9"},
        None,
    ),
    "words": (V2, {"a/b/cpu.max": "many few\n"}, None),
    "a period of nothing": (V2, {"a/b/cpu.max": "1 0\n"}, None),
    "no groups": ("", {}, None),
    "lines of another kind": ("hello\n", {"cpu.max": "400000 100000\n"}, None),
}


@pytest.mark.parametrize("what", GROUPS)
def test_the_quota_is_read_from_the_control_groups(what: str, tmp_path: Path):
    """The smallest limit of a group and of those around it counts, in both versions of the files."""
    names, files, expected = GROUPS[what]
    own = tmp_path / "own"
    own.write_text(names)
    for name, content in files.items():
        path = tmp_path / "groups" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert processor_quota(groups=tmp_path / "groups", own=own) == expected


def test_a_machine_without_control_groups_has_no_quota(tmp_path: Path):
    """Where there is no such file, as on macOS, there is no limit."""
    assert processor_quota(groups=tmp_path / "none", own=tmp_path / "own") is None
