from __future__ import annotations

import csv
import gzip
import hashlib
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.data import Dataset, TrainingTexts, read_dataset, read_training, training_texts
from edgebert.errors import DataError
from edgebert.types import Example

LABELS = ("negative", "positive")


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    raw = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(raw, mtime=0) if name.endswith(".gz") else raw)
    return path


def pairs(dataset: Dataset) -> list[tuple[str, str, int]]:
    return [(example.text, dataset.labels[example.label], example.line) for example in dataset.examples]


def refusal(path: Path, *, labels: tuple[str, ...] | None = LABELS, **columns: str) -> DataError:
    with pytest.raises(DataError) as caught:
        read_dataset(path, labels=labels, **columns)
    assert "\n" not in caught.value.message
    return caught.value


# Reading ---------------------------------------------------------------------------------------------------------


def test_glue_layout_is_read_as_it_is(tmp_path: Path) -> None:
    """GLUE's SST-2 layout needs no options: no quoting, phrases keep their trailing blank, ids become label names."""
    path = write(tmp_path, "dev.tsv", "sentence\tlabel\nit 's \"good \t1\nbad .\t0\n")
    dataset = read_dataset(path, labels=LABELS)
    assert dataset == Dataset(
        name="dev.tsv",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        labels=LABELS,
        examples=(Example(text="it 's \"good ", label=1, line=2), Example(text="bad .", label=0, line=3)),
    )


def test_csv_record_has_the_line_it_starts_on(tmp_path: Path) -> None:
    """A quoted text may go over several lines; its line is the first, and the next record's is counted on."""
    path = write(tmp_path, "a.csv", 'text,label\r\n"one, ""two""\nthree",positive\r\nfour,negative\r\n')
    assert pairs(read_dataset(path)) == [('one, "two"\nthree', "positive", 2), ("four", "negative", 4)]


def test_jsonl_takes_names_and_ids(tmp_path: Path) -> None:
    """A label in JSON may be a name, an id, or an id written as text; other keys are of no interest."""
    path = write(
        tmp_path,
        "a.jsonl",
        '{"text": "a", "label": 1}\n{"label": "negative", "text": "b\\u2028c", "x": [1]}\n'
        '{"text": "d", "label": "0"}\n',
    )
    assert pairs(read_dataset(path, labels=LABELS)) == [
        ("a", "positive", 1),
        ("b\u2028c", "negative", 2),
        ("d", "negative", 3),
    ]


