"""Labels of texts, one or several each: names in the file become indices into the labels of a model.

A label in a file is the name of a label or its id, counted from 0. Where a label's name is itself an integer (as in
star ratings), labels are read as names only, because an id would be ambiguous. Blanks around a label do not count, nor
does the ``.0`` that pandas writes behind a number. Several labels are a JSON list, or are separated by ``|``.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence

from edgebert.datafiles.sources import Found, Source, Wanted
from edgebert.datafiles.tables import Columns, Kind, Table, read_table
from edgebert.errors import DataError
from edgebert.examples import Example
from edgebert.printable import shown

TEXT_COLUMNS = ("text", "sentence")
"""Columns that hold the text when none is named: the first that exists."""

LABEL_COLUMN = "label"
"""Column that holds the label when none is named."""

LABELS_COLUMNS = ("labels", "label")
"""Columns that hold several labels when none is named: the first that exists."""

# One spelling for each number, so that '01' and '1' cannot both be the id 1; longer ones are no ids anybody has.
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")

_NO_LABEL = "-1"
"""What GLUE writes where the label of a text is not public."""


def read_label(source: Source, wanted: Wanted) -> Found:
    """Return the texts of a file with one label each.

    Raises:
        DataError: A line of the file cannot be used, or a label is unknown.
    """
    table = read_table(source, _columns(wanted, (LABEL_COLUMN,), "label"))
    if not wanted.answers or not table.place:
        return unlabelled(table)
    first_lines: dict[str, int] = {}
    for row in table.rows:
        first_lines.setdefault(row.answer.strip(), row.line)
    names = infer_labels(first_lines, table) if wanted.labels is None else wanted.labels
    ids = label_ids(names)
    return Found(
        examples=tuple(
            Example(texts=row.texts, gold=(_index(row.answer, ids, names, table, row.line),), line=row.line)
            for row in table.rows
        ),
        labels=names,
        by_id=wanted.labels is not None and is_by_id(first_lines, names),
        notes=_mixed(first_lines) if wanted.labels is None else (),
    )


def read_labels(source: Source, wanted: Wanted) -> Found:
    """Return the texts of a file with any number of labels each.

    Raises:
        DataError: A line of the file cannot be used, or a label is unknown.
    """
    table = read_table(source, _columns(wanted, LABELS_COLUMNS, "labels"))
    if not wanted.answers or not table.place:
        return unlabelled(table)
    split: dict[str, tuple[str, ...]] = {}
    first_lines: dict[str, int] = {}
    for row in table.rows:
        if row.answer not in split:
            split[row.answer] = split_labels(row.answer, f"{table.source}: line {row.line}, {table.place}")
            for name in split[row.answer]:
                first_lines.setdefault(name.strip(), row.line)
    if not first_lines and wanted.labels is None:
        raise DataError(f"{table.source}: {table.place}: no example has a label")
    names = infer_labels(first_lines, table) if wanted.labels is None else wanted.labels
    ids = label_ids(names)
    golds: dict[str, tuple[int, ...]] = {}
    for row in table.rows:
        if row.answer not in golds:
            found = {_index(name, ids, names, table, row.line) for name in split[row.answer]}
            golds[row.answer] = tuple(sorted(found))
    return Found(
        examples=tuple(Example(texts=row.texts, gold=golds[row.answer], line=row.line) for row in table.rows),
        labels=names,
        by_id=wanted.labels is not None and is_by_id(first_lines, names),
        notes=_mixed(first_lines) if wanted.labels is None else (),
    )


def unlabelled(table: Table) -> Found:
    """Return the texts of a table without answers."""
    return Found(examples=tuple(Example(texts=row.texts, line=row.line) for row in table.rows))


def text_columns(wanted: Wanted) -> tuple[str, ...]:
    """Return the columns that may hold the text."""
    return TEXT_COLUMNS if wanted.text is None else (wanted.text,)


def split_labels(cell: str, where: str) -> tuple[str, ...]:
    """Return the labels of a cell: those of a JSON list, or what is between bars.

    Raises:
        DataError: A label is empty, or the cell begins and ends as a list but is none.
    """
    bare = cell.strip()
    if not bare:
        return ()
    names: Sequence[object] = bare.split("|")
    if bare.startswith("[") and bare.endswith("]"):
        try:
            names = json.loads(bare)
        except (ValueError, RecursionError) as error:
            raise DataError(
                f"{where}: {shown(cell)} is not a JSON list", hint='write ["a", "b"] with double quotes, or a|b'
            ) from error
    found = []
    for name in names:
        whole = int(name) if isinstance(name, float) and name.is_integer() else name
        if isinstance(whole, bool) or not isinstance(whole, (str, int)):
            raise DataError(f"{where}: {shown(name)} is neither a label's name nor its id")
        if not str(whole).strip():
            raise DataError(f"{where}: a label in {shown(cell)} is empty", hint="leave a text without labels empty")
        found.append(str(whole))
    return tuple(found)


def infer_labels(first_lines: Mapping[str, int], table: Table) -> tuple[str, ...]:
    """Return the labels of a file: ids in numeric order, which have to be 0 to k-1, or names sorted as text.

    Args:
        first_lines: The labels as they are in the file, and the first line of each; one at least.
        table: The file.

    Raises:
        DataError: There is one label only, or an id is missing.
    """
    # Only where all of them are numbers: 1.0 beside 1.5 is a name.
    if all(_WHOLE_NUMBER.fullmatch(_whole(label)) for label in first_lines):
        lines, first_lines = first_lines, dict[str, int]()
        for label, line in lines.items():
            first_lines.setdefault(_whole(label), line)
    if _NO_LABEL in first_lines:
        raise _no_label(table, first_lines[_NO_LABEL])
    where = f"{table.source}: {table.place}"
    if len(first_lines) == 1:
        raise DataError(
            f"{where}: every example has the label {shown(next(iter(first_lines)))}, at least two labels are needed"
        )
    if not all(map(_WHOLE_NUMBER.fullmatch, first_lines)):
        return tuple(sorted(first_lines))
    ids = sorted(map(int, first_lines))
    hint = f"number the {len(ids)} labels from 0 to {len(ids) - 1}, or write their names"
    if ids[0] < 0:
        line = first_lines[str(ids[0])]
        raise DataError(f"{table.source}: line {line}, {table.place}: the id {ids[0]} is negative", hint=hint)
    if ids[-1] != len(ids) - 1:
        absent = min(set(range(len(ids))) - set(ids))
        line = first_lines[str(ids[-1])]
        raise DataError(f"{where}: ids go up to {ids[-1]} (line {line}), but the id {absent} is missing", hint=hint)
    return tuple(map(str, ids))


def is_whole_number(label: str) -> bool:
    """Return whether a label could be an id."""
    return _WHOLE_NUMBER.fullmatch(label) is not None


def label_ids(labels: Sequence[str]) -> dict[str, int]:
    """Return the index of each spelling of a label: its name and, where no name is a number, its id."""
    ids = {name: index for index, name in enumerate(labels)}
    if not any(map(_WHOLE_NUMBER.fullmatch, labels)):
        ids |= {str(index): index for index in range(len(labels))}
    return ids


def find_label(cell: str, ids: Mapping[str, int]) -> int | None:
    """Return the index of a label as a file has it; ``None`` where there is no such label."""
    bare = cell.strip()
    return next((ids[item] for item in (cell, bare, _whole(bare)) if item in ids), None)


def is_by_id(cells: Iterable[str], labels: Sequence[str]) -> bool:
    """Return whether a label of a file is no name, but the id of one."""
    return not all(cell in labels or _whole(cell) in labels for cell in cells)


def unknown_label(cell: str, labels: Sequence[str], where: str, *, what: str = "label") -> DataError:
    """Return the error for a label that a model has not; its hint lists ten of the labels."""
    more = f" and {len(labels) - 10} more" if len(labels) > 10 else ""
    return DataError(
        f"{where}: unknown {what} {shown(cell)}", hint=f"the model's {what}s are {', '.join(labels[:10])}{more}"
    )


def _columns(wanted: Wanted, usual: tuple[str, ...], kind: Kind) -> Columns:
    answer = usual if wanted.answer is None else (wanted.answer,)
    return Columns(texts=(text_columns(wanted),), answer=answer, kind=kind, optional=wanted.optional)


def _index(cell: str, ids: Mapping[str, int], labels: Sequence[str], table: Table, line: int) -> int:
    index = find_label(cell, ids)
    if index is None and _whole(cell.strip()) == _NO_LABEL:
        raise _no_label(table, line)
    if index is None:
        raise unknown_label(cell, labels, f"{table.source}: line {line}, {table.place}")
    return index


def _mixed(first_lines: Mapping[str, int]) -> tuple[str, ...]:
    numbers = {label: line for label, line in first_lines.items() if _WHOLE_NUMBER.fullmatch(_whole(label))}
    if not numbers or len(numbers) == len(first_lines):
        return ()
    number, line = next(iter(numbers.items()))
    name = next(label for label in first_lines if label not in numbers)
    places = f"{shown(number)} first in line {line}, {shown(name)} in line {first_lines[name]}"
    return (f"labels are numbers and names, and all are read as names: {places}",)


def _whole(label: str) -> str:
    """Return a label without the ``.0`` at its end."""
    return re.sub(r"\.0+$", "", label)


def _no_label(table: Table, line: int) -> DataError:
    return DataError(
        f"{table.source}: line {line}, {table.place}: the label is -1, which means 'no label' in GLUE's test sets",
        hint="use the development set, or delete the rows without a label",
    )
