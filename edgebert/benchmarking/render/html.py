"""Reports as one page: a single HTML file that loads nothing, runs nothing, and reads on a phone and on paper.

``page.html`` is its template. Every value in it is untrusted, because a device, a file or a sensor may be called
``<script>``. ``environment`` passes each one through ``printable``, and jinja2 escapes it for HTML.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import TYPE_CHECKING

from edgebert.benchmarking.analysis import rows
from edgebert.benchmarking.analysis.rows import Section, sections
from edgebert.benchmarking.render import plots, tables, words
from edgebert.benchmarking.render.headline import TONES, headline
from edgebert.benchmarking.render.trace import draw_trace
from edgebert.card_plots import change_axis, forest_row
from edgebert.errors import MissingExtraError
from edgebert.outputs import FileKind, begins_with
from edgebert.plotting import GREY, HUES, VERDICTS, ForestRow, inline_svg
from edgebert.printable import printable

if TYPE_CHECKING:
    from jinja2 import Environment

    from edgebert.benchmarking.render.tables import Sheet
    from edgebert.benchmarking.report import InstructionCount, Report

GENERATOR = '<meta name="generator" content="edgebert report">'
"""A line of every page: only a file that has it is ever replaced."""

PAGE = FileKind(name="a page of edgebert report", is_one=begins_with(GENERATOR))

VERDICT = "verdict"
"""The column of a table that is shown beside the name of the row."""

_CLASSES = 4
_SIGNS = {("o", False): "●", ("o", True): "○", ("s", False): "■", ("s", True): "□"}

Legend = list[tuple[str, str, str]]
"""Class of the colour, sign and name of each kind of mark."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plot:
    """A plot of the page: its kind, which the template has a caption for, the picture as an element, and the legend."""

    kind: str
    svg: str
    legend: Legend


def page_text(reports: Sequence[Report]) -> str:
    """Return the HTML of a page about one or more reports; equal reports give equal bytes.

    Raises:
        UsageError: A report contradicts itself.
        MissingExtraError: jinja2, or matplotlib for the plots, is not installed.
    """
    page = environment().get_template("page.html")
    found = sections(reports)
    shown = {"plots_of": device_plots, "headline": headline, "rows": rows, "tables": tables, "words": words}
    return page.render(found=found, generator=GENERATOR, **shown)


def environment() -> Environment:
    """Return the jinja2 environment of the templates in this folder; every value is made printable and escaped.

    Raises:
        MissingExtraError: jinja2 is not installed.
    """
    try:
        from jinja2 import Environment, FunctionLoader, StrictUndefined
    except ImportError as error:
        raise MissingExtraError("jinja2", extra="report", purpose="writing a page") from error
    folder = resources.files("edgebert.benchmarking.render")
    made = Environment(
        loader=FunctionLoader(lambda name: folder.joinpath(name).read_text(encoding="utf-8")),
        autoescape=True,
        finalize=lambda value: value if hasattr(value, "__html__") else printable(str(value)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.globals |= {
        "columns_of": _columns,
        "VERDICT": VERDICT,
        "TONES": TONES,
        "NO_WARNINGS": words.NO_WARNINGS,
    }
    return made


def device_plots(section: Section, *, prefix: str) -> Iterator[Plot]:
    """Yield the plots of a device for which there is something to draw.

    Args:
        section: The device.
        prefix: Start of the ids in them, unlike that of every other device of the page.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    bundle, measurement, series = section.report.bundle, section.measurement, section.main_series

    def plot(kind: str, svg: str | None, legend: Legend, name: str) -> Iterator[Plot]:
        if svg is not None:
            picture = inline_svg(svg, name=name, prefix=f"{prefix}-{kind}-", colours=plots.COLOURS)
            yield Plot(kind=kind, svg=picture, legend=legend)

    looks, device = plots.marks(bundle), words.shown(measurement.device.name)
    files = [(plots.COLOURS[look.colour], _SIGNS[look.shape, look.is_hollow], file) for file, look in looks.items()]
    if section.rows:  # never of an emulated device
        medians = _pairs((row.file, f"{row.p50_ns.value / 1e6:.3g} ms") for row in section.rows if row.series == series)
        times = plots.draw_times(measurement, bundle, series)
        yield from plot("times", times, [], f"Raw times on {device}; medians: {medians}")
        lengths = plots.draw_lengths(measurement, bundle)
        yield from plot("lengths", lengths, files, f"Median time against the length of the text on {device}")
        trace = draw_trace(measurement, bundle, series)
        yield from plot("trace", trace, files, f"Temperature, frequency and drift of {device} over the run")
    changes = _changes(section)
    values = _pairs((row.name, f"{row.size_mb:.1f} MB, {row.text}") for row in changes)
    metric = next((row.score.metric for row in section.scores if row.score), "")
    drawn = plots.draw_changes(changes, change_of=change_axis(metric) if metric else "")
    verdicts = [
        (plots.COLOURS[VERDICTS[verdict]], "●", verdict) for verdict in dict.fromkeys(row.verdict for row in changes)
    ]
    yield from plot("changes", drawn, verdicts, f"Change of quality and file size: {values}")
    counts = tuple(item for item in measurement.counts if item.series == measurement.counts[0].series)
    classes = _largest_classes(counts)
    hues = zip((*HUES[: len(classes)], GREY), (*classes, "other"), strict=True)
    legend = [(plots.COLOURS[hue], "■", name) for hue, name in hues]
    totals = _pairs((item.file, f"{item.per_inference / 1e6:,.1f} million") for item in counts)
    drawn = plots.draw_counts(counts, classes=classes)
    yield from plot("counts", drawn, legend, f"Instructions of one inference: {totals}")


def _columns(sheet: Sheet) -> list[int]:
    """Return the places of the columns of a table without the verdict, which is shown beside the name of the row."""
    return [index for index, name in enumerate(sheet.columns) if name != VERDICT]


def _changes(section: Section) -> list[ForestRow]:
    """Return the change of the metric of each file that has a baseline, and its size."""
    sizes = {item.file: item.size_bytes for item in section.report.bundle.files}
    names = words.run_names((row.file, row.runtime, 1) for row in section.scores)
    return [
        forest_row(names[row.file, row.runtime, 1], row.score, sizes[row.file], sizes.get(row.baseline))
        for row in section.scores
        if row.score and row.baseline and row.score.difference is not None
    ]


def _largest_classes(counts: Iterable[InstructionCount]) -> list[str]:
    names = Counter[str]()
    for item in counts:
        names.update(dict(item.classes))
    named = sorted(names.keys() - {"other"}, key=lambda name: (-names[name], name))
    return named[:_CLASSES]


def _pairs(pairs: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"{words.shown(file)} {value}" for file, value in pairs)
