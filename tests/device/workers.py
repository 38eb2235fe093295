"""Stand-ins for a worker that fails, as real programs: each is a script that is started in the worker's place."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

from edgebert.device.board import Launcher


def script(folder: Path, source: str) -> Launcher:
    """Return the launcher of a Python script that sees the worker's command as its argument."""
    path = folder / "stand_in.py"
    path.write_text("import json, os, signal, sys\n" + source)
    return Launcher(argv=(sys.executable, "-I", str(path)), environment={}, worker="a script")


def framed(content: bytes) -> bytes:
    """Return ``content`` as a worker frames it."""
    return b"edgebert-worker %d %s\n%s\n" % (len(content), hashlib.sha256(content).hexdigest().encode(), content)


def printing(folder: Path, output: bytes, *, then: str = "") -> Launcher:
    """Return the launcher of a script that prints these bytes and goes on with ``then``."""
    return script(folder, f"sys.stdin.read()\nsys.stdout.buffer.write({output!r})\nsys.stdout.flush()\n{then}\n")
