"""The commands about pruning and emulation: each measures, and returns what is to be recorded."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from benchmarks import options
from benchmarks.accuracy import ENCODER, data_file, finetuned
from benchmarks.coverage import RESAMPLES, CoverageResults, measure_coverage
from benchmarks.emulated import SERIES, EmulatedResults, measure_emulated
from benchmarks.measure import Place, make_files
from benchmarks.overhead import OverheadResults, measure_overhead
from benchmarks.prune_time import measure_prune_time
from benchmarks.pruned_speed import measure_pruned_speed, pruned_shapes
from benchmarks.pruning import EPOCHS, SHARES, measure_pruning
from benchmarks.pruning_results import PrunedSpeedResults, PruneTimeResults, PruningResults
from benchmarks.records import Results, load_all
from benchmarks.results import SCHEMA, installed, this_machine
from benchmarks.suite import load_suite
from edgebert.bundle import is_bundle, open_bundle
from edgebert.data import read_dataset
from edgebert.demo.run import encoder_folder
from edgebert.errors import UsageError
from edgebert.pipeline import export_bundle
from edgebert.progress import Progress

_EPOCHS = {None: EPOCHS, "free": EPOCHS[:1], "distilled": EPOCHS[1:]}


def pruning(asked: argparse.Namespace, progress: Progress) -> PruningResults:
    """Cut the fine-tuned checkpoint to every share with every seed, and return what each cut said."""
    train, evaluation = options.texts_of(asked)
    training = read_dataset(train)
    held_back = read_dataset(evaluation, labels=training.labels)
    checkpoint = finetuned(training, held_back, asked.build / "accuracy", base=asked.base, progress=progress)
    found = measure_pruning(
        checkpoint,
        training,
        held_back,
        asked.build / "pruning",
        shares=asked.shares or SHARES,
        epochs=_EPOCHS[asked.only],
        seeds=asked.seeds,
        progress=progress,
    )
    # The record holds what all calls for these seeds found: which parts this one added does not matter.
    seeds = "" if asked.seeds == options.SEEDS else f" --seeds {','.join(map(str, asked.seeds))}"
    return PruningResults(
        schema=SCHEMA,
        kind="pruning",
        date=options.today(),
        machine=this_machine(),
        commands=(f"python -m benchmarks pruning --train {train.name} --eval {evaluation.name}{seeds}",),
        packages=installed(),
        encoder=_encoder(asked.base),
        train=found.train,
        evaluation=found.evaluation,
        checkpoint_sha256=found.checkpoint_sha256,
        original=found.original,
        sample=found.sample,
        tokens_per_text=found.tokens_per_text,
        expected=found.expected,
        answers=found.answers,
        vocabulary=found.vocabulary,
        runs=found.runs,
    )


def prune_time(asked: argparse.Namespace, progress: Progress) -> PruneTimeResults:
    """Time ``edgebert prune`` of the fine-tuned checkpoint and of one in the shape of the suite."""
    train, evaluation = options.texts_of(asked)
    training = read_dataset(train)
    held_back = read_dataset(evaluation, labels=training.labels)
    checkpoint = finetuned(training, held_back, asked.build / "accuracy", base=asked.base, progress=progress)
    load_average = os.getloadavg()[0]
    timed = measure_prune_time(
        checkpoint,
        train,
        load_suite(asked.suite),
        options.suite_name(asked),
        (asked.base or encoder_folder()) / "vocab.txt",
        asked.build / "prune-time",
        labels=training.labels,
        progress=progress,
    )
    return PruneTimeResults(
        schema=SCHEMA,
        kind="prune-time",
        date=options.today(),
        machine=this_machine(),
        commands=(f"python -m benchmarks prune-time --train {train.name} --eval {evaluation.name}",),
        packages=installed(),
        train=data_file(training),
        load_average=load_average,
        timed=timed,
    )


def pruned_speed(asked: argparse.Namespace, progress: Progress) -> PrunedSpeedResults:
    """Time the files of the newest recorded cuts, scaled up to the shape of the suite."""
    cuts = next(iter(load_all(asked.results).pruning), None)
    if cuts is None:
        raise UsageError("no cut is recorded yet", hint="python -m benchmarks pruning --train FILE --eval FILE")
    suite = load_suite(asked.suite, rounds=asked.rounds, runs=asked.runs)
    # A signature for each length that is measured and no other: writing them takes most of the time here.
    suite, seed = replace(suite, signatures=suite.lengths), min(run.seed for run in cuts.runs)
    shapes, load_average = pruned_shapes(cuts, suite.architecture, seed=seed), os.getloadavg()[0]
    files, trials = measure_pruned_speed(suite, shapes, asked.build / "pruned-speed", progress=progress)
    return PrunedSpeedResults(
        schema=SCHEMA,
        kind="pruned-speed",
        date=options.today(),
        machine=this_machine(),
        commands=options.suite_commands(asked, ("pruned-speed",)),
        packages=installed(),
        suite=suite,
        cut_date=cuts.date,
        cut_checkpoint_sha256=cuts.checkpoint_sha256,
        cut_seed=seed,
        shapes=shapes,
        files=files,
        trials=trials,
        load_average=load_average,
    )


def emulated(asked: argparse.Namespace, progress: Progress) -> EmulatedResults:
    """Let emulated ARM CPUs answer and count with the files of the fine-tuned checkpoint and of the suite's shape."""
    train, evaluation = options.texts_of(asked)
    training = read_dataset(train)
    held_back = read_dataset(evaluation, labels=training.labels)
    checkpoint = finetuned(training, held_back, asked.build / "accuracy", base=asked.base, progress=progress)
    work = asked.build / "emulated"
    demo, place = _demo(asked, checkpoint, progress), Place(root=work / "base")
    if not is_bundle(place.bundle):
        # One length: a large float file takes seconds for each inference under emulation.
        make_files(
            replace(load_suite(asked.suite), signatures=(int(SERIES),)), options.suite_name(asked), place, progress
        )
    answered, counted = measure_emulated(demo, place.bundle, held_back, work, progress=progress)
    return EmulatedResults(
        schema=SCHEMA,
        kind="emulated",
        date=options.today(),
        machine=this_machine(),
        commands=(
            "edgebert emulator setup",
            f"python -m benchmarks emulated --train {train.name} --eval {evaluation.name}",
        ),
        packages=installed(),
        demo=answered,
        base=counted,
    )


