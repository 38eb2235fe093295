"""Recorded results of speed and accuracy, made up."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.__main__ import main as run_main
from benchmarks.results import DataFile, FileTrial, Machine, MeasuredFile, Process
from benchmarks.studies.accuracy import AccuracyResults
from benchmarks.studies.speed import CommandStart, SpeedResults
from benchmarks.suite import SpeedSuite
from edgebert.architecture import Architecture
from edgebert.manifest import Package, Score

MACHINE = Machine(
    model="Fast(tm) CPU", features="x86_64", cores=2, memory_bytes=8 * 10**9, system="Linux 1", python="3.11.7"
)
RECORD = {"date": "2026-01-02", "machine": MACHINE, "packages": (Package(name="edgebert", version="0.1.0"),)}
TINY = """
name = "tiny"
description = "a tiny shape"
labels = 2
seed = 0
signatures = [8, 16]
lengths = [8]
threads = 1
rounds = 2
warm_up = 1
runs = 3
[architecture]
hidden = 16
head_dim = 8
heads = [2]
neurons = [32]
vocabulary = 400
positions = 32
activation = "gelu"
"""
SIZES = {
    "edgebert int8.tflite": 25,
    "edgebert int8.onnx": 26,
    "edgebert float32.tflite": 100,
    "edgebert float32.onnx": 100,
    "Optimum int8.onnx": 25,
    "Optimum model.onnx": 100,
}
MS = dict(zip(SIZES, (30, 36, 107, 105, 38, 110), strict=True))


def main(words: list[str]) -> int:
    """Run ``python -m benchmarks`` and return its exit code."""
    with pytest.raises(SystemExit) as left:
        run_main(words)
    return left.value.code or 0


def suite(**changes: object) -> SpeedSuite:
    return dataclasses.replace(
        SpeedSuite(
            name="s",
            description="a shape",
            labels=2,
            seed=0,
            signatures=(32, 128),
            lengths=(32, 128),
            threads=1,
            rounds=4,
            warm_up=1,
            runs=3,
            architecture=Architecture(
                hidden=16, head_dim=8, heads=(2,), neurons=(32,), vocabulary=40, positions=128, activation="gelu"
            ),
        ),
        **changes,
    )


def speed_results(ms=MS, sizes=SIZES, **changes: object) -> SpeedResults:
    """Return results in which a file takes ``ms`` at length 128, a quarter at 32, and 2 % more in odd rounds."""
    plan = suite()
    trials = [
        FileTrial(
            file=name,
            length=length,
            round=number,
            load_ns=1,
            first_ns=2,
            run_ns=tuple(
                round(1e6 * value * length / 128 * (1 + 0.02 * (number % 2))) + step for step in range(plan.runs)
            ),
            peak_rss_bytes=10**8,
            logits=(0.5, -0.5),
        )
        for number in range(plan.rounds)
        for length in plan.lengths
        for name, value in ms.items()
    ]
    values = {
        **RECORD,
        "commands": ("python -m benchmarks speed",),
        "peer_packages": (Package(name="optimum", version="2.1.0"),),
        "suite": plan,
        "files": tuple(
            MeasuredFile(
                name=name,
                precision="int8" if "int8" in name else "float32",
                runtime="litert" if name.endswith("tflite") else "onnxruntime",
                runtime_version="1",
                size_bytes=sizes[name],
                sha256="0" * 64,
            )
            for name in ms
        ),
        "trials": tuple(trials),
        "load_average": 0.1,
        "export": Process(command="edgebert export", wall_ns=6 * 10**10, cpu_ns=7 * 10**10, peak_rss_bytes=2 * 10**9),
        "start": CommandStart(help_ns=(2 * 10**8, 3 * 10**8, 9 * 10**8), loaded=()),
    }
    return SpeedResults(**(values | changes))


def accuracy_results(difference: float = -0.004) -> AccuracyResults:
    data = DataFile(name="dev.tsv", sha256="1" * 64, examples=872)
    score = Score(
        file="int8.onnx", runtime="onnxruntime", metric="accuracy", value=0.9, low=0.88, high=0.92, examples=872
    )
    paired = dataclasses.replace(
        score,
        baseline="baseline/float32.onnx",
        difference=difference,
        difference_low=difference - 0.003,
        difference_high=difference + 0.003,
        agreement=0.99,
        flips=9,
        mcnemar_p=0.5,
    )
    return AccuracyResults(
        **RECORD,
        commands=("python -m benchmarks accuracy",),
        encoder="encoder",
        epochs=2.0,
        learning_rate=1e-4,
        batch_size=32,
        max_length=64,
        seed=0,
        lengths=(16, 64),
        train=data,
        evaluation=data,
        truncated=0,
        checkpoint_sha256="2" * 64,
        scores=(dataclasses.replace(score, file="baseline/float32.onnx"), paired),
    )
