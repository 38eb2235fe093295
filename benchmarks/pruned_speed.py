"""Do the kernels follow the cut? Times files of the recorded cuts, scaled up to a suite's shape, in one run."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path

from benchmarks.measure import Entrant, run_command, run_trials
from benchmarks.pruned_files import Wanted
from benchmarks.pruning_results import PrunedShape, PruningResults
from benchmarks.results import MeasuredFile, Trial
from benchmarks.suite import Suite
from edgebert.architecture import Architecture
from edgebert.errors import UsageError
from edgebert.jsonio import dumps
from edgebert.progress import Progress

SHARES = (0.5, 0.35, 0.25)
SMALL_VOCABULARY = 0.35
"""The share whose shape also has its vocabulary cut to the task."""

UNPRUNED = "unpruned"
_RUNTIMES = {"onnx": "onnxruntime", "tflite": "litert"}


def pruned_shapes(cuts: PruningResults, base: Architecture, *, seed: int) -> tuple[PrunedShape, ...]:
    """Return the uncut shape and those that the recorded cuts have when they are made in it.

    Args:
        cuts: The recorded cuts; with and without distillation they are the same.
        base: The uncut shape.
        seed: Seed of the cuts.

    Raises:
        UsageError: A cut was not recorded, or its original does not scale to ``base``.
    """
    shapes = [PrunedShape(name=UNPRUNED, share=1.0, architecture=base)]
    for share in SHARES:
        cut = next((run.architecture for run in cuts.runs if (run.share, run.seed) == (share, seed)), None)
        if cut is None:
            raise UsageError(
                f"{cuts.date}: no cut to {share:g} with seed {seed} is recorded",
                hint="python -m benchmarks pruning --only free --train FILE --eval FILE",
            )
        vocabulary = cuts.vocabulary.tokens_after if share == SMALL_VOCABULARY else base.vocabulary
        shape = replace(scaled(cut, cuts.original, base), vocabulary=vocabulary)
        shapes.append(PrunedShape(name=name_of(share), share=share, architecture=shape))
    return tuple(shapes)


def name_of(share: float) -> str:
    """Return the name of the shape that a share leaves."""
    return f"keep {share:g}"


def scaled(cut: Architecture, original: Architecture, base: Architecture) -> Architecture:
    """Return what a cut leaves of ``base`` when it keeps the parts of heads and neurons that it kept of ``original``.

    Layers that went are gone here too.

    Raises:
        UsageError: The layers of one of the uncut shapes differ in width, or there are not equally many.
    """
    for shape in (original, base):
        if len(set(shape.heads)) > 1 or len(set(shape.neurons)) > 1:
            raise UsageError(f"an uncut shape has layers of different widths: {shape.heads}, {shape.neurons}")
    if original.layers != base.layers:
        raise UsageError(f"what was cut had {original.layers} layers, the suite's shape has {base.layers}")
    heads, neurons = (base.heads[0], original.heads[0]), (base.neurons[0], original.neurons[0])
    return replace(
        base,
        heads=tuple(max(1, round(width * heads[0] / heads[1])) for width in cut.heads),
        neurons=tuple(max(1, round(width * neurons[0] / neurons[1])) for width in cut.neurons),
    )


def measure_pruned_speed(
    suite: Suite, shapes: tuple[PrunedShape, ...], work: Path, *, progress: Progress
) -> tuple[tuple[MeasuredFile, ...], tuple[Trial, ...]]:
    """Write the files of all shapes, run them side by side, and return the raw samples.

    Args:
        suite: Lengths, and how often.
        shapes: The shapes, the uncut one first: it alone is measured in float32 too.
        work: Folder for the files.
        progress: Told what is being done.

    Raises:
        CheckFailed: A process failed.
    """
    entrants: list[Entrant] = []
    for index, shape in enumerate(shapes):
        progress("writing the files", index, len(shapes))
        folder = work / shape.name.replace(" ", "-")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        wanted = Wanted(
            architecture=shape.architecture,
            labels=suite.labels,
            seed=suite.seed,
            lengths=suite.lengths,
            with_float=shape.name == UNPRUNED,
        )
        (folder / "wanted.json").write_text(dumps(wanted), encoding="utf-8")
        run_command([sys.executable, "-m", "benchmarks.pruned_files", str((folder / "wanted.json").resolve())])
        entrants += [
            Entrant(
                name=f"{shape.name} {precision}.{kind}",
                path=folder / f"{precision}.{kind}",
                precision=precision,
                runtime=runtime,
            )
            for precision in (("float32", "int8") if wanted.with_float else ("int8",))
            for kind, runtime in _RUNTIMES.items()
        ]
    vocabulary = min(shape.architecture.vocabulary for shape in shapes)
    return run_trials(suite, tuple(entrants), vocabulary=vocabulary, progress=progress)
