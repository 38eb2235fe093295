"""A data set is read as it stands, with the lines of its examples, and its labels are given or inferred."""

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

from edgebert.data import Dataset, read_dataset
from edgebert.errors import DataError
from edgebert.examples import Example
from tests.support.data_files import LABELS, refusal, separated, write


def pairs(dataset: Dataset) -> list[tuple[str, str, int]]:
    return [(example.texts[0], dataset.labels[example.gold[0]], example.line) for example in dataset.examples]


# Reading ---------------------------------------------------------------------------------------------------------


def test_glue_layout_is_read_as_it_is(tmp_path: Path) -> None:
    """GLUE's SST-2 layout needs no options: no quoting, phrases keep their trailing blank, ids become label names."""
    path = write(tmp_path, "dev.tsv", "sentence\tlabel\nit 's \"good \t1\nbad .\t0\n")
    dataset = read_dataset(path, labels=LABELS)
    assert dataset == Dataset(
        name="dev.tsv",
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        labels=LABELS,
        examples=(Example(texts=("it 's \"good ",), gold=(1,), line=2), Example(texts=("bad .",), gold=(0,), line=3)),
        by_id=True,
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
        content = separated(name, "text,label\na,0\nb,1\n")
    raw = content.encode()
    path = tmp_path / name
    path.write_bytes(gzip.compress(raw, mtime=0) if lower.endswith("gz") else raw)
    dataset = read_dataset(path)
    assert [(text, label) for text, label, _ in pairs(dataset)] == [("a", "0"), ("b", "1")]
    assert (dataset.name, dataset.sha256) == (name, hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.csv.gz"])
def test_byte_order_mark_is_ignored(tmp_path: Path, name: str) -> None:
    """A file that an editor began with a UTF-8 byte order mark reads like one without."""
    content = '\ufeff{"text": "a", "label": 1}\n' if "jsonl" in name else separated(name, "\ufefftext,label\na,1\n")
    path = write(tmp_path, name, content)
    assert read_dataset(path, labels=LABELS).examples[0].texts == ("a",)


@pytest.mark.parametrize("name", ["a.csv", "a.tsv"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_blank_lines_are_skipped_and_counted(tmp_path: Path, name: str, end: str) -> None:
    """Lines without a character hold no example but count as lines; the last line break may be missing."""
    content = separated(name, f"{end}text,label{end}{end}a,0{end}{end}b,1")
    assert pairs(read_dataset(write(tmp_path, name, content))) == [("a", "0", 4), ("b", "1", 6)]


def test_blank_lines_of_jsonl_are_skipped_and_counted(tmp_path: Path) -> None:
    """The same holds for JSON lines."""
    path = write(tmp_path, "a.jsonl", '\n{"text": "a", "label": 0}\r\n\r\n{"text": "b", "label": 1}')
    assert pairs(read_dataset(path)) == [("a", "0", 2), ("b", "1", 4)]


def test_text_column_comes_before_sentence(tmp_path: Path) -> None:
    """Where a file has both default columns, ``text`` is read."""
    path = write(tmp_path, "a.csv", "sentence,label,text\nno,0,yes\nno,1,yes\n")
    assert [example.texts[0] for example in read_dataset(path).examples] == ["yes", "yes"]


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
        (["1", "-2"], "line 3, column 'label': the id -2 is negative"),
        (["1", "1"], "column 'label': every example has the label '1', at least two labels are needed"),
        (["a"], "column 'label': every example has the label 'a', at least two labels are needed"),
    ],
)
def test_labels_that_cannot_be_inferred_are_explained(tmp_path: Path, cells: list[str], message: str) -> None:
    """Gaps and negative ids are named with a line; a single label is no classification."""
    with pytest.raises(DataError) as caught:
        inferred(tmp_path, *cells)
    assert caught.value.message == f"{tmp_path / 'a.tsv'}: {message}"


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
@pytest.mark.parametrize("labels", [None, LABELS])
def test_blanks_around_a_label_make_no_other_label(tmp_path: Path, name: str, labels: tuple[str, ...] | None) -> None:
    """' positive' is the label 'positive', for a model's labels and for those taken from the file."""
    cells = ["positive", " positive", "negative\u00a0", "  negative "]
    lines = [json.dumps({"text": "x", "label": cell}) for cell in cells]
    content = separated(name, "\n".join(["text,label", *(f"x,{cell}" for cell in cells)]))
    path = write(tmp_path, name, "\n".join(lines) if name == "a.jsonl" else content)
    dataset = read_dataset(path, labels=labels)
    assert dataset.labels == LABELS
    assert [example.gold[0] for example in dataset.examples] == [1, 1, 0, 0]
    assert not dataset.by_id


def test_a_name_with_blanks_is_found_as_it_is(tmp_path: Path) -> None:
    """A model may have a label with blanks around its name; a cell that equals it is that label."""
    path = write(tmp_path, "a.tsv", "text\tlabel\na\t no\nb\tno\n")
    assert [example.gold[0] for example in read_dataset(path, labels=("no", " no")).examples] == [1, 0]


@pytest.mark.parametrize("labels", [None, LABELS])
def test_ids_that_pandas_made_floats_are_ids(tmp_path: Path, labels: tuple[str, ...] | None) -> None:
    """A column with a hole becomes float in pandas, which writes 1 as 1.0, in a table and in JSON."""
    table = write(tmp_path, "a.csv", "text,label\na,1.0\nb,0.0\nc,1\n")
    lines = write(tmp_path, "a.jsonl", '{"text": "a", "label": 1.0}\n{"text": "b", "label": 0.0}\n')
    assert [example.gold[0] for example in read_dataset(table, labels=labels).examples] == [1, 0, 1]
    assert [example.gold[0] for example in read_dataset(lines, labels=labels).examples] == [1, 0]
    assert read_dataset(table).labels == ("0", "1")


def test_fractions_among_labels_make_all_of_them_names(tmp_path: Path) -> None:
    """1.0 beside 1.5 is a name: nothing is taken off it."""
    path = write(tmp_path, "a.tsv", "text\tlabel\nx\t1.0\nx\t1.5\n")
    assert read_dataset(path, task="text-classification").labels == ("1.0", "1.5")


@pytest.mark.parametrize("cell", ["-1", "-1.0", " -1"])
@pytest.mark.parametrize("labels", [None, LABELS])
def test_the_missing_label_of_glue_is_named_as_such(tmp_path: Path, cell: str, labels: tuple[str, ...] | None) -> None:
    """-1 is what GLUE's test sets have for 'no label', whether labels are inferred or given."""
    path = write(tmp_path, "test.tsv", f"sentence\tlabel\na\t1\nb\t{cell}\n")
    error = refusal(path, labels=labels)
    assert (
        error.message == f"{path}: line 3, column 'label': the label is -1, which means 'no label' in GLUE's test sets"
    )


def test_a_label_that_is_called_minus_one_is_a_label(tmp_path: Path) -> None:
    """Where the model has a label of that name it is meant."""
    path = write(tmp_path, "a.tsv", "text\tlabel\na\t-1\nb\t1\n")
    assert [example.gold[0] for example in read_dataset(path, labels=("-1", "0", "1")).examples] == [0, 2]


def test_it_is_known_whether_labels_were_ids(tmp_path: Path) -> None:
    """Ids beside given names are; names, numbers that are names, and inferred ids are not."""

    def by_id(cells: str, labels: tuple[str, ...] | None) -> bool:
        return read_dataset(
            write(tmp_path, "a.tsv", "text\tlabel\n" + "".join(f"x\t{cell}\n" for cell in cells.split())), labels=labels
        ).by_id

    assert by_id("0 1", LABELS)
    assert by_id("negative 1.0", LABELS)
    assert not by_id("negative positive", LABELS)
    assert not by_id("1 2.0", ("1", "2"))
    assert not by_id("0 1", None)


def test_names_that_are_numbers_are_never_ids(tmp_path: Path) -> None:
    """With the labels '1' and '2' the cell 1 is the name '1', and 0 is unknown rather than the first label."""
    path = write(tmp_path, "a.csv", "text,label\na,1\nb,2\n")
    assert [example.gold[0] for example in read_dataset(path, labels=("1", "2")).examples] == [0, 1]
    path = write(tmp_path, "b.csv", "text,label\na,0\n")
    assert refusal(path, labels=("1", "2")).message == f"{path}: line 2, column 'label': unknown label '0'"


@pytest.mark.parametrize("cell", ["neutral", "2", "-2", "Positive", "posi tive", "01", "+1", "1.5", ".0", "01.0", "١"])
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


# Round trips -----------------------------------------------------------------------------------------------------


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)


filled = words.filter(str.strip)


flat = filled.filter(lambda text: not set(text) & set("\t\r\n"))


labels_used = st.sampled_from(["refund", "card, lost", '"quoted"', "naïve"])


def check_round_trip(folder: Path, name: str, raw: bytes, rows: list[tuple[str, str]], lines: list[int]) -> None:
    labels = tuple(sorted({label for _, label in rows}))
    for packed in (False, True):
        path = folder / (name + ".gz" * packed)
        path.write_bytes(gzip.compress(raw, mtime=0) if packed else raw)
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


@given(rows=st.lists(st.tuples(filled, labels_used), min_size=1, max_size=8), ascii_only=st.booleans())
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
