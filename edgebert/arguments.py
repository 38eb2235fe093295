"""What values can be: ranges of numbers, for files and options; arguments of public functions as people pass them.

An argument is taken where its meaning is plain, and else refused by name.
"""

from __future__ import annotations

import math
import os
import types
import typing
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from edgebert.errors import UsageError
from edgebert.printable import shown


@dataclass(frozen=True, slots=True)
class Between:
    """The range of a number, for ``Annotated``; ``above`` and ``below`` leave out the ends themselves.

    Infinity as ``high`` stands for any finite number.
    """

    low: float
    high: float
    above: bool = False
    below: bool = False

    def __contains__(self, value: float) -> bool:
        is_high_enough = self.low < value if self.above else self.low <= value
        return is_high_enough and (value < self.high if self.below else value <= self.high) and value < math.inf

    def __str__(self) -> str:
        # Equal ranges share one object in annotations, whether their ends were written 0 or 0.0: both are shown as 0.
        low, high = (int(end) if end < math.inf and end == int(end) else end for end in (self.low, self.high))
        if not self.above and not self.below and high < math.inf:
            return f"from {low} to {high}"
        start = f"{'above' if self.above else 'at least'} {low}"
        return start if high == math.inf else f"{start} and {'below' if self.below else 'at most'} {high}"


MOST_SEED = 2**32 - 1
_MOST = 2**53  # a float holds every integer up to here: sums, means and NumPy's integers are exact

Count = Annotated[int, Between(0, _MOST)]
"""How many, which one, or nanoseconds of something that may not have been timed."""

Positive = Annotated[int, Between(1, _MOST)]
"""How many of what exists, or nanoseconds of something that was timed."""

Amount = Annotated[float, Between(0.0, 1e15)]
"""Something measured that is no integer: seconds, differences, means."""

Share = Annotated[float, Between(0.0, 1.0)]
"""A share of a whole."""

Number = Annotated[float, Between(-1e300, 1e300)]
"""Any finite number of a sane size."""

Seed = Annotated[int, Between(0, MOST_SEED)]
"""What decides everything that is drawn."""

Kept = Annotated[float, Between(0, 1, above=True)]
"""A share of a model that stays."""

Rate = Annotated[float, Between(0, 1, above=True, below=True)]
"""A learning rate."""

Weight = Annotated[float, Between(0, math.inf)]
"""A factor that may be 0."""

Factor = Annotated[float, Between(0, math.inf, above=True)]
"""A finite number above 0."""

Length = Annotated[int, Between(3, math.inf)]
"""The longest input in tokens: ``[CLS]``, a token and ``[SEP]`` at least."""


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


def check_options(options: Any, *, flags: bool = False) -> None:
    """Refuse a dataclass with a field of another type, or outside the range (``Between``), than its annotation says.

    Options call it in ``__post_init__``. Types other than numbers, strings, booleans, literals and tuples
    of these are left to others.

    Args:
        options: The dataclass.
        flags: Whether messages name fields as the command line does: ``--max-drop`` for ``max_drop``.

    Raises:
        UsageError: The message names field, value, and type or range.
    """
    for name, hint in typing.get_type_hints(type(options), include_extras=True).items():
        shown_name = "--" + name.replace("_", "-") if flags else name
        _check_field(shown_name, getattr(options, name), hint)


def _check_field(name: str, value: Any, hint: Any) -> None:
    origin, arguments = typing.get_origin(hint), typing.get_args(hint)
    if origin is tuple and isinstance(value, tuple) and arguments[1:] == (...,):
        for index, item in enumerate(value):
            _check_field(f"{name}[{index}]", item, arguments[0])
        return
    if origin is typing.Literal:
        if not isinstance(value, str) or value not in arguments:
            raise UsageError(f"{name} is {shown(value)}, not one of {', '.join(map(str, arguments))}")
        return
    options = arguments if origin in (typing.Union, types.UnionType) else (hint,)
    for option in options:
        if typing.get_origin(option) is typing.Literal and value is not None:
            _check_field(name, value, option)
    kinds, ranges = [], []
    for option in options:
        kind, *extras = typing.get_args(option) if typing.get_origin(option) is typing.Annotated else (option,)
        kinds.append(kind)
        ranges += [item for item in extras if isinstance(item, Between)]
    if not all(kind in _NAMES for kind in kinds):
        return
    expect(name, value, *kinds)
    for bounds in ranges:
        if value is not None and value not in bounds:
            raise UsageError(f"{name} is {shown(value)}, not {bounds}")


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
        raise UsageError(f"{name} is {shown(value)}, which is not a path")
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


def texts_of(name: str, value: object) -> tuple[tuple[str, ...], ...]:
    """Return inputs of a model that are given as a list: strings, or pairs of them; one string is one of them.

    Raises:
        UsageError: There is something else among them; the message has its index.
    """
    found = (value,) if isinstance(value, str) else _items(name, value, "string")
    for index, item in enumerate(found):
        is_pair = isinstance(item, (tuple, list)) and len(item) == 2 and all(isinstance(text, str) for text in item)
        if not isinstance(item, str) and not is_pair:
            raise UsageError(
                f"{name}[{index}] is {shown(item)}, expected a string",
                hint="leave out rows without a text" if item is None or item != item else "",  # NaN
            )
    return tuple((str(item),) if isinstance(item, str) else (str(item[0]), str(item[1])) for item in found)


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
