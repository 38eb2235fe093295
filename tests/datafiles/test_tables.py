from __future__ import annotations

import gzip
import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.data import read_dataset
from edgebert.datafiles.sources import open_source, suffix
from edgebert.datafiles.tables import Columns, Row, Table, read_table
from edgebert.errors import DataError

LABELLED = Columns(texts=(("text", "sentence"),), answer=("label",))
OPTIONAL = Columns(texts=(("text", "sentence"),), answer=("label",), optional=True)
SUFFIXES = (".csv", ".tsv", ".jsonl", ".txt")


def table(path: Path, columns: Columns) -> Table:
    with open_source(path, SUFFIXES) as source:
        return read_table(source, columns)


def write(folder: Path, name: str, content: str) -> Path:
    path = folder / name
    path.write_bytes(gzip.compress(content.encode(), mtime=0) if name.endswith(".gz") else content.encode())
    return path


def refusal(path: Path, columns: Columns) -> DataError:
    with pytest.raises(DataError) as caught:
        table(path, columns)
    return caught.value


def test_rows_keep_text_label_and_line_as_written(tmp_path: Path) -> None:
    """A table gives cells as they stand in the file, with the line of each row and the hash of the stored bytes."""
    path = write(tmp_path, "a.tsv.gz", 'id\tlabel\tsentence\n7\t 01\t a \n\n8\tx\t"b\n')
    assert table(path, LABELLED) == Table(
        source=str(path), rows=(Row((" a ",), " 01", 2), Row(('"b',), "x", 4)), place="column 'label'"
    )
    with open_source(path, SUFFIXES) as source:
        assert source.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


def test_labels_that_are_there_are_read_where_they_are_optional(tmp_path: Path) -> None:
    """Optional means that a file may lack labels, not that they are skipped."""
    cells = write(tmp_path, "a.csv", "text,label\na,x\n")
    lines = write(tmp_path, "a.jsonl", '{"text": "a", "label": 3}\n')
    assert table(cells, OPTIONAL).rows == (Row(("a",), "x", 2),)
    assert table(lines, OPTIONAL) == Table(source=str(lines), rows=(Row(("a",), "3", 1),), place="key 'label'")


def test_a_single_column_under_another_name_hints_at_the_separator(tmp_path: Path) -> None:
    """Where a text alone would do, a lone column that is no text column is refused with what separates cells."""
    path = write(tmp_path, "a.csv", "text;label\na;1\n")
    error = refusal(path, OPTIONAL)
    assert error.message == f"{path}: line 1: only one column, 'text;label', where 'text' or 'sentence' is needed"
    assert "separated by a comma" in error.hint


@pytest.mark.parametrize("content", ["", "\n \n\t\r\n", "\ufeff\n"])
def test_a_file_without_texts_is_empty(tmp_path: Path, content: str) -> None:
    """A .txt of nothing but blank lines holds no text."""
    path = write(tmp_path, "a.txt", content)
    assert refusal(path, OPTIONAL).message == f"{path}: the file is empty"


def test_plain_texts_are_refused_by_line(tmp_path: Path) -> None:
    """What no line may hold is named with its line in a .txt too."""
    path = write(tmp_path, "a.txt", "good\nb\0d\n")
    assert refusal(path, OPTIONAL).message == f"{path}: line 2: a NUL byte at offset 6"
    path = write(tmp_path, "b.txt", "good\rbad\r")
    assert refusal(path, OPTIONAL).message == f"{path}: line 1: the lines end with a carriage return only"


def test_plain_texts_are_no_dataset(tmp_path: Path) -> None:
    """Where labels are needed a .txt is of an unknown format, and the hint says why."""
    path = write(tmp_path, "a.txt", "good\n")
    with pytest.raises(DataError) as caught:
        read_dataset(path, labels=("a", "b"))
    assert caught.value.message == f"{path}: unknown format '.txt'"
    assert "a .txt has no labels" in caught.value.hint


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n\ufeff"), max_size=20)


@given(st.lists(words, min_size=1, max_size=8).filter(lambda texts: any(map(str.strip, texts))), st.booleans())
@settings(max_examples=60, deadline=None)
def test_plain_texts_round_trip(tmp_path_factory: pytest.TempPathFactory, texts: list[str], end: bool) -> None:
    """Any texts, one a line, are read back with their lines; those of blanks are skipped."""
    path = write(tmp_path_factory.mktemp("txt"), "a.txt", "\n".join(texts) + "\n" * end)
    expected = tuple(Row((text,), "", line) for line, text in enumerate(texts, 1) if text.strip())
    assert table(path, OPTIONAL).rows == expected


def test_suffix_is_the_one_before_gz() -> None:
    """The format is told by the suffix that is left without .gz, whatever its case."""
    names = ("a.TXT.GZ", "b.c.csv", "d.gz", "e")
    assert [suffix(Path(name)) for name in names] == [".txt", ".csv", "", ""]
