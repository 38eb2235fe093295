"""What a model learns from: examples as windows of token IDs with targets, and batches of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple

from edgebert.errors import DataError
from edgebert.examples import Example, Target
from edgebert.meaning import Meaning, Task, TaskSettings
from edgebert.network import padded
from edgebert.tasks import task_head
from edgebert.text import TextEncoder
from edgebert.training.objectives import OBJECTIVES, Objective

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

IDs = tuple[int, ...]


class Item(NamedTuple):
    """What is drawn for a batch: a window, or the two of a pair.

    Attributes:
        windows: Token IDs of each window.
        targets: What training aims at in each window; ``None`` where no right answer is known.
    """

    windows: tuple[IDs, ...]
    targets: tuple[Target, ...] | None

    @property
    def length(self) -> int:
        """Tokens of the longest window."""
        return max(map(len, self.windows))


class ItemPair(NamedTuple):
    """An item as student and teacher see it.

    Attributes:
        student: Token IDs of each window for the student.
        teacher: The same for the teacher.
        shared: Number of leading tokens of each window that are the same in both, at least the ``[CLS]``.
        targets: As those of an ``Item``.
    """

    student: tuple[IDs, ...]
    teacher: tuple[IDs, ...]
    shared: tuple[int, ...]
    targets: tuple[Target, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairBatch:
    """Some items as tensors, one row for each window.

    Attributes:
        ids: The student's IDs, int64 [windows, longest].
        mask: 1 for its tokens and 0 for padding, int64 [windows, longest].
        teacher_ids: The teacher's IDs, int64 [windows, its longest].
        teacher_mask: As ``mask``.
        shared: Which positions hold the same token in both, bool [windows, the shorter longest].
        targets: Targets as the task packs them; ``None`` where an item has none.
    """

    ids: torch.Tensor
    mask: torch.Tensor
    teacher_ids: torch.Tensor
    teacher_mask: torch.Tensor
    shared: torch.Tensor
    targets: torch.Tensor | None


def fitting(settings: TaskSettings, max_length: int) -> TaskSettings:
    """Return settings for windows of ``max_length`` tokens: they share at most a third of them."""
    if settings.stride is None:
        return settings
    return replace(settings, stride=min(settings.stride, max_length // 3))


def items_of(
    examples: Sequence[Example], tokenizer: Tokenizer, task: Task, meaning: Meaning, *, max_length: int
) -> list[list[Item]]:
    """Return the items of each example: one for each window, or one of both windows of a pair.

    Raises:
        UsageError: A text holds a lone surrogate.
        DataError: The right answer of an example cannot be one.
    """
    head, encoder = task_head(task), TextEncoder(tokenizer, max_length)
    settings, together = fitting(meaning.settings, max_length), OBJECTIVES[task].are_pairs
    found = []
    for example in examples:
        encoded = head.windows(encoder, example, settings)
        windows = [window.ids for window in encoded.windows]
        targets = None if example.gold is None else head.targets(encoded, example, meaning)
        if together:
            found.append([Item(tuple(windows), targets)])
        else:
            found.append([Item((ids,), targets and (targets[row],)) for row, ids in enumerate(windows)])
    return found


def pair_items(
    examples: Sequence[Example],
    student: Tokenizer,
    teacher: Tokenizer,
    task: Task,
    meaning: Meaning,
    *,
    max_length: int,
) -> list[list[ItemPair]]:
    """Return the items of each example as token IDs of both tokenizers.

    Where the tokenizers split a long text into more windows for one than for the other, the last ones are left out.

    Raises:
        UsageError: A text holds a lone surrogate.
        DataError: The right answer of an example cannot be one.
    """
    ours = items_of(examples, student, task, meaning, max_length=max_length)
    if student.to_str() == teacher.to_str():
        return [
            [ItemPair(item.windows, item.windows, tuple(map(len, item.windows)), item.targets) for item in items]
            for items in ours
        ]
    bare = [replace(example, gold=None) for example in examples]
    theirs = items_of(bare, teacher, task, meaning, max_length=max_length)
    vocabulary = student.get_vocab()
    renumbered = {index: vocabulary.get(token) for token, index in teacher.get_vocab().items()}

    def shared(own: IDs, other: IDs) -> int:
        same = [renumbered[there] == here for here, there in zip(own, other, strict=False)]
        return same.index(False) if False in same else len(same)

    return [
        [
            ItemPair(one.windows, other.windows, tuple(map(shared, one.windows, other.windows)), one.targets)
            for one, other in zip(mine, others, strict=False)
        ]
        for mine, others in zip(ours, theirs, strict=True)
    ]


def pad_pairs(pairs: Sequence[ItemPair], pad_ids: tuple[int, int], objective: Objective) -> PairBatch:
    """Return items as one batch, padded with the IDs of student and teacher."""
    import torch

    ids, mask = padded([window for pair in pairs for window in pair.student], pad_ids[0])
    teacher_ids, teacher_mask = padded([window for pair in pairs for window in pair.teacher], pad_ids[1])
    shared = torch.tensor([[count] for pair in pairs for count in pair.shared])
    return PairBatch(
        ids=ids,
        mask=mask,
        teacher_ids=teacher_ids,
        teacher_mask=teacher_mask,
        shared=torch.arange(min(ids.shape[1], teacher_ids.shape[1])) < shared,
        targets=packed([pair.targets for pair in pairs], objective, ids.shape[1]),
    )


def packed(targets: Sequence[tuple[Target, ...] | None], objective: Objective, length: int) -> torch.Tensor | None:
    """Return the targets of items as the task packs them; ``None`` where an item has none."""
    known = [item for item in targets if item is not None]
    return objective.pack([*chain.from_iterable(known)], length) if len(known) == len(targets) else None


def check_gold(examples: Sequence[Example], meaning: Meaning, name: str) -> None:
    """Refuse right answers that are labels which the model has not.

    Raises:
        DataError: There is one.
    """
    count = len(meaning.labels)
    if not count:
        return
    for example in examples:
        for label in example.gold or ():
            if not 0 <= label < count:
                raise DataError(f"{name}: the label {label} is not one of the model's, which are 0 to {count - 1}")
