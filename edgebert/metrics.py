"""The metrics of all tasks, computed from tallies, and the paired comparison of two files.

A tally is what one example adds to a metric: the label that is right and the one that was answered, or the numbers of
entities that are right, given and expected. ``tallies`` tells which numbers those are for each task. Two files are
compared example by example, which needs far fewer examples than comparing two unrelated scores.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgebert.errors import UsageError
from edgebert.examples import Tally
from edgebert.intervals import mcnemar_p, paired_counts_interval
from edgebert.label_metrics import (
    Labels,
    chance_labels,
    macro_f1,
    macro_f1_difference_interval,
    macro_f1_interval,
    sparse_warning,
    unseen_flips_width,
)
from edgebert.manifest import Score
from edgebert.resampling import Statistic, Tallies
from edgebert.tallies import entities, label_sets, numbers
from edgebert.tallies.kinds import (
    Ends,
    Metric,
    mean_number,
    percentile_of,
    resampled_number,
    resampled_share,
    scaled_ends,
    share_of,
)
from edgebert.tallies.label_sets import all_right, one_hot_counts
from edgebert.tallies.tails import doubt_of


class Pairs(NamedTuple):
    """Numbers of examples that both files answer right, only the baseline, only the shipped one, and neither."""

    both: int
    only_baseline: int
    only_shipped: int
    neither: int


class BaselineTallies(NamedTuple):
    """What a file is compared with: name and tallies of another one, and how many examples both answer alike."""

    file: str
    tallies: Tallies
    same: int


def tally_array(tallies: Sequence[Tally]) -> Tallies:
    """Return the tallies of examples as an array."""
    return np.array(tallies, dtype=np.float64)


def paired_score(
    metric: str, tallies: Tallies, *, file: str, runtime: str, baseline: BaselineTallies | None = None
) -> Score:
    """Return the score of one file, compared example by example with the baseline's when one is given.

    Intervals are at 95 %, widened where needed to hold the value itself. McNemar's test compares how often the two are
    right, whatever the metric.

    Args:
        metric: One of ``METRICS``.
        tallies: Those of the file.
        file: File inside the bundle, or ``checkpoint``.
        runtime: Runtime that computed the answers.
        baseline: What it is compared with.

    Raises:
        UsageError: There is no example, or the baseline has tallies of another shape.
    """
    of, examples = METRICS[metric], len(tallies)
    if not examples:
        raise UsageError("there is no example to score")
    value, (low, high) = of.value(tallies), of.interval(tallies)
    low, high = min(low, value), max(high, value)
    if math.isinf(high):
        raise UsageError(f"{metric} has no interval with one example", hint="give two or more")
    score = Score(file=file, runtime=runtime, metric=metric, value=value, low=low, high=high, examples=examples)
    if baseline is None:
        return score
    if baseline.tallies.shape != tallies.shape:
        raise UsageError(
            f"two files of equal tallies are needed, not shapes {baseline.tallies.shape} and {tallies.shape}"
        )
    difference = value - of.value(baseline.tallies)
    low, high = of.change(baseline.tallies, tallies)(0.95, examples)
    p = None
    if of.hits is not None:
        before, after = of.hits(baseline.tallies), of.hits(tallies)
        p = mcnemar_p(int(np.count_nonzero(before & ~after)), int(np.count_nonzero(after & ~before)))
    return replace(
        score,
        baseline=baseline.file,
        difference=difference,
        difference_low=min(low, difference),
        difference_high=max(high, difference),
        agreement=baseline.same / examples,
        flips=examples - baseline.same,
        mcnemar_p=p,
    )


def stated_pairs(score: Score) -> Pairs | None:
    """Return the pairs that a score was computed from; ``None`` where no pairs give its interval, as for macro F1.

    A score states the sums of the pairs, not the pairs. Each number of examples that only the baseline has right
    gives another interval, so the stated interval tells which one it was.
    """
    if not METRICS[score.metric].is_share or score.difference is None or score.flips is None:
        return None
    right, more = round(score.value * score.examples), round(score.difference * score.examples)
    stated = np.array([score.difference_low or 0.0, score.difference_high or 0.0])
    # Examples that the files answer differently are the most that only one of them can have right.
    for only_baseline in range((score.flips - more) // 2, max(-more, 0) - 1, -1):
        only_shipped = only_baseline + more
        pairs = Pairs(right - only_shipped, only_baseline, only_shipped, score.examples - right - only_baseline)
        if min(pairs) >= 0 and np.all(np.abs(stated - paired_counts_interval(*pairs)) < 1e-12):
            return pairs
    return None


def stated_ends(score: Score) -> Ends | None:
    """Return the interval of the difference that a score states, for other levels and numbers of examples.

    Exactly where pairs tell it. Else other levels are as much wider as a normal distribution's would be, and the width
    shrinks with the root of the number of examples, but for the part that allows for flips which were not seen.
    ``None`` is no difference.
    """
    change = score.difference
    if change is None or score.difference_low is None or score.difference_high is None:
        return None
    pairs = stated_pairs(score)
    if pairs is not None:
        shares = [count / score.examples for count in pairs]
        return lambda level, examples: paired_counts_interval(*(examples * share for share in shares), level=level)
    return scaled_ends(
        change,
        (score.difference_low, score.difference_high),
        score.examples,
        lambda level: unseen_width(score, alpha=(1 - level) / 2),
    )


def check_drop(drop: float, metric: str, *, option: str = "--max-drop") -> None:
    """Refuse a largest drop that is not in the unit of a metric: points of a share, else a plain number.

    Raises:
        UsageError: No drop can be larger.
    """
    of = METRICS[metric]
    if of.in_points and drop > of.scale:
        raise UsageError(f"{option} is {drop:g}, not from 0 to 100 points of {metric}")
    if not of.in_points and not of.is_error and drop >= 1:
        raise UsageError(
            f"{option} is {drop:g}, but {metric} is a plain number from {of.low:g} to {of.high:g}, not in points",
            hint=f"e.g. {option} 0.01",
        )


def outside(score: Score) -> str:
    """Return which number of a score its metric cannot have, as in ``value is 1.5, not 0 to 1``; empty for none."""
    of = METRICS[score.metric]
    spans = {"value": (of.low, of.high), "low": (of.low, of.high), "high": (of.low, of.high)}
    spans |= dict.fromkeys(("difference", "difference_low", "difference_high"), (-of.most_change, of.most_change))
    for name, (low, high) in spans.items():
        number = getattr(score, name)
        if number is not None and not low <= number <= high:
            return f"{name} is {number:g}, not {low:g} to {high:g}"
    return ""


def unseen_width(score: Score, *, alpha: float) -> float:
    """Return the part of the interval of a score's difference, on either side, that allows for flips not seen."""
    unseen = METRICS[score.metric].unseen
    return 0.0 if unseen is None or score.flips is None else unseen(score.flips, score.examples, alpha)


