"""What a report says, as cells of tables: the same words on the terminal, in Markdown and on the page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgebert.bench.analysis.stats import Estimate
from edgebert.bench.render.markup import shown
from edgebert.bench.render.words import run_names

if TYPE_CHECKING:
    from edgebert.bench.analysis.rows import CountRow, EnergyRow, Section, TimeRow
    from edgebert.bench.analysis.scores import CrossAgreement, ScoreRow
    from edgebert.bench.report import Configuration

NONE = "-"
"""What stands in a cell that has nothing to say."""

_BRACKETS = "95 % intervals in brackets"
_TIME_COLUMNS = (
    "file",
    "as fast as float",
    "verdict",
    "p50 ms",
    "p90 ms",
    "p99 ms",
    "texts/s",
)
_LENGTH_COLUMNS = ("file", "texts", "tokens", *_TIME_COLUMNS[1:])
_COST_COLUMNS = (
    "file",
    "size MB",
    "import ms",
    "load ms",
    "first ms",
    "peak RSS MB",
    "tokenizer ms",
    "outliers",
    "runtime",
)
_SCORE_COLUMNS = (
    "file",
    "accuracy %",
    "change",
    "agreement %",
    "texts",
    "golden logits",
    "runtime",
)
_COUNT_COLUMNS = ("file", "texts", "tokens", "millions", "share of float", "mostly", "runtime")
_ENERGY_COLUMNS = ("file", "runtime", "threads", "counter", "mJ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sheet:
    """A table of texts: its first column names the row; a detail is shown after all else, or folded."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    is_detail: bool = False


def sheets(section: Section) -> tuple[Sheet, ...]:
    """Return the tables of one device; those and the columns of them that say nothing are left out."""
    main = [row for row in section.rows if row.series == section.main_series]
    others = [row for row in section.rows if row.series != section.main_series]
    names = run_names((row.file, row.runtime, row.threads) for row in section.rows)
    texts = f"{_series(main[0].series)} texts, {main[0].mean_tokens:.1f} tokens on average" if main else ""
    answered = run_names((row.file, row.runtime, 1) for row in section.scores)
    counted = run_names((row.file, row.runtime, 1) for row in section.counts)
    scores = [_score_cells(row, answered) for row in section.scores]
    energy = [_energy_cells(row) for row in section.energy]
    found = (
        sheet(f"Times: {texts}; {_BRACKETS}", _TIME_COLUMNS, [_time_cells(row, names) for row in main]),
        sheet("Size, start and memory", _COST_COLUMNS, [_cost_cells(row, names) for row in main]),
        sheet(f"Accuracy and agreement with float, on this device; {_BRACKETS}", _SCORE_COLUMNS, scores),
        sheet("Instructions of one inference", _COUNT_COLUMNS, [_count_cells(row, counted) for row in section.counts]),
        sheet(f"Energy of one inference, loading included; {_BRACKETS}", _ENERGY_COLUMNS, energy),
        sheet(
            f"Times by length; {_BRACKETS}",
            _LENGTH_COLUMNS,
            [_length_cells(row, names) for row in others],
            is_detail=True,
        ),
    )
    return tuple(made for made in found if made.rows)


def agreement_sheet(found: Sequence[CrossAgreement]) -> Sheet:
    """Return how often devices give the same label: a row for each two devices, a column for each file."""
    runs = list(dict.fromkeys((item.file, item.runtime) for item in found))
    pairs: dict[tuple[str, str], dict[tuple[str, str], str]] = {}
    for item in found:
        cells = pairs.setdefault((item.first, item.second), {})
        cells[item.file, item.runtime] = f"{100 * item.agreement:.2f} % of {item.examples}"
    rows = [
        [f"{shown(first)} and {shown(second)}", *(cells.get(run, NONE) for run in runs)]
        for (first, second), cells in pairs.items()
    ]
    columns = ["devices", *(f"{shown(file)}, {shown(runtime)}" for file, runtime in runs)]
    return sheet("Agreement among devices: texts with the same label", columns, rows)


