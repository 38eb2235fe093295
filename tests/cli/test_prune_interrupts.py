"""A distillation by ``edgebert prune`` that is killed, and the same command once more."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from pathlib import Path

import pytest

from edgebert.pruning.prune import prune
from edgebert.recipe import PruneOptions
from tests.cli.prune_files import rows
from tests.support import fakes

EPOCHS = 100


def wait_for_step(state: Path, step: int, started: subprocess.Popen[str]) -> None:
    """Return when the state of a training on disk is ``step`` steps old."""
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        assert started.poll() is None, "the program ended before it was stopped"
        record = state / "training.json"
        if record.exists() and json.loads(record.read_text(encoding="utf-8"))["step"] >= step:
            return
        time.sleep(0.005)
    pytest.fail("the program never kept a state")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what the library makes when nobody stops it."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    train = fakes.write_data(folder / "train.csv", rows())
    options = PruneOptions(keep=0.6, distill=float(EPOCHS))
    prune(fakes.shared_checkpoint(), train, folder / "out", options=options)
    return folder / "out"


@pytest.mark.parametrize(("number", "left"), [(signal.SIGKILL, 1), (signal.SIGINT, 0)], ids=["kill", "ctrl-c"])
def test_a_stopped_distillation_goes_on(cli, program, tmp_path, training, uninterrupted, number, left):
    """The same command finishes what was stopped, to the very weights of one that never was, and clears up."""
    (tmp_path / "work").mkdir()
    out, state = tmp_path / "work" / "out", tmp_path / "work" / "out.state"
    words = ("prune", fakes.shared_checkpoint(), "--train", training, "--keep", "0.6", "--distill", EPOCHS)
    started = program(*words, "--out", out)
    wait_for_step(state, EPOCHS // 4, started)
    started.send_signal(number)
    _, said = started.communicate(timeout=120)
    assert started.returncode == (-number if left else 130)
    assert not out.exists()
    names = sorted(path.name for path in out.parent.iterdir())
    assert len([name for name in names if name.startswith(".out.partial-")]) == left
    assert len(names) == left + 1  # beside it the state, for the next one
    if not left:
        assert said.splitlines()[-1] == "interrupted; nothing was left half-written"
        assert "Traceback" not in said

    resumed = cli(*words, "--out", out)
    assert resumed.code == 0, resumed.err
    # Two steps an epoch, and a step is counted only where the distillation did not begin anew.
    begun = next(line for line in resumed.err.splitlines() if line.startswith("distilling"))
    counted = re.fullmatch(rf"distilling (\d+)/{2 * EPOCHS}", begun)
    assert counted, begun
    assert int(counted[1]) >= EPOCHS // 4
    assert [path.name for path in out.parent.iterdir()] == ["out"]

    for name in ("model.safetensors", "pruning.json"):
        assert (out / name).read_bytes() == (uninterrupted / name).read_bytes()
