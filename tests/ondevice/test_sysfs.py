from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebert import jsonio
from edgebert.device.protocol import Conditions, Cooling, Temperature
from edgebert.ondevice.protocol import Failure
from edgebert.ondevice.sysfs import (
    listed,
    online,
    parse_celsius,
    parse_load,
    parse_processors,
    pin,
    read_conditions,
    read_label,
    read_text,
    read_whole,
    usable,
)

CPU = "sys/devices/system/cpu"
THERMAL = "sys/class/thermal"
SUPPLY = "sys/class/power_supply"

PHONE = {
    f"{CPU}/cpu0/cpufreq/scaling_cur_freq": "1803000\n",
    f"{CPU}/cpu0/cpufreq/scaling_governor": "schedutil\n",
    f"{CPU}/cpu4/cpufreq/scaling_cur_freq": "2850000\n",
    f"{CPU}/cpu4/cpufreq/scaling_governor": "performance\n",
    f"{CPU}/cpu0/thermal_throttle/core_throttle_count": "3\n",
    f"{CPU}/cpu4/thermal_throttle/core_throttle_count": "4\n",
    f"{CPU}/cpu4/thermal_throttle/package_throttle_count": "10\n",
    f"{THERMAL}/thermal_zone10/type": "skin\n",
    f"{THERMAL}/thermal_zone10/temp": "36\n",
    f"{THERMAL}/thermal_zone2/type": "cpu-big\n",
    f"{THERMAL}/thermal_zone2/temp": "71250\n",
    f"{THERMAL}/thermal_zone3/type": "modem\n",
    f"{THERMAL}/thermal_zone3/temp": "-274000\n",
    f"{THERMAL}/thermal_zone4/type": "vbat\n",
    f"{THERMAL}/thermal_zone4/temp": "4120\n",
    f"{THERMAL}/thermal_zone5/type": "soc\n",
    f"{THERMAL}/thermal_zone5/temp": "87\n",
    f"{THERMAL}/thermal_zone6/temp": "41000\n",
    f"{THERMAL}/cooling_device0/type": "thermal-cpufreq-0\n",
    f"{THERMAL}/cooling_device0/cur_state": "2\n",
    f"{THERMAL}/cooling_device0/max_state": "9\n",
    f"{THERMAL}/cooling_device1/type": "broken\n",
    f"{THERMAL}/cooling_device1/cur_state": "no\n",
    f"{THERMAL}/cooling_device1/max_state": "9\n",
    f"{SUPPLY}/ac/type": "Mains\n",
    f"{SUPPLY}/ac/status": "Charging\n",
    f"{SUPPLY}/a-mouse/type": "Battery\n",
    f"{SUPPLY}/a-mouse/scope": "Device\n",
    f"{SUPPLY}/a-mouse/capacity": "5\n",
    f"{SUPPLY}/battery/type": "Battery\n",
    f"{SUPPLY}/battery/capacity": "81\n",
    f"{SUPPLY}/battery/status": "Not charging\n",
    "sys/class/powercap/intel-rapl:0/name": "package-0\n",
    "sys/class/powercap/intel-rapl:0/energy_uj": "262143\n",
    "sys/class/powercap/intel-rapl/enabled": "1\n",
    "proc/loadavg": "1.25 0.50 0.10 2/345 678\n",
}


def lay_out(root: Path, files: dict[str, str]) -> str:
    """Write a folder tree as the kernel shows it and return its path."""
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content, encoding="utf-8")
    return str(root)


def test_everything_a_phone_shows_is_read(tmp_path: Path):
    """Each reading is what its file says, by processor or by sensor; what is no temperature is left out."""
    payload = read_conditions("during", 12345, [0, 4], root=lay_out(tmp_path, PHONE))
    # Energy is compared on its own: a pair of a text and a number.
    assert payload.pop("energy_uj") == [["intel-rapl:0 package-0", 262143]]
    assert jsonio.from_plain(Conditions, payload, source="worker") == Conditions(
        moment="during",
        at_ns=12345,
        freq_khz=(1803000, 2850000),
        governor=("schedutil", "performance"),
        temperatures=(
            Temperature(sensor="cpu-big", celsius=71.25),
            Temperature(sensor="thermal_zone6", celsius=41.0),
            Temperature(sensor="skin", celsius=36.0),
        ),
        cooling=(Cooling(name="thermal-cpufreq-0", state=2, highest=9),),
        throttle_count=17,
        load=1.25,
        battery_percent=81,
        battery_status="Not charging",
    )


