"""What a fine-tuning starts from: data that was checked, and an encoder under a fresh head."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from edgebert.checkpoint import Checkpoint, Model, load_model, task_of
from edgebert.configuration import (
    ENCODER,
    check_model_type,
    encoder_shapes,
    read_architecture,
    read_dropouts,
    read_share,
)
from edgebert.data import Dataset
from edgebert.errors import DataError, UsageError
from edgebert.folder import locate, read_config
from edgebert.meaning import Meaning, Task, TaskSettings
from edgebert.network import build_module
from edgebert.tensors import check_shapes, read_tensors, weight_files
from edgebert.text import pad_id_of
from edgebert.tokenizer import check_vocabulary, load_tokenizer
from edgebert.training.items import check_gold
from edgebert.training.options import FinetuneOptions

if TYPE_CHECKING:
    import torch


def check_data(train: Dataset, evaluation: Dataset | None, task: Task | None, options: FinetuneOptions) -> None:
    """Refuse data that cannot train or measure a model.

    Args:
        train: Examples to learn from.
        evaluation: Examples to measure the result on.
        task: The task that was asked for.
        options: Hyper-parameters.

    Raises:
        DataError: An example has no right answer, or the two do not go together.
        UsageError: An option does not go with the data.
    """
    if task is not None and train.task != task:
        raise DataError(f"{train.name}: its task is {train.task}, not {task}", hint="read the file for that task")
    least = {"text-classification": 2, "token-classification": 2, "multi-label-classification": 1}.get(train.task, 0)
    if len(train.labels) < least:
        kind = "a classifier needs two or more" if least == 2 else "the task needs one or more"
        raise DataError(f"{train.name}: {len(train.labels)} label{'s'[: len(train.labels) != 1]}; {kind}")
    for dataset in (train, evaluation):
        if dataset is not None:
            _check_examples(dataset)
    if evaluation and evaluation.task != train.task:
        raise DataError(f"{evaluation.name}: its task is {evaluation.task}, that of {train.name} is {train.task}")
    if evaluation and evaluation.labels != train.labels:
        raise DataError(
            f"{evaluation.name}: its labels are {', '.join(evaluation.labels)}, "
            f"those of {train.name} are {', '.join(train.labels)}",
            hint="both files have to use the same labels",
        )
    if options.patience is not None and evaluation is None:
        raise UsageError("patience needs evaluation data to tell the best epoch by", hint="give evaluation data too")
    if options.class_weights == "balanced" and not least:
        raise UsageError(f"class weights are of labels, which {train.task} has not", hint="leave class_weights out")


def _check_examples(data: Dataset) -> None:
    if not data.examples:
        raise DataError(f"{data.name}: holds no texts")
    check_gold(data.examples, Meaning(labels=data.labels), data.name)
    for example in data.examples:
        if example.gold is None:
            raise DataError(f"{data.name}, line {example.line}: there is no right answer to learn from")
        if data.task == "feature-extraction":
            _check_pair(data.name, example.line, example.texts, float(example.gold[0]))


def _check_pair(name: str, line: int, texts: tuple[str, ...], score: float) -> None:
    if len(texts) != 2:
        raise DataError(f"{name}, line {line}: one text, where pairs with a score are learnt from")
    if not -1 <= score <= 1:
        raise DataError(
            f"{name}, line {line}: the score {score:g} is not a cosine, which is from -1 to 1",
            hint="scale the scores, e.g. 0 for unrelated texts and 1 for the same meaning",
        )


def starting_model(base: str | Path, train: Dataset, options: FinetuneOptions) -> Model:
    """Return the encoder of a checkpoint under a head with fresh random weights, or a sentence encoder as it is.

    ``from_pretrained`` would also fill gaps in the encoder with random numbers, with no more than a line in the log.

    Args:
        base: Folder or Hub id of a DistilBERT checkpoint.
        train: Data of the task that the head is for.
        options: Hyper-parameters: the seed of the head, and what is trained.

    Raises:
        CheckpointError: ``base`` is no DistilBERT encoder, or it is damaged.
        UsageError: An option does not fit the model.
        EnvironmentProblem: ``base`` has to come from the Hub, which cannot be reached.
    """
    import torch
    import transformers

    folder, name = locate(base)
    values = read_config(folder)
    check_model_type(values, folder / "config.json")
    architecture, tokenizer, task = read_architecture(values, folder), load_tokenizer(folder), train.task
    check_vocabulary(tokenizer, architecture.vocabulary, folder)
    if options.max_length > architecture.positions:
        raise UsageError(
            f"max_length is {options.max_length}, but {folder.name} has only {architecture.positions} positions",
            hint=f"use at most {architecture.positions}",
        )
    if options.unfreeze is not None and options.unfreeze > architecture.layers:
        raise UsageError(
            f"unfreeze is {options.unfreeze}, but {folder.name} has {architecture.layers} layers",
            hint=f"use at most {architecture.layers}",
        )
    transformers.set_seed(options.seed)
    if task == "feature-extraction" and task_of(base)[0] == task:
        model = load_model(base)
        model.module.requires_grad_(requires_grad=True)
    else:
        settings = {
            **read_dropouts(values, folder, task),
            "initializer_range": read_share(values, "initializer_range", 0.02, folder / "config.json"),
            "pad_token_id": pad_id_of(tokenizer),
        }
        tensors = {
            name.removeprefix(ENCODER): tensor
            for name, tensor in read_tensors(weight_files(folder)).items()
            if name.removeprefix(ENCODER).startswith(("embeddings.", "transformer."))
        }
        tensors.pop("embeddings.position_ids", None)
        check_shapes(tensors, encoder_shapes(architecture), folder)
        fixed = settings_of(train, width=architecture.hidden)
        module = build_module(architecture, train.labels, task, settings=settings, task_settings=fixed)
        encoder: torch.nn.Module = module.base_model  # type: ignore[assignment]
        encoder.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in tensors.items()})
        checkpoint = Checkpoint(
            path=folder, name=name, task=task, labels=train.labels, architecture=architecture, sha256="", settings=fixed
        )
        model = Model(checkpoint=checkpoint, module=module, tokenizer=tokenizer)
    if options.unfreeze is not None:
        encoder = model.module.base_model  # type: ignore[assignment]
        encoder.requires_grad_(requires_grad=False)
        layers = list(encoder.transformer.layer)  # type: ignore[union-attr, arg-type]
        for layer in layers[len(layers) - options.unfreeze :]:
            layer.requires_grad_(requires_grad=True)
    return model


def settings_of(train: Dataset, *, width: int) -> TaskSettings:
    """Return what a fresh head for some data fixes of its task, over an encoder of this width."""
    if train.task == "multi-label-classification":
        return TaskSettings(thresholds=(0.5,) * len(train.labels))
    if train.task == "token-classification":
        return TaskSettings(aggregation="first")
    if train.task == "question-answering":
        return TaskSettings(no_answer=any(example.gold == () for example in train.examples))
    if train.task == "feature-extraction":
        return TaskSettings(pooling="mean", width=width)
    return TaskSettings()
