"""The folder an app developer gets: written whole or not at all, used only as far as it is what its manifest says."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath
from typing import Any

from edgebert.arguments import expect, path_of
from edgebert.errors import BundleError, UsageError
from edgebert.folder import dangling, is_lfs_pointer
from edgebert.golden import Golden, read_golden
from edgebert.jsonio import dumps, read
from edgebert.manifest import Artifact, FileEntry, Manifest, Role, TextSpec
from edgebert.staging import reading
from edgebert.structure import contradictions

SCHEMA = 5
MANIFEST, GOLDEN, TOKENIZER, VOCABULARY = "edgebert.json", "golden.json", "tokenizer.json", "vocab.txt"

_MOST_READS = 500
_DIGEST_SINCE = 3
_DIGEST_KEY, _NO_DIGEST = b'"digest": "', b"0" * 64

_AGAIN = "export or copy the bundle again"


@dataclass(frozen=True, slots=True, kw_only=True)
class TextRules:
    """How texts reach the model files of one role, and what must come out.

    Attributes:
        tokenizer: File inside the bundle that describes the tokenizer.
        golden: File inside the bundle that holds the golden texts.
        spec: What the ids look like.
    """

    tokenizer: str
    golden: str
    spec: TextSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """An opened bundle; the content of a file is compared with the manifest before the file is used."""

    root: Path
    manifest: Manifest
    _compared: set[str] = field(default_factory=set, init=False, repr=False, compare=False)

    def path(self, file: str) -> Path:
        """Return where a file of the bundle is; the first call for a listed file compares it with the manifest.

        Raises:
            BundleError: It is missing, or of another size or content; the message names it.
        """
        path = self.root / file
        entry = next((item for item in self.entries if item.file == file), None)
        if entry is not None and file not in self._compared:
            with reading(path, error=BundleError, hint=_AGAIN):
                if not (_has_size(self.root, entry) and sha256_of(path) == entry.sha256):
                    raise _difference(self.root, entry)
            self._compared.add(file)
        return path

    def check_files(self) -> None:
        """Compare every file with the manifest, as ``path`` does.

        Raises:
            BundleError: As there.
        """
        for entry in self.entries:
            self.path(entry.file)

    @property
    def entries(self) -> tuple[Artifact | FileEntry, ...]:
        """Every file whose size and hash the manifest states."""
        return (*self.shipped, *self.baseline, *self.manifest.files)

    @property
    def shipped(self) -> tuple[Artifact, ...]:
        """The model files that go into an app."""
        return tuple(item for item in self.manifest.artifacts if item.role == "shipped")

    @property
    def baseline(self) -> tuple[Artifact, ...]:
        """The float files that every number is compared with."""
        return tuple(item for item in self.manifest.artifacts if item.role == "baseline")

    def artifact(self, file: str) -> Artifact:
        """Return the artifact called ``file``.

        Raises:
            UsageError: The bundle has none of that name.
        """
        for item in self.manifest.artifacts:
            if item.file == file:
                return item
        known = ", ".join(item.file for item in self.manifest.artifacts)
        if any(item.file == file for item in self.manifest.left_out):
            raise UsageError(
                f"{self.root}: a slim bundle without {file}", hint="give the full bundle that it was made from"
            )
        raise UsageError(f"{self.root}: the bundle has no model file {file!r}", hint=f"it has {known}")

    def text_rules(self, role: Role) -> TextRules:
        """Return how texts are fed to the files of a role.

        Baselines have tokenizer and golden texts of their own where they are of another model than what ships: ids of
        a vocabulary that was cut mean other tokens to the original.
        """
        original = self.manifest.original
        if role == "shipped" or original is None or not self.baseline:
            return TextRules(tokenizer=TOKENIZER, golden=GOLDEN, spec=self.manifest.text)
        return TextRules(tokenizer=f"baseline/{TOKENIZER}", golden=f"baseline/{GOLDEN}", spec=original.text)

    def golden(self, role: Role = "shipped") -> Golden:
        """Return the golden texts that the files of a role are compared with.

        Raises:
            BundleError: The file is missing or damaged, or of a schema this version cannot read.
        """
        path = self.path(self.text_rules(role).golden)
        return read_golden(path, hint=_AGAIN)


def is_bundle(path: Path) -> bool:
    """Return whether a folder calls itself a bundle: whether it has an ``edgebert.json``."""
    return (path / MANIFEST).is_file()


def open_bundle(path: str | Path, *, check: bool = True) -> Bundle:
    """Return the bundle in a folder; one that is replaced meanwhile is read again, so that all is of one bundle.

    Args:
        path: The folder.
        check: Whether to compare the size of every file with the manifest. The content of a file is compared when it
            is used (``Bundle.path``), that of all by ``Bundle.check_files``.

    Returns:
        The bundle; ``manifest`` says what is in it.

    Raises:
        UsageError: The folder is no bundle.
        BundleError: It is one, but damaged, of a newer schema, or it names files outside itself.

    Examples:
        >>> bundle = edgebert.open_bundle("bundle")
    """
    root = path_of("path", path)
    expect("check", check, bool)
    for _ in range(_MOST_READS):
        before = _identity(root)
        try:
            bundle = _opened(root, check=check)
        except BundleError:
            if _identity(root) == before:
                raise
        else:
            if _identity(root) == before:
                return bundle
    return _opened(root, check=check)


def _identity(root: Path) -> tuple[int, ...]:
    """Return what is another number once a folder of that name is another one; empty while there is none."""
    try:
        found = root.stat()
    except OSError:
        return ()
    return found.st_dev, found.st_ino, found.st_ctime_ns  # a number of a removed folder may be given again


def _opened(root: Path, *, check: bool) -> Bundle:
    if not is_bundle(root):
        what = "no bundle: there is no edgebert.json" if root.is_dir() else "there is no such folder"
        raise UsageError(f"{root}: {what}", hint="edgebert export MODEL --out BUNDLE makes one")
    bundle = Bundle(root=root, manifest=_read_manifest(root / MANIFEST))
    listed = {entry.file for entry in bundle.entries}
    if problem := next(contradictions(bundle.manifest), None):
        raise BundleError(f"{root / MANIFEST}: {problem}", hint=_AGAIN)
    rules = (bundle.text_rules("shipped"), bundle.text_rules("baseline"))
    if missing := {file for item in rules for file in (item.golden, item.tokenizer)} - listed:
        raise BundleError(f"{root / MANIFEST}: lists no {min(missing)}", hint=_AGAIN)
    for entry in bundle.entries:
        check_inside(entry.file, root)
        if check:
            with reading(root / entry.file, error=BundleError, hint=_AGAIN):
                if not _has_size(root, entry):
                    raise _difference(root, entry)
    return bundle


def _has_size(root: Path, entry: Artifact | FileEntry) -> bool:
    """Return whether a listed file has its size.

    Raises:
        BundleError: It is missing.
        OSError: The place cannot be looked at.
    """
    path = root / entry.file
    if target := dangling(path):
        raise BundleError(
            f"{path}: a link to {target}, where there is no file", hint="copy or download the bundle again"
        )
    if not path.is_file():
        raise BundleError(f"{path}: missing from the bundle", hint=_AGAIN)
    return path.stat().st_size == entry.size_bytes


def _difference(root: Path, entry: Artifact | FileEntry) -> BundleError:
    """Return how a file that is not the listed one differs from it; nothing is told of a file outside the bundle."""
    path = root / entry.file
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        where = "a link that leads out of the bundle, to another file than the manifest describes"
        return BundleError(f"{path}: {where}", hint=_AGAIN)
    if is_lfs_pointer(path):
        return BundleError(f"{path}: a pointer of Git LFS, not the file itself", hint="git lfs pull")
    if (size := path.stat().st_size) != entry.size_bytes:
        return BundleError(f"{path}: {size} bytes, the manifest says {entry.size_bytes}", hint=_AGAIN)
    return BundleError(f"{path}: the content is not what the manifest says (sha256 differs)", hint=_AGAIN)


def check_inside(file: str, root: Path) -> None:
    """Refuse a file name that could reach outside the folder.

    Links are followed: the Hub's cache holds a bundle as links to ``../../blobs``. Reading is safe, for only content
    with the size and hash of the manifest is used. Whatever writes into a folder must not follow links.

    Raises:
        BundleError: It is absolute, climbs, is empty, or uses another separator than the forward slash.
    """
    name = PurePosixPath(file)
    if not file or name.is_absolute() or ".." in name.parts or "\\" in file or ":" in file or "\0" in file:
        raise BundleError(f"{root / MANIFEST}: the path {file!r} leaves the bundle", hint="do not use this bundle")


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file, 64 hex digits."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def write_manifest(root: Path, manifest: Manifest) -> Manifest:
    """Write a manifest of the newest schema into a bundle, and return it with its digest."""
    content = dumps(replace(manifest, schema=SCHEMA, digest=_NO_DIGEST.decode())).encode()
    digest = manifest_digest(content)
    assert digest is not None
    (root / MANIFEST).write_bytes(content.replace(_NO_DIGEST, digest.encode(), 1))
    return replace(manifest, schema=SCHEMA, digest=digest)


def manifest_digest(content: bytes) -> str | None:
    """Return the digest that a manifest with this content should state; ``None`` when it states none.

    It is the sha256 of the content in which the 64 bytes after the first ``"digest": "`` are replaced by zeros.
    """
    head, key, tail = content.partition(_DIGEST_KEY)
    if not key:
        return None
    return hashlib.sha256(head + key + _NO_DIGEST + tail[len(_NO_DIGEST) :]).hexdigest()


def file_entry(root: Path, file: str) -> FileEntry:
    """Return the manifest's entry for a file that is in ``root``."""
    path = root / file
    return FileEntry(file=file, size_bytes=path.stat().st_size, sha256=sha256_of(path))


def _read_manifest(path: Path) -> Manifest:
    with reading(path, error=BundleError, hint=_AGAIN):
        content = path.read_bytes()

    return read(
        Manifest,
        path,
        what="bundle",
        newest=SCHEMA,
        error=BundleError,
        hint=_AGAIN,
        content=content,
        check=lambda plain: _check_digest(path, content, plain),
        upgrade=_hub_task,
    )


def _hub_task(plain: dict[str, Any]) -> dict[str, Any]:
    """Name the task of a manifest as the Hub does, which came with schema 4."""
    return plain | {"task": "text-classification"} if plain.get("task") == "sequence-classification" else plain


def _check_digest(path: Path, content: bytes, plain: dict[str, Any]) -> None:
    if "digest" in plain and plain["schema"] < _DIGEST_SINCE:
        raise BundleError(f"{path}: a manifest of schema {plain['schema']} has no digest", hint=_AGAIN)
    if "digest" not in plain and plain["schema"] >= _DIGEST_SINCE:
        raise BundleError(f"{path}: the key 'digest' is missing", hint=_AGAIN)
    if "digest" in plain and (plain["digest"] is None or plain["digest"] != manifest_digest(content)):
        raise BundleError(f"{path}: the content is not what its digest says", hint=_AGAIN)
