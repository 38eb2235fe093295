"""Bundles of every head, as export makes them, in Java and in JavaScript: the reference's tokens, Python's answers.

500 inputs each. The peers compute with their own code all but the model, whose outputs Python's runtime computed; on
the JVM, ONNX Runtime then computes those as well.
"""

from __future__ import annotations

import dataclasses
import functools
import json
import random
from typing import Any

import numpy as np
import pytest
from tokenizers import Tokenizer

from edgebert.answers import Prediction
from edgebert.examples import Example
from edgebert.prediction import open_predictor
from edgebert.spans import default_stride
from tests.support import fakes
from tests.support.jvm import Jvm
from tests.support.task_bundles import CASES, CONTEXT, MAX_LENGTH, TEXT, task_bundle
from tests.support.tokenizing import differences, random_pairs, random_texts, utf16_places, window_differences

COUNT = 500
FLOAT = "baseline/float32.onnx"
INT8 = "int8.onnx"
NEAR = 1e-5
STRIDE = default_stride(MAX_LENGTH)

HARD = (
    "",
    " \t",
    "\u200b\u0301",
    TEXT,
    "\U0001f44d\U0001f3fd e\u0301e\u0301 I\u0307 \u00c5ngstro\u0308m film",
    "the battery " * 40,
    "unbelievablelongword" * 8,
)


