"""Texts as batches for two models at once: each model reads a text through its own tokenizer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from edgebert.text import TextEncoder

if TYPE_CHECKING:
    from collections.abc import Sequence

    import torch
    from tokenizers import Tokenizer

_POOL = 50  # batches that are sorted by length together: little padding, and still another order in every epoch


class TokenPair(NamedTuple):
    """One text as student and teacher see it.

    Attributes:
        student: The student's token ids.
        teacher: The teacher's token ids.
        shared: Number of leading tokens that are the same in both, at least the ``[CLS]``.
        label: Its label, ``None`` without labels.
    """

    student: tuple[int, ...]
    teacher: tuple[int, ...]
    shared: int
    label: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBatch:
    """Some texts as tensors.

    Attributes:
        ids: The student's ids, int64 [batch, longest].
        mask: 1 for its tokens and 0 for padding, int64 [batch, longest].
        teacher_ids: The teacher's ids, int64 [batch, its longest].
        teacher_mask: As ``mask``.
        shared: Which positions hold the same token in both, bool [batch, the shorter longest].
        labels: Labels, int64 [batch]; ``None`` where a text has none.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    teacher_ids: torch.Tensor
    teacher_mask: torch.Tensor
    shared: torch.Tensor
    labels: torch.Tensor | None


def encode_pairs(
    texts: Sequence[str], labels: Sequence[int] | None, student: Tokenizer, teacher: Tokenizer, *, max_length: int
) -> tuple[TokenPair, ...]:
    """Return texts as token ids of both tokenizers, truncated to ``max_length`` tokens; neither tokenizer is changed.

    Raises:
        UsageError: A text holds a lone surrogate.
    """
    described, described_teacher = student.to_str(), teacher.to_str()
    # An encoder switches truncation on in the tokenizer that it is given.
    encoder = TextEncoder(type(student).from_str(described), max_length)
    numbers: Sequence[int | None] = labels if labels is not None else (None,) * len(texts)
    if described == described_teacher:
        encoded = (encoder.encode(text) for text in texts)
        return tuple(TokenPair(ids, ids, len(ids), label) for ids, label in zip(encoded, numbers, strict=True))
    other = TextEncoder(type(teacher).from_str(described_teacher), max_length)
    vocabulary = student.get_vocab()
    renumbered = {index: vocabulary.get(token) for token, index in teacher.get_vocab().items()}
    pairs = []
    for text, label in zip(texts, numbers, strict=True):
        ids, teacher_ids = encoder.encode(text), other.encode(text)
        same = [renumbered[theirs] == ours for ours, theirs in zip(ids, teacher_ids, strict=False)]
        pairs.append(TokenPair(ids, teacher_ids, same.index(False) if False in same else len(same), label))
    return tuple(pairs)


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
    sizes = np.asarray(lengths)[order]
    batches = []
    for start in range(0, len(order), _POOL * batch_size):
        pool = order[start : start + _POOL * batch_size]
        pool = pool[np.argsort(-sizes[start : start + len(pool)], kind="stable")]
        batches += [pool[first : first + batch_size].tolist() for first in range(0, len(pool), batch_size)]
    return [batches[index] for index in rng.permutation(len(batches))]


def sorted_batches(lengths: Sequence[int], batch_size: int) -> list[list[int]]:
    """Return all texts by index in batches, the longest first."""
    order = np.argsort(-np.asarray(lengths), kind="stable")
    return [order[start : start + batch_size].tolist() for start in range(0, len(order), batch_size)]


def stack(pairs: Sequence[TokenPair], pad_ids: tuple[int, int]) -> PairBatch:
    """Return texts as one batch, padded with the ids of student and teacher."""
    import torch

    ids, mask = _padded([pair.student for pair in pairs], pad_ids[0])
    teacher_ids, teacher_mask = _padded([pair.teacher for pair in pairs], pad_ids[1])
    labels = [pair.label for pair in pairs if pair.label is not None]
    positions = torch.arange(min(ids.shape[1], teacher_ids.shape[1]))
    return PairBatch(
        ids=ids,
        mask=mask,
        teacher_ids=teacher_ids,
        teacher_mask=teacher_mask,
        shared=positions < torch.tensor([[pair.shared] for pair in pairs]),
        labels=torch.tensor(labels) if len(labels) == len(pairs) else None,
    )


def _padded(rows: Sequence[tuple[int, ...]], pad_id: int) -> tuple[torch.Tensor, torch.Tensor]:
    import torch

    longest = max(map(len, rows))
    ids = torch.tensor([(*row, *(pad_id,) * (longest - len(row))) for row in rows])
    mask = torch.arange(longest) < torch.tensor([[len(row)] for row in rows])
    return ids, mask.long()
