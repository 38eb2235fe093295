"""Makes the emulator ready: two QEMUs in user mode, and the worker archive that they run.

The newer QEMU shows programs a ``/proc/cpuinfo`` that fits the emulated CPU, and runs everything. Debian builds it
without plugins, so an older one, which has them, counts instructions by a plugin that is compiled here.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from edgebert import jsonio
from edgebert.arguments import expect, path_of
from edgebert.device.process import run_program
from edgebert.errors import EnvironmentProblem, UsageError
from edgebert.progress import Progress, silent
from edgebert.staging import staged_folder
from edgebert.workers.archive import LOADER
from edgebert.workers.build import (
    cached_debs,
    cached_runtime,
    check_linux,
    locked,
    runtime_path,
    unpacked_debs,
    unpacked_runtime,
)
from edgebert.workers.elf import library_index, needed_libraries, read_elf
from edgebert.workers.fetch import BACKPORTS, RELEASE, deb_version, host_architecture

PLUGIN_SOURCE = Path(__file__).with_name("insncount.c")
PLUGIN = "insncount.so"
QEMU = "qemu-aarch64"
_PACKAGE = "qemu-user"
_PROGRAM = f"{_PACKAGE}/usr/bin/{QEMU}"
_LOADER = "loader"
_COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-O2", "-Wall", "-shared", "-fPIC", "-fvisibility=hidden")
_COMPILE_S = 120.0

_STAMP = "emulator.json"
_SCHEMA = 1
_HINT = "edgebert emulator setup makes it ready"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatorFacts:
    """What an emulator that was set up consists of; kept beside it.

    Attributes:
        schema: Version of this value.
        recipe: Hash of what decided its content.
        running: Version of the QEMU that runs programs.
        counting: Version of the QEMU that counts instructions; empty when there is none.
        cannot_count: Why there is none; empty when there is.
    """

    schema: int
    recipe: str
    running: str
    counting: str
    cannot_count: str


def set_up_emulator(cache: str | Path, *, progress: Progress = silent) -> EmulatorFacts:
    """Make the emulator and the runtime ready in ``cache``, fetching what is not there yet; done again it does nothing.

    Args:
        cache: Folder for what is fetched and built.
        progress: Told what is being done.

    Returns:
        Versions of the emulator, and why instructions cannot be counted where they cannot.

    Raises:
        EnvironmentProblem: This machine is no Debian or Ubuntu, has no connection, or no room on its disk.
        OutputError: The cache cannot be written.

    Examples:
        >>> facts = edgebert.set_up_emulator("cache")
    """
    cache = path_of("cache", cache)
    expect("progress", progress, Callable)
    check_linux("edgebert emulator setup")
    cached_runtime(cache, progress=progress)
    root, _ = unpacked_runtime(cache)
    with locked(cache):
        facts = _facts(cache)
        if facts is not None and not facts.cannot_count:
            return facts
        return _set_up(cache, root / LOADER, progress)


def emulator_state(cache: Path) -> tuple[bool, str]:
    """Return whether the emulator can be opened, and one sentence about it: its versions, or what is missing."""
    try:
        facts = ready_facts(cache)
    except EnvironmentProblem as error:
        return False, f"{error.message}; {error.hint}"
    counts = f"counts instructions by QEMU {facts.counting}" if facts.counting else f"no counts: {facts.cannot_count}"
    return True, f"QEMU {facts.running}; {counts}"


def ready_facts(cache: Path) -> EmulatorFacts:
    """Return what the emulator consists of.

    Raises:
        EnvironmentProblem: It is not set up, or was by another version of edgebert.
    """
    facts = _facts(cache)
    if facts is None:
        missing = "of another version of edgebert" if emulator_folder(cache).is_dir() else "not set up"
        raise EnvironmentProblem(f"the emulator is {missing}", hint=_HINT)
    if not runtime_path(cache).is_file():
        raise EnvironmentProblem("the runtime of this version of edgebert is not there", hint=_HINT)
    return facts


def emulator_folder(cache: Path) -> Path:
    """Return where the emulator is; it need not be there yet."""
    return cache / "emulator"


def _set_up(cache: Path, program: Path, progress: Progress) -> EmulatorFacts:
    architecture = host_architecture()
    counting = cannot_count = ""
    with staged_folder(emulator_folder(cache), force=True, marker=_STAMP) as stage:
        progress("fetching the emulator", 0, 2)
        running = _make_runner(cache, stage / "run", architecture)
        progress("making the instruction counter", 1, 2)
        try:
            counting = _make_counter(cache, stage / "count", architecture=architecture, program=program)
        except EnvironmentProblem as error:
            cannot_count = error.message
        facts = EmulatorFacts(
            schema=_SCHEMA, recipe=_recipe(), running=running, counting=counting, cannot_count=cannot_count
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
    # Linked statically: it needs none of its dependencies.
    debs = cached_debs(cache, (_PACKAGE,), architecture=architecture, suites=BACKPORTS, with_dependencies=False)
    with unpacked_debs(cache, debs) as root:
        folder.mkdir(parents=True)
        shutil.copy(root / _PROGRAM, folder)
    return deb_version(debs[0])[1]


def _make_counter(cache: Path, folder: Path, *, architecture: str, program: Path) -> str:
    """Put the QEMU that counts instructions and its plugin into ``folder``, and return its version.

    Args:
        cache: Folder for what is downloaded.
        folder: Folder to fill.
        architecture: What Debian calls this machine, as in ``amd64``.
        program: An aarch64 program that knows ``--version``, to try it on.

    Raises:
        EnvironmentProblem: There is no C compiler, it fails, or the packages cannot be fetched.
    """
    compiler = next((path for path in map(shutil.which, _COMPILERS) if path), None)
    if compiler is None:
        raise EnvironmentProblem("there is no C compiler on this machine", hint="apt-get install gcc libc6-dev")
    libraries = folder / "lib"
    libraries.mkdir(parents=True)
    compiled = run_program((compiler, *_FLAGS, "-o", str(folder / PLUGIN), str(PLUGIN_SOURCE)), timeout_s=_COMPILE_S)
    if compiled.code != 0:
        words = next((line for line in compiled.stderr.splitlines() if "error" in line), f"exit code {compiled.code}")
        raise EnvironmentProblem(f"{Path(compiler).name} does not compile {PLUGIN_SOURCE.name}: {words}")
    debs = cached_debs(cache, (_PACKAGE,), architecture=architecture, suites=RELEASE, with_dependencies=True)
    with unpacked_debs(cache, debs) as root:
        source, offered = root / _PROGRAM, library_index(sorted(root.iterdir()))
        elf = read_elf(source.read_bytes()) if source.is_file() else None
        loader = offered.get(Path(elf.interpreter).name) if elf else None
        if loader is None:
            raise EnvironmentProblem("the package qemu-user has no qemu-aarch64")
        shutil.copy(source, folder)
        # Its C library may be older than this machine's, so it brings its own, and the loader that belongs to it.
        shutil.copy(loader, folder / _LOADER)
        for library, path in needed_libraries([source], present=(), offered=offered).items():
            shutil.copy(path, libraries / library)
    log = folder / "log"
    command = (*counting_qemu(folder), *plugin_options(folder, log))
    tried = run_program((*command, str(program), "--version"), timeout_s=_COMPILE_S)
    if tried.code != 0 or not log.is_file() or "insncount exit total" not in log.read_text("utf-8", "replace"):
        words = next(iter(tried.stderr.splitlines()), f"exit code {tried.code}")
        raise EnvironmentProblem(f"the QEMU that counts instructions does not run here: {words}")
    log.unlink()
    return dict(map(deb_version, debs))[_PACKAGE]


def counting_qemu(folder: Path) -> tuple[str, ...]:
    """Return the command of the QEMU that counts instructions and is in ``folder``."""
    return (str(folder / _LOADER), "--library-path", str(folder / "lib"), str(folder / QEMU))


def plugin_options(folder: Path, log: Path) -> tuple[str, ...]:
    """Return the options that make it count, and write what it counts to ``log``."""
    return ("-plugin", str(folder / PLUGIN), "-d", "plugin", "-D", str(log))
