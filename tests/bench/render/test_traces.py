from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

import pytest

from edgebert.bench.render.traces import draw_trace
from edgebert.device.device import PhoneState
from edgebert.device.protocol import Temperature
from tests.support import report_values as rv

pytest.importorskip("matplotlib", reason="matplotlib draws the plots")

SVG = "{http://www.w3.org/2000/svg}"


def words(svg: str | None) -> set[str]:
    """Return the texts on a picture."""
    assert svg is not None
    return {"".join(element.itertext()) for element in ET.fromstring(svg).iter(f"{SVG}text")}


def test_temperature_frequency_and_drift_are_drawn():
    """A quiet board has three panels, and cores that all run alike are one line."""
    texts = words(draw_trace(rv.make_measurement(), rv.make_bundle(), "all"))
    assert {"°C", "GHz", "time / median", "cpu-thermal", "all cores", "minutes of measuring"} <= texts


def test_what_the_system_does_not_tell_has_no_panel():
    """Without sensors and frequencies only the drift is left; without times nothing."""
    dumb = rv.change_trials(rv.make_measurement(), conditions=())
    texts = words(draw_trace(dumb, rv.make_bundle(), "all"))
    assert "time / median" in texts
    assert not {"°C", "GHz"} & texts
    assert draw_trace(rv.make_measurement({}), rv.make_bundle(), "all") is None


def test_the_hottest_three_sensors_and_the_battery_are_drawn():
    """A phone with dozens of sensors shows three, and the battery read between the trials."""
    sensors = tuple(Temperature(sensor=f"zone{index}", celsius=30.0 + index) for index in range(20))
    phone = rv.change_trials(rv.make_measurement(), conditions=(rv.make_conditions(temperatures=sensors),))
    phone = replace(
        phone, states=(PhoneState(trial=0, battery_celsius=29.0), PhoneState(trial=99, battery_celsius=9.0))
    )
    texts = words(draw_trace(phone, rv.make_bundle(), "all"))
    assert {text for text in texts if text.startswith("zone")} == {"zone17", "zone18", "zone19"}
    assert "battery" in texts


def test_a_clock_that_was_set_does_not_bend_the_axis():
    """The time of day plays no part: a trial that seems to have started years ago is drawn where it was."""
    measurement = rv.make_measurement()
    odd = rv.change_trials(measurement, started_s=1.0, ended_s=-5.0)
    assert draw_trace(odd, rv.make_bundle(), "all") == draw_trace(measurement, rv.make_bundle(), "all")


def test_a_slow_process_stands_out():
    """A process twice as slow as the others is another picture: the drift panel reaches to 2."""
    quiet = {rv.INT8: [[1_000_000] * 5] * 8}
    drift = {rv.INT8: [[1_000_000] * 5] * 7 + [[2_000_000] * 5]}
    bundle = rv.make_bundle((rv.INT8,))
    assert "2.0" in words(draw_trace(rv.change_trials(rv.make_measurement(drift), conditions=()), bundle, "all"))
    assert "2.0" not in words(draw_trace(rv.change_trials(rv.make_measurement(quiet), conditions=()), bundle, "all"))