@pytest.mark.parametrize("name", ["A.CSV", "a.csv.gz", "a.tsv", "a.TSV.GZ", "a.jsonl", "a.jsonl.gz"])
def test_suffix_decides_the_format(tmp_path: Path, name: str) -> None:
    """Every format is known by its suffix, in upper or lower case, gzipped or not; the hash is of the stored bytes."""
    lower = name.lower()
    if "jsonl" in lower:
        content = '{"text": "a", "label": 0}\n{"text": "b", "label": 1}\n'
    else:
        content = "text,label\na,0\nb,1\n".replace(",", "," if "csv" in lower else "\t")
    raw = content.encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(raw) if lower.endswith("gz") else raw)
    dataset = read_dataset(path)
    assert [(text, label) for text, label, _ in pairs(dataset)] == [("a", "0"), ("b", "1")]
    assert (dataset.name, dataset.sha256) == (name, hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.csv.gz"])
def test_byte_order_mark_is_ignored(tmp_path: Path, name: str) -> None:
    """A file that an editor began with a UTF-8 byte order mark reads like one without."""
    content = '\ufeff{"text": "a", "label": 1}\n' if "jsonl" in name else "\ufefftext,label\na,1\n"
    path = write(tmp_path, name, content.replace(",", "\t") if "tsv" in name else content)
    assert read_dataset(path, labels=LABELS).examples[0].text == "a"


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_blank_lines_are_skipped_and_counted(tmp_path: Path, name: str, end: str) -> None:
    """Lines without a character hold no example but count as lines; the last line break may be missing."""
    content = f"{end}text,label{end}{end}a,0{end}{end}b,1".replace(",", "," if "csv" in name else "\t")
    assert pairs(read_dataset(write(tmp_path, name, content))) == [("a", "0", 4), ("b", "1", 6)]


def test_blank_lines_of_jsonl_are_skipped_and_counted(tmp_path: Path) -> None:
    """The same holds for JSON lines."""
    path = write(tmp_path, "a.jsonl", '\n{"text": "a", "label": 0}\r\n\r\n{"text": "b", "label": 1}')
    assert pairs(read_dataset(path)) == [("a", "0", 2), ("b", "1", 4)]


def test_text_column_comes_before_sentence(tmp_path: Path) -> None:
    """Where a file has both default columns, ``text`` is read."""
    path = write(tmp_path, "a.csv", "sentence,label,text\nno,0,yes\nno,1,yes\n")
    assert [example.text for example in read_dataset(path).examples] == ["yes", "yes"]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl"])
def test_columns_can_be_named(tmp_path: Path, name: str) -> None:
    """Named columns are read even where the default ones exist."""
    content = "text,query,label,intent\nno,yes,0,pay\nno,yes,1,stop\n"
    if name == "a.jsonl":
        content = "".join(json.dumps(row) + "\n" for row in csv.DictReader(io.StringIO(content)))
    dataset = read_dataset(write(tmp_path, name, content), text_column="query", label_column="intent")
    assert [(text, label) for text, label, _ in pairs(dataset)] == [("yes", "pay"), ("yes", "stop")]


# Labels ----------------------------------------------------------------------------------------------------------


def inferred(folder: Path, *cells: str) -> tuple[str, ...]:
    return read_dataset(write(folder, "a.tsv", "text\tlabel\n" + "".join(f"x\t{cell}\n" for cell in cells))).labels


def test_ids_are_inferred_in_numeric_order(tmp_path: Path) -> None:
    """Eleven ids stay in numeric order, where text order would put 10 before 2."""
    assert inferred(tmp_path, *(str(index) for index in reversed(range(11)))) == tuple(map(str, range(11)))


def test_names_are_inferred_in_text_order(tmp_path: Path) -> None:
    """Names become labels sorted as text, each once; one name among numbers makes all of them names."""
    assert inferred(tmp_path, "b", "a", "b", "C") == ("C", "a", "b")
    assert inferred(tmp_path, "7", "many", "10") == ("10", "7", "many")
    assert inferred(tmp_path, "01", "1") == ("01", "1")


def test_ids_of_json_and_csv_infer_the_same(tmp_path: Path) -> None:
    """Numbers in JSON are ids like the digits of a table."""
    path = write(tmp_path, "a.jsonl", '{"text": "a", "label": 1}\n{"text": "b", "label": "0"}\n')
    assert pairs(read_dataset(path)) == [("a", "1", 1), ("b", "0", 2)]


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (["1", "2"], "column 'label': ids go up to 2 (line 3), but the id 0 is missing"),
        (["0", "1", "3"], "column 'label': ids go up to 3 (line 4), but the id 2 is missing"),
        (["1", "-1"], "line 3, column 'label': the id -1 is negative"),
        (["1", "1"], "column 'label': every example has the label '1', at least two labels are needed"),
        (["a"], "column 'label': every example has the label 'a', at least two labels are needed"),
    ],
)
def test_labels_that_cannot_be_inferred_are_explained(tmp_path: Path, cells: list[str], message: str) -> None:
    """Gaps and negative ids are named with a line; a single label is no classification."""
    with pytest.raises(DataError) as caught:
        inferred(tmp_path, *cells)
    assert caught.value.message == f"{tmp_path / 'a.tsv'}: {message}"


def test_names_that_are_numbers_are_never_ids(tmp_path: Path) -> None:
    """With the labels '1' and '2' the cell 1 is the name '1', and 0 is unknown rather than the first label."""
    path = write(tmp_path, "a.csv", "text,label\na,1\nb,2\n")
    assert [example.label for example in read_dataset(path, labels=("1", "2")).examples] == [0, 1]
    path = write(tmp_path, "b.csv", "text,label\na,0\n")
    assert refusal(path, labels=("1", "2")).message == f"{path}: line 2, column 'label': unknown label '0'"


