"""Where the files for an app go: a folder within an Android module's assets, or any folder."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import Literal

from edgebert import staging
from edgebert.arguments import expect, path_of
from edgebert.embedding.android import check_package
from edgebert.errors import OutputError, UsageError

Kind = Literal["android", "folder"]

FOLDER = "edgebert"
KOTLIN_FILE = "EdgebertModel.kt"

# The Android build leaves out assets whose name begins with a dot or, for folders, an underscore, or ends with a tilde.
_FOLDER_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MODULE_FILES = ("build.gradle", "build.gradle.kts", "settings.gradle", "settings.gradle.kts", "src/main")
_SOURCE_SET_FILES = ("AndroidManifest.xml", "java", "kotlin")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a bundle is embedded.

    Attributes:
        kind: ``android`` gets what the app's core reads; ``folder`` gets the Hugging Face files as well.
        folder: Folder that is made, or replaced as a whole.
        kotlin: Kotlin file to write; ``None`` for none.
        package: Package of the Kotlin file.
    """

    kind: Kind
    folder: Path
    kotlin: Path | None = None
    package: str | None = None


def android_place(
    assets: str | Path, *, folder: str = FOLDER, package: str | None = None, kotlin_out: str | Path | None = None
) -> Place:
    """Return the place within an Android module.

    Args:
        assets: The module's assets folder, as in ``app/src/main/assets``. It may be missing; its parent may not.
        folder: Name of the folder within ``assets``.
        package: Package of the Kotlin file; without one, none is written.
        kotlin_out: The Kotlin file, where it cannot be derived from ``assets``.

    Returns:
        The place, for ``embed``.

    Raises:
        UsageError: The names make no sense together.
        OutputError: There is no such place.

    Examples:
        >>> edgebert.android_place("app/src/main/assets").folder
        PosixPath('app/src/main/assets/edgebert')
    """
    assets = path_of("assets", assets)
    expect("folder", folder, str)
    expect("package", package, str, NoneType)
    kotlin_out = None if kotlin_out is None else path_of("kotlin_out", kotlin_out)
    if not _FOLDER_NAME.fullmatch(folder):
        raise UsageError(
            f"--folder is {folder!r}, not a name that an asset can have",
            hint="letters, digits, dots, dashes and underscores, the first a letter or a digit",
        )
    if package is not None:
        check_package(package)
    elif kotlin_out is not None:
        raise UsageError("--kotlin-out needs --kotlin-package", hint="e.g. --kotlin-package com.example.app")
    with writing(assets):
        for names, what in ((_MODULE_FILES, "a project or module"), (_SOURCE_SET_FILES, "a source set")):
            if any((assets / name).exists() for name in names):
                raise OutputError(f"{assets}: {what}, not its assets", hint="e.g. app/src/main/assets")
        _check_folder(assets if os.path.lexists(assets) else assets.parent)
        kotlin = None
        if package is not None:
            kotlin = _kotlin_file(assets, package) if kotlin_out is None else _checked(kotlin_out)
            if Path(os.path.realpath(kotlin)).is_relative_to(os.path.realpath(assets)):
                raise UsageError(f"{kotlin}: a Kotlin file among the assets", hint="give a place in a source folder")
    return Place(kind="android", folder=assets / folder, kotlin=kotlin, package=package)


def folder_place(folder: str | Path) -> Place:
    """Return a place that is a folder of its own, as other apps want it; its parent must be there.

    Raises:
        OutputError: There is no such place.
    """
    folder = path_of("folder", folder)
    with writing(folder):
        _check_folder(folder.absolute().parent)
    return Place(kind="folder", folder=folder)


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turn an error of the file system into one of ours that names the file at fault, or ``path``.

    Raises:
        EnvironmentProblem: The disk is full.
        OutputError: Anything else cannot be read or written.
    """
    try:
        yield
    except OSError as error:
        # A name of ours for what is not finished says nothing to the user.
        named = error.filename and ".partial" not in str(error.filename)
        with staging.writing(
            Path(error.filename) if named else path,
            problem="cannot be used",
            hint="choose a folder you can write to",
            room_hint="nothing was written; free some space",
        ):
            raise


def _check_folder(path: Path) -> None:
    if not path.is_dir():
        what = "not a folder" if os.path.lexists(path) else "there is no such folder"
        raise OutputError(f"{path}: {what}", hint="give a place in a folder that is there")


def _kotlin_file(assets: Path, package: str) -> Path:
    """Return the file in the source folder beside the assets: the one it has been written to before, if any."""
    place = assets.absolute()
    if place.name != "assets" or place.parent.parent.name != "src":
        raise UsageError(
            f"{assets}: not src/main/assets of a module, so the Kotlin file has no place",
            hint="give --kotlin-out FILE.kt as well",
        )
    roots = _source_folders(assets)
    files = [root.joinpath(*package.split("."), KOTLIN_FILE) for root in roots]
    for file in files:
        if os.path.lexists(file):
            return _checked(file)
    # Android Studio also keeps Kotlin in src/main/java, and makes no other folder.
    found = next((file for root, file in zip(roots, files, strict=True) if root.is_dir()), files[0])
    return _checked(found, parents=True)


def kotlin_files(assets: Path) -> tuple[Path, ...]:
    """Return the files in the source folders beside the assets that have the name of ours."""
    found = (path for root in _source_folders(assets) for path in root.rglob(KOTLIN_FILE))
    return tuple(sorted(path for path in found if path.is_file()))


def _source_folders(assets: Path) -> tuple[Path, Path]:
    return assets.parent / "kotlin", assets.parent / "java"


def _checked(file: Path, *, parents: bool = False) -> Path:
    if file.suffix != ".kt":
        raise UsageError(f"{file}: not the name of a Kotlin file", hint="it ends in .kt")
    if file.is_symlink() or (os.path.lexists(file) and not file.is_file()):
        raise OutputError(f"{file}: not a file but a link or a folder", hint="remove it, or give --kotlin-out FILE.kt")
    if not parents:
        _check_folder(file.absolute().parent)
    return file
