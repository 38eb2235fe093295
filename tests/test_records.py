"""Lines are bounded: no line, record or file is read that a text could not be, and memory stays small.

Records of CSV and TSV files come back as their writers meant them, or are refused.
"""

from __future__ import annotations

import contextlib
import csv
import gzip
import io
import json
import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgebert.data import read_dataset, read_training
from edgebert.errors import DataError
from edgebert.printable import shown
from edgebert.records import LARGEST, LONGEST, read_lines
from tests.support.data_files import refusal, write


class Repeated(io.RawIOBase):
    """A stream of one chunk over and over, up to a number of bytes, and how much of it was read."""

    def __init__(self, chunk: bytes, size: int) -> None:
        self.chunk, self.left, self.read_bytes = chunk, size, 0

    def readable(self):
        """Return whether it can be read."""
        return True

    def readinto(self, buffer):
        """Fill the buffer as far as there are bytes left."""
        size = min(len(buffer), self.left)
        start = self.read_bytes % len(self.chunk)
        buffer[:size] = (self.chunk * (size // len(self.chunk) + 2))[start : start + size]
        self.left -= size
        self.read_bytes += size
        return size


def test_lines_keep_their_breaks_and_lose_the_mark() -> None:
    """Only line feeds split lines, and only the first line can begin with a byte order mark."""
    raw = "\ufeffa\u2028b\r\n\ufeffc\x0b\n\nd".encode()
    assert list(read_lines(io.BytesIO(raw), source="x")) == ["a\u2028b\r\n", "\ufeffc\x0b\n", "\n", "d"]


@pytest.mark.parametrize("packed", [False, True])
def test_a_line_of_the_longest_length_is_read_and_one_more_byte_refused(packed: bool) -> None:
    """The limit counts the bytes of a line with its break; the message has the number of the line."""

    def lines(content: bytes) -> list[str]:
        return list(
            read_lines(io.BytesIO(gzip.compress(content, mtime=0) if packed else content), source="x", packed=packed)
        )

    assert len(lines(b"a\n" + b"b" * (LONGEST - 1) + b"\n")[1]) == LONGEST
    with pytest.raises(DataError) as caught:
        lines(b"a\n" + b"b" * LONGEST + b"\n")
    assert caught.value.message == "x: line 2: longer than 1,000,000 bytes"
    assert caught.value.hint


def test_no_more_than_a_line_is_read_of_one_that_is_too_long() -> None:
    """A line of 5 GB is refused after its first megabyte."""
    stored = Repeated(b"a", 5_000_000_000)
    with pytest.raises(DataError, match="line 1: longer than"):
        next(read_lines(io.BufferedReader(stored), source="x"))
    assert stored.read_bytes < 2 * LONGEST


@pytest.mark.parametrize("chunk", [b"\n", b"a" * (LONGEST - 1) + b"\n"])
def test_a_file_of_too_many_lines_is_refused(chunk: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    """Blank lines count 100 bytes each, so that a gigabyte of them ends as soon as one of text does."""
    monkeypatch.setattr("edgebert.records.LARGEST", 20_000_000)
    stored = Repeated(chunk, LARGEST)
    with pytest.raises(DataError, match="the file is larger than 20,000,000 bytes"):
        for _ in read_lines(io.BufferedReader(stored), source="x"):
            pass
    assert stored.read_bytes <= 22_000_000
    size = len(chunk) * (300_000 if chunk == b"\n" else 30)
    endless = read_lines(io.BufferedReader(Repeated(chunk, size)), source="x", endless=True)
    assert sum(1 for _ in endless) == size // len(chunk)


def test_a_line_is_there_as_soon_as_it_was_written() -> None:
    """Nothing is waited for behind the line break: a pipe that gives one line and waits is read so far."""
    code = """
        import sys
        from edgebert.records import read_lines
        for line in read_lines(sys.stdin.buffer, source="x"):
            print(line, end="", flush=True)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as echo:
        for text in ("one\n", "two\n"):
            echo.stdin.write(text)
            echo.stdin.flush()
            assert echo.stdout.readline() == text


# Data files ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [csv.field_size_limit() - 1, csv.field_size_limit() + 1, 900_000])
@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz", "a.tsv", "a.jsonl"])
def test_long_cells_are_read_in_every_format(tmp_path: Path, name: str, size: int) -> None:
    """The limit of the csv module, 131,072, is none of ours, and stays as it was for the rest of the process."""
    before = csv.field_size_limit()
    text = "good " * (size // 5)
    layout = name.split(".")[1]
    content = {
        "jsonl": json.dumps({"text": text, "label": 1}),
        "tsv": f"text\tlabel\n{text}\t1",
        "csv": f'text,label\n"{text}",1\n',
    }[layout]
    path = write(tmp_path, name, content)
    assert read_dataset(path, labels=("a", "b")).examples[0].texts[0] == text
    assert csv.field_size_limit() == before


def test_a_record_is_as_long_as_a_line_at_most(tmp_path: Path) -> None:
    """A quote that is never closed ends at the limit, and is named by the line that it opens in."""
    path = write(tmp_path, "a.csv", 'text,label\na,1\n"b,0\n' + "c,1\n" * 300_000)
    error = refusal(path)
    assert error.message == f"{path}: line 3: the record that starts here is longer than 1,000,000 characters"
    assert "close the quote" in error.hint
    assert csv.field_size_limit() == 131_072


def test_the_rows_of_a_file_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What all texts of a file take in memory is bounded, each row counting 200 bytes and its text."""
    monkeypatch.setattr("edgebert.datafiles.sources.ROWS_BYTES", 100_000)
    path = write(tmp_path, "a.txt", "a\n" * 300)
    assert len(read_training(path, labels=None).texts) == 300
    path = write(tmp_path, "a.txt", "a\n" * 500)
    with pytest.raises(DataError, match=r"line 4[0-9][0-9]: the texts up to here take more than 100,000 bytes"):
        read_training(path, labels=None)


BOMBS = {
    "one line": (b"", b"good " * 200_000, b"\t1\n"),
    "short rows": (b"text\tlabel\n", b"a\t1\n" * 250_000, b""),
    "wide characters": (b"text\tlabel\n", b"\xf0\x9f\x98\x80 and much more of it, some 60 bytes\t1\n" * 25_000, b""),
    "blank lines": (b"text\tlabel\n", b"\n" * 1_000_000, b""),
    "a quote": (b"text\tlabel\n", b'"a\n' * 300_000, b""),
    "tabs": (b"text\tlabel\n", b"\t" * 900_000 + b"\n", b""),
    "labels": (b"text\tlabel\n", b"a\t" + b"b" * 900_000 + b"\n", b""),
}
READING = """
    import resource, sys
    from pathlib import Path
    import edgebert.records, edgebert.datafiles.sources
    from edgebert.data import read_training
    from edgebert.errors import DataError

    share = int(sys.argv[2])
    edgebert.records.LARGEST //= share
    edgebert.datafiles.sources.ROWS_BYTES //= share
    # What the modules take depends on the machine: numpy maps memory for each core.
    loaded = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (loaded + 80_000_000 + 900_000_000 // share,) * 2)
    try:
        print(len(read_training(Path(sys.argv[1]), labels=None).texts))
    except DataError as error:
        print(error)
"""


def check_bomb(folder: Path, kind: str, suffix: str, *, share: int) -> None:
    """Read a bomb with a share of the limits, and of the gigabyte of address space that they are made for."""
    start, chunk, end = BOMBS[kind]
    if suffix == ".csv.gz":
        start, chunk, end = (part.replace(b"\t", b",") for part in (start, chunk, end))
    path = folder / f"bomb{suffix}"
    # Members of a gzip file follow one another, so that a megabyte is packed once.
    path.write_bytes(
        b"".join(
            [gzip.compress(start, mtime=0), gzip.compress(chunk, mtime=0) * (800 // share), gzip.compress(end, mtime=0)]
        )
    )
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(READING), str(path), str(share)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert re.fullmatch(rf"\d+\n|{re.escape(str(path))}: [^\n]{{,300}}\n", done.stdout)


@pytest.mark.parametrize("suffix", [".tsv.gz", ".csv.gz", ".txt.gz", ".jsonl.gz"])
@pytest.mark.parametrize("kind", BOMBS)
def test_memory_follows_the_limits(tmp_path: Path, kind: str, suffix: str) -> None:
    """Whatever is packed a thousandfold is read or refused in one line, in memory in proportion to the limits."""
    check_bomb(tmp_path, kind, suffix, share=40)


@pytest.mark.parametrize(("kind", "suffix"), [("one line", ".tsv.gz"), ("wide characters", ".csv.gz")])
def test_no_file_takes_more_than_a_gigabyte(tmp_path: Path, kind: str, suffix: str) -> None:
    """With the limits as they are, 800 MB of one line or of the widest characters fit into 1 GB of address space."""
    check_bomb(tmp_path, kind, suffix, share=1)


def test_long_values_are_shown_shortened() -> None:
    """A value in a message takes 60 characters at most, and a long one is not written out first."""
    assert shown("a" * 58) == repr("a" * 58)
    assert shown("a" * 59) == "'" + "a" * 56 + "..."
    assert shown("\x00" * 59) == repr("\x00" * 59)[:57] + "..."
    assert shown("a" * 10**6) == "'" + "a" * 56 + "..."
    assert shown(5) == "5"


HEADER = ("text", "label", "note")
characters = st.text(
    st.one_of(st.sampled_from('"",\t\n\r\'ab '), st.characters(exclude_categories=["Cs"], exclude_characters="\0")),
    max_size=12,
)
filled = characters.filter(str.strip)
tables = st.lists(st.tuples(filled, st.sampled_from(["0", "1"]), characters), min_size=1, max_size=6)


def written(rows: list[tuple[str, ...]], **dialect: object) -> str:
    stream = io.StringIO()
    csv.writer(stream, **dialect).writerows([HEADER, *rows])
    return stream.getvalue()


def texts(path: Path) -> list[str]:
    return [item.texts[0] for item in read_dataset(path, labels=("no", "yes")).examples]


@given(rows=tables, quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), end=st.sampled_from(["\n", "\r\n"]))
@settings(max_examples=200, deadline=None)
def test_csv_of_any_writer_is_read_as_meant(tmp_path_factory, rows, quoting, end) -> None:
    """What csv.writer wrote with commas comes back, whatever the cells hold."""
    content = written(rows, quoting=quoting, lineterminator=end)
    path = write(tmp_path_factory.mktemp("csv"), "a.csv", content)
    if "\r" in content.replace("\r\n", "") and quoting == csv.QUOTE_MINIMAL and end == "\n":
        # Some versions of the writer leave a lone carriage return bare, and no reader could know.
        with contextlib.suppress(DataError):
            assert texts(path) == [row[0] for row in rows]
    else:
        assert texts(path) == [row[0] for row in rows]


@given(rows=tables, quoting=st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]), end=st.sampled_from(["\n", "\r\n"]))
@example(rows=[('He said "good"', "1", ""), ("plain", "0", "")], quoting=csv.QUOTE_MINIMAL, end="\n")
@example(rows=[("two\nlines", "1", ""), ("plain", "0", "")], quoting=csv.QUOTE_MINIMAL, end="\n")
@example(rows=[("a\ttab", "1", "")], quoting=csv.QUOTE_MINIMAL, end="\r\n")
@settings(max_examples=300, deadline=None)
def test_tsv_of_any_writer_is_read_as_meant_or_refused(tmp_path_factory, rows, quoting, end) -> None:
    """What csv.writer and pandas write with tabs comes back as meant, or not at all: never with their quotes in it."""
    content = written(rows, delimiter="\t", quoting=quoting, lineterminator=end)
    path = write(tmp_path_factory.mktemp("tsv"), "a.tsv", content)
    if quoting == csv.QUOTE_ALL:
        assert texts(path) == [row[0] for row in rows]
    else:
        with contextlib.suppress(DataError):
            assert texts(path) == [row[0] for row in rows]


@given(rows=tables)
@settings(max_examples=100, deadline=None)
def test_tsv_with_a_doubled_quote_is_read(tmp_path_factory, rows) -> None:
    """One cell with a quote within shows that a program wrote the file, if every text is on a line of its own."""
    rows = [tuple(cell.replace("\r", "").replace("\n", " ") + "." for cell in row[:2]) for row in rows]
    rows = [('a "b"', "1"), *((text, label.strip(".")) for text, label in rows)]
    stream = io.StringIO()
    csv.writer(stream, delimiter="\t", lineterminator="\n").writerows([("text", "label"), *rows])
    path = write(tmp_path_factory.mktemp("tsv"), "a.tsv", stream.getvalue())
    assert texts(path) == [row[0] for row in rows]


plain = st.text(
    st.one_of(st.sampled_from('"", a'), st.characters(exclude_categories=["Cs"], exclude_characters="\0\t\r\n")),
    min_size=1,
    max_size=12,
).filter(str.strip)


@given(rows=st.lists(plain, min_size=1, max_size=6))
@example(rows=["it 's \"good", 'the end of a quote"', "a"])
@example(rows=['"good', 'bad"', "a"])
@example(rows=['"', '"', "a"])
@example(rows=['"all of it in quotes"', "a"])
@settings(max_examples=300, deadline=None)
def test_tsv_without_quoting_is_read_as_it_is_or_refused(tmp_path_factory, rows) -> None:
    """In GLUE's layout a quote is a character; where it may be a program's as well the file is refused."""
    content = "text\tlabel\n" + "".join(f"{text}\t1\n" for text in rows)
    path = write(tmp_path_factory.mktemp("tsv"), "a.tsv", content)
    try:
        found = texts(path)
    except DataError:
        # Only a cell that stands in quotes leaves it open.
        assert any(len(text) > 1 and text[0] == text[-1] == '"' for text in rows)
    else:
        assert found == rows


def test_the_quotes_of_excel_are_read(tmp_path: Path) -> None:
    """Excel quotes cells with a comma too; one with a doubled quote shows that quotes are its own."""
    path = write(tmp_path, "a.tsv", 'text\tlabel\r\n"good, long"\t1\r\n"a ""b"" c"\t0\r\nplain\t1\r\n')
    assert texts(path) == ["good, long", 'a "b" c', "plain"]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ('a "b" c\t1\n"a ""b"" c"\t1\n', "3 has a cell quoted as in CSV, but line 2 has a quote that is not quoted"),
        ('"a ""b"" c"\t1\n"whole"\t1\n', "2 has a cell quoted as in CSV, but other cells are not"),
        ('"good, long"\t1\nplain\t1\n', "2 has a quote that may be part of the text or enclose it"),
    ],
)
def test_quotes_that_may_be_either_are_refused(tmp_path: Path, rows: str, message: str) -> None:
    """Half a file quoted, or a cell that a program or a writer may have put in quotes: refused with its line."""
    path = write(tmp_path, "a.tsv", f"text\tlabel\n{rows}")
    error = refusal(path)
    assert error.message == f"{path}: line {message}"
    assert error.hint == "save the data as .jsonl, or as .csv"


def test_one_column_with_quotes_on_two_lines_is_refused(tmp_path: Path) -> None:
    """Where a row is one cell, a quoted text of two lines cannot be told from two texts."""
    path = write(tmp_path, "a.tsv", 'text\n"two\nlines"\nplain\n')
    with pytest.raises(DataError, match="line 2 has a quote that may be part of the text"):
        read_training(path, labels=None)


def test_a_broken_quoted_file_is_refused_by_line(tmp_path: Path) -> None:
    """Names in quotes show that all is quoted; what is then broken is named."""
    path = write(tmp_path, "a.tsv", '"text"\t"label"\n"a"\t"1"\n"b" c\t"0"\n')
    assert refusal(path).message.startswith(f"{path}: line 3: not CSV: ")
