"""The labels that changed most are those whose F1 did."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics

from edgebert.examples import Example
from edgebert.meaning import Meaning
from edgebert.tallies.changes import MOST, counted_labels, counted_types, label_changes, most_changed
from edgebert.tasks import task_head

NAMES = ("no", "yes", "maybe", "never given")
MEANING = Meaning(labels=NAMES)
LABELS, LABEL_SETS = task_head("text-classification"), task_head("multi-label-classification")
ENTITIES = task_head("token-classification")


def test_changes_of_single_labels_are_those_of_scikit_learn():
    """Precision, recall, F1 and support of each label before and after, the largest change of F1 first."""
    generator = np.random.default_rng(2)
    gold, before, after = generator.integers(0, 3, (3, 60))
    keys = [[(int(index),) for index in each] for each in (gold, before, after)]
    found = LABELS.label_changes("int8.onnx", *keys, MEANING)
    assert {item.label for item in found} == set(NAMES[:3])
    assert {item.file for item in found} == {"int8.onnx"}
    assert [abs(item.change) for item in found] == sorted((abs(item.change) for item in found), reverse=True)
    for item in found:
        for given, score in ((before, item.before), (after, item.after)):
            columns = sklearn.metrics.precision_recall_fscore_support(gold, given, zero_division=0.0)
            expected = [column[NAMES.index(item.label)] for column in columns]
            assert [score.precision, score.recall, score.f1, item.expected] == pytest.approx(expected)


def test_changes_of_label_sets_are_those_of_scikit_learn():
    """The same of several labels an example, some with none."""
    generator = np.random.default_rng(3)
    arrays = generator.integers(0, 2, (3, 40, len(NAMES)))
    keys = [[tuple(np.flatnonzero(row).tolist()) for row in each] for each in arrays]
    for item in LABEL_SETS.label_changes("f", *keys, MEANING):
        at = NAMES.index(item.label)
        for given, score in ((arrays[1], item.before), (arrays[2], item.after)):
            columns = sklearn.metrics.precision_recall_fscore_support(arrays[0], given, zero_division=0.0)
            expected = [column[at] for column in columns]
            assert [score.precision, score.recall, score.f1, item.expected] == pytest.approx(expected)


def test_changes_of_entities_count_types_not_tags():
    """One type that a file loses everywhere comes first; a type that nobody gives or expects is left out."""
    meaning = Meaning(labels=("O", "B-a", "I-a", "B-b", "I-b", "B-c"))
    gold = [(1, 2, 0, 3)] * 3
    first, second = ENTITIES.label_changes("f", gold, gold, [(1, 2, 0, 0)] * 3, meaning)
    assert (first.label, first.expected, first.change, first.after.recall) == ("b", 3, -1, 0)
    assert (second.label, second.expected, second.change) == ("a", 3, 0)
    assert counted_types(gold, gold, meaning)[0] == ("a", "b", "c")


def test_equal_changes_keep_the_order_of_the_labels():
    """Those that did not change come last."""
    before, after = [(0, 1)] * 3, [(0, 2)] * 3
    found = label_changes("f", NAMES, *(counted_labels(before, keys, MEANING)[1] for keys in (before, after)))
    assert [(item.label, item.expected, item.change) for item in found] == [
        ("yes", 3, -1),
        ("no", 3, 0),
        ("maybe", 0, 0),
    ]


def test_the_right_answer_can_be_read_in_a_tally():
    """So that a report, which keeps tallies, tells what changed by label."""
    meaning = Meaning(labels=NAMES)
    for head, gold, answer in ((LABELS, (2,), (1,)), (LABEL_SETS, (0, 3), (0, 1)), (LABEL_SETS, (), (1,))):
        (tally,) = head.count([Example(texts=("x",), gold=gold, line=1)], [answer], meaning, None)
        assert head.gold is not None
        assert head.gold(tally) == gold


def test_people_are_shown_what_changed_and_not_more():
    """At most ten labels of each file; none of a file with two labels, whose metric says it all."""
    names = tuple(f"label {index}" for index in range(30))
    meaning = Meaning(labels=names)
    gold = [(index,) for index in range(30)]
    wrong = [(max(index, 15),) for index in range(30)]
    two = LABELS.label_changes("small", [(0,), (1,)], [(0,), (1,)], [(0,), (0,)], MEANING)
    large, same = (
        LABELS.label_changes("large", gold, gold, wrong, meaning),
        LABELS.label_changes("same", gold, gold, gold, meaning),
    )
    shown = most_changed((*two, *large, *same))
    assert [item.file for item in shown] == ["large"] * MOST
    assert shown == large[:MOST]
    few = LABELS.label_changes("few", gold, gold, [(1,), *gold[1:]], meaning)
    assert {item.label for item in most_changed(few)} == {"label 0", "label 1"}
