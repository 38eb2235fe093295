"""Confidence intervals of proportions, paired differences and means, and McNemar's test.

Tails and quantiles are scipy's, imported by the first that needs them. Wilson's interval is not, because scipy's takes
integers only and the gate asks for thousands of them; Newcombe's is not in scipy. Levels of confidence are between 0
and 1; ``UsageError`` refuses others.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from edgebert.errors import UsageError


def wilson_interval(successes: float, trials: float, *, level: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a proportion (Wilson, JASA 22, 1927), without continuity correction.

    Args:
        successes: Number of successes, 0 to ``trials``; may be a fraction, a share of a number of trials.
        trials: Number of trials, above 0.
        level: Confidence level.

    Raises:
        UsageError: A count is out of range.
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
    """Return ``paired_counts_interval`` of whether a and b are right on each example, bool [n] each.

    Raises:
        UsageError: There is no example, or the arrays differ in shape.
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
        level: Confidence level.

    Raises:
        UsageError: A count is negative, or all are 0.
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

    The counts are of examples that only one of them has right; where there are none, it is 1.

    Raises:
        UsageError: A count is negative.
    """
    if only_a < 0 or only_b < 0:
        raise UsageError(f"counts of examples cannot be negative: {only_a}, {only_b}")
    from scipy.special import bdtr

    return min(2 * float(bdtr(min(only_a, only_b), only_a + only_b, 0.5)), 1.0)


def mean_interval(values: npt.ArrayLike, *, level: float = 0.95) -> tuple[float, float, float]:
    """Return the mean of some values and the ends of its interval (Student's t); one value has an infinite one.

    Raises:
        UsageError: There is no value.
    """
    given = np.asarray(values, dtype=np.float64)
    if not given.size:
        raise UsageError("there is nothing to take a mean of")
    mean, half = float(given.mean()), math.inf
    if given.size > 1:
        half = t_quantile(given.size - 1, level) * float(given.std(ddof=1)) / math.sqrt(given.size)
    return mean, mean - half, mean + half


def check_pair(a: npt.NDArray[np.generic], b: npt.NDArray[np.generic]) -> None:
    """Refuse two arrays that are not lists of equal length with one value at least.

    Raises:
        UsageError: They are not.
    """
    if a.ndim != 1 or a.shape != b.shape:
        raise UsageError(f"two lists of equal length are needed, not shapes {a.shape} and {b.shape}")
    if a.size == 0:
        raise UsageError("there is no example to score")


def normal_quantile(level: float) -> float:
    """Return the number of standard deviations that a normal variable stays within, either way, at this probability."""
    return NormalDist().inv_cdf(_checked(level))


def t_quantile(degrees: int, level: float) -> float:
    """Return the number that Student's t with some degrees of freedom stays within, either way, at this probability."""
    from scipy.special import stdtrit

    return float(stdtrit(degrees, _checked(level)))


def _checked(level: float) -> float:
    """Return the probability below the upper end of a two-sided interval."""
    if not 0 < level < 1:
        raise UsageError(f"a confidence level is between 0 and 1, not {level}")
    return (1 + level) / 2
