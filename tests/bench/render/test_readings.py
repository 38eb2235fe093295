from __future__ import annotations

from edgebert.bench.render.readings import condition_sheet
from edgebert.device.protocol import Cooling, Temperature
from tests.support import report_values as rv


def first(measurement) -> dict[str, str]:
    """Return the row of the first process by column."""
    made = condition_sheet(measurement)
    return dict(zip(made.columns, made.rows[0], strict=True))


def test_each_process_has_a_row_from_lowest_to_highest():
    """The range of frequencies, the hottest sensor at each moment, and what changed."""
    conditions = (
        rv.make_conditions(throttle_count=2, temperatures=(Temperature(sensor="a", celsius=40.0),), battery_percent=80),
        rv.make_conditions(
            "after",
            5,
            throttle_count=5,
            freq_khz=(1_200_000, 2_400_000),
            temperatures=(Temperature(sensor="a", celsius=41.0), Temperature(sensor="b", celsius=60.5)),
            cooling=(Cooling(name="cpufreq", state=2, highest=9), Cooling(name="fan", state=0, highest=3)),
            battery_status="Charging",
            battery_percent=79,
        ),
    )
    measurement = rv.change_trials(rv.make_measurement(), conditions=conditions)
    row = first(measurement)
    assert len(condition_sheet(measurement).rows) == 16
    assert row["GHz"] == "1.20 to 2.40"
    assert row["°C, hottest"] == "40.0 to 60.5"
    assert row["throttled"] == "3"
    assert row["cooling"] == "cpufreq 2/9"
    assert row["battery"] == "80 %, 79 %, Charging"


def test_what_was_not_read_has_no_column():
    """A device that tells nothing leaves the process, its file and its duration."""
    made = condition_sheet(rv.change_trials(rv.make_measurement(), conditions=()))
    assert made.columns == ("process", "file", "threads", "waited s", "took s")
    assert made.is_detail


def test_an_emulator_has_no_conditions():
    """The machine that emulates is not the device."""
    assert condition_sheet(rv.make_emulated()).rows == ()
