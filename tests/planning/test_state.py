from __future__ import annotations

import dataclasses
import errno
import json
from pathlib import Path

import pytest
from hypothesis import given

from edgebert.errors import EnvironmentProblem, OutputError, UsageError
from edgebert.jsonio import dumps, loads
from edgebert.planning.state import (
    SCHEMA,
    STATE,
    WORK,
    SearchKey,
    State,
    add_trial,
    clear,
    open_state,
    told_what_is_kept,
    write_text,
)
from tests.support.full_disk import files_of_at_most
from tests.support.trials import few_trials, make_trial

PRINT = SearchKey(
    edgebert="1",
    model="m",
    training="t",
    evaluation="e",
    format="onnx",
    seed=0,
    runtime="onnxruntime 1.20",
    cpu="x86_64",
)
EMPTY = State(schema=SCHEMA, fingerprint=PRINT, trials=())


@given(few_trials(is_timed=True))
def test_a_state_read_back_is_the_state_that_was_written(trials):
    """Every number survives the round trip to the last bit."""
    state = dataclasses.replace(EMPTY, trials=tuple(trials))
    assert loads(State, dumps(state), source=STATE) == state


def test_a_trial_is_on_disk_as_soon_as_it_is_added(tmp_path: Path):
    """Another process that opens the folder finds it, and a newer trial of the same candidate takes its place."""
    folder = tmp_path / "plan"
    first, second = make_trial(keep=0.5), make_trial(keep=0.35)
    state = add_trial(folder, add_trial(folder, EMPTY, first), second)
    assert open_state(folder, PRINT, force=False) == state
    assert state.trials == (first, second)
    timed = make_trial(keep=0.5, speedup=3.0)
    assert add_trial(folder, state, timed).trials == (second, timed)
    assert [item.name for item in folder.iterdir()] == [STATE]


def test_a_trial_without_times_is_none_where_times_are_wanted():
    """And one with times serves both, without them where they were not asked for."""
    plain, timed = make_trial(keep=0.5), make_trial(keep=0.35, speedup=3.0)
    state = dataclasses.replace(EMPTY, trials=(plain, timed))
    assert state.trial(plain.candidate, is_timed=True) is None
    assert state.trial(plain.candidate, is_timed=False) == plain
    assert state.trial(timed.candidate, is_timed=True) == timed
    assert state.trial(timed.candidate, is_timed=False) == dataclasses.replace(timed, run_ns=(), baseline_ns=())
    assert state.trial(make_trial(keep=0.1).candidate, is_timed=False) is None


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(SearchKey)])
def test_the_state_of_another_search_is_refused_by_what_differs(field: str, tmp_path: Path):
    """Whatever decides a measurement is part of the fingerprint, and named; force starts anew."""
    add_trial(tmp_path / "plan", EMPTY, make_trial())
    other = dataclasses.replace(PRINT, **{field: 7 if field == "seed" else "other"})
    with pytest.raises(UsageError, match=f"another {field}$") as refusal:
        open_state(tmp_path / "plan", other, force=False)
    assert "--restart" in refusal.value.hint
    assert open_state(tmp_path / "plan", other, force=True).trials == ()


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"schema": 1', b"\xff\xfe", b"NaN"])
def test_a_damaged_state_is_refused_with_its_name(content: bytes, tmp_path: Path):
    """One line that names the file, and the way out."""
    (tmp_path / STATE).write_bytes(content)
    with pytest.raises(UsageError, match=r"plan\.json: ") as refusal:
        open_state(tmp_path, PRINT, force=False)
    assert "--restart" in refusal.value.hint


def test_the_state_of_a_newer_version_is_refused(tmp_path: Path):
    """Its schema is named, and so is one before 2, whose times were those of texts."""
    add_trial(tmp_path, dataclasses.replace(EMPTY, schema=SCHEMA + 1), make_trial())
    with pytest.raises(UsageError, match=f"schema {SCHEMA + 1}; this edgebert reads up to {SCHEMA}"):
        open_state(tmp_path, PRINT, force=False)
    add_trial(tmp_path, dataclasses.replace(EMPTY, schema=1), make_trial())
    with pytest.raises(UsageError, match=r"plan.json: search schema 1; this edgebert reads 2 and newer") as caught:
        open_state(tmp_path, PRINT, force=False)
    assert "--restart" in caught.value.hint


@pytest.mark.parametrize("force", [False, True])
def test_a_folder_of_other_things_is_left_alone(force: bool, tmp_path: Path):
    """Neither a file nor a folder with no plan in it is taken for a plan folder."""
    (tmp_path / "thesis.txt").write_text("years of work")
    for place in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(OutputError):
            open_state(place, PRINT, force=force)
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_a_folder_killed_before_its_first_trial_is_taken_up(tmp_path: Path):
    """Nothing but the work folder lies in it, and the half of a first state."""
    (tmp_path / WORK).mkdir()
    (tmp_path / ".plan.json.partial-0123456789abcdef").write_text('{"sch')
    assert open_state(tmp_path, PRINT, force=False) == EMPTY


def test_clearing_removes_what_a_search_made_and_nothing_else(tmp_path: Path):
    """A bundle that somebody exported into the folder stays."""
    add_trial(tmp_path, EMPTY, make_trial())
    (tmp_path / WORK / "files").mkdir(parents=True)
    (tmp_path / "bundle").mkdir()
    clear(tmp_path)
    assert [item.name for item in tmp_path.iterdir()] == ["bundle"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path):
    """A file where the folder should be is one clear line."""
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        write_text(tmp_path / "file" / STATE, "{}")


