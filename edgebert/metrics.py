"""The metrics of all tasks, computed from tallies, and the paired comparison of two files.

A tally is what one example adds to a metric: the label that is right and the one that was answered, or later the
numbers of entities that are right, invented and missed. Which numbers those are is said by the task
(``tasks.TaskHead.count``). Two files are compared example by example, which needs far fewer examples than comparing
two unrelated scores.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from edgebert.errors import UsageError
from edgebert.intervals import mcnemar_p, paired_counts_interval, paired_difference_interval, wilson_interval
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

Tally = tuple[int | float, ...]
"""What one example adds to a metric."""

Tallies = npt.NDArray[np.float64]
"""The tallies of all examples, float64 [examples, numbers of a tally]; a count below 2**53 is exact."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Metric:
    """A metric, 0 to 1.

    Attributes:
        value: Computes it.
        interval: Computes its 95 % interval.
        difference_interval: Computes the 95 % interval of the difference on the same examples, from the tallies before
            and after.
        hits: Tells which examples are right, bool [examples]; ``None`` where an example is no single bit.
        is_share: Whether the value is the share of the hits, so that ``Pairs`` tell all about a difference.
        chance: Returns the tallies of the most frequent answer to every example; ``None`` where there is no such.
        unseen: Computes the part of a difference's interval, on either side, that allows for flips which were not seen:
            from flips, examples and the probability beyond either end; ``None`` where it has none.
        doubt: Says what is wrong with the intervals for a model with so many labels; empty where nothing is, and
            ``None`` where nothing can be.
    """

    value: Callable[[Tallies], float]
    interval: Callable[[Tallies], tuple[float, float]]
    difference_interval: Callable[[Tallies, Tallies], tuple[float, float]]
    hits: Callable[[Tallies], npt.NDArray[np.bool_]] | None = None
    is_share: bool = False
    chance: Callable[[Tallies], Tallies] | None = None
    unseen: Callable[[int, int, float], float] | None = None
    doubt: Callable[[Tallies, int], str] | None = None


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
    score = Score(file=file, runtime=runtime, metric=metric, value=value, low=low, high=high, examples=examples)
    if baseline is None:
        return score
    if baseline.tallies.shape != tallies.shape:
        raise UsageError(
            f"two files of equal tallies are needed, not shapes {baseline.tallies.shape} and {tallies.shape}"
        )
    difference = value - of.value(baseline.tallies)
    low, high = of.difference_interval(baseline.tallies, tallies)
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


def count_pairs(metric: str, before: Tallies, after: Tallies) -> Pairs | None:
    """Return how many examples each of two files has right; ``None`` where that does not give the metric."""
    of = METRICS[metric]
    if of.hits is None or not of.is_share:
        return None
    old, new = of.hits(before), of.hits(after)
    groups = (old & new, old & ~new, ~old & new, ~old & ~new)
    return Pairs(*(int(np.count_nonzero(group)) for group in groups))


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


def unseen_width(score: Score, *, alpha: float) -> float:
    """Return the part of the interval of a score's difference, on either side, that allows for flips not seen."""
    unseen = METRICS[score.metric].unseen
    return 0.0 if unseen is None or score.flips is None else unseen(score.flips, score.examples, alpha)


def share_of(
    hits: Callable[[Tallies], npt.NDArray[np.bool_]], *, chance: Callable[[Tallies], Tallies] | None
) -> Metric:
    """Return the metric that is the share of examples that are right, with Wilson's and Newcombe's intervals."""
    return Metric(
        value=lambda tallies: float(np.mean(hits(tallies))),
        interval=lambda tallies: wilson_interval(int(np.count_nonzero(hits(tallies))), len(tallies)),
        difference_interval=lambda before, after: paired_difference_interval(hits(before), hits(after)),
        hits=hits,
        is_share=True,
        chance=chance,
    )


def _labels(tallies: Tallies) -> tuple[Labels, Labels, int]:
    """Return expected and answered labels of tallies that are pairs of them, and the number of labels seen."""
    expected, answered = tallies.astype(np.int64).T
    return expected, answered, int(tallies.max()) + 1


def _label_hits(tallies: Tallies) -> npt.NDArray[np.bool_]:
    expected, answered, _ = _labels(tallies)
    right: npt.NDArray[np.bool_] = expected == answered
    return right


def _macro_f1_change(before: Tallies, after: Tallies) -> tuple[float, float]:
    expected, old, labels = _labels(before)
    _, new, others = _labels(after)
    return macro_f1_difference_interval(expected, old, new, max(labels, others))


def _most_frequent(tallies: Tallies) -> Tallies:
    expected, _, _ = _labels(tallies)
    return np.stack([expected, chance_labels(expected)], axis=1).astype(np.float64)


METRICS = {
    "accuracy": share_of(_label_hits, chance=_most_frequent),
    "macro_f1": Metric(
        value=lambda tallies: macro_f1(*_labels(tallies)),
        interval=lambda tallies: macro_f1_interval(*_labels(tallies)),
        difference_interval=_macro_f1_change,
        hits=_label_hits,
        chance=_most_frequent,
        unseen=unseen_flips_width,
        doubt=lambda tallies, labels: sparse_warning(_labels(tallies)[0], labels=labels),
    ),
}
"""Every metric by its name; which of them a task has is said by its row in ``tasks``."""
