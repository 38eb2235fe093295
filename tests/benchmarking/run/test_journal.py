from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.benchmarking.report import FileAnswers, InstructionCount
from edgebert.benchmarking.run.journal import RunFingerprint, journal_of, open_journal
from edgebert.benchmarking.run.steps import AnswersStep, CountsStep, GoldenStep, StateStep
from edgebert.benchmarking.suite import Suite
from edgebert.device.device import PhoneState
from edgebert.device.protocol import Conditions
from edgebert.errors import EnvironmentProblem, OutputError, UsageError
from tests.support.full_disk import files_of_at_most

RUN = RunFingerprint(
    edgebert="1", bundle="b", texts="t", suite=Suite(), devices=("local",), files=(), runtimes=("onnxruntime",)
)
ANSWERS = FileAnswers(
    file="int8.onnx",
    runtime="onnxruntime",
    version="1",
    answers=(),
    tallies=(),
    golden_difference=0.5,
    golden_tolerance=1.0,
)
STEPS = (
    GoldenStep(device="local", answers=ANSWERS, text_ns=5, problem="line\nbreak \u2028"),
    AnswersStep(device="adb:1", file="int8.onnx", runtime="onnxruntime", answers=((0,), (1,))),
    StateStep(device="local", state=PhoneState(trial=2, battery_celsius=30.5), retries=2),
)


def filled(path, steps=STEPS):
    journal = open_journal(path, RUN, restart=False)
    for step in steps:
        journal.add(step)
    journal.close()
    return path


def steps_in(path):
    journal = open_journal(path, RUN, restart=False)
    journal.close()
    return journal.of("local") + journal.of("adb:1")


def test_steps_come_back_by_device_in_their_order(tmp_path):
    """What was added is there again, each device's steps in the order they were made."""
    path = filled(tmp_path / "report.json.journal")
    journal = open_journal(path, RUN, restart=False)
    assert journal.of("local") == (STEPS[0], STEPS[2])
    assert journal.of("adb:1") == (STEPS[1],)
    assert journal.of("adb:2") == ()
    journal.add(STEPS[1])
    journal.close()
    assert len(steps_in(path)) == 4


def test_instruction_classes_come_back(tmp_path):
    """Pairs of a name and a number survive the file."""
    count = InstructionCount(
        file="a",
        runtime="b",
        version="c",
        series="8",
        tokens=5,
        per_inference=3.5,
        classes=(("sdot", 2.5), ("ldr", 1.0)),
    )
    step = CountsStep(device="local", file="a", runtime="b", counts=(count,))
    assert steps_in(filled(tmp_path / "journal", [step])) == (step,)


@given(st.data())
def test_a_file_cut_anywhere_keeps_every_whole_step(tmp_path_factory, data):
    """Wherever a kill cuts the file, the steps before are read, and the run goes on behind them."""
    path = filled(tmp_path_factory.mktemp("cut") / "journal")
    content = path.read_bytes()
    cut = data.draw(st.integers(0, len(content)))
    path.write_bytes(content[:cut])
    whole = max(content[:cut].count(b"\n") - 1, 0)
    journal = open_journal(path, RUN, restart=False)
    assert sorted(map(repr, journal.of("local") + journal.of("adb:1"))) == sorted(map(repr, STEPS[:whole]))
    for step in STEPS[whole:]:
        journal.add(step)
    journal.close()
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    "change",
    [
        {"edgebert": "2"},
        {"bundle": "c"},
        {"texts": "u"},
        {"suite": Suite(runs=31)},
        {"devices": ("local", "adb:1")},
        {"files": ("int8.onnx",)},
        {"runtimes": ()},
    ],
)
def test_another_run_is_refused_unless_it_starts_anew(tmp_path, change):
    """The refusal names what differs and leaves the file alone; anew forgets the steps."""
    path = filled(tmp_path / "journal")
    content = path.read_bytes()
    with pytest.raises(UsageError, match=f"differs in {next(iter(change))}$") as refused:
        open_journal(path, replace(RUN, **change), restart=False)
    assert "--restart" in refused.value.hint
    assert path.read_bytes() == content
    journal = open_journal(path, replace(RUN, **change), restart=True)
    assert journal.of("local") == ()
    journal.add(STEPS[0])
    journal.close()
    with pytest.raises(UsageError):
        open_journal(path, RUN, restart=False)


