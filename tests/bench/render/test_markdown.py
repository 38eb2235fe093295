from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from edgebert.bench.render.markdown import markdown_text
from tests.support import report_values as rv

GOLDEN = Path(__file__).parents[2] / "golden" / "report.md"


def make_report():
    """Return a report of a board with an accuracy run, and of an emulator."""
    labels, float_answers, int8_answers = rv.make_predictions(both=170, only_float=8, only_file=4, neither=18)
    answers = (rv.make_answers(rv.INT8, int8_answers), rv.make_answers(rv.FLOAT, float_answers))
    board, emulated = rv.make_measurement(answers=answers), rv.make_emulated(answers=answers)
    return rv.make_report(board, emulated, texts=rv.make_texts(labels=labels))


def test_the_markdown_is_what_is_recorded():
    """Facts, tables, warnings, what is missing and the command, as in the golden file."""
    assert markdown_text([make_report()]) == GOLDEN.read_text(encoding="utf-8")


def test_every_line_of_a_table_has_as_many_cells():
    """A pipe, a star or a tag in a name neither splits a cell nor becomes formatting or an element."""
    name = "a|b*c*<script>`[x](y)\n# d"
    measurement = rv.make_measurement(device=rv.make_device(name), notes=(name,))
    report = rv.make_report(
        replace(measurement, trials=rv.change_trials(measurement, runtime="on|nx", version="1|2").trials)
    )
    text = markdown_text([report])
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert lines
    widths = []
    for line in lines:
        widths.append(line.replace("\\|", "").count("|"))
    tables = text.split("\n\n")
    for table in tables:
        counts = {line.replace("\\|", "").count("|") for line in table.splitlines() if line.startswith("|")}
        assert len(counts) <= 1
    assert "## a\\|b\\*c\\*\\<script\\>\\`\\[x\\](y)\\\\n\\# d" in text.splitlines()
    assert "<script>" not in text
