"""The paired bootstrap: intervals of any statistic of examples, and of its difference between two files.

The bootstrap's percentile interval of a difference is too narrow for few examples and has no width where two files
answer alike. The one here takes Student's t and the bootstrap's standard error, and allows for changes that were not
seen. ``benchmarks/RESULTS.md`` has the simulated coverage of both. That of a mean is skewed as its values are.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from edgebert.intervals import normal_quantile, t_quantile, wilson_interval

Tallies = npt.NDArray[np.float64]
"""The tallies of all examples, float64 [examples, numbers of a tally]; a count below 2**53 is exact."""

Weights = npt.NDArray[np.float64]
"""How often each example is drawn in each resample, float64 [resamples, examples]; each row sums to the examples."""

Statistic = Callable[[Tallies, Weights], npt.NDArray[np.float64]]
"""Computes a statistic of tallies for each row of weights, float64 [resamples]."""

RESAMPLES = 2000

_CELLS = 2_000_000
"""Weights that are in memory at once."""

_ROUNDING = 1e-12
"""Share of a variance that rounding alone may give."""


def value_of(statistic: Statistic, tallies: Tallies) -> float:
    """Return the statistic of the examples themselves."""
    return float(statistic(tallies, np.ones((1, len(tallies))))[0])


def resampled(statistic: Statistic, *files: Tallies) -> npt.NDArray[np.float64]:
    """Return the statistic of each file in the same resamples of the examples, float64 [files, RESAMPLES].

    The seed is fixed: equal tallies give equal numbers.
    """
    found = [[statistic(tallies, weights) for tallies in files] for weights in _draws(len(files[0]))]
    return np.concatenate(found, axis=1)


def expanded_interval(resamples: npt.NDArray[np.float64], *, examples: int) -> tuple[float, float]:
    """Return the 95 % interval of a statistic: the percentiles of its resamples at the level that Student's t asks for.

    The percentile interval proper is too narrow for few examples (Hesterberg, 'What Teachers Should Know About the
    Bootstrap', The American Statistician 69, 2015). One example has an infinite one.

    Args:
        resamples: Values in resamples [resamples].
        examples: Number of examples.
    """
    if examples < 2:
        return -math.inf, math.inf
    outside = NormalDist().cdf(-math.sqrt(examples / (examples - 1)) * t_quantile(examples - 1, 0.95))
    low, high = np.quantile(resamples, [outside, 1 - outside])
    return float(low), float(high)


def share_interval(value: float, variance: float, *, trials: float) -> tuple[float, float]:
    """Return the 95 % interval of a statistic from 0 to 1: Wilson's, for as many trials as give the variance.

    Args:
        value: The statistic.
        variance: Its variance.
        trials: Number of trials where the variance tells none.
    """
    spread = value * (1 - value)
    # Equal tallies give equal resamples, but for rounding.
    if spread > 0 and variance > _ROUNDING * spread:
        trials = spread / variance
    return wilson_interval(value * trials, trials)


def unseen_change(units: float, *, level: float) -> float:
    """Return the part of a difference's interval, on either side, that allows for changes which were not seen.

    It is that of z squared units: as wide as Wilson's interval of a proportion of which nothing was seen. It shrinks
    with the number of examples itself, not with its root.

    Args:
        units: How many units each change the statistic by one over this number; infinite where nothing is allowed for.
        level: Confidence level.
    """
    return normal_quantile(level) ** 2 / units if units else math.inf


def half_width(error: float, *, examples: int, units: float, level: float) -> float:
    """Return half the width of the interval of a paired difference.

    Args:
        error: Its standard error, by the bootstrap.
        examples: Number of examples; one has an infinite interval.
        units: As for ``unseen_change``.
        level: Confidence level.
    """
    if examples < 2:
        return math.inf
    # The bootstrap divides by the examples where a variance divides by one less.
    sampled = t_quantile(examples - 1, level) * error * math.sqrt(examples / (examples - 1))
    return math.hypot(sampled, unseen_change(units, level=level))


def mean_reach(
    values: npt.NDArray[np.float64],
) -> Callable[[float, int], tuple[float, float]]:
    """Return what computes how far the interval of a mean reaches below and above it, by level and examples.

    By the bootstrap-t (Hall, 'Theoretical Comparison of Bootstrap Confidence Intervals', The Annals of Statistics 16,
    1988): quantiles of how far means of resamples are from the mean, each in units of its own standard error. Where a
    few values are far below all others, as cosines are, these reach further down than up. Student's t is the least on
    either side, since few or equal values tell no quantiles.

    Args:
        values: The values, float64 [examples].
    """
    seen, mean, error = len(values), float(values.mean()), float(values.std()) / math.sqrt(len(values))
    apart = [np.zeros(1)]
    for weights in _draws(seen):
        means = weights @ values / seen
        errors = np.sqrt(np.maximum(weights @ (values - mean) ** 2 / seen - (means - mean) ** 2, 0.0) / seen)
        varies = errors > 1e-9 * error
        apart.append((means[varies] - mean) / errors[varies])
    ratios = np.concatenate(apart)

    def reach(level: float, examples: int) -> tuple[float, float]:
        scaled = error * math.sqrt(seen / examples)
        least = half_width(scaled, examples=examples, units=math.inf, level=level)
        low, high = np.quantile(ratios, [(1 - level) / 2, (1 + level) / 2])
        return max(least, float(high) * scaled), max(least, -float(low) * scaled)

    return reach


def _draws(examples: int) -> Iterator[Weights]:
    generator = np.random.default_rng(0)
    step = max(_CELLS // examples, 1)
    for start in range(0, RESAMPLES, step):
        rows = min(step, RESAMPLES - start)
        drawn = generator.integers(examples, size=(rows, examples)) + examples * np.arange(rows)[:, None]
        counts = np.bincount(drawn.ravel(), minlength=rows * examples)
        yield counts.reshape(rows, examples).astype(np.float64)
