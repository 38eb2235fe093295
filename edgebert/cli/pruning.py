"""The command that makes a checkpoint smaller: prune."""

from __future__ import annotations

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
    Restart,
    TextColumn,
    option,
    start_over,
    within,
)
from edgebert.cli.training import TrainingPrecision
from edgebert.cli.training_tables import show_pruned
from edgebert.errors import UsageError
from edgebert.recipe import MOST_EPOCHS, PruneOptions
from edgebert.staging import check_folder

_WELL_PREDICTED = 0.15


def prune(
    model: Model,
    train: Annotated[Path, option("Data file to prune with; labels are optional.", metavar="FILE")],
    out: Annotated[Path, option("Checkpoint folder to write.", "--out", "-o", metavar="FOLDER")],
    keep: Annotated[
        float | None,
        option(
            "Share of the multiply-accumulates to keep, e.g. 0.5. Required unless --latency-share is given.",
            metavar="SHARE",
            check=within(0, 1, above=True),
        ),
    ] = None,
    latency_share: Annotated[
        float | None,
        option(
            "Share of the latency to keep, measured on this machine.", metavar="SHARE", check=within(0, 1, above=True)
        ),
    ] = None,
    latency_table: Annotated[
        Path | None,
        option("With --latency-share: file of the measured latencies; written if it does not exist.", metavar="FILE"),
    ] = None,
    drop_layers: Annotated[
        bool, option("Allow nearly empty layers to be removed.", "--drop-layers/--no-drop-layers")
    ] = True,
    distill: Annotated[
        float,
        option(
            "Epochs of distillation from the original, to recover accuracy.",
            metavar="EPOCHS",
            unit="epochs",
            check=within(0, MOST_EPOCHS),
        ),
    ] = 0,
    learning_rate: Annotated[
        float | None,
        option(
            "With --distill: peak learning rate.",
            default="chosen by the width of the model",
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
        bool, option("Keep only the tokens that occur in the training texts.", "--cut-vocabulary")
    ] = False,
    keep_tokens_of: Annotated[
        list[Path] | None, option("With --cut-vocabulary: also keep the tokens of this file.", metavar="FILE")
    ] = None,
    restart: Restart = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Remove the attention heads, neurons, layers and tokens that matter least.

    The remaining weights are fitted again so that each layer computes what it did; `--distill` trains as well. The
    result is a checkpoint folder like any other: `export` it next. An interrupted distillation resumes with the same
    command; its state is in `OUT.state`, and `--restart` discards it. [Pruning](pruning.md) describes each step.
    """
    from edgebert.prediction import task_of
    from edgebert.pruning.latency import TABLE, LatencyTable, prediction_errors, read_table
    from edgebert.pruning.prune import latency_table as time_table

    if learning_rate is not None and not distill:
        raise UsageError("--learning-rate requires --distill", hint="add --distill 2")
    share = _share(keep, latency_share)
    if latency_table is not None and latency_share is None:
        raise UsageError("--latency-table requires --latency-share", hint="add --latency-share 0.5")
    if keep_tokens_of and not cut_vocabulary:
        raise UsageError("--keep-tokens-of requires --cut-vocabulary", hint="add --cut-vocabulary")
    options = PruneOptions(
        keep=share,
        vocabulary=cut_vocabulary,
        drop_layers=drop_layers,
        distill=distill,
        learning_rate=learning_rate,
        seed=seed,
        precision=precision,
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
    if restart:
        start_over(out)
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


def _share(keep: float | None, latency_share: float | None) -> float:
    """Return what is to be kept, of the work or of the latency: nothing can be assumed."""
    if keep is not None and latency_share is not None:
        raise UsageError("--keep and --latency-share cannot be combined", hint="give one of them")
    share = latency_share if keep is None else keep
    if share is None:
        raise UsageError(
            "--keep or --latency-share is required",
            hint="give e.g. --keep 0.5 to halve the multiply-accumulates; --keep 1 --cut-vocabulary cuts tokens only",
        )
    return share
