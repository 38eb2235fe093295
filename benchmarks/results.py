"""Recorded results: raw samples and the conditions they were taken under, one JSON file for each day, CPU and study.

Means, ratios and intervals are never stored: they follow from the samples when they are shown.
"""

from __future__ import annotations

import datetime as dt
import os
import platform
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from benchmarks.suite import SpeedSuite
from edgebert.benchmarking.analysis import stats
from edgebert.benchmarking.analysis.stats import Estimate, Times
from edgebert.benchmarking.schema import upgraded
from edgebert.data import Dataset
from edgebert.errors import UsageError
from edgebert.jsonio import dumps, from_plain, parse
from edgebert.manifest import Package
from edgebert.ondevice.session import cpu_name
from edgebert.staging import replace_file

SCHEMA = 1
PACKAGES = (
    "edgebert",
    "onnxruntime",
    "ai-edge-litert",
    "numpy",
    "torch",
    "transformers",
    "onnx",
    "litert-torch",
    "litert-converter",
    "ai-edge-quantizer",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """Where it was measured.

    Attributes:
        model: Name of the CPU.
        features: Instruction sets that int8 kernels choose by.
        cores: Cores this process may use.
        memory_bytes: Memory of the machine.
        system: Kernel and its version.
        python: Version of Python.
    """

    model: str
    features: str
    cores: int
    memory_bytes: int
    system: str
    python: str


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredFile:
    """A model file that was measured; ``name`` is its maker and file, as in ``edgebert int8.onnx``."""

    name: str
    precision: str
    runtime: str
    runtime_version: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class FileTrial:
    """One process that ran one file at one length.

    Attributes:
        file: Name of the file.
        length: Input length in tokens.
        round: Number of the round, from 0.
        load_ns: Time to open the file.
        first_ns: Time of the first inference.
        run_ns: Time of each recorded inference, after the warm-up.
        peak_rss_bytes: Largest resident memory of the process.
        logits: Answer to the first input, the same for every file.
    """

    file: str
    length: int
    round: int
    load_ns: int
    first_ns: int
    run_ns: tuple[int, ...]
    peak_rss_bytes: int
    logits: tuple[float, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A command that was run to its end: wall time, processor time and largest resident memory."""

    command: str
    wall_ns: int
    cpu_ns: int
    peak_rss_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A data file by its name, hash and number of texts."""

    name: str
    sha256: str
    examples: int

    @classmethod
    def of(cls, dataset: Dataset) -> DataFile:
        """Return how a data file is recorded: its name, not its path, which is nobody's concern."""
        return cls(name=dataset.name, sha256=dataset.sha256, examples=len(dataset.examples))


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the results of every study begin with.

    Attributes:
        schema: Version of the results.
        kind: The study.
        date: Day they were recorded on, UTC.
        machine: Where it was measured.
        commands: Command lines that repeat it.
        packages: Packages that took part.
    """

    schema: int = SCHEMA
    kind: str
    date: str
    machine: Machine
    commands: tuple[str, ...]
    packages: tuple[Package, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedFiles(Recorded):
    """Files that were measured side by side.

    Attributes:
        suite: What was measured how often.
        files: The files.
        trials: The raw samples.
        load_average: Load of the machine before the first trial.
    """

    suite: SpeedSuite
    files: tuple[MeasuredFile, ...]
    trials: tuple[FileTrial, ...]
    load_average: float


R = TypeVar("R", bound=Recorded)


def stamp(*commands: str) -> dict[str, Any]:
    """Return the fields of ``Recorded`` that say when, where, with which commands and packages it was measured."""
    today = dt.datetime.now(tz=dt.UTC).date().isoformat()
    return {"date": today, "machine": this_machine(), "commands": commands, "packages": installed()}


def this_machine() -> Machine:
    """Return the description of the machine this runs on."""
    return Machine(
        model=_cpu_model(),
        features=cpu_name(),
        cores=len(os.sched_getaffinity(0)),
        memory_bytes=os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
    )


def installed() -> tuple[Package, ...]:
    """Return the packages that take part, with their versions, as far as they are installed."""
    found = []
    for name in PACKAGES:
        try:
            found.append(Package(name=name, version=metadata.version(name)))
        except metadata.PackageNotFoundError:
            continue
    return tuple(found)


def result_path(folder: Path, results: Recorded) -> Path:
    """Return where results are recorded; a later run of the day replaces them."""
    cpu = re.sub(r"[^a-z0-9]+", "-", results.machine.model.lower()).strip("-")
    return folder / f"{results.date}-{cpu}{'' if results.kind == 'speed' else f'-{results.kind}'}.json"


def save(folder: Path, results: Recorded) -> Path:
    """Record results and return the file."""
    path = result_path(folder, results)
    folder.mkdir(parents=True, exist_ok=True)
    replace_file(path, dumps(results).encode())
    return path


def read_plain(folder: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return name and JSON value of each file of results, newest first.

    Raises:
        UsageError: A file is damaged, or of another schema.
    """
    found = []
    for path in sorted(folder.glob("*.json"), reverse=True):
        plain = parse(path.read_text(encoding="utf-8"), source=path.name)
        schema = plain.get("schema") if isinstance(plain, dict) else None
        if schema != SCHEMA:
            raise UsageError(f"{path.name}: schema {schema}; this reads {SCHEMA}", hint="measure again")
        for key, value in plain.items():
            if isinstance(value, dict) and "measurements" in value:  # a report, as it was recorded
                plain[key] = upgraded(value)
        found.append((path.name, plain))
    return found


def recorded(folder: Path, kind: str, cls: type[R]) -> tuple[R, ...]:
    """Return the recorded results of one study, newest first; errors as ``read_plain``."""
    return tuple(from_plain(cls, plain, source=name) for name, plain in read_plain(folder) if plain["kind"] == kind)


def samples(results: TimedFiles, file: str, length: int) -> Times:
    """Return the times of a file at a length in nanoseconds, by round.

    Raises:
        UsageError: It was not measured.
    """
    found = [trial for trial in results.trials if (trial.file, trial.length) == (file, length)]
    if not found:
        raise UsageError(f"{results.date}: {file} was not measured at length {length}")
    return [trial.run_ns for trial in sorted(found, key=lambda trial: trial.round)]


def median_ms(results: TimedFiles, file: str, length: int) -> Estimate:
    """Return the median time of a typical process with a file at a length, in ms."""
    return mapped(stats.quantiles(samples(results, file, length)).p50, lambda nanoseconds: nanoseconds / 1e6)


def mapped(found: Estimate, rising: Callable[[float], float]) -> Estimate:
    """Return the estimate of what rises with a value, as a function of it."""
    ends = [None if end is None else rising(end) for end in (found.low, found.high)]
    return Estimate(value=rising(found.value), low=ends[0], high=ends[1])


def speed_up(results: TimedFiles, file: str, over: str, length: int) -> Estimate:
    """Return how many times as fast ``file`` is as ``over``, round by round.

    Raises:
        UsageError: One of them was not measured, or in another number of rounds.
    """
    return stats.ratio(samples(results, over, length), samples(results, file, length))


def size_ratio(results: TimedFiles | None, file: str, over: str) -> float | None:
    """Return how many times as large ``file`` is as ``over``; ``None`` where one of them was not measured."""
    sizes = {item.name: item.size_bytes for item in results.files} if results else {}
    return sizes[file] / sizes[over] if {file, over} <= set(sizes) else None


def was_measured(results: TimedFiles, length: int, *files: str) -> bool:
    """Return whether these files were measured at a length."""
    return set(files) <= {item.name for item in results.files} and length in results.suite.lengths


def peak_rss_mb(results: TimedFiles, file: str, length: int) -> float:
    """Return the median over the rounds of the process's largest resident memory, in MB."""
    found = [trial.peak_rss_bytes for trial in results.trials if (trial.file, trial.length) == (file, length)]
    return float(np.median(found)) / 1e6


def _cpu_model() -> str:
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                key, _, value = line.partition(":")
                if key.strip() == "model name":
                    return value.strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()
