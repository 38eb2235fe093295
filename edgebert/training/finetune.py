"""Fine-tuning: a DistilBERT encoder and examples with right answers -> a checkpoint with a head."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING

from edgebert.arguments import PLACE, expect, path_of
from edgebert.checkpoint import Model, save_model
from edgebert.data import Dataset, read_dataset
from edgebert.errors import UsageError
from edgebert.manifest import Score
from edgebert.meaning import Task
from edgebert.metrics import METRICS, paired_score, tally_array
from edgebert.network import require
from edgebert.progress import Progress, silent
from edgebert.staging import staged_folder
from edgebert.tasks import task_head
from edgebert.training.answers import answers_of
from edgebert.training.course import Course, Epoch
from edgebert.training.description import CURVE, card, draw_curve
from edgebert.training.items import Item, items_of
from edgebert.training.objectives import OBJECTIVES
from edgebert.training.options import FinetuneOptions
from edgebert.training.resume import StateFolder, drop_state
from edgebert.training.start import check_data, starting_model
from edgebert.training.teaching import load_teacher
from edgebert.training.trainer import Lesson, best_epoch, label_weights, make_trainer, mean_loss

if TYPE_CHECKING:
    import torch
    from tokenizers import Tokenizer

_DEFAULTS = FinetuneOptions()
_PAIR_METRIC = "pair_spearman"  # of embeddings: the others compare with the FP32 file


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneResult:
    """What came of a fine-tuning.

    Attributes:
        path: The checkpoint folder.
        task: Task of its head.
        labels: Label names by id; empty for a task without labels.
        train_examples: Number of examples it was trained on.
        metric: Name of the metric in ``metrics.METRICS``.
        score: Metric of the evaluation data with its interval; ``None`` without such data.
        epochs: What each epoch came to.
        best_epoch: Number of the epoch that was kept, from 1.
    """

    path: Path
    task: Task
    labels: tuple[str, ...]
    train_examples: int
    metric: str
    score: Score | None
    epochs: tuple[Epoch, ...]
    best_epoch: int


def finetune(
    base: str | Path,
    training: Dataset | str | Path,
    evaluation: Dataset | str | Path | None,
    out: str | Path,
    *,
    task: Task | None = None,
    teacher: str | Path | None = None,
    options: FinetuneOptions = _DEFAULTS,
    force: bool = False,
    progress: Progress = silent,
) -> FinetuneResult:
    """Train a new head and the encoder under it, and save both as a checkpoint folder.

    A head that ``base`` may have is replaced; that of a sentence encoder is trained on. On a CPU, equal arguments and
    library versions give equal weights; the seed is also that of the global random generators of Python, numpy and
    torch. An interrupted training resumes when this is called again with equal arguments: until its end the
    state is beside ``out``, in a folder of that name with ``.state`` at its end. Under ``torchrun`` every process
    trains on a part of each step, and the first one writes.

    Args:
        base: Folder or Hub id of a DistilBERT checkpoint.
        training: Examples to learn from, or the path of their file.
        evaluation: Examples to measure the result on, or the path of their file; without ``patience`` they do not
            influence it.
        out: Folder to be made; nothing is left of it after a failure.
        task: What the examples are for; ``None`` tells it by the training file.
        teacher: Folder or Hub id of a checkpoint of the task to learn from as well: a DistilBERT, or a BERT of more
            layers, with the vocabulary of ``base``.
        options: Hyper-parameters.
        force: Whether an existing checkpoint folder at ``out`` is replaced.
        progress: Called as ``progress("fine-tuning | loss 0.231 | learning rate 4.1e-05", step, total)`` with optimizer
            steps, and while the evaluation data is run.

    Returns:
        The folder, the loss of each epoch, and the score on ``evaluation`` where that is given.

    Raises:
        CheckpointError: ``base`` is no DistilBERT encoder, or it is damaged; or the teacher does not fit.
        DataError: The data cannot train or measure such a model.
        UsageError: An option does not fit the model, or the training diverged.
        OutputError: ``out`` is taken or cannot be written.
        EnvironmentProblem: ``base`` has to come from the Hub, which cannot be reached.
        MissingExtraError: The extra ``train`` is not installed.

    Examples:
        >>> edgebert.finetune("distilbert-base-uncased", "train.tsv", "dev.tsv", "model").path
        PosixPath('model')
    """
    expect("base", base, *PLACE)
    expect("training", training, Dataset, *PLACE)
    expect("evaluation", evaluation, Dataset, *PLACE, NoneType)
    out = path_of("out", out)
    expect("task", task, str, NoneType)
    expect("teacher", teacher, *PLACE, NoneType)
    expect("options", options, FinetuneOptions)
    expect("force", force, bool)
    expect("progress", progress, Callable)
    if not isinstance(training, Dataset):
        training = read_dataset(training, task=task)
    if not isinstance(evaluation, Dataset | None):
        evaluation = read_dataset(evaluation, task=training.task, labels=training.labels or None)
    check_data(training, evaluation, task, options)
    # The Trainer asks for accelerate only when it starts.
    require("accelerate", "torch", "transformers", extra="train", purpose="fine-tuning")
    with ExitStack() as held:
        is_main = _is_main()
        if is_main:
            stage = held.enter_context(staged_folder(out, force=force, marker="config.json"))
        else:
            stage = Path(held.enter_context(tempfile.TemporaryDirectory()))
        model = starting_model(base, training, options)
        state = out.with_name(out.name + ".state")
        course = _train(model, training, evaluation, teacher, options, stage, state, progress)
        if not _is_finite(model.module):
            drop_state(state)
            raise UsageError(
                "the training diverged: weights are NaN or infinite",
                hint=f"use a learning rate below {options.learning_rate:g}",
            )
        score = _score(model, evaluation, options, progress) if evaluation else None
        if is_main:
            save_model(model, stage)
            kept = _kept(course, training.task, options)
            draw_curve(course.epochs, kept, METRICS[_metric(training.task)].name, stage / CURVE)
            text = card(training, evaluation, options, course.epochs, kept, score, base, teacher)
            (stage / "README.md").write_text(text, encoding="utf-8")
    if is_main:
        drop_state(state)
    return FinetuneResult(
        path=out,
        task=training.task,
        labels=training.labels,
        train_examples=len(training.examples),
        metric=_metric(training.task),
        score=score,
        epochs=tuple(course.epochs),
        best_epoch=_kept(course, training.task, options),
    )


def _is_main() -> bool:
    """Return whether this process is the first of those that train together."""
    import accelerate
    import torch

    return bool(accelerate.PartialState(cpu=not torch.cuda.is_available()).is_main_process)


def _train(
    model: Model,
    train: Dataset,
    evaluation: Dataset | None,
    teacher: str | Path | None,
    options: FinetuneOptions,
    folder: Path,
    state: Path,
    progress: Progress,
) -> Course:
    """Train a model; it is in evaluation mode afterwards, on the CPU, and has the weights of the epoch that is kept."""
    task, objective, course = train.task, OBJECTIVES[train.task], Course()
    items = _items(model, train, options)
    held_out = [] if evaluation is None else _items(model, evaluation, options)

    def evaluate(told: Progress) -> tuple[float, float]:
        assert evaluation is not None
        loss = mean_loss(model.module, held_out, objective, model.pad_id, told)
        return loss, METRICS[_metric(task)].value(tally_array(_tallies(model, evaluation, options, told)))

    weights = None
    if options.class_weights == "balanced":
        weights = label_weights(items, len(train.labels), are_several=task == "multi-label-classification")
    lesson = Lesson(
        model=model.module,
        items=items,
        objective=objective,
        pad_id=model.pad_id,
        options=options,
        evaluate=None if evaluation is None else evaluate,
        metric=METRICS[_metric(task)].name,
        is_error=METRICS[_metric(task)].is_error,
        weights=weights,
        teacher=None if teacher is None else load_teacher(teacher, task, train.labels, model.tokenizer, model.module),
    )
    place = StateFolder(path=state, fingerprint=_fingerprint(lesson, train, evaluation, model.tokenizer))
    make_trainer(lesson, course, folder, place, progress).train()
    model.module.cpu().train(mode=False)
    if course.best:
        model.module.load_state_dict(course.best)
    model.module.requires_grad_(requires_grad=False)
    return course


def _items(model: Model, data: Dataset, options: FinetuneOptions) -> list[Item]:
    meaning = model.checkpoint.meaning
    found = items_of(data.examples, model.tokenizer, data.task, meaning, max_length=options.max_length)
    return [*chain.from_iterable(found)]


def _metric(task: Task) -> str:
    return _PAIR_METRIC if task == "feature-extraction" else task_head(task).metrics[0]


def _kept(course: Course, task: Task, options: FinetuneOptions) -> int:
    if options.patience is None:
        return len(course.epochs)
    return best_epoch(course.epochs, is_error=METRICS[_metric(task)].is_error)


def _tallies(
    model: Model, data: Dataset, options: FinetuneOptions, progress: Progress
) -> tuple[tuple[int | float, ...], ...]:
    checkpoint = model.checkpoint
    answers = answers_of(
        model.module,
        model.tokenizer,
        data.examples,
        checkpoint.task,
        checkpoint.meaning,
        max_length=options.max_length,
        stage="evaluation answers",
        progress=progress,
    )
    return task_head(checkpoint.task).count(data.examples, answers, checkpoint.meaning, answers)


def _score(model: Model, evaluation: Dataset, options: FinetuneOptions, progress: Progress) -> Score:
    tallies = tally_array(_tallies(model, evaluation, options, progress))
    return paired_score(_metric(evaluation.task), tallies, file="checkpoint", runtime="torch")


def _is_finite(model: torch.nn.Module) -> bool:
    return all(bool(weights.isfinite().all()) for weights in model.parameters())


def _fingerprint(lesson: Lesson, train: Dataset, evaluation: Dataset | None, tokenizer: Tokenizer) -> str:
    """Return a hash of all that decides the result: 64 hex digits."""
    import torch
    import transformers

    data = [
        [[example.texts, example.gold, example.words] for example in one.examples] if one else None
        for one in (train, evaluation)
    ]
    settings = [asdict(lesson.options), train.task, train.labels, data, torch.__version__, transformers.__version__]
    total = hashlib.sha256(json.dumps(settings).encode() + tokenizer.to_str().encode())
    for module in (lesson.model, lesson.teacher and lesson.teacher.module):
        for name, tensor in module.state_dict().items() if module else ():
            total.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return total.hexdigest()
