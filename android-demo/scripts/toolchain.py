"""The tools that make an APK without the Android SDK: from packages, unpacked beside each other, nothing installed."""  # noqa: INP001 - a script

from __future__ import annotations

import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))

import build_core
import fetch
from debian_tools import debian_packages

BUILD = build_core.DEMO.parent / "build" / "android"
STUBS = build_core.DEMO / "scripts" / "stubs"

AAR = "package/Plugins/Android/onnxruntime.aar"
_BUNDLETOOL = "mobsf/StaticAnalyzer/tools/bundletool-all-1.17.2.jar"

# Runs of a few seconds: compiling the tools themselves to the end would take longer than it saves.
_JAVA = ("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
JAVAC = tuple(f"-J{option}" for option in _JAVA)


class NoToolError(Exception):
    """Something that has to be installed is not there, or this machine is none that the tools run on."""


class ToolError(Exception):
    """A tool refused its input; the message is what it said."""


@dataclass(frozen=True)
class Tools:
    """Where the tools are.

    Attributes:
        debian: Folder that the Debian packages were unpacked into.
        bundletool: Archive with D8.
    """

    debian: Path
    bundletool: Path

    @property
    def framework(self) -> Path:
        """Resources of the system, which those of the app refer to."""
        return self.debian / "usr" / "share" / "android-framework-res" / "framework-res.apk"

    def aapt2(self, *arguments: str | Path) -> str:
        """Run aapt2 and return what it printed."""
        folders = ["usr/lib/x86_64-linux-gnu/android", "usr/lib/x86_64-linux-gnu", "lib/x86_64-linux-gnu"]
        folders += ["usr/lib", "usr/lib/p7zip"]
        libraries = os.pathsep.join(str(self.debian / folder) for folder in folders)
        program = self.debian / "usr" / "lib" / "android-sdk" / "build-tools" / "debian" / "aapt2"
        return run([program, *arguments], env=os.environ | {"LD_LIBRARY_PATH": libraries})

    def d8(self, *arguments: str | Path) -> str:
        """Run D8, which makes dex files of class files."""
        return run([java(), *_JAVA, "-cp", self.bundletool, "com.android.tools.r8.D8", *arguments])

    def apksigner(self, *arguments: str | Path) -> str:
        """Run apksigner and return what it printed."""
        folder = self.debian / "usr" / "share" / "java"
        classes = os.pathsep.join(str(folder / name) for name in ("apksigner.jar", "apksig.jar"))
        return run([java(), *_JAVA, "-cp", classes, "com.android.apksigner.ApkSignerTool", *arguments])


def tools() -> Tools:
    """Return the tools, fetched and unpacked if they are not there.

    Raises:
        NoToolError: A program is not installed, or the machine is not x86-64 Linux.
        fetch.FetchError: A package cannot be had.
        fetch.WrongContentError: A package is not the one that is expected.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise NoToolError("the tools that make an APK are packages for Linux on x86-64")
    java()
    javac()
    dpkg = shutil.which("dpkg-deb")
    if dpkg is None:
        raise NoToolError("there is no dpkg-deb, which unpacks Debian's packages: use Debian 12, or Gradle")
    packages = debian_packages()
    # A package lies in a folder that is named after its hash.
    stamp = "\n".join(package.parent.name for package in packages)
    debian = BUILD / "debian"
    with fetch.locked(debian):
        mark = debian / "packages.sha256"
        if not (mark.is_file() and mark.read_text() == stamp):
            for package in packages:
                run([dpkg, "-x", package, debian])
            mark.write_text(stamp)
    (bundletool,) = fetch.extracted("mobsf", _BUNDLETOOL)
    return Tools(debian=debian, bundletool=bundletool)


def android_stubs() -> Path:
    """Return the classes of the signatures of android.* that the app is compiled with."""
    return build_core.compile_java(sorted((STUBS / "android").rglob("*.java")), BUILD / "stubs-android")


def java() -> str:
    """Return the path of `java`."""
    return _installed("java")


def javac() -> str:
    """Return the path of `javac`."""
    return _installed("javac")


def keytool() -> str:
    """Return the path of `keytool`."""
    return _installed("keytool")


def java_home() -> Path:
    """Return the folder of the JDK, whose own classes D8 looks things up in."""
    return Path(javac()).resolve().parents[1]


def _installed(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        raise NoToolError(f"there is no {name}: install a JDK (Debian: openjdk-17-jdk-headless)")
    return path


def run(command: Sequence[str | Path], *, env: dict[str, str] | None = None) -> str:
    """Run a tool and return what it printed.

    Raises:
        ToolError: It failed.
    """
    done = subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        text=True,
        check=False,
        env=env,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode:
        said = (done.stderr.strip() or done.stdout.strip() or f"exit code {done.returncode}").splitlines()
        name = Path(command[0]).name
        raise ToolError(f"{name}: " + "\n".join(said[:20]))
    return done.stdout
