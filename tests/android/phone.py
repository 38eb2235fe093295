"""The app on a JVM: the very classes that go into the APK, above small fakes of what Android does for them.

The fakes are linked at run time in place of the signatures that the app was compiled with, so a fake that does not
have a method that the app calls ends the test.
"""

from __future__ import annotations

import functools
import os
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

import export.apk.build
import export.apk.java
import export.apk.project
import export.apk.tools
from edgebert.errors import EnvironmentProblem
from tests.support.jvm import REPOSITORY, compiled_core, desktop_ort
from tests.support.peer import Peer

FAKES = Path(__file__).parent / "fake_phone"
RESOURCES = REPOSITORY / "android-demo" / "app" / "src" / "main" / "res"
ID = "{http://schemas.android.com/apk/res/android}id"


def tools() -> Any:
    """Return the tools that build an APK; skip where they cannot be had."""
    toolchain, build = export.apk.tools, export.apk.build
    try:
        found = toolchain.fetched_tools()
        build.library(export.apk.project.gradle_values())
    except EnvironmentProblem as error:
        pytest.skip(f"no APK can be built here: {error}")
    return found


def texts() -> dict[str, str]:
    """Return the texts of the app."""
    root = ET.parse(RESOURCES / "values" / "strings.xml").getroot()
    return {item.attrib["name"]: item.text or "" for item in root.iter("string")}


def views() -> dict[str, str]:
    """Return the class of each view by its id."""
    found = [item for path in RESOURCES.joinpath("layout").glob("*.xml") for item in ET.parse(path).getroot().iter()]
    return {item.attrib[ID].partition("/")[2]: item.tag for item in found if ID in item.attrib}


@functools.cache
def classpath(folder: Path) -> tuple[str, str]:
    """Compile app and fakes into a folder; return the class path and the folder of the native libraries."""
    build, gradle, toolchain = export.apk.build, export.apk.project, export.apk.tools
    desktop = desktop_ort(compiled_core())
    values = gradle.gradle_values()
    manifest = gradle.merged_manifest(values, "<manifest/>")
    build.link_resources(tools(), values, manifest, folder, debug=False)
    java = [*build.sources(), *(folder / "generated").rglob("*.java")]
    core = export.apk.java.compile_core(export.apk.project.BUILD / "core-app")
    known = [core, toolchain.android_stubs(), build.library(values).classes]
    app = build.compile_app(java, known, folder / "app")
    fakes = build.compile_app(FAKES.rglob("*.java"), [core], folder / "fakes")
    return os.pathsep.join(map(str, [fakes, app, core, *desktop.classpath])), str(desktop.native)


class Phone(Peer):
    """A phone with the app on it.

    Args:
        classes: Folder for the classes, the same for all phones.
        root: Folder of the phone's storage; the bundle lies in `assets/edgebert`.
        debuggable: Whether the app is a debug build.
        storage: Whether the shared storage is there.
    """

    def __init__(self, classes: Path, root: Path, *, debuggable: bool = False, storage: bool = True) -> None:
        path, native = classpath(classes)
        options = ["-Xmx768m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", f"-Donnxruntime.native.path={native}"]
        super().__init__(
            ["java", *options, "-cp", path, "fake.AppDriver", str(root)],
            # A process cannot change its own environment from Java; on a phone Os.setenv does.
            environment=os.environ | {"ORT_DISABLE_TELEMETRY": "1", "LD_LIBRARY_PATH": native},
        )
        self.reply("phone", texts=texts(), views=views(), debuggable=debuggable, storage=storage)

    def start(self, screen: str = "MainActivity", **extras: str | int) -> None:
        """Open a screen."""
        self.reply("start", screen=screen, extras=extras)

    def ask(self, *texts: str, taps: int = 1) -> None:
        """Type a text into each field and tap the button."""
        for text, field in zip(texts, ("text", "second"), strict=False):
            self.type(text, field)
        self.reply("tap", id="ask", times=taps)

    def type(self, text: str, field: str = "text") -> None:
        """Type a text, which may be none that JSON could hold."""
        units = text.encode("utf-16-le", "surrogatepass")
        numbers = [int.from_bytes(units[place : place + 2], "little") for place in range(0, len(units), 2)]
        self.reply("type", id=field, units=numbers)

    def show(self, status: str = "status") -> Any:
        """Return what the screen shows once the app has nothing left to do."""
        known = texts()
        busy = [known[name] for name in ("status_opening", "status_running", "benchmark_running")]
        # A layout brings the words of its own; what nobody has set yet is empty here.
        shown = self.reply("show", unsettled=[*busy, *([""] if status == "outcome" else [])], status=status)
        assert shown["crashes"] == 0
        return shown
