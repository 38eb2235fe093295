"""What a report says, as cells of tables: the same words on the terminal, in Markdown and on the page."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from edgebert.benchmarking.analysis.stats import Estimate
from edgebert.benchmarking.render.words import run_names, shown
from edgebert.card import change_text
from edgebert.metrics import METRICS
from edgebert.parity import PARITY
from edgebert.tallies.changes import CHANGE_COLUMNS, change_cells, what_changed
from edgebert.tallies.kinds import Metric

if TYPE_CHECKING:
    from edgebert.benchmarking.analysis.rows import CountRow, EnergyRow, Section, TimeRow
    from edgebert.benchmarking.analysis.scores import CrossAgreement, ScoreRow
    from edgebert.benchmarking.report import Configuration, DoneTrial, Measurement
    from edgebert.manifest import Score

NONE = "-"
"""What stands in a cell that has nothing to say."""

SPEED, VERDICT = "speed-up", "verdict"
_LESS = ("runtime",)
_LESS_OF_COST = ("import ms", "tokenizer ms", "outliers", *_LESS)
_LESS_OF_SCORES = ("change", "texts", "parity", *_LESS)
_BRACKETS = "95 % intervals in brackets"
_NUMERIC = re.compile(r"[-+0-9.,<]+( .*|%|)")

Cells = dict[str, str]
"""Cells of a row by the names of their columns."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table of texts.

    Attributes:
        title: What it shows.
        columns: Headings; the first column names the row.
        rows: Cells, as many in each row as there are columns.
        extra: Columns that a narrow terminal leaves out.
        is_detail: Whether it is shown after all else, or folded.
        note: What a reader should know of its numbers, in a sentence; often empty.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    extra: frozenset[str] = frozenset()
    is_detail: bool = False
    note: str = ""

    @property
    def right(self) -> frozenset[int]:
        """Columns that belong on the right: all their cells are numbers or empty, and they do not name the row."""
        columns = enumerate(zip(*self.rows, strict=True))
        return frozenset(
            index
            for index, column in columns
            if index > 0 and all(_NUMERIC.fullmatch(cell) for cell in column if cell not in {"", NONE})
        )


def sheets(section: Section) -> tuple[Sheet, ...]:
    """Return the tables of one device; those and the columns of them that say nothing are left out."""
    main = [row for row in section.rows if row.series == section.main_series]
    others = [row for row in section.rows if row.series != section.main_series]
    names = run_names((row.file, row.runtime, row.threads) for row in section.rows)
    texts = f"{_series(main[0].series)} texts, {main[0].mean_tokens:.1f} tokens on average" if main else ""
    answered = run_names((row.file, row.runtime, 1) for row in section.scores)
    counted = run_names((row.file, row.runtime, 1) for row in section.counts)
    scored = next((row.score.metric for row in section.scores if row.score), "accuracy")
    metric = METRICS[scored]
    scores = f"{metric.name[0].upper()}{metric.name[1:]} and agreement with FP32, on this device; {_BRACKETS}"
    found = (
        sheet(f"Times: {texts}; {_BRACKETS}", [_time_cells(row, names) for row in main], extra=(SPEED, VERDICT)),
        sheet("Size, start and memory", [_cost_cells(row, names) for row in main], extra=_LESS_OF_COST),
        replace(
            sheet(scores, [_score_cells(row, answered, metric) for row in section.scores], extra=_LESS_OF_SCORES),
            note=f"Parity is {PARITY}.",
        ),
        sheet(what_changed(section.report.bundle.task), _label_cells(section, answered)),
        sheet("Instructions of one inference", [_count_cells(row, counted) for row in section.counts], extra=_LESS),
        sheet(f"Energy of one inference, loading included; {_BRACKETS}", map(_energy_cells, section.energy)),
        sheet(f"Times by length; {_BRACKETS}", [_length_cells(row, names) for row in others], is_detail=True),
    )
    return tuple(made for made in found if made.rows)


def summary_sheet(group: Sequence[Section]) -> Sheet:
    """Return the answer first: a row for each shipped file, runtime and thread count on each device of a group."""
    metrics = (row.score.metric for section in group for row in section.scores if row.score)
    change = next((f"{METRICS[metric].name} change" for metric in metrics), "change")
    rows = [cells for section in group for cells in _summary_cells(section, change, several=len(group) > 1)]
    return sheet(f"Summary: shipped files against FP32; {_BRACKETS}", rows)


