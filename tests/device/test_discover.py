import platform

from edgebert.device.discover import Found, found_devices
from tests.device import kit
from tests.device.test_adb import LISTING, UNAUTHORISED, scripted_adb


def by_url(found):
    return {device.url: device for device in found}


def test_this_machine_is_always_there(tmp_path):
    """The machine itself comes first and can be used; that it is no ARM processor is said."""
    first = found_devices(adb="no-such-adb")[0]
    assert (first.url, first.ok) == ("local", True)
    assert bool(first.why) is (platform.machine() not in {"aarch64", "arm64"})


def test_boards_are_named_by_the_user():
    """Boards cannot be found, so the last line says how to name one."""
    last = found_devices(adb="no-such-adb")[-1]
    assert last.ok is False
    assert "ssh:pi@raspberrypi" in last.mend


def test_adb_is_not_installed():
    """Without adb the list says so, and how to install it."""
    phones = by_url(found_devices(adb="no-such-adb"))["adb:SERIAL"]
    assert not phones.ok
    assert "no-such-adb" in phones.why
    assert "install" in phones.mend


def test_no_phone(tmp_path):
    """With adb but without a phone the list says what to do on the phone."""
    phones = by_url(found_devices(adb=scripted_adb(tmp_path)))["adb:SERIAL"]
    assert "USB debugging" in phones.mend


def test_every_phone_that_adb_lists(tmp_path):
    """Each phone has a line; one that cannot be used says why and what to do."""
    found = by_url(found_devices(adb=scripted_adb(tmp_path, devices=LISTING, words=UNAUTHORISED)))
    assert found["adb:emulator-5556"].why == "offline"
    assert "udev" in found["adb:a0388e93"].mend
    assert "start Android" in found["adb:986AY133QL"].mend
    # Authorised while it was listed, and no longer when it was asked.
    late = found["adb:R58M123ABC"]
    assert (late.ok, late.what) == (False, "SM A528B")
    assert "unauthorised" in late.why
    assert len(found) == 8


def test_a_phone_is_described_by_itself():
    """A usable phone has its own name, processor and Android version; one of another ABI is not usable."""
    with kit.phone_by_adb() as phone:
        url = f"adb:{phone.serial}"
        assert by_url(found_devices(adb=phone.adb))[url] == Found(
            url=url, ok=True, what="Google Pixel 8, Tensor G3, Android 15"
        )
        phone.machine.run("sed", "-i", "s/arm64-v8a/armeabi-v7a/", "/transcripts/getprop.txt")
        refused = by_url(found_devices(adb=phone.adb))[url]
        assert not refused.ok
        assert "armeabi-v7a" in refused.why


def test_emulator_that_is_not_set_up(tmp_path):
    """An emulator that nobody has set up is listed with the command that does it."""
    emulator = by_url(found_devices(adb="no-such-adb", cache=tmp_path))["emulator:cortex-a76"]
    assert not emulator.ok
    assert "edgebert emulator setup" in emulator.mend
    assert not any(path.name for path in tmp_path.iterdir())
