"""The command that shows what a benchmark measured."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from edgebert.cli import output
from edgebert.cli.arguments import Force, Json
from edgebert.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from edgebert.bench.analysis.rows import Section


def report(
    reports: Annotated[list[Path], typer.Argument(metavar="REPORT...", help="Reports that edgebert bench wrote.")],
    html: Annotated[Path | None, typer.Option(help="File to write one self-contained page to.")] = None,
    *,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print Markdown instead of tables.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV, one quantity a line, instead of tables.")] = False,
    as_json: Json = False,
    force: Force = False,
) -> None:
    """Show times, accuracy and warnings of one or more reports: float against what ships, each device by itself."""
    from edgebert.bench.analysis.rows import sections
    from edgebert.bench.render.markdown import markdown_text
    from edgebert.bench.render.page import PAGE, page_text
    from edgebert.bench.render.spreadsheet import csv_text
    from edgebert.bench.report import read_report
    from edgebert.outputs import write_output

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
        output.show_json(_plain(sections(found)))
    elif html is None:
        _show(sections(found))
    if html is not None:
        output.show_note(f"wrote {html}")


def _show(found: Sequence[Section]) -> None:
    from edgebert.bench.analysis.rows import agreement_of, by_request, warnings_of
    from edgebert.bench.render.markup import shown
    from edgebert.bench.render.tables import agreement_sheet, sheets
    from edgebert.bench.render.words import EMULATED, bundle_facts, device_facts, not_measured

    for group in by_request(found):
        _show_facts(bundle_facts(group[0].report))
        for section in group:
            measurement = section.measurement
            output.show_text("", shown(measurement.device.name))
            _show_facts(device_facts(section.report, measurement))
            if measurement.device.is_emulated:
                output.show_text(f"  {EMULATED}")
            for sheet in sheets(section):
                output.show_text("", sheet.title)
                output.show_table(sheet.columns, sheet.rows)
            for text in section.warnings:
                output.show_text(f"warning: {shown(text)}")
            for text in not_measured(section.report, measurement):
                output.show_text(f"not measured: {shown(text)}")
        agreed = agreement_sheet(agreement_of(group))
        if agreed.rows:
            output.show_text("", agreed.title)
            output.show_table(agreed.columns, agreed.rows)
        for text in warnings_of(group):
            output.show_text(f"warning: {shown(text)}")


def _show_facts(facts: Sequence[tuple[str, str]]) -> None:
    from edgebert.bench.render.markup import shown

    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        output.show_text(f"  {name:<{width}}  {shown(value)}")


def _plain(found: Sequence[Section]) -> dict[str, object]:
    from edgebert.bench.analysis.rows import agreement_of, by_request, warnings_of

    def device(section: Section) -> dict[str, object]:
        return {
            "device": section.measurement.device,
            "created": section.report.created,
            "edgebert": section.report.edgebert,
            "times": section.rows,
            "scores": section.scores,
            "instructions": section.counts,
            "energy": section.energy,
            "doubts": section.warnings,
            "retries": section.measurement.retries,
            "notes": section.measurement.notes,
        }

    return {
        "requests": [
            {
                "bundle": group[0].report.bundle,
                "texts": group[0].report.texts,
                "suite": group[0].report.suite,
                "doubts": warnings_of(group),
                "devices": [device(section) for section in group],
                "agreement": agreement_of(group),
            }
            for group in by_request(found)
        ]
    }
