"""What goes into a model and what its outputs mean, as values: examples, windows of token IDs, keys."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from edgebert.errors import DataError

Outputs = dict[str, NDArray[np.float32]]
"""What a file computes of one window, by the name of the output: float32, without a batch dimension or padded rows."""

Key = tuple[int | float, ...]
"""An answer as numbers, which is all that reports and journals keep of it: for a label its index."""

Tally = tuple[int | float, ...]
"""What an example and the answer to it add to the metrics of a task: see ``tallies``."""

Target = tuple[int | float, ...]
"""What training aims at in one window."""

Spans = tuple[tuple[int, int], ...]
"""Places in a text, each from its first code point to the one behind its last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Example:
    """An input as data files have it, with its right answer.

    Attributes:
        texts: Its text, or the two of a pair.
        gold: The right answer; ``None`` where the file has none.
        line: Its line in the data file, counted from 1.
        words: Token classification: the words that have a tag; empty where none has.
    """

    texts: tuple[str, ...]
    gold: Key | None = None
    line: int = 0
    words: Spans = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Window:
    """One input of the model, not padded. Every tuple has an entry for each token.

    Attributes:
        ids: Token IDs, special tokens included.
        offsets: Where each token is in its own text; (0, 0) for special tokens.
        sequences: Which of the texts a token is of, 0 or 1; -1 for special tokens.
        words: Number of the pre-tokenizer's word in that text; -1 for special tokens.
    """

    ids: tuple[int, ...]
    offsets: Spans
    sequences: tuple[int, ...]
    words: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Encoded:
    """An example as the model reads it.

    Attributes:
        texts: Its texts, one or two.
        windows: The inputs that it takes.
        tokens: Tokens that are read in all.
        truncated: Whether a text has more than these, which are left out.
        words: Token classification: the words that get a tag.
    """

    texts: tuple[str, ...]
    windows: tuple[Window, ...]
    tokens: int
    truncated: bool
    words: Spans = ()


def gold_of(example: Example) -> Key:
    """Return the right answer to an example that has one.

    Raises:
        DataError: It has none.
    """
    if example.gold is None:
        raise DataError(f"line {example.line}: there is no right answer to score against")
    return example.gold


def word_places(window: Window, *, sequence: int = 0) -> dict[int, tuple[int, int]]:
    """Return where the pre-tokenizer's words of one of the texts are, by their numbers, as far as the window has them.

    From the first code point of a word's first token to the one behind the last of its last token.
    """
    places: dict[int, tuple[int, int]] = {}
    for (start, end), of, word in zip(window.offsets, window.sequences, window.words, strict=True):
        if of == sequence:
            places[word] = (places.get(word, (start, end))[0], end)
    return places
