"""What a bundle says of texts: scores of labelled ones, labels of others."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

import typer

from edgebert.cli import output
from edgebert.cli.arguments import Force, Json, LabelColumn, TextColumn, lines_of_stdin, one_of
from edgebert.errors import UsageError
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
    from edgebert.evaluation import check_choice
    from edgebert.evaluation import evaluate as score
    from edgebert.prediction import labels_of

    labels = labels_of(target)
    check_choice(target, runtime=runtime, file=file)
    examples = read_dataset(data, labels=labels, text_column=text_column, label_column=label_column)
    with output.progress_bar() as progress:
        found = score(target, examples, runtime=runtime, file=file, metric=metric, progress=progress)
    if as_json:
        notes = {"truncated": found.truncated, "chance": found.chance, "labels_read_as_ids": examples.by_id}
        output.show_json({"results": found.results, **notes})
        return
    output.show_table(SCORE_COLUMNS, score_rows(found.results))
    output.show_truncated(found.truncated, None)


def predict(
    target: Annotated[str, typer.Argument(help="Bundle, checkpoint folder or Hub id.")],
    texts: Annotated[
        list[str] | None, typer.Argument(help="Texts; without any, one a line from standard input.")
    ] = None,
    evaluation: Annotated[
        Path | None, typer.Option("--eval", help="File of texts: .csv, .tsv, .jsonl or .txt, gzipped or not.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(help="File to write, one JSON object a line.", show_default="standard output")
    ] = None,
    file: Annotated[str | None, typer.Option(help="File of the bundle, as in int8.tflite.")] = None,
    runtime: Annotated[
        str | None, typer.Option(help="Runtime to run it in.", callback=one_of(*RUNTIMES, "torch"))
    ] = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Number of labels to show, the most probable first.", show_default="1")
    ] = None,
    text_column: TextColumn = None,
    *,
    jsonl: Annotated[
        bool, typer.Option("--jsonl", help="Print one JSON object a line, as soon as it is there.")
    ] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Label texts."""
    from edgebert.cli import answers
    from edgebert.outputs import opened_output
    from edgebert.prediction import open_predictor

    if texts and evaluation is not None:
        raise UsageError("texts and --eval cannot be combined", hint="leave one of them out")
    if text_column is not None and evaluation is None:
        raise UsageError("--text-column requires --eval", hint="give the file of texts with --eval")
    if as_json and (jsonl or out is not None):
        raise UsageError(f"--json and {'--jsonl' if jsonl else '--out'} cannot be combined", hint="leave --json out")
    if out is not None:
        output.check_output(out, answers.PREDICTIONS, force=force, is_shared=False)
    given: Iterable[str] = texts or ()
    if evaluation is not None:
        from edgebert.data import read_training

        given = read_training(evaluation, labels=None, text_column=text_column).texts
    elif not texts:
        given = lines_of_stdin()
    predictor = open_predictor(target, file=file, runtime=runtime)
    found = answers.told(map(predictor.answer, given), predictor.encoder.max_length)
    if as_json:
        output.show_json([answers.answer_object(item, predictor.labels, top_k) for item in found])
    elif out is not None:
        with opened_output(out, answers.PREDICTIONS, force=force) as stream:
            for item in found:
                stream.write(f"{answers.object_line(item, predictor.labels, top_k)}\n".encode())
        output.show_note(f"wrote {out}")
    else:
        line = answers.object_line if jsonl else answers.answer_line
        for item in found:
            output.show_text(line(item, predictor.labels, top_k))
            output.flush()
