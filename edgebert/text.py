"""Texts to token ids and int32 arrays, exactly as an app has to do it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tokenizers import Encoding, Tokenizer

from edgebert.errors import CheckpointError, UsageError
from edgebert.types import TextSpec

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

SPECIALS = ("[PAD]", "[CLS]", "[SEP]", "[UNK]")
"""Tokens without which a text cannot be encoded."""


class TextEncoder:
    """A WordPiece tokenizer with the truncation of a bundle: the only way from a text to ids."""

    def __init__(self, tokenizer: Tokenizer, max_length: int) -> None:
        tokenizer.no_padding()
        tokenizer.enable_truncation(max_length)
        self._tokenizer = tokenizer
        self.max_length = max_length

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the ids of a text, special tokens included, truncated to ``max_length``, not padded.

        Raises:
            UsageError: The text holds a lone surrogate, which no UTF-8 file or input field can hold either.
        """
        return tuple(self._encoding(text).ids)

    def is_truncated(self, text: str) -> bool:
        """Return whether a text is longer than ``max_length`` tokens."""
        return bool(self._encoding(text).overflowing)

    def _encoding(self, text: str) -> Encoding:
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            raise UsageError(
                f"the text has a lone surrogate at character {error.start}", hint="pass valid Unicode text"
            ) from error
        return self._tokenizer.encode(text)


def open_encoder(path: Path, max_length: int) -> TextEncoder:
    """Return the encoder described by a ``tokenizer.json``.

    Raises:
        CheckpointError: The file is missing or describes no tokenizer.
    """
    return TextEncoder(read_tokenizer(path), max_length)


def read_tokenizer(path: Path) -> Tokenizer:
    """Return the tokenizer described by a ``tokenizer.json``.

    Raises:
        CheckpointError: The file is missing, or describes no WordPiece tokenizer.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except OSError as error:
        raise CheckpointError(f"{path}: the tokenizer cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise CheckpointError(f"{path}: not UTF-8 at byte {error.start}") from error
    try:
        kind = json.loads(content)["model"]["type"]
        tokenizer = Tokenizer.from_str(content)
    except Exception as error:  # the binding raises plain Exception for a description it does not understand
        raise CheckpointError(f"{path}: describes no tokenizer: {error}") from error
    if kind != "WordPiece":
        raise CheckpointError(f"{path}: a {kind} tokenizer; DistilBERT uses WordPiece")
    return tokenizer


def is_lower_casing(tokenizer: Tokenizer) -> bool:
    """Return whether the tokenizer lower-cases its texts.

    Raises:
        CheckpointError: Its normalizer is not BERT's, so that no app could reproduce it from the text spec.
    """
    normalizer = json.loads(tokenizer.to_str())["normalizer"]
    if not normalizer or normalizer.get("type") != "BertNormalizer":
        raise CheckpointError(
            f"the tokenizer's normalizer is {normalizer and normalizer.get('type')}, not BertNormalizer",
            hint="save the tokenizer with DistilBertTokenizerFast.save_pretrained",
        )
    if not normalizer["clean_text"] or not normalizer["handle_chinese_chars"]:
        raise CheckpointError("the tokenizer does not clean texts or space Chinese characters as DistilBERT's does")
    lower = bool(normalizer["lowercase"])
    strip = normalizer["strip_accents"]
    if strip is not None and bool(strip) != lower:
        raise CheckpointError(f"the tokenizer has lowercase={lower} but strip_accents={strip}: not a DistilBERT form")
    return lower


def text_spec(tokenizer: Tokenizer, *, max_length: int, lengths: tuple[int, ...]) -> TextSpec:
    """Return what an app has to know to feed a model that uses ``tokenizer``.

    Raises:
        CheckpointError: The tokenizer lacks a special token DistilBERT needs.
    """
    ids: dict[str, int] = {}
    for token in SPECIALS:
        index = tokenizer.token_to_id(token)
        if index is None:
            raise CheckpointError(f"the tokenizer has no {token} token")
        ids[token] = index
    return TextSpec(
        lower_case=is_lower_casing(tokenizer),
        max_length=max_length,
        lengths=lengths,
        pad_id=ids["[PAD]"],
        cls_id=ids["[CLS]"],
        sep_id=ids["[SEP]"],
        unk_id=ids["[UNK]"],
    )


def fitting_length(tokens: int, lengths: Sequence[int]) -> int:
    """Return the smallest of the ascending ``lengths`` that holds ``tokens``.

    Raises:
        ValueError: None does; the encoder's truncation should have seen to it.
    """
    for length in lengths:
        if tokens <= length:
            return length
    raise ValueError(f"{tokens} tokens do not fit into {max(lengths)}")


def batch_of_one(ids: Sequence[int], length: int, pad_id: int) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return ids and attention mask of one text, each int32 of shape [1, length], padded with ``pad_id``."""
    input_ids = np.full((1, length), pad_id, dtype=np.int32)
    attention_mask = np.zeros((1, length), dtype=np.int32)
    input_ids[0, : len(ids)] = ids
    attention_mask[0, : len(ids)] = 1
    return input_ids, attention_mask
