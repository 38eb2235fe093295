"""Records of CSV and TSV files come back as their writers meant them, or are refused."""

from __future__ import annotations

import contextlib
import csv
import io
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from edgebert.data import read_dataset, read_training
from edgebert.errors import DataError
from tests.support.data_files import refusal, write

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
    return [item.text for item in read_dataset(path, labels=("no", "yes")).examples]


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
        ('"good, long"\t1\nplain\t1\n', "2 has a quote that may be part of the text or stand around it"),
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