@functools.cache
def texts() -> tuple[str, ...]:
    """Texts of words that the model knows between emoji and marks, long ones, and random ones of every sort."""
    rng = random.Random(11)
    pieces = (*fakes.WORDS, *fakes.WORDS, "\U0001f600", "e\u0301", "e\u0323\u0301", "\u4e00", "\u0130", ".", "[SEP]")
    spoken = [" ".join(rng.choices(pieces, k=rng.choice((1, 3, 8, 30, 100)))) for _ in range(COUNT // 2)]
    made = random_texts(13, count=COUNT, tokens=[*fakes.VOCABULARY])
    return tuple(dict.fromkeys((*HARD, *spoken, *made)))[:COUNT]


@functools.cache
def pairs() -> tuple[tuple[str, str], ...]:
    """Pairs: a question that is empty, short, or longer than the window, and a context of no, one or many windows."""
    given = texts()
    hard = [(one, other) for one in HARD for other in (*HARD, CONTEXT * 3)]
    mixed = [(given[index], " ".join(given[index + 1 :][: index % 4])) for index in range(len(HARD), COUNT // 2)]
    made = random_pairs(17, count=COUNT, tokens=[*fakes.VOCABULARY])
    return tuple(dict.fromkeys((*hard, *mixed, *made)))[:COUNT]


def inputs(task: str) -> list[tuple[str, ...]]:
    """Return the inputs of a task."""
    return [*pairs()] if task == "question-answering" else [(text,) for text in texts()]


@functools.cache
def answered(task: Any, file: str) -> tuple[list[Any], list[dict[str, Any]]]:
    """Return what Python answers to the inputs of a task as the peers write it, and what the runtime computed for it.

    An input with nothing to read has no answer: the peers refuse it.
    """
    bundle = task_bundle(task).bundle
    predictor = open_predictor(bundle.root, file=file)
    answers: list[Any] = []
    records: dict[tuple[int, ...], Any] = {}
    for given in (*inputs(task), *(case.texts for case in bundle.golden().cases)):
        encoded = predictor.encode(Example(texts=given))
        outputs = predictor.outputs(encoded)
        records |= zip((window.ids for window in encoded.windows), outputs, strict=True)
        readable = encoded.windows[0].sequences[1] == 0
        answers.append(plain(predictor.head.decode(encoded, outputs, predictor.meaning)) if readable else None)
    order = [item.name for item in bundle.artifact(file).outputs]
    plain_records = [
        {"ids": ids, "outputs": [{"name": name, "values": outputs[name].ravel().tolist()} for name in order]}
        for ids, outputs in records.items()
    ]
    return answers[:COUNT], plain_records


def plain(answer: Prediction) -> dict[str, Any]:
    """Return an answer as both drivers write it: with places in UTF-16 units."""
    found = dataclasses.asdict(answer)
    match found:
        case {"entities": _}:
            units = utf16_places(found["text"])
            return {
                "entities": [
                    [item["text"], item["type"], units[item["start"]], units[item["end"]], item["score"]]
                    for item in found["entities"]
                ]
            }
        case {"context": context}:
            units = utf16_places(context)
            places = {"start": units[found["start"]], "end": units[found["end"]]}
            return {"answer": found["answer"], **places, "score": found["score"]}
        case {"labels": labels}:
            return {"labels": list(labels), "probabilities": dict(zip("abc", found["probabilities"], strict=True))}
        case {"vector": vector}:
            return {"vector": list(vector)}
    return {"value": found["value"]}


def apart(found: Any, expected: Any) -> float:
    """Return the largest difference of two numbers at the same place; infinite where anything else differs."""
    if isinstance(expected, float):
        return abs(found - expected) if isinstance(found, (int, float)) else np.inf
    if isinstance(expected, (list, dict)) and type(found) is type(expected) and len(found) == len(expected):
        keys = range(len(expected)) if isinstance(expected, list) else expected.keys()
        if isinstance(expected, dict) and found.keys() != expected.keys():
            return np.inf
        return max((apart(found[key], expected[key]) for key in keys), default=0)
    return 0 if found == expected else np.inf


def ask(peer: Any, task: Any, call: str, **more: Any) -> list[Any]:
    """Return what a peer answers to the inputs of a task; ``None`` where it says that there is nothing to read."""
    root = str(task_bundle(task).bundle.root)
    found = peer.call(call, folder=root, items=[{"texts": given} for given in inputs(task)], **more)
    assert {each for each in found if isinstance(each, str)} <= {"EMPTY_TEXT", "empty-text"}
    return [None if isinstance(each, str) else each for each in found]


def test_inputs_are_of_every_kind():
    """Short and long, empty, with emoji and marks; questions that are cut; contexts of none, one and many windows."""
    for given in (texts(), pairs()):
        assert len(given) == len(set(given)) == COUNT
    predictor = open_predictor(task_bundle("question-answering").bundle.root, file=INT8)
    encoded = [predictor.encode(Example(texts=given)) for given in pairs()]
    windows = [len(each.windows) for each in encoded]
    assert max(windows) > 5
    assert sum(count > 1 for count in windows) > COUNT // 10
    assert {each.truncated for each in encoded} == {True, False}
    assert sum(1 not in each.windows[0].sequences for each in encoded) > 5
    assert sum(any(ord(letter) > 0xFFFF for letter in context) for _, context in pairs()) > COUNT // 10
    answers, _ = answered("token-classification", INT8)
    found = [item for answer in answers if answer for item in answer["entities"]]
    assert {kind for _, kind, *_ in found} == {"PER"}
    assert len(found) > COUNT
    assert None in answers


@pytest.mark.parametrize("task", CASES)
def test_tokens_are_those_of_the_reference(peer, task):
    """Ids, offsets in both units, words and windows of a bundle's files equal those of its tokenizer.json."""
    root = task_bundle(task).bundle.root
    tokenizer = Tokenizer.from_file(str(root / "tokenizer.json"))
    tokenizer.no_truncation()
    text = json.loads((root / "edgebert.json").read_text(encoding="utf-8"))["text"]
    peer.call("tokenizer", vocab=str(root / "vocab.txt"), text=text)
    assert text["max_length"] == MAX_LENGTH
    if task == "question-answering":
        assert window_differences(peer, tokenizer, pairs(), max_length=MAX_LENGTH, stride=STRIDE) == []
    else:
        assert differences(peer, tokenizer, texts(), max_length=MAX_LENGTH) == []


@pytest.mark.parametrize("task", CASES)
def test_answers_are_those_of_python(peer, task):
    """From the same outputs the same labels, numbers, vectors, entities and answers, with their places and scores."""
    expected, records = answered(task, INT8)
    more = {"file": INT8} if isinstance(peer, Jvm) else {}
    found = ask(peer, task, "bundle answers", records=records, **more)
    assert sum(each is not None for each in found) > 0.9 * COUNT
    assert [given for given, *both in zip(inputs(task), found, expected, strict=True) if apart(*both) > NEAR] == []


@pytest.mark.parametrize("task", CASES)
def test_answers_of_the_runtime_on_the_jvm_are_those_of_python(ort_jvm, task):
    """A bundle's float file in ONNX Runtime for Java passes its golden texts and gives Python's answers."""
    expected, _ = answered(task, FLOAT)
    found = ask(ort_jvm, task, "model bundle answers", file=FLOAT)
    wrong = [given for given, *both in zip(inputs(task), found, expected, strict=True) if apart(*both) > NEAR]
    assert wrong == []


def test_other_answers_are_seen():
    """The comparison tells another word, place, score, an answer too many, and none."""
    one = {"entities": [["Ann", "PER", 0, 3, 0.5]]}
    assert apart(one, one) == 0
    assert apart(None, None) == 0
    assert apart({"entities": [["Ann", "PER", 0, 3, 0.5 + 2 * NEAR]]}, one) == pytest.approx(2 * NEAR)
    others = ([["Anna", "PER", 0, 3, 0.5]], [["Ann", "LOC", 0, 3, 0.5]], [["Ann", "PER", 0, 4, 0.5]], [])
    for wrong in (None, {"entity": []}, *({"entities": each} for each in others)):
        assert apart(wrong, one) == np.inf
