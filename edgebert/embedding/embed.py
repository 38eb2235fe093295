"""Embedding: the files of a bundle that ship, copied into an app, whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType

from edgebert.arguments import PLACE, expect
from edgebert.bundle import GOLDEN, MANIFEST, TOKENIZER, VOCABULARY, Bundle, file_entry, open_bundle, sha256_of
from edgebert.embedding.android import HEADER, folder_line, kotlin_source
from edgebert.embedding.places import Place, folder_place, kotlin_files, writing
from edgebert.errors import BundleError, CheckFailed, OutputError, UsageError
from edgebert.manifest import Artifact, FileEntry
from edgebert.publishing import SIGNATURE, check_signature, public_hex
from edgebert.staging import staged_file, staged_folder

USUAL = "int8.onnx"

_ANDROID_FILES = (GOLDEN, VOCABULARY)
_KNOWN = {MANIFEST, GOLDEN, VOCABULARY, TOKENIZER, "config.json", "tokenizer_config.json", SIGNATURE}
_AGAIN = "run the same command without --check"


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedding:
    """What was embedded.

    Attributes:
        artifact: The model file.
        files: Every file in the folder, the manifest first.
        place: Where they are.
        written: Folder and Kotlin file as far as they had to be written; empty when all was up to date.
    """

    artifact: Artifact
    files: tuple[FileEntry, ...]
    place: Place
    written: tuple[Path, ...]


def embed(
    bundle: str | Path,
    place: Place | str | Path,
    *,
    file: str | None = None,
    public_key: str | Path | None = None,
    check: bool = False,
    force: bool = False,
) -> Embedding:
    """Copy what ships of a bundle into an app; what is there already and equal is not touched.

    The manifest is copied byte by byte: it also lists files that stay behind, so that hashes and origin stay checkable.

    Args:
        bundle: The bundle's folder.
        place: Folder to make; or the place within an Android module, as ``android_place`` returns it.
        file: The model file; by default the only one that ships, or ``int8.onnx``.
        public_key: File of the Ed25519 key that must have signed the bundle; the signature is copied as well, and the
            Kotlin file names the key. ``None`` asks for no signature.
        check: Write nothing; fail if anything differs.
        force: Replace also what another hand wrote: a folder with an ``edgebert.json``, or a Kotlin file.

    Returns:
        The files in the app, with sizes in bytes and hashes, and what of them had to be written.

    Raises:
        BundleError: The bundle is damaged, or not signed with the key.
        CheckFailed: ``check`` is on and a file differs, is missing or is too many.
        UsageError: There is no bundle, or no such file that ships.
        OutputError: The place is taken or cannot be written, or a Kotlin file that stays names another model.
        EnvironmentProblem: The disk is full.

    Examples:
        >>> place = edgebert.android_place("app/src/main/assets", package="com.example.app")
        >>> edgebert.embed("bundle", place).artifact.file
        'int8.onnx'
    """
    expect("place", place, Place, *PLACE)
    expect("file", file, str, NoneType)
    expect("check", check, bool)
    expect("force", force, bool)
    place = place if isinstance(place, Place) else folder_place(place)
    opened = open_bundle(bundle)
    opened.check_files()
    artifact = choose_artifact(opened, file)
    files, key = shipped_files(opened, artifact, place), None
    if public_key is not None:
        check_signature(opened.root, public_key)
        key, files = public_hex(public_key), (*files, file_entry(opened.root, SIGNATURE))
    source = b""
    if place.kotlin is not None:
        assert place.package is not None
        text = kotlin_source(
            opened.manifest, artifact, files, package=place.package, folder=place.folder.name, public_key=key
        )
        source = text.encode("ascii")
    with writing(place.folder):
        _check_apart(opened.root, place.folder)
        differing = _difference(place.folder, files)
        _check_other_kotlin(place, files[:2], check=check)
        stale = None if place.kotlin is None or _holds(place.kotlin, source) else place.kotlin
        if check and differing is not None:
            raise differing
        if check and stale:
            state = "differs from what would be written" if os.path.lexists(stale) else "missing"
            raise CheckFailed(f"{stale}: {state}", hint=_AGAIN)
        if differing:
            _check_replaceable(place.folder, force=force)
        if stale and not force:
            _check_ours(stale)
        # Both are prepared before either is renamed to its name; the file is the last, and its rename all but sure.
        with contextlib.ExitStack() as steps:
            if stale:
                steps.enter_context(_folders(stale.parent))
                stream = steps.enter_context(staged_file(stale))
                stream.write(source)
                stream.flush()
                os.fsync(stream.fileno())
            if differing:
                steps.enter_context(_folders(place.folder.absolute().parent))
                stage = steps.enter_context(staged_folder(place.folder, force=True, marker=MANIFEST))
                for entry in files:
                    _copy(opened.path(entry.file), stage / entry.file, entry)
    written = (place.folder if differing else None, stale)
    return Embedding(artifact=artifact, files=files, place=place, written=tuple(filter(None, written)))


def choose_artifact(bundle: Bundle, file: str | None) -> Artifact:
    """Return the model file to embed: the one asked for, else the only one that ships, else ``int8.onnx``.

    Raises:
        UsageError: There is none of that name, it does not ship, or the choice is the user's.
    """
    names = [item.file for item in bundle.shipped]
    if file is None:
        if len(names) != 1 and USUAL not in names:
            raise UsageError(
                f"{bundle.root}: {len(names)} model files ship, and none is {USUAL}",
                hint=f"choose one by --file: {', '.join(names)}",
            )
        return bundle.artifact(names[0] if len(names) == 1 else USUAL)
    artifact = bundle.artifact(file)
    if artifact.role != "shipped":
        raise UsageError(
            f"{bundle.root}: {file} is a baseline, which never ships", hint=f"choose one of {', '.join(names)}"
        )
    return artifact


def shipped_files(bundle: Bundle, artifact: Artifact, place: Place) -> tuple[FileEntry, ...]:
    """Return the files that go with a model file to a place, the manifest first.

    Raises:
        BundleError: The bundle lacks one.
    """
    with writing(bundle.root):
        manifest = file_entry(bundle.root, MANIFEST)
    model = FileEntry(file=artifact.file, size_bytes=artifact.size_bytes, sha256=artifact.sha256)
    listed = {entry.file: entry for entry in bundle.manifest.files if not entry.file.startswith("baseline/")}
    if missing := [name for name in _ANDROID_FILES if name not in listed]:
        raise BundleError(f"{bundle.root / MANIFEST}: lists no {missing[0]}", hint="export or copy the bundle again")
    wanted = _ANDROID_FILES if place.kind == "android" else sorted(listed)
    return (manifest, model, *(listed[name] for name in wanted))


def _check_apart(bundle: Path, folder: Path) -> None:
    one, other = Path(os.path.realpath(bundle)), Path(os.path.realpath(folder))
    if one.is_relative_to(other) or other.is_relative_to(one):
        raise OutputError(f"{folder}: one of bundle and target is inside the other", hint="give another folder")


def _difference(folder: Path, files: Sequence[FileEntry]) -> CheckFailed | None:
    """Return what is first found wrong with a folder that should hold exactly some files; ``None`` when nothing is."""
    for entry in files:
        path = folder / entry.file
        if not os.path.lexists(path):
            return CheckFailed(f"{path}: missing", hint=_AGAIN)
        # What a link leads to is not in the app's repository.
        if path.is_symlink() or not path.is_file():
            return CheckFailed(f"{path}: not a plain file", hint=_AGAIN)
        if path.stat().st_size != entry.size_bytes or sha256_of(path) != entry.sha256:
            return CheckFailed(f"{path}: differs from the bundle's", hint=_AGAIN)
    names = {entry.file for entry in files}
    for path in _contents(folder):
        if path.relative_to(folder).as_posix() not in names:
            # Without --check, a file of another hand is not removed either.
            return CheckFailed(f"{path}: does not belong to the embedded model", hint=f"remove it, or {_AGAIN}")
    return None


def _contents(folder: Path) -> list[Path]:
    return [path for path in sorted(folder.rglob("*")) if path.is_symlink() or not path.is_dir()]


def _holds(path: Path, content: bytes) -> bool:
    return path.is_file() and path.stat().st_size == len(content) and path.read_bytes() == content


def _check_replaceable(folder: Path, *, force: bool) -> None:
    if not os.path.lexists(folder):
        return
    if not folder.is_dir():
        raise OutputError(f"{folder}: not a folder", hint="give another name")
    if force:
        return
    # A bundle has an edgebert.json as well, and its baseline is more than can be copied back.
    for path in _contents(folder):
        name = path.relative_to(folder).as_posix()
        if name not in _KNOWN and (path.suffix not in {".onnx", ".tflite"} or name.startswith("baseline/")):
            # Not even with --force is a folder replaced that holds no manifest.
            forced = ", or --force to replace it" if (folder / MANIFEST).is_file() else ""
            raise OutputError(
                f"{folder}: not replaced: it holds {name}, which edgebert embed does not write",
                hint=f"give another folder{forced}",
            )


def _check_ours(kotlin: Path) -> None:
    if kotlin.is_file() and not kotlin.read_bytes().startswith(HEADER.encode("ascii")):
        raise OutputError(
            f"{kotlin}: not replaced: edgebert embed did not write it", hint="give another name, or --force"
        )


def _check_other_kotlin(place: Place, named: Sequence[FileEntry], *, check: bool) -> None:
    """Refuse a Kotlin file of an earlier run that this run leaves as it is, though it names another model."""
    if place.kind != "android":
        return
    for path in kotlin_files(place.folder.parent):
        text = path.read_text(encoding="utf-8", errors="replace")
        is_ours = text.startswith(HEADER) and folder_line(place.folder.name) in text
        if is_ours and path != place.kotlin and any(entry.sha256 not in text for entry in named):
            kind = CheckFailed if check else OutputError
            raise kind(
                f"{path}: names another model than the one for {place.folder}",
                hint="give its --kotlin-package, or remove it",
            )


def _copy(source: Path, target: Path, entry: FileEntry) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(source, target)
    if sha256_of(target) != entry.sha256:
        raise BundleError(f"{source}: changed while it was copied", hint="run the command again")


@contextlib.contextmanager
def _folders(path: Path) -> Iterator[None]:
    """Make a folder and those above it; when the block fails, remove again what was made."""
    made = [each for each in (path, *path.parents) if not each.exists()]
    try:
        path.mkdir(parents=True, exist_ok=True)
        yield
    except BaseException:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise
