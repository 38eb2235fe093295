"""What decides the IDs that a tokenizer gives, and in what two tokenizers differ."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tokenizers import Tokenizer

TOKEN_FLAGS = ("single_word", "lstrip", "rstrip", "normalized", "special")
"""What an added token says about where it is found."""


def difference(tokenizer: Tokenizer, app: Tokenizer) -> str | None:
    """Return the first thing that makes ``tokenizer`` give other ids than ``app``; ``None`` if nothing does.

    The whole descriptions are compared. Only what has no influence on the ids of one whole text is left out: decoder,
    padding, truncation, type ids, the template for pairs.
    """
    mine, wanted = _traits(tokenizer), _traits(app)
    for name in dict.fromkeys((*wanted, *mine)):
        if mine.get(name) != wanted.get(name):
            return f"{name} is {_shown(mine.get(name))}, where an app's tokenizer has {_shown(wanted.get(name))}"
    return None


def _traits(tokenizer: Tokenizer) -> dict[str, object]:
    """Return all that the ids of one text depend on, by the key of ``tokenizer.json`` that says it."""
    plain = json.loads(tokenizer.to_str())
    traits: dict[str, object] = {}
    for part in ("normalizer", "pre_tokenizer", "model"):
        traits |= {f"{part}.{key}": value for key, value in (plain[part] or {"type": None}).items()}
    if traits.get("normalizer.strip_accents", 0) is None:  # that is: as lowercase says
        traits["normalizer.strip_accents"] = traits["normalizer.lowercase"]
    traits["post_processor"] = _frame(plain["post_processor"])
    for index, token in tokenizer.get_added_tokens_decoder().items():
        flags = {flag: getattr(token, flag) for flag in TOKEN_FLAGS}
        traits[f"added_tokens: {token.content!r}"] = {"id": index} | flags
    vocabulary = traits.pop("model.vocab")
    assert isinstance(vocabulary, dict)
    return traits | {f"model.vocab: {token!r}": index for token, index in vocabulary.items()}


def _frame(processor: dict[str, Any] | None) -> object:
    """Return what a post-processor puts around one text: tokens with their ids, and ``A`` for the text."""
    if processor is None:
        return None
    if processor["type"] == "BertProcessing":
        return [processor["cls"], "A", processor["sep"]]
    if processor["type"] != "TemplateProcessing":
        return processor["type"]
    frame: list[object] = []
    for item in processor["single"]:
        if "Sequence" in item:
            frame.append(item["Sequence"]["id"])
        else:
            special = processor["special_tokens"][item["SpecialToken"]["id"]]
            frame += [list(pair) for pair in zip(special["tokens"], special["ids"], strict=True)]
    return frame


def _shown(value: object) -> str:
    return "not there" if value is None else json.dumps(value, ensure_ascii=False)
