"""An emulated ARM CPU as a device: the runtime's own aarch64 programs, run by QEMU in user mode on this machine.

Two QEMUs take part. The newer one shows programs a ``/proc/cpuinfo`` that fits the emulated CPU, and runs everything.
Debian builds it without plugins, so an older one, which has them, counts instructions (``instructions``).
"""

from __future__ import annotations

import functools
import hashlib
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from edgebert import jsonio
from edgebert.device.device import NOTHING, Device, Finished
from edgebert.device.facts import DeviceKind
from edgebert.device.launch import Launcher
from edgebert.device.local import LocalDevice
from edgebert.device.process import run_program
from edgebert.emulation.counter import PLUGIN_SOURCE, make_counter
from edgebert.errors import EnvironmentProblem, UsageError
from edgebert.progress import Progress, silent
from edgebert.staging import staged_folder
from edgebert.workers.archive import LOADER, file_sha256
from edgebert.workers.build import cached_runtime, downloaded, locked, runtime_path, unpacked_runtime
from edgebert.workers.elf import read_elf
from edgebert.workers.fetch import BACKPORTS, RELEASE, deb_version, fetch_debs, host_architecture, unpack_deb

ALIASES = {"i8mm": "max,sve=off,sme=off"}
"""CPUs that QEMU has no name for; ``i8mm`` is like most recent phones: dot products and i8mm, no SVE and no SME."""

_STAMP = "emulator.json"
_SCHEMA = 1
_HINT = "edgebert emulator setup makes it ready"
_CPU = re.compile(r"[a-z0-9][a-z0-9-]*(,[a-z0-9-]+=[a-z0-9]+)*")
_PROBE_S = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorFacts:
    """What an emulator that was set up consists of; kept beside it.

    Attributes:
        schema: Version of this value.
        recipe: Hash of what decided its content.
        running: Version of the QEMU that runs programs.
        counting: Version of the QEMU that counts instructions; empty when there is none.
        cannot_count: Why there is none; empty when there is.
        counter: Command of the one that counts; its files are relative to the folder it lies in.
    """

    schema: int
    recipe: str
    running: str
    counting: str
    cannot_count: str
    counter: tuple[str, ...]


class EmulatedDevice(LocalDevice):
    """This machine with an ARM CPU beside its own: aarch64 programs run emulated, all others as they are."""

    kind: DeviceKind = "emulator"

    def __init__(self, folder: Path, cpu: str, qemu: Sequence[str], *, is_temporary: bool) -> None:
        super().__init__(folder, is_temporary=is_temporary)
        self.url = f"emulator:{cpu}"
        self.cpu = cpu
        self._qemu = tuple(qemu)

    def run(
        self,
        argv: Sequence[str],
        *,
        stdin: bytes = b"",
        environment: Mapping[str, str] = NOTHING,
        timeout_s: float = 60.0,
    ) -> Finished:
        """Run a program as ``Device.run`` says; an emulated one takes 10 to 100 times its time on a real device."""
        emulator = self._qemu if _is_aarch64(Path(self.root, argv[0])) else ()
        return super().run((*emulator, *argv), stdin=stdin, environment=environment, timeout_s=timeout_s)


def set_up_emulator(cache: Path, *, progress: Progress = silent) -> EmulatorFacts:
    """Make the emulator and the runtime ready in ``cache``, fetching what is not there yet; done again it does nothing.

    Raises:
        EnvironmentProblem: This machine is no Debian or Ubuntu, has no connection, or no room on its disk.
        OutputError: The cache cannot be written.
    """
    cached_runtime(cache, progress=progress)
    root, _ = unpacked_runtime(cache)
    with locked(cache):
        facts = _facts(cache)
        if facts is not None and not facts.cannot_count:
            return facts
        return _set_up(cache, root / LOADER, progress)


