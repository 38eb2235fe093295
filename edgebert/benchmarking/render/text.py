"""Reports as text: Markdown for a pull request or a wiki, CSV for a spreadsheet or a data frame."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edgebert.benchmarking.analysis.rows import Section, agreement_of, by_request, sections, warnings_of
from edgebert.benchmarking.analysis.stats import Estimate
from edgebert.benchmarking.render import words
from edgebert.benchmarking.render.tables import Sheet, agreement_sheet, sheets, summary_sheet
from edgebert.printable import log_line, markdown, markdown_table, without_command

if TYPE_CHECKING:
    from edgebert.benchmarking.analysis.rows import TimeRow
    from edgebert.benchmarking.analysis.scores import ScoreRow
    from edgebert.benchmarking.report import Report

_NAMES = ("device", "kind", "emulated_cpu", "file", "role", "runtime", "version", "threads", "series", "quantity")
CSV_COLUMNS = (*_NAMES, "value", "low", "high")


def markdown_text(reports: Sequence[Report]) -> str:
    """Return the Markdown of one or more reports.

    Raises:
        UsageError: A report contradicts itself.
    """
    found = sections(reports)
    parts = [f"# {markdown(words.title(found))}"]
    for group in by_request(found):
        summary = summary_sheet(group)
        parts += [_table(summary)] if summary.rows else []
        parts += ["## What was measured", _facts(words.bundle_facts(group[0].report))]
        agreed = agreement_sheet(agreement_of(group))
        parts += [_table(agreed)] if agreed.rows else []
        parts += [_bullets(said)] if (said := warnings_of(group)) else []
        for section in group:
            parts += _device(section)
    return "\n\n".join(parts) + "\n"


def _device(section: Section) -> list[str]:
    report, measurement = section.report, section.measurement
    parts = [f"## {markdown(measurement.device.name)}"]
    parts += [words.EMULATED] if measurement.device.is_emulated else []
    parts += [_facts(words.device_facts(report, measurement)), *map(_table, sheets(section))]
    parts.append(f"Warnings:\n\n{_bullets(section.warnings)}" if section.warnings else words.NO_WARNINGS)
    parts.append(markdown(words.measured(measurement)))
    if absent := words.not_measured(report, measurement):
        parts.append(f"Not measured:\n\n{_bullets(absent)}")
    parts.append(f"```sh\n{log_line(words.command(report, measurement)).replace('```', '')}\n```")
    return parts


def _facts(facts: words.Facts) -> str:
    return "\n".join(f"- {name}: {markdown(value)}" for name, value in facts)


def _bullets(texts: Sequence[str]) -> str:
    return "\n".join(f"- {markdown(text)}" for text in texts)


def _table(sheet: Sheet) -> str:
    note = f"\n\n{markdown(sheet.note)}" if sheet.note else ""
    return f"**{sheet.title}**\n\n{markdown_table(sheet.columns, sheet.rows, right=sheet.right)}{note}"


def csv_text(found: Sequence[Section]) -> str:
    """Return all quantities of all devices as CSV: one line for each, raw numbers, ends of its 95 % interval."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for section in found:
        device = section.measurement.device
        for head, quantities in _quantities(section):
            for quantity, value in quantities.items():
                numbers = (value.value, value.low, value.high) if isinstance(value, Estimate) else (value, None, None)
                if numbers[0] is not None:
                    texts = map(_harmless, (device.name, device.kind, device.cpu, *head, quantity))
                    writer.writerow([*texts, *("" if number is None else repr(number) for number in numbers)])
    return out.getvalue()


def _quantities(section: Section) -> Iterator[tuple[list[str], dict[str, Estimate | float | None]]]:
    """Yield each row of the tables: what names it, and its quantities."""
    for row in section.rows:
        head = [row.file, row.role, row.runtime, row.version, str(row.threads), row.series]
        yield head, _time_quantities(row)
    for score in section.scores:
        yield [score.file, score.role, score.runtime, score.version, "", ""], _score_quantities(score)
    for count in section.counts:
        head = [count.file, count.role, count.runtime, count.version, "1", count.series]
        yield head, {"instructions": count.per_inference, "instructions_of_float": count.share_of_float}
    for energy in section.energy:
        head = [energy.file, "", energy.runtime, "", str(energy.threads), ""]
        yield head, {f"millijoules {energy.counter}": energy.millijoules}


def _time_quantities(row: TimeRow) -> dict[str, Estimate | float | None]:
    return {
        "p50_ns": row.p50_ns,
        "p90_ns": row.p90_ns,
        "p99_ns": row.p99_ns,
        "texts_per_second": row.per_second,
        "times_as_fast_as_float": row.ratio,
        "mean_tokens": row.mean_tokens,
        "import_ns": row.import_ns,
        "load_ns": row.load_ns,
        "first_ns": row.first_ns,
        "peak_rss_bytes": row.peak_rss_bytes,
        "tokenizer_ns": row.tokenizer_ns,
        "size_bytes": row.size_bytes,
        "outliers": row.outliers,
        "runs": row.runs,
        "processes": row.processes,
    }


def _score_quantities(row: ScoreRow) -> dict[str, Estimate | float | None]:
    value = change = None
    metric = row.score.metric if row.score else "accuracy"
    if (score := row.score) is not None:
        value = Estimate(value=score.value, low=score.low, high=score.high)
        if score.difference is not None:
            change = Estimate(value=score.difference, low=score.difference_low, high=score.difference_high)
    return {
        metric: value,
        f"{metric}_change": change,
        "agreement": row.agreement,
        "texts": row.examples,
        "golden_difference": row.golden_difference,
        "golden_tolerance": row.golden_tolerance,
    }


def _harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula, and no CI service for a command."""
    line = without_command(words.shown(text))
    return f"'{line}" if line.startswith(tuple("=+-@＝＋－＠")) else line
