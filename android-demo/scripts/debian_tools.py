"""Fetches Debian's packages for the APK in one go: apt-get takes a second to start, whatever it is asked for."""  # noqa: INP001 - a script

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import fetch

# aapt2 and apksigner of Debian 12 on x86-64, the libraries they need, and the resources of the system.
PACKAGES = tuple(
    fetch.Package("debian", name, version, sha256)
    for name, version, sha256 in (
        ("aapt", "1:10.0.0+r36-10", "a4790dd07923a45ba17982d257abbce3f8050e8b30b0952545255502a5d1f505"),
        (
            "android-framework-res",
            "1:10.0.0+r36-10",
            "267dad38b2e01b2705bd106023cfb5e6410175ebe35c60f3186eef521248bc6b",
        ),
        ("android-libaapt", "1:10.0.0+r36-10", "e18333b3d0259c3ceffeed142a5bbce2114eb7021c0ca5ef1ac505c0629c5171"),
        ("android-libandroidfw", "1:10.0.0+r36-10", "26add03f0edf12da9d710b9be2bf0ec867f583d490135d99b9789bbbfe1bab4e"),
        ("android-libbacktrace", "1:29.0.6-28", "78733043d8e8f5906eb969a18c3178c1898f50d3684de23398a3eeb7ba7ea122"),
        ("android-libbase", "1:29.0.6-28", "c651582c9beb229b6a4581eef5d03796293aa2da3b602eafc5427b198060819f"),
        ("android-libcutils", "1:29.0.6-28", "12ac0a99beb683269d77af09bf80ddd7b8c428fda442c05070ea3ff50429718c"),
        ("android-liblog", "1:29.0.6-28", "d495761ec2dc87070f6ac75c771d221d05e2be387cbaeab7e7c7fcd740ce4ce2"),
        ("android-libutils", "1:29.0.6-28", "c9554365cd0d20ac22138195963b2b790e45fc3edade3626a05311a9cae5cf36"),
        ("android-libziparchive", "1:29.0.6-28", "e6d674143b948017a96740f449547799127feba75109875446c89e0e05a3e29d"),
        ("apksigner", "31.0.2-1", "6ded96d6156f8b0bc1355e87b5fad8e6ebfcf8a694dedd9987768b37a41878d4"),
        ("libapksig-java", "31.0.2-1", "cfb1babb843de0c7490c4554dca31187ceb326ea7f53c9cd77e9ce46342cba59"),
        ("libexpat1", "2.5.0-1+deb12u2", "2255e62fc22a86d2c544b8a3f516da9aee19383ad5742722ab4ce7f66a30dbc8"),
        ("libpng16-16", "1.6.39-2+deb12u5", "a56d64bfaa9da12aafb83347909e62e6fd5fd251e6b34c194065911a30359978"),
        ("libprotobuf-lite32", "3.21.12-3+deb12u1", "441812aa574e1baa4435a9b62c34a39e0fc4177994ccfb35fab5a03ef6ef1e8d"),
        ("libzopfli1", "1.0.3-1", "3e38ea3c54c9cab39943ef7c6df6ac0868768244afcf088d2cfdd3fb85e5710d"),
        (
            "p7zip-full",
            "16.02+really26.01+dfsg-0+deb12u1",
            "91624c886bf525705beb66dd2bb063015c5cab4e51d9f08d9464cbbb53b00cb7",
        ),
    )
)


def debian_packages() -> list[Path]:
    """Return the files of all of them, fetched if they are not there.

    Raises:
        fetch.FetchError: One cannot be had here.
        fetch.WrongContentError: One has another hash than the table states.
    """
    paths = {package: fetch.FOLDER / package.sha256[:16] / "package" for package in PACKAGES}
    with fetch.locked(fetch.FOLDER):
        missing = [package for package, path in paths.items() if not path.is_file()]
        if missing:
            with tempfile.TemporaryDirectory(dir=fetch.FOLDER) as folder:
                _download(missing, Path(folder))
                for package in missing:
                    _keep(package, Path(folder), paths[package])
    return list(paths.values())


def _download(packages: list[fetch.Package], folder: Path) -> None:
    client = shutil.which("apt-get")
    if client is None:
        raise fetch.FetchError("there is no apt-get, which fetches Debian's packages: use Debian 12, or Gradle")
    specs = [f"{package.name}={package.version}" for package in packages]
    try:
        done = subprocess.run(
            [client, "download", "--quiet", *specs],
            cwd=folder,
            capture_output=True,
            text=True,
            check=False,
            timeout=fetch.TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired:
        raise fetch.FetchError(f"Debian's packages did not come within {fetch.TIMEOUT_S} seconds: try again") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("E:")] or ["no network?"]
        raise fetch.FetchError(f"Debian's packages cannot be fetched with apt-get (after apt-get update?): {said[0]}")


def _keep(package: fetch.Package, folder: Path, path: Path) -> None:
    files = list(folder.glob(f"{package.name}_*.deb"))
    if len(files) != 1:
        raise fetch.FetchError(f"{package.name} {package.version}: apt-get brought {len(files)} files instead of one")
    with files[0].open("rb") as stream:
        found = hashlib.file_digest(stream, "sha256").hexdigest()
    if found != package.sha256:
        raise fetch.WrongContentError(
            f"{package.name} {package.version} has the sha256 {found} instead of {package.sha256}"
        )
    path.parent.mkdir(exist_ok=True)
    files[0].replace(path)
