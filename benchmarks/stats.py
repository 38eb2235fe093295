"""What is derived from raw samples when it is shown: medians, ratios, and their intervals.

The unit that repeats independently is the round, not the inference: runs of one process share its memory layout and
the moment. So intervals come from resampling rounds, the same ones for both sides of a ratio.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from edgebert.errors import UsageError
from edgebert.metrics import bootstrap_interval

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from benchmarks.results import SpeedResults


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def samples(results: SpeedResults, file: str, length: int) -> NDArray[np.float64]:
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


def median_ms(results: SpeedResults, file: str, length: int) -> Estimate:
    """Return the median time of a file at a length, in ms."""
    times = samples(results, file, length)
    low, high = bootstrap_interval(lambda at: float(np.median(times[at])), len(times))
    return Estimate(value=float(np.median(times)), low=low, high=high)


def speed_up(results: SpeedResults, file: str, over: str, length: int) -> Estimate:
    """Return how many times as fast ``file`` is as ``over``: the ratio of their medians.

    Raises:
        UsageError: One of them was not measured, or in another number of rounds.
    """
    fast, slow = samples(results, file, length), samples(results, over, length)
    if len(fast) != len(slow):
        raise UsageError(f"{results.date}: {file} and {over} were not measured in the same rounds")
    low, high = bootstrap_interval(lambda at: float(np.median(slow[at]) / np.median(fast[at])), len(fast))
    return Estimate(value=float(np.median(slow) / np.median(fast)), low=low, high=high)


def spread(results: SpeedResults, file: str, length: int) -> float:
    """Return the slowest round's median over the fastest one's: 1.0 on a machine that does nothing else."""
    medians = np.median(samples(results, file, length), axis=1)
    return float(medians.max() / medians.min())


def peak_rss_mb(results: SpeedResults, file: str, length: int) -> float:
    """Return the median over the rounds of the process's largest resident memory, in MB."""
    found = [trial.peak_rss_bytes for trial in results.trials if (trial.file, trial.length) == (file, length)]
    return float(np.median(found)) / 1e6


def largest_logit_difference(results: SpeedResults, file: str, reference: str) -> float:
    """Return the largest absolute difference of a logit between two files, over the first input of every length."""
    answers = {(trial.file, trial.length): trial.logits for trial in results.trials}
    return max(
        float(np.abs(np.subtract(answers[file, length], answers[reference, length])).max())
        for length in results.suite.lengths
    )
