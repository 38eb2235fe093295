"""Fine-tuning: a DistilBERT encoder and texts with answers -> a checkpoint with a head, by Hugging Face's Trainer."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np

from edgebert.arguments import PLACE, Factor, Length, Positive, Rate, Seed, check_options, expect, path_of
from edgebert.configuration import (
    ENCODER,
    check_model_type,
    encoder_shapes,
    read_architecture,
    read_dropouts,
    read_share,
)
from edgebert.data import Dataset, read_dataset
from edgebert.errors import DataError, UsageError
from edgebert.examples import gold_of
from edgebert.folder import locate, read_config
from edgebert.label_metrics import accuracy
from edgebert.manifest import Meaning, Task
from edgebert.network import build_module, padded, require, state_arrays
from edgebert.progress import Progress, silent
from edgebert.staging import staged_folder
from edgebert.tensors import check_shapes, read_tensors, weight_files, write_tensors
from edgebert.text import TextEncoder, pad_id_of
from edgebert.tokenizer import check_vocabulary, load_tokenizer, write_tokenizer
from edgebert.training.answers import answers_of
from edgebert.training.objectives import OBJECTIVES

if TYPE_CHECKING:
    import torch
    import transformers
    from tokenizers import Tokenizer

_WARM_UP_SHARE = 0.06
_WEIGHT_DECAY = 0.01
_TASK: Task = "text-classification"  # the task that texts with one label each train


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneOptions:
    """How to fine-tune.

    Attributes:
        epochs: Passes over the training texts; a fraction ends within one.
        learning_rate: Peak of the rate: it rises over the first 6 % of the steps and falls linearly to 0.
        batch_size: Texts in one step.
        max_length: Longest input in tokens; longer texts are truncated.
        seed: Decides the new head, the order of the texts and dropout.

    Raises:
        UsageError: A value is out of range.
    """

    epochs: Factor = 3
    learning_rate: Rate = 5e-5
    batch_size: Positive = 32
    max_length: Length = 128
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneResult:
    """What came of a fine-tuning.

    Attributes:
        path: The checkpoint folder.
        labels: Label names by id.
        train_examples: Number of texts it was trained on.
        accuracy: Share of the evaluation texts whose label it gets right, 0 to 1; ``None`` without such texts.
    """

    path: Path
    labels: tuple[str, ...]
    train_examples: int
    accuracy: float | None


def finetune(
    base: str | Path,
    train: Dataset | str | Path,
    evaluation: Dataset | str | Path | None,
    out: str | Path,
    *,
    options: FinetuneOptions = FinetuneOptions(),
    force: bool = False,
    progress: Progress = silent,
) -> FinetuneResult:
    """Train a new classification head and the encoder under it, and save both as a checkpoint folder.

    A head that ``base`` may have is replaced. On a CPU, equal arguments and library versions give equal weights; the
    seed is also that of the global random generators of Python, numpy and torch.

    Args:
        base: Folder or Hub id of a DistilBERT checkpoint.
        train: Texts to learn from, or the path of their file.
        evaluation: Texts to measure the result on, or the path of their file; they do not influence it.
        out: Folder to be made; nothing is left of it after a failure.
        options: Hyper-parameters.
        force: Whether an existing checkpoint folder at ``out`` is replaced.
        progress: Called as ``progress("fine-tuning", step, total)`` with optimizer steps.

    Raises:
        CheckpointError: ``base`` is no DistilBERT encoder, or it is damaged.
        DataError: The data cannot train or measure a classifier.
        UsageError: An option does not fit the model, or the training diverged.
        OutputError: ``out`` is taken or cannot be written.
        EnvironmentProblem: ``base`` has to come from the Hub, which cannot be reached.
        MissingExtraError: The extra ``train`` is not installed.
    """
    expect("base", base, *PLACE)
    expect("train", train, Dataset, *PLACE)
    expect("evaluation", evaluation, Dataset, *PLACE, NoneType)
    out = path_of("out", out)
    expect("options", options, FinetuneOptions)
    expect("force", force, bool)
    expect("progress", progress, Callable)
    if not isinstance(train, Dataset):
        train = read_dataset(train)
    if not isinstance(evaluation, Dataset | None):
        evaluation = read_dataset(evaluation, labels=train.labels)
    _check_data(train, evaluation)
    # The Trainer asks for accelerate only when it starts.
    require("accelerate", "torch", "transformers", extra="train", purpose="fine-tuning")
    with staged_folder(out, force=force, marker="config.json") as stage:
        folder, _ = locate(base)
        tokenizer = load_tokenizer(folder)
        model = _new_model(folder, tokenizer, train.labels, options)
        _trainer(model, tokenizer, train, stage, options, progress).train()
        _check_finite(model, options)
        model.cpu().train(mode=False)
        score = _accuracy(model, tokenizer, evaluation, options) if evaluation else None
        _save(model, stage)
        write_tokenizer(tokenizer, stage, max_length=model.config.max_position_embeddings)
    return FinetuneResult(path=out, labels=train.labels, train_examples=len(train.examples), accuracy=score)


def _check_data(train: Dataset, evaluation: Dataset | None) -> None:
    if len(train.labels) < 2:
        raise DataError(f"{train.name}: {len(train.labels)} label; a classifier needs two or more")
    for dataset in (train, evaluation):
        if dataset and not dataset.examples:
            raise DataError(f"{dataset.name}: holds no texts")
    if evaluation and evaluation.labels != train.labels:
        raise DataError(
            f"{evaluation.name}: its labels are {', '.join(evaluation.labels)}, "
            f"those of {train.name} are {', '.join(train.labels)}",
            hint="both files have to use the same labels",
        )


def _new_model(
    folder: Path, tokenizer: Tokenizer, labels: tuple[str, ...], options: FinetuneOptions
) -> transformers.PreTrainedModel:
    """Return the encoder of a checkpoint under a head with fresh random weights.

    ``from_pretrained`` would also fill gaps in the encoder with random numbers, with no more than a line in the log.
    """
    import torch
    import transformers

    values = read_config(folder)
    check_model_type(values, folder / "config.json")
    architecture = read_architecture(values, folder)
    settings = {
        **read_dropouts(values, folder, _TASK),
        "initializer_range": read_share(values, "initializer_range", 0.02, folder / "config.json"),
        "pad_token_id": pad_id_of(tokenizer),
    }
    check_vocabulary(tokenizer, architecture.vocabulary, folder)
    if options.max_length > architecture.positions:
        raise UsageError(
            f"max_length is {options.max_length}, but {folder.name} has only {architecture.positions} positions",
            hint=f"use at most {architecture.positions}",
        )
    tensors = {
        name.removeprefix(ENCODER): tensor
        for name, tensor in read_tensors(weight_files(folder)).items()
        if name.removeprefix(ENCODER).startswith(("embeddings.", "transformer."))
    }
    tensors.pop("embeddings.position_ids", None)
    check_shapes(tensors, encoder_shapes(architecture), folder)
    transformers.set_seed(options.seed)
    model: transformers.PreTrainedModel = build_module(architecture, labels, _TASK, settings=settings)  # type: ignore[assignment]
    model.base_model.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in tensors.items()})
    return model


def _trainer(
    model: transformers.PreTrainedModel,
    tokenizer: Tokenizer,
    train: Dataset,
    stage: Path,
    options: FinetuneOptions,
    progress: Progress,
) -> transformers.Trainer:
    import torch
    import transformers

    class _Reporter(transformers.TrainerCallback):
        def on_train_begin(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            progress("fine-tuning", 0, state.max_steps)

        def on_step_end(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
            progress("fine-tuning", state.global_step, state.max_steps)

    has_cuda = torch.cuda.is_available()
    steps = math.ceil(options.epochs * math.ceil(len(train.examples) / options.batch_size))
    known = {field.name for field in dataclasses.fields(transformers.TrainingArguments)}
    # transformers 5 renamed the first to the second.
    grouping = (
        {"group_by_length": True} if "group_by_length" in known else {"train_sampling_strategy": "group_by_length"}
    )
    arguments = transformers.TrainingArguments(
        output_dir=str(stage),  # nothing is written there: neither checkpoints nor logs are asked for
        num_train_epochs=options.epochs,
        learning_rate=options.learning_rate,
        lr_scheduler_type="linear",
        warmup_steps=math.ceil(_WARM_UP_SHARE * steps),
        weight_decay=_WEIGHT_DECAY,
        per_device_train_batch_size=options.batch_size,
        label_names=["labels"],
        seed=options.seed,
        save_strategy="no",
        logging_strategy="no",
        report_to="none",
        disable_tqdm=True,
        use_cpu=not has_cuda,
        dataloader_pin_memory=has_cuda,
        remove_unused_columns=False,
        **grouping,
    )
    trainer = transformers.Trainer(
        model=model,
        args=arguments,
        train_dataset=_encode(tokenizer, train, options.max_length),
        data_collator=partial(_batch, pad_id=pad_id_of(tokenizer)),
        compute_loss_func=lambda outputs, labels, **_: OBJECTIVES[_TASK].loss(outputs, labels, labels, "mean"),
        callbacks=[_Reporter()],
    )
    trainer.remove_callback(transformers.PrinterCallback)  # a library does not print
    return trainer


def _encode(tokenizer: Tokenizer, dataset: Dataset, max_length: int) -> list[dict[str, Any]]:
    encoder = TextEncoder(tokenizer, max_length)
    return [
        {"input_ids": encoder.encode(example.texts[0]), "labels": gold_of(example)[0]} for example in dataset.examples
    ]


def _batch(examples: list[dict[str, Any]], pad_id: int) -> dict[str, torch.Tensor]:
    """Return examples as int64 tensors: ids and mask [batch, longest text], labels [batch]."""
    import torch

    ids, mask = padded([example["input_ids"] for example in examples], pad_id)
    labels = torch.tensor([example["labels"] for example in examples])
    return {"input_ids": ids, "attention_mask": mask, "labels": labels}


def _check_finite(model: transformers.PreTrainedModel, options: FinetuneOptions) -> None:
    for name, weights in model.named_parameters():
        if not weights.isfinite().all():
            raise UsageError(
                f"the training diverged: {name} has values that are NaN or infinite",
                hint=f"use a learning rate below {options.learning_rate:g}",
            )


def _save(model: transformers.PreTrainedModel, folder: Path) -> None:
    # What save_pretrained writes for a model of one file, without the progress bar it draws.
    model.config.architectures = [type(model).__name__]
    model.config.save_pretrained(folder)
    write_tensors(state_arrays(model), folder / "model.safetensors")


def _accuracy(
    model: transformers.PreTrainedModel, tokenizer: Tokenizer, evaluation: Dataset, options: FinetuneOptions
) -> float:
    meaning = Meaning(labels=evaluation.labels)
    found = answers_of(model, tokenizer, evaluation.examples, _TASK, meaning, max_length=options.max_length)
    gold = [gold_of(example)[0] for example in evaluation.examples]
    return accuracy(np.array(gold), np.array([key[0] for key in found]))
