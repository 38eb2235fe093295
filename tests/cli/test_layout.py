from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from edgebert.cli.layout import hanging, table_lines

TEXT = "one two three four five six"


def test_without_a_width_a_row_is_one_line():
    """A pipe has no width: however long the cells are, programs find a row on a line."""
    lines = table_lines(("file", "what"), [["a", TEXT * 40], ["b", "short"]], None)
    assert len(lines) == 4
    assert lines[2] == f"a     {TEXT * 40}"


def test_numbers_are_on_the_right_and_nothing_follows_a_line():
    """The first column names the row; a column with a word in it is no column of numbers."""
    lines = table_lines(("no", "size", "mixed"), [["1", "1.5", "x"], ["22", "10.25", "7"]], None)
    assert lines == ["no   size  mixed", "────────────────", "1     1.5  x", "22  10.25  7"]


def test_headings_wrap_first_then_texts_then_numbers():
    """A number with its interval stays whole as long as a text can be shorter."""
    columns, rows = ("file", "change (95 % interval)", "why"), [["int8.onnx", "-1.5 (-2.0 to -1.0)", TEXT]]
    at = {width: table_lines(columns, rows, width) for width in (62, 60, 42, 30)}
    assert at[62][-1].endswith(TEXT)
    assert [line.split("  ")[-1] for line in at[60][:2]] == ["why", "interval)"]
    assert at[60][-1].endswith(f"-1.5 (-2.0 to -1.0)  {TEXT}")
    assert at[42][3].split("  ")[1:3] == ["-1.5 (-2.0 to -1.0)", "one two"]
    assert "-1.5 (-2.0 to -1.0)" not in "".join(at[30])


def test_a_word_is_broken_only_in_a_list():
    """A hash that fits nowhere stays whole in a table: the terminal breaks it, and it can be copied."""
    assert table_lines(("name", ""), [["sha256", "f" * 64]], 40)[-1] == f"sha256  {'f' * 64}"
    assert hanging("ok  ", "f" * 20, 14) == [f"ok  {'f' * 10}", f"    {'f' * 10}"]


def test_a_list_wraps_under_its_own_beginning():
    """One line in a pipe."""
    assert hanging("ok    ", TEXT, 20) == ["ok    one two three", "      four five six"]
    assert hanging("ok    ", TEXT, None) == [f"ok    {TEXT}"]


WORDS = st.lists(st.text(alphabet="ab價 12-", max_size=12).map(str.strip), min_size=3, max_size=3)


@given(st.lists(WORDS, min_size=1, max_size=4), st.integers(10, 90))
def test_every_word_of_a_table_is_shown(rows: list[list[str]], width: int):
    """Whatever the width, no cell loses a letter; where all words fit, no line is too long."""
    lines = table_lines(("a", "b", "c"), rows, width)
    shown = "".join("".join(lines[2:]).split())
    assert sorted(shown) == sorted("".join("".join(cell.split()) for row in rows for cell in row))
    columns = list(zip(*rows, strict=True))
    least = [max((cell_len(word) for cell in column for word in cell.split()), default=1) for column in columns]
    # A short number keeps its unit beside it.
    least = [
        max(word, *(cell_len(cell) for cell in column if cell_len(cell) <= 12), 1)
        for word, column in zip(least, [("",), *columns[1:]], strict=True)
    ]
    if sum(least) + 4 <= width:
        assert max(map(cell_len, lines)) <= width


@pytest.mark.parametrize("width", [None, 5, 40])
def test_no_line_is_a_command_of_a_service(width: int | None):
    """A cell that wraps begins a line with any of its words."""
    lines = [*table_lines(("a", "b"), [["::add-mask::x", "y ::stop-commands::z"]], width)]
    lines += hanging("::a::", "b ::c::d", width)
    assert not [line for line in lines if line.lstrip().startswith("::")]
