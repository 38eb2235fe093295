"""A board by ssh: the user's own ``ssh``, their keys and their configuration, over one shared connection."""

from __future__ import annotations

import contextlib
import ipaddress
import posixpath
import re
import secrets
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebert.device.complaints import last_words, not_written, refused, without_answer
from edgebert.device.device import NOTHING, Device, DeviceKind, Finished
from edgebert.device.process import run_program, size_and_sha256, spared_programs
from edgebert.device.shell import RUN_VARIABLE, after_start, between_marks, marked, remote_command, stop_command
from edgebert.errors import DeviceGone, DeviceProblem, EnvironmentProblem, UsageError

DEFAULT_ROOT = ".cache/edgebert"
"""Below the home folder on the board."""

_SSH_FAILED = 255
_LONGEST_SOCKET = 80  # a socket's path holds 107 bytes, and ssh adds 17 while it makes one
_SLOWEST_BYTES_PER_S = 200_000

# ssh takes the first value it meets, so these come after the user's own. Forwardings of the user's configuration would
# be asked for by every connection, and its RemoteCommand would replace ours. Below the level INFO
# ssh does not say that both sides have no algorithm in common.
_OPTIONS = (
    "BatchMode=yes",
    "ConnectTimeout=10",
    "ServerAliveInterval=5",
    "ServerAliveCountMax=3",
    "ClearAllForwardings=yes",
    "RemoteCommand=none",
    "LogLevel=INFO",
)

# Arguments: name, size, sha256, a word for the name of the unfinished file. The file gets its name when all of it is
# there. A broken connection looks like the end of the file, so the size tells.
_RECEIVE = """
set -C  # over nothing, and through no link
partial=$1.$4.partial
fail() { code=$1; rm -f -- "$partial"; exit "$code"; }
mkdir -p -- "$(dirname -- "$1")" || exit 71
cat > "$partial" || fail 71
[ "$(wc -c < "$partial")" -eq "$2" ] || fail 72
if command -v sha256sum > /dev/null 2>&1; then
    [ "$(sha256sum < "$partial" | cut -c1-64)" = "$3" ] || fail 73
fi
mv -f -- "$partial" "$1" || fail 71
"""
_CANNOT_WRITE, _TOO_SHORT, _DAMAGED = 71, 72, 73

_FIND_ROOT = 'cd 2> /dev/null; pwd -P && mkdir -p -- "$1" && cd -- "$1" && pwd -P'

_USER = re.compile(r"[\w.+\\][\w.+\\@-]*")
_HOST = re.compile(r"[\w.:][\w.:%-]*")
_EXAMPLE = "write it as ssh:pi@raspberrypi, ssh:pi@10.0.0.7:2222 or ssh:pi@[fe80::1]:2222"


@dataclass(frozen=True, slots=True, kw_only=True)
class SshTarget:
    """Where to log in; ``user`` and ``port`` are ``None`` where the user's ssh configuration decides."""

    user: str | None
    host: str
    port: int | None


