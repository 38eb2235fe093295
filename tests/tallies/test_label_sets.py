"""Metrics of several labels are those of scikit-learn."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn.metrics
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.metrics import METRICS, tally_array
from edgebert.tallies.label_sets import label_set_tally


@st.composite
def answered_sets(draw):
    labels = draw(st.integers(2, 5))  # scikit-learn reads one column as one label an example
    sets = st.sets(st.integers(0, labels - 1)).map(sorted)
    return draw(st.lists(st.tuples(sets, sets), min_size=1, max_size=20)), labels


@given(answered_sets())
@settings(max_examples=150, deadline=None)
def test_scores_are_those_of_scikit_learn(case):
    """Micro F1, macro F1 of the labels that occur, and subset accuracy."""
    drawn, labels = case
    tallies = tally_array([label_set_tally(*pair, labels=labels) for pair in drawn])
    gold, given_ = (np.array([[label in pair[at] for label in range(labels)] for pair in drawn]) for at in (0, 1))
    micro = sklearn.metrics.f1_score(gold, given_, average="micro", zero_division=0.0)
    assert METRICS["micro_f1"].value(tallies) == pytest.approx(micro)
    present = (gold | given_).any(axis=0)
    macro = 0.0
    if present.any():
        kept = np.flatnonzero(present)
        macro = sklearn.metrics.f1_score(gold, given_, average="macro", labels=kept, zero_division=0.0)
    assert METRICS["label_macro_f1"].value(tallies) == pytest.approx(macro)
    assert METRICS["subset_accuracy"].value(tallies) == pytest.approx(sklearn.metrics.accuracy_score(gold, given_))


def test_a_label_is_absent_right_invented_or_missed():
    """The tally has a number for each label."""
    assert label_set_tally((0, 1), (1, 2), labels=4) == (3, 1, 2, 0)
    assert label_set_tally((), (), labels=2) == (0, 0)


@given(answered_sets())
def test_chance_of_the_subset_accuracy_is_that_of_the_most_frequent_set(case):
    """Giving every example the most frequent set is right as often as that set occurs."""
    drawn, labels = case
    metric = METRICS["subset_accuracy"]
    tallies = tally_array([label_set_tally(*pair, labels=labels) for pair in drawn])
    sets = [tuple(pair[0]) for pair in drawn]
    assert metric.value(metric.chance(tallies)) == pytest.approx(max(map(sets.count, sets)) / len(sets))


def test_rare_labels_cast_doubt_on_the_mean_of_the_labels():
    """More than a fifth of the labels with fewer than two texts are warned of."""
    often = tally_array([label_set_tally((0, 1), (0,), labels=3)] * 4)
    doubt = METRICS["label_macro_f1"].doubt([often], 3)
    assert doubt.startswith("1 of 3 labels have fewer than 2 texts: the 95 % intervals of macro F1 are too narrow")
    assert METRICS["label_macro_f1"].doubt([often[:, :2]], 2) == ""
