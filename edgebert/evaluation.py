"""Accuracy of what ships, example by example against the float baseline, in the runtime that will run it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING

import numpy as np

from edgebert.arguments import PLACE, expect, path_of
from edgebert.bundle import Bundle, is_bundle, open_bundle
from edgebert.data import Dataset, read_dataset
from edgebert.errors import DataError, UsageError
from edgebert.manifest import Artifact, Score
from edgebert.metrics import chance_level, is_sparse, paired_score
from edgebert.ondevice.session import FORMATS
from edgebert.prediction import (
    Logits,
    check_runtime,
    checked_runner,
    encoder_of,
    labels_of,
    load_checkpoint,
    torch_logits,
)
from edgebert.progress import Progress, note, silent, warn
from edgebert.text import TextEncoder

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Scores of every file asked for, and how many texts were cut.

    Attributes:
        results: The scores, baselines first.
        truncated: Number of texts that were longer than the longest input of one of these files, and cut there.
        chance: Value of the metric if every text got the label that is most frequent in the data.
    """

    results: tuple[Score, ...]
    truncated: int
    chance: float


def evaluate(
    target: str | Path,
    data: Dataset | str | Path,
    *,
    runtime: str | None = None,
    file: str | None = None,
    metric: str = "accuracy",
    progress: Progress = silent,
) -> Evaluation:
    """Return the scores of a bundle's files, each paired with its baseline, or of a checkpoint.

    Args:
        target: A bundle, or a checkpoint folder or Hub id (needs torch).
        data: Labelled texts, or the path of their file; the labels must be the model's, in the same order.
        runtime: Only files this runtime runs, in this runtime; ``torch`` for a checkpoint.
        file: Only this file of the bundle (and its baseline, to compare with).
        metric: ``accuracy`` or ``macro_f1``.
        progress: Told after every text.

    Raises:
        UsageError: Runtime, file and target do not go together, or the labels differ.
        ParityError: A runtime computes a file wrongly; nothing is scored with it.
    """
    path = path_of("target", target)
    expect("runtime", runtime, str, NoneType)
    expect("file", file, str, NoneType)
    expect("metric", metric, str)
    expect("progress", progress, Callable)
    expect("data", data, Dataset, *PLACE, hint="read the file with read_dataset")
    if not isinstance(data, Dataset):
        data = read_dataset(data, labels=labels_of(target))
    if is_bundle(path):
        return evaluate_bundle(open_bundle(path), data, runtime=runtime, file=file, metric=metric, progress=progress)
    if runtime not in (None, "torch") or file is not None:
        raise UsageError(f"{target}: --runtime and --file choose from a bundle, and this is none")
    model = load_checkpoint(target)
    _check_labels(data, model.checkpoint.labels)
    encoder = TextEncoder(model.tokenizer, model.checkpoint.architecture.positions)
    predicted = _predict_labels(torch_logits(model), encoder, data, "checkpoint", progress)
    score = paired_score(
        file="checkpoint",
        runtime="torch",
        metric=metric,
        expected=_expected(data),
        predicted=predicted,
        labels=len(data.labels),
    )
    return _evaluation((score,), (encoder,), data)


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
    encoders = {role: encoder_of(bundle, role) for role in roles}
    expected = _expected(data)
    scores: list[Score] = []
    answers: dict[str, NDArray[np.int64]] = {}
    for artifact in chosen:
        runner = checked_runner(bundle, artifact, runtime)
        answers[artifact.file] = _predict_labels(runner.logits, encoders[artifact.role], data, artifact.file, progress)
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
    return _evaluation(tuple(scores), tuple(encoders.values()), data)


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


def _chosen(bundle: Bundle, *, runtime: str | None, file: str | None) -> list[Artifact]:
    """Return the artifacts to score, every baseline before the files that are compared with it."""
    wanted = list(bundle.shipped) if file is None else [bundle.artifact(file)]
    if runtime is not None:
        check_runtime(runtime)
        wanted = [item for item in wanted if item.format == FORMATS[runtime]]
        if not wanted:
            raise UsageError(f"{bundle.root}: no file {file or 'in the bundle'} that {runtime} runs")
    formats = {item.format for item in wanted}
    baselines = [item for item in bundle.baseline if item.format in formats]
    return [*baselines, *(item for item in wanted if item.role == "shipped")]


def _baseline_of(bundle: Bundle, artifact: Artifact) -> str | None:
    if artifact.role == "baseline":
        return None
    return next((item.file for item in bundle.baseline if item.format == artifact.format), None)


def _predict_labels(
    logits: Logits, encoder: TextEncoder, data: Dataset, name: str, progress: Progress
) -> NDArray[np.int64]:
    predicted = np.empty(len(data.examples), dtype=np.int64)
    for index, example in enumerate(data.examples):
        # Ids are made anew for each file: those of all texts together would take more memory than the model.
        predicted[index] = int(logits(encoder.encode(example.text)).argmax())
        progress(f"evaluating {name}", index + 1, len(data.examples))
    return predicted


def _warn_of_sparse_labels(metric: str, data: Dataset) -> None:
    expected, count = _expected(data), len(data.labels)
    if metric == "macro_f1" and is_sparse(expected, labels=count):
        few = np.count_nonzero(np.bincount(expected, minlength=count) < 2)
        warn(
            f"{few} of {count} labels have fewer than 2 texts: the 95 % intervals of macro F1 are too narrow; "
            "use more texts of these labels"
        )


def _evaluation(scores: tuple[Score, ...], encoders: Sequence[TextEncoder], data: Dataset) -> Evaluation:
    """Return the outcome, and tell what casts doubt on how the labels were read."""
    metric = scores[0].metric
    chance = chance_level(metric, _expected(data), len(data.labels))
    _warn_of_sparse_labels(metric, data)
    if data.by_id:
        shown = ", ".join(f"{index} = {name}" for index, name in enumerate(data.labels[:10]))
        more = f" and {len(data.labels) - 10} more" if len(data.labels) > 10 else ""
        note(f"{data.name}: labels read as ids: {shown}{more}")
    if low := [item for item in scores if item.low <= chance and item.value < 1]:
        values = ", ".join(f"{item.file} {100 * item.value:.1f} % (at least {100 * item.low:.1f} %)" for item in low)
        warn(
            f"{data.name}: {metric} cannot be told from chance: {values}; the most frequent label alone reaches "
            f"{100 * chance:.1f} %; use more texts, or check that the labels in the file mean those of the model"
        )
    truncated = sum(any(encoder.is_truncated(item.text) for encoder in encoders) for item in data.examples)
    return Evaluation(results=scores, truncated=truncated, chance=chance)


def _expected(data: Dataset) -> NDArray[np.int64]:
    return np.array([example.label for example in data.examples], dtype=np.int64)


def _check_labels(data: Dataset, labels: tuple[str, ...]) -> None:
    if data.labels != labels:
        raise DataError(
            f"{data.name}: its labels are {', '.join(data.labels)}, the model's are {', '.join(labels)}",
            hint="read the file with read_dataset(..., labels=the model's)",
        )
