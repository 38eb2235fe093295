"""Texts to token ids, exactly as an app has to do it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import tokenizers
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

from edgebert.errors import CheckpointError, UsageError
from edgebert.examples import Window
from edgebert.manifest import AddedToken, TextSpec
from edgebert.records import LONGEST
from edgebert.staging import reading
from edgebert.tokenizer_traits import difference

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from tokenizers import Encoding

SPECIALS = ("[PAD]", "[CLS]", "[SEP]", "[UNK]")
"""Tokens without which a text cannot be encoded."""

BERT_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
"""Tokens that are special without a word in the text spec, where ``vocab.txt`` lists them."""


class TextEncoder:
    """A WordPiece tokenizer with the truncation of a bundle: the only way from a text to ids.

    The tokenizer stays as it is: a text is truncated after it was encoded, and ``[SEP]`` stays its last token.
    """

    def __init__(self, tokenizer: Tokenizer, max_length: int) -> None:
        self._tokenizer = untruncated(tokenizer)
        self.max_length = max_length

    def encode(self, text: str) -> tuple[int, ...]:
        """Return the ids of a text, special tokens included, truncated to ``max_length``, not padded.

        Raises:
            UsageError: The text has more than ``LONGEST`` characters, or a lone surrogate, which UTF-8 cannot hold.
        """
        return self.encode_marked(text)[0]

    def encode_marked(self, text: str) -> tuple[tuple[int, ...], bool]:
        """Return the ids of a text, and whether they were truncated; errors as for ``encode``."""
        ids, longest = self._encoded(text).ids, self.max_length
        return (tuple(ids), False) if len(ids) <= longest else ((*ids[: longest - 1], ids[-1]), True)

    def _encoded(self, text: str, what: str = "the text", *, framed: bool = True) -> Encoding:
        """Return a text, whole, with ``[CLS]`` and ``[SEP]`` or without."""
        if len(text) > LONGEST:
            message = f"{what} has {len(text):,} characters, more than {LONGEST:,}"
            raise UsageError(message, hint="split the text: a model reads its first few hundred words only")
        check_unicode(text, what)
        return self._tokenizer.encode(text, add_special_tokens=framed)

    def window(self, text: str) -> tuple[Window, bool]:
        """Return a text as one window, and whether it was truncated; errors as for ``encode``."""
        found, longest = self._encoded(text), self.max_length
        places = range(len(found))
        is_truncated = len(places) > longest
        return window_of(found, [*places[: longest - 1], places[-1]] if is_truncated else places), is_truncated

    def pair_windows(self, question: str, context: str, *, stride: int) -> tuple[tuple[Window, ...], bool]:
        """Return a question and a context as windows, and whether the question was cut; errors as for ``encode``.

        Each is ``[CLS]``, the question, ``[SEP]``, as much of the context as fits, ``[SEP]``. The question is cut to a
        third of ``max_length``. A context of nothing is one window.

        Args:
            question: The first text.
            context: The second text.
            stride: Tokens of the context that a window has in common with the next one.

        Raises:
            UsageError: The windows have no room to go on.
        """
        head = self._encoded(question, "the question", framed=False)
        tail = self._encoded(context, "the context", framed=False)
        kept = min(len(head), self.max_length // 3)
        room = self.max_length - 3 - kept
        if not 0 <= stride < room:
            message = f"windows of {self.max_length} tokens have room for {room} of the context"
            raise UsageError(f"{message}, and cannot share {stride}", hint="take a smaller stride or a larger length")
        start, rest = window_of(head, range(kept)), window_of(tail, range(len(tail)))
        frame = self._encoded("").ids
        places = range(0, max(len(tail) - stride, 1), room - stride)
        return tuple(_framed(frame, start, rest, slice(place, place + room)) for place in places), kept < len(head)

    def is_truncated(self, text: str) -> bool:
        """Return whether a text is longer than ``max_length`` tokens."""
        return self.encode_marked(text)[1]


def window_of(found: Encoding, kept: Sequence[int]) -> Window:
    """Return the tokens at some places of an encoding, special ones included."""
    ids, offsets, sequences, words = found.ids, found.offsets, found.sequence_ids, found.word_ids
    return Window(
        ids=tuple(ids[place] for place in kept),
        offsets=tuple(offsets[place] for place in kept),
        sequences=tuple(-1 if (number := sequences[place]) is None else number for place in kept),
        words=tuple(-1 if (number := words[place]) is None else number for place in kept),
    )


def _framed(frame: Sequence[int], first: Window, second: Window, part: slice) -> Window:
    """Return the first text and a part of the second, between ``[CLS]``, ``[SEP]`` and ``[SEP]``."""
    cls, sep = frame
    return Window(
        ids=(cls, *first.ids, sep, *second.ids[part], sep),
        offsets=((0, 0), *first.offsets, (0, 0), *second.offsets[part], (0, 0)),
        sequences=(-1, *first.sequences, -1, *(1 for _ in second.ids[part]), -1),
        words=(-1, *first.words, -1, *second.words[part], -1),
    )


def check_unicode(text: str, what: str) -> None:
    """Refuse a text that UTF-8 cannot hold.

    Raises:
        UsageError: It has a lone surrogate.
    """
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{what} has a lone surrogate at character {error.start}", hint="pass valid Unicode text"
        ) from error


def pad_id_of(tokenizer: Tokenizer) -> int:
    """Return the id of the token that pads a batch."""
    found = tokenizer.token_to_id("[PAD]")
    assert found is not None, "a vocabulary without it is refused when it is read"
    return found


def untruncated(tokenizer: Tokenizer) -> Tokenizer:
    """Return a tokenizer that neither pads nor truncates: the given one, or a copy of one that does."""
    if tokenizer.padding is None and tokenizer.truncation is None:
        return tokenizer
    copied = Tokenizer.from_str(tokenizer.to_str())
    copied.no_padding()
    copied.no_truncation()
    return copied


def open_encoder(path: Path, max_length: int) -> TextEncoder:
    """Return the encoder described by a ``tokenizer.json``.

    Raises:
        CheckpointError: The file is missing or describes no tokenizer.
    """
    return TextEncoder(read_tokenizer(path), max_length)


def read_tokenizer(path: Path) -> Tokenizer:
    """Return the tokenizer described by a ``tokenizer.json``, without the padding and truncation of the file.

    Raises:
        CheckpointError: The file is missing, or describes no WordPiece tokenizer.
    """
    with reading(path, error=CheckpointError):
        content = path.read_text(encoding="utf-8")
    try:
        tokenizer = Tokenizer.from_str(content)
    except Exception as error:  # the binding raises plain Exception for a description it does not understand
        raise CheckpointError(f"{path}: describes no tokenizer: {error}") from error
    # Files written before tokenizers 0.9 have no model.type, so the kind is what the library took them for.
    if (kind := type(tokenizer.model).__name__) != "WordPiece":
        raise CheckpointError(f"{path}: a {kind} tokenizer; DistilBERT uses WordPiece")
    return untruncated(tokenizer)


def read_vocabulary(path: Path) -> tuple[str, ...]:
    """Return the tokens of a ``vocab.txt`` by id.

    Raises:
        CheckpointError: It cannot be read, or its readers take a line in different ways; the message names the line.
    """
    with reading(path, error=CheckpointError):
        content = path.read_bytes().decode("utf-8")
    if content.startswith("\ufeff"):
        raise CheckpointError(
            f"{path}, line 1: begins with a byte order mark, which would be part of the first token",
            hint="save the file as UTF-8 without BOM",
        )
    lines = content.replace("\r\n", "\n").split("\n")
    if lines[-1] == "":  # the last line break begins no token
        lines.pop()
    first: dict[str, int] = {}
    for number, token in enumerate(lines, start=1):
        if not token.strip():
            raise CheckpointError(f"{path}, line {number}: blank; each line holds one token")
        if token != token.rstrip() or "\r" in token:
            raise CheckpointError(f"{path}, line {number}: {token!r} ends with white space or holds a line break")
        if (before := first.setdefault(token, number)) != number:
            raise CheckpointError(f"{path}, line {number}: repeats the token {token!r} of line {before}")
    return tuple(lines)


def pieces(tokenizer: Tokenizer) -> tuple[str, ...]:
    """Return the tokens of WordPiece by id: the lines of ``vocab.txt``, without tokens that were added later."""
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    return tuple(sorted(vocabulary, key=vocabulary.__getitem__))


def app_tokenizer(vocabulary: Sequence[str], spec: TextSpec) -> Tokenizer:
    """Return the tokenizer that an app builds from ``vocab.txt`` and the text spec, without truncation."""
    ids = {token: index for index, token in enumerate(vocabulary)}
    tokenizer = Tokenizer(models.WordPiece(ids, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=spec.lower_case)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", spec.sep_id), ("[CLS]", spec.cls_id))
    tokenizer.decoder = decoders.WordPiece()
    tokenizer.add_special_tokens([token for token in BERT_SPECIALS if token in ids])
    for token in spec.added_tokens:
        added = tokenizers.AddedToken(token.content, normalized=token.normalized, special=token.special)
        (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([added])
    return tokenizer


def text_spec(
    tokenizer: Tokenizer, *, max_length: int, lengths: tuple[int, ...], source: str = "the tokenizer"
) -> TextSpec:
    """Return what an app has to know to feed a model that uses ``tokenizer``.

    Args:
        tokenizer: The tokenizer of the model.
        max_length: Longest input in tokens.
        lengths: Signature lengths in tokens, ascending.
        source: What the tokenizer is called in messages: its file, where it has one.

    Raises:
        CheckpointError: An app that has ``vocab.txt`` and the text spec could not make the same ids; the message names
            the key and both values.
    """
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    normalizer = json.loads(tokenizer.to_str())["normalizer"] or {}
    plain = plain_spec(vocabulary, lower_case=normalizer.get("lowercase") is not False, source=source)
    check_gaps(vocabulary, source)
    added_tokens = tuple(
        AddedToken(content=token.content, id=index, normalized=token.normalized, special=token.special)
        for index, token in sorted(tokenizer.get_added_tokens_decoder().items())
        if not (token.content in BERT_SPECIALS and token.content in vocabulary)
    )
    spec = replace(plain, max_length=max_length, lengths=lengths, added_tokens=added_tokens)
    if found := difference(tokenizer, app_tokenizer(pieces(tokenizer), spec)):
        raise CheckpointError(
            f"{source}: {found}",
            hint="edgebert takes the tokenizer of DistilBERT: save the one that the model was trained with",
        )
    _check_added(tokenizer, spec, source)
    return spec


def plain_spec(ids: Mapping[str, int], *, lower_case: bool, source: str) -> TextSpec:
    """Return the text spec of a vocabulary, the ids by token, without added tokens and for two tokens at most.

    Raises:
        CheckpointError: A token is missing that no text can be encoded without.
    """
    if missing := next((token for token in SPECIALS if token not in ids), None):
        raise CheckpointError(f"{source}: lists no {missing} token: not the vocabulary of a DistilBERT")
    pad, cls, sep, unk = (ids[token] for token in SPECIALS)
    return TextSpec(lower_case=lower_case, max_length=2, lengths=(2,), pad_id=pad, cls_id=cls, sep_id=sep, unk_id=unk)


def check_gaps(ids: Mapping[str, int], source: str) -> None:
    """Refuse a vocabulary, the ids by token, whose ids are not all from 0 on.

    Raises:
        CheckpointError: They have gaps.
    """
    if sorted(ids.values()) != list(range(len(ids))):
        found = f"{len(ids)} tokens, other ids than 0 to {len(ids) - 1}"
        raise CheckpointError(f"{source}: the tokenizer's ids have gaps: {found}")


def _check_added(tokenizer: Tokenizer, spec: TextSpec, source: str) -> None:
    """Refuse added tokens that no text can hold, or that cannot be told apart."""
    seen: dict[tuple[bool, str], str] = {}
    for token in spec.added_tokens:
        pattern = token.content
        if token.normalized and tokenizer.normalizer is not None:
            pattern = tokenizer.normalizer.normalize_str(pattern)
        if not pattern:
            raise CheckpointError(
                f"{source}: nothing is left of the added token {token.content!r} when it is normalized"
            )
        if (other := seen.setdefault((token.normalized, pattern), token.content)) != token.content:
            raise CheckpointError(
                f"{source}: the added tokens {other!r} and {token.content!r} are equal when normalized"
            )
