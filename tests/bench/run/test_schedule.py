from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.bench.run.schedule import abba

EVEN = st.integers(1, 10).map(lambda half: 2 * half)
SIZES = st.integers(1, 12)


def test_two_files_run_abba():
    """Two files over two rounds run as A, B, B, A."""
    assert [turn.entry for turn in abba("AB", 2)] == ["A", "B", "B", "A"]


@given(SIZES, st.integers(0, 20))
def test_every_entry_runs_once_in_each_round(size, rounds):
    """Each round holds every entry once, and the places count on without a gap."""
    turns = abba(range(size), rounds)
    assert [turn.order for turn in turns] == list(range(size * rounds))
    for number in range(rounds):
        assert sorted(turn.entry for turn in turns if turn.round == number) == list(range(size))


@given(SIZES, EVEN)
def test_all_entries_have_the_same_mean_place_after_even_rounds(size, rounds):
    """Over an even number of rounds the mean difference of the places of any two entries is 0."""
    places = np.zeros((size, rounds))
    for turn in abba(range(size), rounds):
        places[turn.entry, turn.round] = turn.order
    assert (places.sum(axis=1) == places.sum(axis=1)[0]).all()


@given(st.integers(2, 6), EVEN, st.floats(0, 10))
def test_a_linear_drift_cancels_in_paired_means(size, rounds, slope):
    """What grows evenly with the place adds the same to the mean of each entry, so differences are the true ones."""
    turns = abba(range(size), rounds)
    means = [
        np.mean([100.0 * turn.entry + slope * turn.order for turn in turns if turn.entry == e]) for e in range(size)
    ]
    assert np.diff(means) == pytest.approx([100.0] * (size - 1))


def test_the_same_drift_does_not_cancel_one_file_after_the_other():
    """Without interleaving the file that runs later gets all of the drift."""
    sequential = [(entry, 8 * entry + number) for entry in range(2) for number in range(8)]
    means = [np.mean([place for entry, place in sequential if entry == one]) for one in range(2)]
    assert means[1] - means[0] == 8