def test_a_full_disk_keeps_the_state_before(tmp_path: Path):
    """The new state never takes the place of the old one half-written."""
    state = add_trial(tmp_path, EMPTY, make_trial())
    before = (tmp_path / STATE).read_bytes()
    with files_of_at_most(len(before)), pytest.raises(EnvironmentProblem, match="no room"):
        add_trial(tmp_path, state, make_trial(keep=0.35))
    assert (tmp_path / STATE).read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == [STATE]


HOSTILE = {
    "no work": ({"work": 0}, r"trials\[0\]\.work is 0"),
    "work below nothing": ({"work": -0.5}, r"trials\[0\]\.work is -0\.5"),
    "work beyond numbers": ({"work": 1e300}, r"trials\[0\]\.work is 1e\+300"),
    "no size": ({"size_bytes": 0}, r"trials\[0\]\.size_bytes is 0"),
    "a size of 64 bits": ({"size_bytes": 2**63}, r"trials\[0\]\.size_bytes is 9223372036854775808"),
    "a run in no time": ({"run_ns": [[1, 0]], "baseline_ns": [[1]]}, r"trials\[0\]\.run_ns\[0\]\[1\] is 0"),
    "a text without times": ({"run_ns": [[]], "baseline_ns": [[1]]}, r"trials\[0\]: run_ns and baseline_ns"),
    "times of one file only": ({"run_ns": [[1]], "baseline_ns": []}, r"trials\[0\]: run_ns and baseline_ns"),
    "more than the whole": (
        {"candidate": {"keep": 2.0, "vocabulary": False, "precision": "int8"}},
        r".*\.keep is 2\.0",
    ),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_number_that_no_search_writes_is_named(what: str, tmp_path: Path):
    """A state with a number that a trial cannot have is refused with file and key, and is left as it was."""
    changes, words = HOSTILE[what]
    add_trial(tmp_path, EMPTY, make_trial())
    path = tmp_path / STATE
    plain = json.loads(path.read_text())
    plain["trials"][0] |= changes
    path.write_text(json.dumps(plain))
    before = path.read_bytes()
    with pytest.raises(UsageError, match=rf"plan\.json: {words}") as refusal:
        open_state(tmp_path, PRINT, force=False)
    assert "--restart" in refusal.value.hint
    assert path.read_bytes() == before


@pytest.mark.parametrize("value", [-1.1, 1.5, 1e308])
@pytest.mark.parametrize("key", ["value", "low", "high", "difference", "agreement", "mcnemar_p"])
def test_a_score_that_is_no_share_is_named(key: str, value: float, tmp_path: Path):
    """Whatever of a score lies outside of 0 and 1 (a difference: -1 and 1) is refused with its key."""
    add_trial(tmp_path, EMPTY, make_trial())
    path = tmp_path / STATE
    plain = json.loads(path.read_text())
    plain["trials"][0]["score"][key] = value
    path.write_text(json.dumps(plain))
    with pytest.raises(UsageError, match=rf"plan\.json: trials\[0\]\.score\.{key} is"):
        open_state(tmp_path, PRINT, force=False)


def no_room(folder: Path) -> EnvironmentProblem:
    """Return the error of a writer that found the disk full; its hint knows nothing of the search around it."""
    problem = EnvironmentProblem(f"{folder}: no room left on the disk", hint="nothing was written; free some space")
    problem.__cause__ = OSError(errno.ENOSPC, "No space left on device")
    return problem


def test_a_full_disk_is_told_with_what_is_kept(tmp_path: Path):
    """Files that are made anew are removed; complete trials and models in work stay, and the hint names them."""
    folder = tmp_path / "plan"
    add_trial(folder, EMPTY, make_trial())
    for name in ("files", "original", "abc-keep0.5-distill0.0"):
        (folder / WORK / name).mkdir(parents=True)
        (folder / WORK / name / "model").write_bytes(bytes(2_000_000))
    with pytest.raises(EnvironmentProblem, match="no room left on the disk") as caught, told_what_is_kept(folder):
        raise no_room(folder)
    assert caught.value.hint == (
        f"free some space; {folder / STATE} keeps the complete trials, "
        f"{folder / WORK} keeps 2.0 MB of models in work; the same command resumes"
    )
    assert [item.name for item in (folder / WORK).iterdir()] == ["abc-keep0.5-distill0.0"]
    assert len(open_state(folder, PRINT, force=False).trials) == 1


def test_a_full_disk_before_the_first_trial_leaves_nothing(tmp_path: Path):
    """Where nothing is kept the hint says so, and it is true."""
    folder = tmp_path / "plan"
    (folder / WORK / "original").mkdir(parents=True)
    with pytest.raises(EnvironmentProblem) as caught, told_what_is_kept(folder):
        raise no_room(folder)
    assert caught.value.hint == "free some space; nothing was kept"
    assert list(tmp_path.iterdir()) == []


def test_other_problems_pass_as_they_are(tmp_path: Path):
    """A problem that is not the disk's is told in its own words, and nothing is removed."""
    (tmp_path / WORK / "files").mkdir(parents=True)
    problem = EnvironmentProblem("no memory", hint="buy some")
    with pytest.raises(EnvironmentProblem) as caught, told_what_is_kept(tmp_path):
        raise problem
    assert caught.value is problem
    assert (tmp_path / WORK / "files").is_dir()
