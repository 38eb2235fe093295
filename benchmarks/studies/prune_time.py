"""How long does pruning take a user? ``edgebert prune`` of a small and of a base checkpoint, as processes."""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.measure import edgebert_command, measured, run_command, shown
from benchmarks.page import Figure, bounded, conditions, table, versions
from benchmarks.results import DataFile, Process, Recorded, stamp
from benchmarks.studies.accuracy import prepared
from benchmarks.suite import ShapeOptions, load_suite
from edgebert.architecture import Architecture
from edgebert.configuration import read_architecture
from edgebert.demo.run import encoder_folder
from edgebert.folder import read_config
from edgebert.progress import Progress

KEEP = 0.5
"""Share of the multiply-accumulates that stays."""

MOST_SECONDS = {"fine-tuned": ("the fine-tuned checkpoint", 120.0), "base": ("DistilBERT-base shape", 600.0)}


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedPruning:
    """One ``edgebert prune`` that was run to its end.

    Attributes:
        name: ``fine-tuned`` or ``base``.
        checkpoint: What was pruned, in words.
        architecture: Its shape.
        process: What it took.
    """

    name: Literal["fine-tuned", "base"]
    checkpoint: str
    architecture: Architecture
    process: Process


@dataclass(frozen=True, slots=True, kw_only=True)
class PruneTimeResults(Recorded):
    """Everything of one run."""

    kind: Literal["prune-time"] = "prune-time"
    train: DataFile
    load_average: float
    timed: tuple[TimedPruning, ...]


def run(asked: ShapeOptions, progress: Progress) -> PruneTimeResults:
    """Time edgebert prune of the fine-tuned checkpoint and of one in the shape of the suite."""
    checkpoint, training, _ = prepared(asked, progress)
    load_average, work = os.getloadavg()[0], asked.build / "prune-time"
    work.mkdir(parents=True, exist_ok=True)
    progress("writing the base checkpoint", 0, 3)
    large = work / "base"
    # The vocabulary of the encoder: texts are as long as they would be.
    vocabulary = (asked.base or encoder_folder()) / "vocab.txt"
    words = ["-m", "benchmarks.random_models", asked.suite_path, str(large.resolve())]
    run_command([sys.executable, *words, "--vocabulary", str(vocabulary.resolve()), "--labels", *training.labels])
    said = f"random weights, {load_suite(asked.suite).name} shape, vocabulary of the encoder"
    progress("pruning the fine-tuned checkpoint", 1, 3)
    timed = [_timed("fine-tuned", "the checkpoint of `accuracy`", checkpoint, asked.train, work)]
    progress("pruning the base checkpoint", 2, 3)
    timed.append(_timed("base", said, large, asked.train, work))
    return PruneTimeResults(
        **stamp(asked.texts_command("prune-time")),
        train=DataFile.of(training),
        load_average=load_average,
        timed=tuple(timed),
    )


def _timed(name: Literal["fine-tuned", "base"], said: str, checkpoint: Path, train: Path, work: Path) -> TimedPruning:
    out = work / f"{name}-pruned"
    words = ["prune", shown(checkpoint), "--train", str(train.resolve()), "--keep", f"{KEEP:g}", "--out", shown(out)]
    words.append("--force")
    # Where the texts are on this machine is nobody's concern.
    command = shlex.join(["edgebert", *(train.name if word == str(train.resolve()) else word for word in words)])
    return TimedPruning(
        name=name,
        checkpoint=said,
        architecture=read_architecture(read_config(checkpoint), checkpoint),
        process=measured([str(edgebert_command()), *words], command=command),
    )


def figures(results: PruneTimeResults | None) -> Iterator[Figure]:
    """Yield the figure of each checkpoint."""
    taken: dict[str, float] = {item.name: item.process.wall_ns / 1e9 for item in results.timed} if results else {}
    for name, (said, most) in MOST_SECONDS.items():
        what = f"edgebert prune of {said}, no training: wall time"
        yield bounded(what, "under", most, taken.get(name), unit=" s")


def section(results: PruneTimeResults, _: str) -> list[str]:
    """Return the paragraphs of ``RESULTS.md``."""
    rows = [
        (
            item.checkpoint,
            f"{item.architecture.layers}, {item.architecture.heads[0]}, {item.architecture.neurons[0]}",
            f"{item.process.wall_ns / 1e9:.1f} s",
            f"{item.process.cpu_ns / 1e9:.1f} s",
            f"{item.process.peak_rss_bytes / 1e9:.2f} GB",
        )
        for item in results.timed
    ]
    header = ("checkpoint", "layers, heads, neurons", "wall time", "processor time", "peak memory")
    return [
        f"## Time to prune, {results.date}, {results.machine.model}",
        (
            f"Half of the MACs cut with {results.train.examples} texts of `{results.train.name}`, no training: one "
            "process from reading the checkpoint to writing the pruned one."
        ),
        table(header, rows, right=(2, 3, 4)),
        *conditions(results, *(item.process.command for item in results.timed)),
        f"Load average before: {results.load_average:.2f}. Packages: {versions(results.packages)}.",
    ]
