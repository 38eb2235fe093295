"""Cuts the fine-tuned checkpoint to several shares and seeds, and keeps what each cut said.

A finished run is one file: a killed benchmark resumes after the last of them.
"""

from __future__ import annotations

import functools
import itertools
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.kept import State, kept, read
from benchmarks.results import DataFile, Recorded, stamp
from edgebert.answers import LabelPrediction
from edgebert.architecture import Architecture, VocabularyCut
from edgebert.checkpoint import Model, load_model, save_model
from edgebert.convert.weights import extract_weights
from edgebert.data import Dataset, TrainingTexts, training_texts
from edgebert.errors import UsageError
from edgebert.examples import gold_of
from edgebert.jsonio import loads
from edgebert.prediction import predict
from edgebert.progress import Progress
from edgebert.pruning.prune import prune_model, score
from edgebert.pruning.scores import Gradients
from edgebert.pruning.vocabulary import prune_vocabulary
from edgebert.recipe import PruneOptions
from edgebert.runtime import open_runner
from edgebert.text import TextEncoder, text_spec

_MOST_LABELS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class LabelDigits:
    """What one model said about every evaluation text: a digit for each, the id of the label, in the file's order.

    Attributes:
        torch: Answers of the float32 model in torch, each text alone.
        int8_onnx: Answers of its ``int8.onnx`` in ONNX Runtime, each text alone.
    """

    torch: str
    int8_onnx: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningRun:
    """One model that was cut, and what it then said.

    Attributes:
        seed: Seed of the sample and of the distillation.
        share: Share of the multiply-accumulates that was asked for, 0 to 1.
        distill: Epochs of distillation; 0 re-fits the weights once, without training.
        macs_share: Share that is left, at the lengths of the training texts.
        architecture: Shape that is left.
        learning_rate: Peak learning rate of the distillation; ``None`` without one.
        wall_ns: Wall time of the run. The importance scores are not in it: the runs of a seed share them.
        load_average: Load of the machine before it.
        answers: What the model said.
    """

    seed: int
    share: float
    distill: float
    macs_share: float
    architecture: Architecture
    learning_rate: float | None
    wall_ns: int
    load_average: float
    answers: LabelDigits


