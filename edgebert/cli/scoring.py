"""The commands that run a model on texts: evaluate and predict."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

import edgebert
from edgebert.cli import output
from edgebert.cli.options import Force, Json, LabelColumn, Target, TextColumn, argument, lines_of_stdin, one_of, option
from edgebert.errors import UsageError
from edgebert.ondevice.session import RUNTIMES
from edgebert.outputs import FileKind
from edgebert.printable import json_lines

if TYPE_CHECKING:
    from edgebert.answers import LabelPrediction, Prediction
    from edgebert.manifest import Score


def evaluate(
    target: Target,
    data: Annotated[Path, option("Labelled texts: .csv, .tsv or .jsonl, gzipped or not.")],
    runtime: Annotated[
        str | None,
        option("onnxruntime, litert, tflite-runtime, or torch for a checkpoint.", check=one_of(*RUNTIMES, "torch")),
    ] = None,
    file: Annotated[str | None, option("Only this file of the bundle, as in int8.onnx.")] = None,
    metric: Annotated[str, option("accuracy or macro_f1.", check=one_of("accuracy", "macro_f1"))] = "accuracy",
    text_column: TextColumn = None,
    label_column: LabelColumn = None,
    *,
    as_json: Json = False,
) -> None:
    """Score every file of a bundle, text by text against its float baseline."""
    from edgebert.evaluation import check_choice
    from edgebert.prediction import labels_of

    labels = labels_of(target)
    check_choice(target, runtime=runtime, file=file)
    examples = edgebert.read_dataset(data, labels=labels, text_column=text_column, label_column=label_column)
    with output.progress_bar() as progress:
        found = edgebert.evaluate(target, examples, runtime=runtime, file=file, metric=metric, progress=progress)
    if as_json:
        notes = {"truncated": found.truncated, "chance": found.chance, "labels_read_as_ids": examples.by_id}
        output.show_json({"results": found.results, **notes})
        return
    columns = ("file", "runtime", "metric", "value %", "95 % interval", output.CHANGE, "agreement", "flips")
    output.show_table(columns, [_score_row(item) for item in found.results])
    output.show_truncated(found.truncated, None)


def predict(
    target: Target,
    texts: Annotated[list[str] | None, argument("Texts; without any, one a line from standard input.")] = None,
    evaluation: Annotated[
        Path | None, option("File of texts: .csv, .tsv, .jsonl or .txt, gzipped or not.", "--eval")
    ] = None,
    out: Annotated[Path | None, option("File to write, one JSON object a line.", default="standard output")] = None,
    file: Annotated[str | None, option("File of the bundle, as in int8.tflite.")] = None,
    runtime: Annotated[str | None, option("Runtime to run it in.", check=one_of(*RUNTIMES, "torch"))] = None,
    top_k: Annotated[
        int | None, typer.Option(min=1, help="Number of labels to show, the most probable first.", show_default="1")
    ] = None,
    text_column: TextColumn = None,
    *,
    jsonl: Annotated[bool, option("Print one JSON object a line, as soon as it is there.", "--jsonl")] = False,
    force: Force = False,
    as_json: Json = False,
) -> None:
    """Label texts."""
    from edgebert.outputs import opened_output
    from edgebert.prediction import open_predictor

    if texts and evaluation is not None:
        raise UsageError("texts and --eval cannot be combined", hint="leave one of them out")
    if text_column is not None and evaluation is None:
        raise UsageError("--text-column requires --eval", hint="give the file of texts with --eval")
    if as_json and (jsonl or out is not None):
        raise UsageError(f"--json and {'--jsonl' if jsonl else '--out'} cannot be combined", hint="leave --json out")
    if out is not None:
        output.check_output(out, PREDICTIONS, force=force, is_shared=False)
    given: Iterable[str] = texts or ()
    if evaluation is not None:
        given = edgebert.read_training(evaluation, labels=None, text_column=text_column).texts
    elif not texts:
        given = lines_of_stdin()
    predictor = open_predictor(target, file=file, runtime=runtime)
    found = told(map(_labelled, map(predictor.answer, given)), predictor.encoder.max_length)
    if as_json:
        output.show_json([answer_object(item, predictor.meaning.labels, top_k) for item in found])
    elif out is not None:
        with opened_output(out, PREDICTIONS, force=force) as stream:
            for item in found:
                stream.write(f"{object_line(item, predictor.meaning.labels, top_k)}\n".encode())
        output.show_note(f"wrote {out}")
    else:
        line = object_line if jsonl else answer_line
        for item in found:
            output.show_text(line(item, predictor.meaning.labels, top_k))
            output.flush()


def _labelled(found: Prediction) -> LabelPrediction:
    return cast("LabelPrediction", found)  # until the other tasks have a form here


def _is_predictions(path: Path) -> bool:
    with path.open("rb") as stream:
        try:
            first = json.loads(stream.readline(10_000_000))
        except (ValueError, RecursionError):
            return False
    return isinstance(first, dict) and {"text", "label", "probability", "probabilities"} <= first.keys()


PREDICTIONS = FileKind(name="JSONL of edgebert predict", is_one=_is_predictions)


def answer_object(found: LabelPrediction, labels: tuple[str, ...], count: int | None) -> dict[str, Any]:
    """Return a prediction as it is written in JSON.

    It has the probabilities of all labels in their order, or of ``count`` of them, the most probable first.
    """
    shares = dict(zip(labels, found.probabilities, strict=True))
    if count is not None:
        shares = dict(sorted(shares.items(), key=lambda item: -item[1])[:count])
    return {
        "text": found.text,
        "label": found.label,
        "probability": found.probability,
        "probabilities": shares,
        "tokens": found.tokens,
        "truncated": found.truncated,
    }


def object_line(found: LabelPrediction, labels: tuple[str, ...], count: int | None) -> str:
    """Return a prediction as one line of JSON, without a line break."""
    return json_lines(json.dumps(answer_object(found, labels, count), ensure_ascii=False, allow_nan=False))


def answer_line(found: LabelPrediction, labels: tuple[str, ...], count: int | None) -> str:
    """Return a prediction as a line for people: labels with their probabilities, and the text."""
    width = max(map(len, labels))
    shares = answer_object(found, labels, count or 1)["probabilities"]
    cells = [f"{name:<{width}}  {share:.3f}" for name, share in shares.items()]
    return "  ".join([*cells, " ".join(found.text.split())])


def told(answers: Iterable[LabelPrediction], max_length: int) -> Iterator[LabelPrediction]:
    """Pass answers on, and say on standard error what is to be known about them.

    The first text with nothing to read is named at once, because more texts may come at any time.
    """
    cut = empty = 0
    for number, item in enumerate(answers, 1):
        # Two tokens frame every text.
        if item.tokens == 2:
            empty += 1
            if empty == 1:
                output.show_note(f"note: text {number} has nothing to read; its label means nothing")
        cut += item.truncated
        yield item
    if empty > 1:
        output.show_note(f"note: {empty} texts have nothing to read; their labels mean nothing")
    output.show_truncated(cut, max_length)


def _score_row(score: Score) -> list[str]:
    value, *compared = output.score_cells(score)
    interval = f"{100 * score.low:.2f} to {100 * score.high:.2f}"
    flips = "-" if score.flips is None else f"{score.flips} of {score.examples}"
    return [score.file, score.runtime, score.metric, value, interval, *compared, flips]
