from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.benchmarking.run.requests import abba, is_warm_after, is_warm_now, keys_of
from edgebert.device.device import PhoneState
from edgebert.device.protocol import Conditions, Cooling, Temperature
from edgebert.errors import CheckFailed
from edgebert.examples import Encoded
from edgebert.golden import Tensor
from edgebert.meaning import Meaning
from edgebert.tasks import TEXT_CLASSIFICATION
from tests.support.report_values import make_trial
from tests.support.windows import bare_window


def trial(before, after=(), capped=0):
    """Return a trial with temperatures by sensor before and after, and a cooling device at the end."""

    def conditions(moment, sensors, state):
        return Conditions(
            moment=moment,
            at_ns=0,
            temperatures=tuple(Temperature(sensor=name, celsius=value) for name, value in sensors),
            cooling=(Cooling(name="cpufreq", state=state, highest=10),),
        )

    return replace(make_trial({}), conditions=(conditions("before", before, 0), conditions("after", after, capped)))


@pytest.mark.parametrize(
    ("first", "last", "warm"),
    [
        (trial([("soc", 40)]), trial([("soc", 45)]), False),
        (trial([("soc", 40)]), trial([("soc", 45.1)]), True),
        (trial([("soc", 40), ("skin", 30)]), trial([("skin", 36), ("soc", 40)]), True),
        (trial([("soc", 40)]), trial([("soc", 40)], after=[("soc", 90)]), False),
        (trial([("soc", 40)]), trial([("soc", 40)], capped=1), True),
        (trial([("soc", 40)]), trial([("new", 99)]), False),
        (trial([]), trial([]), False),
    ],
)
def test_a_trial_that_began_warm_or_ended_capped_calls_for_a_rest(first, last, warm):
    """Sensors count as they were before the file was loaded and by their names, a cap as it is at the end."""
    assert is_warm_after(first, last, celsius=5) is warm


def test_a_device_that_tells_nothing_is_never_warm():
    """Without conditions there is nothing to wait for."""
    silent = replace(make_trial({}), conditions=())
    assert not is_warm_after(silent, silent, celsius=0)


@pytest.mark.parametrize(
    ("change", "warm"),
    [
        ({}, False),
        ({"battery_celsius": 35.0}, False),
        ({"battery_celsius": 35.5}, True),
        ({"thermal_status": 1}, True),
        ({"temperatures": (Temperature(sensor="skin", celsius=37.0),)}, True),
        ({"battery_celsius": None, "thermal_status": None, "temperatures": ()}, False),
    ],
)
def test_a_phone_is_warm_by_battery_sensors_or_its_own_word(change, warm):
    """Battery and sensors count against the start of the run, the thermal status as soon as it rises."""
    start = PhoneState(
        trial=0, battery_celsius=30.0, thermal_status=0, temperatures=(Temperature(sensor="skin", celsius=31.0),)
    )
    assert is_warm_now(start, replace(start, **change), celsius=5) is warm


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


SPAN = replace(
    TEXT_CLASSIFICATION,
    outputs={"start": ("tokens",)},
    answer=lambda encoded, outputs, meaning: tuple(int(item["start"].argmax()) for item in outputs),
)
"""A task whose examples take several windows, and whose answer is a place in each of them."""


def encoded(*lengths):
    return Encoded(
        texts=("",),
        windows=tuple(bare_window((2,) * length) for length in lengths),
        tokens=sum(lengths),
        truncated=False,
    )


def starts(*rows):
    return replace(make_trial({}), answers=tuple({"start": Tensor(shape=(len(row),), values=row)} for row in rows))


def test_the_windows_of_an_example_are_answered_together():
    """A worker answers windows one after another; each example gets those that are its own."""
    found = starts((0.0, 1.0), (3.0, 2.0, 1.0), (0.0, 0.0, 0.0, 9.0))
    assert keys_of(found, [encoded(2, 3), encoded(4)], SPAN, Meaning(labels=("a", "b"))) == ((1, 0), (3,))


@pytest.mark.parametrize(
    "found", [starts((1.0, 2.0)), starts((1.0, 2.0), (1.0, 2.0)), starts((1.0, 2.0), (1.0, 2.0, 3.0), (1.0,))]
)
def test_outputs_of_another_shape_are_no_answers(found):
    """Too few windows, too many, and a window with a number for other tokens than its own."""
    with pytest.raises(CheckFailed, match=r"gives no start \[2\] for each text"):
        keys_of(found, [encoded(2, 3)], SPAN, Meaning(labels=("a", "b")))
