"""The one place results, progress and errors leave the program through: for people, or as JSON for programs."""

from __future__ import annotations

import contextlib
import logging
import shutil
import sys
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from edgebert.cli.layout import Column, hanging, table_lines, time_left
from edgebert.errors import EdgebertError, UsageError
from edgebert.printable import json_lines, log_line, printable, without_command
from edgebert.progress import LOGGER, Progress

if TYPE_CHECKING:
    from pathlib import Path

    from edgebert.manifest import Score
    from edgebert.outputs import FileKind

CHANGE = "change (95 % interval)"
"""Column of the change of a score against the baseline."""

_DETAIL = " | "  # what follows it in the name of a stage may change at every step
_LONGEST = 1000  # characters of a message


def show_json(value: object) -> None:
    """Print a value as JSON on standard output."""
    from edgebert.jsonio import dumps

    sys.stdout.write(json_lines(dumps(value)))


def show_text(*lines: str) -> None:
    """Print lines on standard output, or an empty one; each stays one line, whatever is in it."""
    for line in lines or ("",):
        sys.stdout.write(log_line(line) + "\n")


def show_marked(text: str, marks: Sequence[tuple[int, int, str]]) -> None:
    """Print a text on one line with parts of it marked, in colour on a terminal that has colours.

    Args:
        text: The text.
        marks: First code point of a part, the one behind its last, and what it is; in order, none over another.
    """
    from rich.console import Console
    from rich.text import Text

    drawn, place = Text(), 0
    for start, end, name in marks:
        drawn.append(_on_one_line(text[place:start]))
        drawn.append(f"[{_on_one_line(text[start:end])}]", style="bold green")
        drawn.append(f"({printable(name)})", style="cyan")
        place = end
    drawn.append(_on_one_line(text[place:]))
    console = Console(file=sys.stdout, soft_wrap=True, highlight=False)
    with console.capture() as shown:
        console.print(drawn)
    sys.stdout.write(without_command(shown.get()))


def _on_one_line(text: str) -> str:
    return "".join(" " if letter.isspace() else letter for letter in printable(text))


def flush() -> None:
    """Let go of what was printed, for a reader that waits for it."""
    sys.stdout.flush()


def show_table(
    columns: Sequence[str | Column], rows: Sequence[Sequence[str]], *, wide: bool = False
) -> tuple[str, ...]:
    """Print a table on standard output: a row stays one line in a pipe, and wraps its cells on a narrow terminal.

    Returns the headings of the columns that were left out and say something.

    Args:
        columns: Headings; those that are extra are left out, with their cells, unless ``wide`` is set.
        rows: Cells, as many in each row as there are headings.
        wide: Whether all columns are shown.
    """
    given = [column if isinstance(column, Column) else Column(column) for column in columns]
    kept = [index for index, column in enumerate(given) if wide or not column.is_extra]
    cells = [[row[index] for index in kept] for row in rows]
    for line in table_lines([given[index].name for index in kept], cells, terminal_width()):
        sys.stdout.write(f"{line}\n")
    said = {index for index in range(len(given)) if any(row[index] not in {"", "-"} for row in rows)}
    return tuple(column.name for index, column in enumerate(given) if index in said.difference(kept))


def show_left_out(columns: Iterable[str]) -> None:
    """Tell a person at a terminal which columns ``--wide`` would show as well."""
    if sys.stdout.isatty() and (names := ", ".join(dict.fromkeys(columns))):
        show_note(f"--wide also shows: {names}")


def show_hanging(head: str, text: str) -> None:
    """Print a text beside ``head``, on a terminal wrapped under its own beginning."""
    for line in hanging(head, text, terminal_width()):
        sys.stdout.write(f"{line}\n")


def terminal_width() -> int | None:
    """Return the columns of the terminal that standard output is; ``None`` for a pipe, which has no width."""
    return shutil.get_terminal_size().columns if sys.stdout.isatty() else None


def score_cells(score: Score | None) -> list[str]:
    """Return what a table shows of a score: value (in %, if a share), change and agreement, each ``-`` if unknown."""
    from edgebert.card import agreement_text, change_text
    from edgebert.metrics import METRICS

    value = METRICS[score.metric].shown(score.value) if score else "-"
    return [value, change_text(score) or "-", agreement_text(score) or "-"]


def metric_column(metric: str) -> str:
    """Return the heading of a column with values of a metric."""
    from edgebert.metrics import METRICS

    return f"{METRICS[metric].name}{' %' * METRICS[metric].in_points}"


_quiet = threading.Event()
"""Set while notes and progress are not shown."""


def show_note(text: str) -> None:
    """Print a line for people on standard error, where it cannot get into a pipe; not with ``--quiet``."""
    if not _quiet.is_set():
        _say(text)


