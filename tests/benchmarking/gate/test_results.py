"""Findings as JUnit XML and as annotations of GitHub: nothing in them becomes markup or a command."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from edgebert.benchmarking.gate.results import CheckResult, github, junit
from tests.support.report_values import INT8

FINDINGS = (
    CheckResult(limit="--max-mb 30", file=INT8, device=None, verdict="pass", value="25 MB", detail="size of the file"),
    CheckResult(
        limit="--min-speedup 3",
        file=INT8,
        device="Pi: 5, <new>\x1b",
        verdict="fail",
        value="2 times",
        detail="100 %\n&",
    ),
    CheckResult(
        limit="--max-drop 1", file=INT8, device="Pi", verdict="undecided", value="drop", detail="9 more needed"
    ),
)


def test_junit_counts_what_was_found():
    """A case for each finding, failures with their reason, no control characters; undecided skips when allowed."""
    root = ET.fromstring(junit(FINDINGS, bundle="my bundle"))
    suite = root.find("testsuite")
    assert suite is not None
    assert (root.get("tests"), root.get("failures"), suite.get("name")) == ("3", "2", "my bundle")
    cases = suite.findall("testcase")
    assert [len(case.findall("failure")) for case in cases] == [0, 1, 1]
    assert cases[1].get("classname") == "Pi: 5, <new>\\x1b"
    failure = cases[1].find("failure")
    assert failure is not None
    assert (failure.get("message"), failure.text) == ("fail: 2 times", "100 %\\n&")
    allowed = ET.fromstring(junit(FINDINGS, bundle="b", allow_undecided=True))
    assert (allowed.get("failures"), allowed.get("skipped"), len(allowed.findall(".//skipped"))) == ("1", "1", 1)


def test_github_annotations_are_escaped():
    """One line for each finding that is no pass; nothing in it can end the line, the title or start a command."""
    assert github(FINDINGS) == (
        "::error title=int8.onnx --min-speedup 3 on Pi%3A 5%2C <new>\\x1b::fail: 2 times (100 %25\\n&)",
        "::error title=int8.onnx --max-drop 1 on Pi::undecided: drop (9 more needed)",
    )
    assert github(FINDINGS, allow_undecided=True)[1].startswith("::warning ")


@given(st.text(), st.text())
def test_any_text_survives_in_junit_and_github(device, detail):
    """Whatever a device calls itself, the document parses and an annotation is one line."""
    finding = replace(FINDINGS[1], device=device, detail=detail)
    ET.fromstring(junit([finding], bundle=detail))
    (line,) = github([finding])
    assert not set("\r\n") & set(line)
    assert line.startswith("::error title=")
    assert line.removeprefix("::error title=").partition("::")[0].count(":") == 0
