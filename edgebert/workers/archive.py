"""The runtime: one .tar.gz that runs the worker on any 64-bit ARM Linux, phones among them, with nothing installed.

It starts the loader of its own C library, which starts its own Python, so that no library of the device is used. Its
first member ``runtime.json`` says how it is started, what is in it and from which packages; their licences are inside.
"""

from __future__ import annotations

import gzip
import io
import tarfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgebert import jsonio
from edgebert.arguments import Count
from edgebert.device.process import size_and_sha256
from edgebert.outputs import FileKind, check_output, opened_output
from edgebert.staging import writing

RUNTIME_SCHEMA = 1
MANIFEST = "runtime.json"
ROOT = "{root}"
"""Stands for the folder that the runtime was unpacked to, wherever that is."""

LOADER = "lib/ld-linux-aarch64.so.1"
PYTHON = "bin/python3.11"


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimePackage:
    """A package that files of the runtime come from; ``origin`` is ``Debian`` or ``PyPI``."""

    name: str
    version: str
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeFile:
    """A file of the runtime: its path below the root, POSIX."""

    path: str
    size_bytes: Count
    sha256: str
    executable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerManifest:
    """The content of ``runtime.json``.

    Attributes:
        schema: ``RUNTIME_SCHEMA``.
        machine: Instruction set it runs on, as in ``aarch64``.
        argv: The worker's command, up to its own arguments; ``{root}`` means the folder it was unpacked to.
        environment: Names and values of the variables that it needs, with the same placeholder.
        packages: Where its files come from.
        files: All others in the archive, sorted by path.
    """

    schema: int
    machine: str
    argv: tuple[str, ...]
    environment: tuple[tuple[str, str], ...]
    packages: tuple[RuntimePackage, ...]
    files: tuple[RuntimeFile, ...]

    @property
    def size_bytes(self) -> int:
        """Bytes of all files, unpacked."""
        return sum(file.size_bytes for file in self.files)

    def command(self, root: str) -> tuple[str, ...]:
        """Return ``argv`` for a runtime that was unpacked to ``root``."""
        return tuple(part.replace(ROOT, root) for part in self.argv)

    def variables(self, root: str) -> dict[str, str]:
        """Return ``environment`` for a runtime that was unpacked to ``root``."""
        return {name: value.replace(ROOT, root) for name, value in self.environment}


# -P and -s keep the working folder and the home folder out of the search path, -S whatever a system adds to it.
ARGV = (
    *(f"{ROOT}/{LOADER}", "--inhibit-cache", "--library-path", f"{ROOT}/lib", f"{ROOT}/{PYTHON}"),
    *("-P", "-s", "-S", "-m", "edgebert.ondevice"),
)
ENVIRONMENT = (
    ("ORT_DISABLE_TELEMETRY", "1"),
    ("PYTHONHASHSEED", "0"),
    ("PYTHONHOME", ROOT),
    ("PYTHONPATH", f"{ROOT}/worker:{ROOT}/site"),
    ("PYTHONUTF8", "1"),
)


def write_runtime(
    out: Path, files: Mapping[str, Path], packages: tuple[RuntimePackage, ...], *, force: bool = False
) -> WorkerManifest:
    """Write a runtime whose bytes depend on its content alone, and return what its manifest says.

    Args:
        out: The .tar.gz to make; it appears whole or not at all.
        files: Path below the root -> where that file is now.
        packages: Where they come from.
        force: Replace an existing file instead of refusing.

    Raises:
        OutputError: ``out`` exists and ``force`` is off, it is no such file, or it cannot be written.
        EnvironmentProblem: The disk is full.
    """
    check_output(out, WORKER_ARCHIVE, force=force, parents=True)
    manifest = WorkerManifest(
        schema=RUNTIME_SCHEMA,
        machine="aarch64",
        argv=ARGV,
        environment=ENVIRONMENT,
        packages=packages,
        files=tuple(_described(name, files[name]) for name in sorted(files)),
    )
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    # The name and the hour of the archive are no part of its content. The small tar programs of phones and boards read
    # the oldest format too.
    with (
        opened_output(out, WORKER_ARCHIVE, force=force) as stream,
        gzip.GzipFile("", "wb", 6, stream, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w|", format=tarfile.USTAR_FORMAT) as archive,
    ):
        content = jsonio.dumps(manifest).encode("utf-8")
        archive.addfile(member_of(MANIFEST, len(content), executable=False), io.BytesIO(content))
        for file in manifest.files:
            with files[file.path].open("rb") as source:
                archive.addfile(member_of(file.path, file.size_bytes, executable=file.executable), source)
    return manifest


def _is_archive(path: Path) -> bool:
    try:
        with gzip.open(path) as stream:
            return stream.read(len(MANIFEST) + 1) == MANIFEST.encode() + b"\0"
    except (EOFError, gzip.BadGzipFile, zlib.error):
        return False


WORKER_ARCHIVE = FileKind(name="a worker archive", is_one=_is_archive)


def is_safe_name(name: str) -> bool:
    """Return whether a path of an archive stays below the folder it is unpacked to, and every disk can hold it."""
    path = PurePosixPath(name)
    plain = name.isprintable() and "\\" not in name and ":" not in name
    below = name == str(path) and not path.is_absolute() and ".." not in path.parts and name != "."
    try:
        tarfile.TarInfo(name).tobuf(tarfile.USTAR_FORMAT)
    except ValueError:  # too long for a header
        return False
    return plain and below


def _described(name: str, path: Path) -> RuntimeFile:
    size, digest = size_and_sha256(path)
    # A loader starts libraries without the bit; programs of people need it.
    executable = name.startswith("bin/") or name == LOADER
    return RuntimeFile(path=name, size_bytes=size, sha256=digest, executable=executable)


def member_of(name: str, size: int, *, executable: bool) -> tarfile.TarInfo:
    """Return the header of a file of the archive: a plain file without owner and time."""
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o755 if executable else 0o644
    return member
