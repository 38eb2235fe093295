"""The core of the Android demo on a JVM: compiled once, then served by one process that is asked line by line.

With ONNX Runtime beside it, where that can be had, the same process runs models as the app does.
"""

from __future__ import annotations

import importlib
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from tests.support.peer import Peer

REPOSITORY = Path(__file__).parents[2]
SCRIPTS = REPOSITORY / "android-demo" / "scripts"
CLASSES = REPOSITORY / "build" / "android" / "core"


def script(name: str) -> ModuleType:
    """Return a script of the demo as a module."""
    if str(SCRIPTS) not in sys.path:
        sys.path.append(str(SCRIPTS))
    return importlib.import_module(name)


def compiled_core() -> Path:
    """Return the folder of the core's classes and those of its test driver."""
    if shutil.which("java") is None or shutil.which("javac") is None:
        pytest.skip("there is no JDK (Debian: openjdk-17-jdk-headless)")
    try:
        return script("build_core").compile_core(CLASSES, tests=True)
    except subprocess.CalledProcessError as error:
        pytest.fail(f"the core does not compile:\n{error.stderr}")


def desktop_ort(core: Path) -> Any:
    """Return ONNX Runtime for the JVM of this machine, with the backend of the app; skip where it cannot be had."""
    build, fetch = script("desktop_ort"), script("fetch")
    try:
        return build.desktop_ort(core)
    except (build.UnsupportedError, fetch.FetchError) as error:
        pytest.skip(f"ONNX Runtime for Java: {error}")
    except subprocess.CalledProcessError as error:
        pytest.fail(f"the backend does not compile:\n{error.stderr}")


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
