"""An emulated ARM CPU as a device, and the instructions that it executes for one inference.

The worker's own aarch64 programs are run by QEMU in user mode on this machine (``setup``). Emulated seconds say nothing
about a phone. Instructions do say something, above all by class: whether the runtime uses the CPU's dot products or
int8 matrix products at all; and they are the same on every run and machine. They are no time either: instructions
differ in what they cost.
"""

from __future__ import annotations

import dataclasses
import functools
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from edgebert.device.board import Board, Launcher
from edgebert.device.device import Device, DeviceKind
from edgebert.device.process import LocalDevice, run_program, size_and_sha256
from edgebert.device.protocol import Request, Trial
from edgebert.emulation.setup import QEMU, counting_qemu, emulator_folder, plugin_options, ready_facts
from edgebert.errors import DeviceProblem, EnvironmentProblem, UsageError
from edgebert.staging import replace_file
from edgebert.workers.archive import LOADER, PYTHON
from edgebert.workers.build import runtime_path, unpacked_runtime

ALIASES = {"i8mm": "max,sve=off,sme=off"}
"""CPUs that QEMU has no name for; ``i8mm`` is like most recent phones: dot products and i8mm, no SVE and no SME."""

_CPU = re.compile(r"[a-z0-9][a-z0-9-]*(,[a-z0-9-]+=[a-z0-9]+)*")
_LINE = re.compile(r"insncount ([0-9]{1,19}|exit) (\S+) ([0-9]{1,20})")
_PROBE_S = 60.0


class EmulatedDevice(LocalDevice):
    """This machine with an ARM CPU beside its own: aarch64 programs run emulated, all others as they are."""

    kind: DeviceKind = "emulator"

    def __init__(self, folder: Path, cpu: str, qemu: Sequence[str], *, is_temporary: bool) -> None:
        super().__init__(folder, is_temporary=is_temporary)
        self.url = f"emulator:{cpu}"
        self.cpu = cpu
        self._qemu = tuple(qemu)

    def emulator(self, program: str) -> tuple[str, ...]:
        """Return QEMU for an aarch64 program, which takes 10 to 100 times its time on a real device."""
        try:
            with Path(self.root, program).open("rb") as stream:
                start = stream.read(20)
        except OSError:
            return ()
        # A 64-bit little-endian ELF file for machine 183.
        return self._qemu if start[:6] == b"\x7fELF\x02\x01" and start[18:] == b"\xb7\0" else ()


def open_emulator(cpu: str, *, cache: Path) -> tuple[Device, Launcher]:
    """Return an emulated CPU as a device, and what starts a worker on it.

    Args:
        cpu: Name that QEMU knows, as in ``cortex-a76``, or ``i8mm``; options of QEMU may follow, as in ``max,sve=off``.
        cache: Folder that ``set_up_emulator`` filled.

    Raises:
        UsageError: There is no such CPU.
        EnvironmentProblem: The emulator is not set up.
    """
    facts = ready_facts(cache)
    qemu = _running_qemu(cpu, cache)
    check_cpu(cpu, _known_cpus(qemu[0]))
    root, manifest = unpacked_runtime(cache)
    probe = run_program((*qemu, str(root / LOADER), "--version"), timeout_s=_PROBE_S)
    if probe.code != 0:
        words = next(iter(probe.stderr.splitlines()), f"exit code {probe.code}")
        raise UsageError(f"{cpu!r}: QEMU {facts.running} does not run this CPU: {words}")
    launcher = Launcher(
        argv=manifest.command(str(root)),
        environment=manifest.variables(str(root)),
        worker=size_and_sha256(runtime_path(cache))[1],
    )
    folder = Path(tempfile.mkdtemp(prefix="emulated-", dir=cache)).resolve()
    return EmulatedDevice(folder, cpu, qemu, is_temporary=True), launcher


def check_cpu(cpu: str, known: Sequence[str]) -> None:
    """Refuse a CPU that QEMU does not know.

    Args:
        cpu: As for ``open_emulator``.
        known: Names that QEMU knows.

    Raises:
        UsageError: There is no such CPU; the hint lists all.
    """
    if cpu in ALIASES or (_CPU.fullmatch(cpu) and cpu.partition(",")[0] in known):
        return
    raise UsageError(f"{cpu!r}: not a CPU that can be emulated", hint=f"one of {', '.join((*known, *ALIASES))}")


def cpu_names(listing: bytes) -> tuple[str, ...]:
    """Return the names of 64-bit CPUs in what ``qemu-aarch64 -cpu help`` prints."""
    words = [line.strip() for line in listing.decode("utf-8", "replace").splitlines() if line.startswith(" ")]
    return tuple(word for word in words if _CPU.fullmatch(word))


def open_emulated_board(cpu: str, *, cache: Path) -> Board:
    """Return an emulated CPU with a worker on it, one that counts instructions where that is possible.

    Arguments and errors are those of ``open_emulator``.
    """
    device, launcher = open_emulator(cpu, cache=cache)
    reason = why_not_counted(cpu, cache=cache)
    counter = None if reason else functools.partial(_counted, device, launcher, cache)
    return Board(device, launcher, counter=counter, why_not_counted=reason)


