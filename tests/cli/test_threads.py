"""What the command line sets for the threads of torch, and when."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from edgebert.cli.run import processor_quota, settle_threads

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
