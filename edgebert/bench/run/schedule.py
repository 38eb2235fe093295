"""The order of the trials: forward and backward in turn (ABBA), so that drift hits all files alike.

In two rounds, one forward and one backward, the positions of every entry add up to the same sum. Whatever grows evenly
with time (heat, a clock that falls, a disk that fills) therefore adds the same to the mean of each of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(Generic[T]):
    """One trial to make.

    Attributes:
        order: Its place among all trials of the device, from 0.
        round: Which of the processes of its entry it is, from 0.
        entry: What to run.
    """

    order: int
    round: int
    entry: T


def abba(entries: Sequence[T], rounds: int) -> tuple[Turn[T], ...]:
    """Return every entry once in each round: even rounds forward, odd rounds backward.

    Over an even number of rounds any two entries have the same mean place. Entries to be compared should stand side by
    side, which keeps what no order cancels small.
    """
    size = len(entries)
    return tuple(
        Turn(
            order=turn * size + place,
            round=turn,
            entry=entries[place if turn % 2 == 0 else size - 1 - place],
        )
        for turn in range(rounds)
        for place in range(size)
    )
