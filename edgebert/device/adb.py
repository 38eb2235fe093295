"""A phone by the user's own `adb` program, and the list of phones."""

from __future__ import annotations

import contextlib
import re
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgebert.device.android import ARM64, android_facts, phone_state
from edgebert.device.complaints import (
    ALLOW,
    NOT_INSTALLED,
    NOT_WRITTEN,
    PLUG_IN,
    RECONNECT,
    SERVER,
    START,
    UDEV,
    adb_refused,
    not_written,
    quoted,
)
from edgebert.device.device import NOTHING, AndroidFacts, Device, DeviceKind, Finished, PhoneState
from edgebert.device.process import run_program
from edgebert.device.shell import after_start, between_marks, marked, remote_command
from edgebert.errors import DeviceGone, DeviceProblem, UsageError

ROOT = "/data/local/tmp/edgebert"
"""The one place of a phone where the shell may both write and start programs."""

LEAST_BYTES_PER_S = 500_000
"""A slower push is a stuck one: USB 2 and Wi-Fi carry twenty times as much."""

# mv would put the file into a folder of its name.
PUT = """\
[ "$(wc -c < "$1")" -eq "$3" ] || exit 72
[ ! -d "$2" ] || { echo "$2: is a directory" >&2; exit 71; }
mv -f "$1" "$2" || exit 71
"""
TOO_SHORT = 72
# Arguments: a mark to print after each answer, and the services to ask.
ASK_SERVICES = """\
mark=$1
shift
for service; do
    dumpsys "$service"
    printf '\\n%s\\n' "$mark"
done
"""


ANSWER_S = 30.0
"""Limit of short questions; the first one may have to start the adb server."""

STATES = {"unauthorized": ALLOW, "authorizing": ALLOW, "offline": RECONNECT, "no permissions": UDEV}
"""What to do about the states of `adb devices`; in every other one something else than Android runs."""

