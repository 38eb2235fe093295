"""Several labels an example: its tally, and counts of the labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from edgebert.label_metrics import sparse_counts_warning
from edgebert.resampling import Tallies, share_interval

ABSENT, RIGHT, INVENTED, MISSED = range(4)
"""What became of a label in an example: neither right nor given, right and given, given only, right only."""


def label_set_tally(gold: Sequence[int | float], answer: Sequence[int | float], *, labels: int) -> tuple[int, ...]:
    """Return the tally of an example, a number for each label of the model.

    Args:
        gold: Indices of the labels that are right.
        answer: Indices of those that were given.
        labels: Number of labels of the model.
    """
    right, given = set(gold), set(answer)
    states = ((ABSENT, INVENTED), (MISSED, RIGHT))
    return tuple(states[label in right][label in given] for label in range(labels))


def one_hot_counts(tallies: Tallies) -> npt.NDArray[np.float64]:
    """Return whether each label is right, invented or missed in each example, 0 or 1, float64 [examples, 3 labels].

    The columns of the labels that are right come first, then those that are invented, then those that are missed.
    """
    return np.concatenate([tallies == state for state in (RIGHT, INVENTED, MISSED)], axis=1).astype(np.float64)


def all_right(tallies: Tallies) -> npt.NDArray[np.bool_]:
    """Return whether all labels of an example and no others were given, bool [examples]."""
    right: npt.NDArray[np.bool_] = np.all(tallies <= RIGHT, axis=1)
    return right


def micro_f1(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return F1 over all labels together from sums of ``one_hot_counts``, [..., 3 labels] to [...]."""
    right, invented, missed = (part.sum(axis=-1) for part in np.split(sums, 3, axis=-1))
    return _f1(right, invented + missed)


def macro_f1(sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Return the mean F1 of the labels from sums of ``one_hot_counts``, float64 [..., 3 labels] to [...].

    A label that is neither right nor given anywhere is left out, as scikit-learn does it with ``zero_division=nan``.
    Where that is all of them the mean is 0.
    """
    right, invented, missed = np.split(sums, 3, axis=-1)
    present = (right + invented + missed > 0).sum(axis=-1)
    mean: npt.NDArray[np.float64] = _f1(right, invented + missed).sum(axis=-1) / np.maximum(present, 1)
    return mean


def most_frequent_set(tallies: Tallies) -> Tallies:
    """Return the tallies of the most frequent set of labels, given to every example."""
    expected = (tallies == RIGHT) | (tallies == MISSED)
    sets, counts = np.unique(expected, axis=0, return_counts=True)
    given = np.broadcast_to(sets[counts.argmax()], expected.shape)
    states = np.array([[ABSENT, INVENTED], [MISSED, RIGHT]])
    tallied: Tallies = states[expected.astype(int), given.astype(int)].astype(np.float64)
    return tallied


def label_units(tallies: Tallies) -> float:
    """Return how often labels are expected or given, the mean of the two."""
    right, invented, missed = _label_sums(tallies)
    return float((right + (invented + missed) / 2).sum())


def even_units(tallies: Tallies) -> float:
    """Return how many examples, spread evenly over the labels, tell as much about the mean of the labels as these."""
    right, invented, missed = _label_sums(tallies)
    expected, present = right + missed, np.count_nonzero(right + invented + missed)
    if not expected.any():
        return 0.0
    return min(float(present**2 / (1 / expected[expected > 0]).sum()), float(len(tallies)))


def macro_f1_interval(tallies: Tallies) -> tuple[float, float]:
    """Return Wilson's interval at the value and variance of the jackknife, as for macro F1 of one label an example."""
    columns, count = one_hot_counts(tallies), len(tallies)
    total = columns.sum(axis=0)
    value, variance = float(macro_f1(total)), 0.0
    if count > 1:
        left_out = macro_f1(total - columns)
        value = min(max(count * value - (count - 1) * float(left_out.mean()), 0.0), 1.0)
        variance = (count - 1) * float(left_out.var())
    return share_interval(value, variance, trials=max(even_units(tallies), 1.0))


def sparse_warning(tallies: Tallies) -> str:
    """Return what is wrong with the interval of macro F1 where too many labels are rare; empty where they are not."""
    right, _, missed = _label_sums(tallies)
    return sparse_counts_warning((right + missed).astype(np.int64), "macro F1")


def _label_sums(tallies: Tallies) -> tuple[Tallies, Tallies, Tallies]:
    """Return how often each label is right, invented and missed, float64 [labels] each."""
    right, invented, missed = np.split(one_hot_counts(tallies).sum(axis=0), 3)
    return right, invented, missed


def _f1(right: npt.NDArray[np.float64], wrong: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    whole = 2 * right + wrong
    share: npt.NDArray[np.float64] = 2 * right / np.where(whole > 0, whole, 1.0)
    return share
