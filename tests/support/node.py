"""Modules of the web demo under Node: one process that is asked line by line."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from tests.support.peer import Peer

REPOSITORY = Path(__file__).parents[2]
DRIVER = REPOSITORY / "tests" / "web" / "driver.js"

OLDEST = 18
"""Oldest Node that has what the modules use."""


def node() -> str:
    """Return the Node to run, or skip the test where there is none."""
    found = shutil.which("node")
    if found is None:
        pytest.skip("there is no Node (Debian: nodejs)")
    version = subprocess.run([found, "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version.removeprefix("v").partition(".")[0]) < OLDEST:
        pytest.skip(f"Node is {version}, and v{OLDEST} is needed")
    return found


class Node(Peer):
    """A Node that answers calls of `driver.js`.

    Args:
        library: A tokenizer library to compare instead of our own.
    """

    def __init__(self, library: Path | None = None) -> None:
        super().__init__([node(), "--max-old-space-size=1024", str(DRIVER), *([str(library)] if library else [])])
