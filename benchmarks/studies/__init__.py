"""The studies: one table, which drives the command line, the records on disk and ``RESULTS.md``."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic

from benchmarks.cuts import PruningResults
from benchmarks.page import Figure, table
from benchmarks.results import R, Recorded, read_plain, result_path
from benchmarks.studies import (
    accuracy,
    coverage,
    emulated,
    metric_coverage,
    overhead,
    prune_time,
    pruned_speed,
    pruning,
    speed,
    tasks,
)
from benchmarks.suite import Options, RoundsOptions, ShapeOptions, TextsOptions
from edgebert.errors import UsageError
from edgebert.jsonio import from_plain

TITLE = "RESULTS.md"

Records = dict[str, tuple[Recorded, ...]]
"""Recorded results by study, newest first."""


@dataclass(frozen=True, slots=True)
class Study(Generic[R]):
    """One question that is answered by measuring.

    Attributes:
        kind: Name of its command and of its records.
        results: What it records.
        options: Options of its command.
        run: Measures; the first paragraph of its docstring is the help.
        figures: The figures it set out to reach, from the newest results, or from none.
        section: Paragraphs of ``RESULTS.md``, given the path of the plot.
        draw: Draws the plot; ``None`` where there is none.
    """

    kind: str
    results: type[R]
    options: type[Options]
    run: Callable[..., R]
    figures: Callable[[R | None], Iterable[Figure]]
    section: Callable[[R, str], list[str]]
    draw: Callable[[R, Path], None] | None = None


STUDIES: tuple[Study[Any], ...] = (
    Study("speed", speed.SpeedResults, speed.SpeedOptions, speed.run, speed.figures, speed.section, speed.draw),
    Study("accuracy", accuracy.AccuracyResults, TextsOptions, accuracy.run, accuracy.figures, accuracy.section),
    Study("tasks", tasks.TasksResults, tasks.TasksOptions, tasks.run, tasks.figures, tasks.section),
    Study("pruning", PruningResults, pruning.GridOptions, pruning.run, pruning.figures, pruning.section, pruning.draw),
    Study(
        "prune-time", prune_time.PruneTimeResults, ShapeOptions, prune_time.run, prune_time.figures, prune_time.section
    ),
    Study(
        "pruned-speed",
        pruned_speed.PrunedSpeedResults,
        RoundsOptions,
        pruned_speed.run,
        pruned_speed.figures,
        pruned_speed.section,
        pruned_speed.draw,
    ),
    Study("emulated", emulated.EmulatedResults, ShapeOptions, emulated.run, emulated.figures, emulated.section),
    Study("overhead", overhead.OverheadResults, TextsOptions, overhead.run, overhead.figures, overhead.section),
    Study("coverage", coverage.CoverageResults, Options, coverage.run, coverage.figures, coverage.section),
    Study(
        "metric-coverage",
        metric_coverage.MetricCoverageResults,
        Options,
        metric_coverage.run,
        metric_coverage.figures,
        metric_coverage.section,
    ),
)
"""In the order of the help and of ``RESULTS.md``."""


def load_all(folder: Path) -> Records:
    """Return the recorded results.

    Raises:
        UsageError: A file is damaged, or of another schema or study.
    """
    kinds = {study.kind: study.results for study in STUDIES}
    found: Records = {}
    for name, plain in read_plain(folder):
        kind = plain.get("kind")
        if kind not in kinds:
            raise UsageError(f"{name}: kind is {kind!r}, not one of {', '.join(kinds)}")
        found[kind] = (*found.get(kind, ()), from_plain(kinds[kind], plain, source=name))
    return found


def all_figures(records: Records) -> Iterator[Figure]:
    """Yield every figure, from the newest results of each study."""
    for study in STUDIES:
        yield from study.figures(next(iter(records.get(study.kind, ())), None))


def render(folder: Path) -> Path:
    """Write ``RESULTS.md`` beside the folder of results, and the plots into it; return the former.

    Raises:
        UsageError: A file of results is damaged.
        MissingExtraError: matplotlib is not installed.
    """
    records = load_all(folder)
    for study in STUDIES:
        for results in records.get(study.kind, ()):
            if study.draw is not None:
                study.draw(results, _plot(folder, results))
    path = folder.parent / TITLE
    path.write_text(text(folder), encoding="utf-8")
    return path


def text(folder: Path) -> str:
    """Return the content of ``RESULTS.md``.

    Raises:
        UsageError: A file of results is damaged.
    """
    records = load_all(folder)
    figures = [(item.what, item.wanted, item.found, item.verdict) for item in all_figures(records)]
    paragraphs = [
        "# Results",
        (
            f"Made by `python -m benchmarks render` from the files in [`{folder.name}/`]({folder.name}/), "
            "which hold the raw samples. [README.md](README.md) says how to read and repeat them."
        ),
        "## What was to be reached",
        table(("figure", "wanted", "found (95 % interval)", ""), figures, right=()),
    ]
    for study in STUDIES:
        for results in records.get(study.kind, ()):
            paragraphs += study.section(results, f"{folder.name}/{_plot(folder, results).name}")
    return "\n\n".join(paragraphs) + "\n"


def _plot(folder: Path, results: Recorded) -> Path:
    return result_path(folder, results).with_suffix(".svg")
