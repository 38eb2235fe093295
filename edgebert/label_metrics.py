"""Metrics of one label an example: accuracy, and macro F1 with the intervals of its jackknife.

Labels are integers [n] from 0 to the number of labels less one; 'right' means that the predicted label is the expected
one. ``UsageError`` refuses no example, arrays that differ in shape, and labels and levels out of range.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from edgebert.errors import UsageError
from edgebert.intervals import check_pair, normal_quantile, wilson_interval

Labels = npt.NDArray[np.integer]
"""Label indices, any integer dtype, shape [n]."""


def accuracy(expected: Labels, predicted: Labels) -> float:
    """Return the share of examples whose label is right, 0 to 1."""
    check_pair(expected, predicted)
    return float(np.mean(expected == predicted))


def macro_f1(expected: Labels, predicted: Labels, labels: int) -> float:
    """Return the mean of the labels' F1, 0 to 1, each label counting equally however rare it is.

    Labels that occur neither among the expected nor among the predicted ones are left out, as scikit-learn's
    ``f1_score(average="macro")`` does it by default.
    """
    _check_labels(expected, predicted, labels)
    right = np.bincount(expected[expected == predicted], minlength=labels)
    seen = np.bincount(expected, minlength=labels) + np.bincount(predicted, minlength=labels)
    present = seen > 0
    return float(np.mean(2 * right[present] / seen[present]))


def macro_f1_leave_one_out(expected: Labels, predicted: Labels, *, labels: int) -> npt.NDArray[np.float64]:
    """Return macro F1 without each one of two or more examples, float64 [n]; arguments as for ``macro_f1``."""
    is_right = expected == predicted
    right = np.bincount(expected[is_right], minlength=labels)
    seen = np.bincount(expected, minlength=labels) + np.bincount(predicted, minlength=labels)
    score = 2 * right / np.maximum(seen, 1)
    # An example that is right is seen twice by its label; one that is wrong once by each of two labels.
    own_left, other_left = seen[expected] - 1 - is_right, seen[predicted] - 1
    own = 2 * (right[expected] - is_right) / np.maximum(own_left, 1)
    other = 2 * right[predicted] / np.maximum(other_left, 1)
    sums = score.sum() + own - score[expected] + np.where(is_right, 0.0, other - score[predicted])
    present = np.count_nonzero(seen) - (own_left == 0) - (~is_right & (other_left == 0))
    left_out: npt.NDArray[np.float64] = sums / present
    return left_out


def macro_f1_interval(expected: Labels, predicted: Labels, labels: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return the interval of macro F1 over all texts like these.

    Wilson's interval of a proportion, at the value that the jackknife corrects for its bias (Quenouille 1956), for as
    many trials as give the jackknife's variance (Tukey 1958). Macro F1 of few texts a label is too low on average,
    which the bootstrap doubles. ``benchmarks/RESULTS.md`` has the simulated coverage of this and five other methods.

    Its ends lie in 0 to 1 and need not hold the observed value, where its bias is large.
    """
    _check_labels(expected, predicted, labels)
    corrected, deviations = _jackknife(expected, predicted, labels)
    corrected = min(max(corrected, 0.0), 1.0)
    variance, spread = float(np.square(deviations).sum()), corrected * (1 - corrected)
    trials = spread / variance if variance and spread else _even_examples(expected, predicted, labels)
    return wilson_interval(corrected * trials, trials, level=level)


def macro_f1_difference_interval(
    expected: Labels, before: Labels, after: Labels, labels: int, *, level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of the difference of macro F1 on the same texts, after minus before.

    The jackknife's corrected difference, plus and minus normal quantiles of its standard error. The variance counts
    z squared flips more than there are: where nothing flipped the interval is as wide as that of a proportion of which
    nothing was seen, instead of without width.
    """
    _check_labels(expected, before, labels)
    _check_labels(expected, after, labels)
    z = normal_quantile(level)
    old, old_deviations = _jackknife(expected, before, labels)
    new, new_deviations = _jackknife(expected, after, labels)
    even = min(_even_examples(expected, predicted, labels) for predicted in (before, after))
    half = z * math.sqrt(float(np.square(new_deviations - old_deviations).sum()) + (z / even) ** 2)
    return max(new - old - half, -1.0), min(new - old + half, 1.0)


def is_sparse(expected: Labels, *, labels: int) -> bool:
    """Return whether more than a fifth of the labels have fewer than two examples.

    The intervals of macro F1 are then too narrow (``benchmarks/RESULTS.md``): what a label without examples does to it
    cannot be told from the others.
    """
    return bool(sparse_warning(expected, labels=labels))


def sparse_warning(expected: Labels, *, labels: int) -> str:
    """Return what is wrong with the intervals of macro F1 where too many labels are rare; empty where they are not."""
    return sparse_counts_warning(np.bincount(expected, minlength=labels), "macro F1")


def sparse_counts_warning(counts: npt.NDArray[np.integer], metric: str) -> str:
    """Return the same from the number of texts of each label.

    Args:
        counts: The numbers, any integer dtype [labels].
        metric: Name of the metric that is a mean of the labels.
    """
    rare, labels = int(np.count_nonzero(counts < 2)), len(counts)
    if 5 * rare <= labels:
        return ""
    return (
        f"{rare} of {labels} labels have fewer than 2 texts: the 95 % intervals of {metric} are too narrow; use more "
        "texts of these labels"
    )


def unseen_flips_width(flips: int, examples: int, alpha: float) -> float:
    """Return the part of the interval of a difference of macro F1, on either side, that allows for unseen flips.

    It is that of z squared flips, and all of the interval where nothing flipped. It shrinks with the number of examples
    itself, not with its root.

    Args:
        flips: Number of examples that the two files label differently.
        examples: Number of examples.
        alpha: Probability beyond either end of the interval.
    """
    return NormalDist().inv_cdf(1 - alpha) ** 2 / examples if flips else math.inf


def chance_labels(expected: Labels) -> Labels:
    """Return the label that is most frequent among the expected ones, for every example [n]."""
    return np.full_like(expected, np.bincount(expected).argmax())


def _jackknife(expected: Labels, predicted: Labels, labels: int) -> tuple[float, npt.NDArray[np.float64]]:
    """Return macro F1 corrected for its bias, and deviations [n] whose squares sum to its variance."""
    value, count = macro_f1(expected, predicted, labels), expected.size
    if count == 1:
        return value, np.zeros(1)
    left_out = macro_f1_leave_one_out(expected, predicted, labels=labels)
    mean = float(left_out.mean())
    return count * value - (count - 1) * mean, math.sqrt((count - 1) / count) * (left_out - mean)


def _even_examples(expected: Labels, predicted: Labels, labels: int) -> float:
    """Return how many examples, spread evenly over the labels, tell as much about the mean of the labels as these."""
    counts = np.bincount(expected, minlength=labels)
    present = np.count_nonzero(counts + np.bincount(predicted, minlength=labels))
    return min(float(present**2 / (1 / counts[counts > 0]).sum()), float(expected.size))


def _check_labels(expected: Labels, predicted: Labels, labels: int) -> None:
    check_pair(expected, predicted)
    for what, values in (("expected", expected), ("predicted", predicted)):
        if not np.issubdtype(values.dtype, np.integer):
            raise UsageError(f"the {what} labels are {values.dtype}, not integers")
        if values.min() < 0 or values.max() >= labels:
            raise UsageError(
                f"the {what} labels reach from {values.min()} to {values.max()}, outside 0 to {labels - 1}"
            )
