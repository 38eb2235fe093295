"""``edgebert plan``: what it prints, what it leaves, and how it refuses."""

from __future__ import annotations

import re
import shlex
import signal
from pathlib import Path

import numpy as np
import pytest

from edgebert.bundle import open_bundle
from tests.support import fakes

pytest.importorskip("onnx", reason="writes ONNX files")
pytest.importorskip("onnxruntime", reason="runs them")

WORDS = ("good", "bad", "great", "awful", "the", "is", "it", "screen", "battery")


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> tuple[Path, Path]:
    """Return a training file and an evaluation file."""
    folder, rng = tmp_path_factory.mktemp("texts"), np.random.default_rng(0)

    def rows(count: int) -> list[tuple[str, int]]:
        return [(" ".join(rng.choice(WORDS, rng.integers(1, 9))), index % 2) for index in range(count)]

    return fakes.write_data(folder / "train.tsv", rows(50)), fakes.write_data(folder / "dev.tsv", rows(40))


def arguments(files: tuple[Path, Path], out: Path) -> list[object]:
    train, evaluation = files
    model = fakes.shared_checkpoint()
    return ["plan", model, "--train", train, "--eval", evaluation, "--out", out, "--shares", "0.5,1"]


@pytest.fixture(scope="module")
def finished(files, tmp_path_factory) -> Path:
    """Return a folder that holds a finished search, for tests that only choose anew."""
    from edgebert.data import read_dataset, read_training
    from edgebert.planning.search import plan
    from edgebert.planning.values import Bounds, PlanOptions

    out = tmp_path_factory.mktemp("finished") / "plan"
    plan(
        fakes.shared_checkpoint(),
        read_training(files[0], labels=fakes.LABELS),
        read_dataset(files[1], labels=fakes.LABELS),
        out,
        bounds=Bounds(max_drop=100),
        options=PlanOptions(shares=(0.5, 1.0)),
    )
    return out


def test_the_pick_is_marked_and_made_by_the_command_that_is_printed(cli, files, tmp_path):
    """Front, reasons, the pick with its interval, and a line that exports it."""
    outcome = cli(*arguments(files, tmp_path / "plan"), "--max-drop", 100)
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("<- pick") == 1
    assert "not picked" in outcome.out
    assert re.search(r"^pick: keep 0\.5, vocabulary cut, int8$", outcome.out, re.MULTILINE)
    assert "keep 0.5: re-fitting the cut layers" in outcome.err
    line = next(line for line in outcome.out.splitlines() if "edgebert export" in line)
    words = shlex.split(line)
    words[words.index("--out") + 1] = str(tmp_path / "bundle")
    assert cli(*words[1:]).code == 0
    assert [item.file for item in open_bundle(tmp_path / "bundle").shipped] == ["int8.onnx"]


def test_json_holds_every_trial_and_nothing_else_is_printed(cli, files, finished):
    """Each with its size, accuracy and interval; the pick by its name, the others with a reason."""
    value = cli(*arguments(files, finished), "--max-drop", 100, "--json").json
    assert len(value["trials"]) == 8
    assert value["pick"] == "keep 0.5, vocabulary cut, int8"
    assert {row["name"] for row in value["losses"]} == {row["name"] for row in value["trials"]} - {value["pick"]}
    assert all(row["drop_low"] <= row["drop"] <= row["drop_high"] for row in value["trials"])
    assert value["command"].startswith("edgebert export ")
    assert value["relaxations"] == []
    assert {row["speedup_decision"] for row in value["trials"]} == {None}


def test_a_bound_on_speed_is_told_with_its_interval_and_decision(cli, files, tmp_path):
    """Every candidate's speedup has an interval and passed, failed or undecided, in the table and in JSON."""
    words = [*arguments(files, tmp_path / "plan"), "--max-drop", 100]
    words[words.index("0.5,1")] = "0.5"
    outcome = cli(*words, "--min-speedup", 0.001)
    assert outcome.code == 0, outcome.err
    assert re.search(r"\d\.\d\d \(\d+\.\d\d to \d+\.\d\d\), passed", outcome.out)
    rows = cli(*words, "--min-speedup", 100000, "--json").json["trials"]
    assert {row["speedup_decision"] for row in rows} == {"failed"}
    assert all(row["speedup_low"] < row["speedup"] < row["speedup_high"] for row in rows)


