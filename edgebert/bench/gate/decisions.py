"""Pass, fail or undecided: what an interval decides about a limit, how many examples would decide it, and how often.

A value passes when its whole interval lies inside the limit and fails when it lies wholly outside; with intervals at
level 1 - 2 alpha each of the two wrong verdicts has at most probability alpha at the limit itself, up to what the
method of the interval is exact to. Nothing is decided by noise: what the interval does not decide is undecided.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Literal

import numpy as np

from edgebert.errors import UsageError
from edgebert.intervals import paired_counts_interval, wilson_interval
from edgebert.manifest import Score

Decision = Literal["pass", "fail", "undecided"]

MOST_EXAMPLES = 1_000_000
"""More examples than this are not counted out."""

_SAME = 1e-12

Pairs = tuple[int, int, int, int]
"""Examples that both files have right, only the baseline, only the shipped one, and neither."""


def decide(low: float, high: float, *, least: float) -> Decision:
    """Return whether values from ``low`` to ``high`` are all at least ``least``, all below it, or neither."""
    if low >= least:
        return "pass"
    return "fail" if high < least else "undecided"


def drop_interval(pairs: Pairs, *, alpha: float) -> tuple[float, float]:
    """Return the ends of the change of accuracy, shipped minus baseline, in -1 to 1; each is wrong with ``alpha``.

    Newcombe's interval for paired proportions (``intervals.paired_counts_interval``).
    """
    return paired_counts_interval(*pairs, level=1 - 2 * alpha)


def stated_pairs(score: Score) -> Pairs | None:
    """Return the pairs that a score of accuracy was computed from; ``None`` where no pairs give its interval.

    A score states the sums of the pairs, not the pairs. Each number of examples that only the baseline has right
    gives another interval, so the stated interval tells which one it was.
    """
    if score.metric != "accuracy" or score.difference is None or score.flips is None:
        return None
    right, more = round(score.value * score.examples), round(score.difference * score.examples)
    # Examples that the files label differently are the most that only one of them can have right.
    for only_baseline in range((score.flips - more) // 2, max(-more, 0) - 1, -1):
        only_file = only_baseline + more
        pairs = (right - only_file, only_baseline, only_file, score.examples - right - only_baseline)
        if min(pairs) < 0:
            continue
        low, high = drop_interval(pairs, alpha=0.025)
        if abs(low - (score.difference_low or 0.0)) < _SAME and abs(high - (score.difference_high or 0.0)) < _SAME:
            return pairs
    return None


def examples_for_drop(pairs: Pairs, *, least: float, alpha: float) -> int | None:
    """Return how many examples in all decide whether the change of accuracy is at least ``least``.

    At the same proportions as those seen; ``None`` is more than ``MOST_EXAMPLES``.
    """
    seen = sum(pairs)

    def interval(examples: int) -> tuple[float, float]:
        both, only_baseline, only_file, neither = (examples * count / seen for count in pairs)
        return paired_counts_interval(both, only_baseline, only_file, neither, level=1 - 2 * alpha)

    return _examples(interval, seen, least)


def examples_for_agreement(same: int, examples: int, *, least: float, alpha: float) -> int | None:
    """Return how many examples in all decide whether the agreement is at least ``least``; as for the drop."""

    def interval(count: int) -> tuple[float, float]:
        return wilson_interval(count * same / examples, count, level=1 - 2 * alpha)

    return _examples(interval, examples, least)


def examples_for_width(
    value: float, low: float, high: float, examples: int, *, least: float, unseen: float = 0.0
) -> int | None:
    """Return how many examples in all decide about a value whose counts are not known, only its interval.

    The distance of each end from the value is taken to shrink with the square root of the number of examples.

    Args:
        value: What was found.
        low: Lower end of its interval.
        high: Upper end of its interval.
        examples: Number of examples it was found with.
        least: The limit.
        unseen: Part of the distance that allows for flips which were not seen; it shrinks with the number itself.
    """

    def reach(end: float, ratio: float) -> float:
        part = min(unseen, abs(end - value))
        return math.sqrt(((end - value) ** 2 - part**2) * ratio + (part * ratio) ** 2)

    def interval(count: int) -> tuple[float, float]:
        return value - reach(low, examples / count), value + reach(high, examples / count)

    return _examples(interval, examples, least)


def power(
    *,
    examples: int,
    drop: float,
    limit: float,
    flips: float = 0.03,
    accuracy: float = 0.91,
    alpha: float = 0.025,
    draws: int = 1000,
    seed: int = 0,
) -> tuple[float, float]:
    """Return how often the gate says pass and how often fail, 0 to 1, when the truth is known.

    Simulated: each draw is a set of examples whose pairs are multinomial. With the defaults (a model of 91 % of which
    quantization flips 3 % between right and wrong) and a limit of 1 point the gate says, in per cent of the draws:

        true drop      872 examples          3,000 examples
        points         pass      fail        pass      fail
        -0.5           69.5      0.0         99.7      0.0
        0              38.5      0.0         89.2      0.0
        0.5            13.3      0.4         34.4      0.0
        1              2.3       3.0         2.9       1.7
        2              0.0       35.9        0.0       91.1
        3              0.0       97.3        0.0       100.0

    Args:
        examples: Number of examples.
        drop: True drop of accuracy in points.
        limit: Largest drop allowed in points.
        flips: Share of examples that one file has right and the other wrong.
        accuracy: True accuracy of the baseline, 0 to 1.
        alpha: Probability of each wrong verdict at the limit.
        draws: Number of draws.
        seed: Seed of the draws.

    Raises:
        UsageError: No examples can be like that.
    """
    only_baseline, only_file = (flips + drop / 100) / 2, (flips - drop / 100) / 2
    shares = (accuracy - only_baseline, only_baseline, only_file, 1 - accuracy - only_file)
    if min(shares) < 0 or draws < 1 or examples < 1:
        raise UsageError(f"no examples have {flips} of flips, a drop of {drop} points and an accuracy of {accuracy}")
    drawn = np.random.default_rng(seed).multinomial(examples, shares, size=draws)
    verdicts = [decide(*drop_interval(_pairs(row.tolist()), alpha=alpha), least=-limit / 100) for row in drawn]
    return verdicts.count("pass") / draws, verdicts.count("fail") / draws


def _pairs(counts: list[int]) -> Pairs:
    both, only_baseline, only_file, neither = counts
    return both, only_baseline, only_file, neither


def _examples(interval: Callable[[int], tuple[float, float]], examples: int, least: float) -> int | None:
    """Return how many examples bring the interval to one side of ``least``, when ``examples`` do not.

    Args:
        interval: Gives the interval that a number of examples would have at the same proportions.
        examples: Number of examples that do not decide.
        least: The limit.
    """

    def decides(count: int) -> bool:
        return decide(*interval(count), least=least) != "undecided"

    few = many = examples
    while not decides(many):
        if many >= MOST_EXAMPLES:
            return None
        few, many = many, min(2 * many, MOST_EXAMPLES)
    while many - few > 1:
        middle = (few + many) // 2
        few, many = (few, middle) if decides(middle) else (middle, many)
    return many
