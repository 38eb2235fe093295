"""The commands that run a model on texts: evaluate and predict."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import edgebert
from edgebert.cli import output
from edgebert.cli.answering import Aggregation, NoAnswer, Stride, Threshold, answer_options
from edgebert.cli.choices import AnyRuntime, Metric
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
    option,
    within,
)
from edgebert.cli.showing import answer_object, object_line, show_answer, told
from edgebert.errors import DataError, UsageError
from edgebert.outputs import FileKind

if TYPE_CHECKING:
    from edgebert.manifest import Score
    from edgebert.tasks import TaskHead


def evaluate(
    target: Target,
    evaluation: Annotated[Path, option("Data file with right answers.", "--eval", metavar="FILE")],
    runtime: Annotated[
        AnyRuntime | None, option("Runtime to run the files in; torch runs checkpoints.", default="one for each format")
    ] = None,
    file: Annotated[
        str | None, option("File of the bundle to score, e.g. int8.onnx.", metavar="NAME", default="all")
    ] = None,
    metric: Annotated[Metric | None, option("Metric of the task.", default="the main metric of the task")] = None,
    text_column: TextColumn = None,
    pair_column: PairColumn = None,
    label_column: LabelColumn = None,
    *,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Score the files of a bundle on a data file, int8 against FP32.

    Each file is compared with the FP32 file of the same format, example by example. Before a file is scored it has to
    reproduce the golden logits in the runtime; otherwise the command stops with exit code 1. A checkpoint is scored in
    torch, with nothing to compare.

    If the labels in the file are IDs, a note shows the label of each ID. A warning is shown if the score may be chance:
    the lower end of its 95 % interval is not above the score of always answering the most frequent label.

    With `--json`, `results` has the fields of `Score` in [bundle format](bundle-format.md), `truncated` counts the
    examples that were cut, `chance` is the score of the most frequent label, and `labels_read_as_ids` is true or false.
    `label_changes` has precision, recall and F1 of each label or type of entities, for FP32 (`before`) and int8
    (`after`), the largest change of F1 first; the table shows the first ten of each file.
    """
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
    texts: Annotated[list[str] | None, argument("Texts.", metavar="TEXT...", default="lines of standard input")] = None,
    evaluation: Annotated[
        Path | None, option("Data file of texts, or of questions and contexts.", "--eval", metavar="FILE")
    ] = None,
    question: Annotated[list[str] | None, option("Question about --context.", "--question", metavar="TEXT")] = None,
    context: Annotated[str | None, option("Text that the questions are about.", "--context", metavar="TEXT")] = None,
    out: Annotated[
        Path | None,
        option("File to write, one JSON object per line.", "--out", "-o", metavar="FILE", default="standard output"),
    ] = None,
    file: Annotated[
        str | None, option("File of the bundle to run, e.g. int8.tflite.", metavar="NAME", default="the first shipped")
    ] = None,
    runtime: Annotated[
        AnyRuntime | None, option("Runtime to run it in; torch runs checkpoints.", default="one for the format")
    ] = None,
    top_k: Annotated[
        int | None,
        option("Number of labels to show, the most probable first.", default="1", check=within(1, 1_000_000)),
    ] = None,
    text_column: TextColumn = None,
    aggregation: Aggregation = None,
    threshold: Threshold = None,
    no_answer: NoAnswer = None,
    stride: Stride = None,
    *,
    jsonl: Annotated[bool, option("Print one JSON object per line, each at once.", "--jsonl")] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Run a model on texts and print its answers.

    Texts are arguments, a file (`--eval`), or lines of standard input. Each line of standard input is answered before
    the next one is read, so a program can ask one text after another. `--json` prints a list, `--jsonl` one object per
    line, and `--out` writes such lines to a file. For a model with labels an object is:

    ```json
    {
      "text": "Not for me",
      "label": "negative",
      "probability": 0.93,
      "probabilities": {"negative": 0.93, "positive": 0.07},
      "tokens": 5,
      "truncated": false
    }
    ```

    `tokens` counts the tokens of the input, `[CLS]` and `[SEP]` included. It is 2 for a text without any, e.g. an empty
    line: the label then means nothing, and a note says so. `truncated` is true if the text was longer than the longest
    input and was cut there. With `--top-k`, `probabilities` has that many labels.
    """
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