def test_a_run_that_did_nothing_leaves_no_journal(tmp_path):
    """Where no device could be reached there is nothing to go on with, even when a kill left the file."""
    path = tmp_path / "journal"
    journal = open_journal(path, RUN, restart=False)
    left = path.read_bytes()
    journal.close()
    assert not path.exists()
    path.write_bytes(left)
    other = open_journal(path, replace(RUN, devices=("adb:1",)), restart=False)
    other.add(STEPS[1])
    other.close()
    with pytest.raises(UsageError, match=r"differs in devices$"):
        open_journal(path, RUN, restart=False)


@pytest.mark.parametrize(
    ("line", "content"),
    [(1, b"{}"), (1, b"hello"), (2, b'{"device": 5}'), (2, b"\xff"), (3, b"\0\0")],
)
def test_a_damaged_line_is_named(tmp_path, line, content):
    """A line that is no step, with others behind it, is refused by its number."""
    path = filled(tmp_path / "journal")
    lines = path.read_bytes().split(b"\n")
    lines[line - 1] = content
    path.write_bytes(b"\n".join(lines))
    with pytest.raises(UsageError, match=f"line {line}") as refused:
        open_journal(path, RUN, restart=False)
    assert "--restart" in refused.value.hint


def test_another_schema_is_refused(tmp_path):
    """A journal of another version is not guessed at."""
    path = filled(tmp_path / "journal")
    first, _, rest = path.read_text(encoding="utf-8").partition("\n")
    path.write_text(json.dumps(json.loads(first) | {"schema": 4}) + "\n" + rest, encoding="utf-8")
    with pytest.raises(UsageError, match="holds an unfinished run of a newer edgebert: journal schema 4, not 3"):
        open_journal(path, RUN, restart=False)


def test_a_journal_of_schema_1_is_refused_in_one_line_that_says_what_to_do(tmp_path):
    """A recorded run of an older version is neither resumed nor touched; starting anew replaces it."""
    path = tmp_path / "journal"
    path.write_bytes(Path(__file__).with_name("schema-1.journal").read_bytes())
    before = path.read_bytes()
    with pytest.raises(UsageError) as caught:
        open_journal(path, RUN, restart=False)
    assert caught.value.message == f"{path}: holds an unfinished run of an older edgebert: journal schema 1, not 3"
    assert caught.value.hint == "--restart starts over; another --out keeps both"
    assert path.read_bytes() == before
    journal = open_journal(path, RUN, restart=True)
    assert journal.of("local") == ()
    journal.close()


def test_two_runs_cannot_write_one_journal(tmp_path):
    """While one run has it open, another is refused."""
    path = tmp_path / "journal"
    first = open_journal(path, RUN, restart=False)
    with pytest.raises(UsageError, match="another run is writing it"):
        open_journal(path, RUN, restart=False)
    first.close()
    open_journal(path, RUN, restart=False).close()


def test_a_killed_process_loses_nothing_it_had_added(tmp_path):
    """A step is on the disk when add returns: SIGKILL right behind it changes nothing."""
    path = tmp_path / "journal"
    code = (
        "import os, signal, sys; from pathlib import Path; from tests.benchmarking.run import test_journal as t\n"
        "journal = t.open_journal(Path(sys.argv[1]), t.RUN, restart=False)\n"
        "for step in t.STEPS: journal.add(step)\n"
        "os.kill(os.getpid(), signal.SIGKILL)"
    )
    done = subprocess.run([sys.executable, "-c", code, path], check=False)
    assert done.returncode == -signal.SIGKILL
    assert len(steps_in(path)) == len(STEPS)