@pytest.mark.parametrize("cell", ["neutral", "2", "-1", "Positive", "positive ", "01", "+1", "1.0", "١"])
def test_unknown_label_is_named_with_its_line(tmp_path: Path, cell: str) -> None:
    """A name must match exactly and an id must be one of the model's, in plain digits."""
    path = write(tmp_path, "a.tsv", f"text\tlabel\na\t1\nb\t{cell}\n")
    error = refusal(path)
    assert error.message == f"{path}: line 3, column 'label': unknown label {cell!r}"
    assert error.hint == "the model's labels are negative, positive"


def test_unknown_label_lists_ten_labels_at_most(tmp_path: Path) -> None:
    """A model with many labels shows ten of them and how many more there are."""
    path = write(tmp_path, "a.jsonl", '{"text": "a", "label": 12}\n')
    error = refusal(path, labels=tuple(f"L{index}" for index in range(12)))
    assert error.message == f"{path}: line 1, key 'label': unknown label '12'"
    assert error.hint == "the model's labels are L0, L1, L2, L3, L4, L5, L6, L7, L8, L9 and 2 more"


# Files that cannot be read ---------------------------------------------------------------------------------------


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
    assert known == "known formats: .csv, .tsv, .jsonl, each optionally followed by .gz"
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
    content = b"text,label\na,1\nc\xe9,1\n"
    path = write(tmp_path, name, content.replace(b",", b"\t") if "tsv" in name else content)
    error = refusal(path)
    assert error.message == f"{path}: line {line}: not UTF-8: byte 0xe9 at offset {offset}{where}"
    assert error.hint == "save the file as UTF-8"


def test_utf16_is_refused(tmp_path: Path) -> None:
    """UTF-16 fails at its byte order mark, and without one at its first NUL."""
    path = write(tmp_path, "a.csv", "text,label\n".encode("utf-16"))
    assert refusal(path).message == f"{path}: line 1: not UTF-8: byte 0xff at offset 0"
    path = write(tmp_path, "b.csv", "text,label\n".encode("utf-16-le"))
    assert refusal(path).message == f"{path}: line 1: a NUL byte at offset 1"


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_nul_byte_is_named_by_offset_and_line(tmp_path: Path, name: str) -> None:
    """A NUL in the file is refused in every format, behind a byte order mark too."""
    content = '{"text": "é", "label": 1}\n{"text": "\0"}\n' if "jsonl" in name else "text,label\né\0,1\n"
    path = write(tmp_path, name, "\ufeff" + (content.replace(",", "\t") if "tsv" in name else content))
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
    assert refusal(path).message.startswith(f"{path}: line 1: damaged gzip data: Not a gzipped file")


# Tables ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_missing_columns_name_those_found(tmp_path: Path, name: str) -> None:
    """What is there is listed, and the hint names the option that chooses a column."""

    def table(content: str) -> Path:
        return write(tmp_path, name, content.replace(",", "," if "csv" in name else "\t"))

    path = table("Text,label\na,1\n")
    error = refusal(path)
    assert error.message == f"{path}: line 1: no column 'text' or 'sentence'; there are 'Text', 'label'"
    assert error.hint == "name the column with --text-column"
    path = table("\ntext,category\na,1\n")
    error = refusal(path)
    assert error.message == f"{path}: line 2: no column 'label'; there are 'text', 'category'"
    assert error.hint == "name the column with --label-column"
    error = refusal(path, text_column="phrase", label_column="category")
    assert error.message == f"{path}: line 2: no column 'phrase'; there are 'text', 'category'"


def test_doubled_column_names_are_refused(tmp_path: Path) -> None:
    """Two columns of one name leave open which is meant."""
    path = write(tmp_path, "a.csv", "text,label,text\na,1,b\n")
    assert refusal(path).message == f"{path}: line 1, column 3: the name 'text' stands twice (first in column 1)"


@pytest.mark.parametrize("label_column", ["label", None])
def test_one_column_cannot_be_text_and_label(tmp_path: Path, label_column: str | None) -> None:
    """The same column for both is refused, given twice or against the default."""
    path = write(tmp_path, "a.csv", "text,label\na,1\n")
    with pytest.raises(DataError, match="column 'label' cannot be both the text and the label"):
        read_dataset(path, text_column="label", label_column=label_column)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
