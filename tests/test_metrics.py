from __future__ import annotations

import math
import statistics
from random import Random

import numpy as np
import numpy.typing as npt
import pytest
import scipy.stats
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.coverage import Population
from edgebert.errors import UsageError
from edgebert.intervals import bootstrap_interval, mcnemar_p, paired_difference_interval, wilson_interval
from edgebert.metrics import METRICS, accuracy, macro_f1, macro_f1_difference_interval, macro_f1_interval, paired_score

Pair = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]
Flags = npt.NDArray[np.bool_]


@st.composite
def label_pairs(draw: st.DrawFn) -> tuple[Pair, int]:
    labels = draw(st.integers(1, 6))
    pairs = draw(st.lists(st.tuples(*[st.integers(0, labels - 1)] * 2), min_size=1, max_size=40))
    return (np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])), labels


def table(both: int, only_a: int, only_b: int, neither: int) -> tuple[Flags, Flags]:
    a = [True] * (both + only_a) + [False] * (only_b + neither)
    b = [True] * both + [False] * only_a + [True] * only_b + [False] * neither
    return np.array(a, dtype=bool), np.array(b, dtype=bool)


counts = st.integers(0, 60)
tables = st.tuples(counts, counts, counts, counts).filter(any)


@given(label_pairs())
@settings(max_examples=60)
def test_accuracy_and_macro_f1_are_those_of_scikit_learn(case: tuple[Pair, int]) -> None:
    """Both metrics equal scikit-learn's with its default arguments."""
    (expected, predicted), labels = case
    assert accuracy(expected, predicted) == pytest.approx(sklearn.metrics.accuracy_score(expected, predicted))
    oracle = sklearn.metrics.f1_score(expected, predicted, average="macro", zero_division=0.0)
    assert macro_f1(expected, predicted, labels=labels) == pytest.approx(oracle)


def test_macro_f1_leaves_out_labels_that_do_not_occur() -> None:
    """A label of the model that the data never has and the file never predicts does not lower macro F1."""
    labels = np.array([0, 2, 2])
    assert macro_f1(labels, labels, labels=5) == 1.0


def test_macro_f1_counts_a_label_that_is_only_predicted() -> None:
    """A label predicted but never expected counts with an F1 of 0."""
    assert macro_f1(np.array([0, 0]), np.array([0, 1]), labels=2) == pytest.approx((2 / 3 + 0) / 2)


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


def test_bootstrap_is_deterministic_and_depends_on_the_seed() -> None:
    """Equal arguments give equal intervals; another seed gives another one."""
    values = np.random.default_rng(3).random(50)

    def mean(at: npt.NDArray[np.int64]) -> float:
        assert at.dtype == np.int64
        assert at.shape == (50,)
        return float(values[at].mean())

    first = bootstrap_interval(mean, 50)
    assert bootstrap_interval(mean, 50) == first
    assert bootstrap_interval(mean, 50, seed=1) != first


def test_bootstrap_of_a_mean_agrees_with_scipy() -> None:
    """For a mean of 400 values the interval is that of SciPy's percentile bootstrap, but for resampling noise."""
    values = np.random.default_rng(5).normal(size=400)
    ours = bootstrap_interval(lambda at: float(values[at].mean()), 400, resamples=4000)
    theirs = scipy.stats.bootstrap(
        (values,), np.mean, method="percentile", n_resamples=4000, rng=np.random.default_rng(11)
    ).confidence_interval
    assert ours == pytest.approx(tuple(theirs), abs=0.01)


def test_bootstrap_widens_with_the_level() -> None:
    """A higher level gives an interval that holds the lower level's."""
    values = np.random.default_rng(5).random(80)
    narrow = bootstrap_interval(lambda at: float(values[at].mean()), 80, level=0.8)
    wide = bootstrap_interval(lambda at: float(values[at].mean()), 80, level=0.99)
    assert wide[0] < narrow[0] < narrow[1] < wide[1]


def test_score_of_accuracy_has_every_field() -> None:
    """An accuracy score with a baseline is put together from the functions of this module."""
    expected = np.array([0, 0, 1, 1, 2, 2, 2, 0])
    before = np.array([0, 0, 1, 1, 2, 2, 1, 1])
    after = np.array([0, 1, 1, 1, 2, 0, 1, 2])
    score = paired_score(
        file="int8.onnx",
        runtime="onnxruntime",
        metric="accuracy",
        expected=expected,
        predicted=after,
        labels=3,
        baseline_file="baseline/float32.onnx",
        baseline_predicted=before,
    )
    assert (score.file, score.runtime, score.metric) == ("int8.onnx", "onnxruntime", "accuracy")
    assert (score.value, score.examples, score.baseline) == (0.5, 8, "baseline/float32.onnx")
    assert (score.low, score.high) == wilson_interval(4, 8)
    assert score.difference == -0.25
    assert (score.difference_low, score.difference_high) == paired_difference_interval(
        before == expected, after == expected
    )
    assert (score.flips, score.agreement, score.mcnemar_p) == (3, 5 / 8, mcnemar_p(2, 0))