def test_a_folder_that_cannot_be_made_is_the_fault_of_the_request(tmp_path):
    """Where the folder's name is taken by a file, the refusal names the path."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError, match="cannot be written"):
        open_journal(tmp_path / "file" / "journal", RUN, restart=False)


def test_a_disk_that_fills_up_ends_the_run_and_keeps_the_steps(tmp_path):
    """A step that finds no room is an error of the environment, and the steps before it stay readable."""
    path = tmp_path / "journal"
    code = (
        "import resource, signal, sys; from pathlib import Path; from tests.benchmarking.run import test_journal as t\n"
        "from edgebert.errors import EnvironmentProblem\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "journal = t.open_journal(Path(sys.argv[1]), t.RUN, restart=False)\n"
        "journal.add(t.STEPS[0])\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (Path(sys.argv[1]).stat().st_size + 10,) * 2)\n"
        "try: journal.add(t.STEPS[1])\n"
        "except EnvironmentProblem as error: print(journal.is_broken, error.message)\n"
        "journal.close()"
    )
    done = subprocess.run([sys.executable, "-c", code, path], check=True, capture_output=True, text=True)
    assert done.stdout.startswith(f"True {path}: no room left on the disk")
    assert steps_in(path) == STEPS[:1]


def test_the_journal_lies_beside_the_report(tmp_path):
    """The name is the report's with a suffix, so that the same command finds it."""
    assert journal_of(tmp_path / "report.json") == tmp_path / "report.json.journal"


def test_conditions_with_energy_come_back():
    """Energy counters are pairs of a name and a number."""
    from edgebert.jsonio import dumps, loads

    conditions = Conditions(moment="before", at_ns=0, energy_uj=(("package", 5),))
    assert loads(Conditions, dumps(conditions), source="x") == conditions


HOSTILE = {
    "text_ns of nothing": ({"text_ns": 0}, "text_ns is 0"),
    "text_ns below nothing": ({"text_ns": -1}, "text_ns is -1"),
    "text_ns of 64 bits": ({"text_ns": 2**63}, "text_ns is 9223372036854775808"),
    "text_ns of a thousand digits": ({"text_ns": int("9" * 1000)}, "text_ns is 9"),
    "retries below nothing": ({"retries": -5}, "retries is -5"),
    "an answer that is no number": ({"kind": "answers", "answers": [[0], [True]]}, r"answers\[1\]\[0\] is true"),
    "a step of no kind": ({"kind": "lunch"}, 'kind is "lunch"'),
    "a text for a number": ({"text_ns": "5"}, 'text_ns is "5"'),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_number_that_no_run_writes_is_named(what, tmp_path):
    """A journal with a number that a step cannot have is refused with file, line and key, and is left as it was."""
    changes, words = HOSTILE[what]
    path = filled(tmp_path / "journal", STEPS[:1])
    header, step, _ = path.read_bytes().split(b"\n")
    if changes.get("kind") == "answers":
        step = json.dumps({"device": "local", "retries": 0, "file": "a", "runtime": "b"})
    path.write_bytes(header + b"\n" + json.dumps(json.loads(step) | changes).encode() + b"\n")
    before = path.read_bytes()
    with pytest.raises(UsageError, match=rf"journal: line 2: {words}") as caught:
        open_journal(path, RUN, restart=False)
    assert "--restart" in caught.value.hint
    assert len(caught.value.message) < 400
    assert path.read_bytes() == before


@pytest.mark.parametrize("size", [0, 10, 100])
def test_a_full_disk_at_the_first_line_is_a_problem_of_the_machine(size, tmp_path):
    """A disk that takes no whole first line ends the run with exit code 3, and no half of a journal stays."""
    with files_of_at_most(size), pytest.raises(EnvironmentProblem, match="journal: no room left on the disk") as caught:
        open_journal(tmp_path / "journal", RUN, restart=False)
    assert (caught.value.exit_code, list(tmp_path.iterdir())) == (3, [])


@pytest.mark.parametrize("more", [0, 1, 50])
def test_a_full_disk_in_a_run_keeps_the_steps_before(more, tmp_path):
    """The step that finds no room ends the run with exit code 3; closing is quiet, and the steps before are read."""
    path = filled(tmp_path / "journal", STEPS[:1])
    journal = open_journal(path, RUN, restart=False)
    with files_of_at_most(path.stat().st_size + more):
        with pytest.raises(EnvironmentProblem, match="no room left on the disk") as caught:
            journal.add(STEPS[2])
        journal.close()
    assert (caught.value.exit_code, journal.is_broken) == (3, True)
    assert steps_in(path) == STEPS[:1]
