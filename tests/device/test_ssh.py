from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import signal
import subprocess
import threading
from pathlib import Path

import pytest

from edgebert.device.device import retrying
from edgebert.device.ssh import _RECEIVE, open_ssh
from edgebert.errors import DeviceGone, DeviceProblem, UsageError
from tests.support import kit

ALL_BYTES = bytes(range(256)) * 3


@pytest.fixture
def device(board, tmp_path):
    opened = open_ssh(board.target, root=str(tmp_path / "on the 'board'"), options=board.options)
    yield opened
    opened.close()


def descendants(pid):
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError):
                stat = (entry / "stat").read_text()
                if int(stat.rsplit(")", 1)[1].split()[1]) == pid:
                    found += [int(entry.name), *descendants(int(entry.name))]
    return found


def kill_sessions(board):
    """Do what a lost connection does: kill the server's side of every session, but not the listener."""
    for pid in descendants(board.server.pid):
        with contextlib.suppress(OSError):
            if "sshd" in Path(f"/proc/{pid}/comm").read_text():
                os.kill(pid, signal.SIGKILL)


# -------------------------------------------------------------------------------------------------------------- running


def test_run(device):
    """A program runs in the root, with its variables, input, both outputs and exit code as on this machine."""
    done = device.run(
        ["sh", "-c", 'pwd; printf "%s|" "$A" "$@"; echo err >&2; exit 7', "sh", "a b", "'", "$(id)", ""],
        environment={"A": "\"x\ny'"},
    )
    assert (done.code, done.stderr) == (7, "err")
    assert done.stdout.decode() == f"{device.root}\n\"x\ny'|a b|'|$(id)||"


def test_all_bytes_pass(device):
    """Every byte value passes both ways."""
    assert device.run(["cat"], stdin=ALL_BYTES).stdout == ALL_BYTES


def test_exit_codes(device):
    """255 of a program is not taken for a failure of ssh, a signal is 128 + its number, an absent program 127."""
    assert device.run(["sh", "-c", "exit 255"]).code == 255
    assert device.run(["sh", "-c", "kill -9 $$"]).code == 137
    assert device.run(["no-such-program"]).code == 127


def test_one_connection_for_all_runs(board, device):
    """The second run logs in no more, and closing ends the shared connection."""
    before = (board.folder / "log").read_text().count("Accepted publickey")
    device.run(["true"])
    device.run(["true"])
    assert (board.folder / "log").read_text().count("Accepted publickey") == before
    sockets = str(device._sockets)
    device.close()
    device.close()
    left = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    assert sockets not in left
    assert not Path(sockets).exists()


def test_timeout_stops_the_program_on_the_board(device):
    """A program that takes too long is dead on the board too, and the next one runs."""
    with pytest.raises(DeviceGone, match="no answer within 1 s"):
        device.run(["sh", "-c", "echo $$ > pid; sleep 77 & echo $! > child; wait"], timeout_s=1)
    for name in ("pid", "child"):
        assert not is_running(int(Path(device.root, name).read_text()))
    assert device.run(["echo", "back"]).stdout == b"back\n"


