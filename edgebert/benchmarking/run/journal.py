"""What a benchmark has done so far, one JSON line for each step, so that a killed run resumes.

A line is on the disk before the next step begins. A kill can at most cut the last line short, and that one is dropped.
Like the report it holds no text of the user and no token ids.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from collections.abc import Iterator
from dataclasses import dataclass, fields
from pathlib import Path
from typing import IO

from edgebert.benchmarking.run.steps import Step
from edgebert.benchmarking.suite import Suite
from edgebert.errors import EnvironmentProblem, OutputError, UsageError
from edgebert.jsonio import dumps, from_plain, loads, parse
from edgebert.locks import lock
from edgebert.staging import writing

SCHEMA = 3
RESTART = "--restart starts over; another --out keeps both"
"""What to do about a journal that cannot be used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFingerprint:
    """Everything that decides a run: steps of unequal ones are never mixed.

    Attributes:
        edgebert: Version of edgebert.
        bundle: Hash of the manifest.
        texts: Hash of the token ids that are run.
        suite: How.
        devices: URLs of the devices.
        files: Files asked for.
        runtimes: Runtimes asked for.
    """

    edgebert: str
    bundle: str
    texts: str
    suite: Suite
    devices: tuple[str, ...]
    files: tuple[str, ...]
    runtimes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Header:
    schema: int
    fingerprint: RunFingerprint


class Journal:
    """An open journal; several threads may add to it.

    Attributes:
        path: The file.
        is_broken: Whether a step could not be written.
    """

    def __init__(self, path: Path, stream: IO[bytes], steps: tuple[Step, ...]) -> None:
        self.path = path
        self.is_broken = False
        self._stream = stream
        self._steps = list(steps)
        self._lock = threading.Lock()

    def of(self, device: str) -> tuple[Step, ...]:
        """Return the steps of a device in the order they were made, those of earlier runs first."""
        with self._lock:
            return tuple(step for step in self._steps if step.device == device)

    def add(self, step: Step) -> None:
        """Write a step; when this returns, no kill can lose it.

        Raises:
            OutputError: The file cannot be written.
            EnvironmentProblem: The disk is full.
        """
        with self._lock:
            try:
                with _writing(self.path):
                    self._stream.write(_line(step))
                    self._stream.flush()
                    os.fsync(self._stream.fileno())
            except (OutputError, EnvironmentProblem):
                self.is_broken = True
                raise
            self._steps.append(step)

    def close(self) -> None:
        """Close the file and keep it, unless nothing was done. May be called twice."""
        with contextlib.suppress(OSError):
            if not self._steps and not self._stream.closed:
                self.path.unlink(missing_ok=True)
        _close(self._stream)


def journal_of(out: Path) -> Path:
    """Return where the journal of a report lies."""
    return out.with_name(out.name + ".journal")


def open_journal(path: Path, fingerprint: RunFingerprint, *, restart: bool) -> Journal:
    """Return the journal at ``path``, with the steps it holds or, where there is none, empty.

    Args:
        path: The file.
        fingerprint: What is to be run.
        restart: Forget the steps it holds.

    Raises:
        UsageError: It is of another run, damaged, or in use.
        OutputError: It cannot be written.
        EnvironmentProblem: The disk is full.
    """
    with _writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        stream = path.open("a+b")
    with contextlib.ExitStack() as undo:
        undo.callback(_close, stream)
        with _writing(path):
            _lock(stream, path)
            if restart:
                stream.truncate(0)
            stream.seek(0)
            steps, good = _read(stream.read(), fingerprint, path)
            stream.truncate(good)
            if not good:
                undo.callback(path.unlink, missing_ok=True)
                stream.write(_line(_Header(schema=SCHEMA, fingerprint=fingerprint)))
                stream.flush()
        undo.pop_all()
    return Journal(path, stream, steps)


def _writing(path: Path) -> contextlib.AbstractContextManager[None]:
    return writing(
        path,
        hint="choose a folder you can write to",
        room_hint="free some space and run the same command again: it resumes",
    )


def _close(stream: IO[bytes]) -> None:
    # What is still in the buffer of a full disk is part of a line that nobody will miss.
    with contextlib.suppress(OSError):
        stream.close()


def _lock(stream: IO[bytes], path: Path) -> None:
    try:
        lock(stream.fileno(), wait=False)
    except BlockingIOError as error:
        raise UsageError(f"{path}: another run is writing it", hint="wait for it, or give another --out") from error


def _line(value: object) -> bytes:
    # A line break inside a text is written as \n by JSON, so that a line of the file is a value.
    return json.dumps(json.loads(dumps(value)), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"


def _read(content: bytes, fingerprint: RunFingerprint, path: Path) -> tuple[tuple[Step, ...], int]:
    """Return the steps in a journal and how many of its bytes are whole lines."""
    lines = content.split(b"\n")[:-1]
    if not lines:
        return (), 0
    where = f"{path}: line 1"
    with _damage_named(where):
        first = parse(lines[0].decode("utf-8"), source=where)
    schema = first.get("schema") if isinstance(first, dict) else None
    if len(lines) > 1 and type(schema) is int and schema != SCHEMA:
        age = "an older" if schema < SCHEMA else "a newer"
        raise UsageError(
            f"{path}: holds an unfinished run of {age} edgebert: journal schema {schema}, not {SCHEMA}",
            hint=RESTART,
        )
    with _damage_named(where):
        header = from_plain(_Header, first, source=where)
    if len(lines) == 1:
        return (), 0
    other = [
        field.name
        for field in fields(RunFingerprint)
        if getattr(header.fingerprint, field.name) != getattr(fingerprint, field.name)
    ]
    if other:
        raise UsageError(f"{path}: holds an unfinished run that differs in {', '.join(other)}", hint=RESTART)
    steps: list[Step] = []
    for number, line in enumerate(lines[1:], start=2):
        where = f"{path}: line {number}"
        with _damage_named(where):
            steps.append(loads(Step, line.decode("utf-8"), source=where))
    return tuple(steps), sum(len(line) + 1 for line in lines)


@contextlib.contextmanager
def _damage_named(source: str) -> Iterator[None]:
    """Add to the refusal of a line what to do about it."""
    try:
        yield
    except UsageError as error:
        raise UsageError(error.message, hint=RESTART) from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{source}: not UTF-8 at byte {error.start}", hint=RESTART) from error
