"""Findings of the release gate in the forms that continuous integration reads: JUnit XML and GitHub annotations."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Sequence

from edgebert.bench.limits import Finding
from edgebert.outputs import FileKind, begins_with

_SUITES = "edgebert check"
JUNIT = FileKind(name="JUnit XML of edgebert check", is_one=begins_with("<testsuites", _SUITES))

# XML 1.0 has no way to hold these, escaped or not.
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(findings: Sequence[Finding], *, bundle: str, allow_undecided: bool = False) -> str:
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
    suite = ET.SubElement(root, "testsuite", {"name": _clean(bundle), **counts})
    for item in findings:
        place = _clean(item.device or "bundle")
        case = ET.SubElement(suite, "testcase", {"classname": place, "name": _clean(f"{item.file} {item.limit}")})
        if item.verdict != "pass":
            is_skipped = item.verdict == "undecided" and allow_undecided
            message = {"message": _clean(f"{item.verdict}: {item.value}")}
            ET.SubElement(case, "skipped" if is_skipped else "failure", message).text = _clean(item.detail)
        ET.SubElement(case, "system-out").text = _clean(f"{item.value}; {item.detail}")
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def github(findings: Sequence[Finding], *, allow_undecided: bool = False) -> tuple[str, ...]:
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


def _clean(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")
