"""A device with a worker on it: files go there once, requests become trials, and what fails has a name."""

from __future__ import annotations

import hashlib
import re
import signal
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, TypeVar

from edgebert import jsonio
from edgebert.device.complaints import last_words
from edgebert.device.device import Device, DeviceFacts, Finished, PhoneState
from edgebert.device.process import size_and_sha256
from edgebert.device.protocol import WORKER_SCHEMA, HardwareFacts, Request, Trial
from edgebert.errors import CheckFailed, DeviceGone, DeviceProblem, EdgebertError, UsageError

T = TypeVar("T")

FILES = "files"

_HEADER = re.compile(rb"edgebert-worker ([0-9]{1,12}) ([0-9a-f]{64})\n")
_DESCRIBE_S = 300.0  # it imports every runtime, which a slow card takes minutes to read
# Exit codes of a Python that could not even start the worker, and of a shell that found no program.
_NEVER_STARTED = {1, 2, 126, 127}

# QEMU's user mode answers what a process asks of itself as the processor it plays would, but not what it asks of its
# thread: there the program is QEMU. Everywhere else the two are the same.
_WHO_RUNS = "readlink /proc/self/exe; readlink /proc/thread-self/exe"

_OURS = re.compile(r"(runtime|worker)-[0-9a-f]{16}(\.[0-9a-z.]+\.(partial|gz))?")
_OUR_FILE = re.compile(r"[0-9a-f]{16}-[A-Za-z0-9._-]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Launcher:
    """How a worker is started on one device.

    Attributes:
        argv: Program and arguments, up to the command of the worker (``run``, ``describe``).
        environment: Variables it needs.
        worker: What it is, for the report: sha256 of the worker archive, or the Python.
    """

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    worker: str


InstructionCounter = Callable[[Request, float], tuple[Trial, tuple[tuple[str, float], ...]]]
"""What counts the instructions of an emulated CPU.

It is given a request and the seconds that the worker may take, and returns what the worker did, and the instructions of
one counted inference of the first series by class, largest first. It raises a ``UsageError`` where more than one thread
or no counted inference is asked for, a ``DeviceProblem`` where nothing was counted, and what ``Board.work`` raises.
"""

_FailureKind = Literal["runtime-absent", "runtime-failure", "bad-request", "out-of-memory"]
_FAILURES: dict[_FailureKind, tuple[type[EdgebertError], str]] = {
    "runtime-absent": (
        DeviceProblem,
        "install it there, or take a worker archive (`edgebert worker build`) or another --runtime",
    ),
    "runtime-failure": (CheckFailed, ""),
    "bad-request": (UsageError, ""),
    "out-of-memory": (DeviceProblem, "close what else runs there, or take a smaller file"),
}
"""What a worker says that it could not do -> the error, and what the user can do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Complaint:
    kind: _FailureKind
    message: str


class Board:
    """A device that is ready to measure. ``close`` lets go of it; ``remove_files`` first leaves it tidy.

    Args:
        device: The device; closed with the board.
        launcher: What starts a worker there.
        counter: What counts instructions there; ``None`` where nothing does.
        why_not_counted: Why nothing counts them on an emulated CPU, in one sentence.
    """

    def __init__(
        self,
        device: Device,
        launcher: Launcher,
        *,
        counter: InstructionCounter | None = None,
        why_not_counted: str = "",
    ) -> None:
        self.device = device
        self.launcher = launcher
        self.counter = counter
        self.why_not_counted = why_not_counted
        self._put: dict[str, str] = {}

    def facts(self) -> DeviceFacts:
        """Return what the worker says of the machine, and the phone of itself.

        Raises:
            DeviceGone: The connection broke, or the worker died.
            DeviceProblem: The worker does not start there.
        """
        device, hardware = self.device, self._ask(HardwareFacts, "describe", b"", _DESCRIBE_S)
        android = device.android_facts()
        return DeviceFacts(
            # What the emulator calls its processor says less than what the user calls it.
            name=(android.model if android else "") or ("" if device.cpu else hardware.model) or device.url,
            kind=device.kind,
            cpu=device.cpu or self._emulated_cpu(hardware),
            hardware=hardware,
            android=android,
            worker=self.launcher.worker,
        )

    def phone_state(self, trial: int) -> PhoneState | None:
        """Return what a phone says of itself before a trial; ``None`` for everything else.

        Raises:
            DeviceGone: The connection broke.
        """
        return self.device.phone_state(trial)

    def put(self, source: Path) -> str:
        """Bring a file to the device, unless the same is there already, and return its path as the worker sees it.

        Raises:
            UsageError: The file cannot be read.
            DeviceGone: The connection broke.
            DeviceProblem: The disk of the device is full, or it refuses.
        """
        size, digest = size_and_sha256(source)
        # The end of a name is kept: a runtime may look at the extension.
        name = f"{FILES}/{digest[:16]}-{re.sub('[^A-Za-z0-9._-]', '_', source.name)[-80:]}"
        path = f"{self.device.root}/{name}"
        if self._put.get(name) != digest:
            there = self.device.run(("sh", "-c", 'wc -c < "$1"', "sh", name))
            if there.code != 0 or there.stdout.strip() != str(size).encode():
                self.device.push(source, name)
            self._put[name] = digest
        return path

    def work(self, request: Request, *, timeout_s: float) -> Trial:
        """Run one worker and return what it measured.

        Args:
            request: What to do; its paths come from ``put``.
            timeout_s: Seconds it may take, its start included.

        Raises:
            DeviceGone: The connection broke, the time ran out, the worker was killed, or its answer is incomplete.
            DeviceProblem: The worker does not start, the runtime is not installed there, or memory ran out.
            CheckFailed: The runtime does not load or run the file.
            UsageError: The worker refuses the request.
        """
        return self._ask(Trial, "run", jsonio.dumps(request).encode(), timeout_s)

    def remove_files(self) -> None:
        """Remove from the device what ``put`` brought; the worker stays for the next time.

        Raises:
            DeviceGone: The connection broke.
            DeviceProblem: The device refuses.
        """
        self._remove(tuple(self._put))

    def clean(self) -> None:
        """Remove all that edgebert ever brought, with workers and broken pushes; errors as of ``remove_files``."""
        top = tuple(name for name in self._listed(".") if _OURS.fullmatch(name))
        files = tuple(f"{FILES}/{name}" for name in self._listed(FILES) if _OUR_FILE.fullmatch(name))
        self._remove(top + files)

    def close(self) -> None:
        """Let go of the device; may be called twice."""
        self.device.close()

    def _emulated_cpu(self, hardware: HardwareFacts) -> str:
        """Return the CPU that a device plays to its programs, which is none where they run on its own."""
        programs = self.device.run(("sh", "-c", _WHO_RUNS)).stdout.splitlines()
        if len(programs) != 2 or programs[0] == programs[1]:
            return ""
        return next((core.part for core in hardware.cores if core.part), hardware.machine)

    def _listed(self, folder: str) -> tuple[str, ...]:
        found = self.device.run(("ls", "-1", folder))
        return tuple(found.stdout.decode("utf-8", "replace").splitlines())

    def _remove(self, names: Sequence[str]) -> None:
        for start in range(0, len(names), 100):
            done = self.device.run(("rm", "-rf", "--", *names[start : start + 100]), timeout_s=300)
            if done.code != 0:
                raise DeviceProblem(f"{self.device.url}: files cannot be removed: {last_words(done)}")
        self._put.clear()
        self.device.run(("rmdir", FILES))  # stays where another session has files in it

    def _ask(self, answer: type[T], command: str, request: bytes, timeout_s: float) -> T:
        done = self.device.run(
            (*self.launcher.argv, command),
            stdin=request,
            environment=self.launcher.environment,
            timeout_s=timeout_s,
        )
        return read_answer(answer, done, url=self.device.url)


def read_answer(answer: type[T], done: Finished, *, url: str) -> T:
    """Return what a worker answered.

    Args:
        answer: What it was asked for.
        done: How it ended.
        url: The device, for messages.

    Raises:
        EdgebertError: As ``Board.work`` says.
    """
    headers = tuple(_HEADER.finditer(done.stdout))
    if not headers:
        raise _silent(done, url)
    size, digest = int(headers[-1][1]), headers[-1][2].decode()
    start = headers[-1].end()
    payload = done.stdout[start : start + size]
    if len(payload) != size or hashlib.sha256(payload).hexdigest() != digest:
        raise DeviceGone(f"{url}: the answer of the worker is half-written: {len(payload)} of {size} bytes")
    source = f"{url}: the answer of the worker"
    try:
        value = jsonio.parse(payload.decode("utf-8"), source=source)
        schema = value.get("schema") if isinstance(value, dict) else None
        if schema != WORKER_SCHEMA:
            raise UsageError(f"{source} has schema {schema!r}, not {WORKER_SCHEMA}")
        if "error" not in value:
            return jsonio.from_plain(answer, value, source=source)
        failed = jsonio.from_plain(_Complaint, value["error"], source=source)
    except (UsageError, UnicodeDecodeError) as error:
        raise DeviceProblem(
            f"{url}: the worker answered what this version cannot read ({error})",
            hint="it is of another version: make the worker archive again with `edgebert worker build`",
        ) from error
    error_class, hint = _FAILURES[failed.kind]
    raise error_class(f"{url}: {failed.message}", hint=hint)


def _silent(done: Finished, url: str) -> DeviceProblem:
    if done.code in _NEVER_STARTED:
        return DeviceProblem(
            f"{url}: the worker does not start: {last_words(done)}",
            hint="is this a Python with numpy and a runtime, or a worker archive for this machine?",
        )
    if done.code > 128 and done.code - 128 in set(signal.Signals):
        name = signal.Signals(done.code - 128).name
        hint = "the system may have run out of memory" if name == "SIGKILL" else ""
        return DeviceGone(f"{url}: the worker was killed ({name})", hint=hint)
    return DeviceGone(f"{url}: the worker was killed (exit code {done.code}, no answer)")