def show_warning(text: str) -> None:
    """Print a warning on standard error, also with ``--quiet``."""
    _say(f"warning: {text}")


def _say(text: str) -> None:
    sys.stderr.write(log_line(text) + "\n")


def show_annotations(lines: Sequence[str]) -> None:
    """Print commands of GitHub Actions, which ``bench.annotate`` has made safe.

    They go to standard error: standard output may be JSON, and GitHub reads annotations from both.
    """
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def show_truncated(count: int, max_length: int | None) -> None:
    """Say on standard error how many texts were cut; ``max_length`` is in tokens, ``None`` when it differs by file."""
    where = "the longest input" if max_length is None else f"{max_length} tokens"
    if count:
        show_note(f"{count} {'text was' if count == 1 else 'texts were'} longer than {where} and cut there")


def show_error(error: EdgebertError) -> None:
    """Print an error and its hint on standard error."""
    # Whatever a file holds where a word belongs, nobody reads more of it; the end of a message often tells what to do.
    message, half = error.message, _LONGEST // 2
    if len(message) > _LONGEST:
        message = f"{message[:half]} ... {message[-half:]}"
    _say(f"error: {message}")
    if error.hint:
        _say(f"hint: {error.hint}")


class _Notes(logging.Handler):
    """Prints each note and warning of ``edgebert.progress`` once, however often the library loads the same model."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        line = record.getMessage()
        if line in self._shown:
            return
        self._shown.add(line)
        if record.levelno >= logging.WARNING:
            show_warning(line)
        else:
            show_note(f"note: {line}")


@contextlib.contextmanager
def shown_notes(*, quiet: bool = False) -> Iterator[None]:
    """Print what ``edgebert.progress`` tells, also where ``quiet_libraries`` disables all loggers.

    Args:
        quiet: Show warnings and errors only, no notes and no progress.
    """
    if quiet:
        _quiet.set()
    handler, propagate = _Notes(), LOGGER.propagate
    LOGGER.addHandler(handler)
    LOGGER.propagate = False
    LOGGER.isEnabledFor = lambda level: level >= logging.INFO  # type: ignore[method-assign]
    try:
        yield
    finally:
        _quiet.clear()
        del LOGGER.isEnabledFor
        LOGGER.propagate = propagate
        LOGGER.removeHandler(handler)


def check_output(path: Path, kind: FileKind, *, force: bool, is_shared: bool, parents: bool = False) -> None:
    """Refuse a place for an output file before the work, as ``outputs.check_output`` does.

    ``is_shared`` tells that standard output is taken by something else.

    Raises:
        UsageError: It is standard output, and that is taken.
        OutputError: It is taken or cannot be written.
    """
    from edgebert import outputs

    outputs.check_output(path, kind, force=force, parents=parents)
    if is_shared and is_standard_output(path):
        raise UsageError(f"{path}: is standard output, which another option writes to", hint="give the name of a file")


def is_standard_output(path: Path | None) -> bool:
    """Return whether a file that the user named is standard output."""
    from edgebert.outputs import own_stream

    return path is not None and own_stream(path) is sys.stdout


@contextlib.contextmanager
def progress_bar() -> Iterator[Progress]:
    """Give a function that shows progress: a bar with the time left on a terminal, a line for each stage elsewhere."""
    if _quiet.is_set() or not sys.stderr.isatty():
        yield _stage_lines()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=30 if shutil.get_terminal_size().columns > 110 else 10),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    )
    with RichProgress(*columns, console=Console(file=sys.stderr), transient=True) as bars:
        bar, current = bars.add_task("", total=None), ""

        def show(stage: str, done: int, total: int) -> None:
            nonlocal current
            name = stage.partition(_DETAIL)[0]
            change = bars.update if name == current else bars.reset  # the time of a stage begins with it
            change(bar, description=printable(stage), completed=done, total=total)
            current = name

        yield show


def _stage_lines() -> Progress:
    """Return what prints the name of every stage once, and every tenth part of a long one, with its detail."""
    last, began, first = ("", 0), 0.0, 0

    def show(stage: str, done: int, total: int) -> None:
        nonlocal last, began, first
        name, mark, detail = stage.partition(_DETAIL)
        tenth = 10 * done // total if total >= 20 else 0
        if name != last[0]:
            began, first = time.monotonic(), done
        if (name, tenth) != last:
            last = (name, tenth)
            left = time_left(time.monotonic() - began, done - first, total - done)
            left = left and f"{_DETAIL}{left}"
            show_note(f"{name}{f' {done}/{total}' if tenth else ''}{mark}{detail}{left}")

    return show
