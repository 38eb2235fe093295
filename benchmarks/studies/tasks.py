"""Does every task survive int8 and pruning? Fine-tunes one encoder for each, and scores every file against float."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import typer

from benchmarks.kept import State, kept, read, write
from benchmarks.page import Figure, conditions, table, versions
from benchmarks.results import DataFile, Recorded, stamp
from benchmarks.suite import BuildOptions, Options
from benchmarks.task_sets import TASK_SETS, TaskSet
from edgebert.answers import VectorPrediction
from edgebert.card import agreement_text, change_text
from edgebert.checkpoint import Model, load_model
from edgebert.data import Dataset, read_dataset, training_texts
from edgebert.demo.run import ENCODER, encoder_folder, finetuned
from edgebert.errors import UsageError
from edgebert.evaluation import evaluate_bundle
from edgebert.manifest import Score
from edgebert.metrics import METRICS
from edgebert.pipeline import export_bundle
from edgebert.prediction import predict
from edgebert.progress import Progress
from edgebert.pruning.prune import prune_model
from edgebert.recipe import PruneOptions, Recipe, Target
from edgebert.staging import replace_file
from edgebert.training.importer import import_bert
from edgebert.training.options import FinetuneOptions

KEEP = 0.5
"""Share of the multiply-accumulates that stays."""


@dataclass(frozen=True, kw_only=True)
class TasksOptions(BuildOptions, Options):
    """Options of this study."""

    data: Annotated[Path, typer.Option("--data", help="Folder with a folder for each data set.")]
    only: Annotated[
        str, typer.Option(help="Names, separated by commas.", show_default=",".join(one.name for one in TASK_SETS))
    ] = ",".join(one.name for one in TASK_SETS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Exported:
    """The files of one bundle.

    Attributes:
        longest: Longest input in tokens.
        distill: Epochs of distillation of the model that was cut to half; ``None`` for the whole model.
        macs_share: Share of the multiply-accumulates that is left.
        scores: Each metric of each file, paired with the float file of the whole model.
    """

    longest: int
    distill: float | None = None
    macs_share: float = 1.0
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskRun:
    """What became of one data set.

    Attributes:
        name: Its name, one of ``TASK_SETS``.
        train: What was learnt from; ``None`` for the encoder as it is.
        evaluation: What was scored.
        options: How the encoder was fine-tuned.
        checkpoint_sha256: Hash of the checkpoint.
        exported: Its bundles.
    """

    name: str
    train: DataFile | None
    evaluation: DataFile
    options: FinetuneOptions | None
    checkpoint_sha256: str
    exported: tuple[Exported, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TasksResults(Recorded):
    """Every data set that was run on this machine with this encoder."""

    kind: Literal["tasks"] = "tasks"
    encoder: str
    runs: tuple[TaskRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    checkpoint_sha256: str
    evaluation_sha256: str
    longest: int
    prune: PruneOptions | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Bundle(State):
    key: _Key
    exported: Exported


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run(State):
    key: str
    run: TaskRun


def run(asked: TasksOptions, progress: Progress) -> TasksResults:
    """Fine-tune one encoder for every task, cut it to half, and score every file against float; takes hours.

    What is finished is kept: a killed call goes on there, and what calls with another ``--only`` made is recorded too.
    """
    names, known = asked.only.split(","), [one.name for one in TASK_SETS]
    for name in names:
        if name not in known:
            raise UsageError(f"there is no data set {name!r}", hint=f"known: {', '.join(known)}")
    runs = []
    for task_set in TASK_SETS:
        folder = asked.build.resolve() / "tasks" / task_set.name
        path = folder / "run.json"
        if task_set.name in names:
            folder.mkdir(parents=True, exist_ok=True)
            found = run_set(task_set, asked.data, folder, _named(task_set.name, progress))
            write(path, _Run(key=task_set.name, run=found))
            runs.append(found)
        elif (state := read(_Run, path, task_set.name)) is not None:
            runs.append(state.run)
    return TasksResults(
        **stamp(f"python -m benchmarks tasks --data {asked.data.name}"), encoder=ENCODER, runs=tuple(runs)
    )


def run_set(task_set: TaskSet, data: Path, folder: Path, progress: Progress, *, base: Path | None = None) -> TaskRun:
    """Take one data set through everything.

    Args:
        task_set: The data set.
        data: Folder of all data.
        folder: Folder for what is made; what is finished there is taken up.
        progress: Told what is being done.
        base: Encoder, a DistilBERT; ``None`` takes the demo's.

    Raises:
        DataError: A file of the data set is missing or damaged.
        EdgebertError: What training, pruning or export raises.
    """
    files = task_set.files(data, folder)
    training = None
    if files.train is None or task_set.options is None:
        checkpoint = base or import_bert(encoder_folder(), folder / "base", force=True)
        evaluation = _scored_by(checkpoint, files.evaluation, folder / "scored.tsv")
    else:
        reading = functools.partial(read_dataset, task=task_set.task, label_column=task_set.label_column)
        # Of an answer that stands in a context more than once, only some files say which one is meant.
        training = reading(files.train, exact_offsets=True)
        evaluation = reading(files.evaluation, labels=training.labels or None)
        checkpoint, _ = finetuned(training, evaluation, folder, base=base, options=task_set.options, progress=progress)
    model = load_model(checkpoint)
    exported = [_exported(task_set, model, evaluation, length, folder, progress) for length in task_set.lengths]
    if training is not None:
        for cut in task_set.cuts:
            exported.append(_halved(task_set, model, training, evaluation, cut.distill, folder, progress))
    return TaskRun(
        name=task_set.name,
        train=DataFile.of(training) if training else None,
        evaluation=DataFile.of(evaluation),
        options=task_set.options,
        checkpoint_sha256=model.checkpoint.sha256,
        exported=tuple(exported),
    )


def _exported(
    task_set: TaskSet, model: Model, evaluation: Dataset, longest: int, folder: Path, progress: Progress
) -> Exported:
    """Return the scores of a bundle of the whole model."""
    key = _Key(
        checkpoint_sha256=model.checkpoint.sha256, evaluation_sha256=evaluation.sha256, longest=longest, prune=None
    )

    def make() -> _Bundle:
        scores = _scores(task_set, model, None, evaluation, longest, folder / f"bundle-{longest}", progress)
        return _Bundle(key=key, exported=Exported(longest=longest, scores=scores))

    return kept(folder / f"whole-{longest}.json", key, _Bundle, make).exported


def _halved(
    task_set: TaskSet,
    model: Model,
    training: Dataset,
    evaluation: Dataset,
    distill: float,
    folder: Path,
    progress: Progress,
) -> Exported:
    """Return the scores of a bundle of the model that was cut to half of its work."""
    longest, precision = task_set.lengths[-1], "float32" if task_set.options is None else task_set.options.precision
    options = PruneOptions(keep=KEEP, distill=distill, precision=precision)
    key = _Key(
        checkpoint_sha256=model.checkpoint.sha256, evaluation_sha256=evaluation.sha256, longest=longest, prune=options
    )
    name = f"half-{distill:g}"

    def make() -> _Bundle:
        named = _named(f"half, {distill:g} epochs", progress)
        pruned = prune_model(model, training_texts(training), options, work=folder / f"{name}.work", progress=named)
        record = pruned.checkpoint.pruning
        assert record is not None
        scores = _scores(task_set, pruned, model, evaluation, longest, folder / name, named)
        found = Exported(longest=longest, distill=distill, macs_share=record.macs_share, scores=scores)
        return _Bundle(key=key, exported=found)

    return kept(folder / f"{name}.json", key, _Bundle, make).exported


def _scores(
    task_set: TaskSet,
    model: Model,
    baseline: Model | None,
    evaluation: Dataset,
    longest: int,
    out: Path,
    progress: Progress,
) -> tuple[Score, ...]:
    """Export a model, and return every metric of every file; of a cut model the float file is scored as well."""
    wanted: list[Target] = [Target(format="onnx", precision="int8"), Target(format="tflite", precision="int8")]
    if baseline is not None:
        wanted.insert(0, Target(format="onnx", precision="float32"))
    recipe = Recipe(name="tasks", description="files of one task", targets=tuple(wanted), lengths=(longest,))
    bundle = export_bundle(model, out, recipe=recipe, baseline=baseline, force=True, progress=progress)
    return tuple(
        found
        for bound in task_set.bounds
        for found in evaluate_bundle(bundle, evaluation, metric=bound.metric, progress=progress).results
    )


def _scored_by(encoder: Path, pairs: Path, out: Path) -> Dataset:
    """Write pairs of texts with the cosine that the float encoder gives them, and return them."""
    header, *rows = pairs.read_text(encoding="utf-8").splitlines()
    texts = [text for row in rows for text in row.split("\t")]
    vectors = np.stack([answer.vector for answer in predict(encoder, texts) if isinstance(answer, VectorPrediction)])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    cosines = (vectors[::2] * vectors[1::2]).sum(axis=1)
    lines = [f"{header}\tscore", *(f"{row}\t{cosine:.6f}" for row, cosine in zip(rows, cosines, strict=True))]
    replace_file(out, "".join(f"{line}\n" for line in lines).encode())
    return read_dataset(out, task="feature-extraction")


def _named(name: str, progress: Progress) -> Progress:
    """Return a progress that says what it tells about."""
    return lambda stage, done, total: progress(f"{name}: {stage}", done, total)


def figures(results: TasksResults | None) -> Iterator[Figure]:
    """Yield what was to be reached for each data set."""
    runs = {found.name: found for found in results.runs} if results else {}
    for task_set in TASK_SETS:
        found = runs.get(task_set.name)
        for length in task_set.lengths:
            exported = _of(found, length, None)
            where = task_set.name + (f", {length} tokens" if len(task_set.lengths) > 1 else "")
            if task_set.least is not None:
                yield _least(
                    f"FP32 on {where}", exported, "baseline/float32.onnx", task_set.bounds[0].metric, task_set.least
                )
            for bound in task_set.bounds:
                for file in ("int8.onnx", "int8.tflite"):
                    if bound.least is not None:
                        yield _least(f"{file} on {where}", exported, file, bound.metric, bound.least)
                    if bound.drop is not None:
                        yield _most_drop(f"{file} on {where}", exported, file, bound.metric, bound.drop)
        for cut in task_set.cuts:
            trained = f"{cut.distill:g} epochs of distillation" if cut.distill else "no training"
            what = f"FP32 on {task_set.name}, {KEEP:g} of MACs kept, {trained}"
            exported = _of(found, task_set.lengths[-1], cut.distill)
            yield _most_drop(what, exported, "float32.onnx", task_set.bounds[0].metric, cut.drop)


def _of(run: TaskRun | None, longest: int, distill: float | None) -> Exported | None:
    """Return one bundle of a run, if there is one."""
    made = run.exported if run else ()
    return next((one for one in made if (one.longest, one.distill) == (longest, distill)), None)


def _score(exported: Exported | None, file: str, metric: str) -> Score | None:
    scores = exported.scores if exported else ()
    return next((one for one in scores if (one.file, one.metric) == (file, metric)), None)


def _least(where: str, exported: Exported | None, file: str, metric: str, least: float) -> Figure:
    """Return the figure of a value."""
    of = METRICS[metric]
    what, wanted = f"{of.name}, {where}", f"at least {of.shown(least)}"
    if (found := _score(exported, file, metric)) is None:
        return Figure(what=what, wanted=wanted)
    return Figure(
        what=what,
        wanted=wanted,
        found=f"{of.shown(found.value)} ({of.shown(found.low)} to {of.shown(found.high)})",
        met=found.value >= least,
        is_certain=(found.low >= least) == (found.high >= least),
    )


def _most_drop(where: str, exported: Exported | None, file: str, metric: str, most: float) -> Figure:
    """Return the figure of a change against float, in points."""
    what, wanted = f"change of {METRICS[metric].name}, {where}", f"at most {most:g} points less"
    found = _score(exported, file, metric)
    if found is None or found.difference is None or found.difference_low is None or found.difference_high is None:
        return Figure(what=what, wanted=wanted)
    low, high = 100 * found.difference_low, 100 * found.difference_high
    return Figure(
        what=what,
        wanted=wanted,
        found=f"{change_text(found)} points",
        met=100 * found.difference >= -most,
        is_certain=(low >= -most) == (high >= -most),
    )


def section(results: TasksResults, _: str) -> list[str]:
    """Return the paragraphs of ``RESULTS.md``."""
    paragraphs = [
        f"## Tasks, {results.date}, {results.machine.model}",
        (
            f"`{results.encoder}`, fine-tuned for each task with Hugging Face's Trainer by `edgebert finetune`'s code, "
            "exported, and scored file by file; changes are paired with the float file of the whole model, example by "
            "example. Nothing was chosen by what is scored here. `float32.onnx` is the float file of a model that "
            f"was cut to {KEEP:g} of its multiply-accumulates (MACs)."
        ),
    ]
    for found in results.runs:
        task_set = next(one for one in TASK_SETS if one.name == found.name)
        paragraphs += [f"### {found.name}: {task_set.title}", _about(found, task_set), _table(found)]
    return [*paragraphs, *conditions(results), f"Packages: {versions(results.packages)}."]


def _about(run: TaskRun, task_set: TaskSet) -> str:
    scored = f"Scored on {run.evaluation.examples:,} examples of `{run.evaluation.name}`"
    if run.train is None or run.options is None:
        return f"`{task_set.task}`, the encoder as it is. {scored}; the score of a pair is what FP32 in torch gives it."
    options = run.options
    return (
        f"`{task_set.task}`. Learnt from {run.train.examples:,} examples of `{run.train.name}` (sha256 "
        f"`{run.train.sha256[:16]}…`): {options.epochs:g} epochs, learning rate {options.learning_rate:g}, batches of "
        f"{options.batch_size}, at most {options.max_length} tokens, {options.precision}, seed {options.seed}. "
        f"{scored} (sha256 `{run.evaluation.sha256[:16]}…`)."
    )


def _table(run: TaskRun) -> str:
    rows = []
    for exported in run.exported:
        model = f"{exported.longest} tokens"
        if exported.distill is not None:
            trained = f"{exported.distill:g} epochs" if exported.distill else "no training"
            model = f"{exported.macs_share:.1%} of MACs, {trained}"
        for score in exported.scores:
            if exported.distill is not None and score.baseline is None:
                continue
            of = METRICS[score.metric]
            value = f"{of.shown(score.value)} ({of.shown(score.low)} to {of.shown(score.high)})"
            rows.append([model, score.file, of.name, value, change_text(score), agreement_text(score)])
    header = ("model", "file", "metric", "value (95 % interval)", "change (95 % interval)", "agreement")
    return table(header, rows, right=range(3, len(header)))
