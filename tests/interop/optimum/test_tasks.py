"""Bundles of every other task in the hands of Optimum and of the Hub's pipelines: the answers are edgebert's."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
import pytest

pytest.importorskip(
    "optimum.onnxruntime", reason="needs Optimum, which has an environment of its own: make test-optimum"
)

import torch
from optimum.onnxruntime import (
    ORTModelForCustomTasks,
    ORTModelForFeatureExtraction,
    ORTModelForQuestionAnswering,
    ORTModelForSequenceClassification,
    ORTModelForTokenClassification,
)
from transformers import AutoTokenizer, pipeline

from edgebert.bundle import Bundle, open_bundle
from edgebert.entities import find_entities
from edgebert.meaning import Task
from edgebert.spans import default_stride
from edgebert.text import open_encoder

MODELS: dict[Task, Any] = {
    "multi-label-classification": ORTModelForSequenceClassification,
    "text-regression": ORTModelForSequenceClassification,
    "token-classification": ORTModelForTokenClassification,
    "question-answering": ORTModelForQuestionAnswering,
    "feature-extraction": ORTModelForCustomTasks,  # ORTModelForFeatureExtraction wants the row of every token
}
FILES = ("int8.onnx", "baseline/float32.onnx")
# The same library runs the same file on the same ids; what is left is rounding.
TOLERANCE = 1e-4


class Opened(NamedTuple):
    """A file of a bundle in Optimum, with the tokenizer of the bundle, and what edgebert recorded of it."""

    bundle: Bundle
    model: Any
    tokenizer: Any
    inputs: list[list[str]]
    outputs: list[list[dict[str, Any]]]
    answers: dict[str, list[dict[str, Any]]]


@pytest.fixture(params=FILES)
def file(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def opened(folder: Any, expected: dict[str, Any], file: str) -> Any:
    """Open a file of the bundle of a task."""

    def opened(task: Task, model: Any = None) -> Opened:
        bundle, recorded = open_bundle(folder / task), expected["tasks"][task]
        path = bundle.path(file)
        where = {} if path.parent == bundle.root else {"subfolder": path.parent.name}
        found = (model or MODELS[task]).from_pretrained(bundle.root, file_name=path.name, **where)
        tokenizer = AutoTokenizer.from_pretrained(bundle.root)
        return Opened(bundle, found, tokenizer, recorded["inputs"], **recorded["files"][file])

    return opened


@pytest.mark.parametrize("task", [task for task in MODELS if task != "question-answering"])
def test_optimum_gives_the_recorded_outputs(opened: Any, task: Task) -> None:
    """Every output of every text has the numbers that edgebert recorded under transformers 5."""
    found = opened(task)
    for (text,), (recorded,) in zip(found.inputs, found.outputs, strict=True):
        encoded = found.tokenizer(text, truncation=True, return_tensors="pt")
        for name, array in recorded.items():
            np.testing.assert_allclose(found.model(**encoded)[name][0], array, rtol=0, atol=TOLERANCE)


def test_optimum_gives_the_recorded_outputs_of_every_window(opened: Any) -> None:
    """Transformers cuts a long context into the windows of edgebert, and each has the recorded outputs."""
    found = opened("question-answering")
    stride, counts = default_stride(found.bundle.manifest.text.max_length), []
    for (question, context), windows in zip(found.inputs, found.outputs, strict=True):
        encoded = found.tokenizer(
            question, context, truncation="only_second", stride=stride, return_overflowing_tokens=True
        )
        counts.append(len(encoded["input_ids"]))
        for ids, recorded in zip(encoded["input_ids"], windows, strict=True):
            outputs = found.model(input_ids=torch.tensor([ids]), attention_mask=torch.ones(1, len(ids), dtype=int))
            for name, array in recorded.items():
                np.testing.assert_allclose(outputs[name][0], array, rtol=0, atol=TOLERANCE)
    assert max(counts) > 2 > min(counts)


AGGREGATIONS = ("simple", "first", "average", "max")


@pytest.mark.parametrize("aggregation", AGGREGATIONS)
def test_the_pipeline_finds_the_entities(opened: Any, aggregation: str) -> None:
    """Text, type, start, end and score of each entity are edgebert's, by each way to join the tokens of a word."""
    found = opened("token-classification")
    pipe = pipeline(
        "token-classification", model=found.model, tokenizer=found.tokenizer, aggregation_strategy=aggregation
    )
    total, types = 0, set()
    for (text,), answer in zip(found.inputs, found.answers[aggregation], strict=True):
        given, entities = pipe(text), answer["entities"]
        assert [(item["entity_group"], item["start"], item["end"]) for item in given] == [
            (entity["type"], entity["start"], entity["end"]) for entity in entities
        ]
        assert all(entity["text"] == text[entity["start"] : entity["end"]] for entity in entities)
        scores = [float(item["score"]) for item in given]
        assert scores == pytest.approx([entity["score"] for entity in entities], abs=TOLERANCE)
        total, types = total + len(entities), types | {entity["type"] for entity in entities}
    assert total > 2 * len(found.inputs)
    assert types == {"PER", "LOC"}


