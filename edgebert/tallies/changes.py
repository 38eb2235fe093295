"""Which labels or types of entities changed most between two files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgebert.resampling import Tallies
from edgebert.tallies.label_sets import INVENTED, MISSED, RIGHT

Counts = npt.NDArray[np.int64]
"""How often each label is right, given and expected, int64 [labels, 3]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelScore:
    """How well a label is told, each 0 to 1; 0 where there is nothing to divide by."""

    precision: float
    recall: float
    f1: float


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelChange:
    """A label or type of entities before and after.

    Attributes:
        label: Its name.
        expected: How often it is right.
        before: How well the first file tells it.
        after: How well the second does.
    """

    label: str
    expected: int
    before: LabelScore
    after: LabelScore

    @property
    def change(self) -> float:
        """F1 after minus F1 before."""
        return self.after.f1 - self.before.f1


def label_changes(names: Sequence[str], before: Counts, after: Counts) -> tuple[LabelChange, ...]:
    """Return the change of each label that is expected or given somewhere, the largest of F1 first.

    Equal changes come in the order of the labels.

    Args:
        names: Names of the labels or types.
        before: Their counts by the first file (``label_counts``, ``label_set_counts``, ``entities.type_counts``).
        after: Those by the second, of the same examples.
    """
    found = [
        LabelChange(label=name, expected=int(old[2]), before=_score(old), after=_score(new))
        for name, old, new in zip(names, before, after, strict=True)
        if old.any() or new.any()
    ]
    return tuple(sorted(found, key=lambda item: -abs(item.change)))


def label_counts(tallies: Tallies, *, labels: int) -> Counts:
    """Return the counts of the labels from tallies of one label an example."""
    expected, given = tallies.astype(np.int64).T
    columns = (expected[expected == given], given, expected)
    return np.stack([np.bincount(column, minlength=labels) for column in columns], axis=1)


def label_set_counts(tallies: Tallies) -> Counts:
    """Return the counts of the labels from tallies of several labels an example."""
    right, invented, missed = (np.count_nonzero(tallies == state, axis=0) for state in (RIGHT, INVENTED, MISSED))
    return np.stack([right, right + invented, right + missed], axis=1)


def _score(counts: Counts) -> LabelScore:
    right, given, expected = (int(count) for count in counts)
    return LabelScore(
        precision=right / given if given else 0.0,
        recall=right / expected if expected else 0.0,
        f1=2 * right / (given + expected) if given + expected else 0.0,
    )
