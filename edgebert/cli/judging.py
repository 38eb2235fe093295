"""The commands that read reports: report, compare, and the release gate."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, get_args

import edgebert
from edgebert.benchmarking.gate import results as gate
from edgebert.cli import output
from edgebert.cli.choices import Condition
from edgebert.cli.layout import Column
from edgebert.cli.options import BundleFolder, Force, Json, Wide, argument, option
from edgebert.cli.report_tables import show_comparison, show_report
from edgebert.errors import CheckFailed, UsageError
from edgebert.outputs import write_output

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgebert.benchmarking.analysis.rows import Section


def report(
    reports: Annotated[list[Path], argument("Report of edgebert bench.", metavar="REPORT...")],
    html: Annotated[Path | None, option("HTML file to write.", metavar="FILE")] = None,
    *,
    markdown: Annotated[bool, option("Print Markdown.", "--markdown")] = False,
    as_csv: Annotated[bool, option("Print CSV, one quantity per line.", "--csv")] = False,
    wide: Wide = False,
    as_json: Json = False,
    force: Force = False,
) -> None:
    """Show the latency, accuracy and warnings of reports, int8 against FP32, device by device.

    `--html` writes one page that needs no network and no scripts; it requires the extra `report`.
    """
    from edgebert.benchmarking.analysis.rows import by_request, sections
    from edgebert.benchmarking.render.html import PAGE, page_text
    from edgebert.benchmarking.render.text import csv_text, markdown_text
    from edgebert.benchmarking.report import read_report

    if markdown + as_csv + as_json > 1:
        raise UsageError("only one of --markdown, --csv and --json can go to standard output")
    if html is not None:
        output.check_output(html, PAGE, force=force, is_shared=markdown or as_csv or as_json)
    found = [read_report(path) for path in reports]
    if html is not None:
        write_output(html, page_text(found).encode("utf-8", "backslashreplace"), PAGE, force=force)
    if markdown:
        sys.stdout.write(markdown_text(found))
    elif as_csv:
        sys.stdout.write(csv_text(sections(found)))
    elif as_json:
        output.show_json(_plain(by_request(sections(found))))
    elif html is None:
        show_report(by_request(sections(found)), wide=wide)
    if html is not None:
        output.show_note(f"wrote {html}")


def _plain(groups: Sequence[Sequence[Section]]) -> dict[str, object]:
    from edgebert.benchmarking.analysis.rows import agreement_of, warnings_of

    def device(section: Section) -> dict[str, object]:
        return {
            "device": section.measurement.device,
            "created": section.report.created,
            "edgebert": section.report.edgebert,
            "times": section.rows,
            "scores": section.scores,
            "instructions": section.counts,
            "energy": section.energy,
            "warnings": section.warnings,
            "retries": section.measurement.retries,
            "notes": section.measurement.notes,
        }

    return {
        "requests": [
            {
                "bundle": group[0].report.bundle,
                "texts": group[0].report.texts,
                "suite": group[0].report.suite,
                "warnings": warnings_of(group),
                "devices": [device(section) for section in group],
                "agreement": agreement_of(group),
            }
            for group in groups
        ]
    }


_UNASKED = "not checked"


def check(
    bundle: BundleFolder,
    report: Annotated[
        Path | None, option("Report of edgebert bench; limits on speed and on devices need it.", metavar="FILE")
    ] = None,
    max_drop: Annotated[
        float | None,
        option(
            "Largest drop of the metric against FP32: in points for a percentage, else a plain number.",
            default=_UNASKED,
        ),
    ] = None,
    max_mb: Annotated[
        float | None, option("Largest file size, in MB (1,000,000 bytes).", metavar="MB", default=_UNASKED)
    ] = None,
    min_speedup: Annotated[
        float | None,
        option("Smallest speed-up over FP32 on the same device, e.g. 3.", metavar="TIMES", default=_UNASKED),
    ] = None,
    max_p90_ms: Annotated[
        float | None, option("Largest 90th percentile of the latency, in ms.", metavar="MS", default=_UNASKED)
    ] = None,
    min_agreement: Annotated[
        float | None,
        option(
            "Smallest share of examples with the same answer as FP32, from 0 to 1.", metavar="SHARE", default=_UNASKED
        ),
    ] = None,
    device: Annotated[str | None, option("Device of the report to check.", metavar="NAME", default="all")] = None,
    file: Annotated[
        str | None, option("File of the bundle to check, e.g. int8.onnx.", metavar="NAME", default="all shipped")
    ] = None,
    series: Annotated[
        str, option("Inputs whose latency is checked: all, or a length in tokens, e.g. 32.", metavar="all|N")
    ] = "all",
    threads: Annotated[int | None, option("Thread count to check.", default="all measured")] = None,
    junit: Annotated[Path | None, option("JUnit XML file to write.", metavar="FILE")] = None,
    github: Annotated[
        bool | None,
        option("Print annotations for GitHub Actions.", "--github/--no-github", default="when run by GitHub Actions"),
    ] = None,
    *,
    allow_undecided: Annotated[bool, option("Treat undecided checks as passed.", "--allow-undecided")] = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Check a bundle against release limits: each one passes, fails or is undecided.

    [The release gate](benchmarking.md#the-release-gate) describes the verdicts. `--junit` replaces an older JUnit file,
    and never another file.

    Exit code 1: a limit is missed, or the data cannot decide it; `--allow-undecided` accepts the second.
    """
    from edgebert.benchmarking.gate.check import check as judge
    from edgebert.benchmarking.report import read_report

    limits = gate.Limits(
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
        output.check_output(junit, gate.JUNIT, force=True, is_shared=as_json)
    is_shown = not as_json and not output.is_standard_output(junit)
    opened = edgebert.open_bundle(bundle)
    opened.check_files()
    findings = judge(opened, report=None if report is None else read_report(report), limits=limits)
    if junit is not None:
        text = gate.junit(findings, bundle=opened.root.resolve().name, allow_undecided=allow_undecided)
        write_output(junit, text.encode("utf-8"), gate.JUNIT, force=True)
    if as_json:
        output.show_json({"limits": limits, "findings": list(findings)})
    elif is_shown:
        rows = [(at.limit, at.file, at.device or "", at.verdict, at.value, at.detail) for at in findings]
        columns = ("limit", "file", Column("device", is_extra=report is None), "verdict", "found", "from")
        output.show_left_out(output.show_table(columns, rows, wide=wide))
    if os.environ.get("GITHUB_ACTIONS") == "true" if github is None else github:
        output.show_annotations(gate.github(findings, allow_undecided=allow_undecided))
    failed = [item for item in findings if item.verdict == "fail"]
    undecided = [item for item in findings if item.verdict == "undecided"]
    if failed or (undecided and not allow_undecided):
        raise _missed(failed, undecided, len(findings), allow_undecided=allow_undecided)
    if is_shown:
        left = f", {len(undecided)} undecided and allowed" if undecided else ""
        output.show_text(f"passed: {len(findings) - len(undecided)} of {len(findings)}{left}")


def compare(
    old: Annotated[Path, argument("Earlier report.")],
    new: Annotated[Path, argument("Later report.")],
    allow: Annotated[
        list[str] | None,
        option("Condition that may differ.", metavar="CONDITION", choices=get_args(Condition), commas=True),
    ] = None,
    *,
    fail_on_slower: Annotated[bool, option("Exit with code 1 if a row is slower.", "--fail-on-slower")] = False,
    wide: Wide = False,
    as_json: Json = False,
) -> None:
    """Compare two reports row by row: faster, slower or no significant change.

    Reports made under different conditions are refused, and each difference is named; `--allow` accepts one.
    """
    from edgebert.benchmarking.analysis.compare import compare as side_by_side
    from edgebert.benchmarking.report import read_report

    before, after = read_report(old), read_report(new)
    found = side_by_side(before, after, allow=frozenset(allow or ()))
    slower = [f"{row.file} on {row.device}" for row in found.rows if row.verdict == "slower"]
    if as_json:
        plain = {"rows": found.rows, "files": found.files, "allowed": found.allowed}
        output.show_json({**plain, "warnings": found.warnings, "level": found.level})
    else:
        show_comparison(found, is_same=before == after, wide=wide)
    if slower and fail_on_slower:
        raise CheckFailed(f"{len(slower)} of {len(found.rows)} rows are slower: {', '.join(slower)}")


def _missed(
    failed: Sequence[gate.CheckResult], undecided: Sequence[gate.CheckResult], count: int, *, allow_undecided: bool
) -> CheckFailed:
    parts = [f"{len(failed)} failed"] if failed else []
    parts += [f"{len(undecided)} undecided"] if undecided else []
    counted = [*failed, *([] if allow_undecided else undecided)]
    hint = "" if failed else "the table says how much more data would decide; --allow-undecided lets it pass"
    names = ", ".join(dict.fromkeys(f"{item.file} {item.limit}{_needed(item)}" for item in counted))
    return CheckFailed(f"{' and '.join(parts)} of {count} checks: {names}", hint=hint)


def _needed(item: gate.CheckResult) -> str:
    for more, one, several in (
        (item.more_examples, "example", "examples"),
        (item.more_processes, "process", "processes"),
    ):
        if more is not None:
            return f" (undecided: {more:,} more {one if more == 1 else several} needed)"
    return ""
