"""Frozen dataclasses to JSON and back: strict, versioned by the caller, deterministic.

Writing keeps the order of the fields and Python's shortest float form, so equal values give equal bytes. Reading
accepts exactly the fields of the class: an unknown, missing or wrongly typed one is named with its path, and so is a
number outside the range of its field (``arguments.Between``). A value that may be of several dataclasses is a tagged
union: each of them has a field ``kind: Literal["..."]``, which tells them apart.
"""

from __future__ import annotations

import dataclasses
import json
import math
import types
import typing
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar, overload

from edgebert.arguments import Between
from edgebert.errors import EdgebertError, UsageError, upgrade_line
from edgebert.staging import reading

T = TypeVar("T")


def dumps(value: object) -> str:
    """Return ``value`` (a dataclass, or a list or dict of such) as indented JSON text that ends with a line break."""
    return json.dumps(_plain(value), indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def read(
    cls: type[T],
    path: Path,
    *,
    what: str,
    newest: int,
    oldest: int = 1,
    keys: tuple[str, ...] = (),
    error: type[EdgebertError] = UsageError,
    hint: str = "",
    content: bytes | None = None,
    check: Callable[[dict[str, Any]], None] | None = None,
    upgrade: Callable[[dict[str, Any]], dict[str, Any]] | None = None,
) -> T:
    """Return the ``cls`` in a JSON file that states its ``schema``; another version's fields are not looked at.

    Args:
        cls: A dataclass.
        path: The file.
        what: What such a file is, as in ``report``.
        newest: Newest schema that can be read.
        oldest: Oldest schema that can be read.
        keys: Keys that tell such a file from other JSON, beside ``schema``.
        error: Error to raise.
        hint: What to do about a file that cannot be used, unless it is of a newer schema.
        content: The content, where it has been read already.
        check: Called with the JSON value before its fields are read, to refuse it.
        upgrade: Returns the JSON value of an older schema as one of the newest. The fields of both have yet to be
            checked, so it leaves what it does not know as it is.

    Raises:
        EdgebertError: An ``error``: the file is missing, damaged, something else, or too old or too new.
    """
    with reading(path, error=error, hint=hint):
        text = (path.read_bytes() if content is None else content).decode("utf-8")
    try:
        plain = parse(text, source=str(path))
        schema = plain.get("schema") if isinstance(plain, dict) else None
        if type(schema) is not int or schema < 1:
            raise UsageError(f"{path}: not a {what}: there is no schema number")
        if missing := [key for key in keys if key not in plain]:
            raise UsageError(f"{path}: not a {what}: the key {missing[0]!r} is missing")
        if schema > newest:
            reads = f"this edgebert reads up to {newest}"
            raise UsageError(f"{path}: {what} schema {schema}; {reads}", hint=upgrade_line())
        if schema < oldest:
            raise UsageError(f"{path}: {what} schema {schema}; this edgebert reads {oldest} and newer")
        if check is not None:
            check(plain)
        if upgrade is not None and schema < newest:
            plain = upgrade(plain)
        return from_plain(cls, plain, source=str(path))
    except UsageError as problem:
        raise error(problem.message, hint=problem.hint or hint) from problem


@overload
def loads(cls: type[T], text: str, *, source: str) -> T: ...
@overload
def loads(cls: types.UnionType, text: str, *, source: str) -> Any: ...
def loads(cls: Any, text: str, *, source: str) -> Any:
    """Return the ``cls`` that ``text`` describes.

    Args:
        cls: A dataclass, or a tagged union of dataclasses.
        text: JSON text.
        source: Name of the file, for messages.

    Raises:
        UsageError: The text is no JSON, or a field is missing, unknown or of another type.
    """
    return from_plain(cls, parse(text, source=source), source=source)


def parse(text: str, *, source: str) -> Any:
    """Return the plain JSON value of ``text``, refusing doubled keys and NaN.

    Raises:
        UsageError: The text is no such JSON; the message names line and column.
    """
    try:
        return json.loads(text, object_pairs_hook=_no_doubles, parse_constant=_no_constant)
    except json.JSONDecodeError as error:
        raise UsageError(f"{source}: line {error.lineno}, column {error.colno}: not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise UsageError(f"{source}: not JSON that edgebert reads: {error}") from error


@overload
def from_plain(cls: type[T], value: object, *, source: str) -> T: ...
@overload
def from_plain(cls: types.UnionType, value: object, *, source: str) -> Any: ...
def from_plain(cls: Any, value: object, *, source: str) -> Any:
    """Return the ``cls`` that a plain JSON (or TOML) value describes; arguments and errors as for ``loads``."""
    return _build(cls, value, source, "")


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(n for n in names if names.count(n) > 1)!r} appears twice in one object")
    return result


def _no_constant(text: str) -> None:
    raise ValueError(f"the number {text}")


def _plain(value: Any) -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(item) for item in value]
    return value


