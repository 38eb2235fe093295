"""A split of a Hub data set is read as JSON lines are, by the package ``datasets``, which is imported late."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from edgebert.data import read_dataset, read_training
from edgebert.errors import DataError, MissingExtraError


class Split(list[dict[str, Any]]):
    """Rows with features, which is all that is used of a ``datasets.Dataset``."""

    def __init__(self, rows: list[dict[str, Any]], **names: Any) -> None:
        super().__init__(rows)
        self.features = names


@pytest.fixture
def loads(monkeypatch):
    """Return what makes the Hub hold one split; the calls are kept in it."""
    calls = []

    def hold(result):
        def load_dataset(name, config, *, split):
            calls.append((name, config, split))
            if isinstance(result, Exception):
                raise result
            return result

        module = ModuleType("datasets")
        module.load_dataset = load_dataset
        monkeypatch.setitem(sys.modules, "datasets", module)
        return calls

    return hold


def test_ids_become_the_names_of_the_data_set(loads) -> None:
    """Labels and tags are ids there, whose names are in the features."""
    label = SimpleNamespace(names=["neg", "pos"])
    calls = loads(
        Split([{"sentence": "a", "label": 1, "idx": 0}, {"sentence": "b", "label": 0, "idx": 1}], label=label)
    )
    data = read_dataset("hub:owner/name:config#validation")
    assert calls == [("owner/name", "config", "validation")]
    assert (data.name, data.labels, [example.gold for example in data.examples]) == (
        "name:config#validation", ("neg", "pos"), [(1,), (0,)],
    )  # fmt: skip
    assert len(data.sha256) == 64
    tags = SimpleNamespace(feature=SimpleNamespace(names=["O", "B-x", "I-x"]))
    loads(Split([{"tokens": ["a", "b", "c"], "ner_tags": [1, 2, 0]}], tokens=SimpleNamespace(), ner_tags=tags))
    data = read_dataset("hub:name#train")
    assert (data.task, data.labels, data.examples[0].gold) == ("token-classification", ("O", "B-x", "I-x"), (1, 2, 0))


def test_questions_have_the_hub_s_lists(loads) -> None:
    """As in the data sets ``squad`` and ``squad_v2``."""
    answers = {"text": ["a"], "answer_start": [4]}
    calls = loads(Split([{"id": "1", "question": "b?", "context": "not a", "answers": answers}]))
    assert read_dataset("hub:rajpurkar/squad#train").examples[0].gold == (4, 5)
    assert calls == [("rajpurkar/squad", None, "train")]
    assert read_training("hub:rajpurkar/squad#train", labels=None).texts == ("b?", "not a")


def test_the_hash_is_of_the_rows(loads) -> None:
    """Equal rows have an equal hash, other rows another."""
    found = []
    for label in (1, 1, 0):
        loads(Split([{"text": "a", "label": label}]))
        found.append(read_training("hub:x#y", labels=("n", "p")).sha256)
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("reference", ["hub:", "hub:name", "hub:#train", "hub:a:b:c#train", "hub:a#", "hub:a#b#c"])
def test_what_is_no_reference_is_refused(loads, reference: str) -> None:
    """With the form that a reference has."""
    loads(Split([]))
    with pytest.raises(DataError, match="not a data set of the Hub") as caught:
        read_dataset(reference)
    assert "hub:NAME#SPLIT" in caught.value.hint


def test_what_cannot_be_loaded_says_why(loads) -> None:
    """In one line, without the package's own traceback."""
    loads(ConnectionError("no route\nto the Hub"))
    with pytest.raises(DataError, match=r"^hub:a#b: cannot be loaded: no route$"):
        read_dataset("hub:a#b")
    loads(Split([{"text": "a", "label": -1}]))
    with pytest.raises(DataError, match=r"^hub:a#b: line 1, key 'label': the label is -1"):
        read_dataset("hub:a#b")


def test_the_package_is_named_where_it_is_missing(monkeypatch) -> None:
    """With the extra that brings it."""
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(MissingExtraError, match="'datasets' is not installed") as caught:
        read_dataset("hub:a#b")
    assert "[train]" in caught.value.hint
