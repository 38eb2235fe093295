from __future__ import annotations

import statistics

import numpy as np
import numpy.typing as npt
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.simulation import Population
from edgebert.errors import UsageError
from edgebert.intervals import mcnemar_p, paired_difference_interval, wilson_interval
from edgebert.label_metrics import accuracy, macro_f1, macro_f1_difference_interval, macro_f1_interval
from edgebert.metrics import METRICS, BaselineTallies, paired_score, tally_array
from tests.support.report_values import FLOAT, make_paired_score

Pair = tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]


@st.composite
def label_pairs(draw: st.DrawFn) -> tuple[Pair, int]:
    labels = draw(st.integers(1, 6))
    pairs = draw(st.lists(st.tuples(*[st.integers(0, labels - 1)] * 2), min_size=1, max_size=40))
    return (np.array([a for a, _ in pairs]), np.array([b for _, b in pairs])), labels


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


def test_score_of_accuracy_has_every_field() -> None:
    """An accuracy score with a baseline is put together from the functions of this module."""
    expected = np.array([0, 0, 1, 1, 2, 2, 2, 0])
    before = np.array([0, 0, 1, 1, 2, 2, 1, 1])
    after = np.array([0, 1, 1, 1, 2, 0, 1, 2])
    score = make_paired_score("accuracy", expected.tolist(), after.tolist(), before.tolist())
    assert (score.file, score.runtime, score.metric) == ("int8.onnx", "onnxruntime", "accuracy")
    assert (score.value, score.examples, score.baseline) == (0.5, 8, FLOAT)
    assert (score.low, score.high) == wilson_interval(4, 8)
    assert score.difference == -0.25
    assert (score.difference_low, score.difference_high) == paired_difference_interval(
        before == expected, after == expected
    )
    assert (score.flips, score.agreement, score.mcnemar_p) == (3, 5 / 8, mcnemar_p(2, 0))


def test_score_without_a_baseline_compares_nothing() -> None:
    """The baseline's own score has a value and an interval, and nothing about a difference."""
    score = make_paired_score("accuracy", [0, 1, 1], [0, 1, 1])
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
    score = make_paired_score("macro_f1", expected.tolist(), predicted.tolist(), before.tolist())
    assert score.value == macro_f1(expected, predicted, labels=labels)
    assert score.difference == score.value - macro_f1(expected, before, labels=labels)
    assert score.difference_low is not None
    assert score.difference_high is not None
    assert score.low <= score.value <= score.high
    assert score.difference_low <= score.difference <= score.difference_high


ROWS = {
    "accuracy macro_f1": [(0, 0), (1, 1), (1, 0), (0, 0)],
    "micro_f1 label_macro_f1 subset_accuracy": [(0, 1, 2), (1, 1, 0), (3, 0, 1), (1, 0, 0)],
    "pearson spearman rmse": [(0.5, 0.4), (1.5, 1.0), (2.5, 2.75), (-1, 0)],
    "entity_f1 entity_precision entity_recall": [(1, 2, 1, 0, 1, 1), (0, 0, 0, 0, 0, 0), (2, 2, 3, 2, 2, 3)],
    "strict_entity_f1 strict_entity_precision strict_entity_recall": [(1, 2, 1, 0, 1, 1), (2, 2, 3, 2, 2, 3)],
    "exact_match answer_f1": [(1, 1.0), (0, 0.5), (0, 0.0)],
    "cosine cosine_p1 recall_at_10 pair_spearman": [(0.99, 0.9, 3.0, 0.5), (0.98, 1.0, 1.0, 0.1), (1, 1, 5, 0.7)],
}
TALLIES = {metric: tally_array(rows) for metrics, rows in ROWS.items() for metric in metrics.split()}


@pytest.mark.parametrize("metric", METRICS)
def test_score_of_equal_answers_has_no_difference(metric: str) -> None:
    """A file that answers as the baseline does differs by 0, agrees everywhere and has the p-value 1."""
    tallies = TALLIES[metric]
    baseline = BaselineTallies("float32.onnx", tallies, len(tallies))
    score = paired_score(metric, tallies, file="int8.onnx", runtime="onnxruntime", baseline=baseline)
    p = None if METRICS[metric].hits is None else 1.0
    assert (score.difference, score.agreement, score.flips, score.mcnemar_p) == (0.0, 1.0, 0, p)
    assert METRICS[metric].low <= score.low <= score.value <= score.high <= METRICS[metric].high
    assert score.difference_low is not None
    assert score.difference_high is not None
    assert score.difference_low <= 0 <= score.difference_high


