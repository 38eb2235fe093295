from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.device.android import (
    Battery,
    Power,
    Thermal,
    android_facts,
    phone_state,
    read_battery,
    read_power,
    read_thermal,
)
from edgebert.device.device import AndroidFacts, PhoneState
from edgebert.device.protocol import Temperature

TRANSCRIPTS = Path(__file__).parents[1] / "golden" / "android"
PHONES = {
    "pixel-8-android-15": (
        AndroidFacts(manufacturer="Google", model="Pixel 8", soc="Tensor G3", release="15", sdk=35, abi="arm64-v8a"),
        Battery(percent=73, celsius=28.7, is_charging=True),
        (0, ("BIG", "MID", "LITTLE", "G3D", "battery", "VIRTUAL-SKIN"), 36.0),
        Power(is_screen_on=True, is_saving=False),
    ),
    "galaxy-a52s-android-13": (
        AndroidFacts(manufacturer="samsung", model="SM-A528B", soc="SM7325", release="13", sdk=33, abi="arm64-v8a"),
        Battery(percent=21, celsius=24.3, is_charging=False),
        (0, ("AP", "BAT", "LRP", "PA"), 26.4),
        Power(is_screen_on=False, is_saving=True),
    ),
    "mi-9-android-10": (
        AndroidFacts(manufacturer="Xiaomi", model="MI 9", soc="msmnile", release="10", sdk=29, abi="arm64-v8a"),
        Battery(percent=100, celsius=41.8, is_charging=True),
        (2, ("cpu0", "cpu7", "GPU", "battery", "skin"), 74.8),
        Power(is_screen_on=True, is_saving=False),
    ),
    "nokia-3.1-android-8": (
        AndroidFacts(
            manufacturer="HMD Global", model="TA-1063", soc="MT6750", release="8.0.0", sdk=26, abi="arm64-v8a"
        ),
        Battery(percent=15, celsius=-3.5, is_charging=True),
        (None, (), None),
        Power(is_screen_on=False, is_saving=True),
    ),
}
READERS = (android_facts, read_battery, read_thermal, read_power)


def transcript(phone, name):
    path = TRANSCRIPTS / phone / f"{name}.txt"
    return path.read_bytes().decode() if path.is_file() else ""


def test_every_transcript_is_read():
    """Each folder of transcripts stands in the table of these tests, and in the page about them."""
    folders = {path.name for path in TRANSCRIPTS.iterdir() if path.is_dir()}
    page = (TRANSCRIPTS / "README.md").read_text()
    assert folders == set(PHONES)
    assert all(f"`{name}`" in page for name in folders)


@pytest.mark.parametrize("phone", PHONES)
def test_transcripts(phone):
    """What phones of four vendors and Android versions print is read to the value."""
    facts, battery, (status, sensors, highest), power = PHONES[phone]
    assert android_facts(transcript(phone, "getprop")) == facts
    assert read_battery(transcript(phone, "battery")) == battery
    thermal = read_thermal(transcript(phone, "thermalservice"))
    assert thermal.status == status
    assert tuple(temperature.sensor for temperature in thermal.temperatures) == sensors
    assert max((temperature.celsius for temperature in thermal.temperatures), default=None) == highest
    assert read_power(transcript(phone, "power")) == power


def test_phone_state_joins_the_parts():
    """The state of a phone is the three readings and the number of the trial."""
    phone = "mi-9-android-10"
    state = phone_state(
        4,
        battery=transcript(phone, "battery"),
        thermal=transcript(phone, "thermalservice"),
        power=transcript(phone, "power"),
    )
    assert (state.trial, state.battery_percent, state.battery_celsius, state.is_charging) == (4, 100, 41.8, True)
    assert (state.thermal_status, state.is_screen_on, state.is_power_saving) == (2, True, False)
    assert state.temperatures[0] == Temperature(sensor="cpu0", celsius=71.2)


def test_silence_is_not_a_reading():
    """A phone that says nothing has a state of which nothing is known."""
    assert phone_state(0, battery="", thermal="", power="") == PhoneState(trial=0)
    assert read_thermal("Can't find service: thermalservice") == Thermal()


