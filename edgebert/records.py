"""Lines of UTF-8 text, gzipped or not, and the records of CSV and TSV files.

A line is at most ``LONGEST`` bytes, a file ``LARGEST``: each is far above what a model of 512 tokens can use (War and
Peace has 3 MB), and the memory that a text takes on its way to token IDs is some sixty times its size.

Two kinds of TSV files are in use. Those of GLUE are not quoted: a quote is part of the text. Those of pandas, Python's
``csv.writer`` and Excel are quoted as CSV is. No file says which it is, so the whole file is compared with their rules.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import BinaryIO

from edgebert.errors import DataError

LONGEST = 1_000_000
"""Most bytes of a line, of a CSV record over several lines, and characters of a text."""

LARGEST = 2_000_000_000
"""Most bytes of a file, unpacked; a line counts as 100 at least, so that blank lines end too."""

_SIGNATURES = (
    (b"\x1f\x8b", "gzip data", "add .gz to its name, or unpack it with gunzip"),
    (b"PK\x03\x04", "a zip archive, such as an Excel workbook", "save or export its content as .csv in UTF-8"),
    (b"\xd0\xcf\x11\xe0", "an old Excel workbook", "save or export its content as .csv in UTF-8"),
    (b"PAR1", "a Parquet file", "save its rows as .jsonl or .csv"),
    (b"ARROW1", "an Arrow file", "save its rows as .jsonl or .csv"),
    (b"\x28\xb5\x2f\xfd", "zstd data", "unpack it with zstd -d"),
    (b"BZh", "bzip2 data", "unpack it with bunzip2"),
    (b"\xfd7zXZ\x00", "xz data", "unpack it with unxz"),
    (b"\xff\xfe\x00\x00", "UTF-32 text", "convert it with: iconv -f UTF-32 -t UTF-8"),
    (b"\x00\x00\xfe\xff", "UTF-32 text", "convert it with: iconv -f UTF-32 -t UTF-8"),
    (b"\xff\xfe", "UTF-16 text", "convert it with: iconv -f UTF-16 -t UTF-8"),
    (b"\xfe\xff", "UTF-16 text", "convert it with: iconv -f UTF-16 -t UTF-8"),
)


def read_lines(
    stored: BinaryIO, *, source: str, packed: bool = False, endless: bool = False, longest: int = LONGEST
) -> Iterator[str]:
    """Yield the lines of a stream, each with its line break, without a byte order mark, as soon as it is there.

    Args:
        stored: The bytes; the stream stays open.
        source: Name of the stream, for messages.
        packed: Whether the bytes are gzip data. Never more than a line of it is unpacked at a time.
        endless: Whether there may be any number of lines, because none of them is kept.
        longest: Most bytes of a line.

    Raises:
        DataError: The bytes are no UTF-8, a line or the whole is too long, or the gzip data is damaged; the message
            names the line.
    """
    offset = size = 0
    stream: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=stored) if packed else stored
    # Only line feeds split lines: str.splitlines would also split at U+2028, which a text may hold.
    for number in itertools.count(1):
        raw = _line(stream, f"{source}: line {number}", longest, first=number == 1)
        if not raw:
            return
        if number == 1:
            _check_signature(raw, source)
        if len(raw) > longest:
            raise DataError(
                f"{source}: line {number}: longer than {longest:,} bytes",
                hint="split the text: a model reads its first few hundred words only",
            )
        size += max(len(raw), 100)
        if size > LARGEST and not endless:
            raise DataError(
                f"{source}: line {number}: the file is larger than {LARGEST:,} bytes{' unpacked' if packed else ''}",
                hint="take a sample of its lines",
            )
        line = _decoded(raw, offset, f"{source}: line {number}", packed=packed)
        yield line.removeprefix("\ufeff") if number == 1 else line
        offset += len(raw)


def _line(stream: BinaryIO | gzip.GzipFile, where: str, longest: int, *, first: bool) -> bytes:
    try:
        return stream.readline(longest + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        if first and "Not a gzipped file" in str(error):
            raise DataError(f"{where}: not gzip data", hint="remove .gz from the name of the file") from error
        raise DataError(f"{where}: damaged gzip data: {error}", hint="copy or download the file again") from error


def _check_signature(raw: bytes, source: str) -> None:
    for signature, kind, hint in _SIGNATURES:
        if raw.startswith(signature):
            raise DataError(f"{source}: the file is {kind}, not text in UTF-8", hint=hint)
    # The first four characters of a header or an object are ASCII.
    for order, nul in (("LE", raw[1:8:2]), ("BE", raw[0:8:2])):
        if nul == bytes(4):
            raise DataError(
                f"{source}: the file is UTF-16 text, not text in UTF-8",
                hint=f"convert it with: iconv -f UTF-16{order} -t UTF-8",
            )


def _decoded(raw: bytes, offset: int, where: str, *, packed: bool) -> str:
    try:
        line = raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where}: not UTF-8: byte 0x{raw[error.start]:02x} at offset "
            f"{offset + error.start}{' of the unpacked file' if packed else ''}",
            hint="save the file as UTF-8",
        ) from error
    if "\0" in line:
        raise DataError(
            f"{where}: a NUL byte at offset {offset + raw.index(0)}",
            hint="save the file as UTF-8; NUL bytes mean another encoding or binary data",
        )
    return line


Record = tuple[int, list[str]]
"""Line that a record starts on, counted from 1, and its cells."""

Lines = Callable[[], Iterator[str]]
"""Opens the lines of a file from the beginning."""

_RULES = frozenset('"\t\r\n'), frozenset('"\t\r\n,')
"""A cell with one of these is quoted, no other: by pandas and ``csv.writer``, and by Excel's "Text (Tab delimited)"."""


