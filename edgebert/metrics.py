"""Accuracy, macro F1 and what can honestly be said about them: intervals, paired differences, McNemar's test.

Labels are whole numbers from 0; 'right' means that the predicted label is the expected one. Two files are compared
example by example, which needs far fewer examples than comparing two unrelated scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from edgebert.errors import UsageError
from edgebert.types import Score

METRICS = ("accuracy", "macro_f1")
"""Metrics that ``paired_score`` computes."""

Labels = npt.NDArray[np.integer]
"""Label indices, any integer dtype, shape [n]."""


def accuracy(expected: Labels, predicted: Labels) -> float:
    """Return the share of examples whose label is right, 0 to 1.

    Args:
        expected: True labels, integers [n].
        predicted: Predicted labels, integers [n].

    Raises:
        UsageError: There is no example, or the arrays differ in shape.
    """
    _check_pair(expected, predicted)
    return float(np.mean(expected == predicted))


def macro_f1(expected: Labels, predicted: Labels, *, labels: int) -> float:
    """Return the mean of the labels' F1, 0 to 1, each label counting equally however rare it is.

    Labels that occur neither among the expected nor among the predicted ones are left out, as scikit-learn's
    ``f1_score(average="macro")`` does it by default.

    Args:
        expected: True labels, integers [n] in 0 to ``labels`` - 1.
        predicted: Predicted labels, integers [n] in 0 to ``labels`` - 1.
        labels: Number of labels of the model.

    Raises:
        UsageError: There is no example, the arrays differ in shape, or a label is out of range.
    """
    _check_labels(expected, predicted, labels)
    return _macro_f1(expected, predicted, labels)


def wilson_interval(successes: int, trials: int, *, level: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a proportion (Wilson, JASA 22, 1927), without continuity correction.

    Args:
        successes: Number of successes, 0 to ``trials``.
        trials: Number of trials, at least 1.
        level: Confidence level between 0 and 1.

    Returns:
        Lower and upper end, in 0 to 1; the observed proportion lies between them.

    Raises:
        UsageError: A count or the level is out of range.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise UsageError(f"no proportion: {successes} successes in {trials} trials")
    square = _quantile(level) ** 2
    centre = successes + square / 2
    spread = math.sqrt(square * (successes * (trials - successes) / trials + square / 4))
    # Rounding must not move an end across the observed proportion, nor off 0 and 1.
    low = 0.0 if successes == 0 else min((centre - spread) / (trials + square), successes / trials)
    high = 1.0 if successes == trials else max((centre + spread) / (trials + square), successes / trials)
    return low, high


def paired_difference_interval(
    correct_a: npt.NDArray[np.bool_], correct_b: npt.NDArray[np.bool_], *, level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of the difference of two proportions seen on the same examples, b minus a.

    Method 10 of Newcombe, 'Improved confidence intervals for the difference between binomial proportions based on
    paired data', Statistics in Medicine 17, 1998: the Wilson intervals of both proportions, squared and added with
    the correlation between the two, whose numerator is continuity-corrected where it is positive. Unlike the textbook
    interval it keeps a width when a and b are right on the same examples.

    Args:
        correct_a: Whether a is right on each example, bool [n].
        correct_b: Whether b is right on each example, bool [n].
        level: Confidence level between 0 and 1.

    Returns:
        Lower and upper end, in -1 to 1; the observed difference lies between them.

    Raises:
        UsageError: There is no example, the arrays differ in shape, or the level is out of range.
    """
    _check_pair(correct_a, correct_b)
    n = correct_a.size
    # Python integers: the product of the four margins overflows 64 bits from some 100,000 examples on.
    both = int(np.count_nonzero(correct_a & correct_b))
    only_a = int(np.count_nonzero(correct_a)) - both
    only_b = int(np.count_nonzero(correct_b)) - both
    neither = n - both - only_a - only_b
    right_a, right_b = both + only_a, both + only_b

    margins = right_a * (n - right_a) * right_b * (n - right_b)
    excess = both * neither - only_a * only_b
    corrected = max(excess - n / 2, 0.0) if excess > 0 else float(excess)
    phi = corrected / math.sqrt(margins) if margins else 0.0

    low_a, high_a = wilson_interval(right_a, n, level=level)
    low_b, high_b = wilson_interval(right_b, n, level=level)
    down_a, up_a = right_a / n - low_a, high_a - right_a / n
    down_b, up_b = right_b / n - low_b, high_b - right_b / n
    difference = (only_b - only_a) / n
    down = math.sqrt(max(down_b**2 - 2 * phi * down_b * up_a + up_a**2, 0.0))
    up = math.sqrt(max(up_b**2 - 2 * phi * up_b * down_a + down_a**2, 0.0))
    return max(difference - down, -1.0), min(difference + up, 1.0)


