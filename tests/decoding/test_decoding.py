"""Answers of each task in Java and in JavaScript: those that Python makes of the same outputs."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from edgebert.entities import find_entities
from edgebert.meaning import TaskSettings
from edgebert.spans import best_spans
from edgebert.text import TextEncoder
from export.apk.unicode_tables import read_tables
from tests.support.fakes import SPECIALS
from tests.support.jvm import Jvm
from tests.support.peer import Refused
from tests.support.tokenizing import character_vocabulary, random_pairs, reference, utf16_places, write_vocabulary

MAX_LENGTH = 48
LENGTHS = [16, 32, MAX_LENGTH]
STRIDE = 12

HARD = (
    "\U0001f44d\U00020000 Ann\u0301a ist in I\u0307stanbul, \u0130zmir & S\u00e3o Paulo!",
    "\u4e00\u9fff at\u200bB and e\u0301e\u0301 [MASK] x[SEP]y \uac01\uac01",
    "word " * 60,
    "unbelievablelongword" * 5 + " and more",
)

BIO = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
BIOES = ("O", "B-PER", "I-PER", "E-PER", "S-PER", "S-LOC", "B-LOC", "E-LOC")
BILOU = ("O", "B-x-y", "I-x-y", "L-x-y", "U-x-y")
PLAIN = ("O", "noun", "E-mail", "a-b-c", "B", "-x")


@pytest.fixture(scope="module")
def vocabulary(tmp_path_factory):
    """A vocabulary in which every character of ordinary texts has ids of its own."""
    codes = (*range(0x20, 0x180), *range(0x300, 0x330), *range(0x1100, 0x1200), 0x4E00, 0x9FFF, 0x1F44D, 0x20000)
    return write_vocabulary(tmp_path_factory.mktemp("vocabulary") / "vocab.txt", character_vocabulary(codes))


@pytest.fixture
def encoder(peer, vocabulary):
    """Python's encoder; the peer has made the same of the vocabulary."""
    ids = {f"{name}_id": SPECIALS.index(f"[{name.upper()}]") for name in ("pad", "unk", "cls", "sep")}
    peer.call(
        "tokenizer", vocab=str(vocabulary), text={"lower_case": True, "max_length": MAX_LENGTH, "lengths": [], **ids}
    )
    return TextEncoder(reference(vocabulary, lower_case=True), MAX_LENGTH)


def decode(peer, task, items, *, labels=(), settings=None):
    """Return what a peer answers to texts for which a model puts out arrays: the outputs of each window, in order.

    Java is given rows for fillers as well, with large numbers that must not count.
    """
    lengths = LENGTHS if isinstance(peer, Jvm) else []
    given_items = []
    for texts, windows in items:
        runs = []
        for arrays in windows:
            rows = []
            for array in arrays:
                tokens = len(array)
                length = next((size for size in lengths if size >= tokens), tokens)
                per_token = task in ("token-classification", "question-answering")
                full = np.full((length if per_token else tokens, *array.shape[1:]), 1e9, np.float32)
                full[:tokens] = array
                rows.append({"values": [repr(float(number)) for number in full.ravel()]})
            runs.append({"outputs": rows})
        given_items.append({"texts": list(texts), "runs": runs})
    plain = dataclasses.asdict(settings or TaskSettings())
    return peer.call("decode", task=task, labels=list(labels), settings=plain, lengths=lengths, items=given_items)


def in_units(text, start, end):
    """Return a place in a text in UTF-16 units."""
    places = utf16_places(text)
    return [places[start], places[end]]


def readable(encoder, pairs):
    """Return the pairs whose first text has something to read."""
    return [pair for pair in pairs if len(encoder.encode(pair[0])) > 2]


