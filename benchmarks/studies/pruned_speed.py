"""Do the kernels follow the cut? Times files of the recorded cuts, scaled up to a suite's shape, in one run."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from benchmarks.cuts import PruningResults
from benchmarks.measure import Entrant, run_command, run_trials
from benchmarks.page import Figure, bounded, conditions, reaches, speed_figure, table, timed_rows, versions, warnings
from benchmarks.random_models import RandomFiles
from benchmarks.results import TimedFiles, mapped, recorded, size_ratio, speed_up, stamp, was_measured
from benchmarks.suite import RoundsOptions, SpeedSuite
from edgebert.architecture import Architecture
from edgebert.benchmarking.analysis.stats import Estimate
from edgebert.errors import UsageError
from edgebert.heads import head_spec
from edgebert.jsonio import dumps
from edgebert.meaning import NO_SETTINGS
from edgebert.plotting import BLUE, GREY, INK, ORANGE, svg_figure
from edgebert.progress import Progress
from edgebert.pruning.cost import macs

SHARES = (0.5, 0.35, 0.25)
SMALL_VOCABULARY = 0.35
"""The share whose shape also has its vocabulary cut to the task."""

UNPRUNED = "unpruned"
FLOAT = f"{UNPRUNED} float32.onnx"
FOLLOWED = 0.85
TIMES_SMALLER = 10.0
TIMES_FASTER = {32: 9.0, 128: 7.0}
_RUNTIMES = {"onnx": "onnxruntime", "tflite": "litert"}


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
class PrunedSpeedResults(TimedFiles):
    """Everything of one run; the architecture of the suite is the uncut one.

    Attributes:
        cut_date: Day of the recorded cuts that the shapes were scaled up from.
        cut_checkpoint_sha256: Hash of the checkpoint that was cut there.
        cut_seed: Seed of these cuts.
        shapes: The shapes, the uncut one first.
    """

    kind: Literal["pruned-speed"] = "pruned-speed"
    cut_date: str
    cut_checkpoint_sha256: str
    cut_seed: int
    shapes: tuple[PrunedShape, ...]


def run(asked: RoundsOptions, progress: Progress) -> PrunedSpeedResults:
    """Time the files of the newest recorded cuts at the shape of the suite, next to the uncut ones."""
    cuts = next(iter(recorded(asked.results, "pruning", PruningResults)), None)
    if cuts is None:
        raise UsageError("no cut is recorded yet", hint="python -m benchmarks pruning --train FILE --eval FILE")
    # A signature for each length that is measured and no other: writing them takes most of the time here.
    plan, seed = replace(asked.plan, signatures=asked.plan.lengths), min(run.seed for run in cuts.runs)
    shapes, load_average = pruned_shapes(cuts, plan.architecture, seed=seed), os.getloadavg()[0]
    entrants = _written(plan, shapes, asked.build / "pruned-speed", progress)
    vocabulary = min(shape.architecture.vocabulary for shape in shapes)
    files, trials = run_trials(plan, entrants, vocabulary=vocabulary, progress=progress)
    return PrunedSpeedResults(
        **stamp(asked.timing_command("pruned-speed")),
        suite=plan,
        cut_date=cuts.date,
        cut_checkpoint_sha256=cuts.checkpoint_sha256,
        cut_seed=seed,
        shapes=shapes,
        files=files,
        trials=trials,
        load_average=load_average,
    )


def pruned_shapes(cuts: PruningResults, base: Architecture, *, seed: int) -> tuple[PrunedShape, ...]:
    """Return the uncut shape and those that the recorded cuts have when they are made in it.

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


def _written(suite: SpeedSuite, shapes: tuple[PrunedShape, ...], work: Path, progress: Progress) -> tuple[Entrant, ...]:
    """Write the files of all shapes and return them; the uncut shape comes first and alone has float32 files too."""
    entrants: list[Entrant] = []
    for index, shape in enumerate(shapes):
        progress("writing the files", index, len(shapes))
        folder = work / shape.name.replace(" ", "-")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        wanted = RandomFiles(
            architecture=shape.architecture,
            labels=suite.labels,
            seed=suite.seed,
            lengths=suite.lengths,
            with_float=shape.name == UNPRUNED,
        )
        (folder / "wanted.json").write_text(dumps(wanted), encoding="utf-8")
        run_command([sys.executable, "-m", "benchmarks.random_models", str((folder / "wanted.json").resolve())])
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
    return tuple(entrants)


def macs_at(architecture: Architecture, length: int) -> float:
    """Return the multiply-accumulates of one text of a length by a classifier that reads ``[CLS]`` alone."""
    return macs(architecture, {length: 1}, head_spec("text-classification", NO_SETTINGS))


def fall_of_macs(results: PrunedSpeedResults, name: str, length: int) -> float:
    """Return the share of the multiply-accumulates that a shape saves at a length."""
    shapes = {shape.name: shape.architecture for shape in results.shapes}
    return 1 - macs_at(shapes[name], length) / macs_at(shapes[UNPRUNED], length)


def fall_of_time(results: PrunedSpeedResults, file: str, over: str, length: int) -> Estimate:
    """Return the share of the time for a text that ``file`` saves over ``over``, 1 minus the ratio of their times.

    Raises:
        UsageError: One of them was not measured, or in another number of rounds.
    """
    return mapped(speed_up(results, file, over, length), lambda ratio: 1 - 1 / ratio)