def csv_records(lines: Iterable[str], source: str) -> Iterator[Record]:
    """Yield the records of comma-separated lines; blank lines are skipped.

    Raises:
        DataError: The quoting is broken, or a record is longer than ``LONGEST`` characters.
    """
    return ((start, cells) for start, cells, _ in _quoted_records(lines, source, ","))


def tsv_records(open_lines: Lines, source: str) -> Iterator[Record]:
    """Yield the records of tab-separated lines, quoted or not; blank lines are skipped.

    Raises:
        DataError: Whether the cells are quoted cannot be told, or the quoting is broken.
    """
    if _is_quoted(open_lines, source):
        return ((start, cells) for start, cells, _ in _quoted_records(open_lines(), source, "\t"))
    return ((number, line.split("\t")) for number, line in bare_lines(open_lines(), source))


def bare_lines(lines: Iterable[str], source: str) -> Iterator[tuple[int, str]]:
    """Yield the lines that have a character, with their numbers and without their line breaks.

    Raises:
        DataError: The lines end with carriage returns only.
    """
    first = True
    for number, line in enumerate(lines, 1):
        bare = line.removesuffix("\n").removesuffix("\r")
        if first and "\r" in bare:
            raise DataError(
                f"{source}: line {number}: the lines end with a carriage return only",
                hint="save the file with line feeds (LF or CRLF)",
            )
        if bare:
            first = False
            yield number, bare


def _quoted_records(lines: Iterable[str], source: str, separator: str) -> Iterator[tuple[int, list[str], list[str]]]:
    """Yield the first line, the cells and the lines of each record."""
    start, size, pieces = 1, 0, list[str]()

    def kept() -> Iterator[str]:
        nonlocal size
        for line in lines:
            pieces.append(line)
            size += len(line)
            if size > LONGEST + 2:
                raise DataError(
                    f"{source}: line {start}: the record that starts here is longer than {LONGEST:,} characters",
                    hint="close the quote that opens in this record, or split its text",
                )
            yield line

    reader = csv.reader(kept(), delimiter=separator, strict=True)
    while True:
        start, size, pieces = reader.line_num + 1, 0, []
        # The limit on cells is one of the whole process: it is raised while a record is read.
        limit = csv.field_size_limit(LONGEST + 2)
        try:
            record = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise DataError(
                # What follows a dash is advice to a Python programmer.
                f"{source}: line {start}: not CSV: {str(error).partition(' - ')[0]} (in the record that starts here)",
                hint=f"a cell with a {'comma' if separator == ',' else 'tab'}, a quote or a line break needs "
                'quotes, a quote in it is doubled (""), and lines end with LF or CRLF',
            ) from error
        finally:
            csv.field_size_limit(limit)
        if record:
            yield start, record, pieces


