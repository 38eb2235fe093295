"""Words with tags, as CoNLL files and JSON lines have them, are read with the places of the words."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.data import read_dataset, read_training
from edgebert.datafiles.tags import broken_tags
from edgebert.errors import DataError
from edgebert.examples import Example
from tests.support.data_files import refusal, write

TAGS = ("O", "B-loc", "I-loc")


def test_a_conll_file_is_read_as_it_is(tmp_path: Path) -> None:
    """Words are joined by one space, their places kept; O is the first label, then each type with B before I."""
    content = "-DOCSTART-\tO\n\nNew\tB-loc\nYork\tI-loc\n.\tO\n \t \n\nBob\tB-a\n"
    data = read_dataset(write(tmp_path, "a.conll.gz", content))
    assert (data.task, data.labels, data.notes) == ("token-classification", ("O", "B-a", "B-loc", "I-loc"), ())
    assert data.examples == (
        Example(texts=("New York .",), gold=(2, 3, 0), line=3, words=((0, 3), (4, 8), (9, 10))),
        Example(texts=("Bob",), gold=(1,), line=8, words=((0, 3),)),
    )


@pytest.mark.parametrize("content", ["1 a X B-loc\n2   b Y O", "\ufeff1\ta\tX\tB-loc\r\n2\tb\tY\tO\r\n"])
def test_columns_are_chosen_by_number(tmp_path: Path, content: str) -> None:
    """Word and tag may be in any column, counted from either end; blanks, CRLF and a byte order mark are no matter."""
    path = write(tmp_path, "a.bio", content)
    assert read_dataset(path, text_column="2", labels=TAGS).examples[0] == Example(
        texts=("a b",), gold=(1, 0), line=1, words=((0, 1), (2, 3))
    )
    data = read_dataset(path, text_column="-3", label_column="3")
    assert (data.labels, data.examples[0].gold) == (("X", "Y"), (0, 1))
    assert refusal(path, labels=None, label_column="5").message == f"{path}: line 1: no column 5, there are 4"
    assert "a CoNLL file does not name its columns" in refusal(path, labels=None, label_column="tag").message
    assert "cannot be both the words and the tags" in refusal(path, labels=None, text_column="4").message


def test_only_line_feeds_end_lines(tmp_path: Path) -> None:
    """A word may hold what Unicode calls a line end, a no-break space, and, between tabs, a space."""
    words = ["a\u0085b", "c\u2028d", "e\u00a0f", "g h", "\u200b"]
    data = read_dataset(write(tmp_path, "a.conll", "".join(f"{word}\tO\n" for word in words)), labels=TAGS)
    assert [data.examples[0].texts[0][start:end] for start, end in data.examples[0].words] == words
    path = write(tmp_path, "b.conll", "a\u0085b O\nc\u2028d O\n")
    assert read_dataset(path, labels=TAGS).examples[0].texts == ("a\u0085b c\u2028d",)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a\tO\nb\tB-loc\tx\n", "line 2, column 3: 'x' is one too many; the line has 3 columns, line 1 has 2"),
        ("a\tO\nb\n", "line 2, column 2: missing; the line has 1 column, line 1 has 2"),
        ("a O\nb\tO\n", "line 2, column 2: missing; the line has 1 column, line 1 has 2"),
        ("a\tO\n\tO\n", "line 2, column 1: the word is empty"),
        ("a\tO\nb\t\n", "line 2, column 2: the tag is empty"),
        ("a\tO\n\nb\tO\nc\tB-per\n", "line 4, column 2: unknown tag 'B-per'"),
        ("a\nb\n", "line 1: only one column, where a word and its tag are needed"),
        ("a\tO\nb\0\tO\n", "line 2: a NUL byte at offset 5"),
        ("a\tO\rb\tO\r", "line 1: the lines end with a carriage return only"),
        ("\n \n-DOCSTART- O\n", "the file is empty"),
    ],
)
def test_lines_that_cannot_be_used_are_named(tmp_path: Path, content: str, message: str) -> None:
    """Each refusal has the line, and the column where there is one."""
    path = write(tmp_path, "a.conll", content)
    error = refusal(path, labels=TAGS)
    assert error.message == f"{path}: {message}"
    assert error.hint or "unknown" not in message


def test_a_file_with_one_tag_has_no_labels(tmp_path: Path) -> None:
    """One tag cannot be learnt; numbers need the names of the model."""
    path = write(tmp_path, "a.conll", "a\tO\nb\tO\n")
    assert refusal(path, labels=None).message == f"{path}: every word has the tag 'O', at least two are needed"
    path = write(tmp_path, "b.jsonl", '{"tokens": ["a", "b"], "ner_tags": [0, 1]}\n')
    assert "the tags are numbers, and the file does not name them" in refusal(path, labels=None).message
    data = read_dataset(path, labels=TAGS)
    assert (data.examples[0].gold, data.by_id) == ((0, 1), True)


def test_tags_that_break_bio_are_read_and_noted(tmp_path: Path) -> None:
    """They are counted, with the place of the first."""
    data = read_dataset(write(tmp_path, "a.conll", "a\tO\nb\tI-loc\nc\tI-loc\n\nd\tI-loc\n"), labels=TAGS)
    assert [example.gold for example in data.examples] == [(0, 2, 2), (2,)]
    (note,) = data.notes
    assert note.startswith("tags that continue an entity which is not open there: 2, read as they are; ")
    assert note.endswith("the first in line 2, column 2: 'I-loc'")


@given(st.lists(st.sampled_from(["O", "B-a", "I-a", "B-b", "I-b", "E-a", "S-a", "noun"]), max_size=12))
def test_a_tag_is_broken_unless_its_entity_is_open(tags: list[str]) -> None:
    """By a pattern over the tags before it: B or I of the same type is right before I or E."""
    broken = set(broken_tags(tags))
    for index, tag in enumerate(tags):
        before = tags[index - 1] if index else ""
        wanted = re.fullmatch("[IE]-(.)", tag)
        assert (index in broken) == (wanted is not None and before not in (f"B-{wanted[1]}", f"I-{wanted[1]}"))


def test_json_lines_with_tokens_are_read_as_conll_is(tmp_path: Path) -> None:
    """Both formats of the same words give the same examples."""
    rows = [(["New", "York"], ["B-loc", "I-loc"]), (["a b", "😀"], ["O", "O"])]
    lines = "".join(json.dumps({"tokens": tokens, "tags": tags}) + "\n" for tokens, tags in rows)
    conll = "\n".join("".join(f"{word}\t{tag}\n" for word, tag in zip(*row, strict=True)) for row in rows)
    first = read_dataset(write(tmp_path, "a.jsonl", lines))
    second = read_dataset(write(tmp_path, "a.conll", conll))
    assert first.labels == second.labels == TAGS
    assert [(e.texts, e.words, e.gold) for e in first.examples] == [(e.texts, e.words, e.gold) for e in second.examples]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"tokens": ["a"], "tags": ["O", "O"]}', "key 'tags': there are 2 tags for 1 tokens"),
        ('{"tokens": ["a", " "], "tags": ["O", "O"]}', "key 'tokens'[1]: the token is empty"),
        ('{"tokens": [], "tags": []}', "key 'tokens': there are no tokens"),
        ('{"tokens": ["a", 1], "tags": ["O", "O"]}', "key 'tokens'[1]: 1 is not a string"),
        ('{"tokens": "a", "tags": ["O"]}', "key 'tokens': 'a' is not a list"),
        ('{"tokens": ["a"], "tags": [1.5]}', "key 'tags'[0]: 1.5 is not a string"),
        ('{"tokens": ["a"], "tags": ["X"]}', "key 'tags'[0]: unknown tag 'X'"),
        ('{"tokens": ["a"], "tags": [7]}', "key 'tags'[0]: unknown tag '7'"),
        ('{"tokens": ["\\ud83d"], "tags": ["O"]}', "key 'tokens'[0]: the text holds half a surrogate pair, U+D83D"),
    ],
)
def test_objects_that_cannot_be_used_are_named(tmp_path: Path, line: str, message: str) -> None:
    """Each refusal has the line, the key and the index."""
    path = write(tmp_path, "a.jsonl", '{"tokens": ["a"], "tags": ["O"]}\n' + line + "\n")
    assert refusal(path, labels=TAGS).message.startswith(f"{path}: line 2, {message}")


def test_training_may_lack_tags(tmp_path: Path) -> None:
    """Objects without tags, and a .txt that is no CoNLL file, are texts without answers."""
    path = write(tmp_path, "a.jsonl", '{"tokens": ["a", "b"]}\n')
    found = read_training(path, task="token-classification", labels=TAGS)
    assert found.examples == (Example(texts=("a b",), line=1),)
    path = write(tmp_path, "a.txt", "one text a line\nand no tag\n")
    found = read_training(path, task="token-classification", labels=TAGS)
    assert (found.texts, found.examples[0].gold) == (("one text a line", "and no tag"), None)
    tagged = write(tmp_path, "b.txt", "one O\ntext B-loc\n")
    assert read_training(tagged, task="token-classification", labels=TAGS).examples[0].gold == (0, 1)


words = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r\n\t"), min_size=1).filter(
    lambda word: word.strip(" ") and not word.startswith(("-DOCSTART-", "\ufeff"))
)


@given(st.lists(st.lists(st.tuples(words, st.sampled_from(TAGS)), min_size=1, max_size=5), min_size=1, max_size=4))
@settings(max_examples=50, deadline=None)
def test_any_words_are_read_back(
    tmp_path_factory: pytest.TempPathFactory, sentences: list[list[tuple[str, str]]]
) -> None:
    """Whatever is between tabs and line feeds comes back at its place, with its tag and the line of its sentence."""
    content = "\n".join("".join(f"{word}\t{tag}\n" for word, tag in sentence) for sentence in sentences)
    data = read_dataset(write(tmp_path_factory.mktemp("conll"), "a.conll", content), labels=TAGS)
    line = 1
    assert len(data.examples) == len(sentences)
    for example, sentence in zip(data.examples, sentences, strict=True):
        found = [example.texts[0][start:end] for start, end in example.words]
        assert list(zip(found, (TAGS[index] for index in example.gold), strict=True)) == sentence
        assert example.line == line
        line += len(sentence) + 1


@given(st.sampled_from(["a.conll", "a.bio", "a.txt", "a.json", "a.jsonl", "a.conll.gz"]), st.binary(max_size=60))
@settings(max_examples=100, deadline=None)
def test_any_bytes_are_read_or_refused(tmp_path_factory: pytest.TempPathFactory, name: str, raw: bytes) -> None:
    """No content makes a reader fail with anything but an error that begins with the file."""
    path = tmp_path_factory.mktemp("any") / name
    path.write_bytes(raw)
    try:
        message = f"{path}: {len(read_dataset(path).examples)} examples"
    except DataError as error:
        message = error.message
    assert message.startswith(f"{path}: ")
