"""Opening a board by ssh: targets, folders, and the sentence for each way in which it fails."""

from __future__ import annotations

import contextlib
import os
import shlex
import socket
import subprocess
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.device.ssh import SshTarget, open_ssh, parse_target
from edgebert.errors import DeviceGone, DeviceProblem, EnvironmentProblem, UsageError
from tests.support import kit

# -------------------------------------------------------------------------------------------------------------- targets


@pytest.mark.parametrize(
    ("text", "user", "host", "port"),
    [
        ("board", None, "board", None),
        ("pi@board", "pi", "board", None),
        ("board:2222", None, "board", 2222),
        ("pi@10.0.0.7:22", "pi", "10.0.0.7", 22),
        ("pi@::1", "pi", "::1", None),
        ("pi@[::1]", "pi", "::1", None),
        ("[fe80::1%eth0]:65535", None, "fe80::1%eth0", 65535),
        ("a@corp.example@board:1", "a@corp.example", "board", 1),
        ("//pi@board:22", "pi", "board", 22),
        ("under_score.local", None, "under_score.local", None),
    ],
)
def test_targets(text, user, host, port):
    """User, host and port are told apart, with IPv6 addresses and without a user too."""
    assert parse_target(text) == SshTarget(user=user, host=host, port=port)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "@",
        "pi@",
        "@board",
        "board:",
        "board:0",
        "board:65536",
        "board:٣",
        "board:22:",
        "[::1",
        "[]:22",
        "-oProxyCommand=touch x",
        "-oProxyCommand=x@board",
        "pi@-oProxyCommand=x",
        "pi@[-v]:22",
        "pi@board -v",
        "pi@board\n",
        "pi@bo$(id)ard",
        "p;i@board",
    ],
)
def test_unfit_targets(text):
    """What is no target, and what ssh or a shell could take for something else, is refused before ssh is started."""
    with pytest.raises(UsageError):
        parse_target(text)


@given(text=st.text(max_size=20))
def test_no_part_is_an_option(text):
    """Whatever is typed, no part of a target that is accepted begins with a hyphen or holds a space."""
    with contextlib.suppress(UsageError):
        target = parse_target(text)
        for part in filter(None, (target.user, target.host)):
            assert not part.startswith("-")
            assert not any(character.isspace() for character in part)


# -------------------------------------------------------------------------------------------------------------- folders


@pytest.mark.parametrize("root", ["/", "~", "~/", ".", ".."])
def test_unfit_root(board, root):
    """The root of the disk, the home folder and what lies above it are refused."""
    with pytest.raises(UsageError, match="not a folder of its own"):
        open_ssh(board.target, root=root, options=board.options)


def test_root_below_home(board):
    """A root without a slash in front lies in the home folder, and its absolute path is known afterwards."""
    name = f".edgebert-test-{os.getpid()}"
    device = open_ssh(board.target, root=name, options=board.options)
    try:
        assert device.root == device.run(["pwd", "-P"]).stdout.decode().strip()
        assert device.root.endswith(f"/{name}")
    finally:
        device.close()
        Path(device.root).rmdir()


def test_root_that_cannot_be_made(board):
    """A folder that cannot be made is named."""
    with pytest.raises(DeviceProblem, match="the folder /proc/none cannot be made"):
        open_ssh(board.target, root="/proc/none", options=board.options)


def test_long_temporary_folder(board, monkeypatch, tmp_path):
    """Where the path of a shared connection would be too long, every run makes its own."""
    deep = tmp_path / ("d" * 100)
    deep.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(deep))
    device = open_ssh(board.target, root=str(tmp_path / "device"), options=board.options)
    assert device.run(["echo", "there"]).stdout == b"there\n"
    device.close()
    assert list(deep.iterdir()) == []


# ------------------------------------------------------------------------------------------------------------- refusals


def host_and_port(board):
    host, _, port = board.target.rpartition("@")[2].partition(":")
    return host, int(port)


def refusal(target, options, **arguments):
    with pytest.raises(DeviceProblem) as caught:
        open_ssh(target, root="/nowhere", options=options, **arguments)
    assert not isinstance(caught.value, DeviceGone), "a lasting problem would be tried again"
    assert caught.value.hint
    assert caught.value.message.startswith(f"ssh:{target}: ")
    return caught.value.message


def test_unknown_host_key(board, tmp_path):
    """A host key that is not known is a lasting problem, and nothing is asked."""
    options = ("-o", f"UserKnownHostsFile={tmp_path / 'none'}", *board.options)
    assert "host key is not known" in refusal(board.target, options)


def test_changed_host_key(board, tmp_path):
    """A host key that is another than the known one is said to be that."""
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(tmp_path / "other")], check=True)
    host, port = host_and_port(board)
    known = tmp_path / "known"
    known.write_text(f"[{host}]:{port} {(tmp_path / 'other.pub').read_text()}")
    assert "not the one known for it" in refusal(board.target, ("-o", f"UserKnownHostsFile={known}", *board.options))


