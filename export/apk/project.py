"""Reads from the Gradle project what a build without Gradle has to agree with."""

from __future__ import annotations

import re
import tomllib
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

from edgebert.errors import CheckFailed

DEMO = Path(__file__).resolve().parents[2] / "android-demo"
BUILD = DEMO.parent / "build" / "android"
"""What is fetched and made here."""
APP = DEMO / "app" / "src"
ANDROID = "{http://schemas.android.com/apk/res/android}"
TOOLS = "{http://schemas.android.com/tools}"


@dataclass(frozen=True)
class Values:
    """What the Gradle files say about the app.

    Attributes:
        package: Name of the package, which is also that of the class ``R``.
        min_sdk: Lowest API level it runs on.
        target_sdk: API level it was made for.
        version_code: Number of the version.
        version_name: Name of the version.
        onnxruntime: Version of ONNX Runtime.
        abi: Instruction set of the native libraries.
        no_compress: Endings of assets that stay uncompressed.
    """

    package: str
    min_sdk: int
    target_sdk: int
    version_code: int
    version_name: str
    onnxruntime: str
    abi: str
    no_compress: tuple[str, ...]


def gradle_values(demo: Path = DEMO) -> Values:
    """Return what the Gradle files of the demo say.

    Raises:
        CheckFailed: A value is missing or stands there in another way than expected.
    """
    versions = tomllib.loads(demo.joinpath("gradle", "libs.versions.toml").read_text(encoding="utf-8"))["versions"]
    build = demo.joinpath("app", "build.gradle.kts").read_text(encoding="utf-8")
    package = _one(r'namespace = "([\w.]+)"', build)
    if _one(r'applicationId = "([\w.]+)"', build) != package:
        raise CheckFailed("app/build.gradle.kts: namespace and applicationId differ, which this script does not know")
    for name in ("minSdk", "targetSdk", "versionCode", "versionName"):
        _one(rf"{name} = libs\.versions\.({name})\.get\(\)", build)
    try:
        return Values(
            package=package,
            min_sdk=int(versions["minSdk"]),
            target_sdk=int(versions["targetSdk"]),
            version_code=int(versions["versionCode"]),
            version_name=versions["versionName"],
            onnxruntime=versions["onnxruntime"],
            abi=_one(r'abiFilters \+= "([\w-]+)"', build),
            no_compress=tuple(re.findall(r'"(\w+)"', _one(r"noCompress \+= listOf\((.*)\)", build))),
        )
    except KeyError as error:
        raise CheckFailed(f"gradle/libs.versions.toml: lacks {error}") from None


def merged_manifest(values: Values, library: str, *, demo: Path = DEMO) -> str:
    """Return the manifest that goes into the APK, as Gradle would merge it.

    Args:
        values: What the Gradle files say.
        library: Manifest of the runtime's library.
        demo: Folder of the Gradle project.

    Raises:
        CheckFailed: The library asks for more than a lowest API level, or the manifest uses what only Gradle knows.
    """
    _check_library(library, values)
    ET.register_namespace("android", ANDROID.strip("{}"))
    root = ET.fromstring(demo.joinpath("app", "src", "main", "AndroidManifest.xml").read_bytes())  # noqa: S314 - ours
    for parent in list(root.iter()):
        for child in list(parent):
            if child.get(f"{TOOLS}node") == "remove":
                parent.remove(child)
        for key in [key for key in parent.attrib if key.startswith(TOOLS)]:
            del parent.attrib[key]
    root.set("package", values.package)
    application = root.find("application")
    if application is None:
        raise CheckFailed("app/src/main/AndroidManifest.xml: has no application")
    # What Gradle adds where libraries stay uncompressed.
    application.set(f"{ANDROID}extractNativeLibs", "false")
    text = ET.tostring(root, encoding="unicode", xml_declaration=False)
    if "${" in text:
        raise CheckFailed("app/src/main/AndroidManifest.xml: has a placeholder that only Gradle knows")
    return text + "\n"


def _check_library(manifest: str, values: Values) -> None:
    root = ET.fromstring(manifest)  # noqa: S314 - of a package whose hash was checked
    for element in root.iter():
        if element.tag == "uses-sdk" and int(element.get(f"{ANDROID}minSdkVersion", "1")) <= values.min_sdk:
            continue
        if element.tag not in {"manifest", "application"}:
            raise CheckFailed(f"the library's manifest has <{element.tag}>, which this script does not merge")


def _one(pattern: str, text: str) -> str:
    found = re.findall(pattern, text)
    if len(found) != 1:
        raise CheckFailed(f"app/build.gradle.kts: {len(found)} lines look like {pattern}, not one")
    return str(found[0])