def _summary_cells(section: Section, change: str, *, several: bool) -> Iterable[Cells]:
    main = {(row.file, row.runtime, row.threads): row for row in section.rows if row.series == section.main_series}
    scores = {(row.file, row.runtime): row for row in section.scores}
    # What was timed at several thread counts was scored once; an emulated device has scores alone.
    timed = {key[:2] for key in main}
    keys = [*main, *((*key, 1) for key in scores if key not in timed)]
    names = run_names(keys)
    sizes = {item.file: item for item in section.report.bundle.files}
    for key in keys:
        row, score = main.get(key), scores.get(key[:2])
        if sizes[key[0]].role == "baseline":
            continue
        cells = {"device": shown(section.measurement.device.name)} if several else {}
        cells |= {"file": names[key], "MB": f"{sizes[key[0]].size_bytes / 1e6:.1f}"}
        cells["p50 ms"] = NONE if row is None else _digits(row.p50_ns.value / 1e6)
        cells[SPEED] = NONE if row is None else _speed(row)
        cells[VERDICT] = NONE if row is None or row.verdict is None else row.verdict
        cells[change] = _change(score.score if score else None)
        yield cells


def agreement_sheet(found: Sequence[CrossAgreement]) -> Sheet:
    """Return how often devices give the same label: a row for each two devices, a column for each file."""
    files = dict.fromkeys((f"{shown(item.file)}, {shown(item.runtime)}" for item in found), NONE)
    pairs: dict[tuple[str, str], Cells] = {}
    for item in found:
        names = {"devices": f"{shown(item.first)} and {shown(item.second)}"}
        cells = pairs.setdefault((item.first, item.second), names | files)
        cells[f"{shown(item.file)}, {shown(item.runtime)}"] = f"{100 * item.agreement:.2f} % of {item.examples}"
    return sheet("Agreement among devices: texts with the same answer", pairs.values())


def condition_sheet(measurement: Measurement) -> Sheet:
    """Return the conditions of every process of a real device: lowest and highest of what was read during it."""
    trials = () if measurement.device.is_emulated else measurement.trials
    return sheet("Conditions of every process", map(_condition_cells, trials), is_detail=True)


def sheet(title: str, rows: Iterable[Cells], *, extra: Iterable[str] = (), is_detail: bool = False) -> Sheet:
    """Return a table without the columns that have nothing to say in any row; all rows have the same columns."""
    rows = list(rows)
    columns = list(rows[0]) if rows else []
    kept = columns[:1] + [name for name in columns[1:] if any(row[name] != NONE for row in rows)]
    cells = tuple(tuple(row[name] for name in kept) for row in rows)
    return Sheet(title=title, columns=tuple(kept), rows=cells, extra=frozenset(extra), is_detail=is_detail)


def _time_cells(row: TimeRow, names: Mapping[Configuration, str]) -> Cells:
    return {
        "file": names[row.file, row.runtime, row.threads],
        SPEED: _speed(row),
        VERDICT: row.verdict or ("baseline" if row.role == "baseline" else "no FP32 file to compare with"),
        "p50 ms": _interval(row.p50_ns, 1e6),
        "p90 ms": _digits(row.p90_ns.value / 1e6),
        "p99 ms": _digits(row.p99_ns.value / 1e6),
        "texts/s": _digits(row.per_second),
    }


def _speed(row: TimeRow) -> str:
    return NONE if row.ratio is None else f"{row.ratio.value:.2f} x{_ends(row.ratio, 1, '.2f')}"


def _length_cells(row: TimeRow, names: Mapping[Configuration, str]) -> Cells:
    cells = _time_cells(row, names)
    return {"file": cells["file"], "texts": _series(row.series), "tokens": f"{row.mean_tokens:.1f}"} | cells


def _cost_cells(row: TimeRow, names: Mapping[Configuration, str]) -> Cells:
    return {
        "file": names[row.file, row.runtime, row.threads],
        "size MB": f"{row.size_bytes / 1e6:.1f}",
        "import ms": _digits(row.import_ns / 1e6),
        "load ms": _digits(row.load_ns / 1e6),
        "first ms": NONE if row.first_ns is None else _digits(row.first_ns / 1e6),
        "peak RSS MB": NONE if row.peak_rss_bytes is None else f"{row.peak_rss_bytes / 1e6:.0f}",
        "tokenizer ms": NONE if row.tokenizer_ns is None else _digits(row.tokenizer_ns / 1e6),
        "outliers": f"{100 * row.outliers:.1f} %",
        "runtime": _runtime(row),
    }