class SshDevice(Device):
    """A board by ssh; ``open_ssh`` makes one."""

    kind: DeviceKind = "ssh"

    def __init__(self, target: SshTarget, *, url: str, options: tuple[str, ...]) -> None:
        self.url = url
        self.root = ""  # until the board was reached
        self._sockets = Path(tempfile.mkdtemp(prefix="edgebert-ssh-"))
        where = ["-l", target.user] if target.user is not None else []
        where += ["-p", str(target.port)] if target.port is not None else []
        shared = [f"ControlPath={self._sockets / 's'}", "ControlMaster=auto", "ControlPersist=120"]
        if len(str(self._sockets)) > _LONGEST_SOCKET:  # every run then makes a connection of its own
            shared = ["ControlMaster=no", "ControlPath=none"]
        ours = [word for option in (*_OPTIONS, *shared) for word in ("-o", option)]
        self._ssh = ("ssh", "-T", *options, *ours, *where)
        self._host = target.host

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes | Path = b"",
        environment: Mapping[str, str] = NOTHING,
        timeout_s: float = 60.0,
    ) -> Finished:
        """Run a program as ``Device.run`` says; ``stdin`` may be a file, and a signal ends with 128 + signal."""
        word = secrets.token_hex(8)
        line = remote_command(argv, environment={**environment, RUN_VARIABLE: word}, folder=self.root or "/")
        try:
            done = self._call(marked(line, word), stdin=stdin, timeout_s=timeout_s)
        except DeviceGone as error:
            self._stop(word)
            raise DeviceGone(f"{self.url}: {error.message}") from error
        except KeyboardInterrupt:
            self._stop(word)
            raise
        if (answer := between_marks(done, word)) is not None:
            return answer
        was_reached = bool(self.root)
        if was_reached:
            self._stop(word)
        if (started := after_start(done, word)) is not None:
            raise DeviceGone(f"{self.url}: the connection broke ({last_words(started)})")
        if done.code == _SSH_FAILED:
            raise refused(self.url, done.stderr, was_reached=was_reached)
        raise without_answer(self.url, done)

    def push(self, source: Path, name: str) -> None:
        """Put a file as ``Device.push`` says; the board needs no more than a POSIX shell and its usual programs."""
        size, digest = size_and_sha256(source)
        done = self.run(
            ("sh", "-c", _RECEIVE, "sh", name, str(size), digest, secrets.token_hex(8)),
            stdin=source,
            environment={"LC_ALL": "C"},  # its messages are read below
            timeout_s=60 + size / _SLOWEST_BYTES_PER_S,
        )
        if done.code == 0:
            return
        if done.code in {_TOO_SHORT, _DAMAGED}:
            raise DeviceGone(f"{self.url}: {name} arrived incomplete")
        raise not_written(self.url, self.root, f"{name} ({size} bytes)", done)

    def close(self) -> None:
        """End the shared connection."""
        if self._sockets.is_dir():
            if any(self._sockets.iterdir()):
                with contextlib.suppress(EnvironmentProblem), spared_programs():
                    run_program((*self._ssh, "-O", "exit", "--", self._host), timeout_s=10)
            shutil.rmtree(self._sockets, ignore_errors=True)

    def settle(self, root: str | None) -> None:
        """Make the folder that everything is in, and learn its absolute path; errors as of ``open_ssh``."""
        wanted = DEFAULT_ROOT if root is None else re.sub("^~/?", "", root) or "."
        done = self.run(("sh", "-c", _FIND_ROOT, "sh", wanted), timeout_s=30)
        if done.code != 0:
            raise DeviceProblem(
                f"{self.url}: the folder {wanted} cannot be made: {last_words(done)}",
                hint="see with ssh what is in its way, or whose folder that is",
            )
        lines = done.stdout.decode("utf-8", "surrogateescape").split("\n")
        if len(lines) != 3 or not (lines[0].startswith("/") and lines[1].startswith("/")):
            raise DeviceProblem(f"{self.url}: not a POSIX shell: it answered {lines} when asked for its folders")
        home, folder, _ = lines
        if posixpath.commonpath([home, folder]) == folder:
            raise UsageError(f"{self.url}: {folder} is not a folder of its own", hint="name one for edgebert alone")
        self.root = folder

    def _stop(self, word: str) -> None:
        """Kill on the board what lost its ssh: it would go on, and disturb the next try."""
        with contextlib.suppress(EnvironmentProblem), spared_programs():
            self._call(remote_command(stop_command(word), folder="/"), timeout_s=15)

    def _call(self, line: str, *, stdin: bytes | Path = b"", timeout_s: float) -> Finished:
        return run_program((*self._ssh, "--", self._host, line), stdin=stdin, timeout_s=timeout_s)


def open_ssh(target: str, *, root: str | None = None, options: tuple[str, ...] = ()) -> Device:
    """Log in to a board and return it.

    Args:
        target: ``user@host:port``; user and port may be left out, an IPv6 address with a port is in brackets.
        root: Folder on the board, absolute or below the home folder there; made where it is missing.
        options: Arguments for ssh, before our own.

    Raises:
        UsageError: The target cannot be read, or the root is ``/`` or the home folder.
        EnvironmentProblem: There is no ``ssh`` on this machine.
        DeviceProblem: The board refuses or cannot be reached; the hint says what to do.
        DeviceGone: The connection broke.
    """
    device = SshDevice(parse_target(target), url=f"ssh:{target}", options=options)
    with contextlib.ExitStack() as undo:
        undo.callback(device.close)
        device.settle(root)
        undo.pop_all()
    return device


def parse_target(text: str) -> SshTarget:
    """Return the parts of ``user@host:port``.

    Raises:
        UsageError: It cannot be read, or a part could be taken for an option of ssh.
    """
    user, at, place = text.removeprefix("//").rpartition("@")
    bracketed = re.fullmatch(r"\[([^\[\]]*)\](?::(.*))?", place, re.DOTALL)
    if bracketed:
        host, port = bracketed[1], bracketed[2]
    elif place.count(":") == 1:
        host, _, port = place.partition(":")
    else:
        host, port = place, None
    if at and not _USER.fullmatch(user):
        raise UsageError(f"ssh:{text}: not a user name: {user!r}", hint=_EXAMPLE)
    if not _HOST.fullmatch(host) or (":" in host and not _is_ipv6(host)):
        raise UsageError(f"ssh:{text}: not a host: {host!r}", hint=_EXAMPLE)
    if port is not None and not (re.fullmatch("[0-9]{1,5}", port) and 1 <= int(port) <= 65535):
        raise UsageError(f"ssh:{text}: not a port: {port!r}", hint=_EXAMPLE)
    return SshTarget(user=user if at else None, host=host, port=None if port is None else int(port))


def _is_ipv6(host: str) -> bool:
    try:
        ipaddress.IPv6Address(host)
    except ValueError:
        return False
    return True
