"""Draws samples of populations whose macro F1 is known, and counts how often the intervals of six methods hold it."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING, Literal

import numpy as np

from edgebert.intervals import normal_quantile
from edgebert.label_metrics import (
    is_sparse,
    macro_f1,
    macro_f1_difference_interval,
    macro_f1_interval,
    macro_f1_leave_one_out,
)
from edgebert.progress import Progress

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Sample = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]

Statistic = Literal["value", "difference"]
Ends = tuple[float, float]

LABELS, TEXTS = (2, 5, 20, 77, 150), (100, 400, 1000, 5000)
WORLDS = ((0.8, 0.0, 0.02), (0.8, 1.0, 0.03), (0.93, 0.5, 0.01), (0.98, 0.5, 0.005))
"""Accuracy of the labels, exponent of Zipf's law for their frequencies, share of right texts that turn wrong."""

DRAWS, RESAMPLED, RESAMPLES = 1000, 200, 400
CHOSEN, METHODS = "edgebert", ("percentile", "reverse percentile", "BCa", "delta", "jackknife", "edgebert")

_Z = normal_quantile(0.95)


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """How often the interval of one method held the truth, and how wide it was on average."""

    statistic: Statistic
    method: str
    draws: int
    held: int
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """One population, samples of one size from it, and what the methods made of them.

    Attributes:
        labels: Number of labels.
        texts: Texts in each sample.
        accuracy: Mean accuracy of the labels.
        skew: Exponent of Zipf's law for the frequencies of the labels; 0 is balanced.
        flips: Share of the right texts that the second model has wrong; it fixes half as many texts.
        value: True macro F1 of the first model.
        difference: True difference of the second model.
        rarest: Texts that the rarest label has on average.
        warned: Share of the samples of which edgebert warns that the intervals are too narrow.
        held: What each method made of them.
    """

    labels: int
    texts: int
    accuracy: float
    skew: float
    flips: float
    value: float
    difference: float
    rarest: float
    warned: float
    held: tuple[Held, ...]


@dataclass(frozen=True, slots=True)
class Population:
    """Texts, a model, and the model after quantization, as probabilities.

    Attributes:
        shares: Frequency of each label, float64 [labels].
        answers: Probability of each answer of the first model by label, float64 [labels, labels].
        flips: Probability that a right answer turns wrong.
        fixes: Probability that a wrong answer turns right.
    """

    shares: NDArray[np.float64]
    answers: NDArray[np.float64]
    flips: float
    fixes: float

    @classmethod
    def of(cls, labels: int, *, accuracy: float, skew: float, flips: float, seed: int = 0) -> Population:
        """Return a population whose labels differ in accuracy and are mistaken for few others, as real ones are."""
        generator = np.random.default_rng(seed)
        shares = np.arange(1.0, labels + 1) ** -skew
        own = np.clip(generator.uniform(1.5 * accuracy - 0.5, 0.5 + 0.5 * accuracy, labels), 0.05, 0.999)
        answers = np.zeros((labels, labels))
        for label in range(labels):
            others = np.arange(labels) != label
            answers[label, others] = (1 - own[label]) * generator.dirichlet(np.full(labels - 1, 0.3))
            answers[label, label] = own[label]
        return cls(shares / shares.sum(), answers, flips, min(0.5 * flips * accuracy / (1 - accuracy), 1.0))

    @property
    def value(self) -> float:
        """True macro F1 of the first model."""
        return _f1(self.shares[:, None] * self.answers)

    @property
    def difference(self) -> float:
        """True macro F1 of the second model minus that of the first."""
        right, wrong = np.diag(self.answers), self._wrong()
        after = wrong * ((1 - right) * (1 - self.fixes) + right * self.flips)[:, None]
        np.fill_diagonal(after, right * (1 - self.flips) + (1 - right) * self.fixes)
        return _f1(self.shares[:, None] * after) - self.value

    def sample(self, texts: int, generator: np.random.Generator) -> Sample:
        """Return the true labels and the answers of both models, int64 [texts] each."""
        labels, wrong = len(self.shares), self._wrong().cumsum(axis=1)
        cells = (self.shares[:, None] * self.answers).cumsum()
        expected, before = np.divmod(np.searchsorted(cells / cells[-1], generator.random(texts)), labels)
        turned, place = generator.random(texts), generator.random(texts)
        after, is_right = before.copy(), expected == before
        for at in np.flatnonzero(is_right & (turned < self.flips)):
            after[at] = min(int(np.searchsorted(wrong[expected[at]], place[at])), labels - 1)
        fixed = ~is_right & (turned < self.fixes)
        after[fixed] = expected[fixed]
        return expected, before, after

    def _wrong(self) -> NDArray[np.float64]:
        wrong = self.answers * (1 - np.eye(len(self.shares)))
        spread: NDArray[np.float64] = wrong / wrong.sum(axis=1, keepdims=True)
        return spread


def simulate(
    *,
    progress: Progress,
    labels: Iterable[int] = LABELS,
    texts: Iterable[int] = TEXTS,
    draws: int = DRAWS,
    resampled: int = RESAMPLED,
) -> tuple[Setting, ...]:
    """Return every setting; the bootstrap methods get the first ``resampled`` of the ``draws`` samples."""
    asked = [(count, size, world) for count in labels for size in texts for world in WORLDS]
    settings = []
    for done, (count, size, world) in enumerate(asked):
        progress("simulating intervals", done, len(asked))
        settings.append(_setting(count, size, world, draws, resampled))
    return tuple(settings)


