"""How outputs become answers, where a user says it: stored in a bundle, or for one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import transformers
from hypothesis import given
from hypothesis import strategies as st

from edgebert.answer_options import AnswerOptions
from edgebert.bundle import open_bundle
from edgebert.errors import UsageError
from edgebert.meaning import Meaning, TaskSettings
from edgebert.pipeline import export_bundle
from edgebert.prediction import predict
from edgebert.spans import most_stride
from edgebert.text import TextEncoder
from edgebert.tokenizer import load_tokenizer
from tests.support import fakes

SEVERAL = Meaning(labels=("a", "b=c", "d"), settings=TaskSettings(thresholds=(0.1, 0.2, 0.3)))
ANSWERS = Meaning()
CONTEXT = "bad film . not great at all and good film but not bad , a great film " * 3


def save(folder: Path, architecture: str, **settings: Any) -> Path:
    """Write a small checkpoint with random weights, as transformers saves one."""
    sizes = {"dim": 32, "n_heads": 4, "hidden_dim": 64, "n_layers": 1, "max_position_embeddings": 64}
    config = transformers.DistilBertConfig(vocab_size=len(fakes.VOCABULARY), **sizes, **settings)
    module = getattr(transformers, architecture)(config)
    fakes.set_random(module, 3)
    module.save_pretrained(folder)
    fakes.write_tokenizer(folder)
    return folder


@given(
    every=st.none() | st.floats(0, 1),
    some=st.dictionaries(st.sampled_from(SEVERAL.labels), st.floats(0, 1)),
)
def test_a_label_has_its_own_threshold_else_that_of_all_else_its_former_one(every, some):
    """In this order, for each label by itself."""
    options = AnswerOptions(threshold=every, thresholds=some)
    found = options.applied(SEVERAL, "multi-label-classification").settings.thresholds
    for label, before, after in zip(SEVERAL.labels, SEVERAL.settings.thresholds, found, strict=True):
        assert after == some.get(label, before if every is None else every)


def test_without_options_nothing_changes():
    """For any task."""
    assert AnswerOptions().applied(SEVERAL, "multi-label-classification") == SEVERAL
    assert AnswerOptions().applied(ANSWERS, "text-regression") == ANSWERS


@pytest.mark.parametrize(
    ("options", "task", "flag"),
    [
        (AnswerOptions(aggregation="max"), "token-classification", "--aggregation"),
        (AnswerOptions(threshold=0.0), "multi-label-classification", "--threshold"),
        (AnswerOptions(thresholds={"a": 0.5}), "multi-label-classification", "--threshold"),
        (AnswerOptions(no_answer=False), "question-answering", "--no-answer"),
        (AnswerOptions(stride=0), "question-answering", "--stride"),
    ],
)
def test_an_option_of_another_task_is_refused(options, task, flag):
    """Also one that is 0 or false; the message names option and tasks."""
    with pytest.raises(UsageError) as caught:
        options.applied(ANSWERS, "feature-extraction")
    assert caught.value.message == f"{flag} requires a {task} model, but this one is for feature-extraction"


def test_a_threshold_of_no_label_is_refused():
    """The hint has the labels."""
    with pytest.raises(UsageError, match="--threshold names 'x', which is not a label of the model") as caught:
        AnswerOptions(thresholds={"x": 0.5}).applied(SEVERAL, "multi-label-classification")
    assert caught.value.hint == "its labels are a, b=c, d"


@pytest.mark.parametrize("options", [{"thresholds": {"a": 1.5}}, {"thresholds": {"a": True}}, {"aggregation": "last"}])
def test_values_out_of_range_are_refused(options):
    """When they are made, so that no work has begun."""
    with pytest.raises(UsageError):
        AnswerOptions(**options)


@pytest.mark.parametrize("length", [8, 16, 63, 512])
def test_the_largest_stride_is_the_last_with_which_windows_go_on(length):
    """Beside the longest question that is not cut."""
    encoder = TextEncoder(load_tokenizer(fakes.shared_checkpoint()), length)
    question, context = "good " * length, "bad " * 3 * length
    windows, cut = encoder.pair_windows(question, context, stride=most_stride(length))
    assert cut
    assert len(windows) > 1
    with pytest.raises(UsageError, match="cannot share"):
        encoder.pair_windows(question, context, stride=most_stride(length) + 1)
    AnswerOptions(stride=most_stride(length)).check_stride(length)
    with pytest.raises(UsageError, match="--stride is"):
        AnswerOptions(stride=most_stride(length) + 1).check_stride(length)


def test_entities_are_those_of_the_pipeline_with_each_aggregation(tmp_path: Path):
    """Of a text whose words have several tokens, some of them with different labels."""
    tags = dict(enumerate(("O", "B-PER", "I-PER", "B-LOC")))
    model = save(
        tmp_path / "model",
        "DistilBertForTokenClassification",
        id2label=tags,
        label2id={tag: index for index, tag in tags.items()},
    )
    text = "goodbad film filmgood 😀 not great badnotgood a film"
    answers = set()
    for aggregation in ("simple", "first", "average", "max"):
        pipe = transformers.pipeline("token-classification", str(model), aggregation_strategy=aggregation)
        (found,) = predict(model, [text], options=AnswerOptions(aggregation=aggregation))
        assert [(item.type, item.start, item.end) for item in found.entities] == [
            (item["entity_group"], item["start"], item["end"]) for item in pipe(text)
        ]
        answers.add(tuple(found.entities))
    assert len(answers) > 1, "the text tells no aggregation from another"


def test_a_bundle_stores_the_options_and_answers_by_them(tmp_path: Path):
    """In the manifest, where an app reads them, in the golden windows, and in what predict answers without options."""
    model = save(tmp_path / "model", "DistilBertForQuestionAnswering")
    options = AnswerOptions(stride=3, no_answer=True)
    bundle = export_bundle(model, tmp_path / "bundle", formats=["onnx"], lengths=[32], options=options)
    stored = open_bundle(bundle.root).manifest.settings
    assert (stored.stride, stored.no_answer) == (3, True)
    asked = [("good film ?", CONTEXT)]
    float_file = "baseline/float32.onnx"
    (answer,) = predict(bundle.root, asked, file=float_file)
    assert (answer,) == predict(bundle.root, asked, file=float_file, options=options)
    (other,) = predict(bundle.root, asked, file=float_file, options=AnswerOptions(stride=0))
    assert other.tokens < answer.tokens
    with pytest.raises(UsageError, match="--stride is 30, but windows of 32 tokens can share 18 at most"):
        export_bundle(model, tmp_path / "other", lengths=[32], options=AnswerOptions(stride=30))