def is_running(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_interrupt_stops_the_program_on_the_board(device):
    """Ctrl-C in mid-run ends the program on the board before it goes on its way."""
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
    with pytest.raises(KeyboardInterrupt):
        device.run(["sh", "-c", "echo $$ > pid; exec sleep 79"])
    assert not is_running(int(Path(device.root, "pid").read_text()))


def test_connection_lost_in_a_run(board, device):
    """When the connection breaks the device is gone, what ran there is stopped, and the next run connects anew."""
    threading.Timer(1.0, kill_sessions, (board,)).start()
    with pytest.raises(DeviceGone, match="the connection broke"):
        device.run(["sh", "-c", "echo $$ > pid; exec sleep 78"], timeout_s=60)
    assert not is_running(int(Path(device.root, "pid").read_text()))
    assert device.run(["echo", "back"]).stdout == b"back\n"


def test_server_away_and_back():
    """A board that was reached is gone while its server is down, and answers again when it is up."""
    if shutil.which("ssh") is None:
        pytest.skip("no ssh program")
    with kit.local_sshd() as board, contextlib.ExitStack() as stack:
        device = open_ssh(board.target, root=str(board.folder / "device"), options=board.options)
        stack.callback(device.close)
        kill_sessions(board)
        board.server.terminate()
        board.server.wait(30)
        for _ in range(2):
            with pytest.raises(DeviceGone):
                device.run(["true"])
        environment = kit.with_tools({"LD_LIBRARY_PATH": kit.kit_or_skip().libraries})
        again = subprocess.Popen(
            board.server.args, cwd=kit.REPOSITORY, env=environment, stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        stack.callback(again.wait)
        stack.callback(again.terminate)
        assert retrying(lambda: device.run(["echo", "back"]), on_retry=print).stdout == b"back\n"


# -------------------------------------------------------------------------------------------------------------- pushing


def test_push(device, tmp_path):
    """20 MB arrive as they are, in a folder that is made, over what was there, and nothing else stays."""
    source = tmp_path / "source"
    source.write_bytes(os.urandom(20_000_000))
    for _ in range(2):
        device.push(source, "files/a 'b'/model")
    folder = Path(device.root, "files", "a 'b'")
    assert [path.name for path in folder.iterdir()] == ["model"]
    assert hashlib.sha256((folder / "model").read_bytes()).digest() == hashlib.sha256(source.read_bytes()).digest()


def test_push_of_nothing(device, tmp_path):
    """An empty file can be pushed; one that is absent here is the user's mistake."""
    source = tmp_path / "source"
    source.write_bytes(b"")
    device.push(source, "empty")
    assert Path(device.root, "empty").read_bytes() == b""
    with pytest.raises(UsageError, match="absent: cannot be read"):
        device.push(tmp_path / "absent", "x")


def test_device_gone_in_mid_push(board, device, tmp_path):
    """A connection lost in mid-push leaves no file of that name, and the same push succeeds afterwards."""
    source = tmp_path / "source"
    with source.open("wb") as stream:
        stream.truncate(300_000_000)
    folder = Path(device.root, "files")
    ended = threading.Event()

    def cut():
        while not any(path.stat().st_size > 1_000_000 for path in folder.glob("*.partial")):
            if ended.wait(0.005):
                return
        kill_sessions(board)

    thread = threading.Thread(target=cut)
    thread.start()
    try:
        with pytest.raises(DeviceGone):
            device.push(source, "files/model")
    finally:
        ended.set()
        thread.join()
    assert not (folder / "model").exists()
    source.write_bytes(b"small")
    device.push(source, "files/model")
    assert (folder / "model").read_bytes() == b"small"


@pytest.mark.parametrize(("content", "code"), [(b"x" * 400, 72), (b"y" * 1000, 73)])
def test_what_arrives_differently_never_becomes_the_file(device, content, code):
    """Bytes that end early, as when a connection is closed in good order, and changed ones leave nothing there."""
    digest = hashlib.sha256(b"x" * 1000).hexdigest()
    done = device.run(("sh", "-c", _RECEIVE, "sh", "files/model", "1000", digest, "word"), stdin=content)
    assert done.code == code
    assert list(Path(device.root, "files").iterdir()) == []


def test_disk_full(board, device, tmp_path):
    """A full disk is 'no room', with the size, and half a file does not stay there."""
    small = tmp_path / "small"
    small.mkdir()
    session = board.folder / "session"
    before = session.read_text()
    inner = (
        f'mount -t tmpfs -o size=1m none "{small}" && sh -c "$SSH_ORIGINAL_COMMAND"',
        "code=$?",
        f'ls "{small}/files" > "{tmp_path}/left"',
        "exit $code",
    )
    session.write_text(f"#!/bin/sh\nexec unshare -r -m sh -c '{'; '.join(inner)}'\n")
    source = tmp_path / "source"
    source.write_bytes(b"x" * 3_000_000)
    try:
        if device.run(["true"]).code != 0:
            pytest.skip("no small disk can be made here")
        tight = open_ssh(board.target, root=str(small), options=board.options)
        with pytest.raises(DeviceProblem, match=r"no room on the disk for files/model \(3000000 bytes\)") as caught:
            tight.push(source, "files/model")
        tight.close()
    finally:
        session.write_text(before)
    assert type(caught.value) is DeviceProblem
    assert (tmp_path / "left").read_text() == ""


def test_folder_that_cannot_be_written(device, tmp_path):
    """A name below a file is refused with the board's own words, and is not tried again."""
    source = tmp_path / "source"
    source.write_bytes(b"x")
    device.push(source, "taken")
    with pytest.raises(DeviceProblem, match=r"taken/model .* cannot be written below") as caught:
        device.push(source, "taken/model")
    assert not isinstance(caught.value, DeviceGone)