def test_wrong_user(board):
    """A user that the board does not let in is a lasting problem."""
    host, port = host_and_port(board)
    assert "does not let this user in" in refusal(f"nosuchuser@{host}:{port}", board.options)


def test_open_key_file(board, tmp_path):
    """A key file that others may read is named with ssh's own words, and the hint is the command that closes it."""
    key = tmp_path / "key"
    key.write_bytes((board.folder / "client").read_bytes())
    key.chmod(0o644)
    options = ("-o", f"IdentityFile={key}", "-F", without_key(board, tmp_path))
    message = refusal(board.target, options)
    assert "does not use a key that others may read" in message
    assert f"Permissions 0644 for '{key}' are too open." in message


def test_key_that_is_none(board, tmp_path):
    """A public key in the place of a private one is named with ssh's own words."""
    key = tmp_path / "key"
    key.write_text("-----BEGIN OPENSSH PRIVATE KEY-----\nbm90IGEga2V5\n-----END OPENSSH PRIVATE KEY-----\n")
    key.chmod(0o600)
    options = ("-o", f"IdentityFile={key}", "-F", without_key(board, tmp_path))
    assert f'cannot read the key (Load key "{key}": ' in refusal(board.target, options)


def without_key(board, folder):
    """Return the client's configuration without its key."""
    config = folder / "config"
    lines = (board.folder / "config").read_text().splitlines(keepends=True)
    config.write_text("".join(line for line in lines if not line.startswith("IdentityFile")))
    return str(config)


def test_open_configuration(board, tmp_path):
    """A configuration that others may write is named with ssh's own words.

    The real ssh looks at the owner of the user's own configuration only, which no test may touch: a program that says
    what it says stands for it.
    """
    message = said_by_ssh("Bad owner or permissions on /srv/pi/.ssh/config", tmp_path)
    assert "(Bad owner or permissions on /srv/pi/.ssh/config)" in message


KEX = {
    "KexAlgorithms=diffie-hellman-group1-sha1": "no key exchange that this ssh accepts",
    "Ciphers=aes128-cbc": "no cipher that this ssh accepts",
    "HostKeyAlgorithms=ssh-rsa": "accepts none of its host keys",
}


@pytest.mark.parametrize("option", KEX)
def test_nothing_in_common(option, board):
    """Where both sides have no algorithm in common, the offer of the board is told, in ssh's own words."""
    known = subprocess.run(["ssh", "-o", option, "-G", "board"], capture_output=True, text=True)
    if known.returncode != 0:
        pytest.skip(f"this ssh has no {option}")
    message = refusal(board.target, ("-o", option, *board.options))
    assert KEX[option] in message
    assert "Their offer: " in message


def test_something_else_listens(board):
    """A port where something else than ssh listens is said to be that, with ssh's own words."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()

        def speak():
            with contextlib.suppress(OSError):
                connection, _ = other.accept()
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n" * 2000)

        thread = threading.Thread(target=speak, daemon=True)
        thread.start()
        target = f"127.0.0.1:{other.getsockname()[1]}"
        message = refusal(target, ("-o", "StrictHostKeyChecking=no", *board.options))
        thread.join(30)
    assert "it does not speak ssh (" in message


def said_by_ssh(words, folder):
    """Return the message for an ssh that says some words and ends with its own exit code."""
    program = folder / "bin" / "ssh"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\necho {shlex.quote(words)} >&2\nexit 255\n")
    program.chmod(0o755)
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")
        return refusal("pi@board", ())


@pytest.mark.parametrize(
    ("words", "meaning"),
    [
        ('"System is booting up. Unprivileged users are not permitted to log in yet."', "lets nobody in at the moment"),
        ("kex_exchange_identification: Connection closed by remote host", "hung up before the login"),
        ('Load key "/srv/pi/key": error in libcrypto', "cannot read the key"),
    ],
)
def test_words_of_ssh(words, meaning, tmp_path):
    """What a board of these tests cannot be made to say is told with its meaning, in ssh's own words."""
    message = said_by_ssh(words, tmp_path)
    assert meaning in message
    assert words in message


def test_nobody_listens(board):
    """A port where nothing listens is said to be that."""
    host, _ = host_and_port(board)
    known = ("-o", "StrictHostKeyChecking=no")
    assert "nothing listens there" in refusal(f"{host}:{kit._free_port()}", (*known, *board.options))


def test_unknown_name(board):
    """A host name that does not exist is said to be that."""
    assert "no such host name" in refusal("no-such-board.invalid", board.options)


def test_no_answer(board):
    """A machine that takes a connection and says nothing is given up after the time for connecting."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(0)
        target = f"127.0.0.1:{silent.getsockname()[1]}"
        message = refusal(target, ("-o", "ConnectTimeout=1", *board.options))
    assert "it does not answer" in message


def test_no_ssh_program(monkeypatch, tmp_path):
    """Without an ssh program the error says so."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match="ssh: cannot be started"):
        open_ssh("pi@board")
