from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.device.connect import connect, parse_url
from edgebert.errors import DeviceProblem, EdgebertError, UsageError
from tests.device import kit


@pytest.mark.parametrize(
    ("url", "kind", "rest"),
    [
        ("local", "local", ""),
        ("ssh:pi@board:22", "ssh", "pi@board:22"),
        ("ssh:[::1]:22", "ssh", "[::1]:22"),
        ("adb:192.168.0.5:5555", "adb", "192.168.0.5:5555"),
        ("adb:", "adb", ""),
        ("adb:adb-1A2B (2)._adb-tls-connect._tcp", "adb", "adb-1A2B (2)._adb-tls-connect._tcp"),
        ("emulator:max,sve=off", "emulator", "max,sve=off"),
    ],
)
def test_urls(url, kind, rest):
    """The kind ends at the first colon."""
    assert parse_url(url) == (kind, rest)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "board",
        "usb:1",
        "LOCAL",
        "local:",
        "local:x",
        "ssh",
        "ssh:",
        "emulator",
        "adb:-s",
        "ssh:-v",
        "ssh:a b",
    ],
)
def test_unfit_urls(url):
    """What is no device is refused, and the hint shows what one looks like."""
    with pytest.raises(UsageError) as caught:
        parse_url(url)
    assert repr(url) in caught.value.message or url in caught.value.message
    if not url.startswith("local"):
        assert ":" in caught.value.hint


def test_unknown_scheme_lists_the_four():
    """An unknown kind is answered with an example of each of the four."""
    with pytest.raises(UsageError) as caught:
        parse_url("usb:1")
    for kind in ("local", "ssh:", "adb:", "emulator:"):
        assert kind in caught.value.hint


@given(url=st.text(max_size=20) | st.text(max_size=12).map("ssh:{}".format) | st.text(max_size=12).map("adb:{}".format))
def test_arbitrary_urls(url):
    """Any text is a device or a usage error."""
    try:
        kind, rest = parse_url(url)
    except UsageError:
        return
    assert url == (f"{kind}:{rest}" if rest or kind == "adb" else kind)


def test_local(tmp_path):
    """A local board works and takes its folder with it."""
    board = connect("local", cache=tmp_path)
    root = Path(board.device.root)
    assert root.is_dir()
    board.close()
    assert not root.exists()


def test_failure_closes_the_device(tmp_path, monkeypatch):
    """When the worker cannot be brought there, nothing stays open and no temporary folder stays behind."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    with pytest.raises(DeviceProblem):
        connect("local", python="no-such-python", cache=tmp_path / "cache")
    assert list(tmp_path.iterdir()) == []


def test_emulator_brings_its_own_worker(tmp_path):
    """An emulator takes no Python, runtime or root."""
    for options in ({"python": "python3"}, {"runtime": tmp_path}, {"root": "x"}):
        with pytest.raises(UsageError, match="brings its own"):
            connect("emulator:cortex-a76", cache=tmp_path, **options)


def test_by_ssh_as_the_user_has_it(tmp_path, monkeypatch):
    """The ssh on the path is used with its user's configuration, and without a worker the hint says what to do."""
    program = shutil.which("ssh")
    if program is None:
        pytest.skip("no ssh program")
    with kit.local_sshd() as server:
        wrapper = tmp_path / "bin" / "ssh"
        wrapper.parent.mkdir()
        wrapper.write_text(f'#!/bin/sh\nexec {shlex.join([program, *server.options])} "$@"\n')
        wrapper.chmod(0o755)
        monkeypatch.setenv("PATH", f"{wrapper.parent}{os.pathsep}{os.environ['PATH']}")
        url, root = f"ssh:{server.target}", str(tmp_path / "device")
        with pytest.raises(EdgebertError) as caught:
            connect(url, root=root, cache=tmp_path)
        assert "--python" in caught.value.hint
        board = connect(url, python=sys.executable, root=root, cache=tmp_path)
        facts = board.facts()
        board.close()
    assert (facts.kind, facts.worker) == ("ssh", sys.executable)
    assert board.device.url == url
