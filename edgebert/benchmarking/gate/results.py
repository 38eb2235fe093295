"""What a bundle must keep, what was found about each limit, and the forms of that which CI reads."""

from __future__ import annotations

import math
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal

from edgebert.arguments import Between, Factor, Share, Weight, check_options
from edgebert.errors import UsageError
from edgebert.outputs import FileKind, begins_with
from edgebert.printable import printable

Decision = Literal["pass", "fail", "undecided"]

_SUITES = "edgebert check"
JUNIT = FileKind(name="JUnit XML of edgebert check", is_one=begins_with("<testsuites", _SUITES))


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a bundle must keep; ``None`` is not asked.

    Attributes:
        max_drop: What the metric may lose against float: points of a share, else a plain number.
        max_mb: Largest file in MB of 1,000,000 bytes.
        min_speedup: Times as fast as float on the same device.
        max_p90_ms: Time in milliseconds that 90 % of the inferences stay below.
        min_agreement: Share of examples, 0 to 1, that get the same answer as from float.
        device: Only this device of the report.
        file: Only this shipped file.
        threads: Only this thread count.
        series: Series of inputs that the times are of.
        alpha: Probability of each wrong verdict when the truth lies at the limit; one-sided.
    """

    max_drop: Weight | None = None
    max_mb: Factor | None = None
    min_speedup: Factor | None = None
    max_p90_ms: Factor | None = None
    min_agreement: Share | None = None
    device: str | None = None
    file: str | None = None
    threads: Annotated[int, Between(1, math.inf)] | None = None
    series: str = "all"
    alpha: Annotated[float, Between(0, 0.5, above=True, below=True)] = 0.025

    def __post_init__(self) -> None:
        """Refuse limits that ask nothing, or that nothing can keep.

        Raises:
            UsageError: There is no limit, or one is out of range; the message names the option.
        """
        asked = ("max_drop", "max_mb", "min_speedup", "max_p90_ms", "min_agreement")
        if all(getattr(self, name) is None for name in asked):
            known = ", ".join("--" + name.replace("_", "-") for name in asked)
            raise UsageError("no limit to check was given", hint=f"give one or more of {known}")
        check_options(self, flags=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one limit says about one file.

    Attributes:
        limit: The limit as the command line has it, as in ``--max-drop 1``.
        device: Device it was found on; ``None`` for what the bundle says of itself.
        value: What was found, with its interval.
        detail: Where that comes from, and what would decide when it is undecided.
        more_examples: Examples that would decide, beyond those there are; ``None`` where they do not matter or where
            more than 1,000,000 would be needed.
        more_processes: The same for processes.
    """

    limit: str
    file: str
    device: str | None
    verdict: Decision
    value: str
    detail: str
    more_examples: int | None = None
    more_processes: int | None = None


def decide(low: float, high: float, *, least: float) -> Decision:
    """Return whether values from ``low`` to ``high`` are all at least ``least``, all below it, or neither."""
    if low >= least:
        return "pass"
    return "fail" if high < least else "undecided"


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
