"""The folder of recorded results: one JSON file for each day, CPU and kind."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from benchmarks.coverage import CoverageResults
from benchmarks.emulated import EmulatedResults
from benchmarks.overhead import OverheadResults
from benchmarks.pruning_results import PrunedSpeedResults, PruneTimeResults, PruningResults
from benchmarks.results import SCHEMA, AccuracyResults, SpeedResults
from edgebert.errors import UsageError
from edgebert.jsonio import dumps, from_plain, parse
from edgebert.staging import replace_file

T = TypeVar("T")
Results = (
    SpeedResults
    | AccuracyResults
    | PruningResults
    | PruneTimeResults
    | PrunedSpeedResults
    | EmulatedResults
    | OverheadResults
    | CoverageResults
)

_KINDS = ("speed", "accuracy", "pruning", "prune-time", "pruned-speed", "emulated", "overhead", "coverage")


@dataclass(frozen=True, slots=True, kw_only=True)
class Records:
    """All recorded results, each kind newest first."""

    speed: tuple[SpeedResults, ...] = ()
    accuracy: tuple[AccuracyResults, ...] = ()
    pruning: tuple[PruningResults, ...] = ()
    prune_time: tuple[PruneTimeResults, ...] = ()
    pruned_speed: tuple[PrunedSpeedResults, ...] = ()
    emulated: tuple[EmulatedResults, ...] = ()
    overhead: tuple[OverheadResults, ...] = ()
    coverage: tuple[CoverageResults, ...] = ()


def result_path(folder: Path, results: Results) -> Path:
    """Return where results are recorded: one file for each day, CPU and kind; a later run of the day replaces it."""
    cpu = re.sub(r"[^a-z0-9]+", "-", results.machine.model.lower()).strip("-")
    return folder / f"{results.date}-{cpu}{'' if results.kind == 'speed' else f'-{results.kind}'}.json"


def save(folder: Path, results: Results) -> Path:
    """Record results and return the file."""
    path = result_path(folder, results)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(path, dumps(results))
    return path


def write_whole(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all, whenever the process dies."""
    replace_file(path, text.encode())


def load_all(folder: Path) -> Records:
    """Return the recorded results.

    Raises:
        UsageError: A file is damaged, or of another schema or kind.
    """
    plain = [
        (path.name, parse(path.read_text(encoding="utf-8"), source=path.name))
        for path in sorted(folder.glob("*.json"), reverse=True)
    ]
    for name, value in plain:
        schema, kind = (value.get("schema"), value.get("kind")) if isinstance(value, dict) else (None, None)
        if schema != SCHEMA:
            raise UsageError(f"{name}: schema {schema}; this reads {SCHEMA}", hint="measure again")
        if kind not in _KINDS:
            raise UsageError(f"{name}: kind is {kind!r}, not one of {', '.join(_KINDS)}")
    return Records(
        speed=_of(SpeedResults, plain, "speed"),
        accuracy=_of(AccuracyResults, plain, "accuracy"),
        pruning=_of(PruningResults, plain, "pruning"),
        prune_time=_of(PruneTimeResults, plain, "prune-time"),
        pruned_speed=_of(PrunedSpeedResults, plain, "pruned-speed"),
        emulated=_of(EmulatedResults, plain, "emulated"),
        overhead=_of(OverheadResults, plain, "overhead"),
        coverage=_of(CoverageResults, plain, "coverage"),
    )


def _of(cls: type[T], plain: list[tuple[str, Any]], kind: str) -> tuple[T, ...]:
    return tuple(from_plain(cls, value, source=name) for name, value in plain if value["kind"] == kind)
