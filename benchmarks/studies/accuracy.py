"""Does int8 keep the accuracy? Fine-tunes an encoder, exports it, and scores every int8 file against float."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from benchmarks.page import Figure, conditions, table, versions
from benchmarks.results import DataFile, Recorded, stamp
from benchmarks.suite import TextsOptions
from edgebert.bundle import is_bundle
from edgebert.card import agreement_text, change_text
from edgebert.data import Dataset, read_dataset
from edgebert.demo.run import ENCODER, OPTIONS, finetuned
from edgebert.errors import CheckFailed
from edgebert.manifest import Score
from edgebert.pipeline import export_bundle
from edgebert.progress import Progress
from edgebert.recipe import Recipe, Target
from edgebert.training.options import FinetuneOptions

LENGTHS = (16, 32, 64, 128)
RECIPE = Recipe(
    name="every-int8",
    description="every int8 file that edgebert makes",
    targets=(
        Target(format="onnx", precision="int8"),
        Target(format="tflite", precision="int8"),
        Target(format="tflite", precision="int8-legacy"),
    ),
    lengths=LENGTHS,
)
POINTS = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class AccuracyResults(Recorded):
    """Everything of one run: the encoder, how it was fine-tuned on what, and the scores of every file."""

    kind: Literal["accuracy"] = "accuracy"
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


class Prepared(NamedTuple):
    """The checkpoint that several studies share, and its texts."""

    checkpoint: Path
    training: Dataset
    held_back: Dataset


def run(
    asked: TextsOptions, progress: Progress, *, options: FinetuneOptions = OPTIONS, recipe: Recipe = RECIPE
) -> AccuracyResults:
    """Fine-tune an encoder, export it, and score every int8 file against float.

    Raises:
        UsageError: A file cannot be used.
        CheckFailed: A file was not scored.
        MissingExtraError: A package is not installed.
    """
    training = read_dataset(asked.train)
    held_back = read_dataset(asked.evaluation, labels=training.labels)
    work = asked.build / "accuracy"
    base = asked.base
    model, _ = finetuned(training, held_back, work, base=base, options=options, again=True, progress=progress)
    bundle = export_bundle(model, work / "bundle", recipe=recipe, evaluation=held_back, force=True, progress=progress)
    scores = tuple(item.score for item in (*bundle.baseline, *bundle.shipped) if item.score is not None)
    if bundle.manifest.evaluation is None or len(scores) != len(bundle.manifest.artifacts):
        raise CheckFailed(f"{bundle.root}: not every file was scored")
    return AccuracyResults(
        **stamp(asked.texts_command("accuracy")),
        encoder=encoder_name(base),
        epochs=float(options.epochs),
        learning_rate=options.learning_rate,
        batch_size=options.batch_size,
        max_length=options.max_length,
        seed=options.seed,
        lengths=recipe.lengths,
        train=DataFile.of(training),
        evaluation=DataFile.of(held_back),
        truncated=bundle.manifest.evaluation.truncated,
        checkpoint_sha256=bundle.manifest.provenance.checkpoint_sha256,
        scores=scores,
    )


def prepared(asked: TextsOptions, progress: Progress) -> Prepared:
    """Return the checkpoint that ``run`` makes of these texts, made here unless it is there; errors as for it."""
    training = read_dataset(asked.train)
    held_back = read_dataset(asked.evaluation, labels=training.labels)
    work = asked.build / "accuracy"
    checkpoint, _ = finetuned(training, held_back, work, base=asked.base, progress=progress)
    return Prepared(checkpoint, training, held_back)


def prepared_bundle(checkpoint: Path, asked: TextsOptions, progress: Progress) -> Path:
    """Return the bundle of the fine-tuned checkpoint, which is exported once."""
    demo = asked.build / "emulated" / "demo"
    if not is_bundle(demo):
        export_bundle(checkpoint, demo, progress=progress)
    return demo


def encoder_name(base: Path | None) -> str:
    """Return how the encoder that was fine-tuned is recorded."""
    return ENCODER if base is None else base.name


def figures(results: AccuracyResults | None) -> tuple[Figure, ...]:
    """Return one figure for each int8 file that was scored."""
    wanted = f"within {POINTS:g} point"
    if results is None:
        return (Figure(what="accuracy of int8 files against float", wanted=wanted),)
    return tuple(
        Figure(
            what=f"accuracy of {score.file} against {score.baseline} on {results.evaluation.name}",
            wanted=wanted,
            found=f"{100 * score.difference:+.2f} ({100 * score.difference_low:+.2f} to "
            f"{100 * score.difference_high:+.2f}) points",
            met=100 * score.difference >= -POINTS,
            is_certain=(100 * score.difference_low >= -POINTS) == (100 * score.difference_high >= -POINTS),
        )
        for score in results.scores
        if score.difference is not None and score.difference_low is not None and score.difference_high is not None
    )


def section(results: AccuracyResults, _: str) -> list[str]:
    """Return the paragraphs of ``RESULTS.md``."""
    rows = []
    for score in results.scores:
        cells = [f"{100 * score.value:.2f} % ({100 * score.low:.2f} to {100 * score.high:.2f})", change_text(score)]
        cells += [agreement_text(score), "" if score.flips is None else str(score.flips)]
        cells.append("" if score.mcnemar_p is None else f"{score.mcnemar_p:.3f}")
        rows.append([score.file, score.runtime, *cells])
    header = ("file", "runtime", "accuracy (95 % interval)", "change, points", "agreement", "flips", "McNemar p")
    return [
        f"## Accuracy, {results.date}, {results.machine.model}",
        (
            f"`{results.encoder}` fine-tuned on {results.train.examples} texts of `{results.train.name}` (sha256 "
            f"`{results.train.sha256[:16]}…`): {results.epochs:g} epochs, learning rate {results.learning_rate:g}, "
            f"batches of {results.batch_size}, at most {results.max_length} tokens, seed {results.seed}. Scored on "
            f"{results.evaluation.examples} texts of `{results.evaluation.name}` (sha256 "
            f"`{results.evaluation.sha256[:16]}…`), {results.truncated} of them cut at {results.lengths[-1]} tokens. "
            "Changes are paired with the float file of the same format, text by text (Newcombe 1998)."
        ),
        table(header, rows, right=range(2, len(header))),
        *conditions(results),
        f"Packages: {versions(results.packages)}.",
    ]
