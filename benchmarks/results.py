"""Recorded results: raw samples and the conditions they were taken under. Means and ratios are never stored."""

from __future__ import annotations

import os
import platform
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Literal

from benchmarks.suite import Suite
from edgebert.manifest import Package, Score
from edgebert.ondevice.session import cpu_name

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
    """A model file that was measured.

    Attributes:
        name: Maker and file, as in ``edgebert int8.onnx``.
        precision: ``float32`` or ``int8``.
        runtime: Runtime that ran it.
        runtime_version: Its version.
        size_bytes: Size of the file.
        sha256: Hash of the file.
    """

    name: str
    precision: str
    runtime: str
    runtime_version: str
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
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
class Start:
    """How the command line starts.

    Attributes:
        help_ns: Wall times of ``edgebert --help``.
        loaded: Packages that ``import edgebert`` loads, of those that are slow to load.
    """

    help_ns: tuple[int, ...]
    loaded: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedResults:
    """Everything of one run of ``python -m benchmarks speed``."""

    schema: int
    kind: Literal["speed"]
    date: str
    machine: Machine
    commands: tuple[str, ...]
    packages: tuple[Package, ...]
    peer_packages: tuple[Package, ...]
    suite: Suite
    files: tuple[MeasuredFile, ...]
    trials: tuple[Trial, ...]
    load_average: float
    export: Process
    start: Start


@dataclass(frozen=True, slots=True, kw_only=True)
class DataFile:
    """A data file by its name, hash and number of texts."""

    name: str
    sha256: str
    examples: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyResults:
    """Everything of one run of ``python -m benchmarks accuracy``."""

    schema: int
    kind: Literal["accuracy"]
    date: str
    machine: Machine
    commands: tuple[str, ...]
    packages: tuple[Package, ...]
    encoder: str
    epochs: float
    learning_rate: float
    batch_size: int
    max_length: int
    seed: int
    lengths: tuple[int, ...]
    train: DataFile
    evaluation: DataFile
    truncated: int
    checkpoint_sha256: str
    scores: tuple[Score, ...]


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
