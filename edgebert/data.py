"""Labelled texts from CSV, TSV and JSON-lines files, gzipped or not; every refusal names file, line and column.

The suffix decides the format: ``.csv`` is comma-separated with the usual quoting, ``.tsv`` is plain tab-separated
without any quoting (the layout of GLUE's SST-2), ``.jsonl`` holds one object a line; ``.gz`` may follow each of them.
Lines without a single character are skipped.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import itertools
import json
import re
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

from edgebert.errors import DataError
from edgebert.types import Example

FORMATS = (".csv", ".tsv", ".jsonl")
"""Suffixes that ``read_dataset`` knows; each may be followed by ``.gz``."""

TEXT_COLUMNS = ("text", "sentence")
"""Columns that hold the text when none is named: the first that exists."""

LABEL_COLUMN = "label"
"""Column that holds the label when none is named."""

# One spelling for each number, so that '01' and '1' cannot both be the id 1; longer ones are no ids anybody has.
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The labelled texts of one file.

    Attributes:
        name: Name of the file, without its folder.
        sha256: Hash of the file's bytes as they are stored (gzipped, if it is), 64 hex digits.
        labels: Names of the labels; an example's ``label`` is an index into them.
        examples: The texts in the order of the file.
    """

    name: str
    sha256: str
    labels: tuple[str, ...]
    examples: tuple[Example, ...]


class _Row(NamedTuple):
    text: str
    label: str
    line: int


def read_dataset(
    path: Path,
    *,
    labels: tuple[str, ...] | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
) -> Dataset:
    """Return the labelled texts of a file.

    A label in the file is the name of a label or its id, counted from 0. Where a label's name is itself a whole number
    (as in star ratings), labels are read as names only, because an id would be ambiguous.

    Args:
        path: A file with the suffix .csv, .tsv or .jsonl, optionally followed by .gz, in UTF-8.
        labels: Names of the model's labels; ``None`` takes them from the file: whole numbers have to be the ids 0 to
            k-1 and stay in numeric order, anything else is sorted as text.
        text_column: Column (key of a JSON object) with the text; by default ``text``, else ``sentence``.
        label_column: Column (key of a JSON object) with the label; by default ``label``.

    Raises:
        DataError: The file is missing, is of another format or is damaged, or a line of it cannot be used.
    """
    if text_column is not None and text_column == (label_column or LABEL_COLUMN):
        raise DataError(
            f"{path}: column {text_column!r} cannot be both the text and the label",
            hint="choose two columns with --text-column and --label-column",
        )
    text_columns = TEXT_COLUMNS if text_column is None else (text_column,)
    label_column = label_column or LABEL_COLUMN
    try:
        layout, packed = _format(path)
        with path.open("rb") as stored:
            sha256 = hashlib.file_digest(stored, "sha256").hexdigest()
            stored.seek(0)
            lines = _lines(stored, packed=packed, source=str(path))
            if layout == ".jsonl":
                rows = list(_object_rows(lines, text_columns, label_column, str(path)))
            else:
                records = _csv_records(lines, str(path)) if layout == ".csv" else _tsv_records(lines, str(path))
                rows = list(_table_rows(records, text_columns, label_column, layout, str(path)))
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    place = f"{'key' if layout == '.jsonl' else 'column'} {label_column!r}"
    if labels is None:
        labels = _infer_labels(rows, place, str(path))
    ids = _label_ids(labels)
    examples = tuple(
        Example(text=row.text, label=_label_id(row, ids, labels, place, str(path)), line=row.line) for row in rows
    )
    return Dataset(name=path.name, sha256=sha256, labels=labels, examples=examples)


def _format(path: Path) -> tuple[str, bool]:
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not a data file")
    if not path.exists():
        raise DataError(f"{path}: no such file")
    name = path.name.lower()
    packed = name.endswith(".gz")
    layout = Path(name.removesuffix(".gz")).suffix
    if layout not in FORMATS:
        shown = repr(layout + ".gz" * packed) if layout or packed else "without a suffix"
        raise DataError(
            f"{path}: unknown format {shown}",
            hint=f"known formats: {', '.join(FORMATS)}, each optionally followed by .gz",
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
    header = True
    for number, line in enumerate(lines, 1):
        line = line.removesuffix("\n").removesuffix("\r")
        if header and "\r" in line:
            raise DataError(
                f"{source}: line {number}: the lines end with a carriage return only",
                hint="save the file with line feeds (LF or CRLF)",
            )
        if line:
            header = False
            yield number, line.split("\t")


def _table_rows(
    records: Iterator[tuple[int, list[str]]],
    text_columns: tuple[str, ...],
    label_column: str,
    layout: str,
    source: str,
) -> Iterator[_Row]:
    separator = "comma" if layout == ".csv" else "tab"
    start, header = next(records, (0, []))
    if not header:
        raise DataError(f"{source}: the file is empty", hint="the first line names the columns, as text and label")
    if len(header) == 1:
        raise DataError(
            f"{source}: line {start}: only one column, {_shown(header[0])}, where a text and a label are needed",
            hint=f"the cells of a {layout} file are separated by a {separator}, and its first line names the columns",
        )
    for index, name in enumerate(header):
        if name in header[:index]:
            raise DataError(
                f"{source}: line {start}, column {index + 1}: the name {_shown(name)} stands twice "
                f"(first in column {header.index(name) + 1})",
                hint="give every column a name of its own",
            )
    text_at = header.index(_pick(header, text_columns, f"{source}: line {start}", "column", "--text-column"))
    label_at = header.index(_pick(header, (label_column,), f"{source}: line {start}", "column", "--label-column"))
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
                f"{source}: line {line}, column {len(header) + 1}: {_shown(cells[len(header)])} is one too many; "
                f"the row has {_cells(len(cells))}, the header {len(header)}",
                hint=quoting,
            )
        row = _Row(cells[text_at], cells[label_at], line)
        _check_filled(row.text, f"{source}: line {line}, column {header[text_at]!r}", "text")
        _check_filled(row.label, f"{source}: line {line}, column {header[label_at]!r}", "label")
        yield row
    if not line:
        raise DataError(f"{source}: no examples: only line {start}, the header")