def sheet(title: str, columns: Sequence[str], rows: Sequence[Sequence[str]], *, is_detail: bool = False) -> Sheet:
    """Return a table without the columns that have nothing to say in any row."""
    kept = [index for index in range(len(columns)) if index == 0 or any(row[index] != NONE for row in rows)]
    return Sheet(
        title=title,
        columns=tuple(columns[index] for index in kept),
        rows=tuple(tuple(row[index] for index in kept) for row in rows),
        is_detail=is_detail,
    )


def _time_cells(row: TimeRow, names: Mapping[Configuration, str]) -> tuple[str, ...]:
    ratio = row.ratio
    return (
        names[row.file, row.runtime, row.threads],
        NONE if ratio is None else f"{ratio.value:.2f} x{_ends(ratio, 1, '.2f')}",
        row.verdict or ("the baseline" if row.role == "baseline" else "no float to compare with"),
        _interval(row.p50_ns, 1e6),
        _digits(row.p90_ns.value / 1e6),
        _digits(row.p99_ns.value / 1e6),
        _digits(row.per_second),
    )


def _length_cells(row: TimeRow, names: Mapping[Configuration, str]) -> tuple[str, ...]:
    name, *cells = _time_cells(row, names)
    return (name, _series(row.series), f"{row.mean_tokens:.1f}", *cells)


def _cost_cells(row: TimeRow, names: Mapping[Configuration, str]) -> tuple[str, ...]:
    return (
        names[row.file, row.runtime, row.threads],
        f"{row.size_bytes / 1e6:.1f}",
        _digits(row.import_ns / 1e6),
        _digits(row.load_ns / 1e6),
        NONE if row.first_ns is None else _digits(row.first_ns / 1e6),
        NONE if row.peak_rss_bytes is None else f"{row.peak_rss_bytes / 1e6:.0f}",
        NONE if row.tokenizer_ns is None else _digits(row.tokenizer_ns / 1e6),
        f"{100 * row.outliers:.1f} %",
        _runtime(row),
    )


def _score_cells(row: ScoreRow, names: Mapping[Configuration, str]) -> tuple[str, ...]:
    score, agreement = row.score, row.agreement
    change = NONE
    if score is not None and score.difference is not None:
        ends = Estimate(value=score.difference, low=score.difference_low, high=score.difference_high)
        change = f"{100 * score.difference:+.2f}{_ends(ends, 0.01, '+.2f')}"
    golden = f"{row.golden_difference:.2g} of {row.golden_tolerance:.2g}"
    return (
        names[row.file, row.runtime, 1],
        NONE if score is None else f"{100 * score.value:.2f} ({100 * score.low:.2f} to {100 * score.high:.2f})",
        change,
        NONE if agreement is None else f"{100 * agreement.value:.2f}{_ends(agreement, 0.01, '.2f')}",
        str(row.examples) if row.examples else NONE,
        golden if row.golden_difference <= row.golden_tolerance else f"{golden}: BEYOND",
        _runtime(row),
    )


def _count_cells(row: CountRow, names: Mapping[Configuration, str]) -> tuple[str, ...]:
    classes = row.classes[:3] if row.per_inference else ()
    return (
        names[row.file, row.runtime, 1],
        _series(row.series),
        str(row.tokens),
        f"{row.per_inference / 1e6:,.1f}",
        NONE if row.share_of_float is None else f"{row.share_of_float:.3f}",
        ", ".join(f"{shown(name)} {100 * count / row.per_inference:.0f} %" for name, count in classes) or NONE,
        _runtime(row),
    )


def _energy_cells(row: EnergyRow) -> tuple[str, ...]:
    return (shown(row.file), shown(row.runtime), str(row.threads), shown(row.counter), _interval(row.millijoules, 1))


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


def _digits(value: float) -> str:
    """Return a number with three digits that count, never in scientific notation."""
    if abs(value) >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}" if abs(value) >= 1 else f"{value:.3f}"
