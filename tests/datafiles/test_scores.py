"""Texts with a number, pairs of texts, and texts alone where a task needs no answer."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.data import read_dataset, read_training
from edgebert.datafiles.scores import number_of
from edgebert.examples import Example
from tests.support.data_files import refusal, separated, write


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_numbers_are_read(tmp_path: Path, name: str) -> None:
    """Integers, fractions and exponents, from tables and from JSON."""
    content = separated(name, "text,score\na,2\nb,-.5\nc, 1e-3 \n")
    if name == "a.jsonl":
        rows = [{"text": "a", "score": 2}, {"text": "b", "score": -0.5}, {"text": "c", "score": "1e-3"}]
        content = "".join(json.dumps(row) + "\n" for row in rows)
    data = read_dataset(write(tmp_path, name, content))
    assert (data.task, data.labels) == ("text-regression", ())
    assert [example.gold for example in data.examples] == [(2.0,), (-0.5,), (0.001,)]


@pytest.mark.parametrize("cell", ["nan", "inf", "1e999", "1,5", "1_0", "٣", "five", "0x1"])
def test_what_is_no_finite_number_is_named(tmp_path: Path, cell: str) -> None:
    """With line and column."""
    path = write(tmp_path, "a.tsv", f"text\tscore\na\t1.5\nb\t{cell}\n")
    error = refusal(path, labels=None, task="text-regression")
    assert error.message == f"{path}: line 3, column 'score': {cell!r} is not a finite number"
    assert "decimal point" in error.hint


@pytest.mark.parametrize("value", ["NaN", "-Infinity", "true", "null", "[1]"])
def test_json_values_that_are_no_numbers_are_named(tmp_path: Path, value: str) -> None:
    """Also those which Python's reader of JSON takes."""
    path = write(tmp_path, "a.jsonl", f'{{"text": "a", "score": {value}}}\n')
    error = refusal(path, labels=None, task="text-regression")
    assert error.message.startswith(f"{path}: line 1, key 'score': ")
    assert "number" in error.message


def test_equal_scores_are_noted(tmp_path: Path) -> None:
    """They order nothing."""
    data = read_dataset(write(tmp_path, "a.tsv", "text\tscore\na\t1\nb\t1.0\n"))
    assert data.notes == ("every example has the score '1', so that it shows no order",)


@pytest.mark.parametrize(
    ("header", "columns"),
    [
        ("sentence1,sentence2,score", {}),
        ("text_a,text_b,label", {}),
        ("left,right,gold", {"text_column": "left", "pair_column": "right", "label_column": "gold"}),
        ("text,other,score", {"pair_column": "other"}),
    ],
)
def test_pairs_are_read(tmp_path: Path, header: str, columns: dict[str, str]) -> None:
    """Their columns have the usual names or given ones."""
    path = write(tmp_path, "a.csv", f"{header}\na,b,4.5\nc,d,0\n")
    data = read_dataset(path, **columns)
    assert data.task == "feature-extraction"
    assert data.examples == (
        Example(texts=("a", "b"), gold=(4.5,), line=2),
        Example(texts=("c", "d"), gold=(0.0,), line=3),
    )
    assert read_training(path, labels=(), task="feature-extraction", **columns).examples == data.examples


def test_embeddings_need_no_scores(tmp_path: Path) -> None:
    """Pairs without a score, texts alone and a .txt are data to compare embeddings on."""
    for name, content, texts in (
        ("a.csv", "sentence1,sentence2\na,b\n", ("a", "b")),
        ("b.csv", "text,x\na,b\n", ("a",)),
        ("a.txt", "a b\n", ("a b",)),
        ("a.jsonl", '{"sentence": "a"}', ("a",)),
    ):
        (example,) = read_dataset(write(tmp_path, name, content), task="feature-extraction").examples
        assert (example.texts, example.gold) == (texts, None)


@pytest.mark.parametrize(
    ("content", "columns", "message"),
    [
        (
            "sentence1,sentence2,score\na,b,1\nc\n",
            {},
            "line 3, column 'sentence2': missing; the row has 1 cell, the header 3",
        ),
        ("sentence1,sentence2,score\na,,1\n", {}, "line 2, column 'sentence2': the text is empty"),
        ("sentence1,sentence2,score\na,b,\n", {}, "line 2, column 'score': the score is empty"),
        (
            "a,b,score\na,b,1\n",
            {"text_column": "a", "pair_column": "x"},
            "line 1: no column 'x'; there are 'a', 'b', 'score'",
        ),
        ("a,b,score\na,b,1\n", {"text_column": "a", "pair_column": "a"}, "column 'a' cannot be both texts"),
        (
            "a,b,score\na,b,1\n",
            {"text_column": "a", "pair_column": "score"},
            "column 'score' cannot be both the text and the score",
        ),
    ],
)
def test_pairs_that_cannot_be_used_are_named(
    tmp_path: Path, content: str, columns: dict[str, str], message: str
) -> None:
    """With line and column."""
    path = write(tmp_path, "a.csv", content)
    assert refusal(path, labels=None, task="feature-extraction", **columns).message == f"{path}: {message}"


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_every_number_is_read_as_python_writes_it(number: float) -> None:
    """The shortest text of a number gives the same number."""
    assert number_of(repr(number)) == number
    assert number_of(f" {number:+e} ") == float(f"{number:e}")


@given(st.text(max_size=6))
def test_no_text_is_another_number_than_python_reads(text: str) -> None:
    """What is taken for a number is one to Python, and finite."""
    number = number_of(text)
    assert number is None or (math.isfinite(number) and float(text) == number)
