"""Recorded results of pruning, made up."""

from __future__ import annotations

import dataclasses

from benchmarks.cuts import LabelDigits, PruningRun
from benchmarks.page import Figure
from benchmarks.results import DataFile, FileTrial, MeasuredFile, Process
from benchmarks.studies import STUDIES, Records
from benchmarks.studies.prune_time import PruneTimeResults, TimedPruning
from benchmarks.studies.pruned_speed import FLOAT, PrunedShape, PrunedSpeedResults, macs_at, scaled
from benchmarks.studies.pruning import PruningResults
from benchmarks.suite import load_suite
from edgebert.architecture import Architecture, VocabularyCut
from tests.benchmarks.values import RECORD

BASE = Architecture(
    hidden=768,
    head_dim=64,
    heads=(12,) * 6,
    neurons=(3072,) * 6,
    vocabulary=30522,
    positions=512,
    activation="gelu",
)
SMALL = dataclasses.replace(BASE, hidden=384, head_dim=32, neurons=(1536,) * 6)
DATA = DataFile(name="dev.tsv", sha256="1" * 64, examples=1000)
TEXTS = 1000
RIGHT = 880
VOCABULARY = VocabularyCut(
    tokens_before=30522,
    tokens_after=9000,
    bytes_saved=1,
    texts=90,
    unknown_before=0.0,
    unknown_after=0.01,
    tokens_per_text_before=20.0,
    tokens_per_text_after=20.5,
    agreement=0.99,
    accuracy_before=0.9,
    accuracy_after=0.9,
)
# Drops in points, seed by seed, that lie safely below what is asked for.
FINE = {(0.6, 0.0): (0.1, 0.2, 0.3), (0.5, 0.0): (0.8, 0.9, 1.0), (0.6, 2.0): (-0.4, -0.5, -0.6)}
FINE |= {(0.5, 2.0): (-0.2, -0.3, -0.4), (0.35, 2.0): (0.0, 0.1, -0.1), (0.25, 2.0): (0.9, 1.0, 1.1)}
FINE |= {(0.35, 0.0): (3.0, 4.0, 5.0), (0.25, 0.0): (8.0, 9.0, 11.0)}


def said(points: float) -> str:
    """Return answers that are right so many points less often than before the cut; '1' is always right."""
    right = RIGHT - round(points * TEXTS / 100)
    return "1" * right + "0" * (TEXTS - right)


def shape_at(share: float) -> Architecture:
    layers = 5 if share < 0.3 else 6
    return dataclasses.replace(SMALL, heads=(6,) * layers, neurons=(max(8, round(1536 * share) // 8 * 8),) * layers)


def pruning_results(lost=FINE, **changes: object) -> PruningResults:
    runs = [
        PruningRun(
            seed=seed,
            share=share,
            distill=distill,
            macs_share=share - 0.01,
            architecture=shape_at(share),
            learning_rate=2e-5 if distill else None,
            wall_ns=10**10,
            load_average=0.2,
            answers=LabelDigits(torch=said(points), int8_onnx=said(points + 0.2)),
        )
        for (share, distill), values in lost.items()
        for seed, points in enumerate(values)
    ]
    values = {
        **RECORD,
        "commands": ("python -m benchmarks pruning",),
        "encoder": "encoder",
        "train": DATA,
        "evaluation": DATA,
        "checkpoint_sha256": "2" * 64,
        "original": SMALL,
        "sample": 1024,
        "tokens_per_text": 23.5,
        "expected": "1" * TEXTS,
        "answers": LabelDigits(torch=said(0), int8_onnx=said(0.1)),
        "vocabulary": VOCABULARY,
        "runs": tuple(runs),
    }
    return PruningResults(**(values | changes))


def prune_time_results(seconds=(60.0, 300.0)) -> PruneTimeResults:
    return PruneTimeResults(
        **RECORD,
        commands=("python -m benchmarks prune-time",),
        train=DATA,
        load_average=0.1,
        timed=tuple(
            TimedPruning(
                name=name,
                checkpoint=f"the {name} one",
                architecture=BASE,
                process=Process(
                    command="edgebert prune", wall_ns=round(1e9 * wall), cpu_ns=10**9, peak_rss_bytes=10**9
                ),
            )
            for name, wall in zip(("fine-tuned", "base"), seconds, strict=True)
        ),
    )


def pruned_speed_results(follow: float = 0.95, times_faster: float = 4.0, wobble: float = 0.0, **sizes: int):
    """Return results in which int8 files save ``follow`` of what their MACs do; in odd rounds the cut ones are
    ``wobble`` slower and the uncut ones as much faster, in even rounds the other way around.
    """
    shapes = (
        PrunedShape(name="unpruned", share=1.0, architecture=BASE),
        *(
            PrunedShape(name=f"keep {share:g}", share=share, architecture=scaled(shape_at(share), SMALL, BASE))
            for share in (0.5, 0.35, 0.25)
        ),
    )
    suite = dataclasses.replace(load_suite("distilbert-base", rounds=4, runs=3), signatures=(32, 128))
    names = ["unpruned float32.onnx", "unpruned float32.tflite"]
    names += [f"{shape.name} int8.{kind}" for shape in shapes for kind in ("onnx", "tflite")]

    def ms(name: str, length: int) -> float:
        shape = next(shape for shape in shapes if name.startswith(f"{shape.name} "))
        if "float32" in name:
            return length * times_faster
        return length * (1 - follow * (1 - macs_at(shape.architecture, length) / macs_at(BASE, length)))

    trials = tuple(
        FileTrial(
            file=name,
            length=length,
            round=number,
            load_ns=1,
            first_ns=1,
            run_ns=(round(1e6 * ms(name, length) * (1 + wobble * (-1) ** (number + (place < 4)))),) * suite.runs,
            peak_rss_bytes=10**8,
            logits=(0.5, -0.5),
        )
        for number in range(suite.rounds)
        for length in suite.lengths
        for place, name in enumerate(names)
    )
    sizes = {FLOAT: 250, "keep 0.35 int8.tflite": 20, "keep 0.35 int8.onnx": 21} | sizes
    return PrunedSpeedResults(
        **RECORD,
        commands=("python -m benchmarks pruned-speed",),
        suite=suite,
        cut_date="2026-01-02",
        cut_checkpoint_sha256="2" * 64,
        cut_seed=0,
        shapes=shapes,
        files=tuple(
            MeasuredFile(
                name=name,
                precision="float32" if "float32" in name else "int8",
                runtime="litert" if name.endswith("tflite") else "onnxruntime",
                runtime_version="1",
                size_bytes=10**6 * sizes.get(name, 60),
                sha256="0" * 64,
            )
            for name in names
        ),
        trials=trials,
        load_average=0.1,
    )


def pruning_figures(found: Records) -> tuple[Figure, ...]:
    """Return the figures of the three studies of pruning."""
    newest = {kind: next(iter(results), None) for kind, results in found.items()}
    return tuple(
        figure
        for study in STUDIES
        if study.kind in {"pruning", "prune-time", "pruned-speed"}
        for figure in study.figures(newest.get(study.kind))
    )


def records(**changes: object) -> Records:
    fine = {
        "pruning": (pruning_results(),),
        "prune-time": (prune_time_results(),),
        "pruned-speed": (pruned_speed_results(),),
    }
    return fine | {kind.replace("_", "-"): results for kind, results in changes.items()}
