"""Rows of CSV, TSV, JSON-lines and text files, gzipped or not; every refusal names file, line and column.

The suffix decides the format: ``.csv`` is comma-separated with the usual quoting, ``.tsv`` is plain tab-separated
without any quoting (the layout of GLUE's SST-2), ``.jsonl`` holds one object a line, ``.txt`` one text a line and
nothing else; ``.gz`` may follow each of them. Lines without a single character are skipped.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import itertools
import json
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from edgebert.errors import DataError

LABELLED = (".csv", ".tsv", ".jsonl")
"""Suffixes of files whose rows have columns; each may be followed by ``.gz``."""

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
        rows: The rows in the order of the file, at least one; either all of them have a label or none has.
        place: Where their labels stand, for messages, as in ``column 'label'``.
        sha256: Hash of the file's bytes as they are stored (gzipped, if it is), 64 hex digits.
    """

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
    try:
        layout, packed = _format(path, plain=plain)
        with path.open("rb") as stored:
            sha256 = hashlib.file_digest(stored, "sha256").hexdigest()
            stored.seek(0)
            lines = _lines(stored, packed=packed, source=str(path))
            if layout == ".jsonl":
                rows = tuple(_object_rows(lines, columns, str(path)))
            elif layout == PLAIN:
                rows = tuple(_text_rows(lines, str(path)))
            else:
                records = _csv_records(lines, str(path)) if layout == ".csv" else _tsv_records(lines, str(path))
                rows = tuple(_table_rows(records, columns, layout, str(path)))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    return Table(rows=rows, place=f"{'key' if layout == '.jsonl' else 'column'} {columns.label!r}", sha256=sha256)


def shown(value: object) -> str:
    """Return a value as messages show it: its representation, cut off after 60 characters."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def suffix(path: Path) -> str:
    """Return the lower-cased suffix of a file's name, the one before ``.gz``; empty where there is none."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _format(path: Path, *, plain: bool) -> tuple[str, bool]:
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not a data file")
    if not path.exists():
        raise DataError(f"{path}: no such file")
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


def _lines(stored: BinaryIO, *, packed: bool, source: str) -> Iterator[str]:
    # Only line feeds split lines: str.splitlines would also split at U+2028, which a text may hold.
    offset = 0
    with gzip.GzipFile(fileobj=stored) if packed else stored as stream:
        for number in itertools.count(1):
            try:
                raw = stream.readline()
            except (EOFError, zlib.error, gzip.BadGzipFile) as error:
                raise DataError(
                    f"{source}: line {number}: damaged gzip data: {error}", hint="copy or download the file again"
                ) from error
            if not raw:
                return
            try:
                line = raw.decode("utf-8")
            except UnicodeDecodeError as error:
                raise DataError(
                    f"{source}: line {number}: not UTF-8: byte 0x{raw[error.start]:02x} at offset "
                    f"{offset + error.start}{' of the unpacked file' if packed else ''}",
                    hint="save the file as UTF-8",
                ) from error
            if "\0" in line:
                raise DataError(
                    f"{source}: line {number}: a NUL byte at offset {offset + raw.index(0)}",
                    hint="save the file as UTF-8; NUL bytes mean another encoding or binary data",
                )
            offset += len(raw)
            yield line.removeprefix("\ufeff") if number == 1 else line


def _csv_records(lines: Iterable[str], source: str) -> Iterator[tuple[int, list[str]]]:
    reader = csv.reader(lines, strict=True)
    while True:
        start = reader.line_num + 1
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                # What follows a dash is advice to a Python programmer.
                f"{source}: line {start}: not CSV: {str(error).partition(' - ')[0]} (in the record that starts here)",
                hint='a cell with a comma, a quote or a line break stands in quotes, a quote in it is doubled (""), '
                "and lines end with LF or CRLF",
            ) from error
        if record:
            yield start, record


def _tsv_records(lines: Iterable[str], source: str) -> Iterator[tuple[int, list[str]]]:
    return ((number, line.split("\t")) for number, line in _bare(lines, source))


