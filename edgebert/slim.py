"""Slim bundles: the shipped files without the FP32 baselines, most of the bytes of an export, which go into no app."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from edgebert.arguments import expect, path_of
from edgebert.bundle import MANIFEST, Bundle, open_bundle, write_manifest
from edgebert.errors import BundleError, EnvironmentProblem, UsageError
from edgebert.manifest import Artifact, FileEntry, Manifest
from edgebert.staging import NO_ROOM, staged_folder

CARD = "README.md"
_BASELINE = "baseline"
_NOTE = f"\nThis is a slim bundle: the files in `{_BASELINE}/` were left out. `{MANIFEST}` has their hashes.\n"


def slimmed(manifest: Manifest) -> Manifest:
    """Return the manifest of a bundle without its baselines; scores stay, and name files that ``left_out`` lists."""
    kept = tuple(item for item in manifest.artifacts if item.role == "shipped")
    files = tuple(item for item in manifest.files if not _is_baseline(item.file))
    listed: tuple[Artifact | FileEntry, ...] = (*manifest.artifacts, *manifest.files)
    gone = (item for item in listed if _is_baseline(item.file))
    entries = tuple(FileEntry(file=item.file, size_bytes=item.size_bytes, sha256=item.sha256) for item in gone)
    return replace(manifest, artifacts=kept, files=files, left_out=(*manifest.left_out, *entries))


def leave_out_baselines(folder: Path, manifest: Manifest) -> Manifest:
    """Remove the baselines from a folder that becomes a bundle, say so in its card, and return its manifest."""
    shutil.rmtree(folder / _BASELINE)
    with (folder / CARD).open("a", encoding="utf-8") as stream:
        stream.write(_NOTE)
    return write_manifest(folder, slimmed(manifest))


def strip(bundle: str | Path, out: str | Path, *, force: bool = False) -> Bundle:
    """Copy a bundle without its baselines, and return the copy.

    Args:
        bundle: The bundle's folder.
        out: Folder to make.
        force: Replace an existing bundle.

    Raises:
        UsageError: There is no bundle, it has no baselines, or ``out`` lies within it.
        BundleError: The bundle is damaged.
        OutputError: ``out`` exists and ``force`` is off, or it cannot be written.
        EnvironmentProblem: The disk is full.
    """
    expect("force", force, bool)
    opened, out = open_bundle(bundle), path_of("out", out)
    opened.check_files()
    if not opened.baseline:
        raise UsageError(f"{opened.root}: a slim bundle already: it has no baselines", hint="copy the folder as it is")
    if out.resolve().is_relative_to(opened.root.resolve()):
        raise UsageError(f"{out}: lies within the bundle {opened.root}", hint="give another folder")
    with staged_folder(out, force=force, marker=MANIFEST) as stage:
        for path in _copied(opened):
            try:
                shutil.copyfile(path, stage / path.name)
            except OSError as error:
                if error.errno in NO_ROOM:
                    raise EnvironmentProblem(f"{out}: no room left on the disk", hint="free some space") from error
                raise BundleError(f"{path}: cannot be copied: {error.strerror}") from error
        if (stage / CARD).is_file():
            with (stage / CARD).open("a", encoding="utf-8") as stream:
                stream.write(_NOTE)
        made = Bundle(root=stage, manifest=write_manifest(stage, slimmed(opened.manifest)))
        made.check_files()
    return open_bundle(out, check=False)


def _copied(bundle: Bundle) -> Iterator[Path]:
    """Yield what is copied: every file that the slim manifest lists, the model card and its pictures."""
    kept = slimmed(bundle.manifest)
    listed: tuple[Artifact | FileEntry, ...] = (*kept.artifacts, *kept.files)
    yield from (bundle.path(item.file) for item in listed)
    yield from (path for path in (bundle.path(CARD), *sorted(bundle.root.glob("*.svg"))) if path.is_file())


def _is_baseline(file: str) -> bool:
    return file.startswith(f"{_BASELINE}/")