@pytest.mark.parametrize("labels", [BIO, BIOES, BILOU, PLAIN], ids=["BIO", "BIOES", "BILOU", "plain"])
@pytest.mark.parametrize("aggregation", ["simple", "first", "average", "max"])
def test_entities_are_those_of_python(peer, encoder, labels, aggregation):
    """Entities of random outputs have Python's types, scores and places, however texts are cut."""
    rng = np.random.default_rng(len(labels))
    texts = [
        *HARD,
        *(first for first, _ in readable(encoder, random_pairs(7, count=60, tokens=["Ann", "Paris", "##s"]))),
    ]
    windows = [encoder.window(text)[0] for text in texts]
    # Whole numbers are often equal, so that ties count.
    logits = [rng.integers(-2, 3, (len(window.ids), len(labels))).astype(np.float32) for window in windows]
    items = [((text,), [[rows]]) for text, rows in zip(texts, logits, strict=True)]
    settings = TaskSettings(aggregation=aggregation)
    found = decode(peer, "token-classification", items, labels=labels, settings=settings)
    count = 0
    for text, window, rows, answer in zip(texts, windows, logits, found, strict=True):
        expected = find_entities(text, window, rows, labels, aggregation)
        count += len(expected)
        assert [entity[:4] for entity in answer["entities"]] == [
            [entity.text, entity.type, *in_units(text, entity.start, entity.end)] for entity in expected
        ]
        assert [entity[4] for entity in answer["entities"]] == pytest.approx([entity.score for entity in expected])
    assert count > len(texts)


@pytest.mark.parametrize("no_answer", [False, True])
def test_answers_in_a_context_are_those_of_python(peer, encoder, no_answer):
    """Answers of random outputs have Python's words, scores and places, over one window or many, also if none is."""
    rng = np.random.default_rng(3)
    pairs = [
        *((text, other) for text in HARD for other in (*HARD, "")),
        *random_pairs(5, count=80, tokens=["Ann", "in"]),
    ]
    pairs = readable(encoder, pairs)
    settings = TaskSettings(stride=STRIDE, no_answer=no_answer)
    all_windows = [encoder.pair_windows(*pair, stride=STRIDE)[0] for pair in pairs]
    # Sharp ones, flat ones, and sure of no answer.
    scales = rng.choice([0.1, 1, 5], len(pairs))
    arrays = [
        [[rng.normal(0, scale, len(window.ids)).astype(np.float32) for _ in range(2)] for window in windows]
        for windows, scale in zip(all_windows, scales, strict=True)
    ]
    for group in arrays[::3]:
        for start, end in group:
            start[0] = end[0] = 8
    found = decode(peer, "question-answering", list(zip(pairs, arrays, strict=True)), settings=settings)
    kinds = set()
    for (_, context), windows, group, answer in zip(pairs, all_windows, arrays, found, strict=True):
        outputs = [{"start_logits": start, "end_logits": end} for start, end in group]
        spans = best_spans(context, windows, outputs, no_answer=no_answer)
        if spans and spans[0].end:
            words, place = context[spans[0].start : spans[0].end], in_units(context, spans[0].start, spans[0].end)
        else:
            words, place = None, [0, 0]
        kinds.add((words is None, len(windows) > 1))
        assert (answer["answer"], [answer["start"], answer["end"]]) == (words, place)
        assert answer["score"] == pytest.approx(spans[0].score if spans else 0)
    assert kinds >= {(False, False), (False, True), (True, False)}
    assert ((True, True) in kinds) is no_answer


def test_lower_case_is_that_of_the_tables(peer):
    """Every code point has the lower-case form of the frozen tables, wherever it is: also a sigma that ends a word."""
    lower_case = read_tables().lower_case
    codes = [code for code in range(0x110000) if not 0xD800 <= code < 0xE000]
    texts = ["".join(map(chr, codes[start : start + 4096])) for start in range(0, len(codes), 4096)]
    texts += ["\u0391\u03a3", "\u0391\u03a3 \u03a3\u0301.", "I\u0307 \u0130", ""]
    found = peer.call("lower case", texts=texts)
    assert found == ["".join(lower_case.get(ord(letter), letter) for letter in text) for text in texts]
    assert found[-4] == "\u03b1\u03c3" != texts[-4].lower()


def test_answers_that_differ_in_case_alone_add_up(peer, encoder):
    """The same word in other letters is one answer with the sum of the scores, at its first place."""
    context = "one \u0391\u03a3 two \u03b1\u03c3 three"
    (window,), _ = encoder.pair_windows("which", context, stride=STRIDE)
    words = [window.words[token] if window.sequences[token] == 1 else None for token in range(len(window.ids))]
    logits = np.float32([2 if word in (1, 3) else -9 for word in words])
    (found,) = decode(peer, "question-answering", [(("which", context), [[logits, logits]])])
    assert (found["answer"], found["start"], found["end"]) == ("\u0391\u03a3", 4, 6)
    assert found["score"] > 0.4


