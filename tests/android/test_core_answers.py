from __future__ import annotations

import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.batching import fitting_length
from tests.android.calls import answer, decoded, edit_manifest, error_of, golden_logits, runs, self_test, shipped
from tests.support import fakes
from tests.support.peer import Refused


@given(st.lists(st.floats(-(2.0**100), 2.0**100, width=32), min_size=2, max_size=9))
def test_answers_are_those_of_python(jvm, logits):
    """Label and probabilities are those that Python makes of the same logits, however large they are."""
    jvm.call("open", folder=str(fakes.shared_bundle()))
    jvm.call("artifact", file=shipped(fakes.shared_bundle()).file)
    labels = [f"label {index}" for index in range(len(logits))]
    found = jvm.call("answer", text="good", labels=labels, lengths=[], runs=runs([logits]))
    expected = decoded(logits, labels)
    assert found["label"] == expected.label == labels[found["index"]]
    assert found["probabilities"] == pytest.approx(expected.probabilities, rel=1e-12, abs=1e-300)
    assert found["probability"] == max(found["probabilities"])
    assert math.fsum(found["probabilities"]) == pytest.approx(1, rel=1e-12)


@pytest.mark.parametrize("lengths", [(), (8, 16), (16,), (4, 5, 6, 16)])
@pytest.mark.parametrize("text", ["good", "not very good", "good " * 50])
def test_texts_are_run_at_the_smallest_length(jvm, text, lengths):
    """The model gets the ids and mask that Python feeds: filled up to the smallest length, or not at all."""
    found = answer(jvm, text, lengths=lengths)
    size = sum(found["attention_mask"])
    length = fitting_length(size, lengths) if lengths else size
    ids = jvm.call("encode", texts=[text], max_length=16)[0][0]
    assert found["length"] == len(found["input_ids"]) == len(found["attention_mask"]) == length
    assert found["input_ids"] == [*ids, *[0] * (length - size)]
    assert found["attention_mask"] == [1] * size + [0] * (length - size)
    assert found["truncated"] is (len(text) > 100)
    assert found["timed"] is True


def test_text_that_no_length_holds(jvm):
    """A model file whose signatures are shorter than its texts is an error, not a wrong answer."""
    with pytest.raises(Refused, match="16 tokens do not fit into the model, which takes 8") as caught:
        answer(jvm, "good " * 50, lengths=(4, 8))
    assert caught.value.kind == "BAD_REQUEST"


@given(st.integers(1, 600), st.lists(st.integers(1, 512), unique=True).map(sorted))
def test_length_choice_is_that_of_python(jvm, tokens, lengths):
    """The smallest length that fits is chosen as in Python; without lengths, every length goes."""
    if not lengths:
        assert jvm.call("length", tokens=tokens, lengths=[]) == tokens
    elif tokens <= lengths[-1]:
        assert jvm.call("length", tokens=tokens, lengths=lengths) == fitting_length(tokens, lengths)
    else:
        assert error_of(jvm, "length", tokens=tokens, lengths=lengths)[0] == "BAD_REQUEST"


def test_closed_models_answer_no_more(jvm):
    """Closing frees the runtime once, however often it is done, and a question after that is an error."""
    found = answer(jvm, "good")
    assert found["closings"] == 1
    assert found["after"] == "CLOSED"


@pytest.mark.parametrize("text", ["", " ", "\t\n", "\u200b\ufeff", "\u3000\x00\x07"])
def test_empty_texts_are_not_answered(jvm, text):
    """A text in which nothing is left after cleaning gets a message and no label."""
    with pytest.raises(Refused, match="nothing to read in the text") as caught:
        answer(jvm, text)
    assert caught.value.kind == "EMPTY_TEXT"


def test_hundred_thousand_characters_are_answered(jvm):
    """A text of 100,000 characters is cut, and the answer says so."""
    found = answer(jvm, "It is great! " * 7700, lengths=fakes.LENGTHS)
    assert found["label"] == "positive"
    assert found["truncated"] is True
    assert found["length"] == max(fakes.LENGTHS)


@pytest.mark.parametrize("count", [1, 3])
def test_other_number_of_labels_than_logits(jvm, count):
    """A model that gives more or fewer logits than there are labels is refused, not decoded by chance."""
    with pytest.raises(Refused, match=f"the model gives {count} logits, but the manifest has 2 labels") as caught:
        answer(jvm, "good", logits=[0.5] * count)
    assert caught.value.kind == "LABEL_MISMATCH"


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_logits_that_are_no_numbers(jvm, value):
    """A runtime that gives NaN or infinity gets a message that names the label, and no answer."""
    with pytest.raises(Refused, match="for the label positive, which is no number") as caught:
        answer(jvm, "good", logits=[0.5, value])
    assert caught.value.kind == "RUNTIME_FAILURE"


