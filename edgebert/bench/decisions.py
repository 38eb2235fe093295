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
from edgebert.metrics import paired_difference_interval, wilson_interval

Decision = Literal["pass", "fail", "undecided"]

MOST_EXAMPLES = 1_000_000
"""More examples than this are not counted out."""

Pairs = tuple[int, int, int, int]
"""Examples that both files have right, only the baseline, only the shipped one, and neither."""


def decide(low: float, high: float, *, least: float) -> Decision:
    """Return whether values from ``low`` to ``high`` are all at least ``least``, all below it, or neither."""
    if low >= least:
        return "pass"
    return "fail" if high < least else "undecided"


def drop_interval(pairs: Pairs, *, alpha: float) -> tuple[float, float]:
    """Return the ends of the change of accuracy, shipped minus baseline, in -1 to 1; each is wrong with ``alpha``.

    Newcombe's interval for paired proportions (``metrics.paired_difference_interval``).
    """
    before = np.repeat([True, True, False, False], pairs)
    after = np.repeat([True, False, True, False], pairs)
    return paired_difference_interval(before, after, level=1 - 2 * alpha)


def examples_for_drop(pairs: Pairs, *, least: float, alpha: float) -> int | None:
    """Return how many examples in all decide whether the change of accuracy is at least ``least``.

    At the same proportions as those seen; ``None`` is more than ``MOST_EXAMPLES``.
    """
    both, only_baseline, only_file, neither = pairs

    def interval(times: int) -> tuple[float, float]:
        many = (times * both, times * only_baseline, times * only_file, times * neither)
        return drop_interval(many, alpha=alpha)

    return _examples(interval, (only_file - only_baseline) / sum(pairs), sum(pairs), least)


def examples_for_agreement(same: int, examples: int, *, least: float, alpha: float) -> int | None:
    """Return how many examples in all decide whether the agreement is at least ``least``; as for the drop."""

    def interval(times: int) -> tuple[float, float]:
        return wilson_interval(times * same, times * examples, level=1 - 2 * alpha)

    return _examples(interval, same / examples, examples, least)


def examples_for_width(value: float, low: float, high: float, examples: int, *, least: float) -> int | None:
    """Return how many examples in all decide about a value whose counts are not known, only its interval."""

    def interval(times: int) -> tuple[float, float]:
        shrink = 1 / math.sqrt(times)
        return value + (low - value) * shrink, value + (high - value) * shrink

    return _examples(interval, value, examples, least)


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


def _examples(interval: Callable[[int], tuple[float, float]], value: float, examples: int, least: float) -> int | None:
    """Return how many examples bring the interval to one side of ``least``; ``interval`` is that of whole multiples.

    Only whole multiples keep the proportions exactly; between them the distance of an end shrinks with the square
    root of the number of examples, so the first guess is near and the next ones correct it.
    """
    distance = abs(value - least)
    times = needed = 1.0
    for _ in range(4):
        low, high = interval(math.ceil(times))
        reach = value - low if value >= least else high - value
        share = reach / distance if distance else math.inf
        needed = math.ceil(times) * examples * share * share
        if needed > MOST_EXAMPLES:
            return None
        times = max(needed / examples, 1.0)
    return max(math.floor(needed), examples) + 1