def overhead(asked: argparse.Namespace, progress: Progress) -> OverheadResults:
    """Time whole benchmarks over ssh and adb with the bundle of the fine-tuned checkpoint."""
    train, evaluation = options.texts_of(asked)
    training = read_dataset(train)
    held_back = read_dataset(evaluation, labels=training.labels)
    checkpoint = finetuned(training, held_back, asked.build / "accuracy", base=asked.base, progress=progress)
    demo = open_bundle(_demo(asked, checkpoint, progress))
    load_average = os.getloadavg()[0]
    return OverheadResults(
        schema=SCHEMA,
        kind="overhead",
        date=options.today(),
        machine=this_machine(),
        commands=(f"python -m benchmarks overhead --train {train.name} --eval {evaluation.name}",),
        packages=installed(),
        runs=measure_overhead(demo, asked.build / "overhead", progress=progress),
        load_average=load_average,
    )


def coverage(asked: argparse.Namespace, progress: Progress) -> CoverageResults:
    """Simulate how often intervals of macro F1 hold the truth."""
    del asked
    return CoverageResults(
        schema=SCHEMA,
        kind="coverage",
        date=options.today(),
        machine=this_machine(),
        commands=("python -m benchmarks coverage",),
        packages=tuple(item for item in installed() if item.name in ("edgebert", "numpy")),
        resamples=RESAMPLES,
        settings=measure_coverage(progress=progress),
    )


def _demo(asked: argparse.Namespace, checkpoint: Path, progress: Progress) -> Path:
    """Return the bundle of the fine-tuned checkpoint, which is exported once."""
    demo: Path = asked.build / "emulated" / "demo"
    if not is_bundle(demo):
        export_bundle(checkpoint, demo, progress=progress)
    return demo


COMMANDS: Mapping[str, Callable[[argparse.Namespace, Progress], Results]] = {
    "pruning": pruning,
    "prune-time": prune_time,
    "pruned-speed": pruned_speed,
    "emulated": emulated,
    "overhead": overhead,
    "coverage": coverage,
}


def _encoder(base: Path | None) -> str:
    return ENCODER if base is None else base.name
