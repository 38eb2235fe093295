"""Rows of CSV, TSV, JSON-lines and text files, gzipped or not; every refusal names file, line and column.

The suffix decides the format: ``.csv`` is comma-separated with the usual quoting, ``.tsv`` is tab-separated without any
quoting (the layout of GLUE's SST-2) or with that of CSV, ``.jsonl`` holds one object a line, ``.txt`` one text a line
and nothing else; ``.gz`` may follow each of them. Lines without a single character and rows of nothing but empty cells
are skipped.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain
from typing import Literal, NamedTuple

from edgebert.datafiles.objects import Object, check_characters, pick, read_objects
from edgebert.datafiles.sources import LABELLED, PLAIN, Budget, Source
from edgebert.errors import DataError
from edgebert.printable import shown
from edgebert.records import Record, bare_lines, csv_records, tsv_records

Kind = Literal["label", "labels", "score"]
"""What the answer of a row is."""

TEXT_OPTIONS = ("--text-column", "--pair-column")
"""Options that name the columns of the texts."""

_REFUSED = {
    "label": "neither a label's name nor its id",
    "labels": "not a list of labels' names or ids",
    "score": "not a number",
}


class Row(NamedTuple):
    """One row of a file: one text or two, the answer as a table writes it (empty: there is none), the line from 1."""

    texts: tuple[str, ...]
    answer: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where the rows of a file have their texts and their answer.

    Attributes:
        texts: For each text, the columns (keys of JSON objects) that may hold it: the first that exists.
        answer: Columns (keys of JSON objects) that may hold the answer: the first that exists.
        kind: What the answer is; only several labels may be empty.
        optional: Whether a file may lack the answer; it then lacks it in every row.
    """

    texts: tuple[tuple[str, ...], ...]
    answer: tuple[str, ...]
    kind: Kind = "label"
    optional: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of one file.

    Attributes:
        source: Path of the file, for messages.
        rows: The rows in the order of the file, at least one.
        place: Where their answers are, for messages, as in ``column 'label'``; empty where the rows have none.
    """

    source: str
    rows: tuple[Row, ...]
    place: str


class _Names(NamedTuple):
    """Columns that were chosen; the answer's is ``None`` where there is none."""

    texts: tuple[str, ...]
    answer: str | None

    @property
    def all(self) -> tuple[str, ...]:
        return self.texts if self.answer is None else (*self.texts, self.answer)


def read_table(source: Source, columns: Columns) -> Table:
    """Return the rows of a file.

    Args:
        source: A file with one of the suffixes .csv, .tsv, .jsonl and .txt.
        columns: Where texts and answers are; a .txt has one text a line.

    Raises:
        DataError: A line of it cannot be used, or it has no row.
    """
    names, found = _open_rows(source, columns)
    rows = tuple(_bounded(found, source.name))
    if not rows:
        shape = "a text" if source.layout == PLAIN else 'an object as {"text": ..., "label": ...}'
        raise DataError(f"{source.name}: the file is empty", hint=f"each line is {shape}")
    kind = "key" if source.layout == ".jsonl" else "column"
    return Table(source=source.name, rows=rows, place=f"{kind} {names.answer!r}" if names.answer is not None else "")


def table_rows(source: Source, columns: Columns) -> Iterator[Row]:
    """Return the rows of a file one after another; what cannot be used is refused as by ``read_table``."""
    return _open_rows(source, columns)[1]


def column_names(source: Source) -> list[str]:
    """Return the columns of a table, or the keys of the first object of JSON lines; none for other files."""
    if source.layout == ".jsonl":
        return next((list(value) for _, value in read_objects(source)), [])
    return next((cells for _, cells in table_records(source)), []) if source.layout in LABELLED else []


def table_records(source: Source) -> Iterator[Record]:
    """Return the records of a .csv or .tsv, the header first."""
    if source.layout == ".csv":
        return csv_records(source.lines(), source.name)
    return tsv_records(source.lines, source.name)


def _open_rows(source: Source, columns: Columns) -> tuple[_Names, Iterator[Row]]:
    if source.layout == PLAIN:
        lines = bare_lines(source.lines(), source.name)
        return _Names((), None), (Row((line,), "", number) for number, line in lines if line.strip())
    if source.layout == ".jsonl":
        names, rows = _object_rows(read_objects(source), columns, source.name)
    else:
        names, rows = _table_rows(table_records(source), columns, source)
    if (name := next((name for name in names.texts if names.all.count(name) > 1), None)) is not None:
        both = "both texts" if names.texts.count(name) > 1 else f"both the text and the {columns.kind}"
        raise DataError(
            f"{source.name}: {'key' if source.layout == '.jsonl' else 'column'} {name!r} cannot be {both}",
            hint="choose other columns with --text-column, --pair-column and --label-column",
        )
    return names, rows


def _bounded(rows: Iterable[Row], source: str) -> Iterator[Row]:
    """Pass rows on as long as memory allows; equal answers are one string."""
    answers: dict[str, str] = {}
    budget = Budget(source)
    for row in rows:
        size = sum(map(sys.getsizeof, row.texts)) + 200  # a row and, later, an example, each with its line
        if row.answer not in answers:
            answers[row.answer] = row.answer
            size += sys.getsizeof(row.answer)
        budget.take(size, row.line)
        yield Row(row.texts, answers[row.answer], row.line)


