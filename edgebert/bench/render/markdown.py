"""Reports as Markdown, for a pull request or a wiki."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgebert.bench.analysis.rows import Section, agreement_of, by_request, sections, warnings_of
from edgebert.bench.render.markup import numeric_columns
from edgebert.bench.render.tables import Sheet, agreement_sheet, sheets
from edgebert.bench.render.words import (
    EMULATED,
    NO_WARNINGS,
    bundle_facts,
    command,
    device_facts,
    measured,
    not_measured,
    title,
)
from edgebert.printable import log_line, markdown, markdown_table

if TYPE_CHECKING:
    from edgebert.bench.render.words import Facts
    from edgebert.bench.report import Report


def markdown_text(reports: Sequence[Report]) -> str:
    """Return the Markdown of one or more reports.

    Raises:
        UsageError: A report contradicts itself.
    """
    found = sections(reports)
    parts = [f"# {markdown(title(found))}"]
    for group in by_request(found):
        report = group[0].report
        parts += ["## What was measured", _facts(bundle_facts(report))]
        agreed = agreement_sheet(agreement_of(group))
        parts += [_table(agreed)] if agreed.rows else []
        parts += [_bullets(said)] if (said := warnings_of(group)) else []
        for section in group:
            parts += _device(section)
    return "\n\n".join(parts) + "\n"


def _device(section: Section) -> list[str]:
    report, measurement = section.report, section.measurement
    parts = [f"## {markdown(measurement.device.name)}"]
    parts += [EMULATED] if measurement.device.is_emulated else []
    parts.append(_facts(device_facts(report, measurement)))
    parts += [_table(sheet) for sheet in sheets(section)]
    parts.append(f"Warnings:\n\n{_bullets(section.warnings)}" if section.warnings else NO_WARNINGS)
    parts.append(markdown(measured(measurement)))
    if absent := not_measured(report, measurement):
        parts.append(f"Not measured:\n\n{_bullets(absent)}")
    parts.append(f"```sh\n{log_line(command(report, measurement)).replace('```', '')}\n```")
    return parts


def _facts(facts: Facts) -> str:
    return "\n".join(f"- {name}: {markdown(value)}" for name, value in facts)


def _bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {markdown(text)}" for text in texts)


def _table(sheet: Sheet) -> str:
    right = [index for index, is_number in enumerate(numeric_columns(sheet.rows)) if is_number]
    return f"**{sheet.title}**\n\n{markdown_table(sheet.columns, sheet.rows, right=right)}"
