"""Confidence intervals of proportions, of paired differences and of any statistic, and McNemar's test."""

from __future__ import annotations

import math
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from edgebert.errors import UsageError


def wilson_interval(successes: float, trials: float, *, level: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a proportion (Wilson, JASA 22, 1927), without continuity correction.

    Args:
        successes: Number of successes, 0 to ``trials``; may be a fraction, a share of a number of trials.
        trials: Number of trials, above 0.
        level: Confidence level between 0 and 1.

    Returns:
        Lower and upper end, in 0 to 1; the observed proportion lies between them.

    Raises:
        UsageError: A count or the level is out of range.
    """
    if not 0 <= successes <= trials or trials == 0:
        raise UsageError(f"no proportion: {successes} successes in {trials} trials")
    square = normal_quantile(level) ** 2
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

    Args:
        correct_a: Whether a is right on each example, bool [n].
        correct_b: Whether b is right on each example, bool [n].
        level: Confidence level between 0 and 1.

    Returns:
        Lower and upper end, in -1 to 1, as ``paired_counts_interval`` computes them.

    Raises:
        UsageError: There is no example, the arrays differ in shape, or the level is out of range.
    """
    check_pair(correct_a, correct_b)
    # Python integers: the product of the four margins overflows 64 bits from some 100,000 examples on.
    both = int(np.count_nonzero(correct_a & correct_b))
    only_a = int(np.count_nonzero(correct_a)) - both
    only_b = int(np.count_nonzero(correct_b)) - both
    return paired_counts_interval(both, only_a, only_b, correct_a.size - both - only_a - only_b, level=level)


def paired_counts_interval(
    both: float, only_a: float, only_b: float, neither: float, *, level: float = 0.95
) -> tuple[float, float]:
    """Return the interval of the difference of two paired proportions from the counts of examples, b minus a.

    Method 10 of Newcombe, 'Improved confidence intervals for the difference between binomial proportions based on
    paired data', Statistics in Medicine 17, 1998: the Wilson intervals of both proportions, squared and added with
    the correlation between the two, whose numerator is continuity-corrected where it is positive. Unlike the textbook
    interval it keeps a width when a and b are right on the same examples.

    Args:
        both: Number of examples that both have right. Counts may be fractions: shares of a number of examples.
        only_a: Number that only a has right.
        only_b: Number that only b has right.
        neither: Number that neither has right.
        level: Confidence level between 0 and 1.

    Returns:
        Lower and upper end, in -1 to 1; the observed difference lies between them.

    Raises:
        UsageError: A count is negative, all are 0, or the level is out of range.
    """
    n = both + only_a + only_b + neither
    right_a, wrong_a, right_b, wrong_b = both + only_a, only_b + neither, both + only_b, only_a + neither
    margins = right_a * wrong_a * right_b * wrong_b
    excess = both * neither - only_a * only_b
    corrected = max(excess - n / 2, 0.0) if excess > 0 else float(excess)
    phi = corrected / math.sqrt(margins) if margins else 0.0

    low_a, high_a = wilson_interval(right_a, right_a + wrong_a, level=level)
    low_b, high_b = wilson_interval(right_b, right_b + wrong_b, level=level)
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
    check_level(level)
    generator = np.random.default_rng(seed)
    values = [statistic(generator.integers(0, examples, examples)) for _ in range(resamples)]
    low, high = np.quantile(np.array(values, dtype=np.float64), [(1 - level) / 2, (1 + level) / 2])
    return float(low), float(high)


def check_pair(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> None:
    """Refuse two arrays that are not lists of equal length with one value at least.

    Raises:
        UsageError: They are not.
    """
    if a.ndim != 1 or a.shape != b.shape:
        raise UsageError(f"two lists of equal length are needed, not shapes {a.shape} and {b.shape}")
    if a.size == 0:
        raise UsageError("there is no example to score")


def check_level(level: float) -> None:
    """Refuse a confidence level outside 0 to 1.

    Raises:
        UsageError: It is.
    """
    if not 0 < level < 1:
        raise UsageError(f"a confidence level lies between 0 and 1, not at {level}")


def normal_quantile(level: float) -> float:
    """Return the number of standard deviations that a normal variable stays within, either way, at this probability.

    Raises:
        UsageError: The level is outside 0 to 1.
    """
    check_level(level)
    return NormalDist().inv_cdf((1 + level) / 2)
