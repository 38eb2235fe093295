"""What programs say when something is wrong on a device, and which error of ours that is."""

from __future__ import annotations

import re
from typing import NamedTuple

from edgebert.device.device import Finished
from edgebert.errors import DeviceGone, DeviceProblem

NOT_INSTALLED = "install it: 'apt install adb' or 'brew install android-platform-tools'"
ALLOW = "unlock the phone and allow USB debugging for this computer; if it does not ask, replug the cable"
RECONNECT = "replug the cable, or run 'adb reconnect offline'"
UDEV = "add the phone to the udev rules ('apt install android-sdk-platform-tools-common') and replug it"
SERVER = "run 'adb start-server'"
START = "start Android on it; it is in another mode"
PLUG_IN = "connect the phone and switch on USB debugging in its developer options"

_NO_ROOM = re.compile("no space left|quota exceeded|file too large", re.IGNORECASE)


class Refusal(NamedTuple):
    """What ssh (in lower case) or adb says when a connection fails, what that means and what to do."""

    said: str
    meaning: str
    hint: str
    can_pass: bool = False
    """Whether a device that was reached before may come back."""


_NETWORK = "check that the board is on and in the same network"
_PORT = "check that the port is that of ssh"
_UPDATE = "update the ssh service on the board, or set"

SSH_REFUSALS = (
    Refusal(
        "remote host identification has changed",
        "its host key is not the one known for it",
        "if the board was set up again, forget the old key with `ssh-keygen -R HOST` and connect once by hand",
    ),
    Refusal(
        "host key verification failed",
        "its host key is not known on this machine",
        "connect once by hand with ssh, and compare the fingerprint before you accept it",
    ),
    Refusal(
        "bad owner or permissions on",
        "ssh does not read its configuration, which others may write",
        "run `chmod 600 ~/.ssh/config`",
    ),
    Refusal(
        "are too open", "ssh does not use a key that others may read", "run `chmod 600 KEY` with the path of the key"
    ),
    Refusal('load key "', "ssh cannot read the key", "check that IdentityFile names a private key, not the .pub file"),
    Refusal(
        "permission denied (",
        "it does not let this user in",
        "check the user name, and run `ssh-copy-id`; for a key with a passphrase run `ssh-add` first",
    ),
    Refusal(
        "too many authentication failures",
        "it was offered too many keys",
        "name the key for this host in ~/.ssh/config (IdentityFile, IdentitiesOnly yes)",
    ),
    Refusal(
        "could not resolve hostname", "no such host name", "check the spelling, or give its address", can_pass=True
    ),
    Refusal(
        "connection refused",
        "nothing listens there",
        "check the port, and that the ssh service runs on the board",
        can_pass=True,
    ),
    Refusal("timed out", "it does not answer", _NETWORK, can_pass=True),
    Refusal("no route to host", "there is no way to it in the network", _NETWORK, can_pass=True),
    Refusal(
        "network is unreachable",
        "there is no way to it in the network",
        "check the network of this machine",
        can_pass=True,
    ),
    Refusal("bad configuration option", "ssh refuses an option", "check ~/.ssh/config"),
    *(
        Refusal(f"no matching {what}", meaning, f"{_UPDATE} {option}=+NAME for it in ~/.ssh/config")
        for what, meaning, option in (
            ("host key type", "this ssh accepts none of its host keys", "HostKeyAlgorithms"),
            ("key exchange method", "it has no key exchange that this ssh accepts", "KexAlgorithms"),
            ("cipher", "it has no cipher that this ssh accepts", "Ciphers"),
            ("mac", "it has no MAC that this ssh accepts", "MACs"),
        )
    ),
    Refusal(
        "not permitted to log in",
        "it lets nobody in at the moment",
        "wait until it has started; otherwise remove /run/nologin or /etc/nologin on the board",
        can_pass=True,
    ),
    Refusal("no ssh version received", "it does not speak ssh", _PORT),
    Refusal(
        "kex_exchange_identification",
        "it hung up before the login",
        f"{_PORT}; the board may also block an address after many logins",
        can_pass=True,
    ),
    Refusal("banner exchange", "it does not speak ssh", _PORT),
)

