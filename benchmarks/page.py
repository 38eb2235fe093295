"""Pieces of ``RESULTS.md`` that studies have in common: figures that were to be reached, tables, conditions."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.results import Machine, TimedFiles, samples
from edgebert.bench.analysis.stats import Estimate, spread
from edgebert.manifest import Package
from edgebert.printable import Markdown, markdown_table

SPREAD_TO_WARN = 1.1


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One figure that edgebert set out to reach.

    Attributes:
        what: What is measured.
        wanted: What it must reach.
        found: What was measured; empty when it was not.
        met: Whether it was reached; ``None`` when it was not measured.
        is_certain: Whether the whole 95 % interval lies on that side, where there is one.
    """

    what: str
    wanted: str
    found: str = ""
    met: bool | None = None
    is_certain: bool = True

    @property
    def verdict(self) -> str:
        """The verdict in words."""
        if self.met is None:
            return "not measured"
        word = "met" if self.met else "MISSED"
        return word if self.is_certain else f"{word}, but the interval reaches across"


def bounded(
    what: str,
    sign: Literal["at least", "at most", "under"],
    bound: float,
    value: float | None,
    *,
    unit: str = "",
    shown: str = "{:.1f}",
    more: str = "",
) -> Figure:
    """Return the figure of a value without an interval.

    Args:
        what: What is measured.
        sign: On which side of the bound it must be.
        bound: What it must reach.
        value: What was measured; ``None`` when it was not.
        unit: Unit of both, with the space before it.
        shown: Format of the value.
        more: Added to what was found.
    """
    wanted = f"{sign} {bound:g}{unit}"
    if value is None:
        return Figure(what=what, wanted=wanted)
    met = {"at least": value >= bound, "at most": value <= bound, "under": value < bound}[sign]
    return Figure(what=what, wanted=wanted, found=f"{shown.format(value)}{unit}{more}", met=met)


def reached(what: str, least: float, found: Estimate | None, *, unit: str = "", more: str = "") -> Figure:
    """Return the figure of an estimate that must be at least ``least``; ``None`` was not measured.

    Where the rounds are too few for an interval, nothing is certain.
    """
    wanted = f"at least {least:g}{unit}"
    if found is None:
        return Figure(what=what, wanted=wanted)
    ends = {None if end is None else end >= least for end in (found.low, found.high)}
    return Figure(
        what=what,
        wanted=wanted,
        found=interval_text(found, unit=unit) + more,
        met=found.value >= least,
        is_certain=len(ends - {None}) == len(ends) == 1,
    )


def interval_text(estimate: Estimate, *, unit: str = "") -> str:
    """Return an estimate with its interval, as in ``3.42 x (3.38 to 3.45)``; without one where rounds are too few."""
    shown = f"{estimate.value:.2f}{unit}"
    if estimate.low is None or estimate.high is None:
        return shown
    return f"{shown} ({estimate.low:.2f} to {estimate.high:.2f})"


def reaches(found: Sequence[Estimate]) -> list[list[float]]:
    """Return how far each interval reaches below and above its value, for error bars."""
    return [
        [item.value - (item.value if item.low is None else item.low) for item in found],
        [(item.value if item.high is None else item.high) - item.value for item in found],
    ]


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, words: int) -> list[str]:
    """Return the lines of a table whose columns after the first ``words`` are aligned on the right."""
    cells = [[Markdown(cell) for cell in row] for row in (header, *rows)]
    return markdown_table(cells[0], cells[1:], right=range(words, len(header))).splitlines()


def figures_table(figures: Iterable[Figure]) -> list[str]:
    """Return the table of figures."""
    rows = [(item.what, item.wanted, item.found, item.verdict) for item in figures]
    return table(("figure", "wanted", "found (95 % interval)", ""), rows, words=4)


def warnings(results: TimedFiles) -> list[str]:
    """Return the lines that warn of what the samples themselves show."""
    found = [
        f"- {file.name} at {length} tokens: the slowest round took {ratio:.2f} times as long as the fastest."
        for file in results.files
        for length in results.suite.lengths
        if (ratio := spread(samples(results, file.name, length))) > SPREAD_TO_WARN
    ]
    if results.load_average > 1:
        found.append(f"- The machine was not idle: its load average was {results.load_average:.2f} at the start.")
    return ["Warnings:", "", *found, ""] if found else []


def conditions(machine: Machine, commands: Iterable[str]) -> list[str]:
    """Return the commands and the machine that results come from."""
    return [
        "```",
        *commands,
        "```",
        "",
        (
            f"{machine.model} ({machine.features}), {machine.cores} cores, {machine.memory_bytes / 1e9:.1f} GB, "
            f"{machine.system}, Python {machine.python}."
        ),
        "",
    ]


def packages_text(packages: Iterable[Package]) -> str:
    """Return packages with their versions."""
    return ", ".join(f"{item.name} {item.version}" for item in packages)
