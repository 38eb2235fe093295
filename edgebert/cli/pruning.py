"""The commands that make a model smaller before it is converted."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli import output
from edgebert.cli.arguments import Force, Json, LabelColumn, TextColumn, within
from edgebert.errors import UsageError
from edgebert.ranges import MOST_SEED
from edgebert.recipe import MOST_EPOCHS

_WELL_PREDICTED = 0.15


def prune(
    model: Annotated[str, typer.Argument(help="Checkpoint folder or Hub id of a fine-tuned DistilBERT.")],
    train: Annotated[Path, typer.Option(help="Texts of the task, with labels or without.")],
    out: Annotated[Path, typer.Option(help="Checkpoint folder to make.")],
    keep: Annotated[
        float | None,
        typer.Option(
            help="Share of the multiply-accumulates that stays, as in 0.5.",
            show_default="0.5",
            callback=within(0, 1, above=True),
        ),
    ] = None,
    latency_share: Annotated[
        float | None,
        typer.Option(
            help="Share of the time for a text that stays, instead of --keep.", callback=within(0, 1, above=True)
        ),
    ] = None,
    latency_table: Annotated[
        Path | None,
        typer.Option(help="Measured table for --latency-share; made and kept there when it does not exist."),
    ] = None,
    vocabulary: Annotated[
        list[Path] | None,
        typer.Option(help="Cut the vocabulary to the tokens of the training texts and of this file; repeatable."),
    ] = None,
    drop_layers: Annotated[
        bool, typer.Option("--drop-layers/--keep-layers", help="Let a nearly empty layer go whole.")
    ] = True,
    distill: Annotated[
        float,
        typer.Option(help="Epochs of distillation from the original afterwards.", callback=within(0, MOST_EPOCHS)),
    ] = 0,
    learning_rate: Annotated[
        float | None,
        typer.Option(
            help="Peak learning rate of the distillation.",
            show_default="by the width of the model",
            callback=within(0, 1, above=True),
        ),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the sample and of the distillation.", callback=within(0, MOST_SEED))
    ] = 0,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    *,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Cut out the heads, neurons, layers and tokens that matter least, and repair the rest."""
    from edgebert.cli.render import pruning_notes, pruning_rows
    from edgebert.data import read_training
    from edgebert.prediction import labels_of
    from edgebert.pruning.latency import TABLE, LatencyTable, prediction_errors, read_table
    from edgebert.pruning.prune import latency_table as time_table
    from edgebert.pruning.prune import prune as cut
    from edgebert.recipe import PruneOptions
    from edgebert.staging import check_folder

    if learning_rate is not None and not distill:
        raise UsageError("--learning-rate is that of --distill only", hint="add --distill 2")
    if keep is not None and latency_share is not None:
        raise UsageError("--keep and --latency-share are two ways to say how much stays", hint="give one of them")
    if latency_table is not None and latency_share is None:
        raise UsageError("--latency-table is read for --latency-share only", hint="add --latency-share 0.5")
    share = next((value for value in (keep, latency_share) if value is not None), 0.5)
    options = PruneOptions(
        keep=share,
        vocabulary=bool(vocabulary),
        drop_layers=drop_layers,
        distill=distill,
        learning_rate=learning_rate,
        seed=seed,
    )
    check_folder(out, force=force, marker="config.json")
    if latency_table is not None:
        if latency_table.exists():
            read_table(latency_table)
        else:
            output.check_output(latency_table, TABLE, force=False, is_shared=as_json, parents=True)
    training = read_training(train, labels=labels_of(model), text_column=text_column, label_column=label_column)
    more: list[str] = []
    for path in vocabulary or ():
        column = None if path.name.removesuffix(".gz").endswith(".txt") else text_column
        more += read_training(path, labels=None, text_column=column).texts
    tables: list[LatencyTable] = []
    with output.progress_bar() as progress:

        def measured() -> LatencyTable:
            tables.append(time_table(model, training, latency_table, progress=progress))
            return tables[-1]

        made = cut(
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
    output.show_table(("", "before", "after"), pruning_rows(made))
    assert made.pruning is not None
    for note in pruning_notes(made.pruning):
        output.show_text(note)
    output.show_note(f"wrote {out}")
