"""The screen of the app for each task: Python's answers, in words, bars and marks."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

import export.apk.build
from edgebert.examples import Example
from edgebert.prediction import open_predictor, predict
from tests.android.phone import Phone, texts
from tests.support.task_bundles import CONTEXT, TEXT, task_bundle
from tests.support.tokenizing import utf16_places

FLOAT = "baseline/float32.onnx"
OTHER = "the battery is bad"


@pytest.fixture
def open_app(classes, tmp_path):
    """Return a function that puts the bundle of a task into the app and opens it, with the float file chosen."""
    phones: list[Phone] = []

    def opened(task: Any) -> Phone:
        export.apk.build.assets(task_bundle(task).bundle.root, tmp_path / "assets", debug=True)
        phone = Phone(classes, tmp_path, debuggable=True)
        phones.append(phone)
        phone.start()
        phone.show()
        phone.reply("choose", id="model", place=1)
        return phone

    yield opened
    for phone in phones:
        phone.__exit__()


def python(task: Any, *given: Any) -> list[dict[str, Any]]:
    """Return what Python answers by the same file."""
    return [*map(dataclasses.asdict, predict(task_bundle(task).bundle.root, given, file=FLOAT))]


def marks(shown: dict[str, Any]) -> list[str]:
    """Return the parts of the text that have another background."""
    units = shown["marked"]["text"].encode("utf-16-le")
    found = [(start, end) for kind, start, end in shown["marked"]["marks"] if kind == "BackgroundColorSpan"]
    return [units[2 * start : 2 * end].decode("utf-16-le") for start, end in found]


def fields(shown: dict[str, Any]) -> list[str]:
    """Return the names of the fields that are shown, and the word on the button."""
    second = [shown["second_name"]["text"]] if shown["pair"]["visible"] else []
    return [shown["text_name"]["text"], *second, shown["ask"]["text"]]


def test_labels_have_bars(open_app):
    """Labels above their thresholds are the title; each has a bar, and words where it is not above."""
    phone = open_app("multi-label-classification")
    phone.ask(TEXT)
    shown = phone.show()
    (expected,) = python("multi-label-classification", TEXT)
    assert fields(shown) == ["Text", "Classify"]
    assert shown["title"]["text"] == (", ".join(expected["labels"]) or texts()["answer_no_label"])
    rows = shown["bars"]["children"]
    words, bars = [row["text"] for row in rows[::2]], [row["share"] for row in rows[1::2]]
    assert bars == pytest.approx(sorted(expected["probabilities"], reverse=True), abs=1e-3)
    assert [row[0] for row in words[: len(expected["labels"])]] == list(expected["labels"])
    assert sum("not above 50%" in row for row in words) == len("abc") - len(expected["labels"])
    assert not shown["marked"]["visible"]


def test_a_number_is_shown(open_app):
    """The number of a regression is shown with three decimals."""
    phone = open_app("text-regression")
    phone.ask(TEXT)
    shown = phone.show()
    (expected,) = python("text-regression", TEXT)
    assert fields(shown) == ["Text", "Score"]
    assert float(shown["title"]["text"]) == pytest.approx(expected["value"], abs=6e-4)
    assert shown["bars"]["children"] == []


def test_entities_are_marked_in_the_text(open_app):
    """Each entity is marked at its place behind emoji and accents, with its type; the rest of the text stays."""
    phone = open_app("token-classification")
    text = f"{TEXT} \U0001f44d {OTHER}"
    phone.ask(text)
    shown = phone.show()
    (expected,) = python("token-classification", text)
    assert fields(shown) == ["Text", "Find entities"]
    assert shown["title"]["text"] == f"Entities: {len(expected['entities'])}"
    found = marks(shown)
    assert len(found) > 1
    for mark, entity in zip(found, expected["entities"], strict=True):
        assert mark.startswith(f"{entity['text']} {entity['type']} ")
    rest = shown["marked"]["text"]
    for mark, entity in zip(found, expected["entities"], strict=True):
        rest = rest.replace(mark, entity["text"], 1)
    assert rest == text


def test_the_answer_is_marked_in_the_context(open_app):
    """The answer is the title and is marked in its context; without one the screen says so; fields come back."""
    phone = open_app("question-answering")
    assert fields(phone.show()) == ["Question", "Context", "Answer"]
    context = f"\U0001f600 {CONTEXT} {CONTEXT} {CONTEXT} {CONTEXT}"
    phone.ask("good film ?", context)
    phone.reply("turn")
    shown = phone.show()
    (expected,) = python("question-answering", ("good film ?", context))
    assert shown["second"]["text"] == context
    assert shown["title"]["text"].startswith(f"{expected['answer']}, ")
    units = utf16_places(context)
    assert shown["marked"]["text"] == context
    assert shown["marked"]["marks"] == [["BackgroundColorSpan", units[expected["start"]], units[expected["end"]]]]
    predictor = open_predictor(task_bundle("question-answering").bundle.root, file=FLOAT)
    windows = predictor.encode(Example(texts=("good film ?", context))).windows
    assert len(windows) > 1
    assert f"Read in {len(windows)} parts" in shown["details"]["text"]
    phone.ask("good film ?", "")
    shown = phone.show()
    assert shown["title"]["text"] == texts()["answer_none"]
    assert not shown["marked"]["visible"]
    phone.ask("", context)
    shown = phone.show()
    assert shown["status"]["text"] == texts()["error_empty_text"]
    assert not shown["answer"]["visible"]


def test_the_similarity_of_two_texts_is_shown(open_app):
    """The cosine of two embeddings is shown; a second text with nothing to read is a message and no similarity."""
    phone = open_app("feature-extraction")
    phone.ask(TEXT, OTHER, taps=3)
    shown = phone.show()
    first, second = (np.float64(item["vector"]) for item in python("feature-extraction", TEXT, OTHER))
    cosine = first @ second / np.sqrt((first @ first) * (second @ second))
    assert fields(shown) == ["First text", "Second text", "Compare"]
    assert float(shown["title"]["text"].removeprefix("Similarity ")) == pytest.approx(cosine, abs=6e-4)
    phone.ask(TEXT, " ")
    assert phone.show()["status"]["text"] == texts()["error_empty_text"]


def test_a_question_before_the_model_is_open_is_answered(classes, tmp_path):
    """Which fields count is known when the bundle is read: what was asked before is answered then."""
    export.apk.build.assets(task_bundle("question-answering").bundle.root, tmp_path / "assets", debug=False)
    with Phone(classes, tmp_path) as phone:
        phone.start()
        phone.ask("good film ?", CONTEXT)
        shown = phone.show()
    assert shown["answer"]["visible"]
    assert shown["marked"]["text"] == CONTEXT
