"""Rows of CSV, TSV, JSON-lines and text files, gzipped or not; every refusal names file, line and column.

The suffix decides the format: ``.csv`` is comma-separated with the usual quoting, ``.tsv`` is tab-separated without any
quoting (the layout of GLUE's SST-2) or with that of CSV, ``.jsonl`` holds one object a line, ``.txt`` one text a line
and nothing else; ``.gz`` may follow each of them. Lines without a single character and rows of nothing but empty cells
are skipped.
"""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from edgebert.errors import DataError
from edgebert.printable import shown
from edgebert.records import Record, bare_lines, csv_records, read_lines, tsv_records
from edgebert.staging import reading

LABELLED = (".csv", ".tsv", ".jsonl")
"""Suffixes of files whose rows have columns; each may be followed by ``.gz``."""

ROWS_BYTES = 400_000_000
"""Most memory that the rows of a file may take: half a million texts as long as a product review."""

PLAIN = ".txt"
"""Suffix of a file that holds one text a line; ``.gz`` may follow it."""


class Row(NamedTuple):
    """One row of a file: ``label`` is empty where the file has none, ``line`` counts from 1."""

    text: str
    label: str
    line: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Where the rows of a file have their text and their label.

    Attributes:
        text: Columns (keys of JSON objects) that may hold the text: the first that exists.
        label: Column (key of JSON objects) that holds the label.
        optional: Whether a file may lack the label; it then lacks it in every row.
    """

    text: tuple[str, ...]
    label: str
    optional: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The rows of one file.

    Attributes:
        source: Path of the file, for messages.
        rows: The rows in the order of the file, at least one; either all of them have a label or none has.
        place: Where their labels stand, for messages, as in ``column 'label'``.
        sha256: Hash of the file's bytes as they are stored (gzipped, if it is), 64 hex digits.
    """

    source: str
    rows: tuple[Row, ...]
    place: str
    sha256: str


def read_table(path: Path, columns: Columns, *, plain: bool) -> Table:
    """Return the rows of a file.

    Args:
        path: A file with the suffix .csv, .tsv, .jsonl or .txt, optionally followed by .gz, in UTF-8.
        columns: Where text and label stand.
        plain: Whether the file may be a .txt.

    Raises:
        DataError: The file is missing, is of another format or is damaged, or a line of it cannot be used.
    """
    source = str(path)
    with reading(path, error=DataError):
        layout, packed = _format(path, plain=plain)
        with path.open("rb") as stored:
            sha256 = hashlib.file_digest(stored, "sha256").hexdigest()

            def open_lines() -> Iterator[str]:
                stored.seek(0)
                return read_lines(stored, source=source, packed=packed)

            found: Iterator[Row]
            if layout == ".jsonl":
                found = _object_rows(open_lines(), columns, source)
            elif layout == PLAIN:
                found = (Row(line, "", number) for number, line in bare_lines(open_lines(), source) if line.strip())
            elif layout == ".csv":
                found = _table_rows(csv_records(open_lines(), source), columns, layout, source)
            else:
                found = _table_rows(tsv_records(open_lines, source), columns, layout, source)
            rows = tuple(_bounded(found, source))
    if not rows:
        hint = "each line is a text" if layout == PLAIN else 'each line is an object as {"text": ..., "label": ...}'
        raise DataError(f"{source}: the file is empty", hint=hint)
    place = f"{'key' if layout == '.jsonl' else 'column'} {columns.label!r}"
    return Table(source=source, rows=rows, place=place, sha256=sha256)


