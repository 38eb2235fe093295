"""The commands that judge reports: the release gate, and two reports side by side."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebert.cli import output
from edgebert.cli.arguments import Json
from edgebert.errors import CheckFailed

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgebert.bench.analysis.compare import Change, Comparison
    from edgebert.bench.analysis.scores import FileChange
    from edgebert.bench.analysis.stats import Estimate
    from edgebert.bench.gate.results import CheckResult

_UNASKED = "not asked"


def check(
    bundle: Annotated[Path, typer.Argument(help="Bundle folder.")],
    report: Annotated[Path | None, typer.Option(help="Report of edgebert bench.", show_default="none")] = None,
    max_drop: Annotated[
        float | None, typer.Option(help="Points of accuracy that may be lost against float.", show_default=_UNASKED)
    ] = None,
    max_mb: Annotated[
        float | None, typer.Option(help="Largest file in MB of 1,000,000 bytes.", show_default=_UNASKED)
    ] = None,
    min_speedup: Annotated[
        float | None, typer.Option(help="Times as fast as float on the same device.", show_default=_UNASKED)
    ] = None,
    max_p90_ms: Annotated[
        float | None, typer.Option(help="Time that 90 % of the inferences stay below.", show_default=_UNASKED)
    ] = None,
    min_agreement: Annotated[
        float | None, typer.Option(help="Share of texts labelled as by float, 0 to 1.", show_default=_UNASKED)
    ] = None,
    device: Annotated[str | None, typer.Option(help="Only this device of the report.", show_default="all")] = None,
    file: Annotated[str | None, typer.Option(help="Only this file of the bundle.", show_default="all shipped")] = None,
    series: Annotated[str, typer.Option(help="Texts that the times are of: all, or a length as in 32.")] = "all",
    threads: Annotated[int | None, typer.Option(help="Only this thread count.", show_default="all measured")] = None,
    junit: Annotated[Path | None, typer.Option(help="Also write a JUnit XML file.", show_default="none")] = None,
    github: Annotated[
        bool | None,
        typer.Option("--github/--no-github", help="Annotations for GitHub Actions.", show_default="on GitHub Actions"),
    ] = None,
    *,
    allow_undecided: Annotated[
        bool, typer.Option("--allow-undecided", help="Let pass what the data cannot decide.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Check a bundle against limits before it ships: pass, fail or undecided, never a verdict by noise."""
    from edgebert.bench.gate import results as annotate
    from edgebert.bench.gate.check import check as judge
    from edgebert.bench.gate.results import Limits
    from edgebert.bench.report import read_report
    from edgebert.bundle import open_bundle
    from edgebert.outputs import write_output

    limits = Limits(
        max_drop=max_drop,
        max_mb=max_mb,
        min_speedup=min_speedup,
        max_p90_ms=max_p90_ms,
        min_agreement=min_agreement,
        device=device,
        file=file,
        threads=threads,
        series=series,
    )
    if junit is not None:
        output.check_output(junit, annotate.JUNIT, force=True, is_shared=as_json)
    is_shown = not as_json and not output.is_standard_output(junit)
    opened = open_bundle(bundle)
    findings = judge(opened, report=None if report is None else read_report(report), limits=limits)
    if junit is not None:
        text = annotate.junit(findings, bundle=opened.root.resolve().name, allow_undecided=allow_undecided)
        write_output(junit, text.encode("utf-8"), annotate.JUNIT, force=True)
    if as_json:
        output.show_json({"limits": limits, "findings": list(findings)})
    elif is_shown:
        output.show_table(
            ("limit", "file", "device", "verdict", "found", "from"), [_finding(item) for item in findings]
        )
    if os.environ.get("GITHUB_ACTIONS") == "true" if github is None else github:
        output.show_annotations(annotate.github(findings, allow_undecided=allow_undecided))
    failed = [item for item in findings if item.verdict == "fail"]
    undecided = [item for item in findings if item.verdict == "undecided"]
    if failed or (undecided and not allow_undecided):
        raise _missed(failed, undecided, len(findings), allow_undecided=allow_undecided)
    if is_shown:
        left = f", {len(undecided)} undecided and allowed" if undecided else ""
        output.show_text(f"passed: {len(findings) - len(undecided)} of {len(findings)}{left}")