def test_what_is_not_there_is_absent(tmp_path: Path):
    """In an empty tree nothing is known, and nothing is guessed."""
    found = jsonio.from_plain(Conditions, read_conditions("before", 0, [0, 1], root=str(tmp_path)), source="worker")
    assert found == Conditions(moment="before", at_ns=0)


def test_frequencies_of_only_some_processors_are_none(tmp_path: Path):
    """A list that lacks a processor could not say whose frequencies it holds, so there is none."""
    found = read_conditions("before", 0, [0, 1, 4], root=lay_out(tmp_path, PHONE))
    assert found["freq_khz"] == found["governor"] == []


@pytest.mark.parametrize(
    ("text", "celsius"),
    [
        ("45000", 45.0),
        ("45", 45.0),
        ("150", None),
        ("149999", 149.999),
        ("-5000", -5.0),
        ("1000", 1.0),
        ("0", None),
        ("345", None),
        ("-1", None),
        ("-40000", None),
        ("-273000", None),
        ("-274000", None),
        ("2147483647", None),
        ("", None),
        ("4.5", None),
        ("٤٥", None),
    ],
)
def test_a_temperature_is_believed_or_absent(text: str, celsius: float | None):
    """Thousandths are the rule, small positive numbers whole degrees, and what no device can have is no temperature."""
    assert parse_celsius(text) == celsius


@given(st.one_of(st.integers().map(str), st.text()))
def test_every_temperature_is_one_that_a_device_can_have(text: str):
    """Whatever a sensor says, a number between -40 and 150 degrees comes out, or none."""
    found = parse_celsius(text)
    assert found is None or -40 < found < 150


@given(st.floats(0, 1e6).map(lambda load: round(load, 2)))
def test_the_load_is_the_first_number(load: float):
    """The average over one minute stands first."""
    assert parse_load(f"{load:.2f} 0.10 0.20 1/234 567") == load


@given(st.text())
def test_no_text_makes_the_load_raise(text: str):
    """Anything else is no load."""
    found = parse_load(text)
    assert found is None or found >= 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=50)
@given(data=st.data())
def test_no_content_makes_a_reading_raise(data: st.DataObject, tmp_path: Path):
    """Whatever the files hold, the reading is a value that the host can read."""
    root = lay_out(tmp_path, PHONE)
    numbers = st.one_of(st.integers(), st.sampled_from([2**53, 2**53 + 1, 2**63, 10**18 - 1]))
    content = st.one_of(st.binary(max_size=30), numbers.map(lambda number: str(number).encode()))
    for name in data.draw(st.sets(st.sampled_from(sorted(PHONE)))):
        (tmp_path / name).write_bytes(data.draw(content))
    payload = read_conditions("after", 1, [0, 4], root=root)
    for name, used in payload.pop("energy_uj"):
        assert isinstance(name, str)
        assert used >= 0
    assert jsonio.from_plain(Conditions, payload, source="worker").moment == "after"


@pytest.mark.parametrize(("text", "number"), [("999999999999999", 10**15 - 1), ("-7", -7), (str(2**53 + 1), None)])
def test_a_number_that_readers_of_json_round_is_absent(tmp_path: Path, text: str, number: int | None):
    """What a double does not hold exactly is no reading: the host would refuse the whole answer."""
    (tmp_path / "value").write_text(text)
    assert read_whole(str(tmp_path), "value") == number


def test_folders_in_the_place_of_files_are_absent(tmp_path: Path):
    """A tree of folders with the names of the files reads like an empty one."""
    for name in PHONE:
        (tmp_path / name).mkdir(parents=True)
    found = jsonio.from_plain(Conditions, read_conditions("before", 0, [0], root=str(tmp_path)), source="worker")
    assert found == Conditions(moment="before", at_ns=0)


def test_a_phone_with_many_sensors_is_read_in_little_time(tmp_path: Path):
    """100 zones and as many cooling devices take less than 20 ms, the best of five readings."""
    files = {}
    for index in range(100):
        files[f"{THERMAL}/thermal_zone{index}/type"] = f"zone-{index}"
        files[f"{THERMAL}/thermal_zone{index}/temp"] = "40000"
        files[f"{THERMAL}/cooling_device{index}/cur_state"] = "0"
        files[f"{THERMAL}/cooling_device{index}/max_state"] = "3"
    root = lay_out(tmp_path, files)
    times = []
    for _ in range(5):
        start = time.process_time()
        found = read_conditions("before", 0, [0], root=root)
        times.append(time.process_time() - start)
    assert (len(found["temperatures"]), len(found["cooling"])) == (100, 100)
    assert min(times) < 0.02


