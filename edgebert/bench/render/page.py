"""Reports as one page: a single HTML file that loads nothing, runs nothing, and reads on a phone and on paper."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING

from edgebert.bench.analysis.rows import Section, agreement_of, by_request, sections, warnings_of
from edgebert.bench.render.figures import figures
from edgebert.bench.render.markup import bullets, definitions, element, escaped, paragraph, shown, table
from edgebert.bench.render.readings import condition_sheet
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
from edgebert.outputs import FileKind, begins_with

if TYPE_CHECKING:
    from edgebert.bench.report import Report

GENERATOR = '<meta name="generator" content="edgebert report">'
"""A line of every page: only a file that has it is ever replaced."""

PAGE = FileKind(name="a page of edgebert report", is_one=begins_with(GENERATOR))

_HEAD = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
{generator}
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>{title}</title>
<style>
{style}</style>
</head>
<body>
"""


def page_text(reports: Sequence[Report]) -> str:
    """Return the HTML of a page about one or more reports; equal reports give equal bytes.

    Raises:
        UsageError: A report contradicts itself.
        MissingExtraError: matplotlib, which draws the plots, is not installed.
    """
    found = sections(reports)
    names = {id(section): f"device-{index}" for index, section in enumerate(found, start=1)}
    style = resources.files("edgebert.bench.render").joinpath("page.css").read_text(encoding="utf-8")
    heading = title(found)
    parts = [element("h1", escaped(heading))]
    if len(found) > 1:
        parts.append(_contents(found, names))
    for group in by_request(found):
        parts.append(_head(group))
        parts += [_device(section, names[id(section)]) for section in group]
    parts.append(
        element(
            "footer", paragraph("Made by edgebert report from raw samples: every number here is derived from them.")
        )
    )
    main = element("main", "\n".join(part for part in parts if part))
    return _HEAD.format(generator=GENERATOR, title=escaped(heading), style=style) + main + "\n</body>\n</html>\n"


def _contents(found: Sequence[Section], names: dict[int, str]) -> str:
    links = [
        element("li", element("a", escaped(section.measurement.device.name), href=f"#{names[id(section)]}"))
        for section in found
    ]
    return element("nav", element("ul", "".join(links)), aria_label="Devices")


def _head(group: Sequence[Section]) -> str:
    report = group[0].report
    parts = [element("h2", "What was measured"), definitions(bundle_facts(report))]
    agreed = agreement_sheet(agreement_of(group))
    if agreed.rows:
        parts.append(_table(agreed, among=""))
    if said := warnings_of(group):
        parts.append(_warnings(said))
    return element("section", "\n".join(parts))


def _device(section: Section, name: str) -> str:
    report, measurement = section.report, section.measurement
    device = shown(measurement.device.name)
    parts = [element("h2", escaped(device), id=name)]
    if measurement.device.is_emulated:
        parts.append(paragraph(EMULATED, class_="emulated"))
    parts.append(definitions(device_facts(report, measurement)))
    tables = sheets(section)
    parts += [_table(sheet, among=device) for sheet in tables if not sheet.is_detail]
    parts.append(_warnings(section.warnings) if section.warnings else paragraph(NO_WARNINGS))
    parts.append(figures(section, prefix=name))
    parts += [element("h3", "What was and was not measured"), paragraph(measured(measurement))]
    if absent := not_measured(report, measurement):
        parts += [paragraph("Not measured:"), bullets(absent)]
    parts += [element("h3", "Measure it again"), element("pre", element("code", escaped(command(report, measurement))))]
    details = [sheet for sheet in (*tables, condition_sheet(measurement)) if sheet.is_detail and sheet.rows]
    for sheet in details:
        parts.append(element("details", element("summary", escaped(sheet.title)) + _table(sheet, among=device)))
    return element("section", "\n".join(part for part in parts if part), aria_labelledby=name)


def _warnings(said: Sequence[str]) -> str:
    return element("div", element("h3", "Warnings") + bullets(said), class_="warnings")


def _table(sheet: Sheet, *, among: str) -> str:
    name = f"{sheet.title}: {among}" if among else sheet.title
    return table(sheet.title, sheet.columns, sheet.rows, name=name)