def test_rows_of_another_width_are_refused(tmp_path: Path, name: str) -> None:
    """A missing cell is named by its column, a cell too many by its number and content."""
    tab = "," if name == "a.csv" else "\t"
    path = write(tmp_path, name, f"text{tab}label{tab}id\na{tab}1{tab}x\nb\n")
    assert refusal(path).message == f"{path}: line 3, column 'label': missing; the row has 1 cell, the header 3"
    path = write(tmp_path, name, f"text{tab}label\na{tab}b{tab}1\n")
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


def test_csv_field_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    """A cell larger than the csv module takes, as after a quote that is never closed, is refused."""
    path = write(tmp_path, "a.csv", "text,label\na,1\n" + "x" * (csv.field_size_limit() + 1) + ",1\n")
    assert refusal(path).message.startswith(f"{path}: line 3: not CSV: field larger than field limit")


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
        ('{"label": 1}', "line 2, no key"),
        ('{"text": "b"}', "line 2: no key 'label'; there is 'text'"),
        ("{}", "line 2: no key 'text'; there are none"),
        ('{"sentence": "b", "label": 1}', "line 2: no key 'text'; there are 'sentence', 'label'"),
        ('{"text": 5, "label": 1}', "line 2, key 'text': 5 is not a text"),
        ('{"text": null, "label": 1}', "line 2, key 'text': None is not a text"),
        ('{"text": "b", "label": true}', "line 2, key 'label': True is neither a label's name nor its id"),
        ('{"text": "b", "label": 1.0}', "line 2, key 'label': 1.0 is neither a label's name nor its id"),
        ('{"text": "b", "label": null}', "line 2, key 'label': None is neither a label's name nor its id"),
        ('{"text": "b", "text": "c", "label": 1}', "line 2: not JSON that edgebert reads: the key 'text' stands twice"),
        (
            '{"text": "\\ud83d", "label": 1}',
            "line 2, key 'text': the text holds half a surrogate pair, U+D83D, which is no character",
        ),
    ],
)
def test_broken_json_lines_are_named(tmp_path: Path, line: str, message: str) -> None:
    """Whatever is wrong with an object is named with its line, and its column or key where there is one."""
    path = write(tmp_path, "a.jsonl", f'{{"text": "a", "label": 1}}\n{line}\n')
    if message == "line 2, no key":
        message = "line 2: no key 'text'; there is 'label'"
    assert refusal(path).message == f"{path}: {message}"


@pytest.mark.parametrize("line", ["[" * 100_000, '{"label": ' + "9" * 5000 + "}"])
def test_json_beyond_the_parser_is_refused(tmp_path: Path, line: str) -> None:
    """Nesting and numbers that Python's parser gives up on are errors of the line."""
    path = write(tmp_path, "a.jsonl", line)
    assert refusal(path).message.startswith(f"{path}: line 1: not JSON that edgebert reads: ")


# Round trips -----------------------------------------------------------------------------------------------------

words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
filled = words.filter(str.strip)
flat = filled.filter(lambda text: not set(text) & set("\t\r\n"))
labels_used = st.sampled_from(["refund", "card, lost", '"quoted"', "naïve"])


def check_round_trip(folder: Path, name: str, raw: bytes, rows: list[tuple[str, str]], lines: list[int]) -> None:
    labels = tuple(sorted({label for _, label in rows}))
    for packed in (False, True):
        path = folder / (name + ".gz" * packed)
        path.write_bytes(gzip.compress(raw) if packed else raw)
        dataset = read_dataset(path, labels=labels)
        assert pairs(dataset) == [(text, label, line) for (text, label), line in zip(rows, lines, strict=True)]
        if len(labels) > 1:
            assert read_dataset(path) == dataset


@given(
    rows=st.lists(st.tuples(filled, labels_used), min_size=1, max_size=8),
    end=st.sampled_from(["\n", "\r\n"]),
    mark=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_csv_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], end: str, mark: bool
) -> None:
    """Any texts written as CSV, gzipped or not, are read back with the lines on which their records start."""
    buffer = io.StringIO(newline="")
    writer = csv.writer(buffer, lineterminator=end, quoting=csv.QUOTE_ALL)
    writer.writerow(["text", "label"])
    lines = []
    for row in rows:
        lines.append(buffer.getvalue().count("\n") + 1)
        writer.writerow(row)
    raw = ("\ufeff" * mark + buffer.getvalue()).encode()
    check_round_trip(tmp_path_factory.mktemp("csv"), "a.csv", raw, rows, lines)


