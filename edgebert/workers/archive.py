"""The runtime: one .tar.gz that runs the worker on any 64-bit ARM Linux, phones among them, with nothing installed.

It starts the loader of its own C library, which starts its own Python, so that no library of the device is used. Its
first member ``runtime.json`` says how it is started, what is in it and from which packages; their licences are inside.
"""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import io
import tarfile
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from edgebert import jsonio
from edgebert.errors import BundleError, UsageError
from edgebert.outputs import FileKind, check_output, opened_output
from edgebert.staging import staged_folder, writing

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
    size_bytes: int
    sha256: str
    executable: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class RuntimeManifest:
    """The content of ``runtime.json``.

    Attributes:
        schema: ``RUNTIME_SCHEMA``.
        machine: Instruction set it runs on, as in ``aarch64``.
        argv: The worker's command, up to its own arguments; ``{root}`` stands for the folder it was unpacked to.
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
) -> RuntimeManifest:
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
    manifest = RuntimeManifest(
        schema=RUNTIME_SCHEMA,
        machine="aarch64",
        argv=ARGV,
        environment=ENVIRONMENT,
        packages=packages,
        files=tuple(_described(name, files[name]) for name in sorted(files)),
    )
    with writing(out):
        out.parent.mkdir(parents=True, exist_ok=True)
    # The name and the hour of the archive are no part of its content.
    with (
        opened_output(out, WORKER_ARCHIVE, force=force) as stream,
        gzip.GzipFile("", "wb", 6, stream, mtime=0) as packed,
        _tar(packed) as archive,
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


def file_sha256(path: Path) -> str:
    """Return the sha256 of a file, 64 hexadecimal digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


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
    size = path.stat().st_size
    # A loader starts libraries without the bit; programs of people need it.
    executable = name.startswith("bin/") or name == LOADER
    return RuntimeFile(path=name, size_bytes=size, sha256=file_sha256(path), executable=executable)


def _tar(stream: gzip.GzipFile) -> tarfile.TarFile:
    # The oldest format, which the small tar programs of phones and boards read too.
    return tarfile.open(fileobj=stream, mode="w|", format=tarfile.USTAR_FORMAT)


def member_of(name: str, size: int, *, executable: bool) -> tarfile.TarInfo:
    """Return the header of a file of the archive: a plain file without owner and time."""
    member = tarfile.TarInfo(name)
    member.size = size
    member.mode = 0o755 if executable else 0o644
    return member


_LARGEST_MANIFEST = 4 << 20  # ours has 0.5 MB
_LARGEST_CONTENT = 4 << 30  # ours has 0.2 GB
_BUILD = "make one with `edgebert worker build`"


def read_runtime(path: Path) -> RuntimeManifest:
    """Return the manifest of a worker archive; its other members are looked at by ``check_runtime`` alone.

    Raises:
        BundleError: The file is missing, no worker archive, damaged, or of a schema that this version cannot read.
    """
    with _opened(path) as stream:
        return _manifest(stream, path)


def check_runtime(path: Path) -> RuntimeManifest:
    """Return the manifest of a worker archive whose every member is what the manifest says.

    A program of a device (``tar``) unpacks the same: no member is a link, a folder or a device, none has another size,
    content or mode than the list says, none is not in the list, and nothing follows the last one.

    Raises:
        BundleError: The file is no worker archive, damaged, or differs from its list.
    """
    return _walk(path, None)


def unpack_runtime(path: Path, folder: Path) -> RuntimeManifest:
    """Unpack a worker archive to ``folder``, which appears whole or not at all, and return its manifest.

    Raises:
        BundleError: As of ``check_runtime``.
        OutputError: ``folder`` exists, or cannot be made.
        EnvironmentProblem: The disk is full.
    """
    with staged_folder(folder, force=False, marker=MANIFEST) as stage:
        manifest = _walk(path, stage)
        (stage / MANIFEST).write_text(jsonio.dumps(manifest), encoding="utf-8")
    return manifest


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[gzip.GzipFile]:
    """Open a worker archive for reading; a damaged one becomes an error of ours wherever that shows."""
    try:
        stream = gzip.open(path, "rb")  # noqa: SIM115  (closed below; an error in the block is another one)
    except OSError as error:
        raise BundleError(f"{path}: not a worker archive: {error.strerror}", hint=_BUILD) from error
    try:
        with stream:
            yield stream
    except (EOFError, gzip.BadGzipFile, tarfile.TarError, zlib.error) as error:
        raise BundleError(f"{path}: damaged: {str(error) or type(error).__name__}", hint=_BUILD) from error


