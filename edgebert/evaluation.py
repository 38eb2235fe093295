"""Accuracy of what ships, example by example against the float baseline, in the runtime that will run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgebert.bundle import Bundle, is_bundle, open_bundle
from edgebert.errors import DataError, UsageError
from edgebert.metrics import is_sparse, paired_score
from edgebert.notes import note, warn
from edgebert.ondevice.session import FORMATS
from edgebert.parity import check_parity
from edgebert.runtime import Runner, default_runtime, open_runner, present_runtimes
from edgebert.tasks import decode
from edgebert.text import TextEncoder, open_encoder
from edgebert.types import Artifact, Prediction, Progress, Role, Score, silent

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgebert.checkpoint import Model
    from edgebert.data import Dataset

Logits = Callable[[Sequence[int]], "NDArray[np.float32]"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Scores of every file asked for, and how many texts were cut.

    Attributes:
        results: The scores, baselines first.
        truncated: Number of texts that were longer than the longest input of one of these files, and cut there.
    """

    results: tuple[Score, ...]
    truncated: int


def evaluate(
    target: str | Path,
    data: Dataset,
    *,
    runtime: str | None = None,
    file: str | None = None,
    metric: str = "accuracy",
    progress: Progress = silent,
) -> Evaluation:
    """Return the scores of a bundle's files, each paired with its baseline, or of a checkpoint.

    Args:
        target: A bundle, or a checkpoint folder or Hub id (needs torch).
        data: Labelled texts; its labels must be the model's, in the same order.
        runtime: Only files this runtime runs, in this runtime; ``torch`` for a checkpoint.
        file: Only this file of the bundle (and its baseline, to compare with).
        metric: ``accuracy`` or ``macro_f1``.
        progress: Told after every text.

    Raises:
        UsageError: Runtime, file and target do not go together, or the labels differ.
        ParityError: A runtime computes a file wrongly; nothing is scored with it.
    """
    path = Path(target)
    if is_bundle(path):
        return evaluate_bundle(open_bundle(path), data, runtime=runtime, file=file, metric=metric, progress=progress)
    if runtime not in (None, "torch") or file is not None:
        raise UsageError(f"{target}: --runtime and --file choose from a bundle, and this is none")
    model = _load_checkpoint(target)
    _check_labels(data, model.checkpoint.labels)
    encoder = TextEncoder(model.tokenizer, model.checkpoint.architecture.positions)
    ids = [encoder.encode(example.text) for example in data.examples]
    predicted = _predict_labels(_torch_logits(model), ids, "checkpoint", progress)
    score = paired_score(
        file="checkpoint",
        runtime="torch",
        metric=metric,
        expected=_expected(data),
        predicted=predicted,
        labels=len(data.labels),
    )
    _warn_of_sparse_labels(metric, data)
    return Evaluation(results=(score,), truncated=_count_truncated((encoder,), data))


def evaluate_bundle(
    bundle: Bundle,
    data: Dataset,
    *,
    runtime: str | None = None,
    file: str | None = None,
    metric: str = "accuracy",
    progress: Progress = silent,
) -> Evaluation:
    """Return the scores of a bundle that is open already; arguments and errors as for ``evaluate``."""
    _check_labels(data, bundle.manifest.labels)
    chosen = _chosen(bundle, runtime=runtime, file=file)
    if bundle.manifest.left_out and not bundle.baseline:
        missing = ", ".join(item.file for item in bundle.manifest.left_out if item.file.endswith((".onnx", ".tflite")))
        note(f"{bundle.root}: a slim bundle without {missing}, so the change against FP32 is not computed")
    roles = sorted({item.role for item in chosen})
    encoders = {role: _encoder_of(bundle, role) for role in roles}
    ids = {role: [encoders[role].encode(example.text) for example in data.examples] for role in roles}
    expected = _expected(data)
    scores: list[Score] = []
    answers: dict[str, NDArray[np.int64]] = {}
    for artifact in chosen:
        runner = _checked_runner(bundle, artifact, runtime)
        answers[artifact.file] = _predict_labels(runner.logits, ids[artifact.role], artifact.file, progress)
        baseline = _baseline_of(bundle, artifact)
        scores.append(
            paired_score(
                file=artifact.file,
                runtime=runner.session.runtime,
                metric=metric,
                expected=expected,
                predicted=answers[artifact.file],
                baseline_file=baseline,
                baseline_predicted=None if baseline is None else answers[baseline],
                labels=len(data.labels),
            )
        )
    _warn_of_sparse_labels(metric, data)
    return Evaluation(results=tuple(scores), truncated=_count_truncated(tuple(encoders.values()), data))


def predict(
    target: str | Path, texts: Sequence[str], *, file: str | None = None, runtime: str | None = None
) -> tuple[Prediction, ...]:
    """Return the answer to each text.

    Args:
        target: A bundle, or a checkpoint folder or Hub id (needs torch).
        texts: Texts as a user types them.
        file: File of the bundle; by default the first that ships and whose runtime is here.
        runtime: Runtime to run it in.

    Raises:
        UsageError: Runtime, file and target do not go together.
    """
    path = Path(target)
    if is_bundle(path):
        bundle = open_bundle(path)
        labels = bundle.manifest.labels
        artifact = _runnable(bundle, runtime) if file is None else bundle.artifact(file)
        encoder = _encoder_of(bundle, artifact.role)
        logits: Logits = _checked_runner(bundle, artifact, runtime).logits
    else:
        if runtime not in (None, "torch") or file is not None:
            raise UsageError(f"{target}: --runtime and --file choose from a bundle, and this is none")
        model = _load_checkpoint(target)
        labels = model.checkpoint.labels
        encoder = TextEncoder(model.tokenizer, model.checkpoint.architecture.positions)
        logits = _torch_logits(model)
    return tuple(decode(text, logits(encoder.encode(text)), labels) for text in texts)


