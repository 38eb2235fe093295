"""How often intervals of macro F1 hold the truth: six methods, simulated where the truth is known."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.page import Figure, conditions, table, versions
from benchmarks.results import Recorded, stamp
from benchmarks.simulation import CHOSEN, METHODS, RESAMPLES, Held, Setting, Statistic, simulate
from benchmarks.suite import Options
from edgebert.progress import Progress

LEAST, MOST = 0.93, 0.97
FEW = 0.05
"""Share of the samples below which a setting counts as one that edgebert does not warn of."""

_NOISE = 0.015
"""Two standard errors of a share of 95 % in 1,000 draws."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CoverageResults(Recorded):
    """Everything of one run."""

    kind: Literal["coverage"] = "coverage"
    resamples: int
    settings: tuple[Setting, ...]


def run(asked: Options, progress: Progress) -> CoverageResults:  # noqa: ARG001  # every study takes both
    """Simulate how often 95 % intervals of macro F1 hold the truth, by method; takes ten minutes."""
    made = stamp("python -m benchmarks coverage")
    made["packages"] = tuple(item for item in made["packages"] if item.name in ("edgebert", "numpy"))
    return CoverageResults(**made, resamples=RESAMPLES, settings=simulate(progress=progress))


def figures(results: CoverageResults | None) -> tuple[Figure, ...]:
    """Return what was wanted: the truth is inside in 93 % of samples at least, where edgebert warns of nothing."""
    what, wanted = "95 % intervals of macro F1 hold the truth", f"in {100 * LEAST:.0f} % of samples at least"
    if results is None:
        return (Figure(what=what, wanted=wanted),)
    calm = [setting for setting in results.settings if setting.warned < FEW]
    least = {name: min(_share(setting, name) for setting in calm) for name in ("value", "difference")}
    found = ", ".join(f"{name} {100 * share:.1f} %" for name, share in least.items()) + ", where nothing is warned of"
    worst = min(least.values())
    met = worst >= LEAST - _NOISE
    return (Figure(what=what, wanted=wanted, found=found, met=met, is_certain=not met or worst >= LEAST),)


def section(results: CoverageResults, _: str) -> list[str]:
    """Return the paragraphs of ``RESULTS.md``."""
    draws = [item.draws for setting in results.settings for item in setting.held]
    return [
        f"## Intervals of macro F1, simulated, {results.date}",
        *conditions(results),
        (
            "How often a 95 % interval holds the true value, in per cent of seeded samples: the lowest and the highest "
            "of four populations each (labels right in 80, 93 or 98 % of cases; balanced or by Zipf's law; the second "
            f"model turns 0.5 to 3 % of the right texts wrong and fixes half as many). {max(draws):,} samples for "
            f"delta, jackknife and edgebert; {min(draws):,} samples of {results.resamples} resamples for the "
            "bootstraps, whose shares have a standard error of 1.5 points. `warned` is the largest share of samples "
            "for which edgebert warns that more than a fifth of the labels have fewer than two texts."
        ),
        (
            "edgebert takes Wilson's interval at the jackknife's value and variance, and for the difference the "
            "jackknife's interval with z squared flips more than there are: without them, ten unflipped texts would be "
            "certainty. Where fewer than about ten texts flip, that interval is wider than needed and holds the truth "
            "more often than it says; narrower ones hold it too seldom where all flips go one way."
        ),
        "### One model",
        *_part(results, "value"),
        "### The paired difference",
        *_part(results, "difference"),
        f"Packages: {versions(results.packages)}.",
    ]


def _part(results: CoverageResults, statistic: Statistic) -> tuple[str, str]:
    """Return the table of a statistic, and in words where the chosen interval misses 93 to 97 %."""
    groups: dict[tuple[int, int], list[Setting]] = {}
    for setting in results.settings:
        groups.setdefault((setting.labels, setting.texts), []).append(setting)
    rows = []
    for (labels, texts), group in groups.items():
        cells = [str(labels), str(texts), _range([setting.rarest for setting in group], digits=1)]
        for method in METHODS:
            found = (_held(setting, statistic, method) for setting in group)
            cells.append(_range([100 * item.held / item.draws for item in found]))
        cells.append(_range([100 * _held(setting, statistic, CHOSEN).width for setting in group], digits=1))
        rows.append([*cells, f"{100 * max(setting.warned for setting in group):.0f} %"])
    header = ("labels", "texts", "texts of the rarest label", *METHODS, "width, points", "warned")
    shares = [(_share(setting, statistic), setting.warned) for setting in results.settings]
    low = [pair for pair in shares if pair[0] < LEAST]
    high = sum(share > MOST for share, _ in shares)
    said = f"edgebert's interval holds the truth in {100 * LEAST:.0f} to {100 * MOST:.0f} % of samples in "
    said += f"{len(shares) - len(low) - high} of {len(shares)} settings, in more in {high}"
    said += f" (up to {100 * max(shares)[0]:.1f} %), in fewer in {len(low)}"
    if low:
        unwarned = [share for share, warned in low if warned < FEW]
        said += f" (down to {100 * min(low)[0]:.1f} %; {len(unwarned)} of them without a warning"
        said += f", down to {100 * min(unwarned):.1f} %)" if unwarned else ")"
    return table(header, rows, right=range(len(header))), f"{said}."


def _share(setting: Setting, statistic: str) -> float:
    """Return the share of samples, 0 to 1, in which the chosen interval held the truth."""
    found = _held(setting, statistic, CHOSEN)
    return found.held / found.draws


def _held(setting: Setting, statistic: str, method: str) -> Held:
    return next(item for item in setting.held if (item.statistic, item.method) == (statistic, method))


def _range(values: list[float], *, digits: int = 0) -> str:
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return low if low == high else f"{low} to {high}"
