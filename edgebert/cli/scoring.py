"""The commands that run a model on texts: evaluate and predict."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import edgebert
from edgebert.cli import output
from edgebert.cli.answering import Aggregation, NoAnswer, Stride, Threshold, answer_options
from edgebert.cli.layout import Column
from edgebert.cli.options import (
    DataColumns,
    Force,
    Json,
    LabelColumn,
    PairColumn,
    Target,
    TextColumn,
    Wide,
    argument,
    lines_of_stdin,
    one_of,
    option,
)
from edgebert.cli.showing import answer_object, object_line, show_answer, told
from edgebert.errors import DataError, UsageError
from edgebert.ondevice.session import RUNTIMES
from edgebert.outputs import FileKind

if TYPE_CHECKING:
    from edgebert.manifest import Score
    from edgebert.tasks import TaskHead


def _known_metric(param: typer.CallbackParam, value: str | None) -> str | None:
    from edgebert.metrics import METRICS

    return one_of(*METRICS)(param, value)


def evaluate(
    target: Target,
    evaluation: Annotated[Path, option("Data file with right answers.", "--eval")],
    runtime: Annotated[
        str | None,
        option("onnxruntime, litert, tflite-runtime, or torch for a checkpoint.", check=one_of(*RUNTIMES, "torch")),
    ] = None,
    file: Annotated[str | None, option("Only this file of the bundle, as in int8.onnx.")] = None,
    metric: Annotated[
        str | None,
        option("Metric of the task, as in macro_f1.", default="the first of the task", check=_known_metric),
    ] = None,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: LabelColumn = None,
    *,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Score every file of a bundle, text by text against its float baseline."""
    from edgebert.evaluation import check_choice
    from edgebert.prediction import task_of

    task, meaning = task_of(target)
    check_choice(target, runtime=runtime, file=file)
    examples = DataColumns(text_column, pair_column, label_column).dataset(evaluation, task, meaning)
    with output.progress_bar() as progress:
        found = edgebert.evaluate(target, examples, runtime=runtime, file=file, metric=metric, progress=progress)
    results = sorted(found.results, key=lambda score: score.baseline is None)  # baselines last, as in every table
    if as_json:
        notes = {"truncated": found.truncated, "chance": found.chance, "labels_read_as_ids": examples.by_id}
        output.show_json({"results": results, **notes, "label_changes": found.label_changes})
        return
    from edgebert.tallies.changes import CHANGE_COLUMNS, change_cells, most_changed, what_changed

    columns = (
        "file",
        Column("runtime", is_extra=True),
        output.metric_column(results[0].metric),
        "95 % interval",
        output.CHANGE,
        Column("agreement", is_extra=True),
        Column("flips", is_extra=True),
    )
    left_out = output.show_table(columns, [_score_row(item) for item in results], wide=wide)
    if changed := most_changed(found.label_changes):
        output.show_text("", what_changed(task))
        output.show_table(CHANGE_COLUMNS, [change_cells(item) for item in changed])
    output.show_truncated(found.truncated, None)
    output.show_left_out(left_out)


