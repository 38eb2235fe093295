"""JSON of data files: one object a line, or one for the whole file, and values of it that have the right type."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import TypeVar

from edgebert.datafiles.sources import Source
from edgebert.errors import DataError
from edgebert.printable import shown

T = TypeVar("T")

Object = dict[str, object]
"""A JSON object."""

_KINDS = {str: "a string", list: "a list", dict: "an object", int: "an integer", bool: "a boolean"}


def read_objects(source: Source) -> Iterator[tuple[int, Object]]:
    """Yield the objects of JSON lines with their lines, counted from 1; empty lines are skipped.

    Raises:
        DataError: A line is no object.
    """
    for number, line in enumerate(source.lines(), 1):
        bare = line.removesuffix("\n").removesuffix("\r")
        if bare:
            where = f"{source.name}: line {number}"
            value = parse(bare, where)
            if not isinstance(value, dict):
                raise DataError(
                    f"{where}: {shown(value)} is not an object", hint="each line of a .jsonl file is an object"
                )
            yield number, value


def parse(text: str, where: str, *, lines: bool = False) -> object:
    """Return the value of a JSON text.

    Args:
        text: The text.
        where: Where it is, for messages.
        lines: Whether the text may have several lines, which messages then name.

    Raises:
        DataError: It is no JSON, or has a key twice.
    """
    try:
        return json.loads(text, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        line = f": line {error.lineno}" if lines else ""
        raise DataError(f"{where}{line}, column {error.colno}: not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON that edgebert reads: {error}") from error


def field(value: Object, key: str, kind: type[T], where: str, *, hint: str = "") -> T:
    """Return what an object has under a key.

    Raises:
        DataError: The key is missing, or its value is of another type.
    """
    if key not in value:
        raise missing([*value], (key,), where, "key", hint=hint)
    return typed(value[key], kind, f"{where}, key {key!r}", hint=hint)


def typed(value: object, kind: type[T], where: str, *, hint: str = "") -> T:
    """Return a value of a type; true and false are no integers here.

    Raises:
        DataError: It is of another type, or a text that UTF-8 cannot hold.
    """
    if not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool):
        raise DataError(f"{where}: {shown(value)} is not {_KINDS[kind]}", hint=hint)
    if isinstance(value, str):
        check_characters(value, where, "text")
    return value


def check_characters(text: str, where: str, what: str) -> None:
    """Refuse a text with half a surrogate pair, which UTF-8 cannot hold.

    Raises:
        DataError: It has one.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        half = f"half a surrogate pair, U+{ord(text[error.start]):04X}, which is no character"
        raise DataError(
            f"{where}: the {what} holds {half}", hint=r"write both halves, as \ud83d\ude00, or the character itself"
        ) from error


def missing(found: Sequence[str], wanted: Sequence[str], where: str, kind: str, *, hint: str) -> DataError:
    """Return the error for a column or a key that is not there; it lists those that are."""
    return DataError(
        f"{where}: no {kind} {' or '.join(map(repr, wanted))}; there {'is' if len(found) == 1 else 'are'} "
        f"{', '.join(map(shown, found[:20])) or 'none'}{f' and {len(found) - 20} more' if len(found) > 20 else ''}",
        hint=hint,
    )


def pick(found: Sequence[str], wanted: Sequence[str], where: str, kind: str, option: str) -> str:
    """Return the first of the wanted columns or keys that is there.

    Raises:
        DataError: None is; the hint names the option that chooses one.
    """
    for name in wanted:
        if name in found:
            return name
    raise missing(found, wanted, where, kind, hint=f"name the {kind} with {option}")


def _unique(pairs: list[tuple[str, object]]) -> Object:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} appears twice")
    return result
