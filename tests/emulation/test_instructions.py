from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edgebert.device.board import Board
from edgebert.device.process import run_program
from edgebert.device.protocol import WORKER_SCHEMA, Request, Series
from edgebert.emulation.emulator import (
    between,
    counter_command,
    open_emulated_board,
    read_counts,
    why_not_counted,
)
from edgebert.errors import EnvironmentProblem, UsageError
from tests.support.elves import program
from tests.support.emulated import counter_or_skip
from tests.support.fakes import shared_bundle

LOOPS = 1000


def mark(number: int) -> list[int]:
    """Return prctl(0x45424D4B, number): mov w0 (two halves), x1 and x8, then svc #0."""
    return [0x5289A960, 0x72A8A840, 0xD2800001 | number << 5, 0xD28014E8, 0xD4000001]


def loop(body: list[int]) -> bytes:
    """Return a program that runs ``body`` LOOPS times between the marks 1 and 2: subs x9 and b.ne end each round."""
    back = 0x54000001 | (-(len(body) + 1) & 0x7FFFF) << 5
    rounds = [*body, 0xF1000529, back]
    return program([0xD2800009 | LOOPS << 5, *mark(1), *rounds, *mark(2), 0xD2800000, 0xD2800BA8, 0xD4000001])


# One instruction each, as an assembler writes it, on registers 0 to 2; x1 and x2 hold nothing that is read.
ENCODINGS = {
    "sdot": [0x4E829420, 0x4F82E020],  # sdot v0.4s, v1.16b, v2.16b; the same by element v2.4b[0]
    "udot": [0x6E829420],  # udot v0.4s, v1.16b, v2.16b
    "usdot": [0x4E829C20],  # usdot v0.4s, v1.16b, v2.16b
    "smmla": [0x4E82A420],  # smmla v0.4s, v1.16b, v2.16b
    "ummla": [0x6E82A420],  # ummla v0.4s, v1.16b, v2.16b
    "smlal": [0x0E628020, 0x4E628020],  # smlal v0.4s, v1.4h, v2.4h; smlal2 v0.4s, v1.8h, v2.8h
    "smull": [0x0E22C020],  # smull v0.8h, v1.8b, v2.8b
    "sadalp": [0x4E606820],  # sadalp v0.4s, v1.8h
    "fmla": [0x4E22CC20, 0x4F821020],  # fmla v0.4s, v1.4s, v2.4s; the same by element v2.s[0]
    "fmul": [0x6E22DC20],  # fmul v0.4s, v1.4s, v2.4s
    "fadd": [0x4E22D420],  # fadd v0.4s, v1.4s, v2.4s
    "load-store": [0xF94003E3, 0xF90003E3],  # ldr x3, [sp]; str x3, [sp]
    "other-simd-fp": [0x4F000400],  # movi v0.4s, #0
    "integer-register": [0x8B020023],  # add x3, x1, x2
}


@given(st.text())
def test_any_text_is_read(text: str):
    """Text that holds no counts gives none, and no text is an error."""
    assert all(line.startswith("insncount ") for line in text.split("\n")) or read_counts(text) == {}


MARKS = st.one_of(st.just("exit"), st.integers(0, 2**63).map(str))
WRITTEN = st.dictionaries(
    MARKS, st.dictionaries(st.from_regex(r"[a-z.-]{1,12}", fullmatch=True), st.integers(0, 2**64 - 1), min_size=1)
)


@given(WRITTEN, st.lists(st.text(st.characters(codec="utf-8", exclude_characters="\n"), max_size=20)))
def test_what_was_written_is_read_among_other_lines(counts: dict[str, dict[str, int]], noise: list[str]):
    """Counts are found whatever the log holds beside them."""
    lines = [f"insncount {mark} {name} {count}" for mark, each in counts.items() for name, count in each.items()]
    other = [line for line in noise if not line.startswith("insncount")]
    assert read_counts("\n".join([*other, *lines, *other])) == counts


def test_a_region_is_what_was_added_between_its_marks():
    """Counts before the first mark are taken off, the rest is shared among the runs, the largest comes first."""
    counts = {"1": {"sdot": 10, "total": 15, "other": 5}, "2": {"sdot": 30, "fmla": 80, "other": 5, "total": 115}}
    assert between(counts, "1", "2", runs=4) == (("fmla", 20.0), ("sdot", 5.0))
    assert between(counts, "1", "3", runs=4) == ()
    assert between({}, "1", "2", runs=4) == ()


