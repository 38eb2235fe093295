"""The core of the Android demo on a JVM: compiled once, then served by one process that is asked line by line.

With ONNX Runtime beside it, where that can be had, the same process runs models as the app does.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

import export.apk.desktop
import export.apk.java
from edgebert.errors import CheckFailed, EnvironmentProblem
from tests.support.peer import Peer

REPOSITORY = Path(__file__).parents[2]
CLASSES = REPOSITORY / "build" / "android" / "core"


def compiled_core() -> Path:
    """Return the folder of the core's classes and those of its test driver."""
    if shutil.which("java") is None or shutil.which("javac") is None:
        pytest.skip("there is no JDK (Debian: openjdk-17-jdk-headless)")
    try:
        return export.apk.java.compile_core(CLASSES, tests=True)
    except CheckFailed as error:
        pytest.fail(f"the core does not compile:\n{error}")


def desktop_ort(core: Path) -> Any:
    """Return ONNX Runtime for the JVM of this machine, with the backend of the app; skip where it cannot be had."""
    try:
        return export.apk.desktop.desktop_ort(core)
    except EnvironmentProblem as error:
        pytest.skip(f"ONNX Runtime for Java: {error}")
    except CheckFailed as error:
        pytest.fail(f"the backend does not compile:\n{error}")


class Jvm(Peer):
    """A JVM that answers calls of the test driver `Driver.java`.

    Args:
        flags: Options of the JVM.
        with_ort: Whether to put ONNX Runtime and the backend of the app beside the core.
        environment: Environment variables that differ from those of this process; ``None`` removes one.
    """

    def __init__(
        self, flags: Sequence[str] = (), *, with_ort: bool = False, environment: dict[str, str | None] | None = None
    ) -> None:
        core = compiled_core()
        classpath, changes = [core], {"ORT_DISABLE_TELEMETRY": "1", **(environment or {})}
        if with_ort:
            desktop = desktop_ort(core)
            classpath = list(desktop.classpath)
            native = f"-Donnxruntime.native.path={desktop.native}"
            flags = [native, "-Druntime=io.edgebert.onnxruntime.OnnxModelRuntime", *flags]
            changes["LD_LIBRARY_PATH"] = str(desktop.native)
        options = ["-Xmx768m", "-XX:+UseSerialGC", *flags, "-cp", ":".join(map(str, classpath))]
        merged = os.environ | changes
        super().__init__(
            ["java", *options, "io.edgebert.core.Driver"],
            environment={name: value for name, value in merged.items() if value is not None},
        )