def compare(
    old: Annotated[Path, typer.Argument(help="Report to compare with.")],
    new: Annotated[Path, typer.Argument(help="Report to judge.")],
    allow: Annotated[
        list[str] | None,
        typer.Option(help="Condition that may differ, as in runtime-version; may be repeated.", show_default="none"),
    ] = None,
    *,
    fail_on_slower: Annotated[bool, typer.Option("--fail-on-slower", help="Exit 1 when a row is slower.")] = False,
    as_json: Json = False,
) -> None:
    """Compare two reports made under equal conditions: faster, slower or no significant change, row by row."""
    from edgebert.bench.analysis.compare import compare as side_by_side
    from edgebert.bench.report import read_report

    found = side_by_side(read_report(old), read_report(new), allow=frozenset(allow or ()))
    slower = [row for row in found.rows if row.verdict == "slower"]
    if as_json:
        plain = {"rows": found.rows, "files": found.files, "allowed": found.allowed}
        output.show_json({**plain, "doubts": found.warnings, "level": found.level})
    else:
        _show_comparison(found)
    if slower and fail_on_slower:
        raise CheckFailed(f"{len(slower)} of {len(found.rows)} rows are slower: {_names(slower)}")


def _finding(item: CheckResult) -> tuple[str, ...]:
    return item.limit, item.file, item.device or "", item.verdict, item.value, item.detail


def _missed(
    failed: Sequence[CheckResult], undecided: Sequence[CheckResult], count: int, *, allow_undecided: bool
) -> CheckFailed:
    parts = [f"{len(failed)} failed"] if failed else []
    parts += [f"{len(undecided)} undecided"] if undecided else []
    counted = [*failed, *([] if allow_undecided else undecided)]
    hint = "" if failed else "the table says how much more data would decide; --allow-undecided lets it pass"
    names = ", ".join(dict.fromkeys(f"{item.file} {item.limit}{_needed(item)}" for item in counted))
    return CheckFailed(f"{' and '.join(parts)} of {count} checks: {names}", hint=hint)


def _needed(item: CheckResult) -> str:
    if item.more_examples is not None:
        return _undecided(item.more_examples, "example", "examples")
    if item.more_processes is not None:
        return _undecided(item.more_processes, "process", "processes")
    return ""


def _undecided(more: int, one: str, several: str) -> str:
    return f" (undecided: {more:,} more {one if more == 1 else several} needed)"


def _show_comparison(found: Comparison) -> None:
    several = len({row.device for row in found.rows} | {item.device for item in found.files if item.device}) > 1
    rows = [_time_row(row, several=several) for row in found.rows]
    rows += [
        _file_row(item, several=several) for item in found.files if item.device or item.old_bytes != item.new_bytes
    ]
    output.show_table(("what", "old", "new", "change", "verdict"), rows)
    for text in found.allowed:
        output.show_note(f"allowed to differ: {text}")
    for text in found.warnings:
        output.show_note(f"warning: {text}")
    counts = [f"{sum(row.verdict == name for row in found.rows)} {name}" for name in _VERDICTS]
    output.show_text(f"of {len(found.rows)} rows: {', '.join(counts)}; intervals hold together at 95 %")


_VERDICTS = ("faster", "slower", "no significant change", "too noisy")


def _time_row(row: Change, *, several: bool) -> tuple[str, ...]:
    ratio = "" if row.verdict == "too noisy" else f"{row.ratio.value:.3f} times as fast{_ends(row.ratio, 1, 3)}"
    where = f"{row.device}: " if several else ""
    what = f"{where}{row.file}, {row.runtime}, {row.threads} thread{'s' * (row.threads > 1)}, series {row.series}"
    return what, f"{row.old_p50_ns / 1e6:.2f} ms", f"{row.new_p50_ns / 1e6:.2f} ms", ratio, row.verdict


def _file_row(item: FileChange, *, several: bool) -> tuple[str, ...]:
    where = f"{item.device}: " if several and item.device else ""
    sizes = (f"{item.old_bytes / 1e6:.2f} MB", f"{item.new_bytes / 1e6:.2f} MB")
    parts = []
    if item.accuracy is not None:
        parts.append(f"accuracy {100 * item.accuracy.value:+.2f} points{_ends(item.accuracy, 100, 2)}")
    if item.agreement is not None:
        parts.append(f"{100 * item.agreement:.1f} % of {item.examples} texts keep their label")
    return f"{where}{item.file}, size and answers", *sizes, ", ".join(parts), ""


def _ends(estimate: Estimate, scale: float, digits: int) -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f" ({scale * estimate.low:.{digits}f} to {scale * estimate.high:.{digits}f})"


def _names(rows: Sequence[Change]) -> str:
    return ", ".join(f"{row.file} on {row.device}" for row in rows)
