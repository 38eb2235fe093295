"""What a report says, as CSV for a spreadsheet or a data frame."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from edgebert.bench.analysis.stats import Estimate
from edgebert.bench.render.markup import shown
from edgebert.printable import without_command

if TYPE_CHECKING:
    from edgebert.bench.analysis.rows import Section, TimeRow
    from edgebert.bench.analysis.scores import ScoreRow

CSV_COLUMNS = (
    "device",
    "kind",
    "emulated_cpu",
    "file",
    "role",
    "runtime",
    "version",
    "threads",
    "series",
    "quantity",
    "value",
    "low",
    "high",
)


def csv_text(found: Sequence[Section]) -> str:
    """Return all quantities of all devices as CSV: one line for each, raw numbers, ends of its 95 % interval."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    for section in found:
        device = section.measurement.device
        for head, quantity, value in _quantities(section):
            numbers = [repr(value.value), *("" if end is None else repr(end) for end in (value.low, value.high))]
            texts = [device.name, device.kind, device.cpu, *head, quantity]
            writer.writerow([_harmless(text) for text in texts] + numbers)
    return out.getvalue()


def _quantities(section: Section) -> Iterator[tuple[list[str], str, Estimate]]:
    for row in section.rows:
        head = [row.file, row.role, row.runtime, row.version, str(row.threads), row.series]
        yield from ((head, name, value) for name, value in _time_quantities(row) if value is not None)
    for score in section.scores:
        head = [score.file, score.role, score.runtime, score.version, "", ""]
        yield from ((head, name, value) for name, value in _score_quantities(score) if value is not None)
    for count in section.counts:
        head = [count.file, count.role, count.runtime, count.version, "1", count.series]
        found = (("instructions", _bare(count.per_inference)), ("instructions_of_float", _bare(count.share_of_float)))
        yield from ((head, name, value) for name, value in found if value is not None)
    for energy in section.energy:
        head = [energy.file, "", energy.runtime, "", str(energy.threads), ""]
        yield head, f"millijoules {energy.counter}", energy.millijoules


def _time_quantities(row: TimeRow) -> tuple[tuple[str, Estimate | None], ...]:
    return (
        ("p50_ns", row.p50_ns),
        ("p90_ns", row.p90_ns),
        ("p99_ns", row.p99_ns),
        ("texts_per_second", _bare(row.per_second)),
        ("times_as_fast_as_float", row.ratio),
        ("mean_tokens", _bare(row.mean_tokens)),
        ("import_ns", _bare(row.import_ns)),
        ("load_ns", _bare(row.load_ns)),
        ("first_ns", _bare(row.first_ns)),
        ("peak_rss_bytes", _bare(row.peak_rss_bytes)),
        ("tokenizer_ns", _bare(row.tokenizer_ns)),
        ("size_bytes", _bare(row.size_bytes)),
        ("outliers", _bare(row.outliers)),
        ("runs", _bare(row.runs)),
        ("processes", _bare(row.processes)),
    )


def _score_quantities(row: ScoreRow) -> tuple[tuple[str, Estimate | None], ...]:
    accuracy = change = None
    if row.score is not None:
        accuracy = Estimate(value=row.score.value, low=row.score.low, high=row.score.high)
        if row.score.difference is not None:
            low, high = row.score.difference_low, row.score.difference_high
            change = Estimate(value=row.score.difference, low=low, high=high)
    return (
        ("accuracy", accuracy),
        ("accuracy_change", change),
        ("agreement", row.agreement),
        ("texts", _bare(row.examples)),
        ("golden_difference", _bare(row.golden_difference)),
        ("golden_tolerance", _bare(row.golden_tolerance)),
    )


def _bare(value: float | None) -> Estimate | None:
    return None if value is None else Estimate(value=value, low=None, high=None)


def _harmless(text: str) -> str:
    """Return a text that no spreadsheet takes for a formula, and no CI service for a command."""
    line = without_command(shown(text))
    return f"'{line}" if line.startswith(tuple("=+-@＝＋－＠")) else line
