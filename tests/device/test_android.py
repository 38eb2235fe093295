from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.device.android import android_facts, phone_state
from edgebert.device.device import AndroidFacts, PhoneState

TRANSCRIPTS = Path(__file__).parents[1] / "golden" / "android"
PHONES = {
    "pixel-8-android-15": (
        AndroidFacts(manufacturer="Google", model="Pixel 8", soc="Tensor G3", release="15", sdk=35, abi="arm64-v8a"),
        (73, 28.7, True),
        (0, ("BIG", "MID", "LITTLE", "G3D", "battery", "VIRTUAL-SKIN"), 36.0),
        (True, False),
    ),
    "galaxy-a52s-android-13": (
        AndroidFacts(manufacturer="samsung", model="SM-A528B", soc="SM7325", release="13", sdk=33, abi="arm64-v8a"),
        (21, 24.3, False),
        (0, ("AP", "BAT", "LRP", "PA"), 26.4),
        (False, True),
    ),
    "mi-9-android-10": (
        AndroidFacts(manufacturer="Xiaomi", model="MI 9", soc="msmnile", release="10", sdk=29, abi="arm64-v8a"),
        (100, 41.8, True),
        (2, ("cpu0", "cpu7", "GPU", "battery", "skin"), 74.8),
        (True, False),
    ),
    "nokia-3.1-android-8": (
        AndroidFacts(
            manufacturer="HMD Global", model="TA-1063", soc="MT6750", release="8.0.0", sdk=26, abi="arm64-v8a"
        ),
        (15, -3.5, True),
        (None, (), None),
        (False, True),
    ),
}


def transcript(phone, name):
    path = TRANSCRIPTS / phone / f"{name}.txt"
    return path.read_bytes().decode() if path.is_file() else ""


def test_every_transcript_is_read():
    """Each folder of transcripts stands in the table of these tests, and in the page about them."""
    folders = {path.name for path in TRANSCRIPTS.iterdir() if path.is_dir()}
    page = (TRANSCRIPTS / "README.md").read_text()
    assert folders == set(PHONES)
    assert all(f"`{name}`" in page for name in folders)


def state(*, battery="", thermal="", power=""):
    return phone_state(4, battery=battery, thermal=thermal, power=power)


@pytest.mark.parametrize("phone", PHONES)
def test_transcripts(phone):
    """What phones of four vendors and Android versions print is read to the value."""
    facts, battery, (status, sensors, highest), power = PHONES[phone]
    assert android_facts(transcript(phone, "getprop")) == facts
    found = state(
        battery=transcript(phone, "battery"),
        thermal=transcript(phone, "thermalservice"),
        power=transcript(phone, "power"),
    )
    assert found.trial == 4
    assert (found.battery_percent, found.battery_celsius, found.is_charging) == battery
    assert found.thermal_status == status
    assert tuple(temperature.sensor for temperature in found.temperatures) == sensors
    assert max((temperature.celsius for temperature in found.temperatures), default=None) == highest
    assert (found.is_screen_on, found.is_power_saving) == power


def test_silence_is_not_a_reading():
    """A phone that says nothing has a state of which nothing is known."""
    assert state() == state(thermal="Can't find service: thermalservice") == PhoneState(trial=4)


def test_live_temperatures_count_before_cached_ones():
    """A cached temperature is taken only where the hardware names none."""
    cached = "Cached temperatures:\n\tTemperature{mValue=99.0, mType=0, mName=CPU, mStatus=3}\n"
    live = "Current temperatures from HAL:\n\tTemperature{mValue=31.5, mType=0, mName=CPU, mStatus=0}\n"
    assert [sensor.celsius for sensor in state(thermal=cached + live).temperatures] == [31.5]
    assert [sensor.celsius for sensor in state(thermal=cached).temperatures] == [99.0]


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
    assert bool(state(thermal=f"Current temperatures from HAL:\n{line}\n").temperatures) is kept


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
    assert state(battery=text).battery_percent == expected


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
    assert state(battery=text).is_charging is expected


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
    assert state(power=text).is_screen_on is expected


@given(st.text())
def test_no_text_is_too_strange(text):
    """No reader raises, whatever a phone prints."""
    android_facts(text)
    state(battery=text, thermal=text, power=text)


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
    found = state(battery=text, thermal=text, power=text)
    assert found.battery_percent is None or 0 <= found.battery_percent <= 100
    assert found.battery_celsius is None or -40 <= found.battery_celsius <= 150
    assert found.thermal_status in {None, *range(7)}
    assert all(-40 <= sensor.celsius <= 150 for sensor in found.temperatures)
    assert len({sensor.sensor for sensor in found.temperatures}) == len(found.temperatures)
    android_facts(text)
