"""Pruning that stops half-way: nothing half-made is left behind, and what was there stays."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from edgebert.checkpoint import load_model
from edgebert.errors import DataError, EdgebertError, EnvironmentProblem, OutputError
from edgebert.pruning.prune import prune
from tests.pruning.inputs import HALF, folder, same_weights, sentences, training_file
from tests.support import fakes


def listing(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*"))


def failing(error: BaseException, stage: str):
    def progress(name: str, done: int, total: int) -> None:
        if name.startswith(stage):
            raise error

    return progress


@pytest.mark.parametrize("stage", ["scoring", "re-fitting"])
@pytest.mark.parametrize(
    ("raised", "wanted"),
    [
        (MemoryError(), EnvironmentProblem),
        (RuntimeError("DefaultCPUAllocator: not enough memory: you tried to allocate 1 bytes."), EnvironmentProblem),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
    ids=["python's memory", "torch's memory", "Ctrl-C"],
)
def test_what_stops_half_way_leaves_nothing_behind(tmp_path, stage, raised, wanted):
    """Out of memory or interrupted, in any stage: no folder, not even a temporary one, and one line for memory."""
    training_file(tmp_path / "train.tsv")
    with pytest.raises(wanted) as caught:
        prune(folder(), tmp_path / "train.tsv", tmp_path / "out", options=HALF, progress=failing(raised, stage))
    assert listing(tmp_path) == ["train.tsv"]
    if isinstance(caught.value, EdgebertError):
        assert caught.value.message == "not enough memory for pruning"
        assert caught.value.hint


def test_an_interrupted_distillation_goes_on(tmp_path):
    """Ctrl-C while distilling leaves no checkpoint; the same call again ends where an undisturbed one does, cleanly."""
    data, options = training_file(tmp_path / "train.tsv"), dataclasses.replace(HALF, distill=2.0)
    prune(folder(), data, tmp_path / "undisturbed", options=options)

    def interrupt(name: str, done: int, total: int) -> None:
        if name.startswith("distilling") and done == total - 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prune(folder(), data, tmp_path / "out", options=options, progress=interrupt)
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".out*"))
    prune(folder(), data, tmp_path / "out", options=options)
    assert same_weights(load_model(tmp_path / "out"), load_model(tmp_path / "undisturbed"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "train.tsv", "undisturbed"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError()], ids=["Ctrl-C", "memory"])
def test_what_was_there_is_replaced_only_by_a_whole_model(tmp_path, error):
    """With ``force``, an existing checkpoint stays byte for byte until the new one is complete; without, it stays."""
    data, out = training_file(tmp_path / "train.tsv"), fakes.copy_of(folder(), tmp_path / "out")
    before = {name: (tmp_path / name).read_bytes() for name in listing(tmp_path) if (tmp_path / name).is_file()}
    with pytest.raises((KeyboardInterrupt, EnvironmentProblem)):
        prune(folder(), data, out, options=HALF, force=True, progress=failing(error, "re-fitting"))
    with pytest.raises(OutputError, match="exists already"):
        prune(folder(), data, out, options=HALF)
    after = {name: (tmp_path / name).read_bytes() for name in listing(tmp_path) if (tmp_path / name).is_file()}
    assert after == before
    prune(folder(), data, out, options=HALF, force=True)
    assert load_model(out).checkpoint.pruning is not None


def test_labels_of_another_set_leave_nothing_behind(tmp_path):
    """A file with other labels than the model's is refused with its line, and no folder is made."""
    data = fakes.write_data(tmp_path / "train.tsv", [(text, "sports") for text in sentences(40)])
    with pytest.raises(DataError, match=r"line 2, .*unknown label"):
        prune(folder(), data, tmp_path / "out", options=HALF)
    assert listing(tmp_path) == ["train.tsv"]