def test_score_without_a_baseline_compares_nothing() -> None:
    """The baseline's own score has a value and an interval, and nothing about a difference."""
    labels = np.array([0, 1, 1])
    score = paired_score(
        file="baseline/float32.onnx", runtime="torch", metric="accuracy", expected=labels, predicted=labels, labels=2
    )
    assert score.value == 1.0
    assert (score.low, score.high) == wilson_interval(3, 3)
    assert (score.baseline, score.difference, score.difference_low, score.difference_high) == (None, None, None, None)
    assert (score.agreement, score.flips, score.mcnemar_p) == (None, None, None)


@given(label_pairs(), st.data())
@settings(max_examples=6, deadline=None)
def test_score_of_macro_f1_is_paired_and_holds_its_values(case: tuple[Pair, int], data: st.DataObject) -> None:
    """Whatever the labels, each interval of a macro F1 score holds what it is the interval of."""
    (expected, predicted), labels = case
    size = expected.size
    before = np.array(data.draw(st.lists(st.integers(0, labels - 1), min_size=size, max_size=size)))
    score = paired_score(
        file="a",
        runtime="torch",
        metric="macro_f1",
        expected=expected,
        predicted=predicted,
        labels=labels,
        baseline_file="b",
        baseline_predicted=before,
    )
    assert score.value == macro_f1(expected, predicted, labels=labels)
    assert score.difference == score.value - macro_f1(expected, before, labels=labels)
    assert score.difference_low is not None
    assert score.difference_high is not None
    assert score.low <= score.value <= score.high
    assert score.difference_low <= score.difference <= score.difference_high


@pytest.mark.parametrize("metric", METRICS)
def test_score_of_equal_predictions_has_no_difference(metric: str) -> None:
    """A file that predicts what the baseline predicts differs by 0, agrees everywhere and has the p-value 1."""
    expected, predicted = np.array([0, 1, 1, 0]), np.array([0, 1, 0, 0])
    score = paired_score(
        file="a",
        runtime="torch",
        metric=metric,
        expected=expected,
        predicted=predicted,
        labels=2,
        baseline_file="b",
        baseline_predicted=predicted.copy(),
    )
    assert (score.difference, score.agreement, score.flips, score.mcnemar_p) == (0.0, 1.0, 0, 1.0)


@given(label_pairs(), st.floats(0.5, 0.999))
@settings(max_examples=60)
def test_the_jackknife_of_macro_f1_is_that_of_leaving_out_each_example(case: tuple[Pair, int], level: float) -> None:
    """The interval is Wilson's at the value and variance of a jackknife that scores all but one example, n times."""
    (expected, predicted), labels = case
    n = expected.size
    left_out = [macro_f1(np.delete(expected, at), np.delete(predicted, at), labels=labels) for at in range(n) if n > 1]
    low, high = macro_f1_interval(expected, predicted, labels=labels, level=level)
    assert 0 <= low <= high <= 1
    if n == 1:
        return
    value = macro_f1(expected, predicted, labels=labels)
    corrected = n * value - (n - 1) * float(np.mean(left_out))
    variance = (n - 1) * float(np.var(left_out))
    if variance > 1e-12 and 1e-6 < corrected < 1 - 1e-6:
        trials = corrected * (1 - corrected) / variance
        assert (low, high) == pytest.approx(wilson_interval(corrected * trials, trials, level=level), abs=1e-6)


@given(st.integers(1, 40), st.integers(1, 6))
def test_macro_f1_without_an_error_has_the_interval_of_that_many_even_examples(count: int, labels: int) -> None:
    """Balanced labels, all right: Wilson's interval of all right; with a rare label it is that of fewer examples."""
    balanced = np.repeat(np.arange(labels), count)
    interval = macro_f1_interval(balanced, balanced, labels=labels)
    assert interval == pytest.approx(wilson_interval(balanced.size, balanced.size), abs=1e-9)
    skewed = np.append(np.zeros(balanced.size - 1, dtype=np.int64), 1)
    if balanced.size > 4:
        assert macro_f1_interval(skewed, skewed, labels=max(labels, 2))[0] < interval[0]


@given(label_pairs(), st.floats(0.5, 0.999))
@settings(max_examples=60)
def test_the_difference_of_macro_f1_turns_with_the_order_and_has_a_width_without_flips(
    case: tuple[Pair, int], level: float
) -> None:
    """The interval is negated when the files change places, and two equal files may still differ by z squared flips."""
    (expected, predicted), labels = case
    z = statistics.NormalDist().inv_cdf((1 + level) / 2)
    low, high = macro_f1_difference_interval(expected, predicted, expected, labels=labels, level=level)
    turned = macro_f1_difference_interval(expected, expected, predicted, labels=labels, level=level)
    assert -1 <= low <= high <= 1
    assert turned == pytest.approx((-high, -low), abs=1e-12)
    low, high = macro_f1_difference_interval(expected, predicted, predicted, labels=labels, level=level)
    assert high == -low >= min(z * z / expected.size, 1) - 1e-12


