from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

from edgebert.bench.analysis.rows import sections
from edgebert.bench.render.spreadsheet import csv_text
from tests.bench.render.test_markdown import make_report
from tests.support import report_values as rv

GOLDEN = Path(__file__).parents[2] / "golden" / "report.csv"


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

    assert rounded(csv_text(sections([make_report()]))) == rounded(GOLDEN.read_text(encoding="utf-8"))


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