def test_labels_above_their_thresholds_are_given(peer, encoder):
    """Each label has its own probability and threshold; those above it are the answer, the most probable first."""
    labels, thresholds = ("a", "b", "c", "d"), (0.5, 0.9, 0.1, 0.5)
    rows = [[0.0, 2.0, -2.0, 3.0], [1.0, 3.0, -3.0, 1.0], [-1.0, -1.0, -5.0, -800.0], [800.0, 800.0, 800.0, 800.0]]
    items = [(("good",), [[np.float32(row)]]) for row in rows]
    settings = TaskSettings(thresholds=thresholds)
    found = decode(peer, "multi-label-classification", items, labels=labels, settings=settings)
    assert [answer["labels"] for answer in found] == [["d", "c"], ["b", "a", "d"], [], ["a", "b", "c", "d"]]
    for row, answer in zip(rows, found, strict=True):
        expected = [1 / (1 + math.exp(-max(logit, -700))) for logit in row]
        assert [answer["probabilities"][label] for label in labels] == pytest.approx(expected, abs=1e-12)


@pytest.mark.parametrize("number", [0.0, -3.25, 4.1999998092651367, 1e30, -1e-30])
def test_numbers_come_through(peer, encoder, number):
    """The answer of a regression is the number that the model puts out, to the last digit of a float32."""
    row = np.float32([number])
    (answer,) = decode(peer, "text-regression", [(("good",), [[row]])])
    assert np.float32(answer["value"]) == row[0]


def test_embeddings_come_through(peer, encoder):
    """The answer of an embedding model is its numbers, as many as the manifest says."""
    row = np.float32([0.25, -0.5, 1e-30])
    settings = TaskSettings(pooling="mean", width=3)
    found = decode(peer, "feature-extraction", [(("good",), [[row]])], settings=settings)
    assert np.array_equal(np.float32(found[0]["vector"]), row)


@pytest.mark.parametrize(
    ("task", "labels", "arrays", "message"),
    [
        ("text-classification", ("a", "b"), [[1, 2, 3]], "gives 3 logits, but the manifest has 2 labels"),
        ("multi-label-classification", ("a", "b"), [[1, 2, 3]], "gives 3 logits, but the manifest has 2 labels"),
        (
            "multi-label-classification",
            ("a", "b"),
            [[1, math.nan]],
            "gives NaN for the label b",
        ),
        ("text-regression", (), [[1, 2]], "gives 2 numbers"),
        ("text-regression", (), [[math.inf]], "gives Infinity in logits, which is no number"),
        ("token-classification", ("O", "B-x"), [[[1, 2, 3]] * 3], "gives 9 logits"),
        ("token-classification", ("O", "B-x"), [[[1, math.nan]] * 3], "gives NaN in logits, which is no number"),
        ("question-answering", (), [[1] * 5, [-math.inf] * 5], "gives -Infinity in end_logits, which is no number"),
        ("feature-extraction", (), [[1, 2]], "embeddings of 3|embeddings of 2"),
    ],
)
def test_outputs_that_do_not_fit_are_refused(node, jvm, vocabulary, task, labels, arrays, message):
    """Outputs of another size than the manifest means, and numbers that are none, are errors and no answers."""
    texts = ("a", "b") if task == "question-answering" else ("a",)
    thresholds = (0.5,) * len(labels) if task.startswith("multi") else ()
    settings = dataclasses.asdict(TaskSettings(thresholds=thresholds, width=3))
    java = {math.inf: "Infinity", -math.inf: "-Infinity"}

    def written(number):
        return "NaN" if math.isnan(number) else java.get(number, repr(number))

    outputs = [{"values": [written(number) for number in np.ravel(array).tolist()]} for array in arrays]
    items = [{"texts": texts, "runs": [{"outputs": outputs}]}]
    for peer in (node, jvm):
        peer.load_vocabulary(vocabulary, lower_case=True)
        with pytest.raises(Refused, match=message):
            peer.call("decode", task=task, labels=labels, settings=settings, lengths=[], items=items)
