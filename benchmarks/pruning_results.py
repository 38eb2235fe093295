"""Recorded results of pruning: predictions label by label, times run by run, and the shapes that they belong to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from benchmarks.results import DataFile, Machine, MeasuredFile, Process, Trial
from benchmarks.suite import Suite
from edgebert.architecture import Architecture, VocabularyCut
from edgebert.manifest import Package


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What one model said about every evaluation text: a digit for each, the id of the label, in the file's order.

    Attributes:
        torch: Answers of the float32 model in torch, each text alone.
        int8_onnx: Answers of its ``int8.onnx`` in ONNX Runtime, each text alone.
    """

    torch: str
    int8_onnx: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningRun:
    """One model that was cut, and what it then said.

    Attributes:
        seed: Seed of the sample and of the distillation.
        share: Share of the multiply-accumulates that was asked for, 0 to 1.
        distill: Epochs of distillation; 0 re-fits the weights once, without training.
        macs_share: Share that is left, at the lengths of the training texts.
        architecture: Shape that is left.
        learning_rate: Peak learning rate of the distillation; ``None`` without one.
        wall_ns: Wall time of the run. The importance scores are not in it: the runs of a seed share them.
        load_average: Load of the machine before it.
        answers: What the model said.
    """

    seed: int
    share: float
    distill: float
    macs_share: float
    architecture: Architecture
    learning_rate: float | None
    wall_ns: int
    load_average: float
    answers: Answers


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningResults:
    """Everything that ``python -m benchmarks pruning`` found out about one checkpoint.

    Attributes:
        schema: Version of the results.
        kind: Kind of the results.
        date: Day they were recorded on.
        machine: Where the runs were made.
        commands: How to repeat them.
        packages: Packages that took part.
        encoder: Encoder that was fine-tuned.
        train: Texts it was fine-tuned on, and the runs were given.
        evaluation: Texts the models were asked about.
        checkpoint_sha256: Hash of the fine-tuned checkpoint.
        original: Its shape.
        sample: Training texts that the importance scores rest on.
        tokens_per_text: Mean length of the training texts in tokens.
        expected: Right label of every evaluation text, a digit for each.
        answers: What the fine-tuned checkpoint said, before any cut.
        vocabulary: What cutting its vocabulary to the training texts does.
        runs: The runs.
    """

    schema: int
    kind: Literal["pruning"]
    date: str
    machine: Machine
    commands: tuple[str, ...]
    packages: tuple[Package, ...]
    encoder: str
    train: DataFile
    evaluation: DataFile
    checkpoint_sha256: str
    original: Architecture
    sample: int
    tokens_per_text: float
    expected: str
    answers: Answers
    vocabulary: VocabularyCut
    runs: tuple[PruningRun, ...]


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
class PruneTimeResults:
    """Everything of one run of ``python -m benchmarks prune-time``."""

    schema: int
    kind: Literal["prune-time"]
    date: str
    machine: Machine
    commands: tuple[str, ...]
    packages: tuple[Package, ...]
    train: DataFile
    load_average: float
    timed: tuple[TimedPruning, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedShape:
    """A shape that was timed; its files are named for it, as in ``keep 0.5 int8.onnx``.

    Attributes:
        name: ``unpruned``, or ``keep`` and the share that its cut was asked for.
        share: That share; 1 for the uncut shape.
        architecture: The shape.
    """

    name: str
    share: float
    architecture: Architecture


@dataclass(frozen=True, slots=True, kw_only=True)
class PrunedSpeedResults:
    """Everything of one run of ``python -m benchmarks pruned-speed``.

    Attributes:
        schema: Version of the results.
        kind: Kind of the results.
        date: Day they were recorded on.
        machine: Where it was measured.
        commands: How to repeat it.
        packages: Packages that took part.
        suite: What was measured how often; its architecture is the uncut one.
        cut_date: Day of the recorded cuts that the shapes were scaled up from.
        cut_checkpoint_sha256: Hash of the checkpoint that was cut there.
        cut_seed: Seed of these cuts.
        shapes: The shapes, the uncut one first.
        files: Their files.
        trials: The raw samples.
        load_average: Load of the machine before the first trial.
    """

    schema: int
    kind: Literal["pruned-speed"]
    date: str
    machine: Machine
    commands: tuple[str, ...]
    packages: tuple[Package, ...]
    suite: Suite
    cut_date: str
    cut_checkpoint_sha256: str
    cut_seed: int
    shapes: tuple[PrunedShape, ...]
    files: tuple[MeasuredFile, ...]
    trials: tuple[Trial, ...]
    load_average: float