def check_choice(target: str | Path, *, runtime: str | None, file: str | None) -> None:
    """Refuse a runtime or file that a bundle or checkpoint does not go with; no text is needed.

    Raises:
        UsageError: The three do not go together.
    """
    if is_bundle(Path(target)):
        _chosen(open_bundle(target, check=False), runtime=runtime, file=file)
    elif runtime not in (None, "torch") or file is not None:
        raise UsageError(
            f"--runtime and --file require a bundle, but {target} is none", hint="leave them out, or give a bundle"
        )


def _encoder_of(bundle: Bundle, role: Role) -> TextEncoder:
    rules = bundle.text_rules(role)
    return open_encoder(bundle.path(rules.tokenizer), rules.spec.max_length)


def _checked_runner(bundle: Bundle, artifact: Artifact, runtime: str | None) -> Runner:
    """Return a runner for a file that has just reproduced the golden logits of its own model."""
    name, spec = runtime or default_runtime(artifact.format), bundle.text_rules(artifact.role).spec
    runner = open_runner(bundle.path(artifact.file), runtime=name, spec=spec)
    check_parity(runner, bundle.golden(artifact.role), tolerance=artifact.tolerance)
    return runner


def _chosen(bundle: Bundle, *, runtime: str | None, file: str | None) -> list[Artifact]:
    """Return the artifacts to score, every baseline before the files that are compared with it."""
    wanted = list(bundle.shipped) if file is None else [bundle.artifact(file)]
    if runtime is not None:
        _check_runtime(runtime)
        wanted = [item for item in wanted if item.format == FORMATS[runtime]]
        if not wanted:
            raise UsageError(f"{bundle.root}: no file {file or 'in the bundle'} that {runtime} runs")
    formats = {item.format for item in wanted}
    baselines = [item for item in bundle.baseline if item.format in formats]
    return [*baselines, *(item for item in wanted if item.role == "shipped")]


def _runnable(bundle: Bundle, runtime: str | None) -> Artifact:
    if runtime is None:
        return next((item for item in bundle.shipped if present_runtimes(item.format)), bundle.shipped[0])
    _check_runtime(runtime)
    for item in bundle.shipped:
        if FORMATS[runtime] == item.format:
            return item
    raise UsageError(f"{bundle.root}: no file in the bundle that {runtime} runs")


def _check_runtime(runtime: str) -> None:
    if runtime == "torch":
        raise UsageError("torch runs checkpoints, not bundles", hint="leave --runtime out")
    if runtime not in FORMATS:
        raise UsageError(f"unknown runtime {runtime!r}", hint=f"known: {', '.join(FORMATS)}, torch")


def _baseline_of(bundle: Bundle, artifact: Artifact) -> str | None:
    if artifact.role == "baseline":
        return None
    return next((item.file for item in bundle.baseline if item.format == artifact.format), None)


def _predict_labels(logits: Logits, ids: Sequence[tuple[int, ...]], name: str, progress: Progress) -> NDArray[np.int64]:
    predicted = np.empty(len(ids), dtype=np.int64)
    for index, tokens in enumerate(ids):
        predicted[index] = int(logits(tokens).argmax())
        progress(f"evaluating {name}", index + 1, len(ids))
    return predicted


def _warn_of_sparse_labels(metric: str, data: Dataset) -> None:
    expected, count = _expected(data), len(data.labels)
    if metric == "macro_f1" and is_sparse(expected, labels=count):
        few = np.count_nonzero(np.bincount(expected, minlength=count) < 2)
        warn(
            f"{few} of {count} labels have fewer than 2 texts: the 95 % intervals of macro F1 are too narrow; "
            "use more texts of these labels"
        )


def _expected(data: Dataset) -> NDArray[np.int64]:
    return np.array([example.label for example in data.examples], dtype=np.int64)


def _count_truncated(encoders: Sequence[TextEncoder], data: Dataset) -> int:
    return sum(any(encoder.is_truncated(example.text) for encoder in encoders) for example in data.examples)


def _check_labels(data: Dataset, labels: tuple[str, ...]) -> None:
    if data.labels != labels:
        raise DataError(
            f"{data.name}: its labels are {', '.join(data.labels)}, the model's are {', '.join(labels)}",
            hint="read the file with read_dataset(..., labels=the model's)",
        )


def _load_checkpoint(target: str | Path) -> Model:
    from edgebert.checkpoint import load_model

    return load_model(target)


def _torch_logits(model: Model) -> Logits:
    from edgebert.checkpoint import finite_logits

    def logits(ids: Sequence[int]) -> NDArray[np.float32]:
        row: NDArray[np.float32] = finite_logits(model.module, ids, f"{model.checkpoint.path}: a text").numpy()
        return row

    return logits


def labels_of(target: str | Path) -> tuple[str, ...]:
    """Return the label names of a bundle or checkpoint, in the order of their ids."""
    path = Path(target)
    if is_bundle(path):
        return open_bundle(path, check=False).manifest.labels
    from edgebert.checkpoint import read_labels

    return read_labels(target)
