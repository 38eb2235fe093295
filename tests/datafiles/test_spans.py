"""Entities given by their characters become tags of words."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import normalizers, pre_tokenizers

from edgebert.data import read_dataset
from edgebert.datafiles.spans import words_of
from tests.support.data_files import refusal, write


def lines(*rows: tuple[str, list[dict[str, object]]]) -> str:
    return "".join(json.dumps({"text": text, "entities": entities}) + "\n" for text, entities in rows)


def test_spans_become_tags_of_words(tmp_path: Path) -> None:
    """A word in which an entity begins or ends is split; what is behind an emoji is counted in code points."""
    text = "😀 New York-based O'Neil."
    entities = [{"start": 2, "end": 10, "label": "loc", "text": "New York"}, {"start": 17, "end": 19, "type": "x y"}]
    data = read_dataset(write(tmp_path, "a.jsonl", lines((text, entities), ("none", []))))
    assert (data.task, data.labels) == ("token-classification", ("O", "B-loc", "I-loc", "B-x y", "I-x y"))
    first, second = data.examples
    words, tags = [text[start:end] for start, end in first.words], [data.labels[index] for index in first.gold]
    assert list(zip(words, tags, strict=True)) == [
        ("😀", "O"), ("New", "B-loc"), ("York", "I-loc"), ("-", "O"), ("based", "O"), ("O", "B-x y"), ("'", "I-x y"),
        ("Neil", "O"), (".", "O"),
    ]  # fmt: skip
    assert (second.gold, second.words) == ((0,), ((0, 4),))


def test_an_entity_may_be_part_of_a_word(tmp_path: Path) -> None:
    """Two entities may meet within a word."""
    entities = [{"start": 4, "end": 7, "label": "b"}, {"start": 1, "end": 4, "label": "a"}]
    data = read_dataset(write(tmp_path, "a.jsonl", lines(("abcdefgh", entities))))
    assert data.examples[0].words == ((0, 1), (1, 4), (4, 7), (7, 8))
    assert [data.labels[index] for index in data.examples[0].gold] == ["O", "B-a", "B-b", "O"]


@pytest.mark.parametrize(
    ("entities", "message"),
    [
        ([{"start": 0, "end": 9, "label": "a"}], "[0]: 0 to 9 is not a span of a text of 8 characters"),
        ([{"start": 3, "end": 3, "label": "a"}], "[0]: 3 to 3 is not a span of a text of 8 characters"),
        ([{"start": -1, "end": 3, "label": "a"}], "[0]: -1 to 3 is not a span of a text of 8 characters"),
        ([{"start": 0, "end": 3, "label": "a", "text": "two"}], "[0]: the text 'two' is not at 0 to 3; there is 'one'"),
        (
            [{"start": 0, "end": 5, "label": "a"}, {"start": 4, "end": 7, "label": "b"}],
            "[1]: 4 to 7 overlaps [0], 0 to 5",
        ),
        ([{"start": 3, "end": 4, "label": "a"}], "[0]: ' ' has no word"),
        ([{"start": 7, "end": 8, "label": "a"}], "[0]: '\\u200b' has no word"),
        ([{"start": 0, "label": "a"}], "[0]: no key 'end'; there are 'start', 'label'"),
        ([{"start": 0, "end": 3}], "[0]: no key 'label'; there are 'start', 'end'"),
        ([{"start": 0, "end": 3, "label": " "}], "[0], key 'label': the type is empty"),
        ([{"start": True, "end": 3, "label": "a"}], "[0], key 'start': True is not an integer"),
        ([{"start": "0", "end": 3, "label": "a"}], "[0], key 'start': '0' is not an integer"),
    ],
)
def test_spans_that_cannot_be_used_are_named(tmp_path: Path, entities: list[dict[str, object]], message: str) -> None:
    """Each refusal has line, key and number of the entity, and the hint says how places are counted."""
    path = write(tmp_path, "a.jsonl", "\n" + lines(("one two\u200b", entities)))
    error = refusal(path, labels=None)
    assert error.message == f"{path}: line 2, key 'entities'{message}"


def test_what_is_no_entity_is_refused(tmp_path: Path) -> None:
    """A list in place of an object, and a text in place of a list."""
    path = write(tmp_path, "a.jsonl", lines(("one", []), ("one", [[0, 3, "a"]])))
    assert refusal(path, labels=None).message == f"{path}: line 2, key 'entities'[0]: [0, 3, 'a'] is not an object"
    path = write(
        tmp_path,
        "b.jsonl",
        '{"text": "one", "spans": [{"start": 0, "end": 3, "label": "a"}]}\n{"text": "a", "spans": ""}',
    )
    assert refusal(path, labels=None).message == f"{path}: line 2, key 'spans': '' is not a list"


def test_a_type_that_the_model_has_not_is_named(tmp_path: Path) -> None:
    """The tag is named with the line, and the hint lists the model's."""
    path = write(tmp_path, "a.jsonl", lines(("one", [{"start": 0, "end": 3, "label": "b"}])))
    error = refusal(path, labels=("O", "B-a", "I-a"))
    assert error.message == f"{path}: line 1, key 'entities': unknown tag 'B-b'"
    assert error.hint == "the model's tags are O, B-a, I-a"


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
def test_words_are_those_of_the_pre_tokenizer(text: str) -> None:
    """As many words as BERT's normalizer and pre-tokenizer make, in order, none of them empty or with a blank."""
    normal = normalizers.BertNormalizer(lowercase=False, strip_accents=False).normalize_str(text)
    expected = [word for word, _ in pre_tokenizers.BertPreTokenizer().pre_tokenize_str(normal)]
    found = words_of(text)
    assert len(found) == len(expected)
    assert all(start < end for start, end in found)
    assert all(before[1] <= after[0] for before, after in pairwise(found))
