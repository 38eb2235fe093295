"""The commands that make a checkpoint: finetune, import-bert and prune."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Literal

import edgebert
from edgebert.arguments import MOST_SEED
from edgebert.cli import output
from edgebert.cli.options import (
    DataColumns,
    Force,
    Json,
    LabelColumn,
    PairColumn,
    Restart,
    TextColumn,
    argument,
    option,
    start_over,
    within,
)
from edgebert.cli.training_tables import show_finetuned
from edgebert.errors import UsageError
from edgebert.meaning import Meaning, Task
from edgebert.progress import note, warn
from edgebert.staging import check_folder

TrainingPrecision = Annotated[
    Literal["float32", "bfloat16"],
    option("Precision of training; bfloat16 is faster on processors that support it. Weights stay float32."),
]


def finetune(
    base: Annotated[str, argument("Folder or Hub ID of a DistilBERT encoder.")],
    train: Annotated[Path, option("Data file to train on.", metavar="FILE")],
    out: Annotated[Path, option("Checkpoint folder to write.", "--out", "-o", metavar="FOLDER")],
    evaluation: Annotated[Path | None, option("Data file to score the result on.", "--eval", metavar="FILE")] = None,
    task: Annotated[Task | None, option("Task of the model.", default="detected from the training file")] = None,
    teacher: Annotated[
        str | None,
        option("Checkpoint to distil from while training: a DistilBERT, or a BERT of more layers.", metavar="MODEL"),
    ] = None,
    epochs: Annotated[
        float, option("Passes over the training data.", unit="epochs", check=within(0, 10_000, above=True))
    ] = 3,
    learning_rate: Annotated[float, option("Peak learning rate.", check=within(0, 1, above=True))] = 5e-5,
    batch_size: Annotated[int, option("Examples in a step.", unit="examples", check=within(1, 100_000))] = 32,
    max_length: Annotated[
        int, option("Longest input, in tokens; longer texts are cut.", unit="tokens", check=within(3, 512))
    ] = 128,
    patience: Annotated[
        int | None,
        option("Stop after N epochs without a better --eval score.", default="no early stop", check=within(1, 10_000)),
    ] = None,
    class_weights: Annotated[
        Literal["none", "balanced"],
        option("Weight of the labels; balanced gives rare labels as much as frequent ones."),
    ] = "none",
    unfreeze: Annotated[
        int | None, option("Train only the top N layers and the head.", default="all layers", check=within(0, 1000))
    ] = None,
    task_weight: Annotated[float, option("With --teacher: weight of the right answers.", check=within(0, 1000))] = 1.0,
    soft_weight: Annotated[
        float, option("With --teacher: weight of the teacher's answers.", check=within(0, 1000))
    ] = 1.0,
    hidden_weight: Annotated[
        float, option("With --teacher: weight of the teacher's hidden states.", check=within(0, 1000))
    ] = 1.0,
    temperature: Annotated[
        float, option("With --teacher: divisor of the logits of both models.", check=within(0, 1000, above=True))
    ] = 2.0,
    precision: TrainingPrecision = "float32",
    seed: Annotated[
        int, option("Seed of the head, the order of examples and dropout.", check=within(0, MOST_SEED))
    ] = 0,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: LabelColumn = None,
    *,
    restart: Restart = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Fine-tune a DistilBERT encoder for a task; an interrupted run resumes.

    Training uses Hugging Face's Trainer. The labels are those of the training file. The result is a checkpoint folder
    with a learning curve and a model card; `export` takes it. [Tasks](tasks/README.md) shows a data file for each task.
    """
    from edgebert.cli.data_summary import data_summary, show_summary
    from edgebert.data import task_of
    from edgebert.data_checks import data_warnings, find_duplicates
    from edgebert.folder import locate

    options = edgebert.FinetuneOptions(
        epochs=epochs,
        learning_rate=learning_rate,
        batch_size=batch_size,
        max_length=max_length,
        seed=seed,
        patience=patience,
        class_weights=class_weights,
        unfreeze=unfreeze,
        task_weight=task_weight,
        soft_weight=soft_weight,
        hidden_weight=hidden_weight,
        temperature=temperature,
        precision=precision,
    )
    if patience is not None and evaluation is None:
        raise UsageError("--patience requires --eval", hint="give the data that tells when to stop")
    check_folder(out, force=force, marker="config.json")
    folder, _ = locate(base)
    if teacher is not None:
        locate(teacher)
    named, said_by = task, ""
    if named is None:
        guess = task_of(train, text_column=text_column, pair_column=pair_column, label_column=label_column)
        named, said_by = guess.task, guess.reason
    columns = DataColumns(text_column, pair_column, label_column)
    training, data = columns.dataset(train, named, None, exact_offsets=True), None
    if evaluation is not None:
        data = columns.dataset(evaluation, named, Meaning(labels=training.labels))
    if said_by:
        note(f"the task is {named}: {said_by}")
    for said in data_warnings(training):
        warn(said)
    if data is not None and (found := find_duplicates(training.examples, data.examples)).count:
        places = ", ".join(f"{second} (line {first} of {train.name})" for first, second in found.lines)
        warn(f"{evaluation}: {found.count:,} texts are in {train.name} as well, first in lines {places}")
    if restart:
        start_over(out)
    summary = data_summary(training, folder)
    show_summary(train.name, summary)
    with output.progress_bar() as progress:
        result = edgebert.finetune(
            base, training, data, out, task=named, teacher=teacher, options=options, force=force, progress=progress
        )
    if as_json:
        output.show_json(asdict(result) | {"path": str(result.path), "data": summary})
        return
    show_finetuned(result, training, evaluation)


def import_bert(
    folder: Annotated[Path, argument("Hugging Face folder of a BERT encoder.")],
    out: Annotated[Path, option("DistilBERT folder to write.", "--out", "-o", metavar="FOLDER")],
    *,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Convert a BERT encoder to a DistilBERT that computes the same.

    The result is an encoder without a task head: fine-tune it next. Only checkpoints whose token types are all 0 in use
    can be converted, which is so for single texts.
    """
    check_folder(out, force=force, marker="config.json")
    made = edgebert.import_bert(folder, out, force=force)
    if as_json:
        output.show_json({"path": str(made)})
    else:
        output.show_text(f"wrote {made}")
