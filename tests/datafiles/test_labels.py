"""Several labels of a text are read from a list, or from names between bars."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.data import read_dataset, read_training
from tests.support.data_files import refusal, write

TASK = "multi-label-classification"


def names(path: Path, **options: object) -> list[set[str]]:
    data = read_dataset(path, **options)
    assert data.task == TASK
    assert all(tuple(sorted(example.gold)) == example.gold for example in data.examples)
    return [{data.labels[index] for index in example.gold} for example in data.examples]


def test_bars_and_lists_are_read(tmp_path: Path) -> None:
    """Both ways in a table, a list in JSON; an empty cell is no label, and a name twice is one label."""
    rows = [("a", 'x|"y, z"| w '), ("b", '["x", "é|😀"]'), ("c", ""), ("d", "x|x"), ("e", "[]")]
    table = io.StringIO(newline="")
    csv.writer(table).writerows([("text", "labels"), *rows])
    path = write(tmp_path, "a.csv", table.getvalue())
    expected = [{"x", '"y, z"', "w"}, {"x", "é|😀"}, set(), {"x"}, set()]
    assert names(path) == expected
    lists = [["x", '"y, z"', " w"], ["x", "é|😀"], [], ["x", "x"], []]
    lines = "".join(json.dumps({"text": row[0], "labels": cell}) + "\n" for row, cell in zip(rows, lists, strict=True))
    assert names(write(tmp_path, "a.jsonl", lines)) == expected


def test_ids_are_read(tmp_path: Path) -> None:
    """Ids of the model's labels, or those that the file counts."""
    path = write(tmp_path, "a.tsv", "text\tlabels\na\t0|2\nb\t1\n")
    assert read_dataset(path).labels == ("0", "1", "2")
    data = read_dataset(path, labels=("x", "y", "z"))
    assert ([example.gold for example in data.examples], data.by_id) == ([(0, 2), (1,)], True)
    path = write(tmp_path, "a.jsonl", '{"text": "a", "labels": [0, 2.0]}\n')
    assert read_dataset(path, labels=("x", "y", "z")).examples[0].gold == (0, 2)


@pytest.mark.parametrize(
    ("cell", "message"),
    [
        ("x|q", "unknown label 'q'"),
        ("x||y", "a label in 'x||y' is empty"),
        ("['x', 'y']", "\"['x', 'y']\" is not a JSON list"),
        ("[1.5]", "1.5 is neither a label's name nor its id"),
        ("[null]", "None is neither a label's name nor its id"),
        ("-1", "the label is -1, which means 'no label' in GLUE's test sets"),
    ],
)
def test_labels_that_cannot_be_used_are_named(tmp_path: Path, cell: str, message: str) -> None:
    """With line and column."""
    path = write(tmp_path, "a.tsv", f"text\tlabels\na\tx\nb\t{cell}\n")
    error = refusal(path, labels=("x", "y"))
    assert error.message == f"{path}: line 3, column 'labels': {message}"
    assert error.hint or "neither" in message


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("5", "5 is not a list of labels' names or ids"),
        ("[true]", "[0]: True is neither a label's name nor its id"),
        ('["\\ud800"]', "[0]: the label holds half a surrogate pair, U+D800, which is no character"),
    ],
)
def test_json_values_that_are_no_labels_are_named(tmp_path: Path, value: str, message: str) -> None:
    """With line, key and index."""
    path = write(tmp_path, "a.jsonl", f'{{"text": "a", "labels": {value}}}\n')
    separator = "" if message[0] == "[" else ": "
    assert refusal(path, labels=("x", "y")).message == f"{path}: line 1, key 'labels'{separator}{message}"


def test_a_file_needs_two_labels(tmp_path: Path) -> None:
    """None, or one for all, cannot be learnt."""
    path = write(tmp_path, "a.tsv", "text\tlabels\na\tx\nb\t\n")
    assert "every example has the label 'x', at least two labels are needed" in refusal(path, labels=None).message
    path = write(tmp_path, "b.tsv", "text\tlabels\na\t\n")
    assert refusal(path, labels=None).message == f"{path}: column 'labels': no example has a label"


def test_names_beside_numbers_are_noted(tmp_path: Path) -> None:
    """Where the file gives the labels, numbers among names may be ids of them: it is read, and said."""
    path = write(tmp_path, "a.tsv", "text\tlabel\na\tx\nb\t1\n")
    (note,) = read_dataset(path).notes
    assert note == "labels are numbers and names, and all are read as names: '1' first in line 3, 'x' in line 2"
    assert read_dataset(path, labels=("x", "1")).notes == ()


def test_training_may_lack_labels(tmp_path: Path) -> None:
    """A file without the column has texts alone."""
    path = write(tmp_path, "a.csv", "text\na\n")
    assert read_training(path, task=TASK, labels=("x", "y")).examples[0].gold is None
    path = write(tmp_path, "b.csv", "text,labels\na,y\nb,\n")
    assert [example.gold for example in read_training(path, labels=("x", "y")).examples] == [(1,), ()]


label = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=8).map(
    str.strip
)


@given(st.lists(st.lists(label.filter(bool), max_size=4), min_size=1, max_size=5), st.sampled_from(["csv", "jsonl"]))
@settings(max_examples=60, deadline=None)
def test_any_names_are_read_back(tmp_path_factory: pytest.TempPathFactory, rows: list[list[str]], layout: str) -> None:
    """JSON lists hold any names: with bars, commas, quotes, brackets, emoji, line breaks."""
    known = tuple(sorted({name for row in rows for name in row} | {"other", "more"}))
    if layout == "csv":
        table = io.StringIO(newline="")
        csv.writer(table).writerows([("text", "labels"), *(("a", json.dumps(row, ensure_ascii=False)) for row in rows)])
        content = table.getvalue()
    else:
        content = "".join(json.dumps({"text": "a", "labels": row}) + "\n" for row in rows)
    path = write(tmp_path_factory.mktemp("names"), f"a.{layout}", content)
    assert names(path, labels=known) == [set(row) for row in rows]