@given(
    rows=st.lists(st.tuples(flat, labels_used), min_size=1, max_size=8),
    end=st.sampled_from(["\n", "\r\n"]),
    swapped=st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_tsv_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], end: str, swapped: bool
) -> None:
    """Any texts without tabs and line breaks are read back from plain TSV, quotes and all."""
    table = [("sentence", "label"), *rows]
    raw = "".join("\t".join(reversed(row) if swapped else row) + end for row in table).encode()
    check_round_trip(tmp_path_factory.mktemp("tsv"), "a.tsv", raw, rows, list(range(2, len(rows) + 2)))


@given(rows=st.lists(st.tuples(words.filter(str.strip), labels_used), min_size=1, max_size=8), ascii_only=st.booleans())
@settings(max_examples=40, deadline=None)
def test_jsonl_round_trip(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[str, str]], ascii_only: bool
) -> None:
    """Any texts are read back from JSON lines, escaped or not."""
    objects = [json.dumps({"text": text, "label": label}, ensure_ascii=ascii_only) for text, label in rows]
    raw = "".join(line + "\n" for line in objects).encode()
    check_round_trip(tmp_path_factory.mktemp("jsonl"), "a.jsonl", raw, rows, list(range(1, len(rows) + 1)))


@given(st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.csv.gz"]), st.binary(max_size=80))
@settings(max_examples=80, deadline=None)
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, name: str, raw: bytes) -> None:
    """No content makes the reader fail with anything but a data error that begins with the file."""
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(raw)
    try:
        message = f"{path}: {len(read_dataset(path).examples)} examples"
    except DataError as error:
        message = error.message
    assert message.startswith(f"{path}: ")


# Training texts --------------------------------------------------------------------------------------------------


def training_refusal(path: Path, **columns: str) -> DataError:
    with pytest.raises(DataError) as caught:
        read_training(path, labels=LABELS, **columns)
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize("name", ["a.csv", "a.tsv.gz", "a.jsonl"])
def test_labelled_training_texts_are_those_of_the_dataset(tmp_path: Path, name: str) -> None:
    """A labelled file gives the same texts, labels and hash to training as to evaluation."""
    content = "label,text\npositive,a\n0,b\n".replace(",", "\t" if "tsv" in name else ",")
    if "jsonl" in name:
        content = '{"text": "a", "label": "positive"}\n{"text": "b", "label": 0}\n'
    path = write(tmp_path, name, content)
    training = read_training(path, labels=LABELS)
    assert training == training_texts(read_dataset(path, labels=LABELS))
    assert training == TrainingTexts(
        name=name, sha256=hashlib.sha256(path.read_bytes()).hexdigest(), texts=("a", "b"), labels=(1, 0)
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", 'text\n"a, b"\nc\n'),
        ("a.csv", 'id,sentence\n1,"a, b"\n2,c\n'),
        ("a.tsv.gz", "text\na, b\n\nc"),
        ("a.tsv", "category\ttext\nx\ta, b\ny\tc\n"),
        ("a.jsonl", '{"text": "a, b"}\n{"text": "c", "category": 1}\n'),
        ("a.txt", "\na, b\r\n  \t\nc"),
        ("A.TXT.gz", "\ufeffa, b\nc\n\n"),
    ],
)
def test_labels_may_be_missing(tmp_path: Path, name: str, content: str) -> None:
    """Without a label column, and in a file of nothing but texts, there are texts and no labels."""
    training = read_training(write(tmp_path, name, content), labels=LABELS)
    assert (training.texts, training.labels) == (("a, b", "c"), None)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", "text,category\na,1\n", "line 1: no column 'intent'; there are 'text', 'category'"),
        ("a.tsv", "text\na\n", "line 1: only one column, 'text', where a text and a label are needed"),
        ("a.jsonl", '{"text": "a", "label": 1}\n', "line 1: no key 'intent'; there are 'text', 'label'"),
    ],
)
def test_a_named_label_column_must_be_there(tmp_path: Path, name: str, content: str, message: str) -> None:
    """Whoever names the label column wants labels: a file without it is refused."""
    path = write(tmp_path, name, content)
    assert training_refusal(path, label_column="intent").message == f"{path}: {message}"


