"""What is derived from the raw samples of a side-by-side measurement when it is shown."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from edgebert.bench.analysis import stats
from edgebert.bench.analysis.stats import Estimate, Times
from edgebert.errors import UsageError

if TYPE_CHECKING:
    from benchmarks.pruning_results import PrunedSpeedResults
    from benchmarks.results import SpeedResults

    Timed = SpeedResults | PrunedSpeedResults


def samples(results: Timed, file: str, length: int) -> Times:
    """Return the times of a file at a length in nanoseconds, by round.

    Raises:
        UsageError: It was not measured.
    """
    found = [trial for trial in results.trials if (trial.file, trial.length) == (file, length)]
    if not found:
        raise UsageError(f"{results.date}: {file} was not measured at length {length}")
    return [trial.run_ns for trial in sorted(found, key=lambda trial: trial.round)]


def median_ms(results: Timed, file: str, length: int) -> Estimate:
    """Return the median time of a typical process with a file at a length, in ms."""
    found = stats.quantiles(samples(results, file, length)).p50
    ends = [None if end is None else end / 1e6 for end in (found.low, found.high)]
    return Estimate(value=found.value / 1e6, low=ends[0], high=ends[1])


def speed_up(results: Timed, file: str, over: str, length: int) -> Estimate:
    """Return how many times as fast ``file`` is as ``over``, round by round.

    Raises:
        UsageError: One of them was not measured, or in another number of rounds.
    """
    return stats.ratio(samples(results, over, length), samples(results, file, length))


def fall_of_time(results: Timed, file: str, over: str, length: int) -> Estimate:
    """Return the share of the time for a text that ``file`` saves over ``over``, 1 minus the ratio of their times.

    Raises:
        UsageError: One of them was not measured, or in another number of rounds.
    """
    found = speed_up(results, file, over, length)
    # It rises with the ratio, so the ends of one interval are those of the other.
    ends = [None if end is None else 1 - 1 / end for end in (found.low, found.high)]
    return Estimate(value=1 - 1 / found.value, low=ends[0], high=ends[1])


def spread(results: Timed, file: str, length: int) -> float:
    """Return the slowest round's median over the fastest one's: 1.0 on a machine that does nothing else."""
    return stats.spread(samples(results, file, length))


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
