"""The tokens that files beside a tokenizer name: added tokens and special tokens of a checkpoint folder."""

from __future__ import annotations

import contextlib
from collections.abc import Container, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tokenizers import AddedToken

from edgebert.errors import CheckpointError
from edgebert.folder import read_object
from edgebert.text import BERT_SPECIALS

CONFIG = "tokenizer_config.json"
_MAP, _ADDED = "special_tokens_map.json", "added_tokens.json"
_NAMED = {f"{name.strip('[]').lower()}_token": name for name in BERT_SPECIALS}
_LISTS = ("additional_special_tokens", "extra_special_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedToken:
    """A token that a file beside the tokenizer names.

    Attributes:
        where: File and key.
        token: The token with the flags that transformers gives it.
        id: The id it has there, if any.
        in_table: Whether it is in ``added_tokens_decoder``, whose flags count whatever other files say.
        listed: Whether it is in a list or under a key that makes a token of ``added_tokens.json`` special.
        counts: Whether transformers adds it to a tokenizer that is made of a ``vocab.txt``.
    """

    where: str
    token: AddedToken
    id: int | None = None
    in_table: bool = False
    listed: bool = False
    counts: bool = True


def optional_object(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file; an empty one if there is no such file."""
    return read_object(path) if path.is_file() else {}


def check_value(where: str, value: object, accepted: tuple[Any, ...]) -> None:
    """Refuse a value of a tokenizer's file that is none of those accepted; the first of them is in the message."""
    if value not in accepted:
        raise CheckpointError(f"{where} is {value!r}; edgebert takes tokenizers with {accepted[0]!r} only")


def named_tokens(folder: Path) -> Iterator[NamedToken]:
    """Give the tokens that the files of a folder name, in the order in which transformers adds them."""
    path, settings, special_map = folder / CONFIG, optional_object(folder / CONFIG), optional_object(folder / _MAP)
    has_table, table = "added_tokens_decoder" in settings, settings.get("added_tokens_decoder", {})
    if not isinstance(table, dict):
        raise CheckpointError(f"{path}: added_tokens_decoder is not an object")
    found = []
    for key, value in table.items():
        where = f"{path}: added_tokens_decoder[{key}]"
        if not key.isdecimal() or not isinstance(value, dict):
            raise CheckpointError(f"{where}: not an id with the content and the flags of a token")
        found.append(NamedToken(where=where, token=_token(value, where), id=int(key), in_table=True))
    old, new = _LISTS
    hidden = special_map if has_table else {old} if old in settings or new in settings else ()
    specials = [
        *_special_tokens(settings, path, hidden={old} if settings.get(new) else ()),
        *_special_tokens(special_map, folder / _MAP, hidden=hidden),
    ]
    for content, index in optional_object(folder / _ADDED).items():
        where = f"{folder / _ADDED}: {content!r}"
        if type(index) is not int or index < 0:
            raise CheckpointError(f"{where} has {index!r} where an id should be")
        special = any(item.listed and item.token.content == content for item in specials)
        token = AddedToken(content, normalized=not special, special=special)
        found.append(NamedToken(where=where, token=token, id=index, counts=not has_table))
    yield from sorted(found, key=lambda item: item.id or 0)
    yield from specials


def _special_tokens(plain: dict[str, Any], path: Path, *, hidden: Container[str]) -> Iterator[NamedToken]:
    """Give the special tokens of an object; those under ``hidden`` keys do not count."""
    for key, value in plain.items():
        where = f"{path}: {key}"
        if key in _LISTS and value:
            items = value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
        elif key in _NAMED or (key.endswith("_token") and not key.startswith("add_") and isinstance(value, str | dict)):
            items = [value]
        else:
            continue
        for item in items:
            token = _token(item, where)
            token.special = True
            check_value(where, token.content, (_NAMED.get(key, token.content),))
            # Where transformers 4 and 5 disagree, a token is not added, or not as special, and is refused later:
            # additional_special_tokens of special_tokens_map.json, and keys that only the user knows.
            known = key in (*_LISTS, *_NAMED, "bos_token", "eos_token")
            listed = known and not isinstance(value, dict) and (key, path.name) != (_LISTS[0], _MAP)
            yield NamedToken(where=where, token=token, listed=listed, counts=known and key not in hidden)


def _token(value: object, where: str) -> AddedToken:
    """Return a token as the files write it: a string, or an object of its content and flags."""
    if isinstance(value, str):
        return AddedToken(value, special=True, normalized=False)
    if isinstance(value, dict):
        with contextlib.suppress(TypeError, ValueError):
            return AddedToken(**{key: item for key, item in value.items() if key != "__type"})
    raise CheckpointError(f"{where} is {value!r}, not a token")
