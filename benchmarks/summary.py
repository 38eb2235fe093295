"""Table and picture of the project's README, from recorded results: size, speed and accuracy of shipped files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.cuts import PruningResults
from benchmarks.page import interval_text, table
from benchmarks.results import median_ms, recorded, speed_up
from benchmarks.studies.accuracy import AccuracyResults
from benchmarks.studies.pruned_speed import FLOAT, PrunedSpeedResults
from benchmarks.studies.pruning import drops
from benchmarks.suite import ROOT
from edgebert.benchmarking.analysis.stats import Estimate
from edgebert.errors import UsageError
from edgebert.intervals import mean_interval
from edgebert.plotting import FOREST_REST, FOREST_ROW, ForestRow, draw_forest, forest_legend, svg_figure

README = ROOT / "README.md"
PICTURE = ROOT / "docs" / "pictures" / "size-accuracy.svg"
BEGIN, END = "<!-- results: python -m benchmarks render -->", "<!-- end of results -->"
LENGTH = 128
FILE = "int8.onnx"
CUTS = (
    ("half of the work cut, no training", "keep 0.5", 0.5, 0.0),
    ("65 % cut, distilled, vocabulary cut", "keep 0.35", 0.35, 2.0),
    ("75 % cut, distilled", "keep 0.25", 0.25, 2.0),
)
"""Each cut: its name in the README, the shape that was timed, the share of MACs kept, epochs of distillation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A model of the README.

    Attributes:
        name: What the README calls it.
        size_mb: Size of its file in MB.
        median_ms: Median time of an inference in ms.
        speed_up: How many times as fast it is as FP32.
        change: Change of accuracy from FP32, in points.
    """

    name: str
    size_mb: float
    median_ms: float
    speed_up: Estimate
    change: Estimate


def summary_rows(folder: Path) -> tuple[Row, ...]:
    """Return the FP32 model, the int8 model and the pruned ones, from the newest results of each study.

    Args:
        folder: The recorded results.

    Raises:
        UsageError: A study that the README needs was not recorded, or a file of results is damaged.
    """
    try:
        speed = recorded(folder, "pruned-speed", PrunedSpeedResults)[0]
        accuracy = recorded(folder, "accuracy", AccuracyResults)[0]
        pruning = recorded(folder, "pruning", PruningResults)[0]
    except IndexError:
        raise UsageError(
            f"{folder}: the README needs accuracy, pruning and pruned-speed", hint="record the missing study"
        ) from None
    sizes = {file.name: file.size_bytes / 1e6 for file in speed.files}
    same = Estimate(value=0.0, low=0.0, high=0.0)
    models = [("FP32", FLOAT, same), ("int8", f"unpruned {FILE}", _int8_change(accuracy))]
    for name, shape, share, distill in CUTS:
        models.append((f"int8, {name}", f"{shape} {FILE}", _cut_change(pruning, share, distill)))
    return tuple(
        Row(
            name=name,
            size_mb=sizes[file],
            median_ms=median_ms(speed, file, LENGTH).value,
            speed_up=speed_up(speed, file, FLOAT, LENGTH),
            change=change,
        )
        for name, file, change in models
    )


def summary(folder: Path) -> str:
    """Return the table; errors as for ``summary_rows``."""
    float32, *others = summary_rows(folder)
    cells = [(float32.name, f"{float32.size_mb:.1f} MB", f"{float32.median_ms:.1f} ms", "1.00 x", "")]
    for row in others:
        faster = interval_text(row.speed_up, unit=" x")
        cells.append((row.name, f"{row.size_mb:.1f} MB", f"{row.median_ms:.1f} ms", faster, _points(row.change)))
    header = ("model", "size", f"{LENGTH} tokens", "speed over FP32 (95 % interval)", "change of accuracy, points")
    return table(header, cells, right=(1, 2, 3, 4))


def draw_summary(folder: Path, path: Path) -> None:
    """Draw change of accuracy and size of the models as an SVG file; errors as for ``summary_rows``.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    float32, *others = summary_rows(folder)
    rows = [
        ForestRow(
            name=row.name,
            text=_points(row.change),
            change=row.change.value,
            low=row.change.low or 0.0,
            high=row.change.high or 0.0,
            size_mb=row.size_mb,
            baseline_mb=float32.size_mb,
        )
        for row in others
    ]
    with svg_figure(path, width=8.0, height=FOREST_REST + FOREST_ROW * len(rows)) as figure:
        draw_forest(figure, rows, change_of="change of accuracy (points)")
        forest_legend(figure, rows)


def replace_summary(path: Path, found: str) -> None:
    """Replace the table between the two comments of a page."""
    page = path.read_text(encoding="utf-8")
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    path.write_text(f"{before}{BEGIN}\n{found}\n{END}{after}", encoding="utf-8")


def _int8_change(results: AccuracyResults) -> Estimate:
    score = next(score for score in results.scores if score.file == FILE)
    if score.difference is None or score.difference_low is None or score.difference_high is None:
        raise UsageError(f"{results.date}: {FILE} was not scored against its baseline")
    return Estimate(value=100 * score.difference, low=100 * score.difference_low, high=100 * score.difference_high)


def _cut_change(results: PruningResults, share: float, distill: float) -> Estimate:
    mean, low, high = mean_interval(drops(results, share, distill, int8=True))
    return Estimate(value=-mean, low=-high, high=-low)


def _points(change: Estimate) -> str:
    texts = [f"{value:+.2f}".replace("-0.00", "+0.00") for value in (change.value, change.low or 0, change.high or 0)]
    return f"{texts[0]} ({texts[1]} to {texts[2]})"
