"""The tools that make an APK without the Android SDK: from packages, unpacked beside each other, nothing installed."""

from __future__ import annotations

import os
import platform
import shutil
from dataclasses import dataclass
from pathlib import Path

from edgebert.errors import EnvironmentProblem
from export.apk import fetch
from export.apk.java import compile_java, program, run
from export.apk.project import BUILD

STUBS = Path(__file__).parent / "stubs"

AAR = "package/Plugins/Android/onnxruntime.aar"
_BUNDLETOOL = "mobsf/StaticAnalyzer/tools/bundletool-all-1.17.2.jar"

# Runs of a few seconds: compiling the tools themselves to the end would take longer than it saves.
_JAVA = ("-Xmx1g", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1")
JAVAC = tuple(f"-J{flag}" for flag in _JAVA)


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
        aapt2 = self.debian / "usr" / "lib" / "android-sdk" / "build-tools" / "debian" / "aapt2"
        return run([aapt2, *arguments], env=os.environ | {"LD_LIBRARY_PATH": libraries})

    def d8(self, *arguments: str | Path) -> str:
        """Run D8, which makes dex files of class files."""
        return run([program("java"), *_JAVA, "-cp", self.bundletool, "com.android.tools.r8.D8", *arguments])

    def apksigner(self, *arguments: str | Path) -> str:
        """Run apksigner and return what it printed."""
        folder = self.debian / "usr" / "share" / "java"
        classes = os.pathsep.join(str(folder / name) for name in ("apksigner.jar", "apksig.jar"))
        return run([program("java"), *_JAVA, "-cp", classes, "com.android.apksigner.ApkSignerTool", *arguments])


def fetched_tools() -> Tools:
    """Return the tools, fetched and unpacked if they are not there.

    Raises:
        EnvironmentProblem: A program is not installed, the machine is not x86-64 Linux, or a package cannot be had.
        CheckFailed: A package is not the one that is expected.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        raise EnvironmentProblem("the tools that make an APK are packages for Linux on x86-64")
    program("java")
    program("javac")
    dpkg = shutil.which("dpkg-deb")
    if dpkg is None:
        raise EnvironmentProblem("there is no dpkg-deb, which unpacks Debian's packages: use Debian 12, or Gradle")
    packages = fetch.debian_packages()
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
    return compile_java(sorted((STUBS / "android").rglob("*.java")), BUILD / "stubs-android")
