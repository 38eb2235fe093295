"""The release gate: whether a bundle keeps the limits it is given, with a verdict that noise cannot buy.

Accuracy and agreement come from the paired answers on each device of a report, else from the manifest; speed only from
real devices. What cannot be decided is undecided, with what would decide it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from os import PathLike
from pathlib import Path
from types import NoneType

from edgebert.arguments import PLACE, expect
from edgebert.benchmarking.analysis.rows import TimeRow, rows
from edgebert.benchmarking.analysis.stats import Estimate, processes_needed
from edgebert.benchmarking.gate.answers import agreement_results, drop_results
from edgebert.benchmarking.gate.results import CheckResult, Decision, Limits, decide
from edgebert.benchmarking.report import Report, read_report
from edgebert.bundle import MANIFEST, Bundle, open_bundle, sha256_of
from edgebert.errors import UsageError
from edgebert.manifest import Artifact


def check(
    bundle: str | Path | Bundle, report: str | Path | Report | None = None, *, limits: Limits
) -> tuple[CheckResult, ...]:
    """Return what the limits say about each shipped file, on each device where that matters.

    Args:
        bundle: Folder of the bundle, whose hashes are compared first; or a bundle that is open.
        report: Report of ``bench`` about this bundle, or its file; ``None`` decides by the manifest alone.
        limits: What the bundle must keep.

    Returns:
        One result for each limit, file and device; its ``verdict`` is ``pass``, ``fail`` or ``undecided``.

    Raises:
        UsageError: The report is of another bundle or lacks what a limit needs, or the device, file, thread count or
            series that was asked for does not exist.
        BundleError: The bundle is damaged.

    Examples:
        >>> results = edgebert.check("bundle", "report.json", limits=edgebert.Limits(max_drop=1, min_speedup=2))
        >>> all(result.verdict == "pass" for result in results)
        True
    """
    expect("limits", limits, Limits)
    expect("report", report, Report, *PLACE, NoneType, hint="bench writes one")
    if not isinstance(bundle, Bundle):
        bundle = open_bundle(bundle)
        bundle.check_files()
    report = read_report(report) if isinstance(report, (str, PathLike)) else report
    files = [item for item in bundle.shipped if limits.file in {None, item.file}]
    if not files:
        known = ", ".join(item.file for item in bundle.shipped)
        raise UsageError(f"{bundle.root}: the bundle ships no file {limits.file!r}", hint=f"it ships {known}")
    if report is not None and sha256_of(bundle.path(MANIFEST)) != report.bundle.manifest_sha256:
        raise UsageError(
            f"the report is of another bundle than {bundle.root} (called {report.bundle.name!r} then)",
            hint="bench this bundle, or check the one that was measured",
        )
    names = [] if report is None else [item.device.name for item in report.measurements]
    if limits.device is not None and limits.device not in names:
        hint = f"it has {', '.join(names)}" if names else "--report REPORT.json names devices"
        raise UsageError(f"there is no device {limits.device!r} in the report", hint=hint)
    found: list[CheckResult] = []
    for item in files:
        if limits.max_mb is not None:
            found.append(_size(item, limits.max_mb))
        if limits.max_drop is not None:
            found += drop_results(item, report, limits)
        if limits.min_agreement is not None:
            found += agreement_results(item, report, limits)
    if limits.min_speedup is not None or limits.max_p90_ms is not None:
        found += _time_results(files, report, limits)
    return tuple(found)


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


def _time_results(files: Sequence[Artifact], report: Report | None, limits: Limits) -> list[CheckResult]:
    """Return what ``limits.min_speedup`` and ``limits.max_p90_ms`` say about files on each real device."""
    asked = "--min-speedup" if limits.min_speedup is not None else "--max-p90-ms"
    if report is None:
        hint = "edgebert bench BUNDLE --out REPORT.json, then --report REPORT.json"
        raise UsageError(f"{asked} needs the times of a report", hint=hint)
    wanted = [item.device for item in report.measurements if limits.device in {None, item.device.name}]
    # Two devices of one name are judged together: each of their rows counts.
    names = list(dict.fromkeys(device.name for device in wanted if not device.is_emulated))
    measured = [row for row in rows(report, level=1 - 2 * limits.alpha) if row.device in names]
    if not measured:
        what = "only emulated devices have been measured" if wanted and not names else "the report has none"
        raise UsageError(
            f"{asked} needs times of a real device: {what}",
            hint="an emulated CPU says nothing about speed; bench a phone, a board or this machine",
        )
    _check_known("series", limits.series, [row.series for row in measured])
    if limits.threads is not None:
        _check_known("thread count", limits.threads, [row.threads for row in measured])
    asked_for = [row for row in measured if row.series == limits.series and limits.threads in {None, row.threads}]
    found: list[CheckResult] = []
    for item in files:
        for name in names:
            chosen = [row for row in asked_for if (row.device, row.file) == (name, item.file)]
            found += _judged(item, name, chosen, limits)
    return found


def _check_known(what: str, wanted: str | int, known: Sequence[str | int]) -> None:
    if wanted not in known:
        hint = f"it has {', '.join(map(str, dict.fromkeys(known)))}"
        raise UsageError(f"the report has no times of {what} {wanted!r}", hint=hint)


def _judged(item: Artifact, device: str, chosen: Sequence[TimeRow], limits: Limits) -> Iterator[CheckResult]:
    asked = (("--min-speedup", limits.min_speedup, _speedup), ("--max-p90-ms", limits.max_p90_ms, _p90))
    for name, limit, judge in asked:
        if limit is None:
            continue
        for row in chosen:
            verdict, value, reason, more = judge(row, limit, 1 - 2 * limits.alpha)
            yield CheckResult(
                limit=f"{name} {limit:g}",
                file=item.file,
                device=device,
                verdict=verdict,
                value=value,
                detail=_where(row) + (f"; {reason}" if reason else ""),
                more_processes=more,
            )
        if not chosen:
            yield CheckResult(
                limit=f"{name} {limit:g}",
                file=item.file,
                device=device,
                verdict="undecided",
                value="not measured",
                detail="the report has no such times of this file on this device",
            )


_Judged = tuple[Decision, str, str, int | None]
"""Verdict, what was found, what would decide, and how many more processes that are."""


def _speedup(row: TimeRow, least: float, level: float) -> _Judged:
    if row.ratio is None:
        return "undecided", "no ratio", "the float baseline was not measured beside it", None
    # Rounds that only one side has do not count, so there may be fewer pairs than processes.
    return _judge(row.ratio, f"{row.ratio.value:.2f} times as fast", 1, row.pairs, least, level, is_most=False)


def _p90(row: TimeRow, most_ms: float, level: float) -> _Judged:
    value = f"p90 {row.p90_ns.value / 1e6:.2f} ms"
    return _judge(row.p90_ns, value, 1e6, row.processes, most_ms, level, is_most=True)


def _judge(
    found: Estimate, value: str, unit: float, processes: int, limit: float, level: float, *, is_most: bool
) -> _Judged:
    if found.low is None or found.high is None:
        return "undecided", value, "1 more needed for an interval", 1
    if is_most:
        verdict = decide(-found.high, -found.low, least=-limit * unit)
    else:
        verdict = decide(found.low, found.high, least=limit * unit)
    value += f" ({found.low / unit:.2f} to {found.high / unit:.2f})"
    if verdict != "undecided":
        return verdict, value, "", None
    needed = processes_needed(found, processes, limit * unit, level=level)
    if needed is None:
        return verdict, value, "more than 1,000 needed", None
    return verdict, value, f"{needed - processes} more needed", needed - processes


def _where(row: TimeRow) -> str:
    threads = f"{row.threads} thread{'s' * (row.threads > 1)}"
    series = "" if row.series == "all" else f", series {row.series}"
    return f"{row.runtime}, {threads}{series}, {row.processes} process{'es' * (row.processes > 1)}"
