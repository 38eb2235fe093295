"""Finished parts of a long study: each is a file, so that a killed one goes on after the last of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from edgebert.jsonio import dumps, loads
from edgebert.staging import replace_file


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A finished part; subclasses narrow the type of the key.

    Attributes:
        key: What decides the part: a state of another one is not taken up.
    """

    key: Any


S = TypeVar("S", bound=State)


def kept(path: Path, key: object, cls: type[S], make: Callable[[], S]) -> S:
    """Return the state of a finished part; it is made and kept where there is none of just this one."""
    if (state := read(cls, path, key)) is None:
        state = make()
        write(path, state)
    return state


def write(path: Path, state: State) -> None:
    """Keep the state of a finished part."""
    replace_file(path, dumps(state).encode())


def read(cls: type[S], path: Path, key: object) -> S | None:
    """Return the state of a finished part, or ``None`` when there is none of just this one."""
    if not path.is_file():
        return None
    state = loads(cls, path.read_text(encoding="utf-8"), source=path.name)
    return state if state.key == key else None