def _labels(tallies: Tallies) -> tuple[Labels, Labels, int]:
    """Return expected and answered labels of tallies that are pairs of them, and the number of labels seen."""
    expected, answered = tallies.astype(np.int64).T
    return expected, answered, int(tallies.max()) + 1


def _label_hits(tallies: Tallies) -> npt.NDArray[np.bool_]:
    expected, answered, _ = _labels(tallies)
    right: npt.NDArray[np.bool_] = expected == answered
    return right


def _macro_f1_change(before: Tallies, after: Tallies) -> Ends:
    expected, old, labels = _labels(before)
    _, new, others = _labels(after)
    labels = max(labels, others)
    flips, seen = int(np.count_nonzero(old != new)), len(before)
    difference = macro_f1(expected, new, labels) - macro_f1(expected, old, labels)
    found = macro_f1_difference_interval(expected, old, new, labels)
    return scaled_ends(difference, found, seen, lambda level: unseen_flips_width(flips, seen, (1 - level) / 2))


def _most_frequent(tallies: Tallies) -> Tallies:
    expected, _, _ = _labels(tallies)
    return np.stack([expected, chance_labels(expected)], axis=1).astype(np.float64)


def _sum_ratio(columns: Callable[[Tallies], Tallies], ratio: Callable[[Tallies], Tallies]) -> Statistic:
    """Return the statistic that is a function of the sums of columns [examples, columns]."""
    return lambda tallies, weights: ratio(weights @ columns(tallies))


