from __future__ import annotations

import os
import platform
import shlex
import shutil
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.benchmarking.run.devices import FoundDevice, connect, found_devices, parse_url
from edgebert.errors import DeviceProblem, EdgebertError, UsageError
from tests.device.test_adb import LISTING, UNAUTHORISED, scripted_adb
from tests.support import kit


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


def by_url(found):
    return {device.url: device for device in found}


def test_this_machine_is_always_there(tmp_path):
    """The machine itself comes first and can be used; that it is no ARM processor is said."""
    first = found_devices(adb="no-such-adb")[0]
    assert (first.url, first.ok) == ("local", True)
    assert bool(first.why) is (platform.machine() not in {"aarch64", "arm64"})


def test_boards_are_named_by_the_user():
    """Boards cannot be found, so the last line says how to name one."""
    last = found_devices(adb="no-such-adb")[-1]
    assert last.ok is False
    assert "ssh:pi@raspberrypi" in last.hint


def test_adb_is_not_installed():
    """Without adb the list says so, and how to install it."""
    phones = by_url(found_devices(adb="no-such-adb"))["adb:SERIAL"]
    assert not phones.ok
    assert "no-such-adb" in phones.why
    assert "install" in phones.hint


def test_no_phone(tmp_path):
    """With adb but without a phone the list says what to do on the phone."""
    phones = by_url(found_devices(adb=scripted_adb(tmp_path)))["adb:SERIAL"]
    assert "USB debugging" in phones.hint


def test_every_phone_that_adb_lists(tmp_path):
    """Each phone has a line; one that cannot be used says why and what to do."""
    found = by_url(found_devices(adb=scripted_adb(tmp_path, devices=LISTING, words=UNAUTHORISED)))
    assert found["adb:emulator-5556"].why == "offline"
    assert "udev" in found["adb:a0388e93"].hint
    assert "start Android" in found["adb:986AY133QL"].hint
    # Authorised while it was listed, and no longer when it was asked.
    late = found["adb:R58M123ABC"]
    assert (late.ok, late.what) == (False, "SM A528B")
    assert "unauthorised" in late.why
    assert len(found) == 8


def test_a_phone_is_described_by_itself():
    """A usable phone has its own name, processor and Android version; one of another ABI is not usable."""
    with kit.phone_by_adb() as phone:
        url = f"adb:{phone.serial}"
        assert by_url(found_devices(adb=phone.adb))[url] == FoundDevice(
            url=url, ok=True, what="Google Pixel 8, Tensor G3, Android 15"
        )
        phone.machine.run("sed", "-i", "s/arm64-v8a/armeabi-v7a/", "/transcripts/getprop.txt")
        refused = by_url(found_devices(adb=phone.adb))[url]
        assert not refused.ok
        assert "armeabi-v7a" in refused.why


def test_emulator_that_is_not_set_up(tmp_path):
    """An emulator that nobody has set up is listed with the command that does it."""
    emulator = by_url(found_devices(adb="no-such-adb", cache=tmp_path))["emulator:cortex-a76"]
    assert not emulator.ok
    assert "edgebert emulator setup" in emulator.hint
    assert not any(path.name for path in tmp_path.iterdir())
