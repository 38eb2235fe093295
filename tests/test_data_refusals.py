"""A data file that cannot be read as one is refused in one line, with the place in the file and what to do."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
from pathlib import Path

import pytest

from edgebert.data import read_dataset
from edgebert.errors import DataError
from tests.support.data_files import LABELS, refusal, separated, write

# Files -----------------------------------------------------------------------------------------------------------


def test_missing_file_and_folder_are_told_apart(tmp_path: Path) -> None:
    """A path to nothing and a path to a folder have messages of their own."""
    assert refusal(tmp_path / "no.csv").message == f"{tmp_path / 'no.csv'}: no such file"
    (tmp_path / "dir.csv").mkdir()
    assert refusal(tmp_path / "dir.csv").message == f"{tmp_path / 'dir.csv'}: is a folder, not a data file"


def test_what_the_system_refuses_is_passed_on(tmp_path: Path) -> None:
    """An error of the operating system, here a name it cannot hold, becomes a data error with its reason."""
    path = tmp_path / ("a" * 300 + ".csv")
    assert refusal(path).message == f"{path}: cannot be read: File name too long"


@pytest.mark.parametrize(
    ("name", "shown"), [("a.txt", "'.txt'"), ("a.txt.gz", "'.txt.gz'"), ("a", "without a suffix"), ("a.gz", "'.gz'")]
)
def test_unknown_suffix_names_the_known_ones(tmp_path: Path, name: str, shown: str) -> None:
    """A file whose format cannot be told from its name is not guessed at."""
    path = write(tmp_path, name, "text,label\na,1\n")
    error = refusal(path)
    assert error.message == f"{path}: unknown format {shown}"
    known, _, more = error.hint.partition("; ")
    txt = "" if ".txt" in name else ", .txt"
    assert known == f"known formats: .csv, .tsv, .jsonl, .conll, .bio, .json{txt}, each optionally followed by .gz"
    labelled = refusal(path, task="text-classification").hint.partition("; ")[0]
    assert labelled == "known formats: .csv, .tsv, .jsonl, each optionally followed by .gz"
    assert more == ("a .txt has no labels, so that only training texts can come from one" if ".txt" in name else "")


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.csv.gz"])
@pytest.mark.parametrize("content", ["", "\n\r\n", "\ufeff"])
def test_empty_file_is_refused(tmp_path: Path, name: str, content: str) -> None:
    """A file without a character other than line breaks is empty."""
    path = write(tmp_path, name, content)
    assert refusal(path).message == f"{path}: the file is empty"


@pytest.mark.parametrize(("name", "content"), [("a.csv", "text,label\n"), ("a.tsv", "\ntext\tlabel")])
def test_header_alone_is_refused(tmp_path: Path, name: str, content: str) -> None:
    """A header without examples is named with its line."""
    path = write(tmp_path, name, content)
    assert refusal(path).message == f"{path}: no examples: only line {1 + content.startswith(chr(10))}, the header"


@pytest.mark.parametrize(("name", "separator"), [("a.csv", "comma"), ("a.tsv", "tab")])
def test_single_column_hints_at_the_separator(tmp_path: Path, name: str, separator: str) -> None:
    """A file separated by something else looks like one column; the hint says what separates cells here."""
    path = write(tmp_path, name, "text;label\na;1\n")
    error = refusal(path)
    assert error.message == f"{path}: line 1: only one column, 'text;label', where a text and a label are needed"
    assert f"separated by a {separator}" in error.hint


@pytest.mark.parametrize(
    ("name", "line", "offset", "where"),
    [("a.csv", 3, 16, ""), ("a.tsv", 3, 16, ""), ("a.csv.gz", 3, 16, " of the unpacked file")],
)
def test_other_encodings_are_named_by_byte_and_line(
    tmp_path: Path, name: str, line: int, offset: int, where: str
) -> None:
    """Latin-1 text is refused at its first foreign byte, counted from 0 in the file."""
    path = write(tmp_path, name, separated(name, "text,label\na,1\ncé,1\n").encode("latin-1"))
    error = refusal(path)
    assert error.message == f"{path}: line {line}: not UTF-8: byte 0xe9 at offset {offset}{where}"
    assert error.hint == "save the file as UTF-8"


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.csv.gz"])
def test_utf16_is_named(tmp_path: Path, encoding: str, name: str) -> None:
    """What Windows calls Unicode is named, with a byte order mark or without one, and the hint is a command."""
    path = write(tmp_path, name, '{"text": "a", "label": 1}\n'.encode(encoding))
    error = refusal(path)
    assert error.message == f"{path}: the file is {encoding[:6].upper()} text, not text in UTF-8"
    assert error.hint.startswith("convert it with: iconv -f UTF-")


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        (gzip.compress(b"text,label\n" * 9, mtime=0), "gzip data"),
        (b"PK\x03\x04 and more", "a zip archive, such as an Excel workbook"),
        (b"PAR1\x15\x04", "a Parquet file"),
        (bz2.compress(b"text,label\n"), "bzip2 data"),
        (lzma.compress(b"text,label\n"), "xz data"),
    ],
    ids=["gzip", "zip", "parquet", "bzip2", "xz"],
)
def test_other_formats_under_a_known_suffix_are_named(tmp_path: Path, start: bytes, kind: str) -> None:
    """The first bytes tell what a file is whose name says something else, however long its first line is."""
    path = write(tmp_path, "a.csv", start + b"x" * 2_000_000)
    assert refusal(path).message == f"{path}: the file is {kind}, not text in UTF-8"
    path = write(tmp_path, "a.tsv.gz", start)
    assert refusal(path).message == f"{path}: the file is {kind}, not text in UTF-8"


def test_what_is_no_regular_file_is_refused(tmp_path: Path) -> None:
    """A pipe would block and a device never end: both are refused before they are opened."""
    os.mkfifo(tmp_path / "a.csv")
    (tmp_path / "b.csv").symlink_to("/dev/zero")
    for name in ("a.csv", "b.csv"):
        assert refusal(tmp_path / name).message == f"{tmp_path / name}: not a regular file"


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_nul_byte_is_named_by_offset_and_line(tmp_path: Path, name: str) -> None:
    """A NUL in the file is refused in every format, behind a byte order mark too."""
    table = separated(name, "text,label\né\0,1\n")
    content = '{"text": "é", "label": 1}\n{"text": "\0"}\n' if "jsonl" in name else table
    path = write(tmp_path, name, "\ufeff" + content)
    offset = path.read_bytes().index(0)
    assert refusal(path).message == f"{path}: line 2: a NUL byte at offset {offset}"


def test_gzip_that_ends_too_early_is_refused(tmp_path: Path) -> None:
    """A file cut off in mid-stream is damaged, not short."""
    path = tmp_path / "a.csv.gz"
    path.write_bytes(gzip.compress(b"text,label\na,1\n", mtime=0)[:-9])
    error = refusal(path)
    assert error.message.startswith(f"{path}: line ")
    assert ": damaged gzip data: Compressed file ended" in error.message


@pytest.mark.parametrize("position", [12, -6])
def test_gzip_with_a_flipped_byte_is_refused(tmp_path: Path, position: int) -> None:
    """Damage in the stream or in the checksum is found."""
    raw = bytearray(gzip.compress("".join(f"text,label\n{n},1\n" for n in range(500)).encode(), mtime=0))
    raw[position] ^= 0xFF
    path = tmp_path / "a.csv.gz"
    path.write_bytes(raw)
    assert ": damaged gzip data: " in refusal(path).message


def test_gzip_suffix_on_plain_text_is_refused(tmp_path: Path) -> None:
    """A file that is only called .gz is refused as such."""
    path = tmp_path / "a.csv.gz"
    path.write_bytes(b"text,label\na,1\n")
    error = refusal(path)
    assert (error.message, error.hint) == (f"{path}: line 1: not gzip data", "remove .gz from the name of the file")


# Tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_missing_columns_name_those_found(tmp_path: Path, name: str) -> None:
    """What is there is listed, and the hint names the option that chooses a column."""
    path = write(tmp_path, name, separated(name, "Text,label\na,1\n"))
    error = refusal(path)
    assert error.message == f"{path}: line 1: no column 'text' or 'sentence'; there are 'Text', 'label'"
    assert error.hint == "name the column with --text-column"
    path = write(tmp_path, name, separated(name, "\ntext,category\na,1\n"))
    error = refusal(path)
    assert error.message == f"{path}: line 2: no column 'label'; there are 'text', 'category'"
    assert error.hint == "name the column with --label-column"
    error = refusal(path, text_column="phrase", label_column="category")
    assert error.message == f"{path}: line 2: no column 'phrase'; there are 'text', 'category'"


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_doubled_names_of_the_columns_asked_for_are_refused(tmp_path: Path, name: str) -> None:
    """Two columns of one name leave open which is meant."""
    path = write(tmp_path, name, separated(name, "text,label,text\na,1,b\n"))
    assert refusal(path).message == f"{path}: line 1, column 3: the name 'text' appears twice (first in column 1)"
    path = write(tmp_path, name, separated(name, "label,text,label\n1,a,0\n"))
    assert refusal(path).message == f"{path}: line 1, column 3: the name 'label' appears twice (first in column 1)"


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_columns_that_nobody_asked_for_may_have_any_name(tmp_path: Path, name: str) -> None:
    """Empty and equal names beside text and label are no error, nor is the index that pandas writes."""
    path = write(tmp_path, name, separated(name, ",text,x,label,x,,\n0,a,5,1,6,,\n1,b,5,0,6,,\n"))
    assert [(example.texts[0], example.gold[0]) for example in read_dataset(path).examples] == [("a", 1), ("b", 0)]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_rows_of_empty_cells_are_skipped(tmp_path: Path, name: str) -> None:
    """A spreadsheet leaves rows of nothing but separators, which hold no example, however many there are in a row."""
    path = write(tmp_path, name, separated(name, "text,label\na,1\n,\nb,0\n,\n,,,,\n"))
    assert [(example.texts[0], example.line) for example in read_dataset(path).examples] == [("a", 2), ("b", 4)]
    path = write(tmp_path, name, separated(name, "text,label\n,\n"))
    assert refusal(path).message == f"{path}: no examples: only line 1, the header"


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_many_columns_are_named_in_part(tmp_path: Path, name: str) -> None:
    """A message about columns names twenty of them, and is made quickly for fifty thousand."""
    columns = [f"c{index}" for index in range(50_000)]
    content = json.dumps(dict.fromkeys(columns, 1)) if name == "a.jsonl" else separated(name, ",".join(columns))
    message = refusal(write(tmp_path, name, content)).message
    assert message.endswith("'c18', 'c19' and 49980 more")


@pytest.mark.parametrize("label_column", ["label", None])
def test_one_column_cannot_be_text_and_label(tmp_path: Path, label_column: str | None) -> None:
    """The same column for both is refused, given twice or against the default."""
    path = write(tmp_path, "a.csv", "text,label\na,1\n")
    with pytest.raises(DataError, match="column 'label' cannot be both the text and the label"):
        read_dataset(path, text_column="label", label_column=label_column)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_rows_of_another_width_are_refused(tmp_path: Path, name: str) -> None:
    """A missing cell is named by its column, a cell too many by its number and content."""
    path = write(tmp_path, name, separated(name, "text,label,id\na,1,x\nb\n"))
    assert refusal(path).message == f"{path}: line 3, column 'label': missing; the row has 1 cell, the header 3"
    path = write(tmp_path, name, separated(name, "text,label\na,b,1\n"))
    error = refusal(path)
    assert error.message == f"{path}: line 2, column 3: '1' is one too many; the row has 3 cells, the header 2"
    assert error.hint == ("put a text with a comma in quotes" if name == "a.csv" else "a text cannot hold a tab here")


@pytest.mark.parametrize("text", ["", " ", "\u00a0\u2003"])
def test_empty_text_is_refused(tmp_path: Path, text: str) -> None:
    """A text of nothing but blanks is a mistake in the data."""
    path = write(tmp_path, "a.tsv", f"sentence\tlabel\na\t1\n{text}\t1\n")
    assert refusal(path).message == f"{path}: line 3, column 'sentence': the text is empty"
    path = write(tmp_path, "a.jsonl", json.dumps({"text": text, "label": 1}))
    assert refusal(path).message == f"{path}: line 1, key 'text': the text is empty"


@pytest.mark.parametrize("labels", [None, LABELS])
def test_empty_label_is_refused(tmp_path: Path, labels: tuple[str, ...] | None) -> None:
    """A label that was not filled in is no label, neither for a model nor in training data."""
    path = write(tmp_path, "a.csv", "text,label\na,1\nb,\n")
    assert refusal(path, labels=labels).message == f"{path}: line 3, column 'label': the label is empty"


@pytest.mark.parametrize(
    ("content", "line"),
    [
        ('text,label\na,1\n"never closed,1\nb,0\n', 3),
        ('text,label\n"a\nb",1\n"b" c,1\n', 4),
        ("text,label\na\rb,1\n", 2),
        ("text,label\ra,1\r", 1),
    ],
)
def test_broken_csv_is_named_by_the_line_of_the_record(tmp_path: Path, content: str, line: int) -> None:
    """An open quote, text behind a quote, and a lone carriage return are refused where their record starts."""
    path = write(tmp_path, "a.csv", content)
    error = refusal(path)
    assert error.message.startswith(f"{path}: line {line}: not CSV: ")
    assert "newline=" not in error.message


def test_tsv_with_carriage_returns_only_is_refused(tmp_path: Path) -> None:
    """A file with the line ends of old Macs is a single line, which is said."""
    path = write(tmp_path, "a.tsv", "text\tlabel\ra\t1\r")
    assert refusal(path).message == f"{path}: line 1: the lines end with a carriage return only"


# JSON lines ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"text": "b", "label": 1', "line 2, column 25: not JSON: Expecting ',' delimiter"),
        ("text,label", "line 2, column 1: not JSON: Expecting value"),
        ('{"text": "b", "label": 1} x', "line 2, column 27: not JSON: Extra data"),
        ('["b", 1]', "line 2: ['b', 1] is not an object"),
        ('{"label": 1}', "line 2: no key 'text'; there is 'label'"),
        ('{"text": "b"}', "line 2: no key 'label'; there is 'text'"),
        ("{}", "line 2: no key 'text'; there are none"),
        ('{"sentence": "b", "label": 1}', "line 2: no key 'text'; there are 'sentence', 'label'"),
        ('{"text": 5, "label": 1}', "line 2, key 'text': 5 is not a string"),
        ('{"text": null, "label": 1}', "line 2, key 'text': None is not a string"),
        ('{"text": "b", "label": true}', "line 2, key 'label': True is neither a label's name nor its id"),
        ('{"text": "b", "label": 1.5}', "line 2, key 'label': 1.5 is neither a label's name nor its id"),
        ('{"text": "b", "label": NaN}', "line 2, key 'label': nan is neither a label's name nor its id"),
        ('{"text": "b", "label": 1e300}', "line 2, key 'label': 1e+300 is neither a label's name nor its id"),
        ('{"text": "b", "label": null}', "line 2, key 'label': None is neither a label's name nor its id"),
        (
            '{"text": "b", "text": "c", "label": 1}',
            "line 2: not JSON that edgebert reads: the key 'text' appears twice",
        ),
        (
            '{"text": "\\ud83d", "label": 1}',
            "line 2, key 'text': the text holds half a surrogate pair, U+D83D, which is no character",
        ),
    ],
)
def test_broken_json_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    """Whatever is wrong with an object is named with its line, and its column or key where there is one."""
    path = write(tmp_path, "a.jsonl", f'{{"text": "a", "label": 1}}\n{line}\n')
    assert refusal(path).message == f"{path}: {message}"


@pytest.mark.parametrize("line", ["[" * 100_000, '{"label": ' + "9" * 5000 + "}"])
def test_json_beyond_the_parser_is_refused(tmp_path: Path, line: str) -> None:
    """Nesting and numbers that Python's parser gives up on are errors of the line."""
    path = write(tmp_path, "a.jsonl", line)
    assert refusal(path).message.startswith(f"{path}: line 1: not JSON that edgebert reads: ")
