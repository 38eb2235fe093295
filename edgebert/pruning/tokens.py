"""The tokens of a tokenizer that texts need, and a tokenizer of these alone. No torch."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from tokenizers import Encoding, Tokenizer

from edgebert.errors import UsageError
from edgebert.progress import Progress, silent
from edgebert.text import SPECIALS, check_unicode, untruncated

_CHUNK = 4096  # texts encoded at a time: an encoding takes a hundred times the memory of its text


def kept_tokens(tokenizer: Tokenizer, texts: Iterable[str], *, progress: Progress = silent) -> tuple[int, ...]:
    """Return the ids of the tokens that stay, ascending.

    These are the tokens that occur in the texts (untruncated), special and added tokens, and all single characters,
    those that begin a word (``c``) and those that continue one (``##c``). WordPiece takes the longest token that
    matches and never goes back, so it can fail only where not even a single character matches. A word that was spelled
    before therefore stays so if each of its characters has the single piece its place asks for.

    A vocabulary may lack a single piece, and none can be invented, because it would have no embedding. Then every token
    that holds such a character in such a place stays as well. A word with such characters stays spelled if its
    pieces stay up to the last one that holds such a character; where an earlier piece goes, the word is spelled
    differently from there on and may miss the token it needs. BERT's own vocabularies lack none.

    Args:
        tokenizer: A WordPiece tokenizer with BERT's pre-tokenizer; it stays as it is.
        texts: Texts of the task.
        progress: Told after every chunk of texts.

    Raises:
        UsageError: A text holds a lone surrogate.
    """
    tokenizer = untruncated(tokenizer)
    seen = set(_special_tokens(tokenizer)) | _spelling_ids(tokenizer)
    for encoding in encodings(tokenizer, tuple(texts), stage="collecting the tokens", progress=progress):
        seen.update(encoding.ids)
    return tuple(sorted(seen))


def cut_tokenizer(tokenizer: Tokenizer, kept: Sequence[int]) -> Tokenizer:
    """Return a tokenizer with these tokens only, renumbered in the old order; the given one stays as it is.

    Normalizer, pre-tokenizer and the settings of WordPiece stay; padding and truncation are off.

    Raises:
        UsageError: There is no such id, a special or added token would go, or the smaller tokenizer could not be built.
    """
    tokenizer = untruncated(tokenizer)
    tokens = {index: token for token, index in tokenizer.get_vocab().items()}
    new_ids = {index: position for position, index in enumerate(sorted(set(kept)))}
    if wrong := [index for index in new_ids if index not in tokens]:
        raise UsageError(f"the tokenizer has no token with the id {wrong[0]}: its ids are 0 to {max(tokens)}")
    for index, token in sorted(_special_tokens(tokenizer).items()):
        if index not in new_ids:
            raise UsageError(
                f"the cut would remove the special token {token} (id {index})",
                hint="keep what kept_tokens returns: special and added tokens stay",
            )
    content = json.loads(tokenizer.to_str())
    pieces = content["model"]["vocab"]
    content["model"]["vocab"] = {token: new_ids[index] for token, index in pieces.items() if index in new_ids}
    for added in content["added_tokens"]:
        added["id"] = new_ids[added["id"]]
    for numbers, place in _added_ids(content["post_processor"]):
        numbers[place] = new_ids[numbers[place]]
    smaller = Tokenizer.from_str(json.dumps(content))
    expected = {tokens[index]: position for index, position in new_ids.items()}
    if smaller.get_vocab() != expected or smaller.encode("").ids != [new_ids[i] for i in tokenizer.encode("").ids]:
        raise UsageError(
            "the tokenizer cannot be cut: it numbers its tokens in a way of its own",
            hint="prune without cutting the vocabulary",
        )
    return smaller


def encodings(
    tokenizer: Tokenizer, texts: Sequence[str], *, stage: str = "", progress: Progress = silent
) -> Iterator[Encoding]:
    """Give the encodings of texts one by one, as the tokenizer is set to pad and truncate.

    Raises:
        UsageError: A text holds a lone surrogate.
    """
    for start in range(0, len(texts), _CHUNK):
        chunk = texts[start : start + _CHUNK]
        check_texts(chunk, first=start + 1)
        yield from tokenizer.encode_batch(list(chunk))  # the fast form leaves word_ids empty
        progress(stage, start + len(chunk), len(texts))


def check_texts(texts: Sequence[str], *, first: int = 1) -> None:
    """Return if texts can be encoded; ``first`` is the number of the first of them in messages.

    Raises:
        UsageError: A text holds a lone surrogate.
    """
    for number, text in enumerate(texts, first):
        check_unicode(text, f"text {number}")


def _special_tokens(tokenizer: Tokenizer) -> dict[int, str]:
    """Return the tokens that no cut may remove, by id."""
    content = json.loads(tokenizer.to_str())
    ids = {index: token for token, index in tokenizer.get_vocab().items()}
    names = {*SPECIALS, "[MASK]", content["model"]["unk_token"]}
    added = {index: token.content for index, token in tokenizer.get_added_tokens_decoder().items()}
    around = {numbers[place] for numbers, place in _added_ids(content["post_processor"])}
    return added | {index: token for index, token in ids.items() if token in names or index in around}


def _added_ids(processor: dict[str, Any] | None) -> Iterator[tuple[list[Any], int]]:
    """Give the list and the place in it of every id that a post-processor, as in ``tokenizer.json``, adds to texts."""
    if processor is None:
        return
    for part in processor.get("processors", ()):
        yield from _added_ids(part)
    if processor["type"] == "TemplateProcessing":
        for special in processor["special_tokens"].values():
            yield from ((special["ids"], place) for place in range(len(special["ids"])))
    yield from ((processor[end], 1) for end in ("cls", "sep") if end in processor)


def _spelling_ids(tokenizer: Tokenizer) -> set[int]:
    """Return the ids of all single characters, and of what holds a character that lacks its single piece."""
    vocabulary = tokenizer.get_vocab(with_added_tokens=False)
    prefix = json.loads(tokenizer.to_str())["model"]["continuing_subword_prefix"]
    continuing = {token[len(prefix) :]: index for token, index in vocabulary.items() if token.startswith(prefix)}
    starting = {token: index for token, index in vocabulary.items() if not (prefix and token.startswith(prefix))}
    ids = {index for token, index in (*starting.items(), *continuing.items()) if len(token) == 1}

    def within_a_word(piece: str) -> bool:
        # Not the '[unused1]' of BERT, for one: the pre-tokenizer splits at brackets.
        split = tokenizer.pre_tokenizer
        return split is None or [part for part, _ in split.pre_tokenize_str(piece)] == [piece]

    for token, index in starting.items():
        if token and (token[0] not in starting or any(rest not in continuing for rest in token[1:])):
            ids |= {index} if within_a_word(token) else set()
    for piece, index in continuing.items():
        if any(character not in continuing for character in piece) and within_a_word(piece):
            ids.add(index)
    return ids
