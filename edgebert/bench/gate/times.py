"""What the release gate says about speed, from the times of real devices."""

from __future__ import annotations

from collections.abc import Sequence

from edgebert.bench.analysis.rows import TimeRow, rows
from edgebert.bench.analysis.stats import processes_needed
from edgebert.bench.gate.decisions import decide
from edgebert.bench.gate.limits import CheckResult, Limits
from edgebert.bench.report import Report
from edgebert.errors import UsageError
from edgebert.manifest import Artifact


def time_findings(files: Sequence[Artifact], report: Report | None, limits: Limits) -> list[CheckResult]:
    """Return what ``limits.min_speedup`` and ``limits.max_p90_ms`` say about files on each real device.

    Raises:
        UsageError: There is no report, or it has no times of a real device, or none of that series or thread count.
    """
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
    found = []
    for item in files:
        for name in names:
            chosen = [
                row
                for row in measured
                if (row.device, row.file, row.series) == (name, item.file, limits.series)
                and limits.threads in {None, row.threads}
            ]
            found += _judged(item, name, chosen, limits)
    return found


def _check_known(what: str, wanted: str | int, known: Sequence[str | int]) -> None:
    if wanted not in known:
        hint = f"it has {', '.join(map(str, dict.fromkeys(known)))}"
        raise UsageError(f"the report has no times of {what} {wanted!r}", hint=hint)


def _judged(item: Artifact, device: str, chosen: Sequence[TimeRow], limits: Limits) -> list[CheckResult]:
    found = []
    if limits.min_speedup is not None:
        found += [_speedup(row, limits.min_speedup, limits.alpha) for row in chosen]
    if limits.max_p90_ms is not None:
        found += [_p90(row, limits.max_p90_ms, limits.alpha) for row in chosen]
    if chosen:
        return found
    asked = (("--min-speedup", limits.min_speedup), ("--max-p90-ms", limits.max_p90_ms))
    return [
        CheckResult(
            limit=f"{name} {limit:g}",
            file=item.file,
            device=device,
            verdict="undecided",
            value="not measured",
            detail="the report has no such times of this file on this device",
        )
        for name, limit in asked
        if limit is not None
    ]


def _speedup(row: TimeRow, least: float, alpha: float) -> CheckResult:
    limit = f"--min-speedup {least:g}"
    if row.ratio is None:
        reason = "the float baseline was not measured beside it"
        return _undecided(row, limit, "no ratio", reason)
    value = f"{row.ratio.value:.2f} times as fast"
    if row.ratio.low is None or row.ratio.high is None:
        return _undecided(row, limit, value, "1 more needed for an interval", 1)
    verdict = decide(row.ratio.low, row.ratio.high, least=least)
    value += f" ({row.ratio.low:.2f} to {row.ratio.high:.2f})"
    if verdict == "undecided":
        # Rounds that only one side has do not count, so there may be fewer pairs than processes.
        needed = processes_needed(row.ratio, row.pairs, least, level=1 - 2 * alpha)
        return _undecided(row, limit, value, *_more(needed, row.pairs))
    return CheckResult(limit=limit, file=row.file, device=row.device, verdict=verdict, value=value, detail=_where(row))


def _p90(row: TimeRow, most_ms: float, alpha: float) -> CheckResult:
    limit, p90 = f"--max-p90-ms {most_ms:g}", row.p90_ns
    value = f"p90 {p90.value / 1e6:.2f} ms"
    if p90.low is None or p90.high is None:
        return _undecided(row, limit, value, "1 more needed for an interval", 1)
    verdict = decide(-p90.high, -p90.low, least=-most_ms * 1e6)
    value += f" ({p90.low / 1e6:.2f} to {p90.high / 1e6:.2f})"
    if verdict == "undecided":
        needed = processes_needed(p90, row.processes, most_ms * 1e6, level=1 - 2 * alpha)
        return _undecided(row, limit, value, *_more(needed, row.processes))
    return CheckResult(limit=limit, file=row.file, device=row.device, verdict=verdict, value=value, detail=_where(row))


def _undecided(row: TimeRow, limit: str, value: str, reason: str, more: int | None = None) -> CheckResult:
    return CheckResult(
        limit=limit,
        file=row.file,
        device=row.device,
        verdict="undecided",
        value=value,
        detail=f"{_where(row)}; {reason}",
        more_processes=more,
    )


def _more(needed: int | None, processes: int) -> tuple[str, int | None]:
    if needed is None:
        return "more than 1,000 needed", None
    return f"{needed - processes} more needed", needed - processes


def _where(row: TimeRow) -> str:
    threads = f"{row.threads} thread{'s' * (row.threads > 1)}"
    series = "" if row.series == "all" else f", series {row.series}"
    return f"{row.runtime}, {threads}{series}, {row.processes} process{'es' * (row.processes > 1)}"
