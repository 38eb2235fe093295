"""Metrics of two numbers an example, by weighted examples: correlations, errors, and a percentile of one number.

Weights [resamples, examples] say how often an example counts, so that one call serves many resamples.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]
"""Numbers by example, float64 [examples]."""

Weights = npt.NDArray[np.float64]
"""How often each example counts in each resample, float64 [resamples, examples]."""

_FLAT = 1e-13
"""Variances below this share of the mean square are noise of rounding."""


def pearson(first: Numbers, second: Numbers, weights: Weights) -> npt.NDArray[np.float64]:
    """Return the correlation of two numbers (Pearson), -1 to 1, float64 [resamples]; 0 where one does not vary."""
    x, y = _scaled(first), _scaled(second)
    sums = weights @ np.stack([x, y, x * x, y * y, x * y], axis=1) / weights.sum(axis=1, keepdims=True)
    mean_x, mean_y, square_x, square_y, product = sums.T
    return _correlation(mean_x, mean_y, square_x, square_y, product)


def spearman(first: Numbers, second: Numbers, weights: Weights) -> npt.NDArray[np.float64]:
    """Return the correlation of the ranks of two numbers (Spearman); equal numbers share the mean of their ranks."""
    size = weights.sum(axis=1, keepdims=True)
    # Ranks around their mean, which is the same for every sample of a size: no weighted mean is left to take.
    x, y = ((_ranks(values, weights) - (size + 1) / 2) / size for values in (first, second))
    square_x, square_y, product = ((weights * one * other).sum(axis=1) for one, other in ((x, x), (y, y), (x, y)))
    nothing = np.zeros(len(weights))
    return _correlation(nothing, nothing, square_x / size[:, 0], square_y / size[:, 0], product / size[:, 0])


def root_mean_square_error(first: Numbers, second: Numbers, weights: Weights) -> npt.NDArray[np.float64]:
    """Return the root of the mean square of the differences, 0 or more, float64 [resamples]."""
    error = np.abs(first - second)
    most = float(error.max()) or 1.0
    means: npt.NDArray[np.float64] = most * np.sqrt(weights @ (error / most) ** 2 / weights.sum(axis=1))
    return means


def mean(values: Numbers, weights: Weights) -> npt.NDArray[np.float64]:
    """Return the mean, float64 [resamples]."""
    means: npt.NDArray[np.float64] = weights @ values / weights.sum(axis=1)
    return means


def percentile(values: Numbers, weights: Weights, *, share: float) -> npt.NDArray[np.float64]:
    """Return the value that a share of the examples is below, float64 [resamples]; between two examples linearly.

    Args:
        values: The numbers.
        weights: Whole numbers.
        share: The share, 0 to 1.
    """
    order = np.argsort(values, kind="stable")
    reached, ascending = weights[:, order].cumsum(axis=1), values[order]
    place = share * (reached[:, -1] - 1)
    low = np.floor(place)
    last = reached[:, -1] - 1
    ends = [ascending[(reached > index[:, None]).argmax(axis=1)] for index in (low, np.minimum(low + 1, last))]
    between: npt.NDArray[np.float64] = ends[0] + (place - low) * (ends[1] - ends[0])
    return between


def error_influence(first: Numbers, second: Numbers) -> Numbers:
    """Return how far each example moves the root mean square error, as many times as there are examples."""
    error = np.abs(first - second)
    most = float(error.max()) or 1.0
    squares = np.square(error / most)
    moves: Numbers = most * (squares - squares.mean()) / (2 * np.sqrt(squares.mean()) or 1.0)
    return moves


def correlation_influence(first: Numbers, second: Numbers) -> Numbers:
    """Return how far each example moves Pearson's correlation, as many times as there are examples."""
    x, y = (values / (np.sqrt(np.mean(values**2)) or 1.0) for values in (_scaled(first), _scaled(second)))
    moves: Numbers = x * y - np.mean(x * y) * (x**2 + y**2) / 2
    return moves


def mean_answer(tallies: Weights) -> Weights:
    """Return the tallies of the mean of the right numbers, given to every example, float64 [examples, 2]."""
    gold = tallies[:, 0]
    return np.stack([gold, np.full_like(gold, gold.mean())], axis=1)


def _scaled(values: Numbers) -> Numbers:
    """Return numbers around their mean, at most 1 in size, so that their squares neither vanish nor overflow."""
    if values.min() == values.max():
        return np.zeros_like(values)
    scaled = values / np.abs(values).max()
    scaled -= scaled.mean()
    around: Numbers = scaled / np.abs(scaled).max()
    return around


def _ranks(values: Numbers, weights: Weights) -> npt.NDArray[np.float64]:
    """Return the rank of each example in each resample, float64 [resamples, examples]."""
    distinct, group = np.unique(values, return_inverse=True)
    order = np.argsort(group, kind="stable")
    starts = np.searchsorted(group[order], np.arange(len(distinct)))
    counts = weights[:, order] if len(distinct) == len(values) else np.add.reduceat(weights[:, order], starts, axis=1)
    ranks: npt.NDArray[np.float64] = (counts.cumsum(axis=1) - (counts - 1) / 2)[:, group]
    return ranks


def _correlation(
    mean_x: Numbers, mean_y: Numbers, square_x: Numbers, square_y: Numbers, product: Numbers
) -> npt.NDArray[np.float64]:
    spread_x, spread_y = square_x - mean_x**2, square_y - mean_y**2
    is_flat = (spread_x <= _FLAT * square_x) | (spread_y <= _FLAT * square_y)
    found = (product - mean_x * mean_y) / np.sqrt(np.where(is_flat, 1.0, spread_x * spread_y))
    correlation: npt.NDArray[np.float64] = np.where(is_flat, 0.0, np.clip(found, -1.0, 1.0))
    return correlation