def _bare(lines: Iterable[str], source: str) -> Iterator[tuple[int, str]]:
    first = True
    for number, line in enumerate(lines, 1):
        line = line.removesuffix("\n").removesuffix("\r")
        if first and "\r" in line:
            raise DataError(
                f"{source}: line {number}: the lines end with a carriage return only",
                hint="save the file with line feeds (LF or CRLF)",
            )
        if line:
            first = False
            yield number, line


def _text_rows(lines: Iterable[str], source: str) -> Iterator[Row]:
    empty = True
    for number, line in _bare(lines, source):
        if line.strip():
            empty = False
            yield Row(line, "", number)
    if empty:
        raise DataError(f"{source}: the file is empty", hint="each line is a text")


def _table_rows(records: Iterator[tuple[int, list[str]]], columns: Columns, layout: str, source: str) -> Iterator[Row]:
    start, header = next(records, (0, []))
    if not header:
        raise DataError(f"{source}: the file is empty", hint="the first line names the columns, as text and label")
    where = f"{source}: line {start}"
    _check_header(header, columns, layout, where)
    text_at = header.index(_pick(header, columns.text, where, "column", "--text-column"))
    labelled = columns.label in header or not columns.optional
    label_at = header.index(_pick(header, (columns.label,), where, "column", "--label-column")) if labelled else 0
    line = 0
    for line, cells in records:
        if len(cells) < len(header):
            raise DataError(
                f"{source}: line {line}, column {header[len(cells)]!r}: missing; the row has {_cells(len(cells))}, "
                f"the header {len(header)}"
            )
        if len(cells) > len(header):
            quoting = "put a text with a comma in quotes" if layout == ".csv" else "a text cannot hold a tab here"
            raise DataError(
                f"{source}: line {line}, column {len(header) + 1}: {shown(cells[len(header)])} is one too many; "
                f"the row has {_cells(len(cells))}, the header {len(header)}",
                hint=quoting,
            )
        row = Row(cells[text_at], cells[label_at] if labelled else "", line)
        _check_filled(row.text, f"{source}: line {line}, column {header[text_at]!r}", "text")
        if labelled:
            _check_filled(row.label, f"{source}: line {line}, column {header[label_at]!r}", "label")
        yield row
    if not line:
        raise DataError(f"{source}: no examples: only line {start}, the header")


def _check_header(header: list[str], columns: Columns, layout: str, where: str) -> None:
    if len(header) == 1 and not (columns.optional and header[0] in columns.text):
        needed = f"{' or '.join(map(repr, columns.text))} is" if columns.optional else "a text and a label are"
        separator = "comma" if layout == ".csv" else "tab"
        raise DataError(
            f"{where}: only one column, {shown(header[0])}, where {needed} needed",
            hint=f"the cells of a {layout} file are separated by a {separator}, and its first line names the columns",
        )
    for index, name in enumerate(header):
        if name in header[:index]:
            raise DataError(
                f"{where}, column {index + 1}: the name {shown(name)} stands twice "
                f"(first in column {header.index(name) + 1})",
                hint="give every column a name of its own",
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
        if labelled and (isinstance(label, bool) or not isinstance(label, (str, int))):
            raise DataError(f"{where}, key {columns.label!r}: {shown(label)} is neither a label's name nor its id")
        row = Row(text, str(label) if labelled else "", number)
        _check_filled(row.text, f"{where}, key {text_key!r}", "text")
        if labelled:
            _check_filled(row.label, f"{where}, key {columns.label!r}", "label")
        yield row
    if not first:
        raise DataError(f"{source}: the file is empty", hint='each line is an object as {"text": ..., "label": ...}')


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
        f"{', '.join(map(shown, found)) or 'none'}",
        hint=f"name the {kind} with {option}",
    )


def _check_filled(value: str, where: str, what: str) -> None:
    if not value.strip():
        raise DataError(f"{where}: the {what} is empty", hint="fill in or delete this row")
    try:
        value.encode("utf-8")
    except UnicodeEncodeError as error:
        raise DataError(
            f"{where}: the {what} holds half a surrogate pair, U+{ord(value[error.start]):04X}, which is no character",
            hint=r"write both halves, as \ud83d\ude00, or the character itself",
        ) from error


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"
