"""The simulated coverage of intervals of macro F1, as a section of ``RESULTS.md`` and as a figure."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.coverage import CHOSEN, LEAST, METHODS, MOST, CoverageResults, Held, Setting, Statistic
from benchmarks.figures import Figure
from benchmarks.parts import conditions, packages_text

_NOISE = 0.015
"""Two standard errors of a share of 95 % in 1,000 draws."""


def coverage_figures(results: CoverageResults | None) -> tuple[Figure, ...]:
    """Return what was wanted: the truth is inside in 93 % of samples at least, where edgebert warns of nothing."""
    what, wanted = "95 % intervals of macro F1 hold the truth", f"in {100 * LEAST:.0f} % of samples at least"
    if results is None:
        return (Figure(what=what, wanted=wanted, found="", met=None),)
    calm = [setting for setting in results.settings if setting.warned < 0.05]
    least = {
        name: min(item.held / item.draws for setting in calm for item in _of(setting, name, CHOSEN))
        for name in ("value", "difference")
    }
    found = ", ".join(f"{name} {100 * share:.1f} %" for name, share in least.items()) + ", where nothing is warned of"
    worst = min(least.values())
    met = worst >= LEAST - _NOISE
    return (Figure(what=what, wanted=wanted, found=found, met=met, is_certain=not met or worst >= LEAST),)


def coverage_section(results: CoverageResults) -> list[str]:
    """Return the section of ``RESULTS.md``."""
    draws = max(item.draws for setting in results.settings for item in setting.held)
    fewer = min(item.draws for setting in results.settings for item in setting.held)
    lines = [f"## Intervals of macro F1, simulated, {results.date}", "", *conditions(results.machine, results.commands)]
    lines += [
        (
            "How often a 95 % interval holds the true value, in per cent of seeded samples: the lowest and the highest "
            "of four populations each (labels right in 80, 93 or 98 % of cases; balanced or by Zipf's law; the second "
            f"model turns 0.5 to 3 % of the right texts wrong and fixes half as many). {draws:,} samples for delta, "
            f"jackknife and edgebert; {fewer:,} samples of {results.resamples} resamples for the bootstraps, whose "
            "shares have a standard error of 1.5 points. `warned` is the largest share of samples for which edgebert "
            "warns that more than a fifth of the labels have fewer than two texts."
        ),
        "",
        (
            "edgebert takes Wilson's interval at the jackknife's value and variance, and for the difference the "
            "jackknife's interval with z squared flips more than there are: without them, ten unflipped texts would be "
            "certainty. Where fewer than about ten texts flip, that interval is wider than needed and holds the truth "
            "more often than it says; narrower ones hold it too seldom where all flips go one way."
        ),
        "",
    ]
    lines += ["### One model", "", *_table(results, "value"), "", *_misses(results, "value"), ""]
    lines += ["### The paired difference", "", *_table(results, "difference"), "", *_misses(results, "difference"), ""]
    return [*lines, f"Packages: {packages_text(results.packages)}.", ""]


def _table(results: CoverageResults, statistic: Statistic) -> Iterator[str]:
    yield f"| labels | texts | texts of the rarest label | {' | '.join(METHODS)} | width, points | warned |"
    yield f"| ---: | ---: | ---: |{' ---: |' * len(METHODS)} ---: | ---: |"
    for labels, texts in dict.fromkeys((item.labels, item.texts) for item in results.settings):
        group = [item for item in results.settings if (item.labels, item.texts) == (labels, texts)]
        shares = [
            _range([100 * item.held / item.draws for setting in group for item in _of(setting, statistic, method)])
            for method in METHODS
        ]
        widths = [100 * item.width for setting in group for item in _of(setting, statistic, CHOSEN)]
        rarest = _range([setting.rarest for setting in group], digits=1)
        warned = max(setting.warned for setting in group)
        cells = [str(labels), str(texts), rarest, *shares, _range(widths, digits=1), f"{100 * warned:.0f} %"]
        yield f"| {' | '.join(cells)} |"


def _misses(results: CoverageResults, statistic: Statistic) -> list[str]:
    """Return in words where the chosen interval misses 93 to 97 %."""
    shares = [
        (item.held / item.draws, setting) for setting in results.settings for item in _of(setting, statistic, CHOSEN)
    ]
    low = [pair for pair in shares if pair[0] < LEAST]
    high = [pair for pair in shares if pair[0] > MOST]
    said = f"edgebert's interval holds the truth in {100 * LEAST:.0f} to {100 * MOST:.0f} % of samples in "
    said += f"{len(shares) - len(low) - len(high)} of {len(shares)} settings, in more in {len(high)}"
    said += f" (up to {100 * max(shares, key=_share)[0]:.1f} %), in fewer in {len(low)}"
    if low:
        unwarned = [share for share, setting in low if setting.warned < 0.05]
        said += f" (down to {100 * min(low, key=_share)[0]:.1f} %; {len(unwarned)} of them without a warning"
        said += f", down to {100 * min(unwarned):.1f} %)" if unwarned else ")"
    return [f"{said}."]


def _share(pair: tuple[float, Setting]) -> float:
    return pair[0]


def _of(setting: Setting, statistic: str, method: str) -> list[Held]:
    return [item for item in setting.held if (item.statistic, item.method) == (statistic, method)]


def _range(values: list[float], *, digits: int = 0) -> str:
    if not values:
        return "-"
    low, high = f"{min(values):.{digits}f}", f"{max(values):.{digits}f}"
    return low if low == high else f"{low} to {high}"