def suffix(path: Path) -> str:
    """Return the lower-cased suffix of a file's name, the one before ``.gz``; empty where there is none."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _format(path: Path, *, plain: bool) -> tuple[str, bool]:
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not a data file")
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if not path.is_file():
        raise DataError(f"{path}: not a regular file", hint="write its content to a file first")
    packed = path.name.lower().endswith(".gz")
    layout = suffix(path)
    known = (*LABELLED, PLAIN) if plain else LABELLED
    if layout not in known:
        found = repr(layout + ".gz" * packed) if layout or packed else "without a suffix"
        unlabelled = "; a .txt has no labels, so that only training texts can come from one"
        raise DataError(
            f"{path}: unknown format {found}",
            hint=f"known formats: {', '.join(known)}, each optionally followed by .gz"
            f"{unlabelled if layout == PLAIN else ''}",
        )
    return layout, packed


def _bounded(rows: Iterable[Row], source: str) -> Iterator[Row]:
    """Pass rows on as long as they fit into ``ROWS_BYTES``; equal labels are one string."""
    labels: dict[str, str] = {}
    size = 0
    for row in rows:
        if row.label not in labels:
            labels[row.label] = row.label
            size += sys.getsizeof(row.label)
        size += sys.getsizeof(row.text) + 200  # a row and, later, an example, each with its line
        if size > ROWS_BYTES:
            raise DataError(
                f"{source}: line {row.line}: the texts up to here take more than {ROWS_BYTES:,} bytes of memory",
                hint="take a sample of the lines",
            )
        yield Row(row.text, labels[row.label], row.line)


def _table_rows(records: Iterator[Record], columns: Columns, layout: str, source: str) -> Iterator[Row]:
    start, header = next(records, (0, []))
    if not header:
        raise DataError(f"{source}: the file is empty", hint="the first line names the columns, as text and label")
    where = f"{source}: line {start}"
    _check_header(header, columns, layout, where)
    names = [_pick(header, columns.text, where, "column", "--text-column")]
    if columns.label in header or not columns.optional:
        names.append(_pick(header, (columns.label,), where, "column", "--label-column"))
    _check_single(header, names, where)
    text_at, *label_at = map(header.index, names)
    empty = True
    for line, cells in records:
        if len(cells) > 1 and not any(cells):
            continue
        where = f"{source}: line {line}, column"
        if len(cells) != len(header):
            raise _uneven(cells, header, layout, where)
        yield _filled(Row(cells[text_at], cells[label_at[0]] if label_at else "", line), names, where)
        empty = False
    if empty:
        raise DataError(f"{source}: no examples: only line {start}, the header")


def _uneven(cells: list[str], header: list[str], layout: str, where: str) -> DataError:
    counts = f"the row has {len(cells)} cell{'s' * (len(cells) != 1)}, the header {len(header)}"
    if len(cells) < len(header):
        return DataError(f"{where} {shown(header[len(cells)])}: missing; {counts}")
    return DataError(
        f"{where} {len(header) + 1}: {shown(cells[len(header)])} is one too many; {counts}",
        hint="put a text with a comma in quotes" if layout == ".csv" else "a text cannot hold a tab here",
    )


def _check_header(header: list[str], columns: Columns, layout: str, where: str) -> None:
    if len(header) == 1 and not (columns.optional and header[0] in columns.text):
        needed = f"{' or '.join(map(repr, columns.text))} is" if columns.optional else "a text and a label are"
        separator = "comma" if layout == ".csv" else "tab"
        raise DataError(
            f"{where}: only one column, {shown(header[0])}, where {needed} needed",
            hint=f"the cells of a {layout} file are separated by a {separator}, and its first line names the columns",
        )


def _check_single(header: list[str], names: list[str], where: str) -> None:
    for name in sorted(names, key=header.index):
        if header.count(name) > 1:
            first = header.index(name)
            second = header.index(name, first + 1)
            raise DataError(
                f"{where}, column {second + 1}: the name {shown(name)} stands twice (first in column {first + 1})",
                hint="give this column a name of its own",
            )


def _object_rows(lines: Iterable[str], columns: Columns, source: str) -> Iterator[Row]:
    first = 0
    labelled = not columns.optional
    text_keys = columns.text
    for number, line in enumerate(lines, 1):
        line = line.removesuffix("\n").removesuffix("\r")
        if not line:
            continue
        where = f"{source}: line {number}"
        value = _parse(line, where)
        text_key = _pick(list(value), text_keys, where, "key", "--text-column")
        # The first object decides, so that one file cannot mix two keys, or texts with a label and texts without.
        if not first:
            first, text_keys, labelled = number, (text_key,), labelled or columns.label in value
        if labelled:
            _pick(list(value), (columns.label,), where, "key", "--label-column")
        elif columns.label in value:
            raise DataError(
                f"{where}: there is a key {columns.label!r}, but none in line {first}", hint="label all texts or none"
            )
        text, label = value[text_key], value.get(columns.label)
        if not isinstance(text, str):
            raise DataError(f"{where}, key {text_key!r}: {shown(text)} is not a text")
        if isinstance(label, float) and label.is_integer() and abs(label) < 1e15:
            label = int(label)
        if labelled and (isinstance(label, bool) or not isinstance(label, (str, int))):
            raise DataError(f"{where}, key {columns.label!r}: {shown(label)} is neither a label's name nor its id")
        names = (text_key, columns.label) if labelled else (text_key,)
        yield _filled(Row(text, str(label) if labelled else "", number), names, f"{where}, key")


def _parse(line: str, where: str) -> dict[str, object]:
    try:
        value = json.loads(line, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}, column {error.colno}: not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON that edgebert reads: {error}") from error
    if not isinstance(value, dict):
        raise DataError(f"{where}: {shown(value)} is not an object", hint="each line of a .jsonl file is an object")
    return value


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    result = dict(pairs)
    if len(result) != len(pairs):
        names = [name for name, _ in pairs]
        raise ValueError(f"the key {next(name for name in names if names.count(name) > 1)!r} stands twice")
    return result


def _pick(found: list[str], wanted: tuple[str, ...], where: str, kind: str, option: str) -> str:
    for name in wanted:
        if name in found:
            return name
    raise DataError(
        f"{where}: no {kind} {' or '.join(map(repr, wanted))}; there {'is' if len(found) == 1 else 'are'} "
        f"{', '.join(map(shown, found[:20])) or 'none'}{f' and {len(found) - 20} more' if len(found) > 20 else ''}",
        hint=f"name the {kind} with {option}",
    )


def _filled(row: Row, names: Sequence[str], where: str) -> Row:
    """Return a row whose text, and label where it is named, are neither blank nor more than UTF-8 holds."""
    for name, value, what in zip(names, row[:2], ("text", "label"), strict=False):
        if not value.strip():
            raise DataError(f"{where} {name!r}: the {what} is empty", hint="fill in or delete this row")
        try:
            value.encode("utf-8")
        except UnicodeEncodeError as error:
            half = f"half a surrogate pair, U+{ord(value[error.start]):04X}, which is no character"
            raise DataError(
                f"{where} {name!r}: the {what} holds {half}",
                hint=r"write both halves, as \ud83d\ude00, or the character itself",
            ) from error
    return row
