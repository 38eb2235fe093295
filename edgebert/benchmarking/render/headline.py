"""The answer of a report before its detail: for each device one sentence, and three numbers for each shipped file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from edgebert.benchmarking.render.words import count_of, run_names, shown
from edgebert.card_plots import forest_row
from edgebert.metrics import METRICS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from edgebert.benchmarking.analysis.rows import CountRow, Section, TimeRow
    from edgebert.benchmarking.analysis.scores import ScoreRow

Tone = Literal["good", "bad", "same", "open"]
"""How a verdict is coloured: better, worse, no significant change, or not known."""

TONES: dict[str, Tone] = {
    "faster": "good",
    "slower": "bad",
    "no significant change": "same",
    "too noisy": "open",
    "significant gain": "good",
    "significant drop": "bad",
    "smaller": "good",
    "larger": "bad",
    "same size": "same",
    "fewer": "good",
    "more": "bad",
    "not measured": "open",
}
"""The tone of each verdict."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Number:
    """One number of a headline: what it is, its value, its 95 % interval or where it is from, and the verdict."""

    name: str
    value: str
    interval: str
    verdict: str

    @property
    def tone(self) -> Tone:
        """How it is coloured."""
        return TONES[self.verdict]


@dataclass(frozen=True, slots=True, kw_only=True)
class FileHeadline:
    """A shipped file with its speed-up, change of quality and size, compared with the FP32 model."""

    name: str
    numbers: tuple[Number, Number, Number]


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """What a report says of one device: one sentence about the fastest file, and the numbers of each file."""

    sentence: str
    files: tuple[FileHeadline, ...]


def headline(section: Section) -> Headline:
    """Return the answer of one device: with the fewest threads that were measured, at the main series."""
    found = list(_files(section))
    if not found:
        return Headline(sentence="No shipped file was measured.", files=())
    # The fastest by what is known: a file whose times are too noisy comes last.
    best = max(found, key=lambda each: (each[1].numbers[0].tone == "good", each[2]))[1]
    return Headline(sentence=_sentence(best, several=len(found) > 1), files=tuple(each[1] for each in found))


def _files(section: Section) -> Iterator[tuple[int, FileHeadline, float]]:
    """Yield the place, the headline and the speed-up of each shipped file, or of what stands for its speed."""
    scores = {(row.file, row.runtime): row for row in section.scores}
    shipped = [row for row in section.rows if row.role == "shipped" and row.series == section.main_series]
    least = min((row.threads for row in shipped), default=0)
    timed = {(row.file, row.runtime): row for row in shipped if row.threads == least}
    counted = {(row.file, row.runtime): row for row in reversed(section.counts) if row.role == "shipped"}
    keys = dict.fromkeys((*timed, *counted, *(key for key, row in scores.items() if row.role == "shipped")))
    names = run_names((file, runtime, 1) for file, runtime in keys)
    is_emulated = section.measurement.device.is_emulated
    for place, key in enumerate(keys):
        speed = _instructions(counted.get(key)) if is_emulated else _speed(timed.get(key))
        name = names[*key, 1] + (f", {count_of(least, 'thread')}" if key in timed and least > 1 else "")
        numbers = (speed, _quality(scores.get(key)), _size(section, key[0]))
        row = timed.get(key)
        yield place, FileHeadline(name=name, numbers=numbers), row.ratio.value if row and row.ratio else 0.0


def _speed(row: TimeRow | None) -> Number:
    if row is None or row.ratio is None or row.verdict is None:
        return Number(name="speed-up", value="-", interval="", verdict="not measured")
    ends = (row.ratio.low, row.ratio.high)
    interval = "too few processes" if None in ends else f"{ends[0]:.2f} to {ends[1]:.2f}"
    return Number(name="speed-up", value=f"{row.ratio.value:.2f} x", interval=interval, verdict=row.verdict)


def _instructions(row: CountRow | None) -> Number:
    if row is None or row.share_of_float is None:
        return Number(name="instructions", value="-", interval="", verdict="not measured")
    verdict = "fewer" if row.share_of_float < 1 else "more"
    value = f"{100 * row.share_of_float:.1f} %"
    return Number(name="instructions", value=value, interval="counted, of FP32", verdict=verdict)


def _quality(row: ScoreRow | None) -> Number:
    if row is None or row.score is None or row.score.difference is None:
        return Number(name="quality", value="-", interval="", verdict="not measured")
    metric = METRICS[row.score.metric]
    told, low, high = (
        metric.shown(end or 0.0, sign=True)
        for end in (row.score.difference, row.score.difference_low, row.score.difference_high)
    )
    verdict = forest_row(row.file, row.score, 0, None).verdict
    value = f"{told} {metric.unit}".rstrip()
    return Number(name=f"change of {metric.name}", value=value, interval=f"{low} to {high}", verdict=verdict)


def _size(section: Section, file: str) -> Number:
    sizes = {item.file: item.size_bytes for item in section.report.bundle.files}
    size, whole = sizes[file], sizes.get(section.report.bundle.baseline_of(file) or "")
    value = f"{size / 1e6:.1f} MB"
    if whole is None:
        return Number(name="size", value=value, interval="no FP32 file", verdict="not measured")
    verdict = "smaller" if size < whole else "larger" if size > whole else "same size"
    return Number(
        name="size", value=value, interval=f"{100 * size / whole:.1f} % of {whole / 1e6:.1f} MB", verdict=verdict
    )


def _sentence(best: FileHeadline, *, several: bool) -> str:
    """Return what a file is worth, in one sentence."""
    speed, quality, size = best.numbers
    name = f"The fastest file, {shown(best.name)}," if several and speed.verdict == "faster" else shown(best.name)
    factor, share = speed.value.removesuffix(" x"), size.interval.partition(" %")[0]
    first = {
        "faster": f"{name} is {factor} times as fast as the FP32 model",
        "slower": f"{name} is slower than the FP32 model: {factor} times as fast",
        "no significant change": f"{name} is neither significantly faster nor slower than the FP32 model",
        "too noisy": f"The times of {name} are too noisy to compare with those of the FP32 model",
        "fewer": f"{name} executes {speed.value} of the instructions of the FP32 model",
        "more": f"{name} executes {speed.value} of the instructions of the FP32 model",
        "not measured": f"The speed of {name} was not compared with that of the FP32 model",
    }[speed.verdict]
    metric = quality.name.removeprefix("change of ")
    second = {
        "no significant change": f"its {metric} does not change significantly",
        "significant drop": f"its {metric} drops significantly ({quality.value})",
        "significant gain": f"its {metric} rises significantly ({quality.value})",
        "not measured": "its quality was not measured",
    }[quality.verdict]
    third = f"it has {share} % of the size" if size.verdict != "not measured" else f"its size is {size.value}"
    return f"{first}; {second}, and {third}."
