"""``edgebert report``: what it prints, the page it writes, and how it refuses."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from pathlib import Path

import pytest

from edgebert.benchmarking.render.html import GENERATOR
from edgebert.benchmarking.report import write_report
from edgebert.errors import install_line
from tests.support import report_values as rv


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Return a report file of a board and an emulator."""
    path = tmp_path / "report.json"
    write_report(rv.make_report(rv.make_measurement(), rv.make_emulated()), path)
    return path


def test_tables_are_for_people(cli, file):
    """Each device with its tables, verdicts and what was not measured; times of the real one alone."""
    outcome = cli("report", file)
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("Times: all texts") == 1
    assert "faster" in outcome.out
    assert "This CPU is emulated. No times are shown" in outcome.out
    assert "not measured: Energy: the system does not tell." in outcome.out
    assert "Instructions of one inference" in outcome.out


def test_markdown_csv_and_json_go_to_standard_output(cli, file):
    """Each alone, and nothing else beside it; two of them are too many."""
    assert cli("report", file, "--markdown").out.startswith("# bundle: shipped files against FP32 on 2 devices\n")
    lines = list(csv.DictReader(io.StringIO(cli("report", file, "--csv").out)))
    assert {line["quantity"] for line in lines} >= {"p50_ns", "times_as_fast_as_float", "instructions"}
    (request,) = cli("report", file, "--json").json["requests"]
    board, emulated = request["devices"]
    assert board["times"][0]["verdict"] == "faster"
    assert emulated["times"] == []
    assert len(emulated["instructions"]) == 2
    outcome = cli("report", file, "--json", "--csv")
    assert outcome.code == 2
    assert outcome.out == ""
    assert "only one of --markdown, --csv and --json" in outcome.err


def test_a_page_is_written_whole(cli, file, tmp_path):
    """One file, and a note; with --markdown both."""
    pytest.importorskip("matplotlib", reason="matplotlib draws the plots")
    page = tmp_path / "page.html"
    outcome = cli("report", file, "--html", page)
    assert outcome.code == 0, outcome.err
    assert outcome.out == ""
    assert outcome.err == f"wrote {page}\n"
    text = page.read_text(encoding="utf-8")
    assert text.startswith("<!doctype html>")
    assert text.endswith("</html>\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["page.html", "report.json"]
    assert cli("report", file, "--html", tmp_path / "other.html", "--markdown").out.startswith("# bundle")


def test_only_a_page_is_replaced_and_only_when_told(cli, file, tmp_path):
    """Without --force nothing is; with it a page is, but never the report itself or anything else."""
    pytest.importorskip("matplotlib", reason="matplotlib draws the plots")
    page, before = tmp_path / "page.html", file.read_bytes()
    page.write_text(f"<!doctype html>\n{GENERATOR}\nold", encoding="utf-8")
    outcome = cli("report", file, "--html", page)
    assert outcome.code == 2
    assert "exists already" in outcome.err
    assert page.read_text(encoding="utf-8").endswith("old")
    assert cli("report", file, "--html", page, "--force").code == 0
    assert page.read_text(encoding="utf-8").endswith("</html>\n")
    outcome = cli("report", file, "--html", file, "--force")
    assert outcome.code == 2
    assert "not a page of edgebert report" in outcome.err
    assert file.read_bytes() == before


def test_a_place_that_cannot_be_written_is_named(cli, file, tmp_path):
    """A folder that is not there and a folder in the place of the file are one clear line each, and leave nothing."""
    pytest.importorskip("matplotlib", reason="matplotlib draws the plots")
    for place in (tmp_path / "none" / "page.html", tmp_path):
        outcome = cli("report", file, "--html", place, "--force")
        assert outcome.code == 2, outcome.err
        assert str(place) in outcome.err
    assert [path.name for path in tmp_path.iterdir()] == ["report.json"]


@pytest.mark.parametrize("content", [None, "", "{}", '{"schema": 99, "measurements": []}', "[1"])
def test_what_is_no_report_is_refused(cli, tmp_path, content: str | None):
    """A missing, empty, foreign or newer file is named in one line, and no page is made."""
    path = tmp_path / "odd.json"
    if content is not None:
        path.write_text(content, encoding="utf-8")
    outcome = cli("report", path, "--html", tmp_path / "page.html")
    assert outcome.code == 2
    assert outcome.err.startswith(f"error: {path}: ")
    assert not (tmp_path / "page.html").exists()


def test_without_matplotlib_tables_work_and_the_page_names_the_extra(cli, file, tmp_path, monkeypatch):
    """A bench machine needs no matplotlib; for the page it is told the small extra that brings it."""
    import sys

    monkeypatch.setitem(sys.modules, "matplotlib", None)
    assert cli("report", file).code == 0
    outcome = cli("report", file, "--html", tmp_path / "page.html")
    assert outcome.code == 3
    assert install_line("report") in outcome.err
    assert not (tmp_path / "page.html").exists()


def test_several_reports_are_shown_together(cli, file, tmp_path):
    """Each device of each report by itself, with the agreement among them where the texts were the same."""
    answers = [rv.make_answers(rv.INT8, (0, 1)), rv.make_answers(rv.FLOAT, (0, 1))]
    paths = []
    for index, device in enumerate((rv.make_device(), rv.make_phone())):
        paths.append(tmp_path / f"{index}.json")
        bundle = rv.make_bundle()
        report = rv.make_report(rv.make_measurement(device=device, answers=answers), bundle=bundle)
        write_report(replace(report, created=f"2026-11-2{index}"), paths[-1])
    out = cli("report", *paths).out
    assert out.count("Times: all texts") == 2
    assert "Raspberry Pi 5 and Pixel 8" in out


def test_a_device_cannot_steer_the_terminal(cli, tmp_path):
    """An escape sequence in a name is not printed."""
    path = tmp_path / "report.json"
    write_report(rv.make_report(rv.make_measurement(device=rv.make_device("a\x1b[2Jb"), notes=("c\x1b[2Jd",))), path)
    for form in ([], ["--markdown"], ["--csv"], ["--json"]):
        outcome = cli("report", path, *form)
        assert outcome.code == 0
        assert "\x1b" not in outcome.out
