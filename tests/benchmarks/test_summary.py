"""Table and picture of the README are what the recorded results say."""

from __future__ import annotations

import re

import pytest

from benchmarks.results import save
from benchmarks.suite import RESULTS
from benchmarks.summary import BEGIN, END, PICTURE, README, draw_summary, replace_summary, summary
from edgebert.errors import UsageError
from tests.benchmarks.values import accuracy_results


def test_the_readme_shows_what_was_recorded():
    """The table between the two comments is the one that the newest results give."""
    page = README.read_text(encoding="utf-8")
    shown = page.partition(f"{BEGIN}\n")[2].partition(f"\n{END}")[0]
    assert shown == summary(RESULTS), "out of date: python -m benchmarks render"


def test_the_picture_of_the_readme_shows_what_was_recorded(tmp_path):
    """The words and numbers in the picture are those that the newest results give."""
    pytest.importorskip("matplotlib", reason="matplotlib draws the picture")
    draw_summary(RESULTS, tmp_path / "drawn.svg")
    drawn, shown = (re.findall(r"<!-- (.*) -->", path.read_text("utf-8")) for path in (tmp_path / "drawn.svg", PICTURE))
    assert any("int8, 75 % cut" in text for text in drawn)
    assert shown == drawn, "out of date: python -m benchmarks render"


def test_a_table_is_replaced_and_nothing_else(tmp_path):
    """What is around the comments stays, whatever the table holds."""
    page = tmp_path / "page.md"
    page.write_text(f"# A\n{BEGIN}\nold\n{END}\nrest\n", encoding="utf-8")
    replace_summary(page, r"| \1 |")
    assert page.read_text(encoding="utf-8") == f"# A\n{BEGIN}\n| \\1 |\n{END}\nrest\n"


def test_a_study_that_is_missing_is_named(tmp_path):
    """Without the speed of pruned files there is no table."""
    save(tmp_path, accuracy_results())
    with pytest.raises(UsageError, match="needs accuracy, pruning and pruned-speed"):
        summary(tmp_path)