def test_live_temperatures_count_before_cached_ones():
    """A cached temperature is taken only where the hardware names none."""
    cached = "Cached temperatures:\n\tTemperature{mValue=99.0, mType=0, mName=CPU, mStatus=3}\n"
    live = "Current temperatures from HAL:\n\tTemperature{mValue=31.5, mType=0, mName=CPU, mStatus=0}\n"
    assert [sensor.celsius for sensor in read_thermal(cached + live).temperatures] == [31.5]
    assert [sensor.celsius for sensor in read_thermal(cached).temperatures] == [99.0]


@pytest.mark.parametrize(
    ("line", "kept"),
    [
        ("\tTemperature{mValue=41.0, mType=0, mName=a, mStatus=0}", True),
        ("\tTemperature{mValue=41.0, mType=0, mName=a}", True),
        ("\tTemperature{mValue=-12.5, mType=3, mName=a, mStatus=0}", True),
        ("\tTemperature{mValue=41.0, mType=-1, mName=a, mStatus=0}", False),
        ("\tTemperature{mValue=3.9, mType=6, mName=a, mStatus=0}", False),
        ("\tTemperature{mValue=73.0, mType=8, mName=a, mStatus=0}", False),
        ("\tTemperature{mValue=0.0, mType=2, mName=a, mStatus=0}", False),
        ("\tTemperature{mValue=NaN, mType=2, mName=a, mStatus=0}", False),
        ("\tTemperature{mValue=41000.0, mType=0, mName=a, mStatus=0}", False),
        ("\tTemperature{mValue=x, mType=0, mName=a, mStatus=0}", False),
        ("\tCoolingDevice{mValue=41, mType=2, mName=a}", False),
    ],
)
def test_only_temperatures_count(line, kept):
    """A sensor counts if it measures a temperature, is fitted, and its value is one that a phone can have."""
    assert bool(read_thermal(f"Current temperatures from HAL:\n{line}\n").temperatures) is kept


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  level: 50\n  scale: 200\n", 25),
        ("  level: 50\n", 50),
        ("  level: 101\n  scale: 100\n", None),
        ("  level: -1\n  scale: 100\n", None),
        ("  level: 50\n  scale: 0\n", None),
        ("  level: 5" + "0" * 5000, None),
        ("  level: ٥٠\n", None),
    ],
)
def test_charge(text, expected):
    """The charge is the level in percent of its scale, or unknown where that is no percentage."""
    assert read_battery(text).percent == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  USB powered: true\n  status: 4\n", True),
        ("  USB powered: false\n  status: 5\n", False),
        ("  status: 2\n", True),
        ("  status: 3\n", False),
        ("  status: 1\n", None),
    ],
)
def test_power_flows_in(text, expected):
    """A cable counts as charging even when the battery is full or protected."""
    assert read_battery(text).is_charging is expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("  mWakefulness=Dreaming\n", True),
        ("  mWakefulness=Unheard\nDisplay Power: state=OFF\n", False),
        ("Display Power: state=DOZE\n", False),
        ("Display Power: com.android.server.power.PowerManagerService$1@8c9fc54\n", None),
    ],
)
def test_screen(text, expected):
    """Wakefulness tells of the screen, and the display's own state where that is missing."""
    assert read_power(text).is_screen_on is expected


@given(st.text())
def test_no_text_is_too_strange(text):
    """No reader raises, whatever a phone prints."""
    for read in READERS:
        read(text)


@given(
    st.lists(
        st.one_of(
            st.sampled_from(
                [
                    line
                    for phone in PHONES
                    for name in ("getprop", "battery", "thermalservice", "power")
                    for line in transcript(phone, name).splitlines()
                ]
            ),
            st.text(max_size=20),
            st.from_regex(r"\s*(level|temperature|scale|Thermal Status|status): -?\d{1,6000}", fullmatch=True),
            st.from_regex(r"\tTemperature\{mValue=\S{1,9}, mType=-?\d{1,9}, mName=\w+, mStatus=\d\}", fullmatch=True),
        )
    )
)
def test_readings_stay_within_bounds(lines):
    """However lines of phones are mixed with noise, no reader raises, and what is read is possible."""
    text = "\n".join(lines)
    state = phone_state(1, battery=text, thermal=text, power=text)
    assert state.battery_percent is None or 0 <= state.battery_percent <= 100
    assert state.battery_celsius is None or -40 <= state.battery_celsius <= 150
    assert state.thermal_status in {None, *range(7)}
    assert all(-40 <= sensor.celsius <= 150 for sensor in state.temperatures)
    assert len({sensor.sensor for sensor in state.temperatures}) == len(state.temperatures)
    android_facts(text)
