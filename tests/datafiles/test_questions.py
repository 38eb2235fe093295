"""Questions are read with the places of their answers, from SQuAD's format and from JSON lines."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from edgebert.cli.options import DataColumns
from edgebert.data import read_dataset, read_training
from edgebert.examples import Example
from edgebert.meaning import Meaning
from tests.support.data_files import refusal, write

CONTEXT = "😀 Bob met Ann, and Ann met Bob."


def squad(*questions: dict[str, Any], context: str = CONTEXT) -> str:
    return json.dumps(
        {"version": "v2.0", "data": [{"title": "T", "paragraphs": [{"context": context, "qas": questions}]}]}
    )


def question(*answers: tuple[str, int], **more: Any) -> dict[str, Any]:
    return {
        "id": "q7",
        "question": "Who?",
        "answers": [{"text": text, "answer_start": start} for text, start in answers],
    } | more


def test_squad_is_read_with_all_of_its_answers(tmp_path: Path) -> None:
    """Places are code points, equal answers are one, and a question without an answer has none."""
    content = "\ufeff" + squad(
        question(("Bob", 2), ("Ann", 10), ("Bob", 2)), question(is_impossible=True, plausible_answers=[]), question()
    )
    data = read_dataset(write(tmp_path, "a.json.gz", content))
    assert (data.task, data.labels, data.notes) == ("question-answering", (), ())
    assert data.examples == (
        Example(texts=("Who?", CONTEXT), gold=(2, 5, 10, 13), line=1),
        Example(texts=("Who?", CONTEXT), gold=(), line=2),
        Example(texts=("Who?", CONTEXT), gold=(), line=3),
    )
    assert [CONTEXT[2:5], CONTEXT[10:13]] == ["Bob", "Ann"]


@pytest.mark.parametrize("answers", [[{"text": "Ann", "answer_start": 10}], {"text": ["Ann"], "answer_start": [10]}])
def test_json_lines_have_lists_of_objects_or_the_lists_of_the_hub(tmp_path: Path, answers: object) -> None:
    """Both ways of the same answer are read alike; the context may be empty."""
    rows = [
        {"question": "Who?", "context": CONTEXT, "answers": answers},
        {"question": "Who?", "context": "", "answers": []},
    ]
    data = read_dataset(write(tmp_path, "a.jsonl", "\n".join(map(json.dumps, rows))))
    assert data.task == "question-answering"
    assert data.examples == (
        Example(texts=("Who?", CONTEXT), gold=(10, 13), line=1),
        Example(texts=("Who?", ""), gold=(), line=2),
    )


def test_answers_without_a_certain_place_can_be_left_out(tmp_path: Path) -> None:
    """It is noted how many; all of them is no data."""
    uncertain = question(("Bob", 2), offset_exact=False)
    path = write(tmp_path, "a.json", squad(uncertain, question(("Ann", 10), offset_exact=True)))
    assert len(read_dataset(path).examples) == 2
    data = read_dataset(path, exact_offsets=True)
    assert [example.gold for example in data.examples] == [(10, 13)]
    assert data.notes == ("questions left out, because the places of their answers are not certain (offset_exact): 1",)
    columns = DataColumns()
    assert len(columns.training(path, "question-answering", Meaning()).examples) == 1
    assert len(columns.dataset(path, "question-answering", None).examples) == 2
    assert read_training(path, labels=(), task="question-answering", exact_offsets=True).examples == data.examples
    path = write(tmp_path, "b.json", squad(uncertain))
    with pytest.raises(Exception, match="no question whose answer has a certain place"):
        read_dataset(path, exact_offsets=True)


@pytest.mark.parametrize(
    ("broken", "message", "hint"),
    [
        (question(("Ann", 9)), "the answer 'Ann' is not at its answer_start 9; there is ' An'", "first at 10"),
        (question(("Ann", -22)), "the answer 'Ann' is not at its answer_start -22", "first at 10"),
        (question(("Eve", 99)), "the answer 'Eve' is not at its answer_start 99", "not in it"),
        (question((" ", 1)), "key 'answers'[0]: the answer is empty", "leave the answers out"),
        (
            question(("Bob", 2), is_impossible=True),
            "is_impossible is true, but there are answers",
            "is_impossible true",
        ),
        (question(is_impossible=False), "is_impossible is false, but there are no answers", "is_impossible true"),
        (question(question=" "), "key 'question': the question is empty", "fill in"),
        (question(question=None), "key 'question': None is not a string", ""),
        (question(answers="Bob"), "key 'answers': 'Bob' is not a list", ""),
        (question(answers=[{"text": "Bob"}]), "key 'answers'[0]: no key 'answer_start'; there is 'text'", "from 0"),
        (
            question(answers=[{"text": "Bob", "answer_start": "2"}]),
            "key 'answers'[0], key 'answer_start': '2' is not",
            "",
        ),
        (question(question="\ud83d?"), "key 'question': the text holds half a surrogate pair, U+D83D", "both halves"),
        ({"id": "q7", "question": "Who?"}, "no key 'answers'; there are 'id', 'question'", "empty list"),
    ],
)
def test_questions_that_cannot_be_used_are_named(
    tmp_path: Path, broken: dict[str, Any], message: str, hint: str
) -> None:
    """Each refusal has the article, the paragraph and the id, or in JSON lines the line; the hint says what helps."""
    path = write(tmp_path, "a.json", squad(question(("Bob", 2)), broken))
    error = refusal(path, labels=None)
    place = f"{path}: article 1 ('T'), paragraph 1, question 'q7'"
    assert error.message.startswith((f"{place}: {message}", f"{place}, {message}"))
    assert hint in error.hint
    path = write(tmp_path, "a.jsonl", json.dumps(broken | {"context": CONTEXT}))
    if "answers" in broken:
        error = refusal(path, labels=None)
        assert error.message.startswith((f"{path}: line 1: {message}", f"{path}: line 1, {message}"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "the file is empty"),
        ('[{"text": "a", "label": 1}]', "[{'text': 'a', 'label': 1}] is not an object"),
        ('{"data": {}}', ", key 'data': {} is not a list"),
        ('{"data": [{}]}', "article 1: no key 'paragraphs'; there are none"),
        ('{"data": [{"title": "T", "paragraphs": [7]}]}', "article 1 ('T'), paragraph 1: 7 is not an object"),
        ('{"data": [{"paragraphs": [{"context": "a"}]}]}', "article 1, paragraph 1: no key 'qas'; there is 'context'"),
        ('{"data": []}', "there is no question"),
        ('{"data":\n [}', "line 2, column 3: not JSON: Expecting value"),
        ('{"data": [], "data": []}', "not JSON that edgebert reads: the key 'data' appears twice"),
        ('{"data":\0 []}', "line 1: a NUL byte at offset 8"),
    ],
)
def test_a_json_file_that_is_no_squad_is_refused(tmp_path: Path, content: str, message: str) -> None:
    """The message names the first part that is wrong."""
    path = write(tmp_path, "a.json", content)
    assert refusal(path, labels=None).message == f"{path}{message if message[0] == ',' else f': {message}'}"


def test_a_long_file_of_one_line_is_read(tmp_path: Path) -> None:
    """SQuAD's files are one line of many megabytes; a text in them is as long as a line elsewhere."""
    path = write(tmp_path, "a.json", squad(*[question(("Bob", 2))] * 20_000))
    assert path.stat().st_size > 1_500_000
    data = read_dataset(path)
    assert len(data.examples) == 20_000
    assert len({id(example.texts[1]) for example in data.examples}) == 1
    path = write(tmp_path, "b.json", squad(question(), context="a" * 1_000_001))
    assert "a text is longer than 1,000,000 characters" in refusal(path, labels=None).message


def test_the_parts_of_a_file_have_a_limit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file of nothing but brackets would fill the memory."""
    monkeypatch.setattr("edgebert.datafiles.questions.PARTS", 1000)
    path = write(tmp_path, "a.json", "[" + ",".join(["{}"] * 1000) + "]")
    assert refusal(path, labels=None).message == f"{path}: has more than 1,000 objects, lists and quotes"
    assert len(read_dataset(write(tmp_path, "b.json", squad(question()))).examples) == 1


def test_texts_alone_have_no_answers(tmp_path: Path) -> None:
    """Whoever asks for no labels gets questions and contexts; JSON lines may lack the answers."""
    path = write(tmp_path, "a.json", squad(question(("Bob", 2))))
    found = read_training(path, labels=None)
    assert (found.texts, found.examples[0].gold) == (("Who?", CONTEXT), None)
    path = write(tmp_path, "a.jsonl", json.dumps({"question": "Who?", "context": CONTEXT}))
    assert read_training(path, labels=(), task="question-answering").examples[0].gold is None
    assert refusal(path, labels=None).message == f"{path}: line 1: no key 'answers'; there are 'question', 'context'"