def _setting(labels: int, texts: int, world: tuple[float, float, float], draws: int, resampled: int) -> Setting:
    accuracy, skew, flips = world
    population = Population.of(labels, accuracy=accuracy, skew=skew, flips=flips)
    truth = {"value": population.value, "difference": population.difference}
    generator = np.random.default_rng(labels + texts)
    found: dict[tuple[Statistic, str], list[Ends]] = {}
    warned = 0
    for index in range(draws):
        sample = population.sample(texts, generator)
        warned += is_sparse(sample[0], labels=labels)
        made = closed(sample, labels)
        if index < resampled:
            made |= bootstraps(sample, labels, generator)
        for key, ends in made.items():
            found.setdefault(key, []).append(ends)
    held = tuple(
        Held(
            statistic=statistic,
            method=method,
            draws=len(ends),
            held=sum(low - 1e-12 <= truth[statistic] <= high + 1e-12 for low, high in ends),
            width=float(f"{np.mean(np.ptp(ends, axis=1)):.4g}"),
        )
        for (statistic, method), ends in found.items()
    )
    return Setting(
        labels=labels,
        texts=texts,
        accuracy=accuracy,
        skew=skew,
        flips=flips,
        value=round(truth["value"], 6),
        difference=round(truth["difference"], 6),
        rarest=round(texts * float(population.shares.min()), 3),
        warned=warned / draws,
        held=held,
    )


def closed(sample: Sample, labels: int) -> dict[tuple[Statistic, str], Ends]:
    """Return the intervals of the methods that need no resamples."""
    expected, before, after = sample
    made: dict[tuple[Statistic, str], Ends] = {
        ("value", CHOSEN): macro_f1_interval(expected, before, labels=labels),
        ("difference", CHOSEN): macro_f1_difference_interval(expected, before, after, labels=labels),
    }
    n = expected.size
    for statistic, value, slopes, left_out in _both(sample, labels):
        made[statistic, "delta"] = _around(value, float(np.square(slopes).sum()))
        mean = float(left_out.mean())
        made[statistic, "jackknife"] = _around(n * value - (n - 1) * mean, (n - 1) * float(left_out.var()))
    return made


def bootstraps(sample: Sample, labels: int, generator: np.random.Generator) -> dict[tuple[Statistic, str], Ends]:
    """Return the intervals from resamples: percentile, reverse percentile, and BCa (Efron 1987)."""
    cells, times = np.unique(np.stack(sample), axis=1, return_counts=True)
    drawn = generator.multinomial(sample[0].size, times / times.sum(), size=RESAMPLES).astype(np.float64)
    gold, *answers = (np.eye(labels)[row] for row in cells)
    scores = [_macro(drawn @ (gold * given), drawn @ (gold + given)) for given in answers]
    resamples: Mapping[Statistic, NDArray[np.float64]] = {"value": scores[0], "difference": scores[1] - scores[0]}
    made: dict[tuple[Statistic, str], Ends] = {}
    for statistic, value, _, left_out in _both(sample, labels):
        values = resamples[statistic]
        low, high = np.quantile(values, [0.025, 0.975])
        made[statistic, "percentile"] = float(low), float(high)
        made[statistic, "reverse percentile"] = float(2 * value - high), float(2 * value - low)
        away = left_out.mean() - left_out
        cubes, squares = float((away**3).sum()), float((away**2).sum())
        bend = cubes / (6 * squares**1.5) if squares > 1e-18 else 0.0
        below = float(np.mean(values < value - 1e-12) + np.mean(np.abs(values - value) <= 1e-12) / 2)
        shift = NormalDist().inv_cdf(min(max(below, 0.5 / RESAMPLES), 1 - 0.5 / RESAMPLES))
        shares = [NormalDist().cdf(shift + (shift + z) / (1 - bend * (shift + z))) for z in (-_Z, _Z)]
        low, high = np.quantile(values, shares)
        made[statistic, "BCa"] = float(low), float(high)
    return made


def _both(sample: Sample, labels: int) -> Iterator[tuple[Statistic, float, NDArray[np.float64], NDArray[np.float64]]]:
    """Yield each statistic, its value, and for each text [n] its slope over n, and the value without the text."""
    expected, *answers = sample
    values = [macro_f1(expected, given, labels=labels) for given in answers]
    slopes = [slopes_of(expected, given, labels) for given in answers]
    left_out = [macro_f1_leave_one_out(expected, given, labels=labels) for given in answers]
    yield "value", values[0], slopes[0], left_out[0]
    yield "difference", values[1] - values[0], slopes[1] - slopes[0], left_out[1] - left_out[0]


def slopes_of(expected: NDArray[np.int64], predicted: NDArray[np.int64], labels: int) -> NDArray[np.float64]:
    """Return the derivative of macro F1 by the weight of each text, float64 [n] (the delta method)."""
    is_right = expected == predicted
    right = np.bincount(expected[is_right], minlength=labels)
    seen = np.bincount(expected, minlength=labels) + np.bincount(predicted, minlength=labels)
    score, weight = 2 * right / np.maximum(seen, 1), 1 / np.maximum(seen, 1)
    wrong = -(score * weight)[expected] - (score * weight)[predicted]
    slopes: NDArray[np.float64] = np.where(is_right, 2 * ((1 - score) * weight)[expected], wrong)
    return slopes / np.count_nonzero(seen)


def _macro(right: NDArray[np.float64], seen: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return macro F1 of each row of counts [resamples, labels]."""
    scores: NDArray[np.float64] = (2 * right / np.maximum(seen, 1)).sum(axis=1) / (seen > 0).sum(axis=1)
    return scores


def _f1(joint: NDArray[np.float64]) -> float:
    return float(np.mean(2 * np.diag(joint) / (joint.sum(axis=0) + joint.sum(axis=1))))


def _around(value: float, variance: float) -> Ends:
    half = _Z * math.sqrt(variance)
    return value - half, value + half