def mcnemar_p(only_a: int, only_b: int) -> float:
    """Return the two-sided exact p-value of 'a and b are right equally often' (McNemar's test, binomial form).

    Args:
        only_a: Number of examples on which a is right and b is wrong.
        only_b: Number of examples on which b is right and a is wrong.

    Returns:
        Probability, 0 to 1; 1 when a and b never differ in being right.

    Raises:
        UsageError: A count is negative.
    """
    if only_a < 0 or only_b < 0:
        raise UsageError(f"counts of examples cannot be negative: {only_a}, {only_b}")
    n, few = only_a + only_b, min(only_a, only_b)
    if 2 * few == n:
        return 1.0
    # The tail is its largest term, whose logarithm cannot underflow, times a sum of ratios that starts with 1.
    log_term = math.lgamma(n + 1) - math.lgamma(few + 1) - math.lgamma(n - few + 1) - n * math.log(2)
    k = np.arange(few, 0, -1, dtype=np.float64)
    ratios = 1.0 + float(np.cumprod(k / (n - k + 1)).sum())
    return min(2 * math.exp(log_term + math.log(ratios)), 1.0)


def bootstrap_interval(
    statistic: Callable[[npt.NDArray[np.int64]], float],
    examples: int,
    *,
    level: float = 0.95,
    resamples: int = 2000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return the percentile bootstrap interval of a statistic (Efron, Annals of Statistics 7, 1979).

    The same arguments give the same interval. For a paired difference the statistic computes both values from the
    same indices. A statistic that is equal on every resample has an interval without width, however few the examples.

    Args:
        statistic: Computes the statistic of the examples with the given indices, int64 [examples].
        examples: Number of examples, at least 1.
        level: Confidence level between 0 and 1.
        resamples: Number of resamples, at least 1.
        seed: Seed of the resampling.

    Raises:
        UsageError: A count or the level is out of range.
    """
    if examples < 1 or resamples < 1:
        raise UsageError(f"no bootstrap: {examples} examples, {resamples} resamples")
    _check_level(level)
    generator = np.random.default_rng(seed)
    values = [statistic(generator.integers(0, examples, examples)) for _ in range(resamples)]
    low, high = np.quantile(np.array(values, dtype=np.float64), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def paired_score(
    *,
    file: str,
    runtime: str,
    metric: str,
    expected: Labels,
    predicted: Labels,
    labels: int,
    baseline_file: str | None = None,
    baseline_predicted: Labels | None = None,
) -> Score:
    """Return the score of one file, compared example by example with the baseline's when one is given.

    Intervals are at 95 %: for ``accuracy`` Wilson's and Newcombe's, for ``macro_f1`` bootstrap ones, widened where
    needed to hold the value itself. McNemar's test compares how often the two are right, whatever the metric.

    Args:
        file: File inside the bundle, or ``checkpoint``.
        runtime: Runtime that computed the predictions.
        metric: One of ``METRICS``.
        expected: True labels, integers [n] in 0 to ``labels`` - 1.
        predicted: Labels the file predicts, integers [n] in 0 to ``labels`` - 1.
        labels: Number of labels of the model.
        baseline_file: Name of the baseline; given together with ``baseline_predicted``.
        baseline_predicted: Labels the baseline predicts, integers [n] in 0 to ``labels`` - 1.

    Raises:
        UsageError: The metric is unknown, there is no example, the arrays differ in shape, a label is out of range,
            or only one half of the baseline is given.
    """
    if metric not in METRICS:
        raise UsageError(f"unknown metric {metric!r}", hint=f"known metrics: {', '.join(METRICS)}")
    if (baseline_file is None) != (baseline_predicted is None):
        raise UsageError("a baseline needs both its name and its predictions, but only one of them was given")
    _check_labels(expected, predicted, labels)
    value = _value(metric, expected, predicted, labels)
    low, high = _interval(metric, expected, predicted, labels)
    score = Score(
        file=file,
        runtime=runtime,
        metric=metric,
        value=value,
        low=min(low, value),
        high=max(high, value),
        examples=expected.size,
    )
    if baseline_predicted is None:
        return score
    _check_labels(expected, baseline_predicted, labels)
    difference = value - _value(metric, expected, baseline_predicted, labels)
    low, high = _difference_interval(metric, expected, baseline_predicted, predicted, labels)
    right, baseline_right = predicted == expected, baseline_predicted == expected
    flips = int(np.count_nonzero(predicted != baseline_predicted))
    return replace(
        score,
        baseline=baseline_file,
        difference=difference,
        difference_low=min(low, difference),
        difference_high=max(high, difference),
        agreement=(score.examples - flips) / score.examples,
        flips=flips,
        mcnemar_p=mcnemar_p(
            int(np.count_nonzero(baseline_right & ~right)), int(np.count_nonzero(right & ~baseline_right))
        ),
    )


def _value(metric: str, expected: Labels, predicted: Labels, labels: int) -> float:
    if metric == "accuracy":
        return accuracy(expected, predicted)
    return _macro_f1(expected, predicted, labels)


def _interval(metric: str, expected: Labels, predicted: Labels, labels: int) -> tuple[float, float]:
    if metric == "accuracy":
        return wilson_interval(int(np.count_nonzero(expected == predicted)), expected.size)
    return bootstrap_interval(lambda at: _macro_f1(expected[at], predicted[at], labels), expected.size)


def _difference_interval(
    metric: str, expected: Labels, before: Labels, after: Labels, labels: int
) -> tuple[float, float]:
    if metric == "accuracy":
        return paired_difference_interval(before == expected, after == expected)

    def difference(at: npt.NDArray[np.int64]) -> float:
        return _macro_f1(expected[at], after[at], labels) - _macro_f1(expected[at], before[at], labels)

    return bootstrap_interval(difference, expected.size)


def _macro_f1(expected: Labels, predicted: Labels, labels: int) -> float:
    right = np.bincount(expected[expected == predicted], minlength=labels)
    seen = np.bincount(expected, minlength=labels) + np.bincount(predicted, minlength=labels)
    present = seen > 0
    return float(np.mean(2 * right[present] / seen[present]))


def _check_pair(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> None:
    if a.ndim != 1 or a.shape != b.shape:
        raise UsageError(f"two lists of equal length are needed, not shapes {a.shape} and {b.shape}")
    if a.size == 0:
        raise UsageError("there is no example to score")


def _check_labels(expected: Labels, predicted: Labels, labels: int) -> None:
    _check_pair(expected, predicted)
    for what, values in (("expected", expected), ("predicted", predicted)):
        if not np.issubdtype(values.dtype, np.integer):
            raise UsageError(f"the {what} labels are {values.dtype}, not whole numbers")
        if values.min() < 0 or values.max() >= labels:
            raise UsageError(
                f"the {what} labels reach from {values.min()} to {values.max()}, outside 0 to {labels - 1}"
            )


def _check_level(level: float) -> None:
    if not 0 < level < 1:
        raise UsageError(f"a confidence level lies between 0 and 1, not at {level}")


def _quantile(level: float) -> float:
    _check_level(level)
    return NormalDist().inv_cdf((1 + level) / 2)