def test_this_machine_is_read():
    """The real tree gives a value that the host can read, with the load of this machine."""
    payload = read_conditions("before", 0, sorted(os.sched_getaffinity(0)))
    energy = payload.pop("energy_uj")
    assert isinstance(energy, list)
    found = jsonio.from_plain(Conditions, payload, source="worker")
    assert (found.load is not None) == Path("/proc/loadavg").is_file()


HERE = sorted(os.sched_getaffinity(0))
ROOT = Path(__file__).parents[2]


def test_processors_switched_on_are_those_the_kernel_lists(tmp_path: Path):
    """The kernel's list counts; without one, as many as the system counts are on."""
    (tmp_path / "sys/devices/system/cpu").mkdir(parents=True)
    assert online(str(tmp_path)) == tuple(range(os.cpu_count() or 1))
    (tmp_path / "sys/devices/system/cpu/online").write_text("0-1,4\n", encoding="utf-8")
    assert online(str(tmp_path)) == (0, 1, 4)


def test_a_pinned_process_runs_on_that_processor_only():
    """After pinning, the process may use the asked processor and no other."""
    words = f"from edgebert.ondevice.sysfs import *; pin([{HERE[-1]}]); print(usable())"
    done = subprocess.run([sys.executable, "-c", words], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout == f"({HERE[-1]},)\n", done.stderr


def test_no_cores_leave_the_choice_to_the_system():
    """An empty list changes nothing."""
    pin([])
    assert usable() == tuple(HERE)


@pytest.mark.parametrize("cores", [[4000], [HERE[0], 4000], [2**31 - 1]])
def test_a_processor_that_is_not_there_is_refused(cores: list[int]):
    """A number that does not exist is a bad request that names those that do, even beside one that exists."""
    before = os.sched_getaffinity(0)
    try:
        with pytest.raises(Failure, match=r"cores: cannot run on .*(4000|2147483647); switched on here: 0") as caught:
            pin(cores)
    finally:
        os.sched_setaffinity(0, before)
    assert caught.value.kind == "bad-request"


def test_a_file_is_read_without_blanks_around_it(tmp_path: Path):
    """Line breaks and the NUL of a device tree go, bytes that are no UTF-8 are shown as such."""
    (tmp_path / "file").write_bytes(b" one\xfftwo\0\n")
    assert read_text(str(tmp_path), "file") == "one\ufffdtwo"


def test_what_cannot_be_read_is_empty(tmp_path: Path):
    """A file that is missing, a folder, or has an impossible name is no text, no number and no list."""
    for name in ("missing", ".", "a\0b", "x" * 5000):
        assert read_text(str(tmp_path), name) == read_label(str(tmp_path), name) == ""
        assert read_whole(str(tmp_path), name) is None
    assert listed(str(tmp_path / "missing")) == listed("a\0b") == []


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("12\n", 12),
        ("-3", -3),
        ("", None),
        ("1.5", None),
        ("1_0", None),
        ("٣", None),
        ("9" * 5000, None),
        ("12 34", None),
    ],
)
def test_only_plain_whole_numbers_are_numbers(content: str, expected: int | None, tmp_path: Path):
    """What Python or Unicode would also take for a number is none, and one of absurd length neither."""
    (tmp_path / "file").write_text(content, encoding="utf-8")
    assert read_whole(str(tmp_path), "file") == expected


def test_a_label_is_one_short_line(tmp_path: Path):
    """Of a long text the first 80 characters of the first line stay."""
    (tmp_path / "file").write_text("x" * 100 + "\nmore", encoding="utf-8")
    assert read_label(str(tmp_path), "file") == "x" * 80


def test_numbered_names_come_in_the_order_of_their_numbers(tmp_path: Path):
    """``zone10`` follows ``zone2``, and names with another beginning are left out."""
    for name in ("zone10", "zone2", "zone0", "other1"):
        (tmp_path / name).touch()
    assert listed(str(tmp_path), "zone") == ["zone0", "zone2", "zone10"]


@given(st.sets(st.integers(0, 4095)))
def test_processor_lists_are_read_back(numbers: set[int]):
    """Single numbers and ranges give the numbers that were written, ascending."""
    ordered = sorted(numbers)
    assert parse_processors(",".join(map(str, ordered))) == tuple(ordered)
    if ordered:
        assert parse_processors(f"{ordered[0]}-{ordered[-1]}\n".strip()) == tuple(range(ordered[0], ordered[-1] + 1))


@given(st.one_of(st.text(), st.text(alphabet="0123456789-,")))
def test_no_text_makes_the_processor_list_raise(text: str):
    """Anything else is an empty list, never a huge one."""
    found = parse_processors(text)
    assert len(found) <= 4096
    assert list(found) == sorted(found)
