"""Arguments of public functions as people pass them: taken where the meaning is plain, else refused by name."""

from __future__ import annotations

import os
import types
import typing
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from edgebert.errors import UsageError
from edgebert.lines import shown

PLACE = (str, os.PathLike)
"""Types of an argument that is a path, or a name."""

_NAMES = {
    str: "a string",
    int: "an integer",
    float: "a number",
    bool: "True or False",
    os.PathLike: "a path",
    Callable: "a function",
    types.NoneType: "None",
}


def expect(name: str, value: object, *kinds: Any, hint: str = "") -> None:
    """Refuse a value that is of none of some types; True and False are no integers here, integers are numbers.

    Args:
        name: Name of the argument, for the message.
        value: Its value.
        kinds: The types; ``NoneType`` for an argument that may be left out.
        hint: What to pass instead.

    Raises:
        UsageError: The value is of another type.
    """
    accepted = (*kinds, int) if float in kinds else kinds
    if not isinstance(value, accepted) or (isinstance(value, bool) and bool not in kinds):
        names = [_NAMES.get(kind, f"a {kind.__name__}") for kind in kinds]
        raise UsageError(f"{name} is {shown(value)}, expected {' or '.join(names)}", hint=hint)


def expect_fields(value: Any) -> None:
    """Refuse a dataclass whose fields are of other types than it says, as far as these are plain types.

    Raises:
        UsageError: A field is of another type; the message names it.
    """
    for name, hint in typing.get_type_hints(type(value)).items():
        kinds = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        if all(kind in _NAMES for kind in kinds):
            expect(name, getattr(value, name), *kinds)


def path_of(name: str, value: object) -> Path:
    """Return a path that may be given as a string.

    Raises:
        UsageError: It is neither, or empty.
    """
    plain = os.fspath(value) if isinstance(value, os.PathLike) else value
    if not isinstance(plain, str):
        raise UsageError(f"{name} is {shown(value)}, expected a path")
    try:
        os.fsencode(plain)
    except UnicodeEncodeError:
        plain = ""
    if not plain or "\0" in plain:
        raise UsageError(f"{name} is {shown(value)}, which is no path")
    return Path(plain)


def strings_of(name: str, value: object, *, what: str = "string") -> tuple[str, ...]:
    """Return strings that are given as a list, or anything else to iterate over; one string is one of them.

    Raises:
        UsageError: There is something else among them; the message has its index.
    """
    if isinstance(value, str):
        return (value,)
    for index, item in enumerate(found := _items(name, value, what)):
        if not isinstance(item, str):
            raise UsageError(
                f"{name}[{index}] is {shown(item)}, expected a {what}",
                hint="leave out rows without a text" if item is None or item != item else "",  # NaN
            )
    return tuple(map(str, found))


def integers_of(name: str, value: object) -> tuple[int, ...]:
    """Return integers that are given as a list, or anything else to iterate over.

    Raises:
        UsageError: There is something else among them; the message has its index.
    """
    for index, item in enumerate(found := _items(name, value, "integer")):
        if isinstance(item, bool) or not hasattr(item, "__index__"):
            raise UsageError(f"{name}[{index}] is {shown(item)}, expected an integer")
    return tuple(map(int, found))


def _items(name: str, value: object, what: str) -> tuple[Any, ...]:
    if isinstance(value, Iterable) and not isinstance(value, (bytes, bytearray, str)):
        return tuple(value)
    raise UsageError(f"{name} is {shown(value)}, expected a list of {what}s")