def _build(kind: Any, value: Any, source: str, path: str) -> Any:
    where = f"{source}: {path or 'the top level'}"
    if dataclasses.is_dataclass(kind):
        return _build_object(kind, value, source, path)
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin is Annotated:
        built = _build(arguments[0], value, source, path)
        for bounds in arguments[1:]:
            if isinstance(bounds, Between) and built not in bounds:
                raise UsageError(f"{where} is {_shown(value)}, not {bounds}")
        return built
    if origin is typing.Literal:
        # 1 == True in Python, so equality alone would let a number through for a boolean literal.
        if not any(value == option and type(value) is type(option) for option in arguments):
            raise UsageError(f"{where} is {_shown(value)}, not one of {', '.join(map(repr, arguments))}")
        return value
    if origin in (typing.Union, types.UnionType):
        return _build_union(arguments, value, source, path)
    if origin is tuple:
        return _build_tuple(arguments, value, source, path)
    if origin is dict:
        if not isinstance(value, dict):
            raise UsageError(f"{where} is {_shown(value)}, not an object")
        prefix = f"{path}." if path else ""
        names = {name: _build_plain(str, name, f"{source}: a key of {path or 'the top level'}") for name in value}
        return {name: _build(arguments[1], value[name], source, prefix + name) for name in names}
    return _build_plain(kind, value, where)


def _build_plain(kind: Any, value: Any, where: str) -> Any:
    if kind is float and type(value) is int:
        try:
            value = float(value)
        except OverflowError as error:
            raise UsageError(f"{where} is {_shown(value)}, not a finite number") from error
    if type(value) is not kind:
        raise UsageError(f"{where} is {_shown(value)}, not {_NAMES.get(kind, kind)}")
    if kind is int and abs(value) >= 2**63:
        raise UsageError(f"{where} is {_shown(value)}, more than 64 bits hold")
    if kind is float and not math.isfinite(value):
        raise UsageError(f"{where} is {value}, not a finite number")
    if kind is str and any("\ud800" <= character <= "\udfff" for character in value):
        # JSON can spell half a character; no file name, no terminal and no UTF-8 file can hold it.
        raise UsageError(f"{where} is {_shown(value)}, which has a lone surrogate: not valid Unicode")
    return value


def _build_object(kind: Any, value: Any, source: str, path: str) -> Any:
    where = f"{source}: {path or 'the top level'}"
    if not isinstance(value, dict):
        raise UsageError(f"{where} is {_shown(value)}, not an object")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    prefix = f"{path}." if path else ""
    for name in value:
        if name not in fields:
            raise UsageError(f"{source}: unknown key {prefix + name!r}", hint=f"known here: {', '.join(fields)}")
    hints = typing.get_type_hints(kind, include_extras=True)
    built = {}
    for name, field in fields.items():
        if name in value:
            built[name] = _build(hints[name], value[name], source, prefix + name)
        elif field.default is dataclasses.MISSING:
            raise UsageError(f"{source}: the key {prefix + name!r} is missing")
    try:
        return kind(**built)
    except UsageError as error:  # of options that check themselves
        raise UsageError(f"{source}: {prefix}{error.message}", hint=error.hint) from error


def _build_tuple(arguments: tuple[Any, ...], value: Any, source: str, path: str) -> tuple[Any, ...]:
    where = f"{source}: {path or 'the top level'}"
    if not isinstance(value, list):
        raise UsageError(f"{where} is {_shown(value)}, not a list")
    kinds = arguments[:1] * len(value) if arguments[1:] == (...,) else arguments
    if len(kinds) != len(value):
        raise UsageError(f"{where} has {len(value)} items, not {len(kinds)}")
    items = enumerate(zip(kinds, value, strict=True))
    return tuple(_build(kind, item, source, f"{path}[{index}]") for index, (kind, item) in items)


def _build_union(options: tuple[Any, ...], value: Any, source: str, path: str) -> Any:
    if value is None and type(None) in options:
        return None
    rest = [option for option in options if option is not type(None)]
    if len(rest) > 1 and all(map(dataclasses.is_dataclass, rest)):
        return _build_tagged(rest, value, source, path)
    for option in rest[:-1]:
        if type(value) is option:
            return _build(option, value, source, path)
    return _build(rest[-1], value, source, path)


def _build_tagged(options: list[Any], value: Any, source: str, path: str) -> Any:
    tags = {
        tag: option
        for option in options
        for tag in typing.get_args(typing.get_type_hints(option, include_extras=True)[_TAG])
    }
    if not isinstance(value, dict):
        raise UsageError(f"{source}: {path or 'the top level'} is {_shown(value)}, not an object")
    name = f"{path}.{_TAG}" if path else _TAG
    if _TAG not in value:
        raise UsageError(f"{source}: the key {name!r} is missing")
    tag = value[_TAG]
    if type(tag) is not str or tag not in tags:
        raise UsageError(f"{source}: {name} is {_shown(tag)}, not one of {', '.join(map(repr, tags))}")
    return _build_object(tags[tag], value, source, path)


def _shown(value: object) -> str:
    try:
        text = json.dumps(value, ensure_ascii=False, default=str)
    except (RecursionError, ValueError):  # nested deeper, or a number longer, than Python writes
        return "too deep or too long to show"
    text = text.encode("utf-8", "backslashreplace").decode("utf-8")
    return text if len(text) <= 60 else text[:57] + "..."


_TAG = "kind"
_NAMES = {str: "a string", int: "an integer", float: "a number", bool: "a boolean"}
