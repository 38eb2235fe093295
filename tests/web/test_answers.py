"""What the page makes of logits, and its self-test, under Node."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.peer import Refused

LOGITS = st.lists(st.floats(-1e30, 1e30), min_size=1, max_size=6)


def golden(*rows):
    return [
        {
            "texts": [str(index)],
            "windows": [{"inputIds": [2, index, 3], "offsets": None, "outputs": {"logits": list(row)}}],
        }
        for index, row in enumerate(rows)
    ]


def self_test(node, *, expected, found, ids=None, tolerance=0.1):
    cases = golden(*expected)
    given_ids = {case["texts"][0]: case["windows"][0]["inputIds"] for case in cases} | (ids or {})
    windows = {text: [{"ids": row, "characters": []}] for text, row in given_ids.items()}
    outputs = {f"2,{index},3": {"logits": list(map(str, row))} for index, row in enumerate(found)}
    return node.call("self test", golden=cases, tolerance=tolerance, windows=windows, outputs=outputs)


def test_probabilities_are_softmax(node):
    """Labels come with the softmax of their logits, the most probable first."""
    found = node.call("classify", labels=["a", "b", "c"], logits=["1", "3", "2"])
    total = sum(map(math.exp, (1, 2, 3)))
    assert [each["label"] for each in found] == ["b", "c", "a"]
    assert [each["probability"] for each in found] == pytest.approx([math.exp(x) / total for x in (3, 2, 1)])


def test_any_finite_logits_give_probabilities(node):
    """However large logits are, probabilities are numbers that add up to 1."""

    @given(LOGITS)
    def search(logits):
        found = node.call("classify", labels=[str(i) for i in range(len(logits))], logits=logits)
        assert sum(each["probability"] for each in found) == pytest.approx(1)
        assert found[0]["label"] == str(logits.index(max(logits)))

    search()


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_answer(node, value):
    """A logit that is no finite number is an error that names the label, not a label."""
    with pytest.raises(Refused, match=f"gives {value} for the label b, which is no number"):
        node.call("classify", labels=["a", "b"], logits=["1", value])


def test_labels_have_to_fit(node):
    """A model with more outputs than the manifest has labels answers nothing."""
    with pytest.raises(Refused, match="gives 3 logits, but the manifest has 2 labels") as caught:
        node.call("classify", labels=["a", "b"], logits=["1", "2", "3"])
    assert caught.value.kind == "label-mismatch"


def test_the_self_test_passes_within_the_tolerance(node):
    """Equal ids and logits within the tolerance pass; the largest difference is told."""
    found = self_test(node, expected=[[1, 2], [3, 4]], found=[[1.05, 2], [3, 3.91]])
    assert found["problems"] == []
    assert found["texts"] == 2
    assert found["maxDifference"] == pytest.approx(0.09)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ([[1, 2], [3, 4.2]], 'Logits of "1" are'),
        ([[1, 2], [3, "NaN"]], 'Logits of "1" are'),
        ([[1, 2], [3, "Infinity"]], 'Logits of "1" are'),
        ([[1, 2], [3]], 'Logits of "1" are'),
        ([[1, 2], [3, 4, 5]], 'Logits of "1" are'),
    ],
)
def test_the_self_test_sees_other_logits(node, found, words):
    """Logits that are too far off, no numbers, or too many or few are found, and the text is named."""
    problems = self_test(node, expected=[[1, 2], [3, 4]], found=found)["problems"]
    assert len(problems) == 1
    assert problems[0].startswith(words)


@pytest.mark.parametrize(
    ("ids", "words"),
    [
        ([2, 7, 3], 'Ids of "1" differ from place 1 on: 7 instead of 1.'),
        ([2, 1], 'Ids of "1" differ from place 2 on: the end instead of 3.'),
        ([2, 1, 3, 0], 'Ids of "1" differ from place 3 on: 0 instead of the end.'),
    ],
)
def test_the_self_test_sees_other_ids(node, ids, words):
    """One id that differs, is missing or is too many is found, and its place is named."""
    assert self_test(node, expected=[[1, 2], [3, 4]], found=[[1, 2], [3, 4]], ids={"1": ids})["problems"] == [words]


def test_the_self_test_sees_a_constant_answer(node):
    """A model that answers every text alike fails even where the tolerance would let it pass."""
    found = self_test(node, expected=[[1, 2], [1.2, 2]], found=[[1, 2], [1, 2]], tolerance=5)
    assert found["problems"] == ["The model gives the same logits for every text."]
    assert self_test(node, expected=[[1, 2], [1, 2]], found=[[1, 2], [1, 2]])["problems"] == []


@pytest.mark.parametrize(("size", "rounding"), [(1, 9e-5), (-1, 9e-5), (3000, 0.05), (-3000, 0.05)])
def test_the_self_test_passes_a_collapsed_model(node, size, rounding):
    """Where the golden logits differ by rounding only, for their size, a model that answers alike is the right one."""
    same = [[size, 2], [size, 2]]
    assert self_test(node, expected=[[size, 2], [size + rounding, 2]], found=same, tolerance=1)["problems"] == []
    found = self_test(node, expected=[[size, 2], [size + 2 * rounding, 2]], found=same, tolerance=1)
    assert found["problems"] == ["The model gives the same logits for every text."]