def test_first_of_equal_labels_wins(jvm):
    """Of labels with the same logit the first is the answer, as in Python."""
    assert answer(jvm, "good", logits=[0.25, 0.25])["label"] == "negative"


def test_self_test_passes_where_logits_are_within_tolerance(jvm):
    """Golden logits pass, also where each is nearly as far off as the tolerance allows."""
    folder = fakes.shared_bundle()
    rows = golden_logits(folder)
    found = self_test(jvm, folder, rows)
    assert found == {"passed": True, "texts": len(rows), "max_difference": 0, "problems": [], "check": None}
    off = 0.99 * shipped(folder).tolerance
    found = self_test(jvm, folder, [[value + off for value in row] for row in rows])
    assert found["passed"]
    assert found["max_difference"] == pytest.approx(off, rel=1e-3)


def test_self_test_says_which_text_differs(jvm):
    """One logit beyond the tolerance fails the test; the message has the text and both rows."""
    folder = fakes.shared_bundle()
    rows = golden_logits(folder)
    rows[1][0] += 1.01 * shipped(folder).tolerance
    found = self_test(jvm, folder, rows)
    assert not found["passed"]
    assert [problem[:22] for problem in found["problems"]] == ['logits of "excellent" ']
    assert found["check"].startswith("SELF_TEST_FAILED: the model does not give the answers it was made with (1 of ")


def test_self_test_does_not_pass_nan(jvm):
    """NaN is no number within any tolerance."""
    folder = fakes.shared_bundle()
    rows = golden_logits(folder)
    rows[2][1] = math.nan
    found = self_test(jvm, folder, rows)
    assert (found["passed"], len(found["problems"]), found["max_difference"]) == (False, 1, None)


def test_self_test_refuses_a_model_that_answers_all_texts_alike(jvm, bundle):
    """Even a tolerance as wide as the logits does not let a constant model pass."""
    manifest = json.loads((bundle / "edgebert.json").read_text())
    for artifact in manifest["artifacts"]:
        artifact["tolerance"] = 1e6
    edit_manifest(bundle, artifacts=manifest["artifacts"])
    found = self_test(jvm, bundle, [[0.0, 0.0]])
    assert found["problems"] == ["the model gives the same logits for every text"]


@pytest.mark.parametrize(
    ("apart", "problems"), [(9e-5, []), (2e-4, ["the model gives the same logits for every text"])]
)
def test_self_test_passes_a_collapsed_model(jvm, bundle, apart, problems):
    """Where the golden logits differ by rounding only, a model that gives one answer to every text is the right one."""
    golden = json.loads((bundle / "golden.json").read_text())
    for case in golden["cases"]:
        case["windows"][0]["outputs"]["logits"]["values"] = [1.0, -1.0]
    golden["cases"][3]["windows"][0]["outputs"]["logits"]["values"] = [1.0 + apart, -1.0]
    (bundle / "golden.json").write_text(json.dumps(golden))
    fakes.restate(bundle, "golden.json")
    assert self_test(jvm, bundle, [[1.0, -1.0]])["problems"] == problems


def test_self_test_says_which_id_differs(jvm, bundle):
    """A tokenizer that gives another id fails the test, with the place and both ids."""
    golden = json.loads((bundle / "golden.json").read_text())
    ids = golden["cases"][2]["windows"][0]["input_ids"]
    true, ids[3] = ids[3], 77
    (bundle / "golden.json").write_text(json.dumps(golden))
    fakes.restate(bundle, "golden.json")
    rows = golden_logits(fakes.shared_bundle())
    del rows[2]
    problems = self_test(jvm, bundle, rows)["problems"]
    assert problems == [
        f'ids of "The battery lasts all day, and the scree..." differ from place 3 on: {true} instead of 77'
    ]


def test_self_test_counts_logits(jvm):
    """A model with another number of logits fails for every text."""
    folder = fakes.shared_bundle()
    found = self_test(jvm, folder, [[0.0, float(index), 1.0] for index in range(16)])
    assert found["problems"][0] == '"" got 3 logits instead of 2'
    assert len(found["problems"]) == found["texts"]
