"""Scores of the shipped files, example by example against FP32, in the runtime that will run them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType

from edgebert.arguments import PLACE, expect, path_of
from edgebert.bundle import Bundle, is_bundle, open_bundle
from edgebert.data import Dataset, check_labels, read_dataset
from edgebert.errors import UsageError
from edgebert.examples import Key, gold_of
from edgebert.manifest import Artifact, LabelChange, Score
from edgebert.metrics import METRICS, BaselineTallies, paired_score, tally_array
from edgebert.ondevice.session import FORMATS
from edgebert.prediction import Predictor, check_runtime, checkpoint_predictor, file_predictor, task_of
from edgebert.progress import Progress, note, silent, warn
from edgebert.resampling import Tallies
from edgebert.tallies.kinds import Metric
from edgebert.tasks import TaskHead, task_head


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """Scores of every file asked for, and how many texts were cut.

    Attributes:
        results: The scores, baselines first.
        truncated: Number of texts that were longer than the longest input of one of these files, and cut there.
        chance: Value of the metric if every text got the same answer, the best for this data; ``None`` where there is
            no such answer.
        label_changes: Each label or type of entities by each file that was compared with a baseline, for each file
            that first whose F1 changed most; empty for a task without labels.
    """

    results: tuple[Score, ...]
    truncated: int
    chance: float | None
    label_changes: tuple[LabelChange, ...] = ()


def evaluate(
    target: str | Path,
    data: Dataset | str | Path,
    *,
    runtime: str | None = None,
    file: str | None = None,
    metric: str | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Return the scores of a bundle's files, each paired with its baseline, or of a checkpoint.

    Args:
        target: A bundle, or a checkpoint folder or Hub id (needs torch).
        data: Examples with right answers, or the path of their file; labels must be the model's, in the same order.
        runtime: Only files this runtime runs, in this runtime; ``torch`` for a checkpoint.
        file: Only this file of the bundle (and its baseline, to compare with).
        metric: Name of a metric of the task; ``None`` takes its first.
        progress: Told after every text.

    Returns:
        The scores, baselines first, each with its 95 % interval; shares are 0 to 1.

    Raises:
        UsageError: Runtime, file and target do not go together, or the labels differ.
        ParityError: A runtime computes a file wrongly; nothing is scored with it.

    Examples:
        >>> for score in edgebert.evaluate("bundle", "dev.tsv").results:
        ...     print(score.file, score.metric, score.value)
    """
    path = path_of("target", target)
    expect("runtime", runtime, str, NoneType)
    expect("file", file, str, NoneType)
    expect("metric", metric, str, NoneType)
    expect("progress", progress, Callable)
    expect("data", data, Dataset, *PLACE, hint="read the file with read_dataset")
    if not isinstance(data, Dataset):
        task, meaning = task_of(target)
        data = read_dataset(data, task=task, labels=meaning.labels)
    if is_bundle(path):
        return evaluate_bundle(open_bundle(path), data, runtime=runtime, file=file, metric=metric, progress=progress)
    if runtime not in (None, "torch") or file is not None:
        raise UsageError(f"{target}: --runtime and --file require a bundle, but this is not one")
    predictor = checkpoint_predictor(target)
    metric = _metric_of(predictor.head, metric)
    check_labels(data, predictor.meaning.labels, predictor.head.task)
    answered = _answer(predictor, data, "checkpoint", progress)
    score = paired_score(metric, answered.tallies, file="checkpoint", runtime="torch")
    return _evaluation((score,), [answered], data)


