"""The result table of the project's README, from recorded results: size, speed and accuracy of the files that ship."""

from __future__ import annotations

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

README = ROOT / "README.md"
BEGIN, END = "<!-- results: python -m benchmarks render -->", "<!-- end of results -->"
LENGTH = 128
FILE = "int8.onnx"
CUTS = (
    ("half of the work cut, no training", "keep 0.5", 0.5, 0.0),
    ("65 % cut, distilled, vocabulary cut", "keep 0.35", 0.35, 2.0),
    ("75 % cut, distilled", "keep 0.25", 0.25, 2.0),
)
"""Each cut: its name in the README, the shape that was timed, the share of MACs kept, epochs of distillation."""


def summary(folder: Path) -> str:
    """Return the table, from the newest results of each study.

    Args:
        folder: The recorded results.

    Raises:
        UsageError: A study that the table needs was not recorded, or a file of results is damaged.
    """
    try:
        speed = recorded(folder, "pruned-speed", PrunedSpeedResults)[0]
        accuracy = recorded(folder, "accuracy", AccuracyResults)[0]
        pruning = recorded(folder, "pruning", PruningResults)[0]
    except IndexError:
        raise UsageError(
            f"{folder}: the README's table needs accuracy, pruning and pruned-speed", hint="record the missing study"
        ) from None
    sizes = {file.name: file.size_bytes / 1e6 for file in speed.files}
    changes = [_int8_change(accuracy), *(_cut_change(pruning, share, distill) for _, _, share, distill in CUTS)]
    names = [("int8", f"unpruned {FILE}"), *((f"int8, {name}", f"{shape} {FILE}") for name, shape, _, _ in CUTS)]
    rows = [("FP32", f"{sizes[FLOAT]:.1f} MB", f"{median_ms(speed, FLOAT, LENGTH).value:.1f} ms", "1.00 x", "")]
    for (name, file), change in zip(names, changes, strict=True):
        faster = speed_up(speed, file, FLOAT, LENGTH)
        time = f"{median_ms(speed, file, LENGTH).value:.1f} ms"
        rows.append((name, f"{sizes[file]:.1f} MB", time, interval_text(faster, unit=" x"), _points(change)))
    header = ("model", "size", f"{LENGTH} tokens", "speed over FP32 (95 % interval)", "change of accuracy, points")
    return table(header, rows, right=(1, 2, 3, 4))


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
