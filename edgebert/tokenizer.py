"""The tokenizer of a checkpoint folder, with the ids that transformers' ``AutoTokenizer`` gives, or a refusal.

A folder says twice and more what its tokenizer does: ``tokenizer.json``, ``vocab.txt``, ``tokenizer_config.json``,
``special_tokens_map.json``, ``added_tokens.json``, ``config.json``. For BERT's classes, transformers goes by
``tokenizer_config.json``, whatever ``tokenizer.json`` says, and takes a missing key as its default. Files that
contradict each other are refused: only the user can know which of them the model was trained with.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebert.errors import CheckpointError
from edgebert.progress import note, warn
from edgebert.text import (
    BERT_SPECIALS,
    app_tokenizer,
    check_gaps,
    pieces,
    plain_spec,
    read_tokenizer,
    read_vocabulary,
    text_spec,
    untruncated,
)
from edgebert.tokenizer_names import CONFIG, NamedToken, check_value, named_tokens, optional_object
from edgebert.tokenizer_traits import TOKEN_FLAGS

if TYPE_CHECKING:
    from tokenizers import AddedToken, Tokenizer


_BERT_CLASSES = ("DistilBertTokenizer", "BertTokenizer", "ElectraTokenizer")
_PLAIN_CLASSES = ("PreTrainedTokenizerFast", "TokenizersBackend")  # they go by tokenizer.json alone
_FIXED: dict[str, tuple[Any, ...]] = {
    "do_basic_tokenize": (True, None),
    "split_special_tokens": (False, None),
    "truncation_side": ("right", None),
    "wordpieces_prefix": ("##", None),
    "init_inputs": ([], None),
    "fast_tokenizer_files": ([], ["tokenizer.json"], None),
}
# What tokenizer_config.json calls a field of the normalizer, and what it means where it is missing.
_SWITCHES = {
    "do_lower_case": ("lowercase", True),
    "strip_accents": ("strip_accents", None),
    "tokenize_chinese_chars": ("handle_chinese_chars", True),
}


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer of a checkpoint folder, without padding or truncation.

    Raises:
        CheckpointError: There is neither ``tokenizer.json`` nor ``vocab.txt``, the files of the folder contradict each
            other, or an app could not make the same ids from ``vocab.txt`` and the text spec.
    """
    file, listed, path = folder / "tokenizer.json", folder / "vocab.txt", folder / CONFIG
    if not (file.is_file() or listed.is_file()):
        raise CheckpointError(
            f"{folder}: no tokenizer: neither tokenizer.json nor vocab.txt is there",
            hint="save the tokenizer the model was trained with into the folder: tokenizer.save_pretrained(folder)",
        )
    settings = optional_object(path)
    is_bert = _is_bert_class(folder, settings)
    for key, accepted in _FIXED.items():
        check_value(f"{path}: {key}", settings.get(key, accepted[0]), accepted)
    named, has_table = tuple(named_tokens(folder)), "added_tokens_decoder" in settings
    if file.is_file():
        source, tokenizer = file, _from_file(file, settings, path, defaults=is_bert)
    elif is_bert:
        source, tokenizer = listed, _from_vocabulary(listed, settings, path)
        _add_named(tokenizer, named)
    else:
        raise CheckpointError(
            f"{path}: tokenizer_class is {settings.get('tokenizer_class')!r}, which needs a tokenizer.json",
            hint=f"save it with the tokenizer, or set tokenizer_class to {_BERT_CLASSES[0]}",
        )
    if tokenizer.token_to_id("[MASK]") is None:
        raise CheckpointError(f"{source}: lists no [MASK] token: not the vocabulary of a DistilBERT")
    # As transformers does for a tokenizer.json in which they are pieces only.
    tokenizer.add_special_tokens([name for name in BERT_SPECIALS if name not in _added_tokens(tokenizer)])
    _check_named(tokenizer, named, source, has_table=has_table)
    text_spec(tokenizer, max_length=2, lengths=(2,), source=str(source))
    return tokenizer


