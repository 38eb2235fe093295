"""Reads worker archives: every member is compared with the list in the first one before anything of it runs."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import tarfile
import zlib
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from edgebert import jsonio
from edgebert.errors import BundleError
from edgebert.staging import staged_folder
from edgebert.workers.archive import MANIFEST, RUNTIME_SCHEMA, RuntimeFile, WorkerManifest, is_safe_name, member_of

_LARGEST_MANIFEST = 4 << 20  # ours has 0.5 MB
_LARGEST_CONTENT = 4 << 30  # ours has 0.2 GB
_DAMAGES = (EOFError, gzip.BadGzipFile, tarfile.TarError, zlib.error)
_BUILD = "make one with `edgebert worker build`"


def read_runtime(path: Path) -> WorkerManifest:
    """Return the manifest of a worker archive; its other members are looked at by ``check_runtime`` alone.

    Raises:
        BundleError: The file is missing, no worker archive, damaged, or of a schema that this version cannot read.
    """
    with _opened(path) as stream:
        return _manifest(stream, path)


def check_runtime(path: Path) -> WorkerManifest:
    """Return the manifest of a worker archive whose every member is what the manifest says.

    A program of a device (``tar``) unpacks the same: no member is a link, a folder or a device, none has another size,
    content or mode than the list says, none is not in the list, and nothing follows the last one.

    Raises:
        BundleError: The file is no worker archive, damaged, or differs from its list.
    """
    return _walk(path, None)


def unpack_runtime(path: Path, folder: Path) -> WorkerManifest:
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
    except _DAMAGES as error:
        raise BundleError(f"{path}: damaged: {str(error) or type(error).__name__}", hint=_BUILD) from error


def _walk(path: Path, stage: Path | None) -> WorkerManifest:
    """Compare every member with the manifest, and write it below ``stage`` where there is one."""
    with _opened(path) as stream:
        manifest = _manifest(stream, path)
        waiting = {file.path: file for file in manifest.files}
        while (member := _next_member(stream)) is not None:
            file = waiting.pop(member.name, None)
            if file is None:
                raise BundleError(f"{path}: the member {member.name!r} is not named in {MANIFEST}, or appears twice")
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
    if to is not None:
        to.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.nullcontext() if to is None else to.open("xb") as target:
        while left:
            block = _exactly(stream, min(left, 1 << 20))
            left -= len(block)
            digest.update(block)
            if target is not None:
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


def _manifest(stream: gzip.GzipFile, path: Path) -> WorkerManifest:
    try:
        first = _next_member(stream)
    except _DAMAGES as error:
        raise BundleError(f"{path}: not a worker archive: {error}", hint=_BUILD) from error
    if first is None or (first.name, first.type) != (MANIFEST, tarfile.REGTYPE):
        raise BundleError(f"{path}: not a worker archive: its first member is not {MANIFEST}", hint=_BUILD)
    where = f"{path}: {MANIFEST}"
    if not 0 <= first.size <= _LARGEST_MANIFEST:
        raise BundleError(f"{where}: has {first.size} bytes; expected at most {_LARGEST_MANIFEST}", hint=_BUILD)
    content = _exactly(stream, first.size)
    _exactly(stream, -first.size % tarfile.BLOCKSIZE)
    manifest = jsonio.read(
        WorkerManifest,
        Path(where),
        what="worker archive",
        newest=RUNTIME_SCHEMA,
        error=BundleError,
        hint=_BUILD,
        content=content,
    )
    for problem in _problems(manifest):
        raise BundleError(f"{where}: {problem}")
    return manifest


def _problems(manifest: WorkerManifest) -> Iterator[str]:
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
        names.add(file.path)
    if MANIFEST in folders:
        yield f"{MANIFEST} is a file and a folder"
    if manifest.size_bytes > _LARGEST_CONTENT:
        yield f"its files have {_short(manifest.size_bytes)} bytes; expected at most {_LARGEST_CONTENT}"
    if not manifest.argv:
        yield "no command"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
