"""The labels that changed most are those whose F1 did."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics

from edgebert.metrics import tally_array
from edgebert.tallies.changes import label_changes, label_counts, label_set_counts
from edgebert.tallies.label_sets import label_set_tally

NAMES = ("no", "yes", "maybe", "never given")


def test_changes_of_single_labels_are_those_of_scikit_learn():
    """Precision, recall, F1 and support of each label before and after, the largest change of F1 first."""
    generator = np.random.default_rng(2)
    gold, before, after = generator.integers(0, 3, (3, 60))
    counts = [label_counts(tally_array(list(zip(gold, given, strict=True))), labels=4) for given in (before, after)]
    found = label_changes(NAMES, *counts)
    assert {item.label for item in found} == set(NAMES[:3])
    assert [abs(item.change) for item in found] == sorted((abs(item.change) for item in found), reverse=True)
    for item in found:
        for given, score in ((before, item.before), (after, item.after)):
            columns = sklearn.metrics.precision_recall_fscore_support(gold, given, zero_division=0.0)
            expected = [column[NAMES.index(item.label)] for column in columns]
            assert [score.precision, score.recall, score.f1, item.expected] == pytest.approx(expected)


def test_changes_of_label_sets_count_each_label():
    """A label that is lost everywhere comes first, with its recall; equal changes keep the order of the labels."""
    before = tally_array([label_set_tally((0, 1), (0, 1), labels=4)] * 3)
    after = tally_array([label_set_tally((0, 1), (0, 2), labels=4)] * 3)
    found = label_changes(NAMES, label_set_counts(before), label_set_counts(after))
    assert [(item.label, item.expected, item.change) for item in found] == [
        ("yes", 3, -1),
        ("no", 3, 0),
        ("maybe", 0, 0),
    ]
    assert (found[0].before.recall, found[0].after.recall) == (1, 0)
