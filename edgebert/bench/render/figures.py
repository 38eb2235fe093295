"""The plots of one device as parts of the page: what each shows, how to read it, and its legend."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from edgebert.bench.render.markup import element, escaped, inline_svg, shown
from edgebert.bench.render.plots import (
    COLOURS,
    Scored,
    draw_counts,
    draw_lengths,
    draw_sizes,
    draw_times,
    marks,
)
from edgebert.bench.render.traces import draw_trace
from edgebert.plotting import GREY, HUES

if TYPE_CHECKING:
    from collections.abc import Iterable

    from edgebert.bench.analysis.rows import Section
    from edgebert.bench.report import BundleFacts

_CLASSES = 4
_SIGNS = {("o", False): "●", ("o", True): "○", ("s", False): "■", ("s", True): "□"}


def figures(section: Section, *, prefix: str) -> str:
    """Return the plots of a device as HTML; empty where there is nothing to draw.

    Args:
        section: The device.
        prefix: Start of the ids in them, unlike that of every other device of the page.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    report, measurement = section.report, section.measurement
    bundle, device = report.bundle, shown(measurement.device.name)
    files = _file_legend(bundle)
    made = []
    if section.rows:  # never of an emulated device
        main = [row for row in section.rows if row.series == section.main_series]
        medians = _words((row.file, f"{row.p50_ns.value / 1e6:.3g} ms") for row in main)
        made = [
            _figure(
                draw_times(measurement, bundle, section.main_series),
                prefix=f"{prefix}-times-",
                title="Latency distribution",
                how="Every counted run is one mark, every line of marks one process; equal distances are equal ratios. "
                "Bars: p50 (thick), p90, p99. Texts of different lengths take different times.",
                name=f"Raw times on {device}; medians: {medians}",
                legend="",
            ),
            _figure(
                draw_lengths(measurement, bundle),
                prefix=f"{prefix}-lengths-",
                title="Latency against length",
                how="Median time of the texts of each length in tokens. TFLite files have steps: they pad.",
                name=f"Median time against the length of the text on {device}",
                legend=files,
            ),
            _figure(
                draw_trace(measurement, bundle, section.main_series),
                prefix=f"{prefix}-trace-",
                title="The device during the run",
                how="Temperature and frequency where the system tells them; below, the median of each process over "
                "that of its file: what heat or other work did to the times.",
                name=f"Temperature, frequency and drift of {device} over the run",
                legend=files,
            ),
        ]
    made += [_sizes(section, files, prefix), _counts(section, prefix)]
    return element("div", "".join(made), class_="plots") if any(made) else ""


def _sizes(section: Section, files: str, prefix: str) -> str:
    baselines = {row.baseline for row in section.scores}
    rows = [(row, row.score) for row in section.scores if row.score and (row.baseline or row.file in baselines)]
    scores = [
        Scored(
            file=row.file,
            value=100 * (score.difference or 0.0),
            low=100 * (score.difference_low or 0.0),
            high=100 * (score.difference_high or 0.0),
        )
        for row, score in rows
    ]
    sizes = {item.file: item.size_bytes / 1e6 for item in section.report.bundle.files}
    values = _words((item.file, f"{sizes[item.file]:.1f} MB, {item.value:+.2f} points") for item in scores)
    return _figure(
        draw_sizes(scores, section.report.bundle),
        prefix=f"{prefix}-sizes-",
        title="Size against change of accuracy",
        how="Change from the float file, text by text on this device, with 95 % intervals. An interval that reaches "
        "across the line of the float file leaves open whether there is a change.",
        name=f"File size against change of accuracy: {values}",
        legend=files,
    )


def _counts(section: Section, prefix: str) -> str:
    counts = section.measurement.counts
    counts = tuple(item for item in counts if item.series == counts[0].series)
    names = Counter[str]()
    for item in counts:
        names.update(dict(item.classes))
    classes = [name for name, _ in sorted(names.items(), key=lambda pair: (-pair[1], pair[0])) if name != "other"]
    classes = classes[:_CLASSES]
    totals = _words((item.file, f"{item.per_inference / 1e6:,.1f} million") for item in counts)
    entries = [(HUES[index], "■", name) for index, name in enumerate(classes)]
    return _figure(
        draw_counts(counts, classes=classes),
        prefix=f"{prefix}-counts-",
        title="Instructions of one inference",
        how="Counted on the emulated CPU, one thread, by class of instruction. Fewer is not the same as faster: an "
        "instruction is no unit of time.",
        name=f"Instructions of one inference: {totals}",
        legend=_legend([*entries, (GREY, "■", "other")]),
    )


def _figure(svg: str | None, *, prefix: str, title: str, how: str, name: str, legend: str) -> str:
    if svg is None:
        return ""
    caption = element("figcaption", f"{element('strong', escaped(title))}. {escaped(how)}")
    return element("figure", caption + inline_svg(svg, name=name, prefix=prefix, colours=COLOURS) + legend)


def _file_legend(bundle: BundleFacts) -> str:
    return _legend([(look.colour, _SIGNS[look.shape, look.is_hollow], file) for file, look in marks(bundle).items()])


def _legend(entries: Iterable[tuple[str, str, str]]) -> str:
    inner = "".join(
        element("li", f"{element('span', sign, class_=COLOURS[colour], aria_hidden='true')} {escaped(name)}")
        for colour, sign, name in entries
    )
    return element("ul", inner, class_="legend")


def _words(pairs: Iterable[tuple[str, str]]) -> str:
    return "; ".join(f"{shown(file)} {value}" for file, value in pairs)
