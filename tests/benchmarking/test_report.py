from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from edgebert.benchmarking.analysis.rows import sections
from edgebert.benchmarking.render.text import csv_text, markdown_text
from edgebert.benchmarking.report import read_report, write_report
from edgebert.benchmarking.run.runner import BenchmarkResult, finish
from edgebert.device.device import PhoneState
from edgebert.device.protocol import Cooling
from edgebert.errors import EnvironmentProblem, OutputError, UsageError
from tests.support.full_disk import files_of_at_most
from tests.support.report_values import (
    change_trials,
    make_conditions,
    make_emulated,
    make_measurement,
    make_phone,
    make_report,
)

RECORDED = Path(__file__).parents[1] / "golden/report-1.json"


def full():
    """Return a report that uses every field."""
    conditions = make_conditions(
        cooling=(Cooling(name="cpufreq-cpu0", state=0, highest=4),),
        energy_uj=(("package-0", 12),),
        battery_percent=80,
        battery_status="Full",
        throttle_count=0,
    )
    phone = replace(
        make_measurement(device=make_phone()), states=(PhoneState(trial=0, battery_celsius=25.5),), retries=1
    )
    return make_report(
        change_trials(phone, conditions=(conditions,)),
        make_emulated(notes=("no litert",)),
        labels=(0, 1),
    )


def test_a_report_comes_back_as_it_was_written(tmp_path):
    """Every field survives, equal reports give equal bytes, and nothing else is left in the folder."""
    path = tmp_path / "report.json"
    write_report(full(), path)
    assert read_report(path) == full()
    before = path.read_bytes()
    write_report(read_report(path), path)
    assert path.read_bytes() == before
    assert [item.name for item in tmp_path.iterdir()] == ["report.json"]


def test_a_recorded_report_of_schema_1_is_read(tmp_path):
    """A small recorded report of an older version gives the tables that it gave then, and is written as a new one."""
    report = read_report(RECORDED)
    assert (report.schema, len(report.measurements), len(report.measurements[0].trials)) == (3, 2, 4)
    assert markdown_text([report]) == RECORDED.with_suffix(".md").read_text(encoding="utf-8")
    assert csv_text(sections([report])) == RECORDED.with_suffix(".csv").read_text(encoding="utf-8")
    write_report(report, tmp_path / "new.json")
    assert read_report(tmp_path / "new.json") == report


@pytest.mark.parametrize(
    ("key", "value", "said"),
    [
        ("predicted", 5, "unknown key 'measurements[0].answers[0].predicted'"),
        ("predicted", [0, "x"], 'measurements[0].answers[0].answers[1][0] is "x", not a number'),
        (
            "predicted",
            [0, 2],
            "measurements[0].answers[0].answers[1] is [2], no answer of a text-classification model",
        ),
        (
            "labels",
            [0, 2],
            "measurements[0].answers[0].tallies[1] is [2, 1], no tally of a text-classification model",
        ),
        ("labels", None, "unknown key 'texts.labels'"),
    ],
)
def test_a_damaged_report_of_schema_1_is_refused_by_name(tmp_path, key, value, said):
    """What schema 1 could not hold is named as it is in the report that is made of it."""
    plain = json.loads(RECORDED.read_text(encoding="utf-8"))
    (plain["texts"] if key == "labels" else plain["measurements"][0]["answers"][0])[key] = value
    (tmp_path / "report.json").write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_report(tmp_path / "report.json")
    assert caught.value.message.startswith(f"{tmp_path / 'report.json'}: {said}")


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (lambda plain: plain.update(schema=4), "report schema 4; this edgebert reads up to 3"),
        (lambda plain: plain.pop("schema"), "not a report"),
        (lambda plain: plain.update(schema=0), "not a report"),
        (lambda plain: plain.update(schema=True), "not a report"),
        (lambda plain: plain.pop("measurements"), "not a report"),
        (lambda plain: plain.pop("suite"), "the key 'suite' is missing"),
        (lambda plain: plain.update(extra=1), "unknown key 'extra'"),
        (lambda plain: plain["texts"].update(texts="many"), 'texts.texts is "many", not an integer'),
    ],
)
def test_what_is_no_report_is_refused_by_name(tmp_path, edit, said):
    """The message names the file and what is wrong in it."""
    path = tmp_path / "report.json"
    write_report(make_report(), path)
    plain = json.loads(path.read_text(encoding="utf-8"))
    edit(plain)
    path.write_text(json.dumps(plain), encoding="utf-8")
    with pytest.raises(UsageError) as caught:
        read_report(path)
    assert str(path) in caught.value.message
    assert said in caught.value.message


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b'{"schema": 1, "schema": 1}', b"null"])
def test_damaged_files_are_refused_in_one_line(tmp_path, content):
    """Whatever the bytes, the error is ours and names the file."""
    path = tmp_path / "report.json"
    path.write_bytes(content)
    with pytest.raises(UsageError) as caught:
        read_report(path)
    assert str(path) in caught.value.message
    assert "\n" not in caught.value.message


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    """Neither is a report; a report cannot be written where there is no folder, and nothing is left behind."""
    for path in (tmp_path / "none.json", tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            read_report(path)
    with pytest.raises(OutputError, match="cannot be written"):
        write_report(make_report(), tmp_path / "none" / "report.json")
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_keeps_journal_and_names_it(tmp_path):
    """A report that finds no room ends with exit code 3; no part of it stays, and the journal does."""
    journal = tmp_path / "report.json.journal"
    journal.write_text("steps")
    done = BenchmarkResult(report=make_report(), gone=(), misfits=())
    with files_of_at_most(100), pytest.raises(EnvironmentProblem, match=r"report\.json: no room left") as caught:
        finish(done, tmp_path / "report.json", journal=journal)
    assert caught.value.exit_code == 3
    assert str(journal) in caught.value.hint
    assert list(tmp_path.iterdir()) == [journal]
