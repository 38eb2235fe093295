import hashlib
import shlex
import subprocess
import threading
import time

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from edgebert.device.adb import AdbDevice, Listed, listed_devices, open_adb
from edgebert.errors import DeviceGone, DeviceProblem, EnvironmentProblem, UsageError
from tests.support import kit
from tests.support.kit_build import with_tools

SERIAL = f"127.0.0.1:{kit.PORT}"
LARGE = 20_000_000


@pytest.fixture(scope="module")
def phone():
    """An emulated phone with a real adbd."""
    with kit.phone_by_adb() as started:
        yield started


@pytest.fixture
def device(phone):
    if phone.daemon.poll() is not None:
        phone.start()
    return open_adb(phone.serial, adb=phone.adb)


@pytest.fixture
def large(tmp_path):
    path = tmp_path / "large"
    path.write_bytes(bytes(range(256)) * (LARGE // 256))
    return path


def sha256(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


def running(phone):
    return phone.machine.run("ps", "-eo", "args").stdout


def scripted_adb(tmp_path, *, devices="", words="", code=1):
    """Return an adb program that lists ``devices`` and answers everything else with ``words``.

    No phone is at hand that could be unauthorised or offline, so these states are spoken by a script, in the words of
    the real program.
    """
    listing = tmp_path / "listing"
    listing.write_text(f"* daemon not running; starting now at tcp:5037\nList of devices attached\n{devices}\n")
    said = tmp_path / "said"
    said.write_text(words)
    path = tmp_path / "adb"
    path.write_text(
        f'#!/bin/sh\n[ "$1" = devices ] && exec cat {shlex.quote(str(listing))}\n'
        f"cat {shlex.quote(str(said))} >&2\nexit {code}\n"
    )
    path.chmod(0o755)
    return str(path)


# -------------------------------------------------------------------------------------------------- against a real adbd


def test_programs_run_on_the_phone(device):
    """A program is an aarch64 one and runs in the folder of edgebert, which is made."""
    assert device.run(("uname", "-m")).stdout == b"aarch64\n"
    assert device.run(("pwd",)).stdout == b"/data/local/tmp/edgebert\n"
    assert (device.kind, device.cpu, device.url) == ("adb", "", f"adb:{SERIAL}")


@pytest.mark.parametrize("code", [0, 1, 7, 126, 255])
def test_exit_codes_are_kept(device, code):
    """An exit code arrives as the program gave it."""
    assert device.run(("sh", "-c", f"exit {code}")).code == code


def test_ends_that_are_no_exit(device):
    """A program that is missing ends with 127, one that is killed with 128 and the signal."""
    assert device.run(("no-such-program",)).code == 127
    assert device.run(("sh", "-c", "kill -9 $$")).code == 137


def test_output_and_errors_stay_apart(device):
    """Standard output and standard error do not mix, and no line is added to either."""
    done = device.run(("sh", "-c", "printf out; printf err >&2"))
    assert (done.stdout, done.stderr) == (b"out", "err")


def test_every_byte_passes(device):
    """Standard input and output carry every byte value, line ends and all."""
    data = bytes(range(256)) * 64 + b"\r\n\n\r\x00\x04\x1a"
    assert device.run(("cat",), stdin=data).stdout == data
    assert device.run(("cat",)).stdout == b""


def test_large_input_and_output(device, large):
    """Twenty megabytes go in and come out as they are."""
    done = device.run(("cat",), stdin=large.read_bytes())
    assert hashlib.sha256(done.stdout).hexdigest() == sha256(large)


@settings(max_examples=8, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20), max_size=4))
def test_arguments_arrive_as_they_are(device, arguments):
    """No argument is split, expanded or changed on its way through two shells."""
    done = device.run(("printf", "%s\\0", *arguments)) if arguments else device.run(("printf", ""))
    assert done.stdout.decode().split("\0")[:-1] == arguments


def test_environment_is_added(device):
    """Variables arrive beside those of the phone."""
    done = device.run(("sh", "-c", 'printf "%s|%s" "$ONE" "$PATH"'), environment={"ONE": "a 'b' $c"})
    one, path = done.stdout.decode().split("|")
    assert one == "a 'b' $c"
    assert "/usr/bin" in path


def test_what_takes_too_long_is_killed_on_the_phone(device, phone):
    """When time is out, the program ends on the phone too, and all that it has started."""
    started = time.monotonic()
    with pytest.raises(DeviceGone, match="no answer within"):
        device.run(("sh", "-c", "sleep 4711 & sleep 4712"), timeout_s=1.5)
    assert time.monotonic() - started < 20
    until = time.monotonic() + 10
    while "471" in running(phone) and time.monotonic() < until:
        time.sleep(0.1)
    assert "sleep 471" not in running(phone)
    assert device.run(("true",)).code == 0


def test_push(device, large):
    """A file of twenty megabytes arrives as it is, executable, in a folder that is made, and replaces an older one."""
    large.chmod(0o755)
    older = large.with_name("older")
    older.write_bytes(b"older")
    device.push(older, "deep/er/file name")
    device.push(large, "deep/er/file name")
    done = device.run(("sha256sum", "deep/er/file name"))
    assert done.stdout.decode().split()[0] == sha256(large)
    assert device.run(("test", "-x", "deep/er/file name")).code == 0
    assert device.run(("ls", "deep/er")).stdout == b"file name\n"


@pytest.mark.parametrize("name", ["", ".", "/etc/passwd", "../x", "a/../../x"])
def test_nothing_is_put_outside(device, large, name):
    """A name that leaves the folder of edgebert is refused."""
    with pytest.raises(ValueError, match="below the root"):
        device.push(large, name)


def test_full_disk(device, phone, large):
    """A disk that is full is a problem that stays, and leaves neither the file nor a part of it."""
    phone.machine.mount_small("/data/local/tmp/small", 512)
    small = open_adb(phone.serial, root="/data/local/tmp/small", adb=phone.adb)
    with pytest.raises(DeviceProblem, match="no room on the disk") as caught:
        small.push(large, "model.onnx")
    assert not isinstance(caught.value, DeviceGone)
    assert "free" in caught.value.hint
    assert small.run(("ls", "-A")).stdout == b""


@pytest.mark.parametrize("name", ["taken/by", "taken/by/model/part"])
def test_what_is_in_the_way_stays(device, large, name):
    """A file takes neither the place of a folder nor of a file that it would have to lie in."""
    device.push(large, "taken/by/model")
    with pytest.raises(DeviceProblem, match="cannot be written") as caught:
        device.push(large, name)
    assert not isinstance(caught.value, DeviceGone)
    assert device.run(("ls", "-A", "taken", "taken/by")).stdout == b"taken:\nby\n\ntaken/by:\nmodel\n"


def test_gone_in_mid_push(device, phone, large, monkeypatch):
    """A phone that goes away in the middle of a file is an error worth another try, and the file is not there after."""
    # The unfinished file is a pipe of which a part is read, so that the push is caught in the middle.
    monkeypatch.setattr("edgebert.device.adb.secrets.token_hex", lambda _: "0a1b2c3d4e5f6071")
    pipe = f"{device.root}/cut-off.0a1b2c3d4e5f6071.partial"
    phone.machine.run("mkfifo", pipe)
    reading = ["sh", "-c", f"exec 3<{pipe}; head -c 100000 <&3 | wc -c; sleep 600"]
    with subprocess.Popen(phone.machine.inside(reading), stdout=subprocess.PIPE, env=with_tools()) as reader:
        arrived = []

        def cut():
            arrived.append(reader.stdout.readline())
            phone.die()

        cutting = threading.Thread(target=cut)
        cutting.start()
        try:
            with pytest.raises(DeviceGone):
                device.push(large, "cut-off")
        finally:
            cutting.join()
            reader.kill()
    assert arrived == [b"100000\n"]
    phone.start()
    assert device.run(("test", "-e", "cut-off")).code == 1
    phone.machine.run("rm", pipe)
    device.push(large, "cut-off")
    assert device.run(("sha256sum", "cut-off")).stdout.decode().split()[0] == sha256(large)


def test_gone_in_mid_run(device, phone):
    """A broken connection is told from a program that ended, although adb's exit code is 0 then."""
    cut = threading.Timer(1.0, phone.die)
    cut.start()
    try:
        with pytest.raises(DeviceGone):
            device.run(("sleep", "30"))
    finally:
        cut.join()
    with pytest.raises(DeviceGone, match="offline"):
        device.run(("true",))
    with pytest.raises(DeviceGone, match="offline"):
        open_adb(phone.serial, adb=phone.adb)


def test_the_only_phone_needs_no_name(device, phone):
    """Without a serial number the only phone is taken."""
    assert open_adb("", adb=phone.adb).url == f"adb:{SERIAL}"


def test_unknown_serial(device, phone):
    """A phone that is not there is a problem that names those that are."""
    with pytest.raises(DeviceProblem, match="adb:nobody is not connected") as caught:
        open_adb("nobody", adb=phone.adb)
    assert SERIAL in caught.value.hint


def test_facts_and_state_of_a_phone(device):
    """getprop and dumpsys are asked on the phone."""
    assert device.android_facts().model == "Pixel 8"
    state = device.phone_state(3)
    assert (state.trial, state.battery_percent, state.thermal_status, state.is_screen_on) == (3, 73, 0, True)


def test_wrong_abi(device, phone):
    """A phone that prefers another ABI is refused when it is opened."""
    phone.machine.run("cp", "/transcripts/getprop.txt", "/transcripts/kept")
    try:
        phone.machine.run("sed", "-i", "s/arm64-v8a/armeabi-v7a/", "/transcripts/getprop.txt")
        with pytest.raises(DeviceProblem, match="armeabi-v7a"):
            open_adb(phone.serial, adb=phone.adb)
    finally:
        phone.machine.run("mv", "/transcripts/kept", "/transcripts/getprop.txt")


def test_linux_by_adb_has_no_facts():
    """A machine with adbd but without getprop can be used, and is not known."""
    with kit.phone_by_adb(transcripts=None) as bare:
        device = open_adb(bare.serial, adb=bare.adb)
        assert device.android_facts().model == ""
        assert device.phone_state(0).battery_percent is None


def test_close_leaves_nothing(device):
    """A device may be closed twice."""
    device.close()
    device.close()


# -------------------------------------------------------------------------------------------- states that need a phone

UNAUTHORISED = (
    "adb: device unauthorized.\nThis adb server's $ADB_VENDOR_KEYS is not set\n"
    "Try 'adb kill-server' if that seems wrong.\nOtherwise check for a confirmation dialog on your device.\n"
)


@pytest.mark.parametrize(
    ("words", "may_pass", "expected", "hint"),
    [
        (UNAUTHORISED, False, "unauthorised", "allow USB debugging"),
        ("error: device still authorizing\n", True, "authorised", "allow USB debugging"),
        ("adb: device offline\n", True, "offline", "replug"),
        ("error: device offline\n", True, "offline", "replug"),
        ("adb: device 'S1' not found\n", True, "no longer connected", "connect"),
        ("error: no devices/emulators found\n", True, "no longer connected", "connect"),
        ("error: closed\n", True, "broke", "replug"),
        ("error: protocol fault (couldn't read status): connection reset\n", True, "broke", "replug"),
        ("error: more than one device/emulator\n", False, "several", "adb:SERIAL"),
        ("error: target doesn't support PTY args -Tt\n", False, "older than 7", "newer"),
        ("error: insufficient permissions for device: verify udev rules\n", False, "may not be opened", "udev"),
        ("* failed to start daemon\nerror: cannot connect to daemon\n", True, "adb server", "start-server"),
        ("", True, "connection broke", "replug"),
    ],
)
def test_what_adb_says_is_understood(tmp_path, words, may_pass, expected, hint):
    """adb's own words become one line, a hint, and the right answer to whether another try is worth it."""
    device = AdbDevice("S1", root="/data/local/tmp/edgebert", adb=scripted_adb(tmp_path, words=words))
    for act in (lambda: device.run(("true",)), lambda: device.push(tmp_path / "said", "name")):
        with pytest.raises(DeviceProblem, match=expected) as caught:
            act()
        assert isinstance(caught.value, DeviceGone) is may_pass
        assert hint in caught.value.hint
        assert "\n" not in caught.value.message


LISTING = """\
R58M123ABC             device usb:1-2 product:a52sxq model:SM_A528B device:a52sxq transport_id:4
0123456789ABCDEF       unauthorized usb:1-1 transport_id:3
emulator-5556          offline transport_id:2
a0388e93               no permissions (missing udev rules? user is in the plugdev group); see [http://x] usb:1-3
986AY133QL             recovery usb:1-4 transport_id:6
adb-R58M-Xy1 (2)._adb-tls-connect._tcp device product:p model:Odd_One device:d transport_id:7
"""


def test_listing(tmp_path):
    """Every line of the listing is read: serial number, state and model."""
    assert listed_devices(adb=scripted_adb(tmp_path, devices=LISTING)) == (
        Listed(serial="R58M123ABC", state="device", model="SM A528B"),
        Listed(serial="0123456789ABCDEF", state="unauthorized", model=""),
        Listed(serial="emulator-5556", state="offline", model=""),
        Listed(serial="a0388e93", state="no permissions", model=""),
        Listed(serial="986AY133QL", state="recovery", model=""),
        Listed(serial="adb-R58M-Xy1 (2)._adb-tls-connect._tcp", state="device", model="Odd One"),
    )


@pytest.mark.parametrize(
    ("serial", "kind", "words", "hint"),
    [
        ("", UsageError, "several phones", "adb:R58M123ABC (device), adb:0123456789ABCDEF (unauthorized)"),
        ("0123456789ABCDEF", DeviceProblem, "unauthorized", "allow USB debugging"),
        ("emulator-5556", DeviceGone, "offline", "replug"),
        ("a0388e93", DeviceProblem, "no permissions", "udev"),
        ("986AY133QL", DeviceProblem, "recovery", "start Android"),
        ("gone", DeviceProblem, "not connected", "R58M123ABC"),
    ],
)
def test_phones_that_cannot_be_opened(tmp_path, serial, kind, words, hint):
    """Opening a phone says what is wrong with it and what to do on the phone."""
    with pytest.raises(kind, match=words) as caught:
        open_adb(serial, adb=scripted_adb(tmp_path, devices=LISTING))
    assert type(caught.value) is kind
    assert hint in caught.value.hint


def test_no_phone(tmp_path):
    """Without a serial number and without a phone there is a hint how to get one."""
    with pytest.raises(DeviceProblem, match="no phone") as caught:
        open_adb("", adb=scripted_adb(tmp_path))
    assert "USB debugging" in caught.value.hint


def test_adb_is_not_installed():
    """A missing adb is said, with how to install it."""
    with pytest.raises(EnvironmentProblem, match="no-such-adb") as caught:
        open_adb("", adb="no-such-adb")
    assert "install" in caught.value.hint
