"""What a metric is, and the kinds of them by how their intervals are computed."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from edgebert.intervals import normal_quantile, paired_counts_interval, wilson_interval
from edgebert.resampling import (
    Statistic,
    Tallies,
    expanded_interval,
    half_width,
    mean_reach,
    resampled,
    share_interval,
    unseen_change,
    value_of,
)
from edgebert.tallies import numbers

Hits = Callable[[Tallies], npt.NDArray[np.bool_]]
Ends = Callable[[float, int], tuple[float, float]]
"""The ends of an interval by its confidence level and a number of examples, at the proportions that were seen."""

_USUAL_DROP = 0.01
"""That of correlations and cosines."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric.

    Attributes:
        name: Its name for people.
        value: Computes it.
        interval: Computes its 95 % interval.
        change: Returns the interval of its change on the same examples, from the tallies before and after.
        low: Its lowest value.
        high: Its highest value.
        is_error: Whether lower is better.
        in_points: Whether it is a share, shown in per cent and its changes in points; otherwise a plain number.
        statistic: Computes it for each resample of the examples; ``None`` where its intervals need none.
        hits: Tells which examples are right, bool [examples]; ``None`` where an example is no single bit.
        is_share: Whether the value is the share of the hits, so that ``Pairs`` tell all about a difference.
        usual_drop: What a search for a smaller model lets it lose where nothing else is said: points of a share, else a
            plain number; ``None`` where its unit is that of the data.
        chance: Returns the tallies of the best constant answer; ``None`` where there is no such.
        unseen: Computes the part of a stated difference's interval, on either side, that allows for flips which were
            not seen: from flips, examples and the probability beyond either end; ``None`` where it has none.
        doubt: Says what is wrong with the intervals of files, the baseline first, for a model with so many labels;
            empty where nothing is, and ``None`` where nothing can be.
    """

    name: str
    value: Callable[[Tallies], float]
    interval: Callable[[Tallies], tuple[float, float]]
    change: Callable[[Tallies, Tallies], Ends]
    low: float = 0.0
    high: float = 1.0
    is_error: bool = False
    in_points: bool = True
    statistic: Statistic | None = None
    hits: Hits | None = None
    is_share: bool = False
    usual_drop: float | None = 1.0
    chance: Callable[[Tallies], Tallies] | None = None
    unseen: Callable[[int, int, float], float] | None = None
    doubt: Callable[[Sequence[Tallies], int], str] | None = None

    @property
    def unit(self) -> str:
        """Unit of its changes for people: ``points``, or nothing for a plain number."""
        return "points" if self.in_points else ""

    @property
    def scale(self) -> float:
        """What a value is multiplied with to be shown: 100 for a share, else 1."""
        return 100.0 if self.in_points else 1.0

    @property
    def most_change(self) -> float:
        """Largest change that is possible; infinite where there is none."""
        return self.high - self.low

    def gain(self, change: float) -> float:
        """Return how much better a change makes it; negative where it makes it worse."""
        return -change if self.is_error else change

    def shown(self, value: float, *, sign: bool = False) -> str:
        """Return a value or change for people, without its unit; with a sign where a change is told by itself."""
        # Adding 0 turns a minus zero into zero.
        number = round(self.scale * value, 2 if self.in_points else 4) + 0.0
        return f"{number:{'+' if sign else ''}.{2 if self.in_points else 4}f}"


def share_of(name: str, hits: Hits, *, chance: Callable[[Tallies], Tallies] | None = None) -> Metric:
    """Return the metric that is the share of examples that are right, with Wilson's and Newcombe's intervals."""

    def change(before: Tallies, after: Tallies) -> Ends:
        old, new = hits(before), hits(after)
        seen = [int(np.count_nonzero(cell)) for cell in (old & new, old & ~new, ~old & new, ~old & ~new)]

        def ends(level: float, examples: int) -> tuple[float, float]:
            both, only_before, only_after, neither = (count * examples / len(before) for count in seen)
            return paired_counts_interval(both, only_before, only_after, neither, level=level)

        return ends

    return Metric(
        name=name,
        value=lambda tallies: float(np.mean(hits(tallies))),
        interval=lambda tallies: wilson_interval(int(np.count_nonzero(hits(tallies))), len(tallies)),
        change=change,
        hits=hits,
        is_share=True,
        chance=chance,
    )


def resampled_share(name: str, statistic: Statistic, *, units: Callable[[Tallies], float], hits: Hits | None) -> Metric:
    """Return a metric from 0 to 1 whose intervals come from the bootstrap.

    Args:
        name: Its name for people.
        statistic: Computes it.
        units: Counts how many units of the tallies each change it by about one over their number.
        hits: Tells which examples are right.
    """

    def interval(tallies: Tallies) -> tuple[float, float]:
        variance = float(np.var(resampled(statistic, tallies)))
        return share_interval(value_of(statistic, tallies), variance, trials=max(units(tallies), 1.0))

    return Metric(
        name=name,
        value=lambda tallies: value_of(statistic, tallies),
        interval=interval,
        change=resampled_change(statistic, units=units, most=1.0),
        statistic=statistic,
        hits=hits,
        unseen=lambda _, examples, alpha: unseen_change(examples, level=1 - 2 * alpha),
    )


def resampled_number(name: str, statistic: Statistic, *, low: float, high: float, is_error: bool = False) -> Metric:
    """Return a metric that is a plain number within bounds, with intervals from the bootstrap."""

    def interval(tallies: Tallies) -> tuple[float, float]:
        ends = expanded_interval(resampled(statistic, tallies)[0], examples=len(tallies))
        return max(ends[0], low), min(ends[1], high)

    return Metric(
        name=name,
        value=lambda tallies: value_of(statistic, tallies),
        interval=interval,
        change=resampled_change(statistic, units=lambda _: math.inf, most=high - low),
        low=low,
        high=high,
        is_error=is_error,
        in_points=False,
        usual_drop=None if is_error else _USUAL_DROP,
        statistic=statistic,
    )


def mean_number(name: str, column: int, *, low: float, high: float) -> Metric:
    """Return the metric that is the mean of a number of the tallies, with intervals from the bootstrap-t."""

    def around(values: npt.NDArray[np.float64], least: float, most: float) -> Ends:
        found, reach = float(values.mean()), mean_reach(values)

        def ends(level: float, examples: int) -> tuple[float, float]:
            down, up = reach(level, examples)
            return max(found - down, least), min(found + up, most)

        return ends

    return Metric(
        name=name,
        value=lambda tallies: float(tallies[:, column].mean()),
        interval=lambda tallies: around(tallies[:, column], low, high)(0.95, len(tallies)),
        change=lambda before, after: around(after[:, column] - before[:, column], low - high, high - low),
        low=low,
        high=high,
        in_points=False,
        usual_drop=_USUAL_DROP,
        statistic=lambda tallies, weights: numbers.mean(tallies[:, column], weights),
    )


def resampled_change(
    statistic: Statistic, *, units: Callable[[Tallies], float], most: float
) -> Callable[[Tallies, Tallies], Ends]:
    """Return what computes the paired interval of a change from the bootstrap's standard error.

    Args:
        statistic: Computes the metric.
        units: As for ``resampled_share``; infinite where no change of single examples is allowed for.
        most: Largest change that is possible.
    """

    def change(before: Tallies, after: Tallies) -> Ends:
        old, new = resampled(statistic, before, after)
        error, seen = float(np.std(new - old)), len(before)
        difference = value_of(statistic, after) - value_of(statistic, before)
        unit = min(units(before), units(after)) / seen

        def ends(level: float, examples: int) -> tuple[float, float]:
            half = half_width(error * math.sqrt(seen / examples), examples=examples, units=unit * examples, level=level)
            return max(difference - half, -most), min(difference + half, most)

        return ends

    return change


def scaled_ends(change: float, stated: tuple[float, float], seen: int, unseen: Callable[[float], float]) -> Ends:
    """Return what widens and narrows the 95 % interval of a change.

    Args:
        change: The change.
        stated: The ends of its interval.
        seen: Number of examples it was found with.
        unseen: Computes the part of the width, on either side, that allows for flips which were not seen, by level.
    """

    def ends(level: float, examples: int) -> tuple[float, float]:
        if examples == seen and level == 0.95:
            return stated
        ratio, factor = seen / examples, normal_quantile(level) / normal_quantile(0.95)

        def reach(end: float) -> float:
            whole = factor * abs(end - change)
            part = min(unseen(level), whole)
            return math.sqrt((whole**2 - part**2) * ratio + (part * ratio) ** 2)

        return change - reach(stated[0]), change + reach(stated[1])

    return ends


def percentile_of(name: str, column: int, *, share: float, low: float, high: float) -> Metric:
    """Return the metric that is a percentile of a number of the tallies, with intervals from order statistics.

    These need no assumption. Too few examples tell nothing about what lies below them, so the lower end is then the
    lowest value there is. The interval of a change adds the squares of the distances of both, as Newcombe's does.

    Args:
        name: Its name for people.
        column: Which number it is.
        share: Share of the examples below it, 0 to 1.
        low: Lowest value of the number.
        high: Its highest value, which the reference has everywhere.
    """

    def value(tallies: Tallies) -> float:
        return float(numbers.percentile(tallies[:, column], np.ones((1, len(tallies))), share=share)[0])

    def around(tallies: Tallies, level: float, examples: int) -> tuple[float, float]:
        from scipy.stats import binom

        ascending, seen = np.sort(tallies[:, column]), len(tallies)
        if ascending[0] >= high - 1e-9:
            return high, high
        first, last = (int(rank) for rank in binom.ppf([(1 - level) / 2, (1 + level) / 2], examples, share))
        # Of examples that have not been seen, those that were seen tell the distribution.
        least = low if first < 1 else float(ascending[(first - 1) * seen // examples])
        most = high if last >= examples else float(ascending[min(last * seen // examples, seen - 1)])
        found = value(tallies)
        return min(least, found), max(most, found)

    def change(before: Tallies, after: Tallies) -> Ends:
        difference = value(after) - value(before)

        def ends(level: float, examples: int) -> tuple[float, float]:
            old, new = around(before, level, examples), around(after, level, examples)
            down = math.hypot(value(after) - new[0], old[1] - value(before))
            up = math.hypot(new[1] - value(after), value(before) - old[0])
            return max(difference - down, low - high), min(difference + up, high - low)

        return ends

    return Metric(
        name=name,
        value=value,
        interval=lambda tallies: around(tallies, 0.95, len(tallies)),
        change=change,
        low=low,
        high=high,
        in_points=False,
        usual_drop=_USUAL_DROP,
    )
