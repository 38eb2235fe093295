"""The options that several commands share, and words of the command line as values."""

from __future__ import annotations

import contextlib
import functools
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

import typer
from typer.core import TyperCommand

import edgebert
from edgebert.arguments import Between
from edgebert.cli.renamed import present_options
from edgebert.errors import UsageError
from edgebert.progress import note
from edgebert.records import read_lines

if TYPE_CHECKING:
    from edgebert.data import Dataset, TrainingTexts
    from edgebert.meaning import Meaning, Task

T = TypeVar("T")
Data = TypeVar("Data", "Dataset", "TrainingTexts")
Number = TypeVar("Number", int | None, float | None)


def argument(meaning: str, *, default: str | None = None) -> Any:
    """Return an argument of a command, as ``option`` does."""
    return typer.Argument(help=meaning, show_default=default or True)


def option(meaning: str, *names: str, default: str | None = None, check: Callable[..., Any] | None = None) -> Any:
    """Return an option of a command, with its help and its names; without any, it has that of the parameter.

    The help shows ``default``, or the value if that is ``None``; ``check`` checks a value before the command begins.
    """
    return typer.Option(*names, help=meaning, show_default=default or True, callback=check)


Json = Annotated[bool, option("Print JSON instead of tables.", "--json")]
Force = Annotated[bool, option("Replace an existing output.", "--force")]
Wide = Annotated[bool, option("Show all columns of tables, and lists in full.", "--wide")]
Verbose = Annotated[bool, option("Also show what the libraries underneath write, and tracebacks.", "--verbose")]
TextColumn = Annotated[str | None, option("Column of the texts.", default="text, else sentence")]
LabelColumn = Annotated[str | None, option("Column of the labels.", default="label")]
PairColumn = Annotated[str | None, option("Column of the second text or the context.", default="sentence2 or context")]
Model = Annotated[str, argument("Checkpoint folder or Hub id of a fine-tuned DistilBERT.")]
Target = Annotated[str, argument("Bundle, checkpoint folder or Hub id.")]


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


_PLACES = ("base", "baseline", "model", "recipe", "target")
"""Parameters that take a path although they are strings, because they take a name as well."""


def with_home(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose paths may begin with ``~``, which no shell replaces in ``--out=~/x``."""

    @functools.wraps(command)
    def expanded(*given: object, **named: object) -> None:
        command(*given, **{name: _expanded(name, value) for name, value in named.items()})

    return expanded


def _expanded(name: str, value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_expanded(name, item) for item in value] if value and isinstance(value[0], Path) else value
    if isinstance(value, Path) or (isinstance(value, str) and name in _PLACES and value.startswith("~")):
        with contextlib.suppress(RuntimeError):  # there is no such user: the path itself is then not found
            return type(value)(Path(value).expanduser())
    return value


class Command(TyperCommand):
    """A command that reads former names of its options, and refuses an option that is given twice for one value."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments as typer does.

        Raises:
            UsageError: An option that takes one value is given more than once.
        """
        args = present_options(self.name or "", args, quiet=ctx.resilient_parsing)
        _, _, given = self.make_parser(ctx).parse_args(args=list(args))
        for item in given:
            is_harmless = item.param_type_name != "option" or getattr(item, "multiple", False)
            is_harmless |= getattr(item, "is_flag", False) and not item.secondary_opts
            if not is_harmless and given.count(item) > 1:
                raise UsageError(f"{item.opts[0]} is given {given.count(item)} times", hint="give it once")
        return super().parse_args(ctx, args)


def add_commands(app: typer.Typer, *commands: tuple[Callable[..., None], str]) -> None:
    """Add commands to an app, each with an example of its use; the order is that of the help."""
    for command, example in commands:
        app.command(epilog=f"Example: {example}", cls=Command)(with_home(command))


def within(low: float, high: float, *, above: bool = False) -> Callable[[typer.CallbackParam, Number], Number]:
    """Return what checks the number of an option before the command begins; ``above`` leaves out ``low`` itself."""

    def check(param: typer.CallbackParam, value: Number) -> Number:
        if value is None or value in Between(low, high, above=above):
            return value
        least = f"{'above' if above else 'of at least'} {low:g}"
        raise UsageError(f"{param.opts[0]} is {value:.10g}", hint=f"give a number {least} and at most {high:.10g}")

    return check


def one_of(*known: str) -> Callable[[typer.CallbackParam, T], T]:
    """Return what checks each word of an option before the command begins; upper and lower case are the same."""

    def check(param: typer.CallbackParam, value: Any) -> Any:
        if value is None:
            return None
        if not isinstance(value, str):
            return [check(param, word) for word in value]
        if value.lower() not in known:
            raise UsageError(f"{param.opts[0]} is {value!r}", hint=f"give one of {', '.join(known)}")
        return value.lower()

    return check


def words(text: str) -> tuple[str, ...]:
    """Return the words of a list such as ``onnx,tflite``."""
    return tuple(word.strip() for word in text.split(",") if word.strip())


def numbers(text: str, option: str, *, example: str) -> tuple[int, ...]:
    """Return the integers of a list such as ``16,32,64``.

    Raises:
        UsageError: ``text`` is no such list; the message names the option it was given to.
    """
    given = words(text)
    if not given or not all(word.isdecimal() and len(word) < 10 for word in given):
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
