"""Lines of UTF-8 text from a file or a pipe, gzipped or not, with bounds that no input can exceed.

A line is at most ``LONGEST`` bytes, a file ``LARGEST``: each is far above what a model of 512 tokens can use (War and
Peace has 3 MB), and the memory that a text takes on its way to token IDs is some sixty times its size.
"""

from __future__ import annotations

import gzip
import itertools
import zlib
from collections.abc import Iterator
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


def read_lines(stored: BinaryIO, *, source: str, packed: bool = False, endless: bool = False) -> Iterator[str]:
    """Yield the lines of a stream, each with its line break, without a byte order mark, as soon as it is there.

    Args:
        stored: The bytes; the stream stays open.
        source: Name of the stream, for messages.
        packed: Whether the bytes are gzip data. Never more than a line of it is unpacked at a time.
        endless: Whether there may be any number of lines, because none of them is kept.

    Raises:
        DataError: The bytes are no UTF-8, a line or the whole is too long, or the gzip data is damaged; the message
            names the line.
    """
    offset = size = 0
    stream: BinaryIO | gzip.GzipFile = gzip.GzipFile(fileobj=stored) if packed else stored
    # Only line feeds split lines: str.splitlines would also split at U+2028, which a text may hold.
    for number in itertools.count(1):
        raw = _line(stream, f"{source}: line {number}", first=number == 1)
        if not raw:
            return
        if number == 1:
            _check_signature(raw, source)
        if len(raw) > LONGEST:
            raise DataError(
                f"{source}: line {number}: longer than {LONGEST:,} bytes",
                hint="split the text: a model reads its first few hundred words only",
            )
        size += max(len(raw), 100)
        if size > LARGEST and not endless:
            raise DataError(
                f"{source}: line {number}: the file is larger than {LARGEST:,} bytes{' unpacked' if packed else ''}",
                hint="take a sample of its lines",
            )
        yield _decoded(raw, offset, f"{source}: line {number}", packed=packed).removeprefix(
            "\ufeff" if number == 1 else ""
        )
        offset += len(raw)


def shown(value: object) -> str:
    """Return a value as messages show it: its representation, cut off after 60 characters."""
    # A long text is cut first: its representation may be ten times its length.
    text = repr(value[:60] if isinstance(value, str) else value)
    return text if len(text) <= 60 and not (isinstance(value, str) and len(value) > 60) else text[:57] + "..."


def _line(stream: BinaryIO | gzip.GzipFile, where: str, *, first: bool) -> bytes:
    try:
        return stream.readline(LONGEST + 1)
    except gzip.BadGzipFile as error:
        if first and "Not a gzipped file" in str(error):
            raise DataError(f"{where}: not gzip data", hint="remove .gz from the name of the file") from error
        raise DataError(f"{where}: damaged gzip data: {error}", hint="copy or download the file again") from error
    except (EOFError, zlib.error) as error:
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