@dataclass(slots=True)
class _Signs:
    """What the lines of a TSV file show about its quoting; lines count from 1, 0 means none.

    Attributes:
        quoted: First line of a cell that only a program writes: in quotes, around doubled quotes or a carriage return.
        bare: First line with a quote in a cell that does not begin with one; no program leaves it unquoted.
        comma: First line with a cell in quotes that has a comma and no quote within.
        open: First line with a cell that begins with a quote and ends without one.
        even: Whether each line has as many cells as the first; lines of nothing but tabs do not count.
    """

    quoted: int = 0
    bare: int = 0
    comma: int = 0
    open: int = 0
    even: bool = True


def _is_quoted(open_lines: Lines, source: str) -> bool:
    """Return whether the cells of a TSV file are quoted.

    They are where the names of the columns are, and where the whole file is as a program would have written it.

    Raises:
        DataError: Some cells are as a program quotes them, others are not; or those in quotes may be either.
    """
    header = next((line for _, line in bare_lines(open_lines(), source)), "")
    if header.startswith('"') and header.endswith('"'):
        return True
    columns = header.count("\t") + 1
    signs = _signs(open_lines(), columns, source)

    def is_written() -> bool:
        return any(_is_written_by(rule, open_lines(), columns, source) for rule in _RULES)

    if not signs.even:
        # A line that is no row: part of a quoted text with line breaks, or a mistake, which the reader will name.
        return is_written()
    hint = "save the data as .jsonl, or as .csv"
    if signs.quoted:
        if not signs.bare and is_written():
            return True
        other = f", but line {signs.bare} has a quote that is not quoted" if signs.bare else ", but other cells are not"
        raise DataError(f"{source}: line {signs.quoted} has a cell quoted as in CSV{other}", hint=hint)
    # A text of one column may have its quotes on two lines, each of which would be a row without them.
    line = signs.open if columns == 1 else 0 if signs.bare else signs.comma
    if line and is_written():
        raise DataError(f"{source}: line {line} has a quote that may be part of the text or enclose it", hint=hint)
    return False


def _signs(lines: Iterable[str], columns: int, source: str) -> _Signs:
    signs = _Signs()
    for number, line in bare_lines(lines, source):
        signs.even = signs.even and (line.count("\t") + 1 == columns or not line.strip("\t"))
        for cell in line.split("\t") if '"' in line else ():
            inner = cell[1:-1]
            closed = len(cell) > 1 and cell[0] == cell[-1] == '"'
            if closed and ('""' in inner or "\r" in inner) and '"' not in inner.replace('""', ""):
                signs.quoted = signs.quoted or number
            elif closed and "," in inner and '"' not in inner:
                signs.comma = signs.comma or number
            elif '"' in cell and cell[0] != '"':
                signs.bare = signs.bare or number
            elif cell.startswith('"') and not closed:
                signs.open = signs.open or number
    return signs


def _is_written_by(rule: frozenset[str], lines: Iterable[str], columns: int, source: str) -> bool:
    """Return whether every record is as a program writes it that quotes the cells with a character of ``rule``."""
    try:
        for _, cells, pieces in _quoted_records(lines, source, "\t"):
            quoted = (cell if rule.isdisjoint(cell) else '"' + cell.replace('"', '""') + '"' for cell in cells)
            written = "".join(pieces).removesuffix("\n").removesuffix("\r")
            if (len(cells) != columns and any(cells)) or "\t".join(quoted) != written:
                return False
    except DataError:
        return False
    return True
