"""Texts in batches: which texts go together, and how their token IDs are padded."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

_POOL = 50  # batches that are sorted by length together: little padding, and still another order in every epoch


def pad_batch(
    texts: Sequence[Sequence[int]], pad_id: int, *, length: int | None = None
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Return the token IDs and the attention mask of texts, each int32 [texts, length].

    Args:
        texts: Token IDs of each text.
        pad_id: ID that fills a row behind its text; its mask is 0.
        length: Length in tokens, at least that of the longest text; ``None`` takes that one.
    """
    width = max(map(len, texts)) if length is None else length
    ids, mask = np.full((len(texts), width), pad_id, dtype=np.int32), np.zeros((len(texts), width), dtype=np.int32)
    for row, text in enumerate(texts):
        ids[row, : len(text)] = text
        mask[row, : len(text)] = 1
    return ids, mask


def fitting_length(tokens: int, lengths: Sequence[int]) -> int:
    """Return the smallest of the ascending ``lengths`` that holds ``tokens``.

    Raises:
        ValueError: None does; the encoder's truncation should have seen to it.
    """
    for length in lengths:
        if tokens <= length:
            return length
    raise ValueError(f"{tokens} tokens do not fit into {max(lengths)}")


def batches_by_length(lengths: Sequence[int], size: int, *, longest_first: bool = False) -> list[list[int]]:
    """Return all texts by index in batches of similar length, so that little is computed for padding."""
    order = np.argsort(np.asarray(lengths) * (-1 if longest_first else 1), kind="stable")
    return [order[start : start + size].tolist() for start in range(0, len(order), size)]


def epoch_batches(lengths: Sequence[int], batch_size: int, *, seed: int, epoch: int) -> list[list[int]]:
    """Return the texts of one epoch by index, in batches of similar length, in an order that seed and epoch decide.

    Args:
        lengths: Length of each text in tokens.
        batch_size: Texts in a batch; one batch of the epoch may have fewer.
        seed: Seed of all epochs.
        epoch: Number of the epoch, from 0.
    """
    rng = np.random.default_rng((seed, epoch))
    order = rng.permutation(len(lengths))
    batches = []
    for start in range(0, len(order), _POOL * batch_size):
        pool = order[start : start + _POOL * batch_size]
        batches += [
            pool[chosen].tolist()
            for chosen in batches_by_length([lengths[index] for index in pool], batch_size, longest_first=True)
        ]
    return [batches[index] for index in rng.permutation(len(batches))]
