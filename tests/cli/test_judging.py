"""``edgebert check`` and ``edgebert compare``: what they print, and with which code they leave."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from edgebert.benchmarking.report import write_report
from edgebert.bundle import MANIFEST, write_manifest
from edgebert.manifest import EvaluationData
from tests.support.report_values import (
    FLOAT,
    INT8,
    make_answers,
    make_bundle,
    make_measurement,
    make_predictions,
    make_report,
    make_times,
)

onnx = pytest.importorskip("onnx", reason="writes the files of a bundle")


@pytest.fixture(autouse=True)
def nowhere_near_github(monkeypatch):
    """Run as if outside of GitHub Actions."""
    monkeypatch.delenv("GITHUB_ACTIONS", raising=False)


@pytest.fixture
def bundle(tmp_path):
    """Return the folder of a bundle whose int8 file lost 0.3 points (-0.19 to 0.81)."""
    from tests.support.tiny_files import make_score, write_bundle

    root = tmp_path / "bundle"
    manifest = write_bundle(root)
    scores = {"shipped": make_score(INT8, 0.909, baseline=FLOAT), "baseline": make_score(FLOAT, 0.912, baseline=None)}
    artifacts = tuple(replace(item, score=scores[item.role]) for item in manifest.artifacts)
    data = EvaluationData(name="dev.tsv", sha256="ab" * 32, examples=1000, truncated=0)
    write_manifest(root, replace(manifest, artifacts=artifacts, evaluation=data))
    return root


@pytest.fixture
def report(bundle, tmp_path):
    """Return a report of that bundle: a true ratio of 4, p90 near 10 ms, 1,000 paired answers."""
    labels, float_says, file_says = make_predictions(both=900, only_float=5, only_file=4, neither=91)
    answers = [make_answers(INT8, file_says), make_answers(FLOAT, float_says)]
    digest = hashlib.sha256((bundle / MANIFEST).read_bytes()).hexdigest()
    measured = make_report(
        make_measurement(answers=answers),
        bundle=make_bundle(manifest_sha256=digest),
        labels=labels,
    )
    path = tmp_path / "report.json"
    write_report(measured, path)
    return path


def test_a_bundle_within_its_limits_passes(cli, bundle, report):
    """Every limit has a row, the last line counts them, and the exit code is 0."""
    limits = ("--max-drop", 1, "--max-mb", 30, "--min-speedup", 3, "--max-p90-ms", 25, "--min-agreement", 0.98)
    outcome = cli("check", bundle, "--report", report, *limits)
    assert outcome.code == 0, outcome.err
    assert outcome.out.rstrip().splitlines()[-1] == "passed: 5 of 5"
    for words in ("--max-drop 1", "--min-speedup 3", "Raspberry Pi 5", "1000 examples in onnxruntime"):
        assert words in outcome.out
    assert outcome.err == ""


def test_a_missed_limit_exits_with_1_and_is_named(cli, bundle, report):
    """The table is printed, the error names file and limit."""
    outcome = cli("check", bundle, "--report", report, "--min-speedup", 5, "--max-mb", 30)
    assert outcome.code == 1
    assert "fail" in outcome.out
    assert "error: 1 failed of 2 checks: int8.onnx --min-speedup 5" in outcome.err


def test_undecided_fails_unless_it_is_allowed(cli, bundle):
    """The table says how many more examples would decide; the option lets it pass with a word."""
    outcome = cli("check", bundle, "--max-drop", 0.5)
    assert outcome.code == 1
    assert "more needed" in outcome.out
    assert "1 undecided of 1 checks: int8.onnx --max-drop 0.5 (undecided: 5,503 more examples needed)" in outcome.err
    allowed = cli("check", bundle, "--max-drop", 0.5, "--allow-undecided")
    assert allowed.code == 0
    assert "passed: 0 of 1, 1 undecided and allowed" in allowed.out


def test_continuous_integration_is_told(cli, bundle, report, tmp_path, monkeypatch):
    """A JUnit file where asked for; annotations on GitHub Actions, or when asked for, and not when refused."""
    path = tmp_path / "junit.xml"
    arguments = ("check", bundle, "--report", report, "--min-speedup", 5, "--junit", path)
    assert "::error" not in cli(*arguments).err
    assert ET.fromstring(path.read_text(encoding="utf-8")).get("failures") == "1"
    assert "::error title=int8.onnx --min-speedup 5 on Raspberry Pi 5::fail" in cli(*arguments, "--github").err
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert "::error" in cli(*arguments).err
    assert "::error" not in cli(*arguments, "--no-github").err


def test_json_holds_the_findings_and_nothing_else(cli, bundle, report):
    """Standard output is one JSON value, passed or failed."""
    value = cli("check", bundle, "--report", report, "--min-speedup", 5, "--json", "--github").json
    (finding,) = value["findings"]
    assert (finding["verdict"], finding["device"], value["limits"]["min_speedup"]) == ("fail", "Raspberry Pi 5", 5)


@pytest.mark.parametrize(
    ("words", "said"),
    [((), "no limit to check"), (("--max-mb", -1), "--max-mb is -1"), (("--min-speedup", 3), "needs the times")],
)
def test_impossible_requests_exit_with_2(cli, bundle, words, said):
    """One line, no traceback."""
    outcome = cli("check", bundle, *words)
    assert outcome.code == 2
    assert said in outcome.err


@pytest.fixture
def reports(tmp_path):
    """Return two reports: the second of a slower int8 file that is smaller."""
    paths = []
    for name, median_ns in (("old", 10e6), ("new", 12e6)):
        times = {INT8: make_times(median_ns, seed=len(name) + int(median_ns)), FLOAT: make_times(40e6, seed=3)}
        made = make_report(make_measurement(times))
        size = {"old": 25_000_000, "new": 24_000_000}[name]
        files = tuple(
            replace(item, size_bytes=size, sha256=name * 8) if item.file == INT8 else item for item in made.bundle.files
        )
        paths.append(tmp_path / f"{name}.json")
        write_report(replace(made, bundle=replace(made.bundle, files=files)), paths[-1])
    return paths


def test_two_reports_side_by_side(cli, reports):
    """A line that counts, a row for each file with its verdict, and sizes where they changed; exit 0."""
    outcome = cli("compare", *reports)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0].startswith("of 2 timed rows: 1 slower, 1 no significant change")
    times, sizes = (next(index for index, line in enumerate(lines) if line.startswith(name)) for name in ("M", "Si"))
    assert lines[times + 1].split("  ")[0] == "file"
    assert lines[times + 3].startswith("int8.onnx ")
    assert lines[times + 3].endswith("  slower")
    assert lines[times + 4].startswith("baseline/float32.onnx ")
    assert lines[sizes + 1].split() == ["file", "old", "MB", "new", "MB"]
    assert lines[sizes + 3].split() == ["int8.onnx", "25.00", "24.00"]
    assert "runtime" not in outcome.out
    assert "onnxruntime" in cli("compare", *reports, "--wide").out


def test_a_report_compared_with_itself_says_so(cli, reports, tmp_path):
    """Also where it was copied: a table of equal times would look like a result."""
    copy = tmp_path / "copy.json"
    copy.write_bytes(reports[0].read_bytes())
    for other in (reports[0], copy):
        outcome = cli("compare", reports[0], other, "--fail-on-slower")
        assert outcome.code == 0
        assert outcome.out == "both files hold the same report: there is nothing to compare\n"


def test_slower_fails_where_asked(cli, reports):
    """The option turns a slower row into exit 1; the other way round nothing is slower."""
    outcome = cli("compare", *reports, "--fail-on-slower")
    assert outcome.code == 1
    assert "1 of 2 rows are slower: int8.onnx on Raspberry Pi 5" in outcome.err
    assert cli("compare", *reversed(reports), "--fail-on-slower").code == 0
    value = cli("compare", *reports, "--json").json
    assert [row["verdict"] for row in value["rows"]] == ["slower", "no significant change"]


def test_unequal_conditions_exit_with_2_until_they_are_allowed(cli, reports):
    """The hint is the option that accepts them; what was accepted is said."""
    plain = json.loads(reports[1].read_text(encoding="utf-8"))
    plain["texts"]["sha256"] = "77" * 32
    reports[1].write_text(json.dumps(plain), encoding="utf-8")
    outcome = cli("compare", *reports)
    assert outcome.code == 2
    assert "--allow texts" in outcome.err
    allowed = cli("compare", *reports, "--allow", "texts")
    assert allowed.code == 0
    assert "allowed to differ: texts: " in allowed.err


def test_a_file_that_is_no_report_exits_with_2(cli, reports, tmp_path):
    """The message names the file."""
    path = tmp_path / "none.json"
    outcome = cli("compare", reports[0], path)
    assert outcome.code == 2
    assert str(path) in outcome.err


def test_junit_replaces_its_own_files_and_no_other(cli, bundle, tmp_path):
    """A second run in CI writes over the file of the first; texts and the JUnit files of others stay, byte by byte."""
    own = tmp_path / "own.xml"
    for _ in range(2):
        assert cli("check", bundle, "--max-mb", 100, "--junit", own).code == 0
        assert ET.parse(own).getroot().tag == "testsuites"
    others = {"dev.tsv": "text\tlabel\ngood\tpositive\n", "pytest.xml": '<?xml version="1.0"?><testsuites name="x"/>'}
    for name, content in others.items():
        (tmp_path / name).write_text(content, encoding="utf-8")
        outcome = cli("check", bundle, "--max-mb", 100, "--junit", tmp_path / name)
        assert outcome.code == 2
        assert "not JUnit XML of edgebert check" in outcome.err
        assert (tmp_path / name).read_text(encoding="utf-8") == content


def test_junit_goes_through_links_pipes_and_devices(cli, bundle, tmp_path):
    """A link stays a link, a pipe a pipe, and a full device is a problem of the machine."""
    (tmp_path / "link").symlink_to(tmp_path / "target.xml")
    assert cli("check", bundle, "--max-mb", 100, "--junit", tmp_path / "link").code == 0
    assert (tmp_path / "link").is_symlink()
    assert ET.parse(tmp_path / "target.xml").getroot().tag == "testsuites"
    os.mkfifo(tmp_path / "pipe")
    with subprocess.Popen(["cat", tmp_path / "pipe"], stdout=subprocess.PIPE) as reader:
        assert cli("check", bundle, "--max-mb", 100, "--junit", tmp_path / "pipe").code == 0
        assert reader.stdout is not None
        assert ET.fromstring(reader.stdout.read()).tag == "testsuites"
    assert (tmp_path / "pipe").is_fifo()
    if Path("/dev/full").exists():
        outcome = cli("check", bundle, "--max-mb", 100, "--junit", "/dev/full")
        assert outcome.code == 3
        assert outcome.err.startswith("error: /dev/full: no room left")
        assert Path("/dev/full").is_char_device()


@pytest.mark.skipif(not Path("/dev/stdout").exists(), reason="there is no /dev/stdout")
def test_junit_on_standard_output_is_all_that_is_there(program, bundle):
    """With ``--junit /dev/stdout`` the table is left out, so that the output is XML; with ``--json`` it is refused."""
    started = program("check", bundle, "--max-mb", "100", "--junit", "/dev/stdout")
    out, err = started.communicate(timeout=120)
    assert started.returncode == 0, err
    assert ET.fromstring(out).tag == "testsuites"
    started = program("check", bundle, "--max-mb", "100", "--junit", "/dev/stdout", "--json")
    out, err = started.communicate(timeout=120)
    assert (started.returncode, out) == (2, "")
    assert "standard output" in err
