from __future__ import annotations

import math
import statistics
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from edgebert.errors import UsageError
from edgebert.intervals import mcnemar_p, mean_interval, paired_difference_interval, t_quantile, wilson_interval

Flags = npt.NDArray[np.bool_]

counts = st.integers(0, 60)
tables = st.tuples(counts, counts, counts, counts).filter(any)


def table(both: int, only_a: int, only_b: int, neither: int) -> tuple[Flags, Flags]:
    a = [True] * (both + only_a) + [False] * (only_b + neither)
    b = [True] * both + [False] * only_a + [True] * only_b + [False] * neither
    return np.array(a, dtype=bool), np.array(b, dtype=bool)


@given(st.integers(1, 5000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.floats(0.01, 0.999))
def test_wilson_interval_is_that_of_scipy(case: tuple[int, int], level: float) -> None:
    """The interval equals SciPy's Wilson interval, stays within 0 and 1 and holds the observed proportion."""
    successes, trials = case
    low, high = wilson_interval(successes, trials, level=level)
    oracle = scipy.stats.binomtest(successes, trials).proportion_ci(confidence_level=level, method="wilson")
    assert (low, high) == pytest.approx((oracle.low, oracle.high), abs=1e-12)
    assert 0 <= low <= successes / trials <= high <= 1


@pytest.mark.parametrize(
    ("cells", "low", "high"),
    [
        pytest.param((36, 12, 2, 0), 0.0569, 0.3404, id="negative-correlation"),
        pytest.param((54, 0, 0, 0), -0.0664, 0.0664, id="always-right"),
        pytest.param((14, 5, 0, 22), 0.011, 0.226, id="positive-correlation"),
        pytest.param((1, 1, 7, 12), -0.507, -0.026, id="correlation-corrected-to-zero"),
    ],
)
def test_paired_interval_has_the_published_values(cells: tuple[int, int, int, int], low: float, high: float) -> None:
    """Worked examples: Newcombe 1998, Altman 2000 (Statistics with Confidence), Fagerland, Lydersen and Laake 2014."""
    first, second = table(*cells)
    digits = 4 if cells in ((36, 12, 2, 0), (54, 0, 0, 0)) else 3
    assert tuple(round(end, digits) for end in paired_difference_interval(second, first)) == (low, high)


@given(tables, st.floats(0.5, 0.999))
def test_paired_interval_holds_the_difference_and_turns_with_the_order(
    cells: tuple[int, int, int, int], level: float
) -> None:
    """The interval lies in -1 to 1, holds b minus a, and is negated when a and b change places."""
    a, b = table(*cells)
    low, high = paired_difference_interval(a, b, level=level)
    assert -1 <= low <= (cells[2] - cells[1]) / a.size <= high <= 1
    assert paired_difference_interval(b, a, level=level) == pytest.approx((-high, -low), abs=1e-12)


@given(tables, st.randoms(use_true_random=False))
def test_paired_interval_does_not_depend_on_the_order_of_examples(
    cells: tuple[int, int, int, int], random: Random
) -> None:
    """Shuffling the examples, both files alike, leaves the interval as it is."""
    a, b = table(*cells)
    order = random.sample(range(a.size), a.size)
    assert paired_difference_interval(a[order], b[order]) == paired_difference_interval(a, b)


def test_paired_interval_of_many_examples_does_not_overflow() -> None:
    """A million examples, whose margins multiply beyond 64 bits, give nearly the large-sample interval."""
    a, b = table(900_000, 20_000, 10_000, 70_000)
    spread = statistics.NormalDist().inv_cdf(0.975) * math.sqrt(30_000 - 10_000**2 / 1_000_000) / 1_000_000
    assert paired_difference_interval(a, b) == pytest.approx((-0.01 - spread, -0.01 + spread), abs=2e-6)


@pytest.mark.parametrize(
    ("chances", "examples"),
    [((0.88, 0.02, 0.01, 0.09), 872), ((0.6, 0.15, 0.1, 0.15), 100), ((0.85, 0.05, 0.05, 0.05), 200)],
)
def test_paired_interval_covers_the_true_difference_as_often_as_it_says(
    chances: tuple[float, ...], examples: int
) -> None:
    """Of 3,000 simulated comparisons 93 to 98 % have the true difference in their 95 % interval."""
    generator = np.random.default_rng(7)
    rows, times = np.unique(generator.multinomial(examples, chances, size=3000), axis=0, return_counts=True)
    truth, covered = chances[2] - chances[1], 0
    for row, count in zip(rows.tolist(), times.tolist(), strict=True):
        low, high = paired_difference_interval(*table(*row))
        covered += count * (low <= truth <= high)
    assert 0.93 < covered / 3000 < 0.98


@given(st.integers(0, 3000), st.integers(0, 3000))
def test_mcnemar_is_the_binomial_test_of_scipy(only_a: int, only_b: int) -> None:
    """The p-value equals SciPy's exact binomial test of one half and is the same for a and b in either order."""
    p = mcnemar_p(only_a, only_b)
    oracle = scipy.stats.binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert p == pytest.approx(oracle, rel=1e-9, abs=1e-300)
    assert p == mcnemar_p(only_b, only_a)
    assert 0 <= p <= 1


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (7, 7), (8, 7), (500_000, 500_000)])
def test_mcnemar_is_one_where_nothing_speaks_for_a_difference(only_a: int, only_b: int) -> None:
    """No discordant example, equal counts, and counts one apart all give exactly or nearly 1, never more."""
    assert mcnemar_p(only_a, only_b) <= 1.0
    assert mcnemar_p(only_a, only_b) == pytest.approx(1.0, abs=1e-12)


