"""The release gate: whether a bundle keeps the limits it is given, with a verdict that noise cannot buy.

Accuracy and agreement come from the paired predictions on each device of a report, else from the manifest; speed only
from real devices. What cannot be decided is undecided, with what would decide it. ``decisions.power`` tells how often
that is.
"""

from __future__ import annotations

from edgebert.bench.gate.answers import agreement_findings, drop_findings
from edgebert.bench.gate.limits import CheckResult, Limits, check_limits
from edgebert.bench.gate.times import time_findings
from edgebert.bench.report import Report
from edgebert.bundle import MANIFEST, Bundle, sha256_of
from edgebert.errors import UsageError
from edgebert.manifest import Artifact

__all__ = ["CheckResult", "Limits", "check"]


def check(bundle: Bundle, *, report: Report | None, limits: Limits) -> tuple[CheckResult, ...]:
    """Return what the limits say about each shipped file, on each device where that matters.

    Raises:
        UsageError: There is no limit or one is out of range, the report is of another bundle or lacks what a limit
            needs, or the device, file, thread count or series that was asked for does not exist.
    """
    check_limits(limits)
    files = [item for item in bundle.shipped if limits.file in {None, item.file}]
    if not files:
        known = ", ".join(item.file for item in bundle.shipped)
        raise UsageError(f"{bundle.root}: the bundle ships no file {limits.file!r}", hint=f"it ships {known}")
    if report is not None:
        _check_report(bundle, report)
    _check_device(report, limits)
    found: list[CheckResult] = []
    for item in files:
        if limits.max_mb is not None:
            found.append(_size(item, limits.max_mb))
        if limits.max_drop is not None:
            found += drop_findings(item, report, limits)
        if limits.min_agreement is not None:
            found += agreement_findings(item, report, limits)
    if limits.min_speedup is not None or limits.max_p90_ms is not None:
        found += time_findings(files, report, limits)
    return tuple(found)


def _check_report(bundle: Bundle, report: Report) -> None:
    if sha256_of(bundle.path(MANIFEST)) != report.bundle.manifest_sha256:
        raise UsageError(
            f"the report is of another bundle than {bundle.root} (called {report.bundle.name!r} then)",
            hint="bench this bundle, or check the one that was measured",
        )


def _check_device(report: Report | None, limits: Limits) -> None:
    if limits.device is None:
        return
    names = [] if report is None else [item.device.name for item in report.measurements]
    if limits.device not in names:
        hint = f"it has {', '.join(names)}" if names else "--report REPORT.json names devices"
        raise UsageError(f"there is no device {limits.device!r} in the report", hint=hint)


def _size(item: Artifact, max_mb: float) -> CheckResult:
    megabytes = item.size_bytes / 1e6
    return CheckResult(
        limit=f"--max-mb {max_mb:g}",
        file=item.file,
        device=None,
        verdict="pass" if megabytes <= max_mb else "fail",
        value=f"{megabytes:.2f} MB",
        detail="size of the file",
    )
