"""Checks an APK of the demo: what it asks for, what it holds, and where."""

from __future__ import annotations

import hashlib
import json
import re
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from edgebert.errors import CheckFailed
from export.apk.archive import PAGE, misplaced
from export.apk.binaries import dex_classes, library_page
from export.apk.project import Values, gradle_values
from export.apk.tools import Tools

FOLDER = "assets/edgebert/"
ENTRY_POINTS = ("MainActivity", "BenchmarkActivity", "BenchmarkInstrumentation")
CLASSES = ("io/edgebert/core/Bundle", "io/edgebert/onnxruntime/OnnxRuntimeBackend", "ai/onnxruntime/OrtSession")
# Where official builds of ONNX Runtime from 1.29 on send to, and the classes that start it.
_COLLECTOR = b"events.data.microsoft.com"
_REPORTERS = re.compile(r"ai/onnxruntime/(Telemetry|telemetry/).*")


@dataclass(frozen=True)
class Apk:
    """An APK and what it is compared with.

    Attributes:
        path: The file.
        names: Paths of its entries.
        badging: What aapt2 says of it.
        manifest: Its manifest as aapt2 prints it.
        bundle: The bundle that should be in it.
        values: What the Gradle files say.
        tools: The tools.
    """

    path: Path
    names: tuple[str, ...]
    badging: str
    manifest: str
    bundle: Path
    values: Values
    tools: Tools

    @property
    def debuggable(self) -> bool:
        """Whether it is a debug build."""
        return "application-debuggable" in self.badging

    def read(self, name: str) -> bytes:
        """Return the content of an entry."""
        with zipfile.ZipFile(self.path) as opened:
            try:
                return opened.read(name)
            except KeyError:
                raise CheckFailed(f"lacks {name}") from None


def open_apk(path: Path, bundle: Path, tools: Tools) -> Apk:
    """Return an APK to check.

    Raises:
        zipfile.BadZipFile: It is no ZIP, or a damaged one.
        CheckFailed: aapt2 cannot read it.
    """
    with zipfile.ZipFile(path) as opened:
        damaged = opened.testzip()
        if damaged is not None:
            raise zipfile.BadZipFile(f"{damaged} does not have its checksum")
        names = tuple(opened.namelist())
    badging = tools.aapt2("dump", "badging", path)
    manifest = tools.aapt2("dump", "xmltree", "--file", "AndroidManifest.xml", path)
    return Apk(path, names, badging, manifest, bundle, gradle_values(), tools)


def check_package(apk: Apk) -> str:
    """Package, versions and API levels are those of the Gradle files."""
    values = apk.values
    version = f"versionCode='{values.version_code}' versionName='{values.version_name}'"
    for line in (
        f"package: name='{values.package}' {version}",
        f"sdkVersion:'{values.min_sdk}'",
        f"targetSdkVersion:'{values.target_sdk}'",
        f"launchable-activity: name='{values.package}.MainActivity'",
    ):
        if line not in apk.badging:
            raise CheckFailed(f"aapt2 does not say {line}")
    return f"{values.package} {values.version_name}, API {values.min_sdk} to {values.target_sdk}"


def check_activities(apk: Apk) -> str:
    """No other app can start anything but the first screen."""
    screens = re.findall(r"E: activity .*\n((?:\s+A: .*\n)+)", apk.manifest)
    names = []
    for attributes in screens:
        name = re.search(r":name\(.*?=\"(.*?)\"", attributes)
        names.append(name[1] if name else "?")
        if names[-1] != ".MainActivity" and '"android.permission.DUMP"' not in attributes:
            raise CheckFailed(f"{names[-1]} can be started by every app")
    if sorted(names) != [".BenchmarkActivity", ".MainActivity"]:
        raise CheckFailed(f"the activities are {names}")
    return ", ".join(names)


def check_permissions(apk: Apk) -> str:
    """It asks for no permission, so nothing can leave the phone."""
    asked = re.findall(r"uses-permission[\w-]*: name='(.*?)'", apk.badging)
    if asked or "E: uses-permission" in apk.manifest:
        raise CheckFailed(f"asks for {', '.join(asked) or 'a permission'}")
    return "none"


def check_places(apk: Apk) -> str:
    """Everything that is stored can be mapped where it lies."""
    if found := misplaced(apk.path):
        raise CheckFailed(f"not aligned: {', '.join(found)}")
    with zipfile.ZipFile(apk.path) as opened:
        for info in opened.infolist():
            if info.compress_type != zipfile.ZIP_STORED and info.filename.endswith((".so", *_endings(apk))):
                raise CheckFailed(f"{info.filename} is compressed, but should be mapped or plainly copied")
    return f"libraries at multiples of {PAGE}, other stored entries at multiples of 4"


def _endings(apk: Apk) -> tuple[str, ...]:
    return tuple(f".{ending}" for ending in apk.values.no_compress)