def test_training_labels_must_be_those_of_the_model(tmp_path: Path) -> None:
    """Training data in another label set is refused with the model's labels, whether names or ids differ."""
    path = write(tmp_path, "a.csv", "text,label\na,positive\nb,neutral\n")
    error = training_refusal(path)
    assert error.message == f"{path}: line 3, column 'label': unknown label 'neutral'"
    assert error.hint == "the model's labels are negative, positive"
    path = write(tmp_path, "a.jsonl", '{"text": "a", "label": 2}\n')
    assert training_refusal(path).message == f"{path}: line 1, key 'label': unknown label '2'"


def test_one_label_alone_is_no_mistake_in_training_texts(tmp_path: Path) -> None:
    """The labels are the model's, so a file may hold only one of them."""
    path = write(tmp_path, "a.csv", "text,label\na,1\nb,1\n")
    assert read_training(path, labels=LABELS).labels == (1, 1)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_labels_of_training_texts_are_filled_in_all_or_none(tmp_path: Path, name: str) -> None:
    """A file with labels has one in every row."""
    content = "text,label\na,1\nb,\n".replace(",", "\t" if "tsv" in name else ",")
    message = "line 3, column 'label': the label is empty"
    if name == "a.jsonl":
        content, message = '{"text": "a", "label": 1}\n{"text": "b"}\n', "line 2: no key 'label'; there is 'text'"
    path = write(tmp_path, name, content)
    assert training_refusal(path).message == f"{path}: {message}"


def test_a_label_that_comes_late_is_refused(tmp_path: Path) -> None:
    """Labels that start after texts without one are not dropped in silence."""
    path = write(tmp_path, "a.jsonl", '\n{"text": "a"}\n{"text": "b", "label": 1}\n')
    error = training_refusal(path)
    assert error.message == f"{path}: line 3: there is a key 'label', but none in line 2"
    assert error.hint == "label all texts or none"


@pytest.mark.parametrize("option", ["text_column", "label_column"])
def test_plain_texts_have_no_columns(tmp_path: Path, option: str) -> None:
    """Asking for a column of a .txt is refused rather than passed over."""
    path = write(tmp_path, "a.txt.gz", "a\n")
    assert training_refusal(path, **{option: "x"}).message == (
        f"{path}: no column 'x': a .txt file holds one text a line and no columns"
    )


def test_training_files_of_other_formats_name_all_that_are_known(tmp_path: Path) -> None:
    """The formats of training texts include the plain one."""
    path = write(tmp_path, "a.parquet", "a\n")
    error = training_refusal(path)
    assert error.message == f"{path}: unknown format '.parquet'"
    assert error.hint == "known formats: .csv, .tsv, .jsonl, .txt, each optionally followed by .gz"


def test_text_and_label_column_differ_in_training_too(tmp_path: Path) -> None:
    """One column for both is refused as in a dataset."""
    path = write(tmp_path, "a.csv", "text,label\na,1\n")
    assert training_refusal(path, text_column="label").message == (
        f"{path}: column 'label' cannot be both the text and the label"
    )


@given(st.sampled_from(["a.csv", "a.tsv", "a.jsonl", "a.txt", "a.txt.gz"]), st.binary(max_size=80))
@settings(max_examples=80, deadline=None)
def test_any_bytes_are_training_texts_or_refused(
    tmp_path_factory: pytest.TempPathFactory, name: str, raw: bytes
) -> None:
    """No content makes the reader of training texts fail with anything but a data error that begins with the file."""
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(raw)
    try:
        training = read_training(path, labels=LABELS)
        message = f"{path}: {len(training.texts)} texts"
        assert training.texts
        assert all(map(str.strip, training.texts))
        assert training.labels is None or len(training.labels) == len(training.texts)
    except DataError as error:
        message = error.message
    assert message.startswith(f"{path}: ")