def _entities(name: str, ratio: Callable[[Tallies], Tallies], *, strict: bool = False) -> Metric:
    start = 3 if strict else 0
    whole = [1] * (ratio != entities.recall) + [2] * (ratio != entities.precision)
    return resampled_share(
        name,
        _sum_ratio(lambda tallies: tallies[:, start : start + 3], ratio),
        units=lambda tallies: float(np.mean([tallies[:, start + at].sum() for at in whole])),
        hits=lambda tallies: np.all(tallies[:, start : start + 3] == tallies[:, [start]], axis=1),
    )


def _of_numbers(compute: Callable[[Tallies, Tallies, Tallies], Tallies], first: int) -> Statistic:
    """Return the statistic of two neighbouring numbers of a tally."""

    def statistic(tallies: Tallies, weights: Tallies) -> Tallies:
        if tallies.shape[1] < first + 2:
            raise UsageError("the metric is of pairs of texts with a score, which the data has not")
        return compute(tallies[:, first], tallies[:, first + 1], weights)

    return statistic


def _mean_of(column: int) -> Statistic:
    return lambda tallies, weights: numbers.mean(tallies[:, column], weights)


_LABEL_MACRO_F1 = _sum_ratio(one_hot_counts, label_sets.macro_f1)

METRICS = {
    "accuracy": share_of("accuracy", _label_hits, chance=_most_frequent),
    "macro_f1": Metric(
        name="macro F1",
        value=lambda tallies: macro_f1(*_labels(tallies)),
        interval=lambda tallies: macro_f1_interval(*_labels(tallies)),
        change=_macro_f1_change,
        hits=_label_hits,
        chance=_most_frequent,
        unseen=unseen_flips_width,
        doubt=lambda files, labels: sparse_warning(_labels(files[0])[0], labels=labels),
    ),
    "micro_f1": resampled_share(
        "micro F1", _sum_ratio(one_hot_counts, label_sets.micro_f1), units=label_sets.label_units, hits=all_right
    ),
    "label_macro_f1": replace(
        resampled_share("macro F1 of the labels", _LABEL_MACRO_F1, units=label_sets.even_units, hits=all_right),
        interval=label_sets.macro_f1_interval,
        doubt=lambda files, _: label_sets.sparse_warning(files[0]),
    ),
    "subset_accuracy": share_of("subset accuracy", all_right, chance=label_sets.most_frequent_set),
    "pearson": replace(
        resampled_number("Pearson correlation", _of_numbers(numbers.pearson, 0), low=-1.0, high=1.0),
        doubt=doubt_of("the Pearson correlation", numbers.correlation_influence),
    ),
    "spearman": resampled_number("Spearman correlation", _of_numbers(numbers.spearman, 0), low=-1.0, high=1.0),
    "rmse": replace(
        resampled_number("RMSE", _of_numbers(numbers.root_mean_square_error, 0), low=0.0, high=math.inf, is_error=True),
        chance=numbers.mean_answer,
        doubt=doubt_of("the RMSE", numbers.error_influence),
    ),
    "entity_f1": _entities("entity F1", entities.f1),
    "entity_precision": _entities("entity precision", entities.precision),
    "entity_recall": _entities("entity recall", entities.recall),
    "strict_entity_f1": _entities("strict entity F1", entities.f1, strict=True),
    "strict_entity_precision": _entities("strict entity precision", entities.precision, strict=True),
    "strict_entity_recall": _entities("strict entity recall", entities.recall, strict=True),
    "exact_match": share_of("exact match", lambda tallies: tallies[:, 0] > 0),
    "answer_f1": resampled_share("answer F1", _mean_of(1), units=len, hits=lambda tallies: tallies[:, 0] > 0),
    "cosine": mean_number("mean cosine to FP32", 0, low=-1.0, high=1.0),
    "cosine_p1": percentile_of("1st percentile of the cosine to FP32", 0, share=0.01, low=-1.0, high=1.0),
    "recall_at_10": resampled_share("recall of the 10 nearest", _mean_of(1), units=lambda t: 10.0 * len(t), hits=None),
    "pair_spearman": resampled_number(
        "Spearman correlation with the scores of pairs", _of_numbers(numbers.spearman, 2), low=-1.0, high=1.0
    ),
}
"""Every metric by its name; which of them a task has is said by its row in ``tasks``."""
