"""Tables and lists as lines of text that fit a terminal: cells wrap at blanks, rows are never taken apart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from edgebert.printable import printable, without_command

GAP = 2
"""Blanks between two columns."""

_SHORT = 12
_SHORT_S = 5.0
_LEAST = 8  # columns that the text of a list keeps, however narrow the terminal is


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: Its heading.
        is_extra: Whether it is shown on request only (``--wide``).
    """

    name: str
    is_extra: bool = False


def table_lines(columns: Sequence[str], rows: Sequence[Sequence[str]], width: int | None) -> list[str]:
    """Return the lines of a table: headings where there are any, a rule, and one line or more for each row.

    Columns after the first are right-aligned when all their cells are numbers. A table that is too wide wraps first its
    headings, then its texts, then its numbers; what is still too wide is left to the terminal.

    Args:
        columns: Headings.
        rows: Cells, as many in each row as there are headings.
        width: Columns of the terminal; ``None`` keeps each row on one line.
    """
    from rich.cells import cell_len

    heads = [printable(column) for column in columns]
    cells = [[printable(cell) for cell in row] for row in rows]
    by_column = [[row[index] for row in cells] for index in range(len(heads))]
    right = [index > 0 and _is_numeric(column) for index, column in enumerate(by_column)]
    widths = [max(map(cell_len, [head, *column])) for head, column in zip(heads, by_column, strict=True)]
    if width is not None:
        _shrink(widths, heads, by_column, right, width)
    rule = "─" * (sum(widths) + GAP * (len(widths) - 1))
    # A cell that wraps begins a line with any of its letters, so each line is made harmless.
    return [
        *(without_command(line) for line in (_row_lines(heads, widths, right) if any(heads) else [])),
        rule,
        *(without_command(line) for row in cells for line in _row_lines(row, widths, right)),
    ]


def hanging(head: str, text: str, width: int | None) -> list[str]:
    """Return a text that begins beside ``head`` and wraps under its own beginning; ``None`` keeps it on one line."""
    from rich.cells import cell_len

    head, text = printable(head), printable(text)
    indent = cell_len(head)
    lines = [text] if width is None else _wrapped(text, max(width - indent, _LEAST))
    return [without_command(f"{head if not index else ' ' * indent}{line}") for index, line in enumerate(lines)]


def time_left(elapsed_s: float, done: int, rest: int) -> str:
    """Return how long the rest of some work will take, e.g. ``3 min left``; empty where it is short or unknown."""
    seconds = elapsed_s * rest / done if done > 0 else 0.0
    if elapsed_s < _SHORT_S or seconds < 1:
        return ""
    return f"{seconds:.0f} s left" if seconds < 100 else f"{seconds / 60:.0f} min left"


def in_each_layer(widths: Sequence[int]) -> str:
    """Return the heads or neurons of the layers of a model, once where all layers have as many."""
    each = [f"{width:,}" for width in widths]
    return f"{each[0]} in each layer" if len(set(each)) == 1 else ", ".join(each)


def _is_numeric(cells: Sequence[str]) -> bool:
    given = [cell for cell in cells if cell]
    return bool(given) and all(cell[0] in "+-0123456789" for cell in given)


def _shrink(
    widths: list[int], heads: Sequence[str], by_column: Sequence[Sequence[str]], right: Sequence[bool], width: int
) -> None:
    """Make columns narrower, the widest first, until the table fits or no word can be moved to another line."""
    from rich.cells import cell_len

    room = width - GAP * (len(widths) - 1)
    heading = [_longest_word([head]) for head in heads]
    whole = [max(map(cell_len, column), default=0) for column in by_column]
    # A short number keeps its unit beside it.
    words = [
        max(head, _longest_word(column), cell if is_number and cell <= _SHORT else 0)
        for head, column, cell, is_number in zip(heading, by_column, whole, right, strict=True)
    ]
    texts = [
        max(head, cell) if is_number else word
        for head, cell, word, is_number in zip(heading, whole, words, right, strict=True)
    ]
    for least in (list(map(max, heading, whole)), texts, words):
        while sum(widths) > room:
            index = max(range(len(widths)), key=lambda at: (widths[at] > least[at], widths[at]))
            if widths[index] <= least[index]:
                break
            widths[index] -= 1


def _longest_word(texts: Iterable[str]) -> int:
    from rich.cells import cell_len

    return max((cell_len(word) for text in texts for word in text.split()), default=0)


def _row_lines(cells: Sequence[str], widths: Sequence[int], right: Sequence[bool]) -> list[str]:
    from rich.cells import cell_len

    wrapped = [_wrapped(cell, width) for cell, width in zip(cells, widths, strict=True)]
    lines = []
    for number in range(max(map(len, wrapped))):
        parts = []
        for pieces, width, is_right in zip(wrapped, widths, right, strict=True):
            piece = pieces[number] if number < len(pieces) else ""
            blanks = " " * (width - cell_len(piece))
            parts.append(blanks + piece if is_right else piece + blanks)
        lines.append((" " * GAP).join(parts).rstrip())
    return lines


def _wrapped(text: str, width: int) -> list[str]:
    """Return a text in pieces of at most ``width`` columns, broken at blanks; a longer word is broken where it ends."""
    from rich.cells import cell_len, chop_cells

    if cell_len(text) <= width:
        return [text]
    pieces, line = list[str](), ""
    for word in text.split():
        if line and cell_len(line) + 1 + cell_len(word) > width:
            pieces.append(line)
            line = ""
        line = f"{line} {word}" if line else word
        if cell_len(line) > width:
            *full, line = chop_cells(line, width)
            pieces += full
    return [*pieces, line]