def predict(
    target: Target,
    texts: Annotated[list[str] | None, argument("Texts; without any, one a line from standard input.")] = None,
    evaluation: Annotated[
        Path | None, option("File of texts: .csv, .tsv, .jsonl or .txt, gzipped or not; or of questions.", "--eval")
    ] = None,
    question: Annotated[
        list[str] | None, option("Question about the context; may be repeated.", "--question", default="none")
    ] = None,
    context: Annotated[str | None, option("Text that answers the questions.", "--context")] = None,
    out: Annotated[Path | None, option("File to write, one JSON object a line.", default="standard output")] = None,
    file: Annotated[str | None, option("File of the bundle, as in int8.tflite.")] = None,
    runtime: Annotated[str | None, option("Runtime to run it in.", check=one_of(*RUNTIMES, "torch"))] = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Number of labels to show, the most probable first.", show_default="1")
    ] = None,
    text_column: TextColumn = None,
    aggregation: Aggregation = None,
    threshold: Threshold = None,
    no_answer: NoAnswer = None,
    stride: Stride = None,
    *,
    jsonl: Annotated[bool, option("Print one JSON object a line, as soon as it is there.", "--jsonl")] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Answer texts: with labels, numbers, entities, answers to a question, or embeddings."""
    from edgebert.outputs import opened_output
    from edgebert.prediction import open_predictor

    if (texts or question) and evaluation is not None:
        raise UsageError("texts and --eval cannot be combined", hint="leave one of them out")
    if evaluation is not None and not evaluation.exists():
        raise DataError(f"{evaluation}: no such file")
    lines = lines_of_stdin() if not texts and not question and evaluation is None else None
    if text_column is not None and evaluation is None:
        raise UsageError("--text-column requires --eval", hint="give the file of texts with --eval")
    if as_json and (jsonl or out is not None):
        raise UsageError(f"--json and {'--jsonl' if jsonl else '--out'} cannot be combined", hint="leave --json out")
    if out is not None:
        output.check_output(out, PREDICTIONS, force=force, is_shared=False)
    options = answer_options(aggregation=aggregation, threshold=threshold, no_answer=no_answer, stride=stride)
    predictor = open_predictor(target, file=file, runtime=runtime, options=options)
    if top_k is not None and predictor.head.gold is None:
        raise UsageError(f"--top-k requires a model that labels texts; this is {predictor.head.task}")
    given = _inputs(predictor.head, texts or lines, question, context, evaluation, text_column)
    found = told(itertools.starmap(predictor.answer, given), predictor.encoder.max_length)
    if as_json:
        output.show_json([answer_object(item, predictor.meaning, top_k) for item in found])
    elif out is not None:
        with opened_output(out, PREDICTIONS, force=force) as stream:
            for item in found:
                stream.write(f"{object_line(item, predictor.meaning, top_k)}\n".encode())
        output.show_note(f"wrote {out}")
    else:
        for item in found:
            if jsonl:
                output.show_text(object_line(item, predictor.meaning, top_k))
            else:
                show_answer(item, predictor.meaning, top_k)
            output.flush()


def _is_predictions(path: Path) -> bool:
    with path.open("rb") as stream:
        try:
            first = json.loads(stream.readline(10_000_000))
        except (ValueError, RecursionError):
            return False
    return isinstance(first, dict) and {"tokens", "truncated"} <= first.keys()


PREDICTIONS = FileKind(name="JSONL of edgebert predict", is_one=_is_predictions)


def _inputs(
    head: TaskHead,
    texts: Iterable[str] | None,
    questions: Sequence[str] | None,
    context: str | None,
    evaluation: Path | None,
    text_column: str | None,
) -> Iterable[tuple[str, ...]]:
    """Return the inputs that were asked for, as the task takes them.

    Raises:
        UsageError: They were given in a way that does not fit the task.
    """
    takes_pair = len(head.inputs) == 2
    if takes_pair and texts is not None:
        raise UsageError("this model answers questions about a text", hint="give --question and --context, or --eval")
    if not takes_pair and questions:
        raise UsageError(f"--question requires a question-answering model; this is {head.task}", hint="give texts")
    if evaluation is not None:
        given = edgebert.read_training(evaluation, task=head.task, labels=None, text_column=text_column)
        return (example.texts for example in given.examples)
    if takes_pair:
        if not questions or context is None:
            raise UsageError("no question and context", hint='give --question "..." --context "...", or --eval FILE')
        return ((question, context) for question in questions)
    return ((text,) for text in texts or ())


def _score_row(score: Score) -> list[str]:
    value, *compared = output.score_cells(score)
    from edgebert.metrics import METRICS

    of = METRICS[score.metric]
    interval = f"{of.shown(score.low)} to {of.shown(score.high)}"
    flips = "-" if score.flips is None else f"{score.flips} of {score.examples}"
    return [score.file, score.runtime, value, interval, *compared, flips]