def evaluate_bundle(
    bundle: Bundle,
    data: Dataset,
    *,
    runtime: str | None = None,
    file: str | None = None,
    metric: str | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Return the scores of a bundle that is open already; arguments and errors as for ``evaluate``."""
    head = task_head(bundle.manifest.task)
    metric = _metric_of(head, metric)
    check_labels(data, bundle.manifest.labels, head.task)
    chosen = _chosen(bundle, runtime=runtime, file=file)
    if bundle.manifest.left_out and not bundle.baseline:
        missing = ", ".join(item.file for item in bundle.manifest.left_out if item.file.endswith((".onnx", ".tflite")))
        note(f"{bundle.root}: a slim bundle without {missing}, so the change against FP32 is not computed")
    scores: list[Score] = []
    changes: list[LabelChange] = []
    answered: dict[str, _Answered] = {}
    for artifact in chosen:
        predictor = file_predictor(bundle, artifact, runtime)
        compared, name = None, _baseline_of(bundle, artifact)
        reference = None if name is None else answered[name].keys
        found = answered[artifact.file] = _answer(predictor, data, artifact.file, progress, reference)
        if name is not None:
            same = head.count_same(answered[name].keys, found.keys)
            compared = BaselineTallies(file=name, tallies=answered[name].tallies, same=same)
            if head.by_label is not None:
                golds = [*map(gold_of, data.examples)]
                changes += head.label_changes(
                    artifact.file, golds, answered[name].keys, found.keys, bundle.manifest.meaning
                )
        scores.append(
            paired_score(metric, found.tallies, file=artifact.file, runtime=predictor.runtime, baseline=compared)
        )
    return _evaluation(tuple(scores), list(answered.values()), data, tuple(changes))


def check_choice(target: str | Path, *, runtime: str | None, file: str | None) -> None:
    """Refuse a runtime or file that a bundle or checkpoint does not go with; no text is needed.

    Raises:
        UsageError: The three do not go together.
    """
    if is_bundle(Path(target)):
        _chosen(open_bundle(target, check=False), runtime=runtime, file=file)
    elif runtime not in (None, "torch") or file is not None:
        raise UsageError(
            f"--runtime and --file require a bundle, but {target} is not one", hint="leave them out, or give a bundle"
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


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answered:
    """What a file answered to the examples, how it did, and the indices of the examples that were cut for it."""

    keys: tuple[Key, ...]
    tallies: Tallies
    truncated: frozenset[int]


def _answer(
    predictor: Predictor, data: Dataset, name: str, progress: Progress, reference: Sequence[Key] | None = None
) -> _Answered:
    head, keys, truncated = predictor.head, [], set()
    for index, example in enumerate(data.examples):
        # IDs are made again for each file: those of all texts together would take more memory than the model.
        encoded = predictor.encode(example)
        keys.append(head.answer(encoded, predictor.outputs(encoded), predictor.meaning))
        truncated |= {index} if encoded.truncated else set()
        progress(f"evaluating {name}", index + 1, len(data.examples))
    tallies = head.count(data.examples, keys, predictor.meaning, keys if reference is None else reference)
    return _Answered(keys=tuple(keys), tallies=tally_array(tallies), truncated=frozenset(truncated))


def _evaluation(
    scores: tuple[Score, ...],
    answered: Sequence[_Answered],
    data: Dataset,
    label_changes: tuple[LabelChange, ...] = (),
) -> Evaluation:
    """Return the outcome, and tell what casts doubt on how the labels were read."""
    metric, tallies, chance = METRICS[scores[0].metric], answered[0].tallies, None
    if metric.chance is not None:
        chance = metric.value(metric.chance(tallies))
    if metric.doubt is not None and (doubt := metric.doubt([item.tallies for item in answered], len(data.labels))):
        warn(doubt)
    if data.by_id:
        shown = ", ".join(f"{index} = {name}" for index, name in enumerate(data.labels[:10]))
        more = f" and {len(data.labels) - 10} more" if len(data.labels) > 10 else ""
        note(f"{data.name}: labels read as ids: {shown}{more}")
    if chance is not None and (low := [item for item in scores if _is_like_chance(metric, item, chance)]):
        least = "at most" if metric.is_error else "at least"
        values = ", ".join(
            f"{item.file} {_shown(metric, item.value)} ({least} {_shown(metric, _worse_end(metric, item))})"
            for item in low
        )
        what = "the most frequent label alone" if metric.hits else "the same answer to every text"
        warn(
            f"{data.name}: {scores[0].metric} cannot be told from chance: {values}; {what} reaches "
            f"{_shown(metric, chance)}; use more texts, or check that the answers in the file mean those of the model"
        )
    truncated = frozenset[int]().union(*(item.truncated for item in answered))
    return Evaluation(results=scores, truncated=len(truncated), chance=chance, label_changes=label_changes)


def _is_like_chance(metric: Metric, score: Score, chance: float) -> bool:
    """Return whether an answer that looks at no text may be as good, and the file is not right throughout."""
    best = metric.low if metric.is_error else metric.high
    return metric.gain(_worse_end(metric, score) - chance) <= 0 and score.value != best


def _worse_end(metric: Metric, score: Score) -> float:
    return score.high if metric.is_error else score.low


def _shown(metric: Metric, value: float) -> str:
    return f"{100 * value:.1f} %" if metric.in_points else metric.shown(value)


def _metric_of(head: TaskHead, metric: str | None) -> str:
    """Return a metric that the task has, by default its first."""
    if metric is not None and metric not in head.metrics:
        raise UsageError(f"{head.task} has no metric {metric!r}", hint=f"its metrics are {', '.join(head.metrics)}")
    return metric or head.metrics[0]