@dataclass(frozen=True, slots=True, kw_only=True)
class PruningResults(Recorded):
    """Everything that was found out about one checkpoint.

    Attributes:
        encoder: Encoder that was fine-tuned.
        train: Texts it was fine-tuned on, and the runs were given.
        evaluation: Texts the models were asked about.
        checkpoint_sha256: Hash of the fine-tuned checkpoint.
        original: Its shape.
        sample: Training texts that the importance scores rest on.
        tokens_per_text: Mean length of the training texts in tokens.
        expected: Right label of every evaluation text, a digit for each.
        answers: What the fine-tuned checkpoint said, before any cut.
        vocabulary: What cutting its vocabulary to the training texts does.
        runs: The runs.
    """

    kind: Literal["pruning"] = "pruning"
    encoder: str
    train: DataFile
    evaluation: DataFile
    checkpoint_sha256: str
    original: Architecture
    sample: int
    tokens_per_text: float
    expected: str
    answers: LabelDigits
    vocabulary: VocabularyCut
    runs: tuple[PruningRun, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Key:
    """What decides a run."""

    checkpoint_sha256: str
    train_sha256: str
    evaluation_sha256: str
    options: PruneOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class _Run(State):
    key: _Key
    sample: int
    tokens_per_text: float
    run: PruningRun


@dataclass(frozen=True, slots=True, kw_only=True)
class _Uncut(State):
    key: _Key
    answers: LabelDigits
    vocabulary: VocabularyCut


def measure_pruning(
    checkpoint: Path,
    training: Dataset,
    evaluation: Dataset,
    work: Path,
    *,
    shares: Sequence[float],
    epochs: Sequence[float],
    seeds: Sequence[int],
    encoder: str,
    command: str,
    progress: Progress,
) -> PruningResults:
    """Cut a checkpoint to every share with every seed and every length of distillation.

    Runs that earlier calls finished for the same checkpoint, texts and seeds are taken as they are, and are part of
    what is returned whether asked for again or not.

    Raises:
        UsageError: The texts have too many labels to be recorded by a digit, or nothing is asked for.
        EdgebertError: What pruning raises.
    """
    if len(evaluation.labels) > _MOST_LABELS:
        raise UsageError(f"{evaluation.name}: {len(evaluation.labels)} labels; up to {_MOST_LABELS} are recorded")
    if not (shares and epochs and seeds):
        raise UsageError("there is nothing to prune", hint="give at least one share and one seed")
    model, texts = load_model(checkpoint), training_texts(training)
    folder = work / model.checkpoint.sha256[:16]
    folder.mkdir(parents=True, exist_ok=True)

    key_of = functools.partial(
        _Key,
        checkpoint_sha256=model.checkpoint.sha256,
        train_sha256=training.sha256,
        evaluation_sha256=evaluation.sha256,
    )

    @functools.lru_cache(maxsize=1)
    def gradients(seed: int) -> Gradients:
        return score(model, texts, seed=seed, progress=_named(f"seed {seed}", progress))

    whole = key_of(options=PruneOptions(keep=1.0, vocabulary=True))
    uncut = kept(folder / "uncut.json", whole, _Uncut, lambda: _uncut(model, texts, evaluation, whole, progress))
    found: dict[Path, _Run] = {}
    for seed, distill, share in itertools.product(seeds, epochs, shares):
        key = key_of(options=PruneOptions(keep=share, distill=distill, seed=seed))
        path = folder / f"{share:g}-{distill:g}-seed{seed}.json"
        named = _named(f"{share:g}, {distill:g} epochs, seed {seed}", progress)
        cut = functools.partial(_cut, model, texts, evaluation, key, gradients, path, named)
        found[path] = kept(path, key, _Run, cut)
    # What earlier calls finished belongs to the same grid.
    for path in sorted(set(folder.glob("*-seed*.json")) - set(found)):
        options = loads(_Run, path.read_text(encoding="utf-8"), source=path.name).key.options
        if options.seed in seeds and (state := read(_Run, path, key_of(options=options))):
            found[path] = state
    first = next(iter(found.values()))
    runs = sorted((state.run for state in found.values()), key=lambda run: (run.distill, -run.share, run.seed))
    return PruningResults(
        **stamp(command),
        encoder=encoder,
        train=DataFile.of(training),
        evaluation=DataFile.of(evaluation),
        checkpoint_sha256=model.checkpoint.sha256,
        original=model.checkpoint.architecture,
        sample=first.sample,
        tokens_per_text=first.tokens_per_text,
        expected=_digits([int(gold_of(example)[0]) for example in evaluation.examples]),
        answers=uncut.answers,
        vocabulary=uncut.vocabulary,
        runs=tuple(runs),
    )


def answers_of(model: Model, evaluation: Dataset, progress: Progress) -> LabelDigits:
    """Return what a model says about every text, in torch and as ``int8.onnx``, each text alone as an app asks."""
    # Only the writer loads onnx.
    from edgebert.convert.onnx import write_onnx

    texts = [example.texts[0] for example in evaluation.examples]
    labels = {label: index for index, label in enumerate(model.checkpoint.labels)}
    positions = model.checkpoint.architecture.positions
    with tempfile.TemporaryDirectory() as folder:
        # Saved and reopened, as a user would ask it: a model that does not survive that is no result.
        saved, file = Path(folder) / "model", Path(folder) / "int8.onnx"
        saved.mkdir()
        save_model(model, saved)
        progress("asking torch", 0, 1)
        torch = [labels[answer.label] for answer in predict(saved, texts) if isinstance(answer, LabelPrediction)]
        write_onnx(extract_weights(model), file, int8=True)
        spec = text_spec(model.tokenizer, max_length=positions, lengths=(positions,))
        runner = open_runner(file, runtime="onnxruntime", spec=spec, task=model.checkpoint.task)
        encoder = TextEncoder(model.tokenizer, positions)
        int8 = []
        for index, text in enumerate(texts):
            int8.append(int(runner.run(encoder.encode(text))["logits"].argmax()))
            progress("asking int8.onnx", index + 1, len(texts))
    return LabelDigits(torch=_digits(torch), int8_onnx=_digits(int8))


def _cut(
    model: Model,
    texts: TrainingTexts,
    evaluation: Dataset,
    key: _Key,
    gradients_of: Callable[[int], Gradients],
    path: Path,
    progress: Progress,
) -> _Run:
    options, gradients, work = key.options, gradients_of(key.options.seed), path.with_suffix(".work")
    load_average, start = os.getloadavg()[0], time.perf_counter_ns()
    pruned = prune_model(model, texts, options, gradients=gradients, work=work, progress=progress)
    wall_ns = time.perf_counter_ns() - start
    record = pruned.checkpoint.pruning
    assert record is not None
    return _Run(
        key=key,
        sample=record.sample,
        tokens_per_text=record.tokens_per_text,
        run=PruningRun(
            seed=options.seed,
            share=options.keep,
            distill=options.distill,
            macs_share=record.macs_share,
            architecture=pruned.checkpoint.architecture,
            learning_rate=record.distillation.learning_rate if record.distillation else None,
            wall_ns=wall_ns,
            load_average=load_average,
            answers=answers_of(pruned, evaluation, progress),
        ),
    )


def _uncut(model: Model, texts: TrainingTexts, evaluation: Dataset, key: _Key, progress: Progress) -> _Uncut:
    _, vocabulary = prune_vocabulary(model, texts.examples, seed=key.options.seed, progress=progress)
    return _Uncut(key=key, answers=answers_of(model, evaluation, progress), vocabulary=vocabulary)


def _named(name: str, progress: Progress) -> Progress:
    """Return a progress that says which run it tells about."""
    return lambda stage, done, total: progress(f"{name}: {stage}", done, total)


def _digits(labels: Sequence[int]) -> str:
    return "".join(map(str, labels))