def emulator_state(cache: Path) -> tuple[bool, str]:
    """Return whether the emulator can be opened, and one sentence about it: its versions, or what is missing."""
    facts = _facts(cache)
    if facts is None:
        other = emulator_folder(cache).is_dir()
        return False, f"the emulator is {'of another version of edgebert' if other else 'not set up'}; {_HINT}"
    if not runtime_path(cache).is_file():
        return False, f"the runtime of this version of edgebert is not there; {_HINT}"
    counts = f"counts instructions by QEMU {facts.counting}" if facts.counting else f"no counts: {facts.cannot_count}"
    return True, f"QEMU {facts.running}; {counts}"


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
    runner = (str(emulator_folder(cache) / "run" / "qemu-aarch64"),)
    check_cpu(cpu, cpu_names(run_program((*runner, "-cpu", "help"), timeout_s=_PROBE_S).stdout))
    root, manifest = unpacked_runtime(cache)
    qemu = (*runner, "-cpu", ALIASES.get(cpu, cpu))
    probe = run_program((*qemu, str(root / LOADER), "--version"), timeout_s=_PROBE_S)
    if probe.code != 0:
        words = next(iter(probe.stderr.splitlines()), f"exit code {probe.code}")
        raise UsageError(f"{cpu!r}: QEMU {facts.running} does not run this CPU: {words}")
    launcher = Launcher(
        argv=manifest.command(str(root)),
        environment=manifest.variables(str(root)),
        worker=file_sha256(runtime_path(cache)),
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
    raise UsageError(f"{cpu!r}: no CPU that can be emulated", hint=f"one of {', '.join((*known, *ALIASES))}")


def cpu_names(listing: bytes) -> tuple[str, ...]:
    """Return the names of 64-bit CPUs in what ``qemu-aarch64 -cpu help`` prints."""
    words = [line.strip() for line in listing.decode("utf-8", "replace").splitlines() if line.startswith(" ")]
    return tuple(word for word in words if _CPU.fullmatch(word))


def ready_facts(cache: Path) -> EmulatorFacts:
    """Return what the emulator consists of.

    Raises:
        EnvironmentProblem: It is not set up, or was by another version of edgebert.
    """
    facts = _facts(cache)
    is_ready, sentence = emulator_state(cache)
    if facts is None or not is_ready:
        raise EnvironmentProblem(sentence.removesuffix(f"; {_HINT}"), hint=_HINT)
    return facts


def emulator_folder(cache: Path) -> Path:
    """Return where the emulator lies; it need not be there yet."""
    return cache / "emulator"


def _set_up(cache: Path, program: Path, progress: Progress) -> EmulatorFacts:
    architecture = host_architecture()
    counting, counter, cannot_count = "", tuple[str, ...](), ""
    with staged_folder(emulator_folder(cache), force=True, marker=_STAMP) as stage:
        progress("fetching the emulator", 0, 2)
        running = _make_runner(cache, stage / "run", architecture)
        progress("making the instruction counter", 1, 2)
        try:
            counting, counter = make_counter(cache, stage / "count", architecture=architecture, program=program)
        except EnvironmentProblem as error:
            cannot_count = error.message
        facts = EmulatorFacts(
            schema=_SCHEMA,
            recipe=_recipe(),
            running=running,
            counting=counting,
            cannot_count=cannot_count,
            counter=counter,
        )
        (stage / _STAMP).write_text(jsonio.dumps(facts), encoding="utf-8")
        progress("making the instruction counter", 2, 2)
    return facts


def _facts(cache: Path) -> EmulatorFacts | None:
    """Return what was set up here by this version of edgebert."""
    path = emulator_folder(cache) / _STAMP
    try:
        facts = jsonio.loads(EmulatorFacts, path.read_text(encoding="utf-8"), source=str(path))
    except (OSError, UnicodeDecodeError, UsageError):
        return None
    return facts if facts.recipe == _recipe() else None


def _recipe() -> str:
    digest = hashlib.sha256(repr((_SCHEMA, RELEASE, BACKPORTS)).encode() + PLUGIN_SOURCE.read_bytes())
    return digest.hexdigest()


def _make_runner(cache: Path, folder: Path, architecture: str) -> str:
    """Put the QEMU that runs programs into ``folder``, and return its version."""
    fetch = functools.partial(_fetch, architecture)
    debs = downloaded(cache, (architecture, *BACKPORTS, "qemu-user"), fetch)
    with tempfile.TemporaryDirectory(prefix="qemu-", dir=cache) as name:
        for deb in debs:
            unpack_deb(deb, Path(name))
        folder.mkdir(parents=True)
        shutil.copy(Path(name) / "usr/bin/qemu-aarch64", folder / "qemu-aarch64")
    return deb_version(debs[0])[1]


def _fetch(architecture: str, to: Path) -> None:
    # Linked statically: it needs none of its dependencies.
    fetch_debs(("qemu-user",), architecture=architecture, suites=BACKPORTS, folder=to, with_dependencies=False)


def _is_aarch64(program: Path) -> bool:
    try:
        elf = read_elf(program.read_bytes()) if program.is_file() else None
    except OSError:
        return False
    return elf is not None and elf.machine == "aarch64"