def _counted(
    device: Device, launcher: Launcher, cache: Path, request: Request, timeout_s: float
) -> tuple[Trial, tuple[tuple[str, float], ...]]:
    """Count the instructions of a worker as ``InstructionCounter`` says."""
    if request.threads != 1 or not request.series or request.runs < 1:
        raise UsageError("instructions are counted with one thread, and at least one inference")
    with tempfile.TemporaryDirectory(prefix="count-", dir=device.root) as scratch:
        log = Path(scratch, "log")
        qemu = counter_command(device.cpu, log, cache=cache)
        counted = EmulatedDevice(Path(device.root), device.cpu, qemu, is_temporary=False)
        trial = Board(counted, launcher).work(dataclasses.replace(request, marks=True), timeout_s=timeout_s)
        counts = read_counts(log.read_text("utf-8", "replace") if log.is_file() else "")
    classes = between(counts, "1", "2", runs=request.runs)
    if not classes:
        raise DeviceProblem(f"{device.url}: the emulator counted no instructions")
    return trial, classes


def why_not_counted(cpu: str, *, cache: Path) -> str:
    """Return why the instructions of an emulated CPU cannot be counted here, in one sentence; empty when they can.

    Raises:
        EnvironmentProblem: The emulator is not set up.
    """
    facts = ready_facts(cache)
    if not facts.counting:
        return f"instructions cannot be counted here: {facts.cannot_count}"
    try:
        check_cpu(cpu, _known_cpus(*counting_qemu(emulator_folder(cache) / "count")))
    except UsageError:
        return f"the QEMU that counts instructions ({facts.counting}) does not know the CPU {cpu}"
    return ""


def counter_command(cpu: str, log: Path, *, cache: Path) -> tuple[str, ...]:
    """Return the command that runs an aarch64 program on an emulated CPU and writes what it counts to ``log``.

    Args:
        cpu: As for ``open_emulator``, one that can be counted (``why_not_counted``).
        log: File for the lines that ``read_counts`` reads.
        cache: Folder that ``set_up_emulator`` filled.

    Raises:
        EnvironmentProblem: The emulator does not say what this CPU is like.
    """
    folder = emulator_folder(cache) / "count"
    options = ("-cpu", ALIASES.get(cpu, cpu), "-L", str(_with_cpuinfo(cpu, cache)))
    return (*_at_fixed_addresses(), *counting_qemu(folder), *plugin_options(folder, log), *options)


def read_counts(text: str) -> dict[str, dict[str, int]]:
    """Return what the plugin wrote: mark (a number, or ``exit``) -> class -> instructions since the start.

    The class ``total`` is the sum of all others. Lines that are no counts are left out; of two for the same mark and
    class the later one holds.
    """
    counts: dict[str, dict[str, int]] = {}
    for line in text.split("\n"):
        if found := _LINE.fullmatch(line):
            counts.setdefault(found[1], {})[found[2]] = int(found[3])
    return counts


def between(
    counts: Mapping[str, Mapping[str, int]], first: str, last: str, *, runs: int
) -> tuple[tuple[str, float], ...]:
    """Return the instructions between two marks by class, largest first, as a share of ``runs``.

    Empty when a mark is missing, or nothing was executed between the two.
    """
    before, after = counts.get(first), counts.get(last)
    if before is None or after is None:
        return ()
    spent = {name: (count - before.get(name, 0)) / runs for name, count in after.items() if name != "total"}
    return tuple(sorted(((name, each) for name, each in spent.items() if each > 0), key=lambda pair: -pair[1]))


def _running_qemu(cpu: str, cache: Path) -> tuple[str, ...]:
    return (str(emulator_folder(cache) / "run" / QEMU), "-cpu", ALIASES.get(cpu, cpu))


def _known_cpus(*qemu: str) -> tuple[str, ...]:
    return cpu_names(run_program((*qemu, "-cpu", "help"), timeout_s=_PROBE_S).stdout)


def _with_cpuinfo(cpu: str, cache: Path) -> Path:
    """Return a folder with the ``/proc/cpuinfo`` of an emulated CPU.

    The QEMU that counts shows programs the one of this machine, over which the runtimes crash, but it looks for every
    file below the folder of its option -L first. The QEMU that runs programs makes the right one.
    """
    folder = emulator_folder(cache) / "cpuinfo" / cpu
    path = folder / "proc" / "cpuinfo"
    if not path.is_file():
        root, manifest = unpacked_runtime(cache)
        program = (str(root / LOADER), "--library-path", str(root / "lib"), str(root / PYTHON), "-S", "-c")
        code = "import sys; sys.stdout.write(open('/proc/cpuinfo').read())"
        argv = (*_running_qemu(cpu, cache), *program, code)
        done = run_program(argv, environment=manifest.variables(str(root)), timeout_s=_PROBE_S)
        if done.code != 0 or b"Features" not in done.stdout:
            raise EnvironmentProblem(f"{cpu}: QEMU does not say what this CPU is like")
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, done.stdout)
    return folder


def _at_fixed_addresses() -> tuple[str, ...]:
    """Return the command that keeps programs at the same addresses, so that counts repeat; empty where it may not."""
    command = ("setarch", "-R")
    allowed = shutil.which("setarch") and run_program((*command, "true"), timeout_s=_PROBE_S).code == 0
    return command if allowed else ()
