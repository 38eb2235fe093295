"""Pieces that the sections of ``RESULTS.md`` have in common."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.figures import Figure
from benchmarks.pruning_results import PrunedSpeedResults
from benchmarks.results import Machine, SpeedResults
from benchmarks.stats import spread
from edgebert.bench.analysis.stats import Estimate
from edgebert.errors import MissingExtraError
from edgebert.manifest import Package

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Canvas

SPREAD_TO_DOUBT = 1.1


@contextlib.contextmanager
def canvas(path: Path, *, width: float, height: float) -> Iterator[Canvas]:
    """Give a figure of a size in inches, and write it as an SVG file in the end: equal drawings give equal bytes.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    try:
        from matplotlib import rc_context
        from matplotlib.figure import Figure as Canvas
    except ImportError as error:
        raise MissingExtraError("matplotlib", extra="onnx", purpose="drawing the results") from error
    # A fixed salt and no date: equal results give equal pictures.
    with rc_context({"svg.hashsalt": "edgebert", "font.size": 10, "svg.fonttype": "path"}):
        drawn = Canvas(figsize=(width, height), layout="constrained")
        yield drawn
        drawn.savefig(path, format="svg", metadata={"Date": None, "Creator": "edgebert"})


def reaches(found: Sequence[Estimate]) -> list[list[float]]:
    """Return how far each interval reaches below and above its value, for error bars."""
    return [
        [item.value - (item.value if item.low is None else item.low) for item in found],
        [(item.value if item.high is None else item.high) - item.value for item in found],
    ]


def figures_table(figures: tuple[Figure, ...]) -> list[str]:
    """Return the table of figures."""
    rows = ["| figure | wanted | found (95 % interval) | |", "| --- | --- | --- | --- |"]
    return [*rows, *(f"| {item.what} | {item.wanted} | {item.found} | {item.verdict} |" for item in figures)]


def doubts(results: SpeedResults | PrunedSpeedResults) -> list[str]:
    """Return the lines that say what the samples themselves give reason to doubt."""
    found = [
        f"- {file.name} at {length} tokens: the slowest round took {ratio:.2f} times as long as the fastest."
        for file in results.files
        for length in results.suite.lengths
        if (ratio := spread(results, file.name, length)) > SPREAD_TO_DOUBT
    ]
    if results.load_average > 1:
        found.append(f"- The machine was not idle: its load average was {results.load_average:.2f} at the start.")
    return ["Doubts:", "", *found, ""] if found else []


def conditions(machine: Machine, commands: tuple[str, ...]) -> list[str]:
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


def packages_text(packages: tuple[Package, ...]) -> str:
    """Return packages with their versions."""
    return ", ".join(f"{item.name} {item.version}" for item in packages)
