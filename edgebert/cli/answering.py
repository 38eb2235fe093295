"""The options that say how outputs become answers: aggregation, thresholds, no answer, stride."""

from __future__ import annotations

from typing import Annotated

import typer

import edgebert
from edgebert.cli.choices import AggregationName
from edgebert.cli.options import option, within
from edgebert.errors import UsageError
from edgebert.printable import shown

_STORED = "the model's"


def _split(_param: typer.CallbackParam, values: list[str] | None) -> list[str] | None:
    thresholds(values)  # refuses what is none
    return values


Aggregation = Annotated[
    AggregationName | None,
    option(
        "Entities: how the tokens of a word give its label, as in the Hub's pipeline.", "--aggregation", default=_STORED
    ),
]
Threshold = Annotated[
    list[str] | None,
    option(
        "Several labels: probability above which a label is given, e.g. 0.4; for one label LABEL=0.4.",
        "--threshold",
        metavar="[LABEL=]NUMBER",
        default=_STORED,
        check=_split,
    ),
]
NoAnswer = Annotated[
    bool | None,
    option("Question answering: allow the answer that there is none.", "--no-answer/--always-answer", default=_STORED),
]
Stride = Annotated[
    int | None,
    option(
        "Question answering: tokens that two windows of a long context share.",
        "--stride",
        default=_STORED,
        check=within(0, 512),
    ),
]


def thresholds(given: list[str] | None) -> tuple[float | None, dict[str, float]]:
    """Return the threshold of all labels, and those of some by name, of words such as ``0.4`` and ``toxic=0.3``.

    Raises:
        UsageError: A word is neither, or says again what another one said.
    """
    found: dict[str | None, float] = {}
    for word in given or ():
        name, equals, number = word.rpartition("=")
        label = name if equals else None
        try:
            value = float(number)
        except ValueError:
            value = -1.0
        if not 0 <= value <= 1:
            raise UsageError(
                f"--threshold is {shown(word)}, not a number from 0 to 1",
                hint="write e.g. --threshold 0.4, or --threshold LABEL=0.4",
            )
        if label in found:
            raise UsageError(
                f"--threshold {shown(word)} is the second one for {'all labels' if label is None else shown(label)}",
                hint="give one",
            )
        found[label] = value
    return found.pop(None, None), {str(label): value for label, value in found.items()}


def answer_options(
    *, aggregation: AggregationName | None, threshold: list[str] | None, no_answer: bool | None, stride: int | None
) -> edgebert.AnswerOptions:
    """Return what these options say; errors as for ``AnswerOptions``."""
    every, some = thresholds(threshold)
    return edgebert.AnswerOptions(
        aggregation=aggregation,
        threshold=every,
        thresholds=some,
        no_answer=no_answer,
        stride=stride,
    )
