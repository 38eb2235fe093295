"""The options that several commands share, and words of the command line as values."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer

import edgebert
from edgebert.arguments import Between
from edgebert.errors import UsageError
from edgebert.progress import note
from edgebert.records import read_lines

if TYPE_CHECKING:
    from edgebert.data import Dataset, TrainingTexts
    from edgebert.meaning import Meaning, Task

T = TypeVar("T")
Data = TypeVar("Data", "Dataset", "TrainingTexts")
Number = TypeVar("Number", int | None, float | None)


def argument(
    meaning: str,
    *,
    default: str | None = None,
    metavar: str | None = None,
    complete: Callable[[str], list[str]] | None = None,
) -> Any:
    """Return an argument of a command, as ``option`` does."""
    return typer.Argument(help=meaning, show_default=default or True, metavar=metavar, autocompletion=complete)


def option(
    meaning: str,
    *names: str,
    default: str | None = None,
    unit: str = "",
    metavar: str | None = None,
    commas: bool = False,
    choices: Sequence[str] = (),
    check: Callable[..., Any] | None = None,
    complete: Callable[[str], list[str]] | None = None,
) -> Any:
    """Return an option of a command, with its help and its names.

    Args:
        meaning: Sentence for the help.
        names: Its names, the long one first; without any, it has that of the parameter.
        default: Default in words; ``None`` shows the value.
        unit: Unit of the default.
        metavar: What stands for the value in the help; ``None`` chooses by the type.
        commas: Whether several values may also be given in one word, separated by commas.
        choices: What the words of a list may be, which typer cannot take from a type.
        check: Checks a value before the command begins.
        complete: Returns what the beginning of a value may become, for the shell.
    """
    if choices and complete is None:
        complete = _completion(choices)
    info = typer.Option(
        *names,
        help=meaning,
        show_default=default or True,
        metavar=metavar,
        callback=check,
        case_sensitive=False,
        autocompletion=complete,
    )
    info.unit, info.commas, info.choices = unit, commas, tuple(choices)
    return info


def _completion(choices: Sequence[str]) -> Callable[[str], list[str]]:
    def complete(incomplete: str) -> list[str]:
        before, comma, last = incomplete.rpartition(",")
        return [f"{before}{comma}{word}" for word in choices if word.startswith(last.lower())]

    return complete


Json = Annotated[bool, option("Print the result as JSON.", "--json")]
Wide = Annotated[bool, option("Show all columns of tables, and lists in full.", "--wide")]
Force = Annotated[bool, option("Replace an existing output.", "--force")]
Restart = Annotated[bool, option("Start over: discard what an interrupted run has kept.", "--restart")]
Quiet = Annotated[bool, option("Show no progress and no notes; warnings and errors stay.", "--quiet", "-q")]
Verbose = Annotated[bool, option("Also show the messages of the libraries, and tracebacks.", "--verbose", "-v")]
TextColumn = Annotated[
    str | None, option("Column or key of the text.", metavar="COLUMN", default="text, else sentence")
]
LabelColumn = Annotated[str | None, option("Column or key of the label.", metavar="COLUMN", default="label")]
PairColumn = Annotated[
    str | None,
    option("Column or key of the second text or of the context.", metavar="COLUMN", default="sentence2 or context"),
]
Model = Annotated[str, argument("Checkpoint folder or Hub ID of a fine-tuned DistilBERT.")]
Target = Annotated[str, argument("Bundle, checkpoint folder or Hub ID.")]
BundleFolder = Annotated[Path, argument("Bundle folder.")]


@dataclass(frozen=True, slots=True)
class DataColumns:
    """The columns of data files that the user named."""

    text: str | None = None
    pair: str | None = None
    label: str | None = None

    def dataset(self, path: Path, task: Task, meaning: Meaning | None, *, exact_offsets: bool = False) -> Dataset:
        """Return data with right answers for a model, or for one to come; errors as for ``read_dataset``."""
        self._check(task)
        return _told(
            edgebert.read_dataset(
                path,
                task=task,
                labels=None if meaning is None else meaning.labels,
                text_column=self.text,
                pair_column=self.pair,
                label_column=self.label,
                exact_offsets=exact_offsets,
            )
        )

    def training(self, path: Path, task: Task, meaning: Meaning) -> TrainingTexts:
        """Return training data for a model, no answers of uncertain places; errors as for ``read_training``."""
        self._check(task)
        return _told(
            edgebert.read_training(
                path,
                task=task,
                labels=meaning.labels,
                text_column=self.text,
                pair_column=self.pair,
                label_column=self.label,
                exact_offsets=True,
            )
        )

    def _check(self, task: Task) -> None:
        if self.pair is not None and task not in _PAIRS:
            raise UsageError(f"--pair-column {self.pair!r}: {task} takes single texts", hint="leave --pair-column out")


_PAIRS = ("question-answering", "feature-extraction")


def _told(data: Data) -> Data:
    """Tell what a person should know about a data file, and return it."""
    for said in data.notes:
        note(said)
    return data


def start_over(out: Path) -> None:
    """Discard what an interrupted training for an output folder has kept."""
    from edgebert.training.resume import drop_state

    drop_state(out.with_name(f"{out.name}.state"))


def within(low: float, high: float, *, above: bool = False) -> Callable[[typer.CallbackParam, Number], Number]:
    """Return what checks the number of an option before the command begins; ``above`` leaves out ``low`` itself."""

    def check(param: typer.CallbackParam, value: Number) -> Number:
        if value is None or value in Between(low, high, above=above):
            return value
        least = f"{'above' if above else 'of at least'} {low:g}"
        raise UsageError(f"{param.opts[0]} is {value:.10g}", hint=f"give a number {least} and at most {high:.10g}")

    return check


def words(text: str) -> tuple[str, ...]:
    """Return the words of a list such as ``onnx,tflite``."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def numbers(given: Sequence[str], option: str, *, example: str) -> tuple[int, ...]:
    """Return the words of a list such as ``16,32,64`` as integers.

    Raises:
        UsageError: A word is no integer; the message names the option it was given to.
    """
    text = ",".join(given)
    if not all(word.isdecimal() and len(word) < 10 for word in given):
        message = f"{option} is {text!r}, not integers separated by commas"
        raise UsageError(message, hint=f"write e.g. {option} {example}")
    return tuple(int(word) for word in given)


def lines_of_stdin() -> Iterator[str]:
    """Return the lines of standard input, each as soon as it is there.

    Raises:
        UsageError: It is a terminal or closed; while the lines are read: it is empty, not UTF-8, or a line is too long.
    """
    hint = "give texts as arguments, or one a line on standard input"
    if sys.stdin is None or sys.stdin.isatty():
        raise UsageError("no texts", hint=hint)

    def lines() -> Iterator[str]:
        empty = True
        for line in read_lines(sys.stdin.buffer, source="standard input", endless=True):
            empty = False
            yield line.removesuffix("\n").removesuffix("\r")
        if empty:
            raise UsageError("standard input is empty", hint=hint)

    return lines()
