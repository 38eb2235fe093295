"""The words of the user's `adb`: which phones it lists, what it says when it fails, and what to do about it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from edgebert.device.complaints import Refusal
from edgebert.device.device import Finished
from edgebert.device.process import run_program
from edgebert.errors import DeviceGone, DeviceProblem, EnvironmentProblem, UsageError

ANSWER_S = 30.0
"""Limit of short questions; the first one may have to start the adb server."""

NOT_INSTALLED = "install it: 'apt install adb' or 'brew install android-platform-tools'"
ALLOW = "unlock the phone and allow USB debugging for this computer; if it does not ask, replug the cable"
RECONNECT = "replug the cable, or run 'adb reconnect offline'"
UDEV = "add the phone to the udev rules ('apt install android-sdk-platform-tools-common') and replug it"
SERVER = "run 'adb start-server'"
START = "start Android on it; it is in another mode"
PLUG_IN = "connect the phone and switch on USB debugging in its developer options"

STATES = {
    "unauthorized": ALLOW,
    "authorizing": ALLOW,
    "offline": RECONNECT,
    "no permissions": UDEV,
}
"""What to do about the states of `adb devices`; in every other one something else than Android runs."""

# Of two phones that tell the same name by Wi-Fi, one gets " (2)" within its serial number.
LISTED = re.compile(r"^(\S+(?: \(\d+\)\S*)?)\s+(no permissions|[a-z]+)\b(.*)$")

COMPLAINTS = (
    Refusal(said="still authorizing", meaning="is being authorised", hint=ALLOW, can_pass=True),
    Refusal(said="unauthorized", meaning="is unauthorised", hint=ALLOW),
    Refusal(said="offline", meaning="is offline", hint=RECONNECT, can_pass=True),
    Refusal(said="still connecting", meaning="is connecting", hint=RECONNECT, can_pass=True),
    Refusal(said="no permissions", meaning="may not be opened by this user", hint=UDEV),
    Refusal(said="insufficient permissions", meaning="may not be opened by this user", hint=UDEV),
    Refusal(said="more than one device", meaning="is one of several", hint="name one: adb:SERIAL"),
    Refusal(said="not found", meaning="is no longer connected", hint=PLUG_IN, can_pass=True),
    Refusal(said="no devices", meaning="is no longer connected", hint=PLUG_IN, can_pass=True),
    Refusal(said="doesn't support", meaning="has an Android older than 7", hint="take a newer phone"),
    Refusal(said="cannot connect to daemon", meaning="is out of reach: no adb server", hint=SERVER, can_pass=True),
    Refusal(said="failed to start daemon", meaning="is out of reach: no adb server", hint=SERVER),
    Refusal(said="protocol fault", meaning="broke the connection", hint=RECONNECT, can_pass=True),
    Refusal(said="closed", meaning="broke the connection", hint=RECONNECT, can_pass=True),
)
"""What adb says when it did not get to run anything."""

NOT_WRITTEN = re.compile(
    "no space left|quota exceeded|file too large|read-only file system|permission denied|operation not permitted"
    "|couldn't create file|is a directory|not a directory",
    re.IGNORECASE,
)
"""What it says when the phone did not take a file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A line of `adb devices -l`: serial number, state, and the model where adb knows it."""

    serial: str
    state: str
    model: str

    @property
    def mend(self) -> str:
        """What to do to make the device usable; empty when it is."""
        return "" if self.state == "device" else STATES.get(self.state, START)


def listed_devices(*, adb: str = "adb") -> tuple[Listed, ...]:
    """Return what `adb devices` lists, usable or not.

    Raises:
        EnvironmentProblem: adb is not installed here.
        DeviceProblem: adb does not get its server to run.
    """
    try:
        done = run_program((adb, "devices", "-l"), timeout_s=ANSWER_S)
    except DeviceGone:
        raise
    except EnvironmentProblem as error:
        raise EnvironmentProblem(error.message, hint=NOT_INSTALLED) from error
    if done.code != 0:
        raise DeviceProblem(f"'adb devices' failed{_after(words_of(done))}", hint=SERVER)
    found = []
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith(("*", "List of devices")) or not (match := LISTED.match(line)):
            continue
        model = re.search(r"\bmodel:(\S+)", match[3])
        found.append(Listed(serial=match[1], state=match[2], model=model[1].replace("_", " ") if model else ""))
    return tuple(found)


def chosen_phone(serial: str, listed: Sequence[Listed]) -> Listed:
    """Return the phone that is meant, usable or not.

    Args:
        serial: Its serial number; empty takes the only one.
        listed: What ``listed_devices`` found.

    Raises:
        UsageError: No serial number was given, and there are several phones.
        DeviceProblem: There is no such phone.
    """
    there = ", ".join(f"adb:{device.serial} ({device.state})" for device in listed)
    if serial:
        for device in listed:
            if device.serial == serial:
                return device
        raise DeviceProblem(f"adb:{serial} is not connected", hint=f"there is {there}" if there else PLUG_IN)
    if not listed:
        raise DeviceProblem("adb: no phone is connected", hint=PLUG_IN)
    if len(listed) > 1:
        raise UsageError("adb: there are several phones, and none was named", hint=f"name one of {there}")
    return listed[0]


def words_of(done: Finished) -> str:
    """Return what adb has to say, without its news about the server and without progress."""
    lines = (done.stderr + "\n" + done.stdout.decode("utf-8", "replace")).splitlines()
    return " ".join(line.strip() for line in lines if "error" in line or "adb:" in line) or done.stderr


def gone(url: str, words: str) -> DeviceProblem:
    """Return the error that adb's own words stand for; a ``DeviceGone`` where it can pass."""
    for complaint in COMPLAINTS:
        if complaint.said in words:
            kind = DeviceGone if complaint.can_pass else DeviceProblem
            return kind(f"{url} {complaint.meaning}{_after(words)}", hint=complaint.hint)
    return DeviceGone(f"{url}: the connection broke{_after(words)}", hint=RECONNECT)


def _after(words: str) -> str:
    return f": {' '.join(words.split())[:200]}" if words.strip() else ""