def test_counting_needs_an_emulator(tmp_path: Path):
    """Without a set-up the reason is an error of ours that names the command."""
    with pytest.raises(EnvironmentProblem) as caught:
        open_emulated_board("cortex-a76", cache=tmp_path)
    assert "edgebert emulator setup" in caught.value.hint


def counted(content: bytes, cpu: str, folder: Path) -> dict[str, float]:
    """Run a program of the device under the counter and return what it did between its marks, for each round."""
    (folder / "program").write_bytes(content)
    (folder / "program").chmod(0o755)
    command = counter_command(cpu, folder / "log", cache=counter_or_skip())
    assert run_program((*command, str(folder / "program")), timeout_s=60).code == 0
    return dict(between(read_counts((folder / "log").read_text()), "1", "2", runs=LOOPS))


@pytest.mark.parametrize("name", ENCODINGS)
def test_each_class_is_counted_exactly(name: str, tmp_path: Path):
    """A loop of known instructions is counted to the last one, in the class that the assembler would name."""
    body = ENCODINGS[name]
    found = counted(loop(body), "max", tmp_path)
    # One step of the loop's own counter and one branch; five instructions of the second mark, shared by all rounds.
    expected = {"integer-immediate": 1 + 4 / LOOPS, "branch-system": 1 + 1 / LOOPS}
    expected[name] = expected.get(name, 0) + len(body)
    assert found == pytest.approx(expected, abs=1e-9)


def test_a_mixed_loop_adds_up(tmp_path: Path):
    """Classes do not disturb each other: a loop of all of them has the sum of what each has alone."""
    body = [word for words in ENCODINGS.values() for word in words]
    found = counted(loop(body), "max", tmp_path)
    assert {name: found[name] for name in ENCODINGS} == {name: len(words) for name, words in ENCODINGS.items()}
    assert sum(found.values()) == pytest.approx(len(body) + 2 + 5 / LOOPS)


def request(board: Board, name: str, runtime: str) -> Request:
    series = (Series(name="8", inputs=((2, 40, 41, 42, 3),)),)
    file = board.put(shared_bundle() / name)
    return Request(
        schema=WORKER_SCHEMA,
        file=file,
        runtime=runtime,
        threads=1,
        cores=(),
        pad_id=0,
        series=series,
        warm_up=1,
        runs=3,
    )


def per_inference(cpu: str, name: str, runtime: str) -> dict[str, float]:
    board = open_emulated_board(cpu, cache=counter_or_skip())
    try:
        trial, classes = board.counter(request(board, name, runtime), 300)
    finally:
        board.close()
    assert [len(series.run_ns) for series in trial.series] == [3]
    assert [count for _, count in classes] == sorted((count for _, count in classes), reverse=True)
    return dict(classes)


def test_counts_repeat_and_show_the_dot_product():
    """LiteRT multiplies int8 by sdot on a CPU that has it; a second process counts the same to 0.2 %."""
    first = per_inference("cortex-a76", "int8.tflite", "litert")
    second = per_inference("cortex-a76", "int8.tflite", "litert")
    assert first["sdot"] == second["sdot"] > 0
    assert sum(first.values()) == pytest.approx(sum(second.values()), rel=2e-3)


def test_a_cpu_without_dot_products_uses_none():
    """On a cortex-a53 the same file needs widening products in place of dot products."""
    found = per_inference("cortex-a53", "int8.tflite", "litert")
    assert "sdot" not in found
    assert found["smlal"] > 0


def test_counting_several_threads_is_refused():
    """Counters of several threads would disturb each other, so one thread is all that is counted."""
    board = open_emulated_board("cortex-a76", cache=counter_or_skip())
    asked = request(board, "int8.tflite", "litert")
    try:
        for changes in ({"threads": 2}, {"runs": 0}, {"series": ()}):
            with pytest.raises(UsageError, match="one thread"):
                board.counter(dataclasses.replace(asked, **changes), 9)
    finally:
        board.close()


def test_a_cpu_that_only_the_newer_emulator_knows_is_run_but_not_counted():
    """A cortex-a55 can be opened; that its instructions cannot be counted has a reason, and is no error."""
    cache = counter_or_skip()
    assert "does not know the CPU cortex-a55" in why_not_counted("cortex-a55", cache=cache)
    assert why_not_counted("cortex-a76", cache=cache) == ""
    board = open_emulated_board("cortex-a55", cache=cache)
    board.close()
    assert board.counter is None
    assert "cortex-a55" in board.why_not_counted
