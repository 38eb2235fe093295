"""Modules of the web demo under Node: one process that is asked line by line."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any, Self

import pytest

REPOSITORY = Path(__file__).parents[2]
DRIVER = Path(__file__).with_name("driver.js")

OLDEST = 18
"""Oldest Node that has what the modules use."""


class PageError(Exception):
    """The `Problem` that a call ended with."""

    def __init__(self, kind: str, message: str) -> None:
        super().__init__(f"{kind}: {message}")
        self.kind = kind
        self.message = message


def node() -> str:
    """Return the Node to run, or skip the test where there is none."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no Node (Debian: nodejs)")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST:
        pytest.skip(f"Node is {version}, and v{OLDEST} is needed")
    return found


class Node:
    """A Node that answers calls of `driver.js`; a context manager.

    It takes the calls that `tests.android.jvm.Jvm` takes, so that comparisons written for the one serve the other.

    Args:
        library: A tokenizer library to compare instead of our own.
    """

    def __init__(self, library: Path | None = None) -> None:
        command = [node(), "--max-old-space-size=1024", str(DRIVER), *([str(library)] if library else [])]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, encoding="utf-8"
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.communicate(timeout=60)

    def call(self, call: str, /, **arguments: Any) -> Any:
        """Return the result of a call.

        Raises:
            PageError: It ended with a problem.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps({"call": call, **arguments}) + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"Node died in {call}: its last words are on standard error"
        reply = json.loads(line)
        if "kind" in reply:
            raise PageError(reply["kind"], reply["message"])
        return reply["result"]

    def load_vocabulary(self, path: Path, *, lower_case: bool, json: Path | None = None) -> None:
        """Make a tokenizer of a vocab.txt for the calls that follow; a library reads `tokenizer.json` instead."""
        ids = {token: index for index, token in enumerate(path.read_text(encoding="utf-8").split("\n"))}
        text = {"lower_case": lower_case, "max_length": 512, "lengths": []}
        text |= {f"{name}_id": ids[f"[{name.upper()}]"] for name in ("pad", "cls", "sep", "unk")}
        self.call("tokenizer", vocab=str(path), text=text, json=str(json))
