"""A short part of the fuzzer; `python -m tests.fuzz` goes on for as long as it is told to."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.fuzz import oracle
from tests.fuzz.box import Case
from tests.fuzz.oracle import Ending
from tests.fuzz.run import UNDAMAGED, fuzzing, keep
from tests.fuzz.suite import TARGETS
from tests.fuzz.targets import LIGHT
from tests.support.commands import COMMANDS

SEED = 20
QUICK = [*LIGHT, *(target for target in TARGETS if target.name == "arguments")]


@pytest.fixture(scope="module")
def fuzzer(tmp_path_factory):
    with fuzzing(tmp_path_factory.mktemp("fuzz"), SEED) as found:
        yield found


def test_every_command_has_a_target():
    """A command that is added without one fails here."""
    assert {name for target in TARGETS for name in target.commands} == set(COMMANDS)


def test_the_names_of_targets_are_distinct():
    """A name and a number are a case."""
    assert len({target.name for target in TARGETS}) == len(TARGETS)


@pytest.mark.parametrize("target", QUICK, ids=lambda target: target.name)
def test_damaged_files_are_refused_in_one_line(fuzzer, target, tmp_path):
    """Sound files pass; damaged ones end with a documented exit code, one line, and nothing left behind."""
    failed = []
    for number in (UNDAMAGED, *range(2 * target.weight if target.name == "arguments" else target.weight)):
        result = fuzzer.run(target, number)
        if result.faults:
            folder = keep(result, tmp_path, SEED)
            failed.append((folder / "case.txt").read_text(encoding="utf-8"))
    assert not failed, "\n".join(failed)


@pytest.mark.parametrize("target", TARGETS, ids=lambda target: target.name)
def test_equal_seeds_make_equal_cases(fuzzer, target):
    """Files and words of a case are decided by seed, target and number."""

    def made(number: int):
        box, case = fuzzer.box(target, number)
        return oracle.snapshot(box.work), case

    assert made(3) == made(3)


def ending(**changes) -> Ending:
    values = {
        "ended": True,
        "code": 2,
        "peak_bytes": 1,
        "seconds": 0.1,
        "stdout": b"",
        "stderr": b"error: no\nhint: x\n",
    }
    return Ending(**values | changes)


@pytest.mark.parametrize(
    ("changes", "fault"),
    [
        ({}, None),
        ({"code": 0, "stdout": '{"text": "é"}\n'.encode(), "stderr": b""}, None),
        ({"ended": False, "code": -9}, "hangs"),
        ({"code": -24}, "hangs"),
        ({"code": -11}, "exit code -11"),
        ({"code": 4}, "exit code 4"),
        ({"peak_bytes": 2_000_000_000}, "2000 MB"),
        ({"stderr": b"Traceback (most recent call last):\n  x\nKeyError: 1\n"}, "traceback: KeyError"),
        ({"stderr": b"error: unexpected KeyError: 1\nhint: please report it\n"}, "gives up"),
        ({"stderr": b""}, "without a line"),
        ({"stderr": b"error: no\nand more\n"}, "more than one line"),
        ({"stderr": b"error: \x1b[31mno\n"}, "U+001B"),
        ({"stdout": "a\u202eb\n".encode()}, "U+202E"),
        ({"stdout": b"one\n::error title=FUZZ::x\n"}, "GitHub"),
        ({"stderr": b"error: no\n" + b"x" * 3000}, "2000 characters"),
    ],
)
def test_the_oracle_sees_what_is_printed(tmp_path, changes, fault):
    """Each fault in how a process ends or in what it says is named, and good ends have none."""
    box = empty_box(tmp_path)
    found = oracle.faults(Case(words=["x"]), ending(**changes), {}, box)
    assert found == [] if fault is None else any(fault in item for item in found)


@pytest.mark.parametrize(
    ("act", "fault"),
    [
        (lambda box: (box / "work/out").write_text("{"), "out is half"),
        (lambda box: (box / "work/.out.partial-1").touch(), "left behind"),
        (lambda box: (box / "work/data").unlink(), "removed"),
        (lambda box: (box / "work/data").write_text("b"), "changed"),
        (lambda box: (box / "tmp/x").mkdir(), "left in tmp"),
        (lambda box: None, "no out although"),
        (lambda box: (box / "work/out").write_text("{}"), None),
    ],
)
def test_the_oracle_sees_what_is_left(tmp_path, act, fault):
    """Inputs stay as they are, outputs are whole, nothing else is there."""
    box = empty_box(tmp_path)
    (box / "work/data").write_text("a")
    before = oracle.snapshot(box / "work")
    act(box)
    found = oracle.faults(Case(words=["x"], outputs={"out": "json"}), ending(code=0, stderr=b""), before, box)
    assert found == [] if fault is None else any(fault in item for item in found)


def empty_box(root: Path) -> Path:
    for name in ("work", "tmp", "home"):
        (root / name).mkdir()
    return root
