"""The task of a file is told by its columns and its suffix, and the reason is said."""

from __future__ import annotations

from pathlib import Path

import pytest

from edgebert.data import read_dataset, read_training, task_of
from edgebert.errors import DataError, UsageError
from tests.support.data_files import LABELS, write

SQUAD = '{"data": [{"paragraphs": [{"context": "a", "qas": [{"question": "b", "answers": []}]}]}]}'


@pytest.mark.parametrize(
    ("name", "content", "task", "reason"),
    [
        ("a.csv", "text,label\na,x\nb,y\n", "text-classification", "it has a column 'label'"),
        ("a.csv", "text,label\na,1\nb,0\n", "text-classification", "it has a column 'label'"),
        ("a.csv", "text,label\na,1.0\nb,0.0\n", "text-classification", "it has a column 'label'"),
        ("a.csv", "text,label\na,1.5\nb,x\n", "text-classification", "it has a column 'label'"),
        ("a.csv", "text,label\na,1.5\nb,0\n", "text-regression", "its column 'label' has numbers that are not whole"),
        ("a.csv", "text,score\na,1\nb,0\n", "text-regression", "its column 'score' has numbers"),
        ("a.csv", "text,score,label\na,1,x\nb,0,y\n", "text-classification", "it has a column 'label'"),
        ("a.csv", "text,labels\na,x\nb,y\n", "multi-label-classification", "it has a column 'labels'"),
        ("a.jsonl", '{"text": "a", "labels": ["x", "y"]}', "multi-label-classification", "it has a key 'labels'"),
        ("a.jsonl", '{"text": "a", "label": 0.5}', "text-regression", "its key 'label' has numbers that are not whole"),
        ("a.tsv", "sentence1\tsentence2\tscore\na\tb\t1\n", "feature-extraction", "it has pairs of texts"),
        ("a.conll", "a O\nb B-x\n", "token-classification", "each of its lines is a word with its tag"),
        ("a.txt", "a O\nb B-x\n\nc O\n", "token-classification", "each of its lines is a word with its tag"),
        ("a.jsonl", '{"tokens": ["a", "b"], "tags": ["O", "X"]}', "token-classification",
         "it has the keys 'tokens' and 'tags'"),
        ("a.jsonl", '{"text": "a", "entities": [{"start": 0, "end": 1, "type": "x"}]}', "token-classification",
         "it has the keys 'text' and 'entities'"),
        ("a.jsonl", '{"question": "b", "context": "a", "answers": []}', "question-answering",
         "it has the keys 'question' and 'context'"),
        ("a.json.gz", SQUAD, "question-answering", "it is a .json file, as SQuAD's are"),
    ],
)  # fmt: skip
def test_a_file_tells_its_task(tmp_path: Path, name: str, content: str, task: str, reason: str) -> None:
    """And is read as what it tells."""
    path = write(tmp_path, name, content)
    assert task_of(path) == (task, reason)
    assert read_dataset(path).task == task


def test_plain_texts_are_no_tags(tmp_path: Path) -> None:
    """Lines of two words are texts unless each ends with a tag, one of which is another than O."""
    for content in ("good film\nbad film\n", "good O\nbad O\n", "one O\ntwo words O\nB-x B-x B-x B-x\n", "B-x\nO\n"):
        path = write(tmp_path, "a.txt", content)
        assert task_of(path).task == "text-classification"
        assert read_training(path, labels=None).texts == tuple(content.splitlines())
        with pytest.raises(DataError, match="unknown format"):
            read_dataset(path)


def test_named_columns_tell_the_task(tmp_path: Path) -> None:
    """A column that is named is taken for what its values are."""
    path = write(tmp_path, "a.csv", "a,b,c,d\nx,y,1.5,z\nu,v,2,w\n")
    assert task_of(path, text_column="a", label_column="c").task == "text-regression"
    assert task_of(path, text_column="a", label_column="d").task == "text-classification"
    assert task_of(path, text_column="a", pair_column="b", label_column="c").task == "feature-extraction"


def test_labels_of_a_model_are_never_scores(tmp_path: Path) -> None:
    """Whoever gives labels wants them to be found."""
    path = write(tmp_path, "a.csv", "text,label\na,1.5\nb,2.5\n")
    assert read_dataset(path, labels=("1.5", "2.5")).labels == ("1.5", "2.5")


def test_a_task_must_be_one_and_have_labels_or_none(tmp_path: Path) -> None:
    """What does not fit is an error of the caller, by name and value."""
    path = write(tmp_path, "a.csv", "text,score\na,1\nb,2\n")
    with pytest.raises(UsageError, match="task is 'ner', not one of text-classification, "):
        read_dataset(path, task="ner")
    with pytest.raises(UsageError, match=r"labels is \('negative', 'positive'\), but text-regression has no labels"):
        read_dataset(path, task="text-regression", labels=LABELS)
    with pytest.raises(UsageError, match="expected names that differ, one at least"):
        read_dataset(path, task="token-classification", labels=())
    assert read_dataset(path, task="text-regression", labels=()).labels == ()