def figures(results: PrunedSpeedResults | None) -> Iterator[Figure]:
    """Yield the figures of time against MACs, of size and of speed."""
    for share in SHARES:
        for kind in ("onnx", "tflite"):
            for length in TIMES_FASTER:
                yield _followed(results, share, kind, length)
    for kind in ("tflite", "onnx"):
        name = f"{name_of(SMALL_VOCABULARY)} int8.{kind}"
        what = f"size of {FLOAT} over {name}, vocabulary cut"
        yield bounded(what, "at least", TIMES_SMALLER, size_ratio(results, FLOAT, name), unit=" x", digits=2)
    for length, least in TIMES_FASTER.items():
        yield speed_figure(results, f"{name_of(SMALL_VOCABULARY)} int8.tflite", FLOAT, length, least)


def _followed(results: PrunedSpeedResults | None, share: float, kind: str, length: int) -> Figure:
    file, over = f"{name_of(share)} int8.{kind}", f"{UNPRUNED} int8.{kind}"
    what = f"fall of time over fall of MACs, {file}, length {length}"
    if results is None or not was_measured(results, length, file, over):
        return bounded(what, "at least", FOLLOWED, None)
    time, work = fall_of_time(results, file, over, length), fall_of_macs(results, name_of(share), length)
    found = mapped(time, lambda saved: saved / work)
    more = f": time {-100 * time.value:+.1f} %, MACs {-100 * work:+.1f} %"
    return bounded(what, "at least", FOLLOWED, found, more=more)


def section(results: PrunedSpeedResults, plot: str) -> list[str]:
    """Return the paragraphs of ``RESULTS.md``; ``plot`` is the path of the picture."""
    suite = results.suite
    header, *rows = timed_rows(results, {file.name: FLOAT for file in results.files}, FLOAT)
    shapes = [
        f"- `{shape.name}`: heads {_widths(shape.architecture.heads)}; neurons {_widths(shape.architecture.neurons)}; "
        f"{shape.architecture.vocabulary} tokens; "
        + ", ".join(f"{macs_at(shape.architecture, length) / 1e6:.0f} M MACs at {length}" for length in suite.lengths)
        for shape in results.shapes
    ]
    return [
        f"## Speed of pruned files, {results.date}, {results.machine.model}",
        (
            f"Shapes of the cuts recorded on {results.cut_date} (checkpoint `{results.cut_checkpoint_sha256[:16]}…`, "
            f"seed {results.cut_seed}), scaled up to the shape of the suite `{suite.name}`: as many heads, "
            "proportionally many neurons, the same layers gone. Weights are random, because speed does not depend on "
            f"them. Batch 1, threads: {suite.threads}, inputs without padding. {suite.rounds} rounds of {suite.runs} "
            f"runs after {suite.warm_up} to warm up; medians; intervals from the spread among rounds (Student's t)."
        ),
        "\n".join(shapes),
        table(header, rows, right=range(2, len(header))),
        f"![Fall of time against fall of MACs]({plot})",
        *warnings(results),
        *conditions(results),
        f"Load average before the first trial: {results.load_average:.2f}. Packages: {versions(results.packages)}.",
    ]


def draw(results: PrunedSpeedResults, path: Path) -> None:
    """Draw the fall of time against the fall of MACs of every pruned int8 file, with the line that was wanted.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    lengths = results.suite.lengths
    with svg_figure(path, width=4.2 * len(lengths) + 0.6, height=4.2) as drawn:
        panels = drawn.subplots(1, len(lengths), sharey=True, squeeze=False)[0]
        for panel, length in zip(panels, lengths, strict=True):
            falls = {shape.name: fall_of_macs(results, shape.name, length) for shape in results.shapes}
            panel.plot([0, 1], [0, 1], color=GREY, linewidth=1, linestyle=":", label="time falls as MACs do")
            panel.plot([0, 1], [0, FOLLOWED], color=INK, linewidth=1, label=f"{FOLLOWED:g} of that: wanted")
            for kind, colour, marker, aside in (("onnx", ORANGE, "o", -0.006), ("tflite", BLUE, "s", 0.006)):
                names = [name for name in falls if name != UNPRUNED]
                found = [
                    fall_of_time(results, f"{name} int8.{kind}", f"{UNPRUNED} int8.{kind}", length) for name in names
                ]
                panel.errorbar(
                    [falls[name] + aside for name in names],
                    [item.value for item in found],
                    yerr=reaches(found),
                    color=colour,
                    marker=marker,
                    linestyle="none",
                    capsize=3,
                    label=f"int8.{kind}",
                )
            panel.set_xlim(0, 1)
            panel.set_ylim(min(0, panel.get_ylim()[0]), 1)
            panel.set_title(f"{length} tokens")
            panel.set_xlabel("MACs saved, share")
            panel.spines[["top", "right"]].set_visible(False)
            panel.grid(alpha=0.25)
        panels[0].set_ylabel("time saved, share")
        handles, labels = panels[0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)


def _widths(widths: tuple[int, ...]) -> str:
    return " ".join(map(str, widths))
