"""Builds the parts of the test kit from Debian's and PyPI's packages: unpacked below build/, nothing is installed."""

from __future__ import annotations

import fcntl
import functools
import json
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
FOLDER = REPOSITORY / "build" / "device-kit"

VERSION = 2
"""Of what is built here; a new one builds anew."""

ANDROID_LIBRARIES = ("android-libbase", "android-libboringssl", "android-libcutils", "android-liblog")
ROOT_PACKAGES = (
    "base-files",
    "coreutils",
    "dash",
    "findutils",
    "grep",
    "gzip",
    "libgomp1",
    "libstdc++6",
    "openssh-sftp-server",
    "procps",
    "python3.11",
    "sed",
    "tar",
    *(f"{name}/bookworm-backports" for name in ("adbd", *ANDROID_LIBRARIES)),
)
HOST_PACKAGES = (
    "openssh-client",
    "openssh-server",
    *(f"{name}/bookworm-backports" for name in ("adb", "adbd", "android-libziparchive", *ANDROID_LIBRARIES)),
)
QEMU_PACKAGE = "qemu-user/bookworm-backports"
WHEELS = (
    "ai-edge-litert",
    "backports.strenum",
    "flatbuffers",
    "ml-dtypes",
    "numpy",
    "onnxruntime",
    "packaging",
    "protobuf",
    "tokenizers",
    "tqdm",
    "typing-extensions",
)
USR_MERGED = ("bin", "sbin", "lib", "lib64")

# Without an argument getprop lists everything, dumpsys without a service as well; a service is known if it has a file.
STUBS = {
    "getprop": """\
#!/bin/sh
said=${TRANSCRIPTS:-/transcripts}/getprop.txt
[ $# -gt 0 ] || exec cat "$said"
sed -n "s/^\\[$1\\]: \\[\\(.*\\)\\]\\$/\\1/p" "$said"
""",
    "dumpsys": """\
#!/bin/sh
said=${TRANSCRIPTS:-/transcripts}/$1.txt
[ -e "$said" ] && exec cat "$said"
echo "Can't find service: $1" >&2
""",
}


