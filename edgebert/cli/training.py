"""The commands that make a checkpoint to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli import output
from edgebert.cli.arguments import Force, Json, LabelColumn, TextColumn, within
from edgebert.ranges import MOST_SEED


def finetune(
    base: Annotated[str, typer.Argument(help="Folder or Hub id of a DistilBERT encoder.")],
    train: Annotated[Path, typer.Option(help="Labelled texts to learn from.")],
    out: Annotated[Path, typer.Option(help="Checkpoint folder to make.")],
    evaluation: Annotated[Path | None, typer.Option("--eval", help="Labelled texts to measure the result on.")] = None,
    epochs: Annotated[
        float, typer.Option(help="Passes over the training texts.", callback=within(0, 10_000, above=True))
    ] = 3,
    learning_rate: Annotated[
        float,
        typer.Option(
            help="Peak learning rate.",
            callback=within(0, 1, above=True),
        ),
    ] = 5e-5,
    batch_size: Annotated[int, typer.Option(help="Texts in one step.", callback=within(1, 100_000))] = 32,
    max_length: Annotated[
        int, typer.Option(help="Longest input in tokens; longer texts are cut.", callback=within(3, 512))
    ] = 128,
    seed: Annotated[int, typer.Option(help="Seed of head, order and dropout.", callback=within(0, MOST_SEED))] = 0,
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    *,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Fine-tune a DistilBERT encoder for classification with Hugging Face's Trainer."""
    from edgebert.data import read_dataset
    from edgebert.folder import locate
    from edgebert.staging import check_folder
    from edgebert.training.finetune import FinetuneOptions
    from edgebert.training.finetune import finetune as fit

    options = FinetuneOptions(
        epochs=epochs, learning_rate=learning_rate, batch_size=batch_size, max_length=max_length, seed=seed
    )
    check_folder(out, force=force, marker="config.json")
    locate(base)
    training = read_dataset(train, text_column=text_column, label_column=label_column)
    held_back = None
    if evaluation is not None:
        held_back = read_dataset(evaluation, labels=training.labels, text_column=text_column, label_column=label_column)
    with output.progress_bar() as progress:
        result = fit(base, training, held_back, out, options=options, force=force, progress=progress)
    if as_json:
        output.show_json(
            {
                "path": str(result.path),
                "labels": result.labels,
                "train_examples": result.train_examples,
                "accuracy": result.accuracy,
            }
        )
        return
    measured = "" if result.accuracy is None else f", accuracy {result.accuracy:.2%} on {evaluation}"
    output.show_text(f"wrote {out}: {len(result.labels)} labels, {result.train_examples} training texts{measured}")


def import_bert(
    folder: Annotated[Path, typer.Argument(help="Hugging Face folder of a BERT encoder.")],
    out: Annotated[Path, typer.Option(help="DistilBERT folder to make.")],
    *,
    force: Force = False,
) -> None:
    """Rewrite a BERT encoder as the DistilBERT that computes the same, for tasks that need no token types."""
    from edgebert.staging import check_folder
    from edgebert.training.importer import import_bert as rewrite

    check_folder(out, force=force, marker="config.json")

    output.show_text(f"wrote {rewrite(folder, out, force=force)}")
