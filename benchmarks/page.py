"""Pieces of ``RESULTS.md`` that studies have in common: figures that were to be reached, tables, conditions."""

from __future__ import annotations

import operator
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks.results import Recorded, TimedFiles, median_ms, peak_rss_mb, samples, speed_up, was_measured
from edgebert.benchmarking.analysis.stats import Estimate, spread
from edgebert.manifest import Package
from edgebert.printable import Markdown, markdown_table

SPREAD_TO_WARN = 1.1
_MEETS = {"at least": operator.ge, "at most": operator.le, "under": operator.lt}


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
    found: float | Estimate | None,
    *,
    unit: str = "",
    digits: int = 1,
    text: str = "",
    more: str = "",
) -> Figure:
    """Return the figure of a value, or of an estimate with an interval.

    Where the rounds are too few for an interval, nothing is certain.

    Args:
        what: What is measured.
        sign: On which side of the bound it must be.
        bound: What it must reach.
        found: What was measured; ``None`` when it was not.
        unit: Unit of both, with the space before it.
        digits: Digits of a value without an interval after the point.
        text: What was found, where it is not shown as a number.
        more: Added to what was found.
    """
    wanted = f"{sign} {bound:g}{unit}"
    if found is None:
        return Figure(what=what, wanted=wanted)
    shown = f"{found:.{digits}f}{unit}" if isinstance(found, float) else interval_text(found, unit=unit)
    values = (found,) * 3 if isinstance(found, float) else (found.value, found.low, found.high)
    met, *ends = (None if value is None else _MEETS[sign](value, bound) for value in values)
    return Figure(what=what, wanted=wanted, found=(text or shown) + more, met=met, is_certain=ends == [met, met])


def speed_figure(results: TimedFiles | None, file: str, over: str, length: int, least: float) -> Figure:
    """Return the figure of how many times as fast ``file`` must be as ``over`` at a length in tokens."""
    found = speed_up(results, file, over, length) if results and was_measured(results, length, file, over) else None
    return bounded(f"speed of {file} over {over}, length {length}", "at least", least, found, unit=" x")


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


def table(header: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[int]) -> str:
    """Return a table whose columns with these indexes are aligned on the right."""
    cells = [[Markdown(cell) for cell in row] for row in (header, *rows)]
    return markdown_table(cells[0], cells[1:], right=right)


def timed_rows(results: TimedFiles, over: Mapping[str, str], name: str) -> list[list[str]]:
    """Return the header and a row for each file that was timed.

    Args:
        results: The samples.
        over: The file that a file is compared with, by its name; the cells of a file that is not in it are empty.
        name: What these files are, for the header.
    """
    lengths = results.suite.lengths
    header = ["file", "runtime", "size", *(f"{length} tokens, ms" for length in lengths)]
    rows = [[*header, *(f"{length}: over {name}" for length in lengths), f"peak memory at {lengths[-1]}"]]
    for file in results.files:
        cells = [file.name, f"{file.runtime} {file.runtime_version}", f"{file.size_bytes / 1e6:.1f} MB"]
        cells += [interval_text(median_ms(results, file.name, length)) for length in lengths]
        for length in lengths:
            found = speed_up(results, file.name, over[file.name], length) if file.name in over else None
            cells.append("" if found is None else interval_text(found, unit=" x"))
        rows.append([*cells, f"{peak_rss_mb(results, file.name, lengths[-1]):.0f} MB"])
    return rows


def warnings(results: TimedFiles) -> list[str]:
    """Return the paragraphs that warn of what the samples themselves show."""
    found = [
        f"- {file.name} at {length} tokens: the slowest round took {ratio:.2f} times as long as the fastest."
        for file in results.files
        for length in results.suite.lengths
        if (ratio := spread(samples(results, file.name, length))) > SPREAD_TO_WARN
    ]
    if results.load_average > 1:
        found.append(f"- The machine was not idle: its load average was {results.load_average:.2f} at the start.")
    return ["Warnings:", "\n".join(found)] if found else []


def conditions(results: Recorded, *commands: str) -> list[str]:
    """Return the paragraphs of what results come from: their commands and some more, and the machine."""
    machine = results.machine
    return [
        "\n".join(["```", *results.commands, *commands, "```"]),
        (
            f"{machine.model} ({machine.features}), {machine.cores} cores, {machine.memory_bytes / 1e9:.1f} GB, "
            f"{machine.system}, Python {machine.python}."
        ),
    ]


def versions(packages: Iterable[Package]) -> str:
    """Return packages with their versions."""
    return ", ".join(f"{item.name} {item.version}" for item in packages)