def test_an_impossible_budget_says_what_to_relax_and_that_is_enough(cli, files, finished):
    """Exit 1 and one line; the same command with the bound that it names has a pick."""
    given = arguments(files, finished)
    outcome = cli(*given, "--max-drop", 100, "--max-mb", 0.01)
    assert outcome.code == 1
    assert "<- pick" not in outcome.out
    told = re.search(r"error: no candidate .*--max-mb 0\.01 needs (\d+\.?\d*) \(keep 0\.5", outcome.err)
    assert told is not None, outcome.err
    assert "hint: --recover" in outcome.err
    assert cli(*given, "--max-drop", 100, "--max-mb", told[1]).code == 0
    as_json = cli(*given, "--max-drop", 100, "--max-mb", 0.01, "--json")
    assert as_json.code == 1
    assert as_json.json["pick"] is None
    assert as_json.json["relaxations"][0]["bounds"]["max_mb"] == float(told[1])


def test_evaluating_on_the_training_texts_is_remarked(cli, files, tmp_path):
    """The note says that new texts will do worse."""
    same = (files[0], files[0])
    assert "took part in the pruning" in cli(*arguments(same, tmp_path / "plan"), "--max-drop", 100).err


@pytest.mark.parametrize(
    ("more", "message"),
    [
        (["--max-drop", "-1"], "--max-drop is -1"),
        (["--max-drop", "nan"], "--max-drop is nan"),
        (["--max-mb", "-4"], "--max-mb is -4"),
        (["--min-speedup", "many"], "--min-speedup"),
        (["--shares", "half"], "--shares is 'half'"),
        (["--shares", "0.5,1.5"], "shares[1] is 1.5"),
        (["--shares", ","], "--shares is ','"),
        (["--formats", "coreml"], "coreml"),
        (["--seed", "-1"], "--seed is -1"),
        (["--text-column", "body"], "body"),
        (["--shares", "0.01,1"], "0.01"),
    ],
)
def test_a_request_that_makes_no_sense_is_one_line(cli, files, tmp_path, more, message):
    """The word at fault is named, the exit code is 2, and no folder is made."""
    words = arguments(files, tmp_path / "plan")
    if more[0] in words:
        at = words.index(more[0])
        words = [*words[:at], *words[at + 2 :]]
    outcome = cli(*words, *more)
    lines = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1
    assert message in lines[0]
    assert outcome.code == 2
    assert "Traceback" not in outcome.err
    assert not list(tmp_path.iterdir())


def test_another_search_in_the_folder_is_refused_unless_forced(cli, files, finished, tmp_path):
    """What differs is named; --restart does it."""
    out = fakes.copy_of(finished, tmp_path / "plan")
    outcome = cli(*arguments(files, out), "--seed", 1)
    assert outcome.code == 2
    assert "another seed" in outcome.err
    assert "hint: --restart" in outcome.err
    assert cli(*arguments(files, out), "--seed", 1, "--max-drop", 100, "--restart").code == 0


def test_ctrl_c_leaves_a_search_that_goes_on(program, cli, files, tmp_path):
    """Exit 130 and no traceback; the same command ends what was begun, as an undisturbed one would have."""
    out = tmp_path / "plan"
    started = program(*arguments(files, out), "--max-drop", 100)
    assert started.stderr is not None
    for line in started.stderr:
        if line.strip() == "keep 1, int8: writing the file":
            started.send_signal(signal.SIGINT)
            break
    _, rest = started.communicate(timeout=120)
    assert started.returncode == 130
    kept = re.escape(f"{out} keeps ") + r"\d measured candidates? \(plan\.json\)( and unfinished models \(\.work\))?;"
    assert re.search(kept + " the same command resumes", rest)
    assert "Traceback" not in rest
    again = cli(*arguments(files, out), "--max-drop", 100, "--json")
    assert "re-fitting" not in again.err
    whole = cli(*arguments(files, tmp_path / "whole"), "--max-drop", 100, "--json")
    assert again.json["trials"] == whole.json["trials"]