def _object_rows(lines: Iterable[str], text_columns: tuple[str, ...], label_column: str, source: str) -> Iterator[_Row]:
    empty = True
    for number, line in enumerate(lines, 1):
        line = line.removesuffix("\n").removesuffix("\r")
        if not line:
            continue
        where = f"{source}: line {number}"
        value = _parse(line, where)
        text_key = _pick(list(value), text_columns, where, "key", "--text-column")
        # The first object decides, so that one file cannot mix two keys.
        text_columns = (text_key,)
        _pick(list(value), (label_column,), where, "key", "--label-column")
        text, label = value[text_key], value[label_column]
        if not isinstance(text, str):
            raise DataError(f"{where}, key {text_key!r}: {_shown(text)} is not a text")
        if isinstance(label, bool) or not isinstance(label, (str, int)):
            raise DataError(f"{where}, key {label_column!r}: {_shown(label)} is neither a label's name nor its id")
        row = _Row(text, str(label), number)
        _check_filled(row.text, f"{where}, key {text_key!r}", "text")
        _check_filled(row.label, f"{where}, key {label_column!r}", "label")
        empty = False
        yield row
    if empty:
        raise DataError(f"{source}: the file is empty", hint='each line is an object as {"text": ..., "label": ...}')


def _parse(line: str, where: str) -> dict[str, object]:
    try:
        value = json.loads(line, object_pairs_hook=_unique)
    except json.JSONDecodeError as error:
        raise DataError(f"{where}, column {error.colno}: not JSON: {error.msg}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: not JSON that edgebert reads: {error}") from error
    if not isinstance(value, dict):
        raise DataError(f"{where}: {_shown(value)} is not an object", hint="each line of a .jsonl file is an object")
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
        f"{', '.join(map(_shown, found)) or 'none'}",
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


def _infer_labels(rows: list[_Row], place: str, source: str) -> tuple[str, ...]:
    first_lines: dict[str, int] = {}
    for row in rows:
        first_lines.setdefault(row.label, row.line)
    if len(first_lines) == 1:
        raise DataError(
            f"{source}: {place}: every example has the label {_shown(rows[0].label)}, at least two labels are needed"
        )
    if not all(map(_WHOLE_NUMBER.fullmatch, first_lines)):
        return tuple(sorted(first_lines))
    ids = sorted(map(int, first_lines))
    hint = f"number the {len(ids)} labels from 0 to {len(ids) - 1}, or write their names"
    if ids[0] < 0:
        raise DataError(f"{source}: line {first_lines[str(ids[0])]}, {place}: the id {ids[0]} is negative", hint=hint)
    if ids[-1] != len(ids) - 1:
        missing = next(index for index in itertools.count() if index not in ids)
        raise DataError(
            f"{source}: {place}: ids go up to {ids[-1]} (line {first_lines[str(ids[-1])]}), "
            f"but the id {missing} is missing",
            hint=hint,
        )
    return tuple(map(str, ids))


def _label_ids(labels: tuple[str, ...]) -> dict[str, int]:
    ids = {name: index for index, name in enumerate(labels)}
    if not any(map(_WHOLE_NUMBER.fullmatch, labels)):
        ids |= {str(index): index for index in range(len(labels))}
    return ids


def _label_id(row: _Row, ids: dict[str, int], labels: tuple[str, ...], place: str, source: str) -> int:
    if row.label in ids:
        return ids[row.label]
    more = f" and {len(labels) - 10} more" if len(labels) > 10 else ""
    raise DataError(
        f"{source}: line {row.line}, {place}: unknown label {_shown(row.label)}",
        hint=f"the model's labels are {', '.join(labels[:10])}{more}",
    )


def _cells(count: int) -> str:
    return "1 cell" if count == 1 else f"{count} cells"


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
