from __future__ import annotations

from dataclasses import replace

import pytest

from edgebert.bench.run.cooling import is_warm_after, is_warm_now
from edgebert.device.facts import PhoneState
from edgebert.device.protocol import Conditions, Cooling, Temperature
from tests.support.report_values import make_trial


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
