"""What raw times allow to be said: quantiles, ratios with intervals, and whether they are too noisy for that.

The unit that repeats independently is the process, not the inference: runs of one process share its memory layout and
the moment. So every interval comes from the spread among processes (Kalibera and Jones, 'Rigorous benchmarking in
reasonable time', ISMM 2013), on logarithms, because times differ by factors. It is Student's t on the processes'
logarithms and not the percentile bootstrap: with 8 processes the bootstrap's 95 % interval of a ratio holds the truth
in 87 to 92 % of synthetic draws, Student's in 94 to 99 % (``tests/benchmarking/analysis/test_stats.py`` repeats that).

Times are given as a list of processes, each the nanoseconds of its runs in their order; ``UsageError`` refuses none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from edgebert.errors import UsageError
from edgebert.intervals import mean_interval, t_quantile

if TYPE_CHECKING:
    from numpy.typing import NDArray

Times = Sequence[Sequence[int]]
"""Nanoseconds of each run, by process."""

Verdict = Literal["faster", "slower", "no significant change", "too noisy"]

RESOLUTION = 1.1
"""An interval whose ends lie within this factor is narrow enough to call no effect 'no significant change'."""

FEWEST = 3
"""Processes from which an interval is told: that of two reaches over any number of orders of magnitude."""

_FENCE = 3.0
_TWO_GROUPS = 5.0
_LEAST_GROUP = 0.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """A value with the ends of its interval; they are ``None`` where too few processes leave them unknown."""

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantiles:
    """Times that half, 90 % and 99 % of the runs of a typical process stay below, in nanoseconds."""

    p50: Estimate
    p90: Estimate
    p99: Estimate


def quantiles(times: Times, *, level: float = 0.95) -> Quantiles:
    """Return p50, p90 and p99 in nanoseconds.

    p50 is the geometric mean of the processes' medians; p90 and p99 are that times the quantile of all runs relative
    to the median of their own process. Their interval is the wider one of two: from the spread of the processes' own
    quantiles, and from leaving out one process after another (jackknife; Tukey 1958). That of p99 is a rough guide:
    of 240 runs, two or three decide it.
    """
    medians = _median_logs(times)
    own = [_logs(process) - median for process, median in zip(times, medians, strict=True)]
    centre = _from_logs(medians, level=level)
    return Quantiles(p50=centre, p90=_tail(medians, own, 0.9, level=level), p99=_tail(medians, own, 0.99, level=level))


def ratio(slow: Times, fast: Times, *, level: float = 0.95) -> Estimate:
    """Return how many times as fast ``fast`` is as ``slow``, the two measured round by round.

    The geometric mean of the rounds' ratios of medians: what drifts hits both sides of a round alike and cancels.

    Raises:
        UsageError: The sides differ in their number of processes.
    """
    before, after = _median_logs(slow), _median_logs(fast)
    if len(before) != len(after):
        raise UsageError(f"{len(slow)} and {len(fast)} processes cannot be paired round by round")
    return _from_logs(before - after, level=level)


def change(old: Times, new: Times, *, level: float = 0.95) -> Estimate:
    """Return how many times as fast ``new`` is as ``old``, measured on different occasions.

    Welch's unpaired interval (Biometrika 34, 1947) on the logarithms of the processes' medians, its degrees of freedom
    rounded down. It knows the spread within each occasion, not what changed on the device between them.
    """
    before, after = _median_logs(old), _median_logs(new)
    centre = float(before.mean() - after.mean())
    if min(len(before), len(after)) < FEWEST:
        return _around(centre, None)
    parts = [float(side.var(ddof=1)) / len(side) for side in (before, after)]
    if not sum(parts):
        return _around(centre, 0.0)
    shares = [part / sum(parts) for part in parts]
    degrees = 1 / sum(share**2 / (len(side) - 1) for share, side in zip(shares, (before, after), strict=True))
    return _around(centre, t_quantile(int(degrees), level) * math.sqrt(sum(parts)))


def verdict(estimate: Estimate) -> Verdict:
    """Return what a ratio says: above 1 is faster.

    Too noisy is an interval that is wider than the effect and than ``RESOLUTION``; otherwise the interval decides,
    by whether it holds 1.
    """
    if estimate.low is None or estimate.high is None or not estimate.low:
        return "too noisy"
    if math.log(estimate.high / estimate.low) > max(abs(math.log(estimate.value)), math.log(RESOLUTION)):
        return "too noisy"
    if estimate.low > 1:
        return "faster"
    return "slower" if estimate.high < 1 else "no significant change"


def processes_needed(
    estimate: Estimate, processes: int, limit: float, *, level: float = 0.95, most: int = 1000
) -> int | None:
    """Return how many processes would bring the interval to one side of ``limit``, if they spread as these do.

    ``None`` is more than ``most``, or unknown from fewer than ``FEWEST`` processes.
    """
    if estimate.low is None or estimate.high is None or processes < FEWEST or not limit > 0:
        return None
    half = max(math.log(estimate.value / estimate.low), math.log(estimate.high / estimate.value))
    deviation = half / t_quantile(processes - 1, level) * math.sqrt(processes)
    distance = abs(math.log(estimate.value / limit))

    def clears(count: int) -> bool:
        return t_quantile(count - 1, level) * deviation / math.sqrt(count) < distance

    if not clears(most):
        return None
    # Both factors of the width fall with the count: the first that clears the limit is found by halving.
    low, high = processes, most
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if clears(middle) else (middle, high)
    return high


def spread(times: Times) -> float:
    """Return the slowest process's median over the fastest one's: near 1 on a device that does nothing else."""
    return _exp(float(np.ptp(_median_logs(times))))


def outlier_share(times: Times, *, inputs: int = 1) -> float:
    """Return the share of runs, 0 to 1, that lie far outside what their process does with their input.

    Tukey's outer fences (three interquartile ranges beyond the quartiles; 'Exploratory Data Analysis', 1977) on the
    logarithm relative to the process and to the input; a run less than 5 % away is never an outlier.

    Args:
        times: The runs.
        inputs: Run k of a process took input k modulo this number: a long text is no outlier.
    """
    medians = _median_logs(times)
    left = _without_inputs([_logs(process) - median for process, median in zip(times, medians, strict=True)], inputs)
    low, high = np.quantile(left, [0.25, 0.75])
    reach = _FENCE * (high - low)
    outside = (left < min(low - reach, -math.log(1.05))) | (left > max(high + reach, math.log(1.05)))
    return float(np.mean(outside))


def is_bimodal(times: Times, *, inputs: int = 1) -> bool:
    """Return whether the runs fall into two groups, each of a tenth of them at least, more than 10 % apart.

    The groups are those of least variance within (Otsu 1979); they count as two when Ashman's D (Astronomical Journal
    108, 1994) exceeds 5: halving a normal distribution gives 2.7, halving a uniform one 3.5. Arguments are those of
    ``outlier_share``.
    """
    values = np.sort(_without_inputs([_logs(process) for process in _checked(times)], inputs))
    count = len(values)
    least = max(2, math.ceil(_LEAST_GROUP * count))
    if count < 2 * least:
        return False
    sums = np.cumsum(values)
    at = np.arange(least, count - least + 1)
    left, right = sums[at - 1] / at, (sums[-1] - sums[at - 1]) / (count - at)
    cut = int(at[np.argmax(at * (count - at) * (left - right) ** 2)])
    low, high = values[:cut], values[cut:]
    apart = float(high.mean() - low.mean())
    within = math.sqrt((float(low.var()) + float(high.var())) / 2)
    return apart > math.log(1.1) and apart > _TWO_GROUPS * within


def _tail(medians: NDArray[np.float64], own: Sequence[NDArray[np.float64]], share: float, *, level: float) -> Estimate:
    def value(without: int | None) -> float:
        kept = [index for index in range(len(own)) if index != without]
        return float(medians[kept].mean() + np.quantile(np.concatenate([own[index] for index in kept]), share))

    count = len(own)
    centre = value(None)
    if count < 2:
        return _around(centre, None)
    each = np.array([median + np.quantile(rest, share) for median, rest in zip(medians, own, strict=True)])
    left_out = np.array([value(index) for index in range(count)])
    errors = (math.sqrt(each.var(ddof=1) / count), math.sqrt((count - 1) * left_out.var()))
    return _around(centre, t_quantile(count - 1, level) * max(errors))


def _from_logs(logs: NDArray[np.float64], *, level: float) -> Estimate:
    centre, low, _ = mean_interval(logs, level=level)
    return _around(centre, None if len(logs) < FEWEST else centre - low)


def _around(centre: float, half: float | None) -> Estimate:
    """Return the estimate of a logarithm; ``None`` leaves its interval unknown."""
    if half is None:
        return Estimate(value=_exp(centre), low=None, high=None)
    return Estimate(value=_exp(centre), low=_exp(centre - half), high=_exp(centre + half))


def _exp(value: float) -> float:
    # Two processes that disagree have an interval beyond what a float holds.
    return math.exp(min(max(value, -700.0), 700.0))


def _without_inputs(logs: Sequence[NDArray[np.float64]], inputs: int) -> NDArray[np.float64]:
    """Return all values relative to the median of those of the same input, float64 [runs of all processes]."""
    number = np.concatenate([np.arange(len(process)) % max(inputs, 1) for process in logs])
    values = np.concatenate(list(logs))
    for index in np.unique(number):
        values[number == index] -= np.median(values[number == index])
    return values


def _logs(process: Sequence[int]) -> NDArray[np.float64]:
    # A clock too coarse for the model may have counted nothing.
    return np.log(np.maximum(np.asarray(process, dtype=np.float64), 1.0))


def _median_logs(times: Times) -> NDArray[np.float64]:
    return np.array([np.median(_logs(process)) for process in _checked(times)], dtype=np.float64)


def _checked(times: Times) -> Times:
    if not times or not all(times):
        raise UsageError("there are no times to judge")
    return times
