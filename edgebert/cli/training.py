"""The commands that make a checkpoint: finetune, import-bert and prune."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import edgebert
from edgebert.arguments import MOST_SEED
from edgebert.cli import output
from edgebert.cli.options import (
    DataColumns,
    Force,
    Json,
    LabelColumn,
    Model,
    PairColumn,
    TextColumn,
    argument,
    one_of,
    option,
    within,
)
from edgebert.cli.training_tables import show_finetuned, show_pruned
from edgebert.errors import UsageError
from edgebert.meaning import TASKS, Meaning, Task
from edgebert.progress import note, warn
from edgebert.recipe import MOST_EPOCHS, PruneOptions
from edgebert.staging import check_folder

TrainingPrecision = Annotated[
    str,
    option(
        "float32, or bfloat16: faster on processors that compute with it; weights stay float32.",
        check=one_of("float32", "bfloat16"),
    ),
]


def finetune(
    base: Annotated[str, argument("Folder or Hub id of a DistilBERT encoder.")],
    train: Annotated[Path, option("Data file to learn from.")],
    out: Annotated[Path, option("Checkpoint folder to make.")],
    evaluation: Annotated[Path | None, option("Data file to measure the result on.", "--eval")] = None,
    task: Annotated[
        str | None, option(f"One of {', '.join(TASKS)}.", default="told by the file", check=one_of(*TASKS))
    ] = None,
    teacher: Annotated[
        str | None, option("Checkpoint of the task to learn from as well: a DistilBERT, or a BERT of more layers.")
    ] = None,
    epochs: Annotated[float, option("Passes over the training texts.", check=within(0, 10_000, above=True))] = 3,
    learning_rate: Annotated[float, option("Peak learning rate.", check=within(0, 1, above=True))] = 5e-5,
    batch_size: Annotated[int, option("Texts in one step.", check=within(1, 100_000))] = 32,
    max_length: Annotated[int, option("Longest input in tokens; longer texts are cut.", check=within(3, 512))] = 128,
    patience: Annotated[
        int | None, option("Epochs without a better --eval score after which training stops.", check=within(1, 10_000))
    ] = None,
    class_weights: Annotated[
        str, option("none, or balanced: rare labels count as much.", check=one_of("none", "balanced"))
    ] = "none",
    unfreeze: Annotated[
        int | None,
        option("Layers under the head that are trained, from the top.", default="all", check=within(0, 1000)),
    ] = None,
    task_weight: Annotated[float, option("--teacher: weight of the right answers.", check=within(0, 1000))] = 1.0,
    soft_weight: Annotated[float, option("--teacher: weight of its answers.", check=within(0, 1000))] = 1.0,
    hidden_weight: Annotated[float, option("--teacher: weight of its hidden states.", check=within(0, 1000))] = 1.0,
    temperature: Annotated[
        float, option("--teacher: divides the logits of both models.", check=within(0, 1000, above=True))
    ] = 2.0,
    precision: TrainingPrecision = "float32",
    seed: Annotated[int, option("Seed of head, order and dropout.", check=within(0, MOST_SEED))] = 0,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: LabelColumn = None,
    *,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Fine-tune a DistilBERT encoder for a task with Hugging Face's Trainer; an interrupted run resumes."""
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
        class_weights="balanced" if class_weights == "balanced" else "none",
        unfreeze=unfreeze,
        task_weight=task_weight,
        soft_weight=soft_weight,
        hidden_weight=hidden_weight,
        temperature=temperature,
        precision="bfloat16" if precision == "bfloat16" else "float32",
    )
    if patience is not None and evaluation is None:
        raise UsageError("--patience requires --eval", hint="give the data that tells when to stop")
    check_folder(out, force=force, marker="config.json")
    folder, _ = locate(base)
    if teacher is not None:
        locate(teacher)
    named: Task | None = next((each for each in TASKS if each == task), None)
    said_by = ""
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
    out: Annotated[Path, option("DistilBERT folder to make.")],
    *,
    force: Force = False,
) -> None:
    """Rewrite a BERT encoder as the DistilBERT that computes the same, for tasks that need no token types."""
    check_folder(out, force=force, marker="config.json")
    output.show_text(f"wrote {edgebert.import_bert(folder, out, force=force)}")


_WELL_PREDICTED = 0.15


