from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given

from edgebert.errors import EnvironmentProblem, OutputError, UsageError
from edgebert.jsonio import dumps, loads
from edgebert.planning.state import SCHEMA, STATE, WORK, Fingerprint, State, add_trial, clear, open_state, write_text
from tests.planning.trials import few_trials, make_trial

PRINT = Fingerprint(
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


@pytest.mark.parametrize("field", [field.name for field in dataclasses.fields(Fingerprint)])
def test_the_state_of_another_search_is_refused_by_what_differs(field: str, tmp_path: Path):
    """Whatever decides a measurement is part of the fingerprint, and named; force starts anew."""
    add_trial(tmp_path / "plan", EMPTY, make_trial())
    other = dataclasses.replace(PRINT, **{field: 7 if field == "seed" else "other"})
    with pytest.raises(UsageError, match=f"another {field}$") as refusal:
        open_state(tmp_path / "plan", other, force=False)
    assert "--anew" in refusal.value.hint
    assert open_state(tmp_path / "plan", other, force=True).trials == ()


@pytest.mark.parametrize("content", [b"", b"{}", b"[1]", b'{"schema": 1', b"\xff\xfe", b"NaN"])
def test_a_damaged_state_is_refused_with_its_name(content: bytes, tmp_path: Path):
    """One line that names the file, and the way out."""
    (tmp_path / STATE).write_bytes(content)
    with pytest.raises(UsageError, match=r"plan\.json: not the state of a search") as refusal:
        open_state(tmp_path, PRINT, force=False)
    assert "--anew" in refusal.value.hint


def test_the_state_of_a_newer_version_is_refused(tmp_path: Path):
    """Its schema is named."""
    add_trial(tmp_path, dataclasses.replace(EMPTY, schema=SCHEMA + 1), make_trial())
    with pytest.raises(UsageError, match=f"schema {SCHEMA + 1}"):
        open_state(tmp_path, PRINT, force=False)


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
    resource = pytest.importorskip("resource", reason="limits the size of files on Unix")
    import signal

    state = add_trial(tmp_path, EMPTY, make_trial())
    before = (tmp_path / STATE).read_bytes()
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (len(before), limits[1]))
        with pytest.raises(EnvironmentProblem, match="no room"):
            add_trial(tmp_path, state, make_trial(keep=0.35))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert (tmp_path / STATE).read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == [STATE]
