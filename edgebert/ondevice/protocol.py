"""What a worker is asked and how it answers: the request read strictly, an answer framed. Standard library only."""

from __future__ import annotations

import hashlib
import json
from typing import Any, Callable, NamedTuple, NoReturn, Optional

from edgebert.ondevice.session import RUNTIMES

SCHEMA = 2
"""Version of the request and of every answer."""

HIGHEST = 2**31 - 1
"""Largest token id, and largest number of anything that can be asked for: int32."""

MOST_THREADS = 256

_NO_MEMORY = ("bad_alloc", "bad allocation", "failed to allocate", "cannot allocate", "out of memory", "failed to map")


class Failure(Exception):
    """Why a worker has no answer.

    Args:
        kind: ``bad-request``, ``runtime-absent``, ``runtime-failure`` or ``out-of-memory``.
        message: What is wrong, in one line.
    """

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(message)
        self.kind = kind
        self.message = message


class JobSeries(NamedTuple):
    """Inputs that are timed together: token ids of each text, not padded."""

    name: str
    inputs: list[list[int]]


class Job(NamedTuple):
    """What one worker process is asked to do; ``docs/worker.md`` describes each field."""

    file: str
    runtime: str
    threads: int
    cores: list[int]
    pad_id: int
    series: list[JobSeries]
    warm_up: int
    runs: int
    answers: list[list[int]]
    tokenizer: Optional[str]
    max_length: int
    texts: list[str]
    marks: bool
    token_outputs: list[str]


def read_request(content: bytes) -> Job:
    """Return the request that ``content``, JSON in UTF-8, describes.

    Raises:
        Failure: It is no JSON, of another schema, or a key is unknown, missing or of the wrong type (``bad-request``).
    """
    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=_no_doubles, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:  # what is not UTF-8 and what is not JSON are both ValueErrors
        raise Failure("bad-request", "the request is not JSON: %s" % error) from error
    if not isinstance(value, dict):
        _refuse("the request", value, "an object")
    if "schema" in value and (type(value["schema"]) is not int or value["schema"] != SCHEMA):
        _refuse("schema", value["schema"], "%d, the only one this worker knows" % SCHEMA)
    request = Job(**{name: item for name, item in _object("", value, _REQUEST).items() if name != "schema"})
    if request.tokenizer is not None and request.max_length < 2:
        _refuse("max_length", request.max_length, "2 or more, as a tokenizer needs it")
    if len(set(request.cores)) != len(request.cores):
        _refuse("cores", request.cores, "a list of different numbers")
    return request


def frame(payload: dict[str, Any]) -> bytes:
    """Return an answer as it goes out: a header with length and sha256 of the payload, then the payload as JSON."""
    content = json.dumps(payload, allow_nan=False, separators=(",", ":")).encode("ascii")
    header = "edgebert-worker %d %s\n" % (len(content), hashlib.sha256(content).hexdigest())
    return header.encode("ascii") + content + b"\n"


def failed(failure: Failure) -> dict[str, Any]:
    """Return the payload that says why there is no answer, with a kind of its own for want of memory."""
    message = " ".join(failure.message.encode("utf-8", "replace").decode("utf-8").split())
    kind = failure.kind
    if kind.startswith("runtime") and any(words in message.lower() for words in _NO_MEMORY):
        kind = "out-of-memory"
    return {"schema": SCHEMA, "error": {"kind": kind, "message": message}}


def _no_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    result = dict(pairs)
    if len(result) != len(pairs):
        raise ValueError("a key appears twice in one object")
    return result


def _no_constant(text: str) -> NoReturn:
    raise ValueError("the number %s" % text)


def _refuse(where: str, value: object, wanted: str) -> NoReturn:
    shown = ascii(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    raise Failure("bad-request", "%s is %s, not %s" % (where, shown, wanted))


def _whole(where: str, value: object, *, least: int = 0, most: int = HIGHEST) -> int:
    # A boolean is an int to Python, so the type itself is asked for.
    if type(value) is not int or not least <= value <= most:
        _refuse(where, value, "an integer from %d to %d" % (least, most))
    return value


def _count(where: str, value: object) -> int:
    return _whole(where, value)


def _runtime(where: str, value: object) -> str:
    if value not in RUNTIMES:
        _refuse(where, value, "one of " + ", ".join(RUNTIMES))
    return str(value)


def _threads(where: str, value: object) -> int:
    return _whole(where, value, least=1, most=MOST_THREADS)


def _text(where: str, value: object) -> str:
    if not isinstance(value, str):
        _refuse(where, value, "a string")
    if any("\ud800" <= character <= "\udfff" for character in value):
        _refuse(where, value, "valid Unicode: it has a lone surrogate")
    return value


def _path(where: str, value: object) -> str:
    path = _text(where, value)
    if not path or "\0" in path:
        _refuse(where, path, "the path of a file")
    return path


def _path_or_none(where: str, value: object) -> Optional[str]:
    return None if value is None else _path(where, value)


def _flag(where: str, value: object) -> bool:
    if not isinstance(value, bool):
        _refuse(where, value, "a boolean")
    return value


def _tokens(where: str, value: object) -> list[int]:
    ids = _list(_count)(where, value)
    if not ids:
        _refuse(where, ids, "the token ids of a text")
    return ids


def _list(check: Callable[[str, object], Any]) -> Callable[[str, object], list[Any]]:
    def checked(where: str, value: object) -> list[Any]:
        if not isinstance(value, list):
            _refuse(where, value, "a list")
        return [check("%s[%d]" % (where, index), item) for index, item in enumerate(value)]

    return checked


def _one_series(where: str, value: object) -> JobSeries:
    series = JobSeries(**_object(where + ".", value, _SERIES))
    if not series.inputs:
        _refuse(where + ".inputs", series.inputs, "a list with an input")
    return series


def _object(prefix: str, value: object, fields: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(value, dict):
        _refuse(prefix.rstrip("."), value, "an object")
    for name in value:
        if name not in fields:
            raise Failure("bad-request", "unknown key %s" % ascii(prefix + name))
    read = {}
    for name, (check, *default) in fields.items():
        if name in value:
            read[name] = check(prefix + name, value[name])
        elif default:
            read[name] = default[0]
        else:
            raise Failure("bad-request", "the key %r is missing" % (prefix + name))
    return read


# Each key with the function that checks it and, where it may be left out, what replaces it.
_SERIES: dict[str, Any] = {"name": (_text,), "inputs": (_list(_tokens),)}
_REQUEST: dict[str, Any] = {
    "schema": (_count,),
    "file": (_path,),
    "runtime": (_runtime,),
    "threads": (_threads,),
    "cores": (_list(_count),),
    "pad_id": (_count,),
    "series": (_list(_one_series),),
    "warm_up": (_count,),
    "runs": (_count,),
    "answers": (_list(_tokens), []),
    "tokenizer": (_path_or_none, None),
    "max_length": (_count, 0),
    "texts": (_list(_text), []),
    "marks": (_flag, False),
    "token_outputs": (_list(_text), []),
}