def prune(
    model: Model,
    train: Annotated[Path, option("Texts of the task, with labels or without.")],
    out: Annotated[Path, option("Checkpoint folder to make.")],
    keep: Annotated[
        float | None,
        option(
            "Share of the multiply-accumulates that stays, as in 0.5.", default="0.5", check=within(0, 1, above=True)
        ),
    ] = None,
    latency_share: Annotated[
        float | None,
        option("Share of the time for a text that stays, instead of --keep.", check=within(0, 1, above=True)),
    ] = None,
    latency_table: Annotated[
        Path | None, option("Measured table for --latency-share; made and kept there when it does not exist.")
    ] = None,
    keep_tokens_of: Annotated[
        list[Path] | None, option("With --cut-vocabulary: also keep the tokens of this file; repeatable.")
    ] = None,
    drop_layers: Annotated[bool, option("Let a nearly empty layer go whole.", "--drop-layers/--no-drop-layers")] = True,
    distill: Annotated[
        float, option("Epochs of distillation from the original afterwards.", check=within(0, MOST_EPOCHS))
    ] = 0,
    learning_rate: Annotated[
        float | None,
        option(
            "Peak learning rate of the distillation.",
            default="by the width of the model",
            check=within(0, 1, above=True),
        ),
    ] = None,
    precision: TrainingPrecision = "float32",
    seed: Annotated[int, option("Seed of the sample and of the distillation.", check=within(0, MOST_SEED))] = 0,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: LabelColumn = None,
    *,
    cut_vocabulary: Annotated[
        bool, option("Cut the vocabulary to the tokens of the training texts.", "--cut-vocabulary")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Cut out the heads, neurons, layers and tokens that matter least, and repair the rest."""
    from edgebert.prediction import task_of
    from edgebert.pruning.latency import TABLE, LatencyTable, prediction_errors, read_table
    from edgebert.pruning.prune import latency_table as time_table

    if learning_rate is not None and not distill:
        raise UsageError("--learning-rate is that of --distill only", hint="add --distill 2")
    if keep is not None and latency_share is not None:
        raise UsageError("--keep and --latency-share are two ways to say how much stays", hint="give one of them")
    if latency_table is not None and latency_share is None:
        raise UsageError("--latency-table is read for --latency-share only", hint="add --latency-share 0.5")
    if keep_tokens_of and not cut_vocabulary:
        raise UsageError("--keep-tokens-of requires --cut-vocabulary", hint="add --cut-vocabulary")
    options = PruneOptions(
        keep=next((share for share in (keep, latency_share) if share is not None), 0.5),
        vocabulary=cut_vocabulary,
        drop_layers=drop_layers,
        distill=distill,
        learning_rate=learning_rate,
        seed=seed,
        precision="bfloat16" if precision == "bfloat16" else "float32",
    )
    check_folder(out, force=force, marker="config.json")
    if latency_table is not None:
        if latency_table.exists():
            read_table(latency_table)
        else:
            output.check_output(latency_table, TABLE, force=False, is_shared=as_json, parents=True)
    task, meaning = task_of(model)
    training = DataColumns(text_column, pair_column, label_column).training(train, task, meaning)
    more: list[str] = []
    for path in keep_tokens_of or ():
        column = None if path.name.removesuffix(".gz").endswith(".txt") else text_column
        more += edgebert.read_training(path, labels=None, text_column=column).texts
    tables: list[LatencyTable] = []
    with output.progress_bar() as progress:

        def measured() -> LatencyTable:
            tables.append(time_table(model, training, latency_table, progress=progress))
            return tables[-1]

        made = edgebert.prune(
            model,
            training,
            out,
            options=options,
            vocabulary=more,
            latency=None if latency_share is None else measured,
            force=force,
            progress=progress,
        )
    off = max((abs(error) for table in tables for error in prediction_errors(table)), default=0.0)
    if off > _WELL_PREDICTED:
        output.show_note(
            f"the latency table predicts a whole model {100 * off:.0f} % off: the machine was busy, or the uncut model "
            "outgrows a cache; measure again on a quiet machine"
        )
    if as_json:
        output.show_json({"path": str(out), "architecture": made.architecture, "pruning": made.pruning})
        return
    assert made.pruning is not None
    show_pruned(made.pruning, made.architecture)
    output.show_note(f"wrote {out}")