def test_mcnemar_of_large_counts_is_exact() -> None:
    """Counts whose binomial coefficient overflows a float agree with SciPy's; a hopeless tail is 0, not an error."""
    oracle = scipy.stats.binomtest(499_000, 1_000_000).pvalue
    assert mcnemar_p(499_000, 501_000) == pytest.approx(oracle, rel=1e-6)
    assert mcnemar_p(0, 1_000_000) == 0.0


@pytest.mark.parametrize(("successes", "trials"), [(0, 0), (2, 1), (-1, 5)])
def test_impossible_counts_are_refused(successes: int, trials: int) -> None:
    """A proportion needs at least one trial and no more successes than trials."""
    with pytest.raises(UsageError, match=f"{successes} successes in {trials} trials"):
        wilson_interval(successes, trials)


@pytest.mark.parametrize("level", [0.0, 1.0, 95.0])
def test_levels_outside_0_to_1_are_refused(level: float) -> None:
    """A level of 95 instead of 0.95 is refused by every interval."""
    one = np.array([True])
    for compute in (
        lambda: wilson_interval(1, 2, level=level),
        lambda: paired_difference_interval(one, one, level=level),
        lambda: t_quantile(3, level),
    ):
        with pytest.raises(UsageError, match=f"is between 0 and 1, not {level}"):
            compute()


def test_negative_or_missing_counts_are_refused() -> None:
    """McNemar's counts cannot be negative, and a mean needs a value."""
    with pytest.raises(UsageError, match="cannot be negative: -1, 2"):
        mcnemar_p(-1, 2)
    with pytest.raises(UsageError, match="nothing to take a mean of"):
        mean_interval(())


@given(st.lists(st.floats(-100, 100), min_size=2, max_size=6), st.floats(0.5, 0.999))
def test_the_interval_of_a_mean_is_that_of_scipy(values: list[float], level: float) -> None:
    """Mean and Student's interval equal scipy's."""
    mean, low, high = mean_interval(values, level=level)
    half = scipy.stats.sem(values) * scipy.stats.t.ppf((1 + level) / 2, len(values) - 1)
    assert (mean, low, high) == pytest.approx(
        (np.mean(values), np.mean(values) - half, np.mean(values) + half), abs=1e-6
    )


def test_the_interval_of_one_value_is_infinite() -> None:
    """One value says nothing about how values differ."""
    assert mean_interval([2.0]) == (2.0, -math.inf, math.inf)


@given(st.integers(1, 40), st.floats(0.05, 0.999))
def test_student_quantiles_are_those_of_scipy(degrees: int, level: float) -> None:
    """Both ways of a probability: the quantile at half of the rest."""
    assert t_quantile(degrees, level) == pytest.approx(scipy.stats.t.ppf((1 + level) / 2, degrees), rel=1e-9)