# Of two phones that tell the same name by Wi-Fi, one gets " (2)" within its serial number.
LISTED = re.compile(r"^(\S+(?: \(\d+\)\S*)?)\s+(no permissions|[a-z]+)\b(.*)$")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A line of `adb devices -l`: serial number, state, and the model where adb knows it."""

    serial: str
    state: str
    model: str

    @property
    def hint(self) -> str:
        """What to do to make the device usable; empty when it is."""
        return "" if self.state == "device" else STATES.get(self.state, START)


class AdbDevice(Device):
    """A phone by adb. The adb server that the first command may start is the user's, and stays.

    Each method also raises an ``EnvironmentProblem`` where adb is not installed here.

    Args:
        serial: Serial number, or address and port.
        root: Folder on the phone.
        adb: The program.
    """

    kind: DeviceKind = "adb"

    def __init__(self, serial: str, *, root: str, adb: str) -> None:
        self.url = f"adb:{serial}"
        self.root = root
        self._adb = (adb, "-s", serial)

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] = NOTHING,
        timeout_s: float = 60.0,
        folder: str | None = None,
    ) -> Finished:
        """Run a program as ``Device.run`` says, or in ``folder``; when time is out, the phone kills it."""
        word = secrets.token_hex(8)
        line = remote_command(argv, environment=environment, folder=folder or self.root)
        # adb itself ends with code 0 too when the connection breaks.
        done = self._call("shell", "-T", marked(line, word), stdin=stdin, timeout_s=timeout_s)
        if (answer := between_marks(done, word)) is None:
            raise adb_refused(self.url, words_of(after_start(done, word) or done))
        return answer

    def push(self, source: Path, name: str) -> None:
        """Copy a file as ``Device.push`` says."""
        target = _below(self.root, name)
        partial = f"{target}.{secrets.token_hex(8)}.partial"
        size = source.stat().st_size
        # adb makes missing folders itself, but reports one that it may not make as a file that it cannot.
        self.make_folder(str(PurePosixPath(target).parent))
        try:
            sent = self._call("push", str(source.absolute()), partial, timeout_s=ANSWER_S + size / LEAST_BYTES_PER_S)
            if sent.code != 0:
                words = words_of(sent)
                raise self._not_written(name, words) if NOT_WRITTEN.search(words) else adb_refused(self.url, words)
            placed = self._ask("sh", "-c", PUT, "sh", partial, target, str(size))
            if placed.code == TOO_SHORT:
                raise DeviceGone(f"{self.url}: {name} arrived incomplete")
            if placed.code != 0:
                raise self._not_written(name, placed.stderr)
        except DeviceProblem:
            with contextlib.suppress(DeviceProblem):
                self._ask("rm", "-f", partial)
            raise

    def android_facts(self) -> AndroidFacts:
        """Return what the phone says of itself, as ``Device.android_facts`` says."""
        return android_facts(self._ask("getprop").stdout.decode("utf-8", "replace"))

    def phone_state(self, trial: int) -> PhoneState:
        """Return battery, heat and screen as ``Device.phone_state`` says."""
        mark = f"edgebert-{secrets.token_hex(8)}"
        # In one call: each costs a phone as much as a short inference.
        asked = self._ask("sh", "-c", ASK_SERVICES, "sh", mark, "battery", "thermalservice", "power")
        said = asked.stdout.decode("utf-8", "replace").split(f"\n{mark}\n")
        battery, thermal, power = (*said, "", "", "")[:3]
        return phone_state(trial, battery=battery, thermal=thermal, power=power)

    def make_folder(self, folder: str) -> None:
        """Make a folder of the phone and those above it, where they are missing.

        Raises:
            DeviceGone: The connection broke.
            DeviceProblem: The disk of the phone is full, or it refuses.
        """
        made = self._ask("mkdir", "-p", folder)
        if made.code != 0:
            raise self._not_written(folder, made.stderr)

    def _ask(self, *argv: str) -> Finished:
        """Run a short program that needs no folder."""
        return self.run(argv, folder="/", timeout_s=ANSWER_S)

    def _call(self, *arguments: str, stdin: bytes = b"", timeout_s: float) -> Finished:
        try:
            return run_program((*self._adb, *arguments), stdin=stdin, timeout_s=timeout_s, hint=NOT_INSTALLED)
        except DeviceGone as error:
            raise DeviceGone(f"{self.url}: {error.message}", hint=RECONNECT) from error

    def _not_written(self, name: str, words: str) -> DeviceProblem:
        return not_written(self.url, self.root, name, Finished(code=1, stdout=b"", stderr=words))


def open_adb(serial: str, *, root: str | None = None, adb: str = "adb") -> AdbDevice:
    """Return a phone that is ready to be used; its folder exists.

    Args:
        serial: Serial number as `adb devices` lists it; empty takes the only phone there is.
        root: Folder on the phone; ``None`` takes the usual one.
        adb: The program.

    Raises:
        UsageError: No serial number was given, and there are several phones.
        DeviceProblem: There is no such phone, it is unauthorised, or no 64-bit ARM.
        DeviceGone: It is offline.
        EnvironmentProblem: adb is not installed here.
    """
    phone = _chosen(serial, listed_devices(adb=adb))
    if phone.state != "device":
        kind = DeviceGone if phone.state in {"offline", "authorizing", "connecting"} else DeviceProblem
        raise kind(f"adb:{phone.serial} is {phone.state}", hint=phone.hint)
    device = AdbDevice(phone.serial, root=root or ROOT, adb=adb)
    abi = device.android_facts().abi
    if abi and abi != ARM64:
        raise DeviceProblem(f"{device.url} runs {abi} programs, not {ARM64}", hint="take a 64-bit ARM phone")
    device.make_folder(device.root)
    return device


def listed_devices(*, adb: str = "adb") -> tuple[Listed, ...]:
    """Return what `adb devices` lists, usable or not.

    Raises:
        EnvironmentProblem: adb is not installed here.
        DeviceProblem: adb does not get its server to run.
    """
    done = run_program((adb, "devices", "-l"), timeout_s=ANSWER_S, hint=NOT_INSTALLED)
    if done.code != 0:
        raise DeviceProblem(f"'adb devices' failed{quoted(words_of(done))}", hint=SERVER)
    found = []
    for line in done.stdout.decode("utf-8", "replace").splitlines():
        if line.startswith(("*", "List of devices")) or not (match := LISTED.match(line)):
            continue
        model = re.search(r"\bmodel:(\S+)", match[3])
        found.append(Listed(serial=match[1], state=match[2], model=model[1].replace("_", " ") if model else ""))
    return tuple(found)


def words_of(done: Finished) -> str:
    """Return what adb has to say, without its news about the server and without progress."""
    lines = (done.stderr + "\n" + done.stdout.decode("utf-8", "replace")).splitlines()
    return " ".join(line.strip() for line in lines if "error" in line or "adb:" in line) or done.stderr


def _chosen(serial: str, listed: Sequence[Listed]) -> Listed:
    found = [phone for phone in listed if serial in {"", phone.serial}]
    if len(found) == 1:
        return found[0]
    there = ", ".join(f"adb:{phone.serial} ({phone.state})" for phone in listed)
    if serial:
        raise DeviceProblem(f"adb:{serial} is not connected", hint=f"there is {there}" if there else PLUG_IN)
    if not listed:
        raise DeviceProblem("adb: no phone is connected", hint=PLUG_IN)
    raise UsageError("adb: there are several phones, and none was named", hint=f"name one of {there}")


def _below(root: str, name: str) -> str:
    path = PurePosixPath(name)
    if not path.parts or path.is_absolute() or ".." in path.parts:
        raise ValueError(f"{name!r} is not a path below the root of a device")
    return str(PurePosixPath(root) / path)
