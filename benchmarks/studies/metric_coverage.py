"""How often intervals of the metrics of all tasks hold the truth, simulated where the truth is known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

import numpy as np

from benchmarks.metric_worlds import WORLDS, true_values
from benchmarks.page import Figure, conditions, table, versions
from benchmarks.results import Recorded, stamp
from benchmarks.suite import Options
from edgebert.metrics import METRICS
from edgebert.progress import Progress
from edgebert.resampling import RESAMPLES, resampled

LEAST = 0.93
EXAMPLES, STRENGTHS, DRAWS = (50, 200), (0.005, 0.04), 100
SIMULATED = tuple(metric for metric in WORLDS if metric not in ("entity_precision", "entity_recall", "pair_spearman"))
"""The metrics, without those whose intervals are computed like another one's."""

_NOISE = 0.044
"""Two standard errors of a share of 95 % in 100 draws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricSetting:
    """Samples of one size from the population of a metric, and how often intervals held the truth.

    Attributes:
        metric: Name of the metric.
        examples: Examples in each sample.
        strength: How strongly the second model differs from the first.
        value: True metric of the first model, of the second for embeddings.
        difference: True difference of the two.
        draws: Number of samples.
        value_held: Samples whose interval of the metric held the truth.
        held: Samples whose interval of the difference held the truth.
        percentile: The same for the percentile bootstrap; ``None`` for a metric without resamples.
        width: Mean width of the interval of the difference.
    """

    metric: str
    examples: int
    strength: float
    value: float
    difference: float
    draws: int
    value_held: int
    held: int
    percentile: int | None
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricCoverageResults(Recorded):
    """Everything of one run."""

    kind: Literal["metric-coverage"] = "metric-coverage"
    resamples: int
    settings: tuple[MetricSetting, ...]


def run(asked: Options, progress: Progress) -> MetricCoverageResults:  # noqa: ARG001  # every study takes both
    """Simulate how often 95 % intervals of the metrics of all tasks hold the truth; takes two minutes."""
    made = stamp("python -m benchmarks metric-coverage")
    made["packages"] = tuple(item for item in made["packages"] if item.name in ("edgebert", "numpy"))
    return MetricCoverageResults(**made, resamples=RESAMPLES, settings=simulate(progress))


def simulate(
    progress: Progress,
    *,
    metrics: Iterable[str] = SIMULATED,
    examples: Iterable[int] = EXAMPLES,
    strengths: Iterable[float] = STRENGTHS,
    draws: int = DRAWS,
) -> tuple[MetricSetting, ...]:
    """Return every setting."""
    asked = [(metric, size, strength) for metric in metrics for size in examples for strength in strengths]
    settings = []
    for done, (metric, size, strength) in enumerate(asked):
        progress("simulating intervals", done, len(asked))
        settings.append(_setting(metric, size, strength, draws))
    return tuple(settings)


def _setting(metric: str, examples: int, strength: float, draws: int) -> MetricSetting:
    of, world, generator = METRICS[metric], WORLDS[metric], np.random.default_rng(examples)
    before, after = true_values(metric, strength)
    # The FP32 file is its own reference: only the second model has a cosine to it and neighbours to lose.
    is_own = before == of.high
    value, difference = after if is_own else before, after - before
    value_held = held = percentile = 0
    widths = []
    for _ in range(draws):
        tallies = world(examples, strength, generator)
        value_held += _holds(of.interval(tallies[is_own]), value)
        ends = of.change(*tallies)(0.95, examples)
        held += _holds(ends, difference)
        widths.append(ends[1] - ends[0])
        if of.statistic is not None:
            old, new = resampled(of.statistic, *tallies)
            low, high = np.quantile(new - old, [0.025, 0.975])
            percentile += _holds((float(low), float(high)), difference)
    return MetricSetting(
        metric=metric,
        examples=examples,
        strength=strength,
        value=round(value, 6),
        difference=round(difference, 6),
        draws=draws,
        value_held=value_held,
        held=held,
        percentile=None if of.statistic is None else percentile,
        width=float(f"{np.mean(widths):.4g}"),
    )


def _holds(ends: tuple[float, float], truth: float) -> bool:
    return ends[0] - 1e-12 <= truth <= ends[1] + 1e-12


def figures(results: MetricCoverageResults | None) -> tuple[Figure, ...]:
    """Return what was wanted: the true difference is inside in 93 % of samples at least."""
    what, wanted = "95 % intervals of differences hold the truth, metrics of all tasks", "in 93 % of samples at least"
    if results is None:
        return (Figure(what=what, wanted=wanted),)
    worst = min(results.settings, key=lambda setting: setting.held / setting.draws)
    share = worst.held / worst.draws
    found = f"{100 * share:.1f} % at least ({worst.metric}, {worst.examples} examples)"
    met = share >= LEAST - _NOISE
    return (Figure(what=what, wanted=wanted, found=found, met=met, is_certain=not met or share >= LEAST),)


def section(results: MetricCoverageResults, _: str) -> list[str]:
    """Return the paragraphs of ``RESULTS.md``."""
    draws = max(setting.draws for setting in results.settings)
    rows = [
        (
            setting.metric,
            str(setting.examples),
            METRICS[setting.metric].shown(setting.value),
            METRICS[setting.metric].shown(setting.difference, sign=True),
            _share(setting.value_held, setting),
            "" if setting.percentile is None else _share(setting.percentile, setting),
            _share(setting.held, setting),
            METRICS[setting.metric].shown(setting.width),
        )
        for setting in results.settings
    ]
    header = ("metric", "examples", "value", "difference", "value held", "percentile", "difference held", "width")
    return [
        f"## Intervals of the metrics of all tasks, simulated, {results.date}",
        *conditions(results),
        (
            f"How often a 95 % interval holds the true value, in per cent of {draws} seeded samples (standard error "
            "2 points): that of the metric, and that of the paired difference between two models, by the percentile "
            f"bootstrap of {results.resamples} resamples and by edgebert. Values and widths are in per cent and points "
            "for shares, else plain numbers."
        ),
        (
            "edgebert takes the bootstrap's standard error with Student's t, and allows for z squared changes more "
            "than there are; for the mean cosine at least as far as the bootstrap-t reaches; Newcombe's interval where "
            "an example is right or wrong, and order statistics for the 1st percentile. Where few answers change, the "
            "percentile bootstrap is far too narrow, and edgebert's interval is wider than needed."
        ),
        table(header, rows, right=range(1, len(header))),
        f"Packages: {versions(results.packages)}.",
    ]


def _share(held: int, setting: MetricSetting) -> str:
    return f"{100 * held / setting.draws:.0f}"
