"""The tokens that files beside a tokenizer name: added tokens and special tokens of a checkpoint folder."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tokenizers import AddedToken, Tokenizer

from edgebert.errors import CheckpointError
from edgebert.folder import read_object
from edgebert.text import BERT_SPECIALS, TOKEN_FLAGS

CONFIG = "tokenizer_config.json"
RESAVE = (
    "choose the right one, or write files that agree: AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
)
_MAP, _ADDED = "special_tokens_map.json", "added_tokens.json"
_NAMED = {f"{name.strip('[]').lower()}_token": name for name in BERT_SPECIALS}
_LISTS = ("additional_special_tokens", "extra_special_tokens")


@dataclasses.dataclass(frozen=True, slots=True, kw_only=True)
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


def named_tokens(folder: Path) -> Iterator[NamedToken]:
    """Give the tokens that the files of a folder name, in the order in which transformers adds them.

    Raises:
        CheckpointError: A file has something else where a token should be, or another token where BERT's should be.
    """
    path, settings = folder / CONFIG, optional_object(folder / CONFIG)
    has_table, table = "added_tokens_decoder" in settings, settings.get("added_tokens_decoder", {})
    if not isinstance(table, dict):
        raise CheckpointError(f"{path}: added_tokens_decoder is not an object")
    found = []
    for key, value in table.items():
        where = f"{path}: added_tokens_decoder[{key}]"
        if not key.isdecimal() or not isinstance(value, dict):
            raise CheckpointError(f"{where}: not an id with the content and the flags of a token")
        found.append(NamedToken(where=where, token=_token(value, where), id=int(key), in_table=True))
    specials = []
    for item in _special_tokens(settings, path):
        hidden = item.where.endswith(_LISTS[0]) and bool(settings.get(_LISTS[1]))
        specials.append(dataclasses.replace(item, counts=item.counts and not hidden))
    for item in _special_tokens(optional_object(folder / _MAP), folder / _MAP):
        hidden = item.where.endswith(_LISTS[0]) and any(key in settings for key in _LISTS)
        specials.append(dataclasses.replace(item, counts=item.counts and not (has_table or hidden)))
    for content, index in optional_object(folder / _ADDED).items():
        where = f"{folder / _ADDED}: {content!r}"
        if type(index) is not int or index < 0:
            raise CheckpointError(f"{where} has {index!r} where an id should be")
        special = any(item.listed and item.token.content == content for item in specials)
        token = AddedToken(content, normalized=not special, special=special)
        found.append(NamedToken(where=where, token=token, id=index, counts=not has_table))
    yield from sorted(found, key=lambda item: item.id or 0)
    yield from specials


def _special_tokens(plain: dict[str, Any], path: Path) -> Iterator[NamedToken]:
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
            if token.content != _NAMED.get(key, token.content):
                raise CheckpointError(
                    f"{where} is {token.content!r}; edgebert takes tokenizers with {_NAMED[key]!r} only"
                )
            # Where transformers 4 and 5 disagree, a token is not added, or not as special, and is refused later:
            # additional_special_tokens of special_tokens_map.json, and keys that only the user knows.
            known = key in (*_LISTS, *_NAMED, "bos_token", "eos_token")
            listed = known and not isinstance(value, dict) and (key, path.name) != (_LISTS[0], _MAP)
            yield NamedToken(where=where, token=token, listed=listed, counts=known)


def _token(value: object, where: str) -> AddedToken:
    """Return a token as the files write it: a string, or an object of its content and flags."""
    if isinstance(value, str):
        return AddedToken(value, special=True, normalized=False)
    try:
        if isinstance(value, dict):
            return AddedToken(**{key: item for key, item in value.items() if key != "__type"})
    except (TypeError, ValueError):
        pass
    raise CheckpointError(f"{where} is {value!r}, not a token")


def added_tokens(tokenizer: Tokenizer) -> dict[str, tuple[int, AddedToken]]:
    """Return the added tokens of a tokenizer with their ids, by content."""
    return {token.content: (index, token) for index, token in tokenizer.get_added_tokens_decoder().items()}


def add_named(tokenizer: Tokenizer, named: Sequence[NamedToken]) -> None:
    """Add tokens to a tokenizer that was made of a ``vocab.txt``, as transformers does.

    Raises:
        CheckpointError: Two keys name tokens without ids, so that nothing says which of them comes first.
    """
    first = None
    for item in named:
        if not item.counts or item.token.content in added_tokens(tokenizer):
            continue
        is_new = item.id is None and tokenizer.token_to_id(item.token.content) is None
        if is_new and (first := first or item.where) != item.where:
            raise CheckpointError(
                f"{item.where} and {first} name tokens whose ids no file states",
                hint="save the tokenizer again with the transformers that it was trained with: that states them",
            )
        (tokenizer.add_special_tokens if item.token.special else tokenizer.add_tokens)([item.token])


def check_named(tokenizer: Tokenizer, named: Sequence[NamedToken], source: Path, *, has_table: bool) -> None:
    """Refuse tokens that a file beside the tokenizer names and that are not the tokenizer's.

    Args:
        tokenizer: The tokenizer.
        named: The tokens.
        source: File of the tokenizer.
        has_table: Whether there is an ``added_tokens_decoder``, which must then name all tokens that were added.

    Raises:
        CheckpointError: Token, id or flag differ; the message names the file, the key and both values.
    """
    added = added_tokens(tokenizer)
    from_lines = source.suffix == ".txt"
    for item in named:
        content = item.token.content
        if content not in added:
            raise CheckpointError(
                f"{item.where} names {content!r}, which is no added token of {source.name}", hint=RESAVE
            )
        index, token = added[content]
        if item.id is not None and item.id != index:
            raise CheckpointError(
                f"{item.where}: {content!r} has the id {item.id}, but {source.name} gives it {index}", hint=RESAVE
            )
        for flag in TOKEN_FLAGS if item.in_table or (from_lines and not has_table) else ():
            mine, theirs = getattr(item.token, flag), getattr(token, flag)
            if mine != theirs:
                raise CheckpointError(
                    f"{item.where}: {flag} of {content!r} is {json.dumps(mine)}, but {json.dumps(theirs)} in "
                    f"{'the tokenizer' if from_lines else source.name}",
                    hint=RESAVE,
                )
    table = {item.token.content for item in named if item.in_table}
    if has_table and (missing := [content for content in added if content not in (*table, *BERT_SPECIALS)]):
        raise CheckpointError(
            f"{source}: has the added token {missing[0]!r}, which added_tokens_decoder of {CONFIG} does not name",
            hint=RESAVE,
        )
