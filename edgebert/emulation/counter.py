"""Makes the QEMU that counts instructions: an older one, which takes plugins, and the plugin, compiled here."""

from __future__ import annotations

import functools
import shutil
import tempfile
from collections.abc import Sequence
from pathlib import Path

from edgebert.device.process import run_program
from edgebert.errors import EnvironmentProblem
from edgebert.workers.build import downloaded
from edgebert.workers.elf import library_index, needed_libraries, read_elf
from edgebert.workers.fetch import RELEASE, deb_version, fetch_debs, unpack_deb

PLUGIN_SOURCE = Path(__file__).with_name("insncount.c")
PLUGIN = "insncount.so"
_COMPILERS = ("cc", "gcc", "clang")
_FLAGS = ("-O2", "-Wall", "-shared", "-fPIC", "-fvisibility=hidden")
_COMPILE_S = 120.0


def make_counter(cache: Path, folder: Path, *, architecture: str, program: Path) -> tuple[str, tuple[str, ...]]:
    """Put that QEMU and the plugin into ``folder``, and return its version and the command below the folder.

    The parts of the command that are paths are relative to ``folder``.

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
    fetch = functools.partial(_fetch, architecture)
    debs = downloaded(cache, (architecture, *RELEASE, "qemu-user"), fetch)
    with tempfile.TemporaryDirectory(prefix="qemu-", dir=cache) as name:
        root = Path(name)
        for deb in debs:
            unpack_deb(deb, root / deb.name)
        source = next(iter(root.glob("qemu-user_*/usr/bin/qemu-aarch64")), None)
        elf = read_elf(source.read_bytes()) if source else None
        if source is None or elf is None:
            raise EnvironmentProblem("the package qemu-user has no qemu-aarch64")
        # Its C library may be older than this machine's, so it brings its own, and the loader that belongs to it.
        offered = library_index(sorted(root.iterdir()))
        loader = Path(elf.interpreter).name
        found = {loader: offered[loader]} if loader in offered else {}
        found |= needed_libraries([source, *found.values()], present=(), offered=offered)
        shutil.copy(source, folder / "qemu-aarch64")
        for library, path in found.items():
            shutil.copy(path, libraries / library)
        version = next(deb_version(deb)[1] for deb in debs if deb.name.startswith("qemu-user_"))
    command: tuple[str, ...] = ("qemu-aarch64",)
    if loader in found:
        (libraries / loader).chmod(0o755)
        command = (f"lib/{loader}", "--library-path", "lib", *command)
    log = folder / "log"
    argv = (*in_folder(folder, command), *plugin_options(folder, log), str(program), "--version")
    tried = run_program(argv, timeout_s=_COMPILE_S)
    if tried.code != 0 or not log.is_file() or "insncount exit total" not in log.read_text("utf-8", "replace"):
        words = next(iter(tried.stderr.splitlines()), f"exit code {tried.code}")
        raise EnvironmentProblem(f"the QEMU that counts instructions does not run here: {words}")
    log.unlink()
    return version, command


def in_folder(folder: Path, command: Sequence[str]) -> tuple[str, ...]:
    """Return the command of a counter that lies in ``folder``; words with a dash are options, all others its files."""
    return tuple(word if word.startswith("-") else str(folder / word) for word in command)


def plugin_options(folder: Path, log: Path) -> tuple[str, ...]:
    """Return the options that make the counter in ``folder`` count, and write what it counts to ``log``."""
    return ("-plugin", str(folder / PLUGIN), "-d", "plugin", "-D", str(log))


def _fetch(architecture: str, to: Path) -> None:
    fetch_debs(("qemu-user",), architecture=architecture, suites=RELEASE, folder=to, with_dependencies=True)
