"""A phone and a board that QEMU runs, the programs that reach them, and what a test does while a bench is at work."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import shutil
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from edgebert.benchmarking.run.devices import connect
from edgebert.workers.build import runtime_path
from tests.support import kit
from tests.support.emulated import CACHE, emulator_or_skip


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A phone and a board, the worker for both, and what the programs that reach them were asked.

    ``ssh:here`` leads to this machine.

    Attributes:
        phone: The phone.
        board: The board.
        adb: URL of the phone.
        ssh: URL of the board: a name from the user's ssh configuration, so that it is no neighbour of this machine.
        runtime: Worker archive for both.
        path: ``PATH`` on which ``adb`` and ``ssh`` reach them.
        log: File with the arguments of each call of the two.
    """

    phone: kit.Phone
    board: kit.Board
    adb: str
    ssh: str
    runtime: Path
    path: str
    log: Path

    def machine(self, url: str) -> kit.Machine:
        """Return what a device runs on."""
        return self.phone.machine if url == self.adb else self.board.machine

    def root(self, url: str) -> str:
        """Return the folder of edgebert there."""
        return "/data/local/tmp/edgebert" if url == self.adb else "/data/local/tmp/.cache/edgebert"

    def files(self, url: str) -> list[str]:
        """Return what lies in that folder."""
        return self.machine(url).run("ls", "-A", self.root(url), check=False).stdout.split()

    def worker(self, url: str) -> int | None:
        """Return the process of a worker that runs there, as this side counts."""
        space = (Path("/proc") / str(self.machine(url).pid) / "ns/pid").readlink()
        for process in Path("/proc").iterdir():
            # Processes end while one looks at them; a shell that starts a worker names it too.
            with contextlib.suppress(OSError):
                if process.name.isdecimal() and (process / "ns/pid").readlink() == space:
                    words = (process / "cmdline").read_bytes().split(b"\0")
                    if words[-3:-1] == [b"edgebert.ondevice", b"run"] and b"-c" not in words:
                        return int(process.name)
        return None


@contextlib.contextmanager
def started_world(folder: Path) -> Iterator[World]:
    """Start a phone and a board; the programs that reach them lie in a folder."""
    ssh = shutil.which("ssh")
    if ssh is None:
        pytest.skip("no ssh program")
    runtime = runtime_path(emulator_or_skip())
    log = folder / "log"
    with kit.phone_by_adb() as phone, kit.arm64_board_by_ssh() as board, kit.local_sshd() as here:
        (folder / "config").write_text(known_as("board", board) + known_as("here", here))
        for name, words in {"ssh": [ssh, "-F", str(folder / "config")], "adb": [phone.adb]}.items():
            wrapper = folder / "bin" / name
            wrapper.parent.mkdir(exist_ok=True)
            note = f"printf '%s\\n' \"$*\" >> {shlex.quote(str(log))}"
            wrapper.write_text(f'#!/bin/sh\n{note}\nexec {shlex.join(words)} "$@"\n')
            wrapper.chmod(0o755)
        yield World(
            phone=phone,
            board=board,
            adb=f"adb:{phone.serial}",
            ssh="ssh:board",
            runtime=runtime,
            path=f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}",
            log=log,
        )


def known_as(name: str, board: kit.Board) -> str:
    """Return the lines of an ssh configuration that give a board a name."""
    user, _, address = board.target.rpartition("@")
    host, _, port = address.rpartition(":")
    settings = (board.folder / "config").read_text()
    return f"Host {name}\nHostName {host}\nPort {port}\nUser {user}\n{settings}"


@contextlib.contextmanager
def meanwhile(is_due: Callable[[], object], act: Callable[[], object]) -> Iterator[None]:
    """Do something while the block runs, as soon as it is due; that it never was fails the test."""
    over, done = threading.Event(), threading.Event()

    def watch() -> None:
        while not over.wait(0.05):
            if is_due():
                act()
                done.set()
                return

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield
    finally:
        over.set()
        watcher.join()
    assert done.is_set(), "what should have disturbed the run never came"


def steps(journal: Path, kind: str) -> list[str]:
    """Return the devices of the whole steps of one kind in a journal."""
    if not journal.exists():
        return []
    lines = [json.loads(line) for line in journal.read_bytes().split(b"\n")[1:-1]]
    return [line["device"] for line in lines if line["kind"] == kind]


def files_with_worker(world: World, url: str) -> list[str]:
    """Return what lies on a device after the worker was brought there, if it was not there yet."""
    connect(url, runtime=world.runtime, cache=CACHE).close()
    return world.files(url)