ADB_REFUSALS = (
    Refusal("still authorizing", "is being authorised", ALLOW, can_pass=True),
    Refusal("unauthorized", "is unauthorised", ALLOW),
    Refusal("offline", "is offline", RECONNECT, can_pass=True),
    Refusal("still connecting", "is connecting", RECONNECT, can_pass=True),
    Refusal("no permissions", "may not be opened by this user", UDEV),
    Refusal("insufficient permissions", "may not be opened by this user", UDEV),
    Refusal("more than one device", "is one of several", "name one: adb:SERIAL"),
    Refusal("not found", "is no longer connected", PLUG_IN, can_pass=True),
    Refusal("no devices", "is no longer connected", PLUG_IN, can_pass=True),
    Refusal("doesn't support", "has an Android older than 7", "take a newer phone"),
    Refusal("cannot connect to daemon", "is out of reach: no adb server", SERVER, can_pass=True),
    Refusal("failed to start daemon", "is out of reach: no adb server", SERVER),
    Refusal("protocol fault", "broke the connection", RECONNECT, can_pass=True),
    Refusal("closed", "broke the connection", RECONNECT, can_pass=True),
)
"""What adb says when it did not get to run anything."""

NOT_WRITTEN = re.compile(
    "no space left|quota exceeded|file too large|read-only file system|permission denied|operation not permitted"
    "|couldn't create file|is a directory|not a directory",
    re.IGNORECASE,
)
"""What it says when the phone did not take a file."""


def last_words(done: Finished) -> str:
    """Return the last line that a program said on its standard error, or its exit code when it said nothing."""
    return (done.stderr.splitlines() or [f"exit code {done.code}"])[-1].strip()


def not_written(url: str, root: str, name: str, done: Finished) -> DeviceProblem:
    """Return the error for a program that could not write ``name`` below ``root`` and ended as ``done``.

    The program spoke English (``LC_ALL=C``).
    """
    if _NO_ROOM.search(done.stderr):
        return DeviceProblem(
            f"{url}: no room on the disk for {name}: {last_words(done)}",
            hint=f"free some space there; edgebert keeps its own files in {root}",
        )
    return DeviceProblem(f"{url}: {name} cannot be written below {root}: {last_words(done)}")


def without_answer(url: str, done: Finished) -> DeviceProblem:
    """Return the error for a login that ended as ``done`` before it ran what it was asked to run."""
    said = (done.stdout.decode("utf-8", "replace"), done.stderr)
    words = "; ".join(text.strip().splitlines()[-1].strip() for text in said if text.strip()) or "it said nothing"
    return DeviceProblem(
        f"{url}: the login runs no commands: it ended with code {done.code} ({words})",
        hint="try `ssh HOST true`; give the user a POSIX shell (`chsh -s /bin/sh USER`), or fix the login profile",
    )


def refused(url: str, stderr: str, *, was_reached: bool) -> DeviceProblem:
    """Return the error for what ssh said when it ended with its own exit code, 255.

    Args:
        url: The device.
        stderr: What ssh printed.
        was_reached: Whether an earlier call got through: then silence means that the board is away, not unknown.
    """
    lines = stderr.splitlines()
    for refusal in SSH_REFUSALS:
        if refusal.said in stderr.lower():
            kind = DeviceGone if refusal.can_pass and was_reached else DeviceProblem
            said = next(line for line in lines if refusal.said in line.lower()).strip(" @")
            return kind(f"{url}: {refusal.meaning} ({said})", hint=refusal.hint)
    return DeviceGone(f"{url}: the connection broke ({lines[-1] if lines else 'ssh said nothing'})")


def adb_refused(url: str, words: str) -> DeviceProblem:
    """Return the error that the words of adb mean; a ``DeviceGone`` where it can pass."""
    for refusal in ADB_REFUSALS:
        if refusal.said in words:
            kind = DeviceGone if refusal.can_pass else DeviceProblem
            return kind(f"{url} {refusal.meaning}{quoted(words)}", hint=refusal.hint)
    return DeviceGone(f"{url}: the connection broke{quoted(words)}", hint=RECONNECT)


def quoted(words: str) -> str:
    """Return words as the end of a message; empty where there are none."""
    return f": {' '.join(words.split())[:200]}" if words.strip() else ""
