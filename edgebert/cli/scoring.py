"""What a bundle says of texts: scores of labelled ones, labels of others."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli import output
from edgebert.cli.arguments import Json, LabelColumn, TextColumn, lines_of_stdin, one_of
from edgebert.ondevice.session import RUNTIMES


def evaluate(
    target: Annotated[str, typer.Argument(help="Bundle, checkpoint folder or Hub id.")],
    data: Annotated[Path, typer.Option(help="Labelled texts: .csv, .tsv or .jsonl, gzipped or not.")],
    runtime: Annotated[
        str | None,
        typer.Option(
            help="onnxruntime, litert, tflite-runtime, or torch for a checkpoint.", callback=one_of(*RUNTIMES, "torch")
        ),
    ] = None,
    file: Annotated[str | None, typer.Option(help="Only this file of the bundle, as in int8.onnx.")] = None,
    metric: Annotated[
        str, typer.Option(help="accuracy or macro_f1.", callback=one_of("accuracy", "macro_f1"))
    ] = "accuracy",
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    *,
    as_json: Json = False,
) -> None:
    """Score every file of a bundle, text by text against its float baseline."""
    from edgebert.cli.render import SCORE_COLUMNS, score_rows
    from edgebert.data import read_dataset
    from edgebert.evaluation import check_choice, labels_of
    from edgebert.evaluation import evaluate as score

    labels = labels_of(target)
    check_choice(target, runtime=runtime, file=file)
    examples = read_dataset(data, labels=labels, text_column=text_column, label_column=label_column)
    with output.progress_bar() as progress:
        found = score(target, examples, runtime=runtime, file=file, metric=metric, progress=progress)
    if as_json:
        output.show_json({"results": found.results, "truncated": found.truncated})
        return
    output.show_table(SCORE_COLUMNS, score_rows(found.results))
    output.show_truncated(found.truncated, None)


def predict(
    target: Annotated[str, typer.Argument(help="Bundle, checkpoint folder or Hub id.")],
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts; without any, one a line from standard input.")
    ] = None,
    file: Annotated[str | None, typer.Option(help="File of the bundle, as in int8.tflite.")] = None,
    runtime: Annotated[
        str | None, typer.Option(help="Runtime to run it in.", callback=one_of(*RUNTIMES, "torch"))
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Label texts."""
    from edgebert.evaluation import predict as answer

    given = texts or lines_of_stdin()
    predictions = answer(target, given, file=file, runtime=runtime)
    if as_json:
        output.show_json(list(predictions))
        return
    width = max((len(item.label) for item in predictions), default=0)
    for item in predictions:
        shown = " ".join(item.text.split())
        output.show_text(f"{item.label:<{width}}  {item.probability:.3f}  {shown}")
