from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

from edgebert.benchmarking.analysis.rows import sections
from edgebert.benchmarking.render.text import csv_text, markdown_text
from tests.support import report_values as rv

GOLDEN = Path(__file__).parents[2] / "golden"


def make_report():
    """Return a report of a board with an accuracy run, and of an emulator."""
    labels, float_answers, int8_answers = rv.make_predictions(both=170, only_float=8, only_file=4, neither=18)
    answers = (rv.make_answers(rv.INT8, int8_answers), rv.make_answers(rv.FLOAT, float_answers))
    board, emulated = rv.make_measurement(answers=answers), rv.make_emulated(answers=answers)
    return rv.make_report(board, emulated, labels=labels)


def test_the_markdown_is_what_is_recorded():
    """Facts, tables, warnings, what is missing and the command, as in the golden file."""
    assert markdown_text([make_report()]) == (GOLDEN / "report.md").read_text(encoding="utf-8")


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


def lines(report) -> list[dict[str, str]]:
    """Return the lines of the CSV by column."""
    return list(csv.DictReader(io.StringIO(csv_text(sections([report])))))


def test_the_csv_is_what_is_recorded():
    """Columns, quantities and their order, as in the golden file; numbers to nine digits."""

    def rounded(text: str) -> list[list[str]]:
        return [
            [f"{float(cell):.9g}" if index >= 10 and number and cell else cell for index, cell in enumerate(row)]
            for number, row in enumerate(csv.reader(io.StringIO(text)))
        ]

    assert rounded(csv_text(sections([make_report()]))) == rounded((GOLDEN / "report.csv").read_text(encoding="utf-8"))


def test_raw_numbers_stand_in_the_csv():
    """The median is in nanoseconds with its interval around it, one line for each quantity of each file."""
    found = {(line["file"], line["quantity"]): line for line in lines(rv.make_report())}
    p50 = found[rv.INT8, "p50_ns"]
    assert float(p50["low"]) < float(p50["value"]) < float(p50["high"])
    assert 9.8e6 < float(p50["value"]) < 10.2e6
    assert (rv.FLOAT, "times_as_fast_as_float") not in found
    assert 3.9 < float(found[rv.INT8, "times_as_fast_as_float"]["value"]) < 4.1


def test_an_emulated_device_has_no_times_in_the_csv():
    """Its lines are counts and answers."""
    found = {line["quantity"] for line in lines(rv.make_report(rv.make_emulated()))}
    assert found == {"instructions", "instructions_of_float", "texts", "golden_difference", "golden_tolerance"}


def test_no_name_is_a_formula_of_a_spreadsheet():
    """A device called =cmd() is a text there too."""
    report = rv.make_report(rv.make_measurement(device=rv.make_device("=HYPERLINK(1)")))
    assert {line["device"] for line in lines(report)} == {"'=HYPERLINK(1)"}
    assert {line["kind"] for line in lines(replace(report, created="x"))} == {"ssh"}


def test_a_bar_in_the_name_of_a_file_splits_no_header():
    """The table of agreement has a column for each file: its header has as many cells as its rows."""
    name = "a|b.onnx"
    bundle = rv.make_bundle()
    files = tuple(replace(item, file=name if item.file == rv.INT8 else item.file) for item in bundle.files)
    answers = (rv.make_answers(name, (0, 1)), rv.make_answers(rv.FLOAT, (0, 1)))
    devices = [rv.make_measurement({}, answers=answers, device=rv.make_device(device)) for device in ("one", "two")]
    report = rv.make_report(*devices, bundle=replace(bundle, files=files), texts=rv.make_texts(texts=2), labels=(0, 1))
    lines = [line for line in markdown_text([report]).splitlines() if line.startswith("|")]
    start = next(index for index, line in enumerate(lines) if line.startswith("| devices"))
    header, _, row = lines[start : start + 3]
    assert header.startswith("| devices | a\\|b.onnx, ")
    assert header.replace("\\|", "").count("|") == row.count("|")