def test_words_of_the_pipeline_differ_where_the_tokenizer_leaves_characters_out(opened: Any) -> None:
    """The pipeline differs on purpose: it takes a word whose token is shorter than its text for the rest of another.

    So it is for combining accents, which the normalizer drops. Words of edgebert are those of the pre-tokenizer. The
    tokens are alike, and so are the entities of ``simple``.
    """
    found = opened("token-classification")
    text = "bad ca\u0301 it\u0301 no\u0301t bad\u0301 good a\u0301n battery\u0301 is\u0301 great\u0301"
    spec = found.bundle.manifest.text
    window, _ = open_encoder(found.bundle.path("tokenizer.json"), spec.max_length).window(text)
    logits = found.model(**found.tokenizer(text, return_tensors="pt"))["logits"][0].numpy()
    differ = set()
    for aggregation in AGGREGATIONS:
        pipe = pipeline(
            "token-classification", model=found.model, tokenizer=found.tokenizer, aggregation_strategy=aggregation
        )
        ours = find_entities(text, window, logits, found.bundle.manifest.labels, aggregation)
        theirs = [(item["entity_group"], item["start"], item["end"]) for item in pipe(text)]
        if theirs != [(entity.type, entity.start, entity.end) for entity in ours]:
            differ.add(aggregation)
    assert differ == {"first", "average", "max"}


# The pipeline asks numpy 2 for an array of a tensor in the way of numpy 1.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("way", ["answer", "answer or none"])
def test_the_pipeline_finds_the_answers(opened: Any, way: str) -> None:
    """Answer, start, end and score are edgebert's, in contexts of one window and of many, also where none is.

    The pipeline is told edgebert's window and stride: its own stride is half a window.
    """
    found = opened("question-answering")
    longest = found.bundle.manifest.text.max_length
    pipe = pipeline("question-answering", model=found.model, tokenizer=found.tokenizer)
    kinds = set()
    for (question, context), answer in zip(found.inputs, found.answers[way], strict=True):
        given = pipe(
            question=question,
            context=context,
            handle_impossible_answer=way == "answer or none",
            max_seq_len=longest,
            doc_stride=default_stride(longest),
        )
        wanted = (answer["answer"] or "", answer["start"], answer["end"])
        assert (given["answer"], given["start"], given["end"]) == wanted
        assert given["score"] == pytest.approx(answer["score"], abs=TOLERANCE)
        kinds.add((answer["answer"] is None, answer["tokens"] > longest))
    assert kinds >= {(False, False), (False, True)}
    assert ((True, False) in kinds) == (way == "answer or none")


def test_a_question_is_cut_here_and_an_empty_context_is_no_error(opened: Any) -> None:
    """The pipeline differs on purpose: it refuses an empty context, and a question that fills the window.

    An app gets whatever its users type, so edgebert answers that there is no answer, and cuts the question to a third.
    """
    found = opened("question-answering")
    pipe = pipeline("question-answering", model=found.model, tokenizer=found.tokenizer)
    with pytest.raises(ValueError, match="context"):
        pipe(question="why?", context="")
    with pytest.raises(Exception, match=r"(?i)truncat|too short|stride"):
        pipe(question="good " * 100, context="good")


def scores_of(found: Opened, **options: Any) -> list[dict[str, float]]:
    """Return what the pipeline of text classification gives each label of each text."""
    pipe = pipeline("text-classification", model=found.model, tokenizer=found.tokenizer, top_k=None)
    options = {"truncation": True, **options}
    return [{item["label"]: item["score"] for item in pipe([text], **options)[0]} for (text,) in found.inputs]


@pytest.mark.parametrize("function", [None, "sigmoid", "none"])
def test_the_pipeline_gives_the_probability_of_each_label(opened: Any, function: str | None) -> None:
    """By its own choice and by request it is the sigmoid; those above 0.5 are edgebert's labels, best first."""
    found = opened("multi-label-classification")
    labels = found.bundle.manifest.labels
    given = scores_of(found, **({} if function is None else {"function_to_apply": function}))
    for scores, answer, (window,) in zip(given, found.answers["plain"], found.outputs, strict=True):
        wanted = window["logits"] if function == "none" else answer["probabilities"]
        np.testing.assert_allclose([scores[label] for label in labels], wanted, rtol=0, atol=TOLERANCE)
        above = [label for label, score in scores.items() if score > (0 if function == "none" else 0.5)]
        assert above == list(answer["labels"])
    assert len({tuple(answer["labels"]) for answer in found.answers["plain"]}) > 2


@pytest.mark.parametrize("function", [None, "none"])
def test_the_pipeline_gives_the_number(opened: Any, function: str | None) -> None:
    """The score of a regression is the number, not its sigmoid, by the pipeline's own choice and by request."""
    found = opened("text-regression")
    given = scores_of(found, **({} if function is None else {"function_to_apply": function}))
    values = [answer["value"] for answer in found.answers["plain"]]
    np.testing.assert_allclose(
        [list(scores.values()) for scores in given], [[value] for value in values], atol=TOLERANCE
    )
    assert max(values) > 1.5


def test_the_pipeline_gives_the_embedding(opened: Any) -> None:
    """The pooling is in the graph: what the pipeline gives for a text is its one vector, not one for each token."""
    found = opened("feature-extraction")
    pipe = pipeline("feature-extraction", model=found.model, tokenizer=found.tokenizer, truncation=True)
    given = [pipe(text)[0] for (text,) in found.inputs]
    np.testing.assert_allclose(given, [item["vector"] for item in found.answers["plain"]], rtol=0, atol=TOLERANCE)


def test_rows_of_tokens_are_in_no_embedding_file(opened: Any) -> None:
    """``ORTModelForFeatureExtraction`` asks for the row of every token, which the graph has pooled: it is an error."""
    found = opened("feature-extraction", ORTModelForFeatureExtraction)
    with pytest.raises(KeyError, match="last_hidden_state"):
        found.model(**found.tokenizer("good", return_tensors="pt"))
