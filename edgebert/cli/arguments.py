"""The options that several commands share, and words of the command line as values."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from edgebert.errors import UsageError

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of tables.")]
Force = Annotated[bool, typer.Option("--force", help="Replace an existing output.")]
TextColumn = Annotated[str | None, typer.Option(help="Column of the texts.", show_default="text, else sentence")]
LabelColumn = Annotated[str | None, typer.Option(help="Column of the labels.", show_default="label")]
RecipeName = Annotated[str, typer.Option("--recipe", help="Built-in recipe (edgebert recipes) or a .toml file.")]

_PLACES = ("base", "baseline", "model", "recipe", "target")
"""Parameters that take a path although they are strings, because they take a name as well."""


def with_home(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose paths may begin with ``~``, which no shell replaces in ``--out=~/x``."""

    @functools.wraps(command)
    def expanded(*given: object, **named: object) -> None:
        command(*given, **{name: _expanded(name, value) for name, value in named.items()})

    return expanded


def _expanded(name: str, value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_expanded(name, item) for item in value] if value and isinstance(value[0], Path) else value
    if isinstance(value, Path) or (isinstance(value, str) and name in _PLACES and value.startswith("~")):
        with contextlib.suppress(RuntimeError):  # there is no such user: the path itself is then not found
            return type(value)(Path(value).expanduser())
    return value


def words(text: str) -> tuple[str, ...]:
    """Return the words of a list such as ``onnx,tflite``."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def numbers(text: str, option: str) -> tuple[int, ...]:
    """Return the whole numbers of a list such as ``16,32,64``.

    Raises:
        UsageError: ``text`` is no such list; the message names the option it was given to.
    """
    given = words(text)
    if not given or not all(word.isdecimal() and len(word) < 10 for word in given):
        raise UsageError(
            f"{option} is {text!r}, not whole numbers separated by commas", hint=f"as in {option} 16,32,64"
        )
    return tuple(int(word) for word in given)


def lines_of_stdin() -> list[str]:
    """Return the lines of standard input.

    Raises:
        UsageError: It is a terminal, empty, or not UTF-8.
    """
    if sys.stdin.isatty():
        raise UsageError("no texts", hint="give them as arguments, or one a line on standard input")
    try:
        text = sys.stdin.buffer.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageError(f"standard input is not UTF-8 at byte {error.start}") from error
    # Only line feeds end a line: str.splitlines would also split at U+2028, which a text may hold.
    lines = [line.removesuffix("\r") for line in text.removesuffix("\n").split("\n")] if text else []
    if not lines:
        raise UsageError("standard input is empty", hint="give texts as arguments, or one a line on standard input")
    return lines