def check_vocabulary(tokenizer: Tokenizer, rows: int, folder: Path) -> None:
    """Return if a tokenizer goes with an embedding table of so many rows; rows without a token are noted.

    Raises:
        CheckpointError: Its ids have gaps, or it has more tokens than the table has rows.
    """
    tokens = tokenizer.get_vocab_size(with_added_tokens=True)
    check_gaps(tokenizer.get_vocab(), str(folder))
    if tokens > rows:
        raise CheckpointError(
            f"{folder}: the tokenizer has {tokens} tokens, the model's embedding table only {rows} rows",
            hint="put the tokenizer the model was trained with into the folder",
        )
    unused = f"{folder}: {rows - tokens} of the {rows} rows of the embedding table belong to no token"
    # Tables are often padded to a multiple of 8 to 128 rows for the kernels' sake; more can be reserved, or a mix-up.
    if rows % 8 == 0 and 0 < rows - tokens < 128:
        note(unused)
    elif rows > tokens:
        warn(f"{unused}: check that the tokenizer is the one that the model was trained with")


def write_tokenizer(tokenizer: Tokenizer, folder: Path, *, max_length: int) -> None:
    """Write ``tokenizer.json``, ``vocab.txt`` and ``tokenizer_config.json`` of a DistilBERT.

    ``vocab.txt`` lists the tokens of WordPiece; tokens that were added later are in ``tokenizer.json``, and in the text
    spec of a bundle. Padding and truncation are left out: what is left behind would cut texts silently.

    Args:
        tokenizer: A WordPiece tokenizer with BERT's normalizer.
        folder: Folder to write to.
        max_length: Longest input in tokens.

    Raises:
        CheckpointError: An app could not make the same ids from these files, or ``vocab.txt`` cannot list a token.
    """
    text_spec(tokenizer, max_length=max_length, lengths=(max_length,))
    content = untruncated(tokenizer).to_str(pretty=True)
    normalizer = json.loads(content)["normalizer"]
    config = {
        "tokenizer_class": "DistilBertTokenizer",
        **{key: normalizer[name] for key, (name, _) in _SWITCHES.items()},
        "model_max_length": max_length,
        "model_input_names": ["input_ids", "attention_mask"],
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "cls", "sep", "unk", "mask")},
    }
    tokens = pieces(tokenizer)
    if bad := next((token for token in tokens if "\n" in token or "\r" in token), None):
        raise CheckpointError(f"the token {bad!r} holds a line break, so no vocab.txt can list it")
    (folder / "tokenizer.json").write_text(content + "\n", encoding="utf-8")
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    (folder / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _contradiction(message: str) -> CheckpointError:
    write = "AutoTokenizer.from_pretrained(FOLDER).save_pretrained(FOLDER)"
    return CheckpointError(message, hint=f"choose the right one, or write files that agree: {write}")


def _is_bert_class(folder: Path, settings: dict[str, Any]) -> bool:
    """Return whether transformers rebuilds the tokenizer from its vocabulary and ``tokenizer_config.json``."""
    path, name = folder / CONFIG, settings.get("tokenizer_class")
    if name is None:
        path = folder / "config.json"
        name = optional_object(path).get("tokenizer_class")
    if name in _PLAIN_CLASSES:
        return False
    if name is None or (isinstance(name, str) and name.removesuffix("Fast") in _BERT_CLASSES):
        return True
    raise CheckpointError(
        f"{path}: tokenizer_class is {name!r}; edgebert takes {', '.join((*_BERT_CLASSES, *_PLAIN_CLASSES))}"
    )


def _switches(settings: dict[str, Any], path: Path) -> dict[str, bool | None]:
    found = {key: settings.get(key, default) for key, (_, default) in _SWITCHES.items()}
    for key, value in found.items():
        if not (isinstance(value, bool) or (value is None and key == "strip_accents")):
            raise CheckpointError(f"{path}: {key} is {value!r}, not a boolean")
    return found


def _from_file(file: Path, settings: dict[str, Any], path: Path, *, defaults: bool) -> Tokenizer:
    """Return the tokenizer of a ``tokenizer.json`` that says what ``tokenizer_config.json`` (``path``) says.

    Ids that its reader does not give, and texts cut at their beginning, are refused. ``defaults`` tells whether a
    missing setting means its default.
    """
    tokenizer, plain = read_tokenizer(file), json.loads(file.read_text(encoding="utf-8"))
    for token in plain.get("added_tokens") or ():
        if (found := tokenizer.token_to_id(token["content"])) != token["id"]:
            raise CheckpointError(
                f"{file}: added_tokens: {token['content']!r} has the id {token['id']}, but tokenizers gives it {found}",
                hint="give added tokens the ids that follow the vocabulary, without a gap",
            )
    if (plain.get("truncation") or {}).get("direction", "Right") != "Right":
        raise CheckpointError(f"{file}: truncation.direction is Left; edgebert cuts texts at their end")
    normalizer = json.loads(tokenizer.to_str())["normalizer"] or {}
    if normalizer.get("type") != "BertNormalizer":
        return tokenizer  # the comparison with an app's tokenizer names it
    lower = normalizer["lowercase"]
    for key, wanted in _switches(settings, path).items():
        value = normalizer[_SWITCHES[key][0]]
        # No value for strip_accents: as the casing says.
        differ = (lower if wanted is None else wanted) != (lower if value is None else value)
        if differ and (defaults or key in settings):
            said = f"{key} is {json.dumps(wanted)}"
            if key not in settings:
                said += f" (by default: there is no such {'key' if path.is_file() else 'file'})"
            theirs = f"normalizer.{_SWITCHES[key][0]} of {file.name} is {json.dumps(value)}"
            raise _contradiction(f"{path}: {said}, but {theirs}")
    return tokenizer


def _from_vocabulary(listed: Path, settings: dict[str, Any], path: Path) -> Tokenizer:
    """Return the tokenizer that transformers builds from a ``vocab.txt`` and its settings."""
    lower, strip, chinese = _switches(settings, path).values()
    if strip is not None and strip != lower:
        raise CheckpointError(
            f"{path}: strip_accents is {json.dumps(strip)} and do_lower_case is {json.dumps(lower)}; edgebert takes "
            f"equal values only, because an app strips accents if and only if it lower-cases"
        )
    if not chinese:
        raise CheckpointError(f"{path}: tokenize_chinese_chars is false; edgebert takes true only")
    lines = read_vocabulary(listed)
    ids = {token: index for index, token in enumerate(lines)}
    return app_tokenizer(lines, plain_spec(ids, lower_case=bool(lower), source=str(listed)))


def _added_tokens(tokenizer: Tokenizer) -> dict[str, tuple[int, AddedToken]]:
    """Return the added tokens of a tokenizer with their ids, by content."""
    return {token.content: (index, token) for index, token in tokenizer.get_added_tokens_decoder().items()}


def _add_named(tokenizer: Tokenizer, named: Sequence[NamedToken]) -> None:
    """Add tokens to a tokenizer that was made of a ``vocab.txt``, as transformers does."""
    first = None
    for item in named:
        if not item.counts or item.token.content in _added_tokens(tokenizer):
            continue
        is_new = item.id is None and tokenizer.token_to_id(item.token.content) is None
        if is_new and (first := first or item.where) != item.where:  # which of the two comes first?
            raise CheckpointError(
                f"{item.where} and {first} name tokens whose ids no file states",
                hint="save the tokenizer again with the transformers that it was trained with: that states them",
            )
        (tokenizer.add_special_tokens if item.token.special else tokenizer.add_tokens)([item.token])


def _check_named(tokenizer: Tokenizer, named: Sequence[NamedToken], source: Path, *, has_table: bool) -> None:
    """Refuse tokens that a file names and ``source`` has not, or the other way round where there is a table."""
    added, from_lines = _added_tokens(tokenizer), source.suffix == ".txt"
    for item in named:
        content = item.token.content
        if content not in added:
            raise _contradiction(f"{item.where} names {content!r}, which is no added token of {source.name}")
        index, token = added[content]
        if item.id is not None and item.id != index:
            raise _contradiction(f"{item.where}: {content!r} has the id {item.id}, but {source.name} gives it {index}")
        for flag in TOKEN_FLAGS if item.in_table or (from_lines and not has_table) else ():
            mine, theirs = json.dumps(getattr(item.token, flag)), json.dumps(getattr(token, flag))
            if mine != theirs:
                name = "the tokenizer" if from_lines else source.name
                raise _contradiction(f"{item.where}: {flag} of {content!r} is {mine}, but {theirs} in {name}")
    table = {item.token.content for item in named if item.in_table}
    if has_table and (missing := [content for content in added if content not in (*table, *BERT_SPECIALS)]):
        name = f"added token {missing[0]!r}, which added_tokens_decoder of {CONFIG} does not name"
        raise _contradiction(f"{source}: has the {name}")
