"""The core of the Android demo on a JVM: compiled once, then served by one process that is asked line by line."""

from __future__ import annotations

import functools
import importlib.util
import json
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Self

import pytest

REPOSITORY = Path(__file__).parents[2]
CLASSES = REPOSITORY / "build" / "android" / "core"


class CoreError(Exception):
    """The `EdgebertException` that a call ended with."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message


@functools.cache
def script(name: str) -> ModuleType:
    """Return a script of the demo as a module."""
    spec = importlib.util.spec_from_file_location(name, REPOSITORY / "android-demo" / "scripts" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


def compiled_core() -> Path:
    """Return the folder of the core's classes and those of its test driver."""
    if shutil.which("java") is None or shutil.which("javac") is None:
        pytest.skip("there is no JDK (Debian: openjdk-17-jdk-headless)")
    try:
        return script("build_core").compile_core(CLASSES, tests=True)
    except subprocess.CalledProcessError as error:
        pytest.fail(f"the core does not compile:\n{error.stderr}")


class Jvm:
    """A JVM that answers calls of the test driver `Driver.java`; a context manager.

    Args:
        flags: Options of the JVM.
    """

    def __init__(self, flags: Sequence[str] = ()) -> None:
        options = ["-Xmx768m", "-XX:+UseSerialGC", *flags, "-cp", str(compiled_core())]
        self._process = subprocess.Popen(
            ["java", *options, "io.edgebert.core.Driver"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="ascii",
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def call(self, call: str, /, **arguments: Any) -> Any:
        """Return the result of a call.

        Raises:
            CoreError: It ended with an error of the core.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"call": call, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the JVM died in {call}: its last words are on standard error"
        reply = json.loads(line)
        if "kind" in reply:
            raise CoreError(reply["kind"], reply["message"])
        return reply["result"]

    def load_vocabulary(self, path: Path, *, lower_case: bool) -> None:
        """Make a tokenizer of a vocab.txt, for the calls that follow."""
        ids = {token: index for index, token in enumerate(path.read_text(encoding="utf-8").split("\n"))}
        text = {"lower_case": lower_case, "max_length": 512, "lengths": []}
        text |= {f"{name}_id": ids[f"[{name.upper()}]"] for name in ("pad", "cls", "sep", "unk")}
        self.call("tokenizer", vocab=str(path), text=text)
