"""Distillation that was interrupted: it goes on where it was, or begins anew."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgebert.checkpoint import load_model
from edgebert.errors import OutputError
from edgebert.pruning.surgery import cut
from edgebert.training.distill import distill
from tests.pruning.inputs import labels_of, training_of, unlabelled
from tests.support import fakes
from tests.training.distilling import KEEP, OPTIONS, Stop, same, stopping_at, student, teacher, training, weights


def test_an_interrupted_training_ends_with_the_same_weights(tmp_path):
    """Stopped twice, once by Ctrl-C, it goes on where it was saved, to the last bit, and cleans up at the end."""
    whole, record = distill(student(), teacher(), training(), options=OPTIONS)
    arguments = {"options": OPTIONS, "work": tmp_path / "work"}
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "mine.txt").write_text("not edgebert's")
    with pytest.raises(Stop):
        distill(student(), teacher(), training(), progress=stopping_at(12), **arguments)
    with pytest.raises(KeyboardInterrupt):
        distill(student(), teacher(), training(), progress=stopping_at(28, KeyboardInterrupt()), **arguments)
    steps: list[int] = []
    resumed, again = distill(
        student(), teacher(), training(), progress=lambda stage, step, total: steps.append(step), **arguments
    )
    assert steps == list(range(25, 41))
    assert same(weights(resumed), weights(whole))
    assert again == record
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["mine.txt"]


def first_step(work: Path, **changes: object) -> int:
    """The step that a training begins at with the state in a folder."""
    steps: list[int] = []

    def progress(stage: str, step: int, total: int) -> None:
        steps.append(step)
        raise Stop

    arguments = {"student": student(), "teacher": teacher(), "training": training(), "options": OPTIONS, **changes}
    with pytest.raises(Stop):
        distill(**arguments, work=work, progress=progress)
    return steps[0]


@pytest.fixture
def stopped(tmp_path: Path) -> Path:
    """A folder with the state after ten steps."""
    with pytest.raises(Stop):
        distill(student(), teacher(), training(), options=OPTIONS, work=tmp_path / "work", progress=stopping_at(12))
    return tmp_path / "work"


def test_only_the_state_of_the_same_training_is_taken_up(stopped):
    """Other options, texts, labels or models start anew; with the same ones it would have gone on."""
    assert first_step(stopped) == 10
    texts = training()
    for changes in (
        {"options": replace(OPTIONS, learning_rate=1e-3)},
        {"training": training_of(("other", *texts.texts[1:]), labels_of(texts))},
        {"training": unlabelled(texts)},
        {"student": cut(teacher(), replace(KEEP, heads=((0, 1), (1,))))},
        {"teacher": load_model(fakes.shared_checkpoint()), "options": replace(OPTIONS, seed=1)},
    ):
        copied = fakes.copy_of(stopped, stopped.with_name(f"copy-{len(list(stopped.parent.iterdir()))}"))
        assert first_step(copied, **changes) == 0, changes
        assert not copied.exists()


@pytest.mark.parametrize("damage", ["cut", "bit", "gone", "record", "empty record"])
def test_a_damaged_state_is_ignored(stopped, damage, recovered):
    """A truncated, altered or missing file starts the training anew, and it ends as ever."""
    tensors, record = sorted(stopped.glob("*.safetensors"))[0], next(stopped.glob("*.json"))
    content = tensors.read_bytes()
    if damage == "cut":
        tensors.write_bytes(content[:-100])
    elif damage == "bit":
        tensors.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    elif damage == "gone":
        tensors.unlink()
    else:
        record.write_bytes(b"" if damage == "empty record" else record.read_bytes()[:-20])
    steps: list[int] = []
    model, _ = distill(
        student(),
        teacher(),
        training(),
        options=OPTIONS,
        work=stopped,
        progress=lambda stage, step, total: steps.append(step),
    )
    assert steps[0] == 0
    assert same(weights(model), weights(recovered[0]))
    assert not stopped.exists()


def test_the_folder_holds_one_state_and_no_leftovers(stopped):
    """One record and the files that it names, at most four of them, however often it was written."""
    record = json.loads(next(stopped.glob("*.json")).read_text())
    named = {f"training-{sha256}.safetensors" for sha256 in record["groups"].values()}
    assert {path.name for path in stopped.iterdir()} == named | {"training.json"}
    assert len(named) <= 4


def test_a_folder_that_cannot_be_written_is_one_line(tmp_path):
    """The message names the place and no traceback of the operating system gets out."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="the state of the training cannot be written"):
        distill(student(), teacher(), training(), options=OPTIONS, work=tmp_path / "file" / "work")
