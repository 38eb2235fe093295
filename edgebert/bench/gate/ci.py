"""Findings of the release gate in the forms that continuous integration reads: JUnit XML and GitHub annotations."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Sequence

from edgebert.bench.gate.limits import CheckResult
from edgebert.outputs import FileKind, begins_with
from edgebert.printable import printable

_SUITES = "edgebert check"
JUNIT = FileKind(name="JUnit XML of edgebert check", is_one=begins_with("<testsuites", _SUITES))


def junit(findings: Sequence[CheckResult], *, bundle: str, allow_undecided: bool = False) -> str:
    """Return a JUnit XML document with a test case for each finding.

    Args:
        findings: What the gate found.
        bundle: Name of the bundle, the name of the test suite.
        allow_undecided: Whether an undecided finding counts as skipped instead of failed.
    """
    failed = [item for item in findings if item.verdict == "fail"]
    undecided = [item for item in findings if item.verdict == "undecided"]
    skipped = len(undecided) if allow_undecided else 0
    counts = {
        "tests": str(len(findings)),
        "failures": str(len(failed) + len(undecided) - skipped),
        "errors": "0",
        "skipped": str(skipped),
    }
    root = ET.Element("testsuites", {"name": _SUITES, **counts})
    suite = ET.SubElement(root, "testsuite", {"name": printable(bundle), **counts})
    for item in findings:
        place = printable(item.device or "bundle")
        case = ET.SubElement(suite, "testcase", {"classname": place, "name": printable(f"{item.file} {item.limit}")})
        if item.verdict != "pass":
            is_skipped = item.verdict == "undecided" and allow_undecided
            message = {"message": printable(f"{item.verdict}: {item.value}")}
            ET.SubElement(case, "skipped" if is_skipped else "failure", message).text = printable(item.detail)
        ET.SubElement(case, "system-out").text = printable(f"{item.value}; {item.detail}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def github(findings: Sequence[CheckResult], *, allow_undecided: bool = False) -> tuple[str, ...]:
    """Return a workflow command of GitHub Actions for each finding that is no pass: an error, or a warning.

    Args:
        findings: What the gate found.
        allow_undecided: Whether an undecided finding is a warning instead of an error.
    """
    lines = []
    for item in findings:
        if item.verdict != "pass":
            level = "warning" if item.verdict == "undecided" and allow_undecided else "error"
            title = f"{item.file} {item.limit}" + (f" on {item.device}" if item.device else "")
            text = f"{item.verdict}: {item.value} ({item.detail})"
            lines.append(f"::{level} title={_property(title)}::{_data(text)}")
    return tuple(lines)


def _data(text: str) -> str:
    # A text is on one line, so that of what GitHub escapes only this sign is left.
    return printable(text).replace("%", "%25")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
