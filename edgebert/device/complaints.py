"""What programs say when something is wrong on a device, and which error of ours that is."""

from __future__ import annotations

import re
from dataclasses import dataclass

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


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What ssh (in lower case) or adb says when a connection fails, what that means and what to do."""

    said: str
    meaning: str
    hint: str
    can_pass: bool = False
    """Whether a board that was reached before may come back."""


SSH_REFUSALS = (
    Refusal(
        said="remote host identification has changed",
        meaning="its host key is not the one known for it",
        hint="if the board was set up anew, forget the old key with `ssh-keygen -R HOST` and connect once by hand",
    ),
    Refusal(
        said="host key verification failed",
        meaning="its host key is not known on this machine",
        hint="connect once by hand with ssh, and compare the fingerprint before you accept it",
    ),
    Refusal(
        said="bad owner or permissions on",
        meaning="ssh does not read its configuration, which others may write",
        hint="run `chmod 600 ~/.ssh/config`",
    ),
    Refusal(
        said="are too open",
        meaning="ssh does not use a key that others may read",
        hint="run `chmod 600 KEY` with the path of the key",
    ),
    Refusal(
        said='load key "',
        meaning="ssh cannot read the key",
        hint="check that IdentityFile names a private key, not the .pub file",
    ),
    Refusal(
        said="permission denied (",
        meaning="it does not let this user in",
        hint="check the user name, and run `ssh-copy-id`; for a key with a passphrase run `ssh-add` first",
    ),
    Refusal(
        said="too many authentication failures",
        meaning="it was offered too many keys",
        hint="name the key for this host in ~/.ssh/config (IdentityFile, IdentitiesOnly yes)",
    ),
    Refusal(
        said="could not resolve hostname",
        meaning="no such host name",
        hint="check the spelling, or give its address",
        can_pass=True,
    ),
    Refusal(
        said="connection refused",
        meaning="nothing listens there",
        hint="check the port, and that the ssh service runs on the board",
        can_pass=True,
    ),
    Refusal(
        said="timed out",
        meaning="it does not answer",
        hint="check that the board is on and in the same network",
        can_pass=True,
    ),
    Refusal(
        said="no route to host",
        meaning="there is no way to it in the network",
        hint="check that the board is on and in the same network",
        can_pass=True,
    ),
    Refusal(
        said="network is unreachable",
        meaning="there is no way to it in the network",
        hint="check the network of this machine",
        can_pass=True,
    ),
    Refusal(said="bad configuration option", meaning="ssh refuses an option", hint="check ~/.ssh/config"),
    Refusal(
        said="no matching host key type",
        meaning="this ssh accepts none of its host keys",
        hint="update the ssh service on the board, or set HostKeyAlgorithms=+NAME for it in ~/.ssh/config",
    ),
    Refusal(
        said="no matching key exchange method",
        meaning="it has no key exchange that this ssh accepts",
        hint="update the ssh service on the board, or set KexAlgorithms=+NAME for it in ~/.ssh/config",
    ),
    Refusal(
        said="no matching cipher",
        meaning="it has no cipher that this ssh accepts",
        hint="update the ssh service on the board, or set Ciphers=+NAME for it in ~/.ssh/config",
    ),
    Refusal(
        said="no matching mac",
        meaning="it has no MAC that this ssh accepts",
        hint="update the ssh service on the board, or set MACs=+NAME for it in ~/.ssh/config",
    ),
    Refusal(
        said="not permitted to log in",
        meaning="it lets nobody in at the moment",
        hint="wait until it has started; otherwise remove /run/nologin or /etc/nologin on the board",
        can_pass=True,
    ),
    Refusal(
        said="no ssh version received",
        meaning="it does not speak ssh",
        hint="check that the port is that of ssh",
    ),
    Refusal(
        said="kex_exchange_identification",
        meaning="it hung up before the login",
        hint="check that the port is that of ssh; the board may also block an address after many logins",
        can_pass=True,
    ),
    Refusal(
        said="banner exchange",
        meaning="it does not speak ssh",
        hint="check that the port is that of ssh",
    ),
)


ADB_REFUSALS = (
    Refusal(said="still authorizing", meaning="is being authorised", hint=ALLOW, can_pass=True),
    Refusal(said="unauthorized", meaning="is unauthorised", hint=ALLOW),
    Refusal(said="offline", meaning="is offline", hint=RECONNECT, can_pass=True),
    Refusal(said="still connecting", meaning="is connecting", hint=RECONNECT, can_pass=True),
    Refusal(said="no permissions", meaning="may not be opened by this user", hint=UDEV),
    Refusal(said="insufficient permissions", meaning="may not be opened by this user", hint=UDEV),
    Refusal(said="more than one device", meaning="is one of several", hint="name one: adb:SERIAL"),
    Refusal(said="not found", meaning="is no longer connected", hint=PLUG_IN, can_pass=True),
    Refusal(said="no devices", meaning="is no longer connected", hint=PLUG_IN, can_pass=True),
    Refusal(said="doesn't support", meaning="has an Android older than 7", hint="take a newer phone"),
    Refusal(said="cannot connect to daemon", meaning="is out of reach: no adb server", hint=SERVER, can_pass=True),
    Refusal(said="failed to start daemon", meaning="is out of reach: no adb server", hint=SERVER),
    Refusal(said="protocol fault", meaning="broke the connection", hint=RECONNECT, can_pass=True),
    Refusal(said="closed", meaning="broke the connection", hint=RECONNECT, can_pass=True),
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
    """Return the error that the words of adb stand for; a ``DeviceGone`` where it can pass."""
    for refusal in ADB_REFUSALS:
        if refusal.said in words:
            kind = DeviceGone if refusal.can_pass else DeviceProblem
            return kind(f"{url} {refusal.meaning}{quoted(words)}", hint=refusal.hint)
    return DeviceGone(f"{url}: the connection broke{quoted(words)}", hint=RECONNECT)


def quoted(words: str) -> str:
    """Return words as the end of a message; empty where there are none."""
    return f": {' '.join(words.split())[:200]}" if words.strip() else ""
