"""The state of a training on disk, so that an interrupted one resumes.

A JSON record names the files of tensors by their hashes and is replaced last: whenever the process dies, the record on
disk and the files it names belong together.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from edgebert.errors import UsageError
from edgebert.jsonio import dumps, loads
from edgebert.staging import final_name, replace_file, writing

if TYPE_CHECKING:
    import torch

_SCHEMA = 3
_RECORD = "training.json"
_FILE = re.compile(r"training-[0-9a-f]{64}\.safetensors")


@dataclass(frozen=True, slots=True, kw_only=True)
class StateFolder:
    """Where the state of a training is kept.

    Attributes:
        path: The folder.
        fingerprint: Hash of everything that decides the training: a state of another one is not taken up.
    """

    path: Path
    fingerprint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingState:
    """A training between two steps.

    Attributes:
        step: Steps done.
        groups: Tensors by group and name, as in ``student``, ``average``.
    """

    step: int
    groups: Mapping[str, Mapping[str, torch.Tensor]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Record:
    schema: int
    fingerprint: str
    step: int
    groups: dict[str, str]  # the hash of each group by its name


def save_state(place: StateFolder, state: TrainingState) -> None:
    """Write the state of a training in place of the one before; a kill leaves one of the two.

    Raises:
        EnvironmentProblem: The disk is full.
        OutputError: The folder cannot be written.
    """
    from safetensors.torch import save

    folder = place.path
    with writing(
        folder,
        problem="the state of the training cannot be written",
        hint="choose a folder you can write to",
        room_hint="free some space and start again: the training resumes",
    ):
        folder.mkdir(parents=True, exist_ok=True)
        groups = {}
        for name, tensors in state.groups.items():
            # Group by group, so that the copy in memory is of one only.
            content = save({key: tensor.detach().contiguous() for key, tensor in tensors.items()})
            groups[name] = hashlib.sha256(content).hexdigest()
            path = folder / _file(groups[name])
            if not path.exists():  # two groups may be equal
                replace_file(path, content)
        record = _Record(schema=_SCHEMA, fingerprint=place.fingerprint, step=state.step, groups=groups)
        replace_file(folder / _RECORD, dumps(record).encode())
        _remove(folder, keep=set(map(_file, groups.values())))


def load_state(place: StateFolder) -> TrainingState | None:
    """Return the state of a training; ``None`` if there is none, it is another training's, or it is damaged."""
    from safetensors.torch import load

    try:
        record = loads(_Record, (place.path / _RECORD).read_text(encoding="utf-8"), source=_RECORD)
        if (record.schema, record.fingerprint) != (_SCHEMA, place.fingerprint):
            return None
        groups = {}
        for name, sha256 in record.groups.items():
            content = (place.path / _file(sha256)).read_bytes()
            if hashlib.sha256(content).hexdigest() != sha256:
                return None
            groups[name] = load(content)
    except (OSError, UnicodeDecodeError, UsageError):
        return None
    return TrainingState(step=record.step, groups=groups)


def drop_state(folder: Path) -> None:
    """Remove the state of a training from a folder, and the folder with it unless something else is in there."""
    with contextlib.suppress(OSError):
        (folder / _RECORD).unlink(missing_ok=True)
        _remove(folder, keep=set())
        folder.rmdir()


def _file(sha256: str) -> str:
    return f"training-{sha256}.safetensors"


def _remove(folder: Path, *, keep: set[str]) -> None:
    for path in list(folder.iterdir()):
        unfinished = final_name(path.name)
        if unfinished == _RECORD or (path.name not in keep and _FILE.fullmatch(unfinished or path.name)):
            path.unlink(missing_ok=True)
