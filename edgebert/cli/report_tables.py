"""Reports and their comparison on a terminal: one table with the answer first, then the details."""

from __future__ import annotations

from typing import TYPE_CHECKING

from edgebert.cli import output
from edgebert.cli.layout import Column

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from edgebert.benchmarking.analysis.compare import Change, Comparison
    from edgebert.benchmarking.analysis.rows import Section
    from edgebert.benchmarking.analysis.scores import FileChange
    from edgebert.benchmarking.analysis.stats import Estimate
    from edgebert.benchmarking.render.tables import Cells, Sheet

_VERDICTS = ("faster", "slower", "no significant change", "too noisy")


def show_report(groups: Sequence[Sequence[Section]], *, wide: bool) -> None:
    """Print reports: of each group the summary, its devices, and what speaks against its numbers."""
    from edgebert.benchmarking.analysis.rows import agreement_of, warnings_of
    from edgebert.benchmarking.render.tables import agreement_sheet
    from edgebert.benchmarking.render.words import EMULATED, bundle_facts, device_facts, not_measured, shown

    left_out: list[str] = []
    for group in groups:
        show_summary(group)
        _show_facts(bundle_facts(group[0].report))
        for section in group:
            measurement = section.measurement
            output.show_text("", shown(measurement.device.name))
            _show_facts(device_facts(section.report, measurement))
            if measurement.device.is_emulated:
                output.show_hanging("  ", EMULATED)
            left_out += show_section(section, wide=wide)
            for text in section.warnings:
                output.show_hanging("warning: ", shown(text))
            for text in not_measured(section.report, measurement):
                output.show_hanging("not measured: ", shown(text))
        left_out += _show_sheets([agreement_sheet(agreement_of(group))], wide=wide)
        for text in warnings_of(group):
            output.show_hanging("warning: ", shown(text))
    output.show_left_out(left_out)


def show_summary(group: Sequence[Section]) -> None:
    """Print the answer of a group in one table."""
    from edgebert.benchmarking.render.tables import summary_sheet

    _show_sheets([summary_sheet(group)], wide=False)


def show_section(section: Section, *, wide: bool) -> list[str]:
    """Print the tables of one device, details on request; return what was left out."""
    from edgebert.benchmarking.render.tables import SPEED, VERDICT, sheets

    found = sheets(section)
    left_out = _show_sheets([sheet for sheet in found if wide or not sheet.is_detail], wide=wide)
    details = [sheet.title.partition(";")[0] for sheet in found if sheet.is_detail and not wide]
    left_out = [name for name in left_out if name not in {SPEED, VERDICT, "change"}]  # the summary has these
    return left_out + [title[0].lower() + title[1:] for title in details]


def _show_sheets(sheets: Iterable[Sheet], *, wide: bool) -> list[str]:
    left_out: list[str] = []
    for sheet in sheets:
        if sheet.rows:
            output.show_text("", sheet.title)
            columns = [Column(name, is_extra=name in sheet.extra) for name in sheet.columns]
            left_out += output.show_table(columns, sheet.rows, wide=wide)
            if wide and sheet.note:
                output.show_hanging("", sheet.note)
    output.show_text()
    return left_out


def _show_facts(facts: Sequence[tuple[str, str]]) -> None:
    from edgebert.benchmarking.render.words import shown

    width = max(len(name) for name, _ in facts)
    for name, value in facts:
        output.show_hanging(f"  {name:<{width}}  ", shown(value))


def show_comparison(found: Comparison, *, is_same: bool, wide: bool) -> None:
    """Print what changed: the counts of the verdicts, the times, then sizes and answers.

    Args:
        found: The comparison.
        is_same: Whether both reports are one and the same.
        wide: Whether all columns and the times by length are shown.
    """
    from edgebert.benchmarking.render.tables import sheet
    from edgebert.metrics import METRICS

    if is_same:
        output.show_text("both files hold the same report: there is nothing to compare")
        return
    counts = [f"{count} {name}" for name in _VERDICTS if (count := sum(row.verdict == name for row in found.rows))]
    if found.rows:
        output.show_text(f"of {len(found.rows)} timed rows: {', '.join(counts)}")
    names = [row.series for row in found.rows]
    main = "all" if "all" in names else next(iter(names), "")
    timed = sorted(
        (row for row in found.rows if wide or row.series == main), key=lambda row: (row.device, row.role == "baseline")
    )
    files = [item for item in found.files if item.device or item.old_bytes != item.new_bytes]
    files.sort(key=lambda item: (item.device or "", item.file.startswith("baseline/")))
    metrics = (METRICS[item.metric].name for item in files if item.metric is not None)
    change = f"{next(metrics, '')} change".strip()
    less = {"runtime", "series", "texts"}
    less |= (
        {"device"}
        if len({row.device for row in found.rows} | {item.device for item in files if item.device}) < 2
        else set()
    )
    less |= {"threads"} if len({row.threads for row in timed}) < 2 else set()
    title = f"Median times{'' if wide else f' of series {main}'}; intervals that hold together at 95 % in brackets"
    sheets = (
        sheet(title, map(_time_cells, timed), extra=less),
        sheet("Sizes and answers; 95 % intervals", [_file_cells(item, change) for item in files], extra=less),
    )
    left_out = _show_sheets(sheets, wide=wide)
    for text in found.allowed:
        output.show_note(f"allowed to differ: {text}")
    for text in found.warnings:
        output.show_note(f"warning: {text}")
    output.show_left_out([*left_out, *(["times by length"] if len(timed) < len(found.rows) else [])])


def _time_cells(row: Change) -> Cells:
    return {
        "file": row.file,
        "device": row.device,
        "runtime": row.runtime,
        "threads": str(row.threads),
        "series": row.series,
        "old ms": f"{row.old_p50_ns / 1e6:.3g}",
        "new ms": f"{row.new_p50_ns / 1e6:.3g}",
        "times as fast": "-" if row.verdict == "too noisy" else f"{row.ratio.value:.3f}{_ends(row.ratio, 1, 3)}",
        "verdict": row.verdict,
    }


def _file_cells(item: FileChange, column: str) -> Cells:
    from edgebert.metrics import METRICS

    change = "-"
    if item.accuracy is not None and item.metric is not None:
        metric = METRICS[item.metric]
        ends = _ends(item.accuracy, metric.scale, 2 if metric.in_points else 4, sign="+")
        change = f"{metric.shown(item.accuracy.value, sign=True)}{ends}"
    return {
        "file": item.file,
        "device": item.device or "-",
        "old MB": f"{item.old_bytes / 1e6:.2f}",
        "new MB": f"{item.new_bytes / 1e6:.2f}",
        column: change,
        "same answers": "-" if item.agreement is None else f"{100 * item.agreement:.1f} %",
        "texts": str(item.examples or "-"),
    }


def _ends(estimate: Estimate, scale: float, digits: int, *, sign: str = "") -> str:
    if estimate.low is None or estimate.high is None:
        return ""
    return f" ({scale * estimate.low:{sign}.{digits}f} to {scale * estimate.high:{sign}.{digits}f})"