def _table_rows(records: Iterator[Record], columns: Columns, source: Source) -> tuple[_Names, Iterator[Row]]:
    start, header = next(records, (0, []))
    if not header:
        raise DataError(
            f"{source.name}: the file is empty", hint="the first line names the columns, e.g. text and label"
        )
    where = f"{source.name}: line {start}"
    _check_header(header, columns, source.layout, where)
    names = _choose(header, columns, where, "column", optional=columns.optional)
    _check_single(header, names.all, where)

    def rows() -> Iterator[Row]:
        texts_at = [header.index(name) for name in names.texts]
        answer_at = None if names.answer is None else header.index(names.answer)
        empty = True
        for line, cells in records:
            if len(cells) > 1 and not any(cells):
                continue
            where = f"{source.name}: line {line}, column"
            if len(cells) != len(header):
                raise _uneven(cells, header, source.layout, where)
            answer = "" if answer_at is None else cells[answer_at]
            yield _filled(Row(tuple(cells[at] for at in texts_at), answer, line), names, columns.kind, where)
            empty = False
        if empty:
            raise DataError(f"{source.name}: no examples: only line {start}, the header")

    return names, rows()


def _choose(found: list[str], columns: Columns, where: str, kind: str, *, optional: bool) -> _Names:
    texts = tuple(
        pick(found, wanted, where, kind, option) for wanted, option in zip(columns.texts, TEXT_OPTIONS, strict=False)
    )
    if optional and not any(name in found for name in columns.answer):
        return _Names(texts, None)
    return _Names(texts, pick(found, columns.answer, where, kind, "--label-column"))


def _uneven(cells: list[str], header: list[str], layout: str, where: str) -> DataError:
    counts = f"the row has {len(cells)} cell{'s' * (len(cells) != 1)}, the header {len(header)}"
    if len(cells) < len(header):
        return DataError(f"{where} {shown(header[len(cells)])}: missing; {counts}")
    return DataError(
        f"{where} {len(header) + 1}: {shown(cells[len(header)])} is one too many; {counts}",
        hint="put a text with a comma in quotes" if layout == ".csv" else "a text cannot hold a tab here",
    )


def _check_header(header: list[str], columns: Columns, layout: str, where: str) -> None:
    is_text_enough = columns.optional and len(columns.texts) == 1
    if len(header) == 1 and not (is_text_enough and header[0] in columns.texts[0]):
        needed = f"a text and a {columns.kind} are" if len(columns.texts) == 1 else "two texts are"
        needed = f"{' or '.join(map(repr, columns.texts[0]))} is" if is_text_enough else needed
        separator = "comma" if layout == ".csv" else "tab"
        raise DataError(
            f"{where}: only one column, {shown(header[0])}, where {needed} needed",
            hint=f"the cells of a {layout} file are separated by a {separator}, and its first line names the columns",
        )


def _check_single(header: list[str], names: tuple[str, ...], where: str) -> None:
    for name in sorted(names, key=header.index):
        if header.count(name) > 1:
            first = header.index(name)
            second = header.index(name, first + 1)
            raise DataError(
                f"{where}, column {second + 1}: the name {shown(name)} appears twice (first in column {first + 1})",
                hint="give this column a name of its own",
            )


def _object_rows(objects: Iterator[tuple[int, Object]], columns: Columns, source: str) -> tuple[_Names, Iterator[Row]]:
    # The first object decides, so that one file cannot mix two keys, or texts with a label and texts without.
    first = next(objects, None)
    if first is None:
        return _Names((), None), iter(())
    names = _choose(list(first[1]), columns, f"{source}: line {first[0]}", "key", optional=columns.optional)
    fixed = Columns(texts=tuple((name,) for name in names.texts), answer=names.all[len(names.texts) :])

    def rows() -> Iterator[Row]:
        for number, value in chain((first,), objects):
            where = f"{source}: line {number}"
            _choose(list(value), fixed, where, "key", optional=names.answer is None)
            if names.answer is None and (late := next((name for name in columns.answer if name in value), None)):
                raise DataError(
                    f"{where}: there is a key {late!r}, but none in line {first[0]}", hint=f"{_hint(columns)} or none"
                )
            texts = tuple(_text(value[name], f"{where}, key {name!r}") for name in names.texts)
            answer = ""
            if names.answer is not None:
                answer = _as_cell(value[names.answer], columns.kind, f"{where}, key {names.answer!r}")
            yield _filled(Row(texts, answer, number), names, columns.kind, f"{where}, key")

    return names, rows()


def _hint(columns: Columns) -> str:
    return "label all texts" if columns.kind != "score" else "score all texts"


def _text(value: object, where: str) -> str:
    if not isinstance(value, str):
        raise DataError(f"{where}: {shown(value)} is not a string")
    return value


def _as_cell(value: object, kind: Kind, where: str) -> str:
    """Return a JSON value as a table would have it."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15 and kind == "label":
        value = int(value)
    accepted: tuple[type, ...] = {"label": (str, int), "labels": (str, list), "score": (int, float, str)}[kind]
    if isinstance(value, bool) or not isinstance(value, accepted):
        raise DataError(f"{where}: {shown(value)} is {_REFUSED[kind]}")
    if isinstance(value, list):
        for index, item in enumerate(value):
            check_characters(_as_cell(item, "label", f"{where}[{index}]"), f"{where}[{index}]", "label")
        return json.dumps(value, ensure_ascii=False)
    return str(value)


def _filled(row: Row, names: _Names, kind: Kind, where: str) -> Row:
    """Return a row whose texts, and answer where there is one, are neither blank nor more than UTF-8 holds."""
    whats = ("text",) * len(row.texts) + (kind,)
    for name, value, what in zip(names.all, (*row.texts, row.answer), whats, strict=False):
        if not value.strip() and what != "labels":
            raise DataError(f"{where} {name!r}: the {what} is empty", hint="fill in or delete this row")
        check_characters(value, f"{where} {name!r}", what)
    return row
