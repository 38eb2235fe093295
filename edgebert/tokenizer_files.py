"""The tokenizer of a checkpoint folder, with the ids that transformers' ``AutoTokenizer`` gives, or a refusal.

A folder says twice and more what its tokenizer does: ``tokenizer.json``, ``vocab.txt``, ``tokenizer_config.json``,
``special_tokens_map.json``, ``added_tokens.json``, ``config.json``. For BERT's classes, transformers goes by
``tokenizer_config.json``, whatever ``tokenizer.json`` says, and takes a missing key as its default. Files that
contradict each other are refused: only the user can know which of them the model was trained with.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from edgebert.errors import CheckpointError
from edgebert.manifest import TextSpec
from edgebert.progress import note, warn
from edgebert.text import (
    BERT_SPECIALS,
    SPECIALS,
    app_tokenizer,
    pieces,
    read_tokenizer,
    read_vocabulary,
    text_spec,
    untruncated,
)
from edgebert.tokenizer_names import CONFIG, RESAVE, add_named, added_tokens, check_named, named_tokens, optional_object

if TYPE_CHECKING:
    from tokenizers import Tokenizer

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


def load_tokenizer(folder: Path) -> Tokenizer:
    """Return the tokenizer of a checkpoint folder, without padding or truncation.

    Raises:
        CheckpointError: There is neither ``tokenizer.json`` nor ``vocab.txt``, the files of the folder contradict each
            other, or an app could not make the same ids from ``vocab.txt`` and the text spec.
    """
    file, listed = folder / "tokenizer.json", folder / "vocab.txt"
    if not (file.is_file() or listed.is_file()):
        raise CheckpointError(
            f"{folder}: no tokenizer: neither tokenizer.json nor vocab.txt is there",
            hint="save the tokenizer the model was trained with into the folder: tokenizer.save_pretrained(folder)",
        )
    settings = optional_object(folder / CONFIG)
    path = folder / CONFIG
    is_bert = _is_bert_class(folder, settings)
    for key, accepted in _FIXED.items():
        if key in settings and settings[key] not in accepted:
            raise CheckpointError(
                f"{path}: {key} is {settings[key]!r}; edgebert takes tokenizers with {accepted[0]!r} only"
            )
    named, has_table = tuple(named_tokens(folder)), "added_tokens_decoder" in settings
    if file.is_file():
        source = file
        tokenizer = read_tokenizer(file)
        _check_file(tokenizer, file)
        _check_normalizer(tokenizer, file, settings, path, defaults=is_bert)
    elif is_bert:
        source = listed
        tokenizer = _from_vocabulary(listed, settings, path)
        add_named(tokenizer, named)
    else:
        raise CheckpointError(
            f"{path}: tokenizer_class is {settings.get('tokenizer_class')!r}, which needs a tokenizer.json",
            hint=f"save it with the tokenizer, or set tokenizer_class to {_BERT_CLASSES[0]}",
        )
    if tokenizer.token_to_id("[MASK]") is None:
        raise CheckpointError(f"{source}: lists no [MASK] token: not the vocabulary of a DistilBERT")
    # As transformers does for a tokenizer.json in which they are pieces only.
    tokenizer.add_special_tokens([name for name in BERT_SPECIALS if name not in added_tokens(tokenizer)])
    check_named(tokenizer, named, source, has_table=has_table)
    text_spec(tokenizer, max_length=2, lengths=(2,), source=str(source))
    return tokenizer


def vocabulary(tokenizer: Tokenizer) -> tuple[str, ...]:
    """Return the tokens of a tokenizer by id."""
    return tuple(token for token, _ in sorted(tokenizer.get_vocab().items(), key=lambda item: item[1]))


def check_vocabulary(tokenizer: Tokenizer, rows: int, folder: Path) -> None:
    """Return if a tokenizer goes with an embedding table of so many rows; rows without a token are noted.

    Raises:
        CheckpointError: Its ids have gaps, or it has more tokens than the table has rows.
    """
    tokens = tokenizer.get_vocab_size(with_added_tokens=True)
    if max(tokenizer.get_vocab().values(), default=-1) != tokens - 1:
        raise CheckpointError(
            f"{folder}: the tokenizer's ids have gaps: {tokens} tokens, other ids than 0 to {tokens - 1}"
        )
    if tokens > rows:
        raise CheckpointError(
            f"{folder}: the tokenizer has {tokens} tokens, the model's embedding table only {rows} rows",
            hint="put the tokenizer the model was trained with into the folder",
        )
    if tokens == rows:
        return
    unused = f"{folder}: {rows - tokens} of the {rows} rows of the embedding table belong to no token"
    # Tables are often padded to a multiple of 8 to 128 rows for the kernels' sake; more can be reserved, or a mix-up.
    if rows % 8 == 0 and rows - tokens < 128:
        note(unused)
    else:
        warn(f"{unused}: check that the tokenizer is the one that the model was trained with")


def write_tokenizer(tokenizer: Tokenizer, folder: Path, *, max_length: int) -> None:
    """Write ``tokenizer.json``, ``vocab.txt`` and ``tokenizer_config.json`` of a DistilBERT.

    ``vocab.txt`` lists the tokens of WordPiece; tokens that were added later are in ``tokenizer.json``, and in the text
    spec of a bundle. Padding and truncation are left out: they belong to whoever feeds the model, and one
    that is left behind cuts texts silently.

    Args:
        tokenizer: A WordPiece tokenizer with BERT's normalizer.
        folder: Folder to write to.
        max_length: Longest input in tokens.

    Raises:
        CheckpointError: An app could not make the same ids from these files, or ``vocab.txt`` cannot list a token.
    """
    lower_case = text_spec(tokenizer, max_length=max_length, lengths=(max_length,)).lower_case
    content = untruncated(tokenizer).to_str(pretty=True)
    normalizer = json.loads(content)["normalizer"]
    config = {
        "tokenizer_class": "DistilBertTokenizer",
        "do_lower_case": lower_case,
        "strip_accents": normalizer["strip_accents"],
        "tokenize_chinese_chars": normalizer["handle_chinese_chars"],
        "model_max_length": max_length,
        "model_input_names": ["input_ids", "attention_mask"],
        **{f"{name}_token": f"[{name.upper()}]" for name in ("pad", "cls", "sep", "unk", "mask")},
    }
    tokens = pieces(tokenizer)
    if bad := next((token for token in tokens if "\n" in token or "\r" in token), None):
        raise CheckpointError(f"the token {bad!r} holds a line break, so no vocab.txt can list it")
    (folder / "tokenizer.json").write_text(content + "\n", encoding="utf-8")
    (folder / "vocab.txt").write_text("".join(f"{token}\n" for token in tokens), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")


def _is_bert_class(folder: Path, settings: dict[str, Any]) -> bool:
    """Return whether transformers builds the tokenizer anew from its vocabulary and ``tokenizer_config.json``."""
    path, name = folder / CONFIG, settings.get("tokenizer_class")
    if name is None:
        path = folder / "config.json"
        name = optional_object(path).get("tokenizer_class")
    if name is None:
        return True
    if name in _PLAIN_CLASSES:
        return False
    if isinstance(name, str) and name.removesuffix("Fast") in _BERT_CLASSES:
        return True
    raise CheckpointError(
        f"{path}: tokenizer_class is {name!r}; edgebert takes {', '.join((*_BERT_CLASSES, *_PLAIN_CLASSES))}"
    )


def _check_file(tokenizer: Tokenizer, file: Path) -> None:
    """Refuse a tokenizer.json that states ids that its reader does not give, or that cuts texts at their beginning."""
    plain = json.loads(file.read_text(encoding="utf-8"))
    for token in plain.get("added_tokens") or ():
        if (found := tokenizer.token_to_id(token["content"])) != token["id"]:
            raise CheckpointError(
                f"{file}: added_tokens: {token['content']!r} has the id {token['id']}, but tokenizers gives it {found}",
                hint="give added tokens the ids that follow the vocabulary, without a gap",
            )
    if (plain.get("truncation") or {}).get("direction", "Right") != "Right":
        raise CheckpointError(f"{file}: truncation.direction is Left; edgebert cuts texts at their end")


def _check_normalizer(
    tokenizer: Tokenizer, file: Path, settings: dict[str, Any], path: Path, *, defaults: bool
) -> None:
    """Refuse settings that contradict the normalizer; ``defaults``: whether a missing setting means its default."""
    normalizer = json.loads(tokenizer.to_str())["normalizer"] or {}
    if normalizer.get("type") != "BertNormalizer":
        return  # the comparison with an app's tokenizer names it
    lower = normalizer["lowercase"]
    actual = {
        "do_lower_case": ("lowercase", lower, True),
        "strip_accents": ("strip_accents", normalizer["strip_accents"], None),
        "tokenize_chinese_chars": ("handle_chinese_chars", normalizer["handle_chinese_chars"], True),
    }
    for key, (theirs, value, default) in actual.items():
        if key not in settings and not defaults:
            continue
        wanted = _switch(settings, key, default, path)
        # No value for strip_accents: as the casing says.
        if (lower if wanted is None else wanted) != (lower if value is None else value):
            said = f"{key} is {json.dumps(wanted)}"
            if key not in settings:
                said += f" (by default: there is no such {'key' if path.is_file() else 'file'})"
            raise CheckpointError(
                f"{path}: {said}, but normalizer.{theirs} of {file.name} is {json.dumps(value)}", hint=RESAVE
            )


def _switch(settings: dict[str, Any], key: str, default: bool | None, path: Path) -> bool | None:
    value = settings.get(key, default)
    if not (isinstance(value, bool) or (value is None and default is None)):
        raise CheckpointError(f"{path}: {key} is {value!r}, not true or false")
    return value


def _from_vocabulary(listed: Path, settings: dict[str, Any], path: Path) -> Tokenizer:
    """Return the tokenizer that transformers builds from a ``vocab.txt`` and its settings."""
    lower = _switch(settings, "do_lower_case", True, path)
    strip = _switch(settings, "strip_accents", None, path)
    assert lower is not None
    if strip is not None and strip != lower:
        raise CheckpointError(
            f"{path}: strip_accents is {json.dumps(strip)} and do_lower_case is {json.dumps(lower)}; edgebert takes "
            f"equal values only, because an app strips accents if and only if it lower-cases"
        )
    if not _switch(settings, "tokenize_chinese_chars", True, path):
        raise CheckpointError(f"{path}: tokenize_chinese_chars is false; edgebert takes true only")
    lines = read_vocabulary(listed)
    ids = {token: index for index, token in enumerate(lines)}
    if missing := [token for token in SPECIALS if token not in ids]:
        raise CheckpointError(f"{listed}: lists no {missing[0]} token: not the vocabulary of a DistilBERT")
    spec = TextSpec(
        lower_case=lower,
        max_length=2,
        lengths=(2,),
        pad_id=ids["[PAD]"],
        cls_id=ids["[CLS]"],
        sep_id=ids["[SEP]"],
        unk_id=ids["[UNK]"],
    )
    return app_tokenizer(lines, spec)
