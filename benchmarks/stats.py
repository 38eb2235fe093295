"""What is derived from raw samples when it is shown: medians, ratios, and their intervals.

The unit that repeats independently is the round, not the inference: runs of one process share its memory layout and
the moment. So intervals come from resampling rounds, the same ones for both sides of a ratio. Cuts repeat by seed, and
three are too few to resample: their intervals are Student's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgebert.errors import UsageError
from edgebert.intervals import bootstrap_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.pruning_results import PrunedSpeedResults
    from benchmarks.results import SpeedResults

    Timed = SpeedResults | PrunedSpeedResults


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def samples(results: Timed, file: str, length: int) -> NDArray[np.float64]:
    """Return the times of a file at a length in ms, float64 [rounds, runs].

    Raises:
        UsageError: It was not measured, or its rounds differ in their number of runs.
    """
    trials = sorted(
        (trial for trial in results.trials if (trial.file, trial.length) == (file, length)),
        key=lambda trial: trial.round,
    )
    if not trials or len({len(trial.run_ns) for trial in trials}) != 1:
        raise UsageError(f"{results.date}: {file} was not measured, or not evenly, at length {length}")
    return np.array([trial.run_ns for trial in trials], dtype=np.float64) / 1e6


def median_ms(results: Timed, file: str, length: int) -> Estimate:
    """Return the median time of a file at a length, in ms."""
    times = samples(results, file, length)
    low, high = bootstrap_interval(lambda at: float(np.median(times[at])), len(times))
    return Estimate(value=float(np.median(times)), low=low, high=high)


def speed_up(results: Timed, file: str, over: str, length: int) -> Estimate:
    """Return how many times as fast ``file`` is as ``over``: the ratio of their medians.

    Raises:
        UsageError: One of them was not measured, or in another number of rounds.
    """
    fast, slow = samples(results, file, length), samples(results, over, length)
    if len(fast) != len(slow):
        raise UsageError(f"{results.date}: {file} and {over} were not measured in the same rounds")
    low, high = bootstrap_interval(lambda at: float(np.median(slow[at]) / np.median(fast[at])), len(fast))
    return Estimate(value=float(np.median(slow) / np.median(fast)), low=low, high=high)


def fall_of_time(results: Timed, file: str, over: str, length: int) -> Estimate:
    """Return the share of the time for a text that ``file`` saves over ``over``, 1 minus the ratio of their medians.

    Raises:
        UsageError: One of them was not measured, or in another number of rounds.
    """
    found = speed_up(results, file, over, length)
    # It rises with the ratio, so the ends of one interval are those of the other.
    return Estimate(value=1 - 1 / found.value, low=1 - 1 / found.low, high=1 - 1 / found.high)


def mean_interval(values: Sequence[float], *, level: float = 0.95) -> Estimate:
    """Return the mean of a few values and its Student t interval; a single value has one without bounds.

    Raises:
        UsageError: There is no value.
    """
    if not values:
        raise UsageError("there is nothing to take a mean of")
    mean = math.fsum(values) / len(values)
    if len(values) == 1:
        return Estimate(value=mean, low=-math.inf, high=math.inf)
    error = math.sqrt(math.fsum((value - mean) ** 2 for value in values) / (len(values) - 1) / len(values))
    half = t_quantile(len(values) - 1, level) * error
    return Estimate(value=mean, low=mean - half, high=mean + half)


def t_quantile(degrees: int, level: float) -> float:
    """Return the number that Student's t with some degrees of freedom stays within, either way, at this probability.

    Abramowitz and Stegun, Handbook of Mathematical Functions, 26.7.3 and 26.7.4, inverted by bisection.
    """
    low, high = 0.0, math.pi / 2
    for _ in range(80):
        middle = (low + high) / 2
        low, high = (middle, high) if _t_within(middle, degrees) < level else (low, middle)
    return math.tan(low) * math.sqrt(degrees)


def _t_within(angle: float, degrees: int) -> float:
    """Return the probability of |t| below ``tan(angle) * sqrt(degrees)``."""
    sine, cosine = math.sin(angle), math.cos(angle)
    odd = degrees % 2
    term, total = cosine if odd else 1.0, 0.0
    for index in range(degrees // 2):
        total += term
        term *= cosine**2 * (2 * index + 1 + odd) / (2 * index + 2 + odd)
    return 2 / math.pi * (angle + sine * total) if odd else sine * total


def spread(results: Timed, file: str, length: int) -> float:
    """Return the slowest round's median over the fastest one's: 1.0 on a machine that does nothing else."""
    medians = np.median(samples(results, file, length), axis=1)
    return float(medians.max() / medians.min())


def peak_rss_mb(results: Timed, file: str, length: int) -> float:
    """Return the median over the rounds of the process's largest resident memory, in MB."""
    found = [trial.peak_rss_bytes for trial in results.trials if (trial.file, trial.length) == (file, length)]
    return float(np.median(found)) / 1e6


def largest_logit_difference(results: Timed, file: str, reference: str) -> float:
    """Return the largest absolute difference of a logit between two files, over the first input of every length."""
    answers = {(trial.file, trial.length): trial.logits for trial in results.trials}
    return max(
        float(np.abs(np.subtract(answers[file, length], answers[reference, length])).max())
        for length in results.suite.lengths
    )