class Missing(Exception):
    """This machine cannot have the kit; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Kit:
    """What was built: the arm64 root, programs of this machine with their libraries, and QEMU."""

    root: Path
    host: Path
    qemu: Path

    @property
    def libraries(self) -> str:
        """Folders of the libraries that the programs need and this machine may lack."""
        folders = [*self.host.glob("usr/lib/*-linux-gnu"), *self.host.glob("usr/lib/*-linux-gnu/android")]
        return ":".join(str(folder) for folder in folders)

    @property
    def adb(self) -> Path:
        """The program itself; it needs ``libraries``."""
        return self.host / "usr/lib/android-sdk/platform-tools/adb"

    @property
    def adbd(self) -> Path:
        """That of this machine; it needs ``libraries`` too."""
        return self.host / "usr/lib/android-sdk/platform-tools/adbd"


def build(folder: Path = FOLDER) -> Kit:
    """Return the kit, and build it where that has not been done; two processes do not build twice.

    Raises:
        Missing: This machine cannot.
    """
    _check_machine()
    folder.mkdir(parents=True, exist_ok=True)
    kit = Kit(root=folder / "root", host=folder / "host", qemu=folder / "qemu" / "usr/bin/qemu-aarch64")
    stamp = folder / "stamp.json"
    wanted = json.dumps([VERSION, ROOT_PACKAGES, HOST_PACKAGES, QEMU_PACKAGE, _requirements()])
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.is_file() and stamp.read_text() == wanted:
            return kit
        stamp.unlink(missing_ok=True)
        for part in ("root", "host", "qemu", "packages"):
            shutil.rmtree(folder / part, ignore_errors=True)
        _build_parts(folder, kit)
        shutil.rmtree(folder / "packages")
        stamp.write_text(wanted)
    return kit


def _build_parts(folder: Path, kit: Kit) -> None:
    from edgebert.errors import EnvironmentProblem
    from edgebert.workers.fetch import BACKPORTS, RELEASE, fetch_debs, fetch_wheels, host_architecture, unpack_deb

    suites, packages = (*RELEASE, *BACKPORTS), folder / "packages"
    try:
        here = host_architecture()
        wanted = {"root": (ROOT_PACKAGES, "arm64", True), "host": (HOST_PACKAGES, here, True)}
        wanted["qemu"] = ((QEMU_PACKAGE,), here, False)
        debs = {
            part: fetch_debs(
                names, architecture=machine, suites=suites, folder=packages / part, with_dependencies=with_dependencies
            )
            for part, (names, machine, with_dependencies) in wanted.items()
        }
        wheels = fetch_wheels(_requirements(), folder=packages / "wheels")
        for part, files in debs.items():
            target = folder / part
            for name in USR_MERGED:
                (target / "usr" / name).mkdir(parents=True)
                (target / name).symlink_to(f"usr/{name}")
            for file in files:
                # The C library of this machine is the one that fits its loader.
                if part == "root" or not re.match(r"libc6_|libc-bin_|libc-l10n_|locales_", file.name):
                    unpack_deb(file, target)
    except EnvironmentProblem as error:
        raise Missing(error.message) from error
    for wheel in wheels:
        with zipfile.ZipFile(wheel) as archive:
            archive.extractall(kit.root / "opt/site")
    _furnish(kit.root)


def _furnish(root: Path) -> None:
    """Do what the packages' scripts would have done, as far as tests need it, and what makes it look like a phone."""
    (root / "usr/bin/sh").unlink(missing_ok=True)
    (root / "usr/bin/sh").symlink_to("dash")
    (root / "usr/bin/python3").unlink(missing_ok=True)
    (root / "usr/bin/python3").symlink_to("python3.11")
    (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\n")
    (root / "etc/group").write_text("root:x:0:\n")
    for name in ("proc", "sys", "dev", "tmp", "root", "data/local/tmp", "transcripts"):
        (root / name).mkdir(parents=True, exist_ok=True)
    write_stubs(root / "usr/local/bin")


def write_stubs(folder: Path) -> None:
    """Write what takes the place of Android's programs; they print what lies in $TRANSCRIPTS."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, script in STUBS.items():
        path = folder / name
        path.write_text(script)
        path.chmod(0o755)


def _requirements() -> tuple[str, ...]:
    """Return the wheels at the versions of constraints.txt, where it names one."""
    pinned = {}
    for line in (REPOSITORY / "constraints.txt").read_text().splitlines():
        name, found, _ = line.partition("==")
        if found:
            pinned[re.sub(r"[-_.]+", "-", name.strip().lower())] = line.strip()
    return tuple(pinned.get(re.sub(r"[-_.]+", "-", name), name) for name in WHEELS)


def _check_machine() -> None:
    if sys.platform != "linux":
        raise Missing("needs Linux")
    for tool in ("apt-get", "dpkg-deb", "unshare", "nsenter", "mount", "chroot"):
        if not shutil.which(tool, path=search_path()):
            raise Missing(f"needs {tool}")
    argv = ["unshare", "--user", "--map-root-user", "--mount", "--pid", "--fork", "--net", "true"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=30, env=with_tools())
    if done.returncode != 0:
        raise Missing(f"may not make user namespaces: {done.stderr.strip()}")


def search_path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])


def with_tools(more: Mapping[str, str] | None = None) -> dict[str, str]:
    return {**os.environ, "PATH": search_path(), **(more or {})}


@functools.cache
def _kit_or_reason() -> Kit | str:
    try:
        return build()
    except Missing as missing:
        return str(missing)


def kit_or_skip() -> Kit:
    """Return the kit, or skip the test with the one reason why this machine cannot have it."""
    import pytest

    kit = _kit_or_reason()
    if isinstance(kit, str):
        pytest.skip(f"no device kit: {kit}")
    return kit