@pytest.mark.parametrize("metric", METRICS)
def test_a_change_turns_with_the_order_and_shrinks_with_more_examples(metric: str) -> None:
    """Its interval is negated when the files change places; ten times the examples leave less of it on either side."""
    before = np.concatenate([TALLIES[metric]] * 60)
    after = before.copy()
    after[::7] = before[1::7][: len(after[::7])] if metric.startswith(("cosine", "recall", "pair")) else after[::7]
    change, back = METRICS[metric].change(before, after), METRICS[metric].change(after, before)
    low, high = change(0.9, len(before))
    assert back(0.9, len(before)) == pytest.approx((-high, -low), abs=1e-9)
    wider, narrower = change(0.99, len(before)), change(0.9, 10 * len(before))
    assert wider[0] <= low <= narrower[0] <= narrower[1] <= high <= wider[1]


def test_what_a_change_is_called() -> None:
    """Shares are told in per cent and points, other metrics as plain numbers; a lower error is better."""
    assert (METRICS["micro_f1"].shown(0.5), METRICS["micro_f1"].unit) == ("50.00", "points")
    assert (METRICS["spearman"].shown(-0.12344, sign=True), METRICS["spearman"].unit) == ("-0.1234", "")
    assert (METRICS["rmse"].gain(0.5), METRICS["accuracy"].gain(0.5)) == (-0.5, 0.5)
    assert METRICS["cosine"].shown(-0.00001, sign=True) == "+0.0000"
    assert [name for name, metric in METRICS.items() if metric.is_error] == ["rmse"]
    assert [name for name, metric in METRICS.items() if metric.is_share] == [
        "accuracy",
        "subset_accuracy",
        "exact_match",
    ]


def test_an_error_of_one_example_has_no_interval() -> None:
    """No number is above it for certain, so one example is refused."""
    with pytest.raises(UsageError, match="rmse has no interval with one example"):
        paired_score("rmse", tally_array([(1.0, 2.0)]), file="a", runtime="torch")


def test_a_correlation_of_pairs_needs_pairs() -> None:
    """Embeddings of single texts have no score to compare with."""
    with pytest.raises(UsageError, match="pairs of texts with a score"):
        paired_score("pair_spearman", tally_array([(1.0, 1.0)] * 3), file="a", runtime="torch")


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


@pytest.mark.parametrize(
    ("expected", "predicted", "message"),
    [
        ([], [], "there is no example to score"),
        ([0, 1], [0], r"two lists of equal length are needed, not shapes \(2,\) and \(1,\)"),
        ([[0]], [[0]], r"two lists of equal length are needed, not shapes \(1, 1\) and \(1, 1\)"),
        ([0, 2], [0, 1], "the expected labels reach from 0 to 2, outside 0 to 1"),
        ([0, 1], [-1, 1], "the predicted labels reach from -1 to 1, outside 0 to 1"),
        ([0, 1], [0.0, 1.0], "the predicted labels are float64, not integers"),
    ],
)
def test_macro_f1_refuses_labels_it_cannot_compare(expected: list[int], predicted: list[int], message: str) -> None:
    """No example, unequal lengths and labels out of range are refused, for the value and for both intervals."""
    first, second = np.array(expected), np.array(predicted)
    for compute in (macro_f1, macro_f1_interval):
        with pytest.raises(UsageError, match=f"^{message}$"):
            compute(first, second, labels=2)
    with pytest.raises(UsageError, match=f"^{message}$"):
        macro_f1_difference_interval(first, second, second, labels=2)


def test_tallies_that_cannot_be_compared_are_refused() -> None:
    """No example, and a baseline that answered other examples or was counted for another task."""
    with pytest.raises(UsageError, match="there is no example to score"):
        paired_score("accuracy", tally_array([]), file="a", runtime="torch")
    two = tally_array([(0, 1), (1, 1)])
    for other in (tally_array([(0, 1)]), tally_array([(0, 1, 1), (0, 0, 0)])):
        with pytest.raises(UsageError, match="two files of equal tallies are needed"):
            paired_score("accuracy", two, file="a", runtime="torch", baseline=BaselineTallies("b", other, 1))


@given(label_pairs())
@settings(max_examples=30)
def test_a_metric_by_tallies_is_that_of_the_labels(case: tuple[Pair, int]) -> None:
    """Labels that no file gives and no example has change nothing, so the tallies need not tell how many there are."""
    (expected, predicted), labels = case
    score = make_paired_score("macro_f1", expected.tolist(), predicted.tolist())
    low, high = macro_f1_interval(expected, predicted, labels + 3)
    assert score.value == macro_f1(expected, predicted, labels + 3)
    assert (score.low, score.high) == pytest.approx((min(low, score.value), max(high, score.value)), abs=1e-12)