def _score_cells(row: ScoreRow, names: Mapping[Configuration, str], of: Metric) -> Cells:
    score, agreement = row.score, row.agreement
    value = NONE if score is None else f"{of.shown(score.value)} ({of.shown(score.low)} to {of.shown(score.high)})"
    golden = f"{row.golden_difference:.2g} of {row.golden_tolerance:.2g}"
    return {
        "file": names[row.file, row.runtime, 1],
        f"{of.name}{' %' * of.in_points}": value,
        "change": _change(score),
        "agreement %": f"{100 * agreement.value:.2f}{_ends(agreement, 0.01, '.2f')}" if agreement else NONE,
        "texts": str(row.examples) if row.examples else NONE,
        "parity": golden if row.golden_difference <= row.golden_tolerance else f"{golden}: BEYOND",
        "runtime": _runtime(row),
    }


def _change(score: Score | None) -> str:
    return change_text(score) or NONE


def _label_cells(section: Section, names: Mapping[Configuration, str]) -> list[Cells]:
    return [
        dict(zip(CHANGE_COLUMNS, map(shown, change_cells(item)), strict=True))
        | {"file": names[row.file, row.runtime, 1]}
        for row in section.scores
        for item in row.label_changes
    ]


def _count_cells(row: CountRow, names: Mapping[Configuration, str]) -> Cells:
    classes = row.classes[:3] if row.per_inference else ()
    return {
        "file": names[row.file, row.runtime, 1],
        "texts": _series(row.series),
        "tokens": str(row.tokens),
        "millions": f"{row.per_inference / 1e6:,.1f}",
        "of FP32": NONE if row.share_of_float is None else f"{100 * row.share_of_float:.1f} %",
        "mostly": _words(f"{shown(name)} {100 * count / row.per_inference:.0f} %" for name, count in classes),
        "runtime": _runtime(row),
    }


def _energy_cells(row: EnergyRow) -> Cells:
    return {
        "file": shown(row.file),
        "runtime": shown(row.runtime),
        "threads": str(row.threads),
        "counter": shown(row.counter),
        "mJ": _interval(row.millijoules, 1),
    }


def _condition_cells(done: DoneTrial) -> Cells:
    read = done.trial.conditions
    caps = [f"{shown(item.name)} {item.state}/{item.highest}" for found in read for item in found.cooling if item.state]
    counts = [found.throttle_count for found in read if found.throttle_count is not None]
    battery = [f"{found.battery_percent} %" for found in read if found.battery_percent is not None]
    battery += [shown(found.battery_status) for found in read if found.battery_status]
    hottest = [max(item.celsius for item in found.temperatures) for found in read if found.temperatures]
    return {
        "process": str(done.order),
        "file": shown(done.file),
        "threads": str(done.trial.threads),
        "waited s": f"{done.waited_s:.1f}",
        "took s": f"{done.trial.elapsed_ns / 1e9:.1f}",
        "GHz": _range([khz / 1e6 for found in read for khz in found.freq_khz], ".2f"),
        "governor": _words(shown(name) for found in read for name in found.governor),
        "°C, hottest": _range(hottest, ".1f"),
        "cooling": _words(caps),
        "throttled": str(counts[-1] - counts[0]) if counts else NONE,
        "load": _range([found.load for found in read if found.load is not None], ".2f"),
        "battery": _words(battery),
    }


def _runtime(row: TimeRow | ScoreRow | CountRow) -> str:
    return f"{shown(row.runtime)} {shown(row.version)}"


def _series(name: str) -> str:
    return f"up to {name}" if name.isdecimal() else shown(name)


def _interval(value: Estimate, unit: float) -> str:
    return _digits(value.value / unit) + _ends(value, unit, "")


def _ends(value: Estimate, unit: float, style: str) -> str:
    if value.low is None or value.high is None:
        return " (too few processes)" if not style else ""
    low, high = (format(end / unit, style) if style else _digits(end / unit) for end in (value.low, value.high))
    return f" ({low} to {high})"


def _range(values: list[float], style: str) -> str:
    if not values:
        return NONE
    low, high = format(min(values), style), format(max(values), style)
    return low if low == high else f"{low} to {high}"


def _words(found: Iterable[str]) -> str:
    return ", ".join(dict.fromkeys(found)) or NONE


def _digits(value: float) -> str:
    """Return a number with three digits that count, never in scientific notation."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