def check_libraries(apk: Apk) -> str:
    """The native libraries are those of the runtime, for one instruction set, with 16 KB pages."""
    libraries = [name for name in apk.names if name.endswith(".so")]
    expected = [f"lib/{apk.values.abi}/{name}" for name in ("libonnxruntime.so", "libonnxruntime4j_jni.so")]
    if sorted(libraries) != sorted(expected):
        raise CheckFailed(f"the libraries are {libraries}")
    for name in libraries:
        page = library_page(apk.read(name))
        if page % PAGE:
            raise CheckFailed(f"{name} is made for pages of {page} bytes")
    if apk.values.onnxruntime.encode() not in apk.read(expected[0]):
        raise CheckFailed(f"ONNX Runtime is not {apk.values.onnxruntime}, the version that Gradle takes")
    return f"ONNX Runtime {apk.values.onnxruntime}, {apk.values.abi}, made for pages of {PAGE} bytes"


def check_signature(apk: Apk) -> str:
    """It is signed by schemes 2 and 3, whole."""
    said = apk.tools.apksigner("verify", "--verbose", "--min-sdk-version", str(apk.values.min_sdk), apk.path)
    for scheme in ("v2", "v3"):
        if not re.search(rf"Verified using {scheme} scheme .*: true", said):
            raise CheckFailed(f"not signed by scheme {scheme}")
    return "v2 and v3"


def check_assets(apk: Apk) -> str:
    """The assets are what ships of the bundle, byte by byte."""
    manifest = apk.read(f"{FOLDER}edgebert.json")
    if manifest != apk.bundle.joinpath("edgebert.json").read_bytes():
        raise CheckFailed("edgebert.json is not that of the bundle")
    described = json.loads(manifest)
    known = {entry["file"]: entry["sha256"] for entry in (*described["files"], *described["artifacts"])}
    shipped = {entry["file"] for entry in described["artifacts"] if entry["role"] == "shipped"}
    held = {name.removeprefix(FOLDER) for name in apk.names if name.startswith("assets/")} - {"edgebert.json"}
    for name in sorted(held):
        if name not in known:
            raise CheckFailed(f"{name} is not of the bundle")
        if hashlib.sha256(apk.read(FOLDER + name)).hexdigest() != known[name]:
            raise CheckFailed(f"{name} does not have the hash that the manifest states")
    if missing := {"golden.json", "vocab.txt"} - held:
        raise CheckFailed(f"lacks {', '.join(sorted(missing))}")
    if len(held & shipped) != 1:
        raise CheckFailed(f"holds {len(held & shipped)} model files that ship, not one")
    return ", ".join(sorted(held))


def check_baseline(apk: Apk) -> str:
    """What is released holds no baseline."""
    held = [name for name in apk.names if name.startswith(f"{FOLDER}baseline/")]
    if held and not apk.debuggable:
        raise CheckFailed(f"a release that holds {held[0]}")
    return "debug build" if apk.debuggable else "none"


def check_telemetry(apk: Apk) -> str:
    """No part of the runtime reports anything."""
    if "E: provider" in apk.manifest:
        raise CheckFailed("declares a provider; the telemetry of newer runtimes is started by one")
    for name in sorted(_classes(apk)):
        if _REPORTERS.fullmatch(name):
            raise CheckFailed(f"holds {name}")
    for name in apk.names:
        if name.endswith(".so") and _COLLECTOR in apk.read(name):
            raise CheckFailed(f"{name} knows {_COLLECTOR.decode()}")
    return "none"


def check_classes(apk: Apk) -> str:
    """The classes of app, core and runtime are there."""
    found = _classes(apk)
    package = apk.values.package.replace(".", "/")
    for name in (*CLASSES, *(f"{package}/{name}" for name in ENTRY_POINTS)):
        if name not in found:
            raise CheckFailed(f"lacks the class {name}")
    return f"{len(found)} classes"


def _classes(apk: Apk) -> set[str]:
    files = [name for name in apk.names if re.fullmatch(r"classes\d*\.dex", name)]
    return set().union(*(dex_classes(apk.read(name)) for name in files)) if files else set()


CHECKS: dict[str, Callable[[Apk], str]] = {
    "package": check_package,
    "activities": check_activities,
    "permissions": check_permissions,
    "places": check_places,
    "libraries": check_libraries,
    "signature": check_signature,
    "assets": check_assets,
    "baseline": check_baseline,
    "telemetry": check_telemetry,
    "classes": check_classes,
}


def results(apk: Apk) -> Iterator[tuple[str, bool, str]]:
    """Yield each check, whether it passed, and what it found."""
    for name, check in CHECKS.items():
        try:
            yield name, True, check(apk)
        except (CheckFailed, zipfile.BadZipFile, ValueError) as error:
            yield name, False, str(error)
