"""The state of a training on disk: what was saved comes back, or nothing does."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from edgebert.errors import EnvironmentProblem
from edgebert.training.resume import StateFolder, TrainingState, drop_state, load_state, save_state
from tests.support.full_disk import files_of_at_most


def state(step: int, size: int = 100) -> TrainingState:
    """A state whose tensors tell its step."""
    groups = {name: {"a": torch.full((size,), step + 0.1), "b": torch.eye(3)} for name in ("average", "student")}
    return TrainingState(step=step, groups=groups)


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    """To the last bit, from a folder that did not exist, the latest state alone."""
    place = StateFolder(path=tmp_path / "deep" / "work", fingerprint="f")
    assert load_state(place) is None
    for step in (1, 2):
        save_state(place, state(step))
    saved = load_state(place)
    assert saved is not None
    assert saved.step == 2
    for name, tensors in state(2).groups.items():
        assert all(torch.equal(tensors[key], saved.groups[name][key]) for key in ("a", "b"))
    assert load_state(StateFolder(path=place.path, fingerprint="g")) is None
    drop_state(place.path)
    assert not place.path.exists()


def test_equal_groups_are_one_file(tmp_path: Path) -> None:
    """Two groups may be equal, and need not be written twice."""
    save_state(StateFolder(path=tmp_path, fingerprint="f"), state(1))
    assert len(list(tmp_path.glob("*.safetensors"))) == 1


def test_a_full_disk_leaves_the_state_before(tmp_path: Path) -> None:
    """It is one line with what to do, and the training can still go on from the last good state."""
    place = StateFolder(path=tmp_path, fingerprint="f")
    save_state(place, state(1))
    with files_of_at_most(2000), pytest.raises(EnvironmentProblem, match="no room left on the disk") as caught:
        save_state(place, state(2, size=10_000))
    assert "the training resumes" in caught.value.hint
    saved = load_state(place)
    assert saved is not None
    assert saved.step == 1
    save_state(place, state(3))
    assert len(list(tmp_path.iterdir())) == 2


def test_other_files_are_never_removed(tmp_path: Path) -> None:
    """Neither by a new state nor at the end."""
    names = ("model.safetensors", "training-notes.txt", "training.toml")
    for name in names:
        (tmp_path / name).write_text("mine")
    save_state(StateFolder(path=tmp_path, fingerprint="f"), state(1))
    drop_state(tmp_path)
    drop_state(tmp_path / "nowhere")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)