SETTINGS = [
    pytest.param(2, 100, 0.95, 0.0, id="2-labels-100-texts"),
    pytest.param(2, 400, 0.98, 1.0, id="2-labels-400-texts"),
    pytest.param(20, 400, 0.8, 0.5, id="20-labels-400-texts"),
    pytest.param(77, 400, 0.8, 0.0, id="77-labels-400-texts"),
    pytest.param(77, 1000, 0.93, 0.5, id="77-labels-1000-texts"),
    pytest.param(150, 2000, 0.9, 0.5, id="150-labels-2000-texts"),
]


@pytest.mark.parametrize(("labels", "texts", "accuracy", "skew"), SETTINGS)
def test_intervals_of_macro_f1_hold_the_truth_as_often_as_they_say(
    labels: int, texts: int, accuracy: float, skew: float
) -> None:
    """Of 400 seeded samples 92 to 99 % have the true value in their interval, and 93 % the true difference at least.

    Four standard errors of 400 draws at 95 % are 4.4 points. The percentile bootstrap, used before, holds the value at
    77 labels and 400 texts in about 50 %.
    """
    world = Population.of(labels, accuracy=accuracy, skew=skew, flips=0.02, seed=3)
    held = differences = 0
    generator = np.random.default_rng(11)
    for _ in range(400):
        expected, before, after = world.sample(texts, generator)
        low, high = macro_f1_interval(expected, before, labels=labels)
        held += low <= world.value <= high
        low, high = macro_f1_difference_interval(expected, before, after, labels=labels)
        differences += low <= world.difference <= high
    assert 0.92 <= held / 400 <= 0.99
    assert differences / 400 >= 0.93


def test_unknown_metric_names_the_known_ones() -> None:
    """A metric that does not exist is refused with the list of those that do."""
    labels = np.array([0])
    with pytest.raises(UsageError, match=r"^unknown metric 'f1'$") as caught:
        paired_score(file="a", runtime="torch", metric="f1", expected=labels, predicted=labels, labels=1)
    assert caught.value.hint == "known metrics: accuracy, macro_f1"


@pytest.mark.parametrize(
    ("expected", "predicted", "message"),
    [
        ([], [], "there is no example to score"),
        ([0, 1], [0], r"two lists of equal length are needed, not shapes \(2,\) and \(1,\)"),
        ([[0]], [[0]], r"two lists of equal length are needed, not shapes \(1, 1\) and \(1, 1\)"),
        ([0, 2], [0, 1], "the expected labels reach from 0 to 2, outside 0 to 1"),
        ([0, 1], [-1, 1], "the predicted labels reach from -1 to 1, outside 0 to 1"),
        ([0, 1], [0.0, 1.0], "the predicted labels are float64, not whole numbers"),
    ],
)
@pytest.mark.parametrize("metric", METRICS)
def test_score_refuses_labels_it_cannot_compare(
    metric: str, expected: list[int], predicted: list[int], message: str
) -> None:
    """No example, unequal lengths and labels out of range are refused for either metric, in file and baseline."""
    first, second = np.array(expected), np.array(predicted)
    with pytest.raises(UsageError, match=f"^{message}$"):
        paired_score(file="a", runtime="torch", metric=metric, expected=first, predicted=second, labels=2)
    if first.shape == second.shape and first.max(initial=0) < 2:
        with pytest.raises(UsageError, match=f"^{message}$"):
            paired_score(
                file="a",
                runtime="torch",
                metric=metric,
                expected=first,
                predicted=first,
                labels=2,
                baseline_file="b",
                baseline_predicted=second,
            )


def test_half_a_baseline_is_refused() -> None:
    """A baseline's name without its predictions is a mistake, not a missing baseline."""
    labels = np.array([0])
    with pytest.raises(UsageError, match="only one of them was given"):
        paired_score(
            file="a",
            runtime="torch",
            metric="accuracy",
            expected=labels,
            predicted=labels,
            labels=1,
            baseline_file="b",
        )


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
        lambda: bootstrap_interval(lambda at: 0.0, 1, level=level),
    ):
        with pytest.raises(UsageError, match=f"lies between 0 and 1, not at {level}"):
            compute()


def test_negative_or_missing_counts_are_refused() -> None:
    """McNemar's counts cannot be negative, and a bootstrap needs examples and resamples."""
    with pytest.raises(UsageError, match="cannot be negative: -1, 2"):
        mcnemar_p(-1, 2)
    with pytest.raises(UsageError, match="0 examples, 2000 resamples"):
        bootstrap_interval(lambda at: 0.0, 0)
    with pytest.raises(UsageError, match="3 examples, 0 resamples"):
        bootstrap_interval(lambda at: 0.0, 3, resamples=0)