def _walk(path: Path, stage: Path | None) -> RuntimeManifest:
    """Compare every member with the manifest, and write it below ``stage`` where there is one."""
    with _opened(path) as stream:
        manifest = _manifest(stream, path)
        waiting = {file.path: file for file in manifest.files}
        while (member := _next_member(stream)) is not None:
            file = waiting.pop(member.name, None)
            if file is None:
                raise BundleError(f"{path}: the member {member.name!r} is not named in {MANIFEST}, or comes twice")
            if _headed(member) != _headed(member_of(file.path, file.size_bytes, executable=file.executable)):
                raise BundleError(f"{path}: the member {member.name!r} is not what {MANIFEST} says")
            digest = _copy(stream, file, None if stage is None else stage / file.path)
            if digest != file.sha256:
                raise BundleError(f"{path}: {member.name} is damaged: its sha256 is not the one in {MANIFEST}")
        if waiting:
            raise BundleError(f"{path}: {len(waiting)} files are missing, as {min(waiting)}")
        if any(stream.read(tarfile.RECORDSIZE)) or stream.read(1):
            raise BundleError(f"{path}: something follows its last member")
    return manifest


def _next_member(stream: gzip.GzipFile) -> tarfile.TarInfo | None:
    """Return the next header, ``None`` at the end of the archive.

    A member of ours is one block of the oldest format, so that every program reads the same from it; headers that go
    before another one (long names, pax) are members of their own here, which no list names.
    """
    block = _exactly(stream, tarfile.BLOCKSIZE)
    if not any(block):
        return None
    if block[257:265] != b"ustar\x0000":
        raise tarfile.HeaderError("a member of another format than ustar")
    return tarfile.TarInfo.frombuf(block, "utf-8", "surrogateescape")


def _headed(member: tarfile.TarInfo) -> tuple[object, ...]:
    """Return what a header decides; owner and time are not restored."""
    return member.name, member.size, member.type, member.mode, member.linkname


def _copy(stream: gzip.GzipFile, file: RuntimeFile, to: Path | None) -> str:
    """Read the content of a member and return its sha256; write it to ``to`` where that is given."""
    digest, left = hashlib.sha256(), file.size_bytes
    with contextlib.ExitStack() as files:
        if to is not None:
            to.parent.mkdir(parents=True, exist_ok=True)
            target = files.enter_context(to.open("xb"))
        while left:
            block = _exactly(stream, min(left, 1 << 20))
            left -= len(block)
            digest.update(block)
            if to is not None:
                target.write(block)
    _exactly(stream, -file.size_bytes % tarfile.BLOCKSIZE)
    if to is not None:
        to.chmod(0o755 if file.executable else 0o644)
    return digest.hexdigest()


def _exactly(stream: gzip.GzipFile, size: int) -> bytes:
    """Return so many bytes of the archive."""
    parts = []
    while size:
        if not (part := stream.read(size)):
            raise EOFError("it ends too early")
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _manifest(stream: gzip.GzipFile, path: Path) -> RuntimeManifest:
    try:
        first = _next_member(stream)
    except (EOFError, gzip.BadGzipFile, tarfile.TarError, zlib.error) as error:
        raise BundleError(f"{path}: not a worker archive: {error}", hint=_BUILD) from error
    if first is None or (first.name, first.type) != (MANIFEST, tarfile.REGTYPE):
        raise BundleError(f"{path}: not a worker archive: its first member is not {MANIFEST}", hint=_BUILD)
    where = f"{path}: {MANIFEST}"
    if not 0 <= first.size <= _LARGEST_MANIFEST:
        raise BundleError(f"{where}: has {first.size} bytes; expected at most {_LARGEST_MANIFEST}", hint=_BUILD)
    content = _exactly(stream, first.size)
    _exactly(stream, -first.size % tarfile.BLOCKSIZE)
    try:
        value = jsonio.parse(content.decode("utf-8"), source=where)
        if isinstance(value, dict) and value.get("schema") != RUNTIME_SCHEMA:
            raise BundleError(
                f"{where}: schema {value.get('schema')!r}; this version of edgebert reads {RUNTIME_SCHEMA}"
            )
        manifest = jsonio.from_plain(RuntimeManifest, value, source=where)
    except UnicodeDecodeError as error:
        raise BundleError(f"{where}: not UTF-8") from error
    except UsageError as error:
        raise BundleError(error.message) from error
    for problem in _problems(manifest):
        raise BundleError(f"{where}: {problem}")
    return manifest


def _problems(manifest: RuntimeManifest) -> Iterator[str]:
    """Yield what is wrong with a manifest, with the key."""
    names = {MANIFEST}
    folders = {str(parent) for file in manifest.files for parent in PurePosixPath(file.path).parents}
    for index, file in enumerate(manifest.files):
        key = f"files[{index}].path is {_short(file.path)}"
        if not is_safe_name(file.path):
            yield f"{key}, which leads out of the folder, is too long or is no plain name"
        if file.path in names:
            yield f"{key}, which occurs twice"
        if file.path in folders:
            yield f"{key}, which is a file and a folder"
        if file.size_bytes < 0:
            yield f"files[{index}].size_bytes is {file.size_bytes}, less than 0"
        names.add(file.path)
    if MANIFEST in folders:
        yield f"{MANIFEST} is a file and a folder"
    if manifest.size_bytes > _LARGEST_CONTENT:
        yield f"its files have {_short(manifest.size_bytes)} bytes; expected at most {_LARGEST_CONTENT}"
    if any(len(pair) != 2 for pair in manifest.environment) or not manifest.argv:
        yield "no command, or a variable that is not a name and a value"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
