"""How this edgebert was installed, and with that the line that installs what it lacks."""

from __future__ import annotations

import json
import os
import shlex
import tomllib
from contextlib import suppress
from importlib import metadata
from pathlib import Path

_PACKAGE = "edgebert"
APART = {"tflite-runtime": "python3.11", "optimum": "python3"}
"""Extras that would break the environment of the others, and the Python that an environment of their own takes."""


def install_line(extra: str, *, clone: Path | None = None) -> str:
    """Return the command that installs an extra, run where this process runs.

    From a clone it is installed from the clone with its pins. An extra that would break this environment gets one of
    its own.

    Args:
        extra: Name of the extra, as in ``onnx``.
        clone: Folder of the clone; found by itself where it is ``None``.
    """
    clone = clone or clone_folder()
    where = [] if clone is None else _from_clone(clone, extra)
    where = where or [f"{_PACKAGE}[{extra}]{_origin()}"]
    if extra not in APART:
        return f"pip install {_quoted(where)}"
    folder = f".venv-{extra}"
    return f"{APART[extra]} -m venv {folder} && {folder}/bin/pip install {_quoted(where)}"


def install_hint(extra: str) -> str:
    """Return ``install_line`` as a hint, which says so where the extra needs an environment of its own."""
    line = install_line(extra)
    return f"give it an environment of its own, it would break this one: {line}" if extra in APART else line


def upgrade_line() -> str:
    """Return the command that fetches a newer edgebert."""
    clone = clone_folder()
    return f"pip install -U {_PACKAGE}" if clone is None else f"git -C {shlex.quote(_shown(clone))} pull"


def clone_folder() -> Path | None:
    """Return the folder of the clone that this edgebert runs from; ``None`` where it is installed by itself."""
    folder = Path(__file__).resolve().parents[1]
    with suppress(OSError, ValueError):
        project = tomllib.loads((folder / "pyproject.toml").read_text(encoding="utf-8"))["project"]
        return folder if project["name"] == _PACKAGE else None
    return None


def _from_clone(clone: Path, extra: str) -> list[str]:
    pins = clone / (f"constraints-{extra}.txt" if extra in APART else "constraints.txt")
    given = ["-c", _shown(pins)] if pins.is_file() else []
    return [*given, "-e", f"{_shown(clone)}[{extra}]"]


def _origin() -> str:
    """Return where pip took edgebert from, unless that was an index: a file, a folder or a repository."""
    with suppress(metadata.PackageNotFoundError, ValueError, KeyError, TypeError):
        origin = json.loads(metadata.distribution(_PACKAGE).read_text("direct_url.json") or "")
        return f" @ {origin.get('vcs_info', {}).get('vcs', '')}+{origin['url']}".replace(" @ +", " @ ")
    return ""


def _shown(path: Path) -> str:
    """Return a path as it is typed: from the working folder where that is shorter."""
    with suppress(OSError, ValueError):
        relative = os.path.relpath(path)
        if not relative.startswith(os.pardir):
            return relative
    return str(path)


def _quoted(words: list[str]) -> str:
    return " ".join(f"'{word}'" if "[" in word and "'" not in word else shlex.quote(word) for word in words)
