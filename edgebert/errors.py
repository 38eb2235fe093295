"""The one error tree of edgebert.

Every error says what is wrong, with which value and where; ``hint`` says what to do about it. The command line prints
both and exits with ``exit_code``: 1 a check failed, 2 the request or its input is wrong, 3 the environment is.
"""

from __future__ import annotations

import json
import os
import shlex
import tomllib
from contextlib import suppress
from importlib import metadata
from pathlib import Path
from typing import ClassVar


class EdgebertError(Exception):
    """Anything edgebert refuses or finds wrong.

    Args:
        message: What is wrong, the offending value, and where it stands (file, line, column, tensor).
        hint: What the user can do about it, in one sentence; empty when there is nothing to add.
    """

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class CheckFailed(EdgebertError):
    """A check that edgebert makes has failed: the artifact must not ship."""


class ParityError(CheckFailed):
    """A converted file computes something else than the model it came from."""


class BundleError(CheckFailed):
    """A bundle is damaged, incomplete, or of a schema this version cannot read."""


class UsageError(EdgebertError):
    """The request cannot be carried out as it was made."""

    exit_code = 2


class CheckpointError(UsageError):
    """A folder or Hub id does not hold a DistilBERT that edgebert can take."""


class DataError(UsageError):
    """A data file cannot be read; the message names file, line and column."""


class RecipeError(UsageError):
    """A recipe is unknown or malformed; the message names file and key."""


class OutputError(UsageError):
    """The place for the output is taken or cannot hold it."""


class EnvironmentProblem(EdgebertError):
    """This machine lacks something: a package, a runtime, the network, room on the disk."""

    exit_code = 3


class DeviceProblem(EnvironmentProblem):
    """A device cannot do what was asked of it, and will not when asked again."""


class DeviceGone(DeviceProblem):
    """A device did not answer, or its worker died: the one failure that is worth another try."""


class MissingExtraError(EnvironmentProblem):
    """An optional dependency is not installed; the hint is the pip line that installs it."""

    def __init__(self, package: str, *, extra: str, purpose: str) -> None:
        super().__init__(
            f"the package '{package}' is not installed; {purpose} needs it",
            hint=install_hint(extra),
        )
        self.package = package
        self.extra = extra


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
