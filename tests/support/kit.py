"""Phones and boards for tests, on this machine: real arm64 programs under QEMU, a real `adbd`, a real `sshd`.

`python -m tests.support.kit` builds it in build/device-kit; a test that needs it does so too, or is skipped with the
reason. Its machines are namespaces (user, mount, process, network) that end with the process that opened them.
"""

from __future__ import annotations

import contextlib
import os
import pwd
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgebert.workers.elf import read_elf
from tests.support.kit_build import (
    REPOSITORY,
    STUBS,
    Kit,
    Missing,
    build,
    kit_or_skip,
    search_path,
    with_tools,
    write_stubs,
)
from tests.support.kit_inside import PHONE_ENVIRONMENT, PORT

TRANSCRIPTS = REPOSITORY / "tests" / "golden" / "android"


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Namespaces, in which an arm64 root is mounted over a memory file system where the machine is an emulated one.

    Attributes:
        pid: Its first process, as this side counts; everything in it ends with that one.
        root: Where its root is mounted, as seen from within.
    """

    pid: int
    root: Path

    def enter(self, *, mount: bool = True) -> list[str]:
        """Return the words that put a program of this side into it, with its files or (``mount=False``) with ours."""
        words = ["nsenter", f"--target={self.pid}", "--user", "--preserve-credentials", "--pid", "--net"]
        return [*words, "--mount"] if mount else words

    def inside(self, argv: Sequence[str], environment: Mapping[str, str] | None = None) -> list[str]:
        """Return the words that start a program of its root."""
        given = _assignments({**PHONE_ENVIRONMENT, **(environment or {})})
        return [*self.enter(), "env", "-i", *given, "chroot", str(self.root), *argv]

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run a program of its root and wait for it."""
        return subprocess.run(
            self.inside(argv), capture_output=True, text=True, timeout=60, check=check, env=with_tools()
        )

    def mount_small(self, folder: str, size_kb: int) -> None:
        """Mount a disk of few kilobytes on a folder of its root."""
        self.run("mkdir", "-p", folder)
        argv = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "none", f"{self.root}{folder}"]
        subprocess.run([*self.enter(), *argv], check=True, timeout=60, env=with_tools())


@contextlib.contextmanager
def machine(*, own_network: bool, transcripts: Path | None = None) -> Iterator[Machine]:
    """Start an emulated machine; it and everything in it ends with the block, or with this process.

    Args:
        own_network: Whether it has a network of its own, with a loopback and nothing else.
        transcripts: Folder with what its `getprop` and `dumpsys` print.
    """
    kit = kit_or_skip()
    with tempfile.TemporaryDirectory(prefix="edgebert-machine-") as name:
        arm64 = [str(kit.root), str(kit.qemu), name, *([str(transcripts)] if transcripts else [])]
        with _namespaces(own_network=own_network, arm64=arm64) as pid:
            yield Machine(pid=pid, root=Path(name) / "merged")


@contextlib.contextmanager
def _namespaces(*, own_network: bool, arm64: Sequence[str] = ()) -> Iterator[int]:
    """Make namespaces and yield the number of their first process; ``arm64`` says what is mounted in them."""
    argv = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--kill-child"]
    argv += ["--net"] if own_network else []
    argv += [sys.executable, "-m", "tests.support.kit_inside", "hold", *arm64]
    pipe = subprocess.PIPE
    with subprocess.Popen(argv, cwd=REPOSITORY, stdin=pipe, stdout=pipe, stderr=pipe, env=with_tools()) as holder:
        assert holder.stdin is not None
        assert holder.stdout is not None
        assert holder.stderr is not None
        try:
            if holder.stdout.readline() != b"ready\n":
                _skip_or_fail(holder.stderr.read().decode("utf-8", "replace"))
            yield _child_of(holder.pid)
        finally:
            holder.stdin.close()  # the first process of the namespaces reads from it until it ends
            holder.wait(timeout=30)


def _skip_or_fail(words: str) -> None:
    """Skip where the kernel does not offer what is needed; everything else is a failure of the kit."""
    reasons = [line for line in words.splitlines() if line.startswith("cannot: ")]
    if reasons:
        pytest.skip(f"no device kit: {reasons[0].removeprefix('cannot: ')}")
    pytest.fail(f"the emulated machine did not start: {words[-2000:]}")


def _child_of(pid: int) -> int:
    return int(Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0])


