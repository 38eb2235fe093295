"""Training texts are those of a data set, or texts without labels; half-labelled files are refused."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.data import TrainingTexts, read_dataset, read_training, training_texts
from edgebert.errors import DataError
from edgebert.examples import Example
from tests.support.data_files import LABELS, separated, write


def training_refusal(path: Path, **columns: str) -> DataError:
    with pytest.raises(DataError) as caught:
        read_training(path, labels=LABELS, **columns)
    assert "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize("name", ["a.csv", "a.tsv.gz", "a.jsonl"])
def test_labelled_training_texts_are_those_of_the_dataset(tmp_path: Path, name: str) -> None:
    """A labelled file gives the same texts, labels and hash to training as to evaluation."""
    content = separated(name, "label,text\npositive,a\n0,b\n")
    if "jsonl" in name:
        content = '{"text": "a", "label": "positive"}\n{"text": "b", "label": 0}\n'
    path = write(tmp_path, name, content)
    training, first = read_training(path, labels=LABELS), 1 if "jsonl" in name else 2
    assert training == training_texts(read_dataset(path, labels=LABELS))
    assert training == TrainingTexts(
        name=name,
        sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
        examples=(
            Example(texts=("a",), gold=(1,), line=first),
            Example(texts=("b",), gold=(0,), line=first + 1),
        ),
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
    assert (training.texts, [item.gold for item in training.examples]) == (("a, b", "c"), [None, None])


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
    assert [example.gold for example in read_training(path, labels=LABELS).examples] == [(1,), (1,)]


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl"])
def test_labels_of_training_texts_are_filled_in_all_or_none(tmp_path: Path, name: str) -> None:
    """A file with labels has one in every row."""
    content = separated(name, "text,label\na,1\nb,\n")
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
    assert error.hint == (
        "known formats: .csv, .tsv, .jsonl, .conll, .bio, .json, .txt, each optionally followed by .gz"
    )
    error = training_refusal(path, task="text-classification")
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
        assert len({item.gold is None for item in training.examples}) <= 1
    except DataError as error:
        message = error.message
    assert message.startswith(f"{path}: ")
