"""The figures that pruning set out to reach, each with what was found."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.figures import Figure, interval_text, on_one_side
from benchmarks.pruned_speed import SHARES, SMALL_VOCABULARY, UNPRUNED, name_of
from benchmarks.pruning_results import PrunedSpeedResults, PruneTimeResults, PruningResults
from benchmarks.records import Records
from benchmarks.stats import fall_of_time, speed_up
from edgebert.architecture import Architecture
from edgebert.bench.analysis.stats import Estimate
from edgebert.intervals import mean_interval
from edgebert.pruning.cost import macs

MOST_POINTS = {(0.6, 0.0): 0.7, (0.5, 0.0): 1.5, (0.6, 2.0): 0.0, (0.5, 2.0): 0.0, (0.35, 2.0): 0.3, (0.25, 2.0): 1.5}
"""Points of accuracy that a cut may cost at most, by the share that it keeps and the epochs of distillation."""

PRUNE_SECONDS = {"fine-tuned": 120.0, "base": 600.0}
FOLLOWED = 0.85
TIMES_SMALLER = 10.0
TIMES_FASTER = {32: 9.0, 128: 7.0}
FLOAT = f"{UNPRUNED} float32.onnx"


def pruning_figures(records: Records) -> tuple[Figure, ...]:
    """Return the figures of pruning: accuracy, time to prune, and speed and size of what is left."""
    speed = next(iter(records.pruned_speed), None)
    return (
        *_drops(next(iter(records.pruning), None)),
        *_times(next(iter(records.prune_time), None)),
        *_followed(speed),
        *_small(speed),
        *_fast(speed),
    )


def drops(results: PruningResults, share: float, distill: float, *, int8: bool = False) -> tuple[float, ...]:
    """Return the points of accuracy that each seed's cut to a share lost, in the order of the seeds.

    A drop below 0 is a gain. The float model before the cut is what both kinds of files are compared with.

    Args:
        results: What was recorded.
        share: Share of the multiply-accumulates that was asked for.
        distill: Epochs of distillation.
        int8: Whether ``int8.onnx`` answers instead of the float32 model in torch.
    """
    right = right_answers(results.answers.torch, results.expected)
    runs = sorted(
        (run for run in results.runs if (run.share, run.distill) == (share, distill)), key=lambda run: run.seed
    )
    return tuple(
        100
        * (right - right_answers(run.answers.int8_onnx if int8 else run.answers.torch, results.expected))
        / len(results.expected)
        for run in runs
    )


def right_answers(answers: str, expected: str) -> int:
    """Return how many answers are right."""
    return sum(answer == label for answer, label in zip(answers, expected, strict=True))


def drop_text(values: tuple[float, ...]) -> str:
    """Return a mean drop with its interval and the number of seeds, as in ``0.34 (-0.10 to 0.78), 3 seeds``."""
    # Rounding may leave a minus before a zero.
    texts = [f"{value:+.2f}".replace("-0.00", "+0.00") for value in mean_interval(values)]
    interval = f" ({texts[1]} to {texts[2]})" if len(values) > 1 else ""
    return f"{texts[0]}{interval} points, {len(values)} seed{'s' if len(values) > 1 else ''}"


def macs_at(architecture: Architecture, length: int) -> float:
    """Return the multiply-accumulates of one text of a length by a classifier that reads ``[CLS]`` alone."""
    return macs(architecture, {length: 1}, first_token_only=True)


def fall_of_macs(results: PrunedSpeedResults, name: str, length: int) -> float:
    """Return the share of the multiply-accumulates that a shape saves at a length."""
    shapes = {shape.name: shape.architecture for shape in results.shapes}
    return 1 - macs_at(shapes[name], length) / macs_at(shapes[UNPRUNED], length)


def _drops(results: PruningResults | None) -> Iterator[Figure]:
    for (share, distill), most in MOST_POINTS.items():
        how = f"{distill:g} epochs of distillation" if distill else "no training"
        what, wanted = f"drop of accuracy, {share:g} of MACs kept, {how}", f"at most {most:g} points"
        values = drops(results, share, distill) if results else ()
        if not values:
            yield Figure(what=what, wanted=wanted, found="", met=None)
            continue
        mean, low, high = mean_interval(values)
        yield Figure(
            what=what,
            wanted=wanted,
            found=drop_text(values),
            met=mean <= most,
            is_certain=(low <= most) == (high <= most),
        )


def _times(results: PruneTimeResults | None) -> Iterator[Figure]:
    timed = {item.name: item for item in results.timed} if results else {}
    for name, most in PRUNE_SECONDS.items():
        said = "the fine-tuned checkpoint" if name == "fine-tuned" else "DistilBERT-base shape"
        what, wanted = f"edgebert prune of {said}, no training: wall time", f"under {most:g} s"
        item = next((item for key, item in timed.items() if key == name), None)
        if item is None:
            yield Figure(what=what, wanted=wanted, found="", met=None)
        else:
            seconds = item.process.wall_ns / 1e9
            yield Figure(what=what, wanted=wanted, found=f"{seconds:.1f} s", met=seconds < most)


def _followed(results: PrunedSpeedResults | None) -> Iterator[Figure]:
    for share in SHARES:
        for kind in ("onnx", "tflite"):
            for length in TIMES_FASTER:
                file, over = f"{name_of(share)} int8.{kind}", f"{UNPRUNED} int8.{kind}"
                what = f"fall of time over fall of MACs, {file}, length {length}"
                wanted = f"at least {FOLLOWED:g}"
                if results is None or not _was_measured(results, file, over, length):
                    yield Figure(what=what, wanted=wanted, found="", met=None)
                    continue
                time, work = fall_of_time(results, file, over, length), fall_of_macs(results, name_of(share), length)
                ends = [None if end is None else end / work for end in (time.low, time.high)]
                found = Estimate(value=time.value / work, low=ends[0], high=ends[1])
                yield Figure(
                    what=what,
                    wanted=wanted,
                    found=f"{interval_text(found)}: time {-100 * time.value:+.1f} %, MACs {-100 * work:+.1f} %",
                    met=found.value >= FOLLOWED,
                    is_certain=on_one_side(found, FOLLOWED),
                )


def _small(results: PrunedSpeedResults | None) -> Iterator[Figure]:
    sizes = {file.name: file.size_bytes for file in results.files} if results else {}
    for kind in ("tflite", "onnx"):
        name = f"{name_of(SMALL_VOCABULARY)} int8.{kind}"
        what, wanted = f"size of {FLOAT} over {name}, vocabulary cut", f"at least {TIMES_SMALLER:g} x"
        large, small = sizes.get(FLOAT), sizes.get(name)
        if large is None or small is None:
            yield Figure(what=what, wanted=wanted, found="", met=None)
        else:
            yield Figure(what=what, wanted=wanted, found=f"{large / small:.2f} x", met=large / small >= TIMES_SMALLER)


def _fast(results: PrunedSpeedResults | None) -> Iterator[Figure]:
    file = f"{name_of(SMALL_VOCABULARY)} int8.tflite"
    for length, least in TIMES_FASTER.items():
        what, wanted = f"speed of {file} over {FLOAT}, length {length}", f"at least {least:g} x"
        if results is None or not _was_measured(results, file, FLOAT, length):
            yield Figure(what=what, wanted=wanted, found="", met=None)
            continue
        found = speed_up(results, file, FLOAT, length)
        yield Figure(
            what=what,
            wanted=wanted,
            found=interval_text(found, unit=" x"),
            met=found.value >= least,
            is_certain=on_one_side(found, least),
        )


def _was_measured(results: PrunedSpeedResults, file: str, over: str, length: int) -> bool:
    return {file, over} <= {item.name for item in results.files} and length in results.suite.lengths