@dataclass(slots=True, kw_only=True)
class Phone:
    """A phone as `adb` sees it.

    Attributes:
        serial: Its serial number.
        adb: An `adb` program that reaches it, and nothing else.
        machine: What it runs on.
        words: What starts its adbd there.
        log: What its adbd prints.
        daemon: Its adbd.
    """

    serial: str
    adb: str
    machine: Machine
    words: tuple[str, ...]
    log: Path
    daemon: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Start its adbd and connect."""
        argv = [*self.machine.enter(), sys.executable, "-m", "tests.support.kit_inside", "adbd", str(self.machine.root)]
        argv += self.words
        with self.log.open("ab") as log:
            self.daemon = subprocess.Popen(
                argv, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=with_tools()
            )
        for _ in range(150):
            done = subprocess.run([self.adb, "connect", self.serial], capture_output=True, text=True, timeout=60)
            listed = subprocess.run([self.adb, "devices"], capture_output=True, text=True, timeout=60).stdout
            if f"{self.serial}\tdevice" in listed:
                return
            if self.daemon.poll() is not None:
                break
            time.sleep(0.1)
        raise AssertionError(f"adbd cannot be reached: {done.stdout} {listed} {self.log.read_text()}")

    def die(self) -> None:
        """Kill its adbd, as when the cable is pulled."""
        assert self.daemon is not None
        os.kill(_child_of(self.daemon.pid), signal.SIGKILL)
        self.daemon.send_signal(signal.SIGCONT)  # nsenter stops itself when its child is stopped
        self.daemon.wait(timeout=30)


@contextlib.contextmanager
def phone_by_adb(*, transcripts: str | None = "pixel-8-android-15") -> Iterator[Phone]:
    """Start a phone: a real arm64 `adbd` in a network of its own, and an `adb` program that lives there too.

    Args:
        transcripts: Folder of tests/golden/android that its `getprop` and `dumpsys` speak from; ``None`` has neither.
    """
    kit = kit_or_skip()
    spoken = TRANSCRIPTS / transcripts if transcripts else None
    with machine(own_network=True, transcripts=spoken) as emulated:
        if spoken is None:
            emulated.run("rm", *(f"/usr/local/bin/{name}" for name in STUBS))
        with _phone(kit, emulated, ["/usr/sbin/adbd"], PHONE_ENVIRONMENT) as phone:
            yield phone


@contextlib.contextmanager
def native_phone_by_adb(*, transcripts: str = "pixel-8-android-15") -> Iterator[Phone]:
    """Start a phone without emulation: an `adbd` built for this machine, whose shells see the files of this machine.

    Args:
        transcripts: As of ``phone_by_adb``.
    """
    kit = kit_or_skip()
    with tempfile.TemporaryDirectory(prefix="edgebert-phone-") as name, _namespaces(own_network=True) as pid:
        write_stubs(Path(name) / "bin")
        environment = {
            "PATH": f"{name}/bin:{search_path()}",
            "HOME": name,
            "TMPDIR": name,
            "TRANSCRIPTS": str(TRANSCRIPTS / transcripts),
        }
        elf = read_elf(kit.adbd.read_bytes())
        assert elf is not None
        # By way of its loader: a variable with its libraries would reach all that it starts.
        daemon = [elf.interpreter, "--library-path", kit.libraries, str(kit.adbd)]
        with _phone(kit, Machine(pid=pid, root=Path("/")), daemon, environment) as phone:
            yield phone


@contextlib.contextmanager
def _phone(kit: Kit, machine: Machine, daemon: Sequence[str], environment: Mapping[str, str]) -> Iterator[Phone]:
    with tempfile.TemporaryDirectory() as home:
        given = {
            "LD_LIBRARY_PATH": kit.libraries,
            "HOME": home,
            "TMPDIR": home,
            "ADB_LOCAL_TRANSPORT_MAX_PORT": "5553",  # it looks for emulators on the ports up to there
        }
        adb = _script(Path(home) / "adb", [*machine.enter(mount=False), "env", *_assignments(given), str(kit.adb)])
        phone = Phone(
            serial=f"127.0.0.1:{PORT}",
            adb=str(adb),
            machine=machine,
            words=("/usr/bin/env", *_assignments(environment), *daemon),
            log=Path(home) / "log",
        )
        phone.start()
        try:
            yield phone
        finally:
            subprocess.run([str(adb), "kill-server"], capture_output=True, timeout=60)
            if phone.daemon is not None and phone.daemon.poll() is None:
                phone.die()


def _assignments(environment: Mapping[str, str]) -> list[str]:
    return [f"{name}={value}" for name, value in environment.items()]


def _script(path: Path, words: Sequence[str], *, arguments: str = '"$@"') -> Path:
    path.write_text(f"#!/bin/sh\nPATH={shlex.quote(search_path())}\nexec {shlex.join(words)} {arguments}\n")
    path.chmod(0o755)
    return path


@dataclass(frozen=True, slots=True, kw_only=True)
class Board:
    """A board as `ssh` sees it.

    Attributes:
        target: As in ``user@127.0.0.1:2222``.
        options: Arguments for ssh with which it gets in: a configuration file that names key and known hosts.
        folder: Where the configuration, the keys and the server's log (``log``) lie.
        server: The server's process.
        machine: What its sessions run on; ``None`` is this machine.
    """

    target: str
    options: tuple[str, ...]
    folder: Path
    server: subprocess.Popen[bytes]
    machine: Machine | None


@contextlib.contextmanager
def arm64_board_by_ssh() -> Iterator[Board]:
    """Start a board: a real `sshd` on a loopback port, whose sessions land in an emulated arm64 machine."""
    with machine(own_network=False) as emulated:
        words = emulated.inside(["sh", "-c"])
        with _sshd(emulated, words) as board:
            yield board


@contextlib.contextmanager
def local_sshd(session: Sequence[str] = ("sh", "-c")) -> Iterator[Board]:
    """Start a real `sshd` on a loopback port, whose sessions land on this machine.

    Args:
        session: Words that start the user's shell; they get what the client asked for as one more.
    """
    with _sshd(None, session) as board:
        yield board


@contextlib.contextmanager
def _sshd(emulated: Machine | None, session: Sequence[str]) -> Iterator[Board]:
    kit = kit_or_skip()
    user = pwd.getpwuid(os.getuid()).pw_name
    with tempfile.TemporaryDirectory(prefix="edgebert-sshd-") as name:
        folder = Path(name)
        libraries = {"LD_LIBRARY_PATH": kit.libraries}
        for key in ("host", "client"):
            argv = [
                str(kit.host / "usr/bin/ssh-keygen"),
                "-q",
                "-t",
                "ed25519",
                "-N",
                "",
                "-C",
                key,
                "-f",
                str(folder / key),
            ]
            subprocess.run(argv, check=True, timeout=60, env=with_tools(libraries))
        # A forced command gets what the client asked for in this variable; for sftp that is the path of its server.
        ask = '"${SSH_ORIGINAL_COMMAND:-sh}"'
        forced = _script(folder / "session", session, arguments=ask)
        port = _free_port()
        host_key = " ".join((folder / "host.pub").read_text().split()[:2])
        (folder / "known_hosts").write_text(f"[127.0.0.1]:{port} {host_key}\n")
        (folder / "sshd_config").write_text(_server_settings(folder, port, forced, kit))
        (folder / "config").write_text(_client_settings(folder))
        argv = [sys.executable, "-m", "tests.support.kit_inside", "sshd", str(kit.host / "usr/sbin/sshd"), str(folder)]
        if os.getuid() == 0:
            argv = ["unshare", "--mount", *argv]
        with (
            (folder / "log").open("wb") as log,
            subprocess.Popen(
                argv, cwd=REPOSITORY, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=with_tools(libraries)
            ) as server,
        ):
            try:
                _wait_for(port, server, folder / "log")
                options = ("-F", str(folder / "config"))
                target = f"{user}@127.0.0.1:{port}"
                yield Board(target=target, options=options, folder=folder, server=server, machine=emulated)
            finally:
                server.terminate()
                server.wait(timeout=30)


def _server_settings(folder: Path, port: int, forced: Path, kit: Kit) -> str:
    lines = {
        "ListenAddress": "127.0.0.1",
        "Port": port,
        "HostKey": folder / "host",
        "AuthorizedKeysFile": folder / "client.pub",
        "AuthenticationMethods": "publickey",
        "PermitRootLogin": "prohibit-password",
        "UsePAM": "no",
        "StrictModes": "no",
        "PidFile": "none",
        "PrintMotd": "no",
        "MaxStartups": 100,
        "Subsystem": "sftp /usr/lib/openssh/sftp-server",
        "ForceCommand": forced,
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _client_settings(folder: Path) -> str:
    lines = {
        "IdentityFile": folder / "client",
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": folder / "known_hosts",
        "GlobalKnownHostsFile": "/dev/null",
        "StrictHostKeyChecking": "yes",
    }
    return "".join(f"{name} {value}\n" for name, value in lines.items())


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


def _wait_for(port: int, server: subprocess.Popen[bytes], log: Path) -> None:
    for _ in range(200):
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        if server.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"sshd does not listen: {log.read_text()}")


if __name__ == "__main__":
    try:
        sys.stdout.write(f"{build().root.parent}\n")
    except Missing as missing:
        sys.exit(f"no device kit: {missing}")
