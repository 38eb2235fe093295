"""What does a cut cost in accuracy? Cuts of the fine-tuned checkpoint, with and without training."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import typer

from benchmarks.cuts import PruningResults, measure_pruning
from benchmarks.page import Figure, bounded, conditions, table, versions
from benchmarks.studies.accuracy import encoder_name, prepared
from benchmarks.suite import TextsOptions
from edgebert.benchmarking.analysis.stats import Estimate
from edgebert.errors import UsageError
from edgebert.intervals import mean_interval
from edgebert.plotting import BLUE, GREY, ORANGE, open_axes, svg_figure
from edgebert.progress import Progress

T = TypeVar("T")

EPOCHS = {None: (0.0, 2.0), "free": (0.0,), "distilled": (2.0,)}
"""Epochs of distillation by what is asked for; 0 is without."""

MOST_POINTS = {(0.6, 0.0): 0.7, (0.5, 0.0): 1.5, (0.6, 2.0): 0.0, (0.5, 2.0): 0.0, (0.35, 2.0): 0.3, (0.25, 2.0): 1.5}
"""Points of accuracy that a cut may cost at most, by the share that it keeps and the epochs of distillation."""


@dataclass(frozen=True, kw_only=True)
class GridOptions(TextsOptions):
    """Options of ``pruning``."""

    seeds: Annotated[str, typer.Option(help="Seeds.")] = "0,1,2"
    shares: Annotated[str, typer.Option(help="Shares of MACs to keep.")] = "0.6,0.5,0.35,0.25"
    only: Annotated[
        Literal["free", "distilled"] | None,
        typer.Option(help="Without training, or with distillation.", show_default="both"),
    ] = None


def run(asked: GridOptions, progress: Progress) -> PruningResults:
    """Cut the fine-tuned checkpoint to each share with each seed, and score each cut."""
    texts = prepared(asked, progress)
    # The record holds what all calls for these seeds found: which parts this one added does not matter.
    seeds = "" if asked.seeds == GridOptions.seeds else f" --seeds {asked.seeds}"
    return measure_pruning(
        *texts,
        asked.build / "pruning",
        shares=_numbers(asked.shares, "--shares", float),
        epochs=EPOCHS[asked.only],
        seeds=_numbers(asked.seeds, "--seeds", int),
        encoder=encoder_name(asked.base),
        command=asked.texts_command("pruning") + seeds,
        progress=progress,
    )


def _numbers(text: str, option: str, kind: Callable[[str], T]) -> tuple[T, ...]:
    try:
        return tuple(kind(part) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise UsageError(f"{option} is {text!r}, not numbers separated by commas") from error


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


def figures(results: PruningResults | None) -> Iterator[Figure]:
    """Yield a figure for each share that was to be reached."""
    for (share, distill), most in MOST_POINTS.items():
        what = f"drop of accuracy, {share:g} of MACs kept, {_how(distill)}"
        found, text = None, ""
        if results and (values := drops(results, share, distill)):
            mean, low, high = mean_interval(values)
            found, text = Estimate(value=mean, low=low, high=high), drop_text(values)
        yield bounded(what, "at most", most, found, unit=" points", text=text)


def section(results: PruningResults, plot: str) -> list[str]:
    """Return the paragraphs of ``RESULTS.md``; ``plot`` is the path of the picture."""
    header = ["MACs kept", "distilled", "right answers by seed", "drop (95 % interval)", "drop as int8.onnx"]
    header += ["MACs left, median", "wall time, median"]
    rows = []
    for distill, share in sorted({(run.distill, run.share) for run in results.runs}, key=lambda row: (row[0], -row[1])):
        runs = [run for run in results.runs if (run.share, run.distill) == (share, distill)]
        cells = (
            f"{share:g}",
            f"{distill:g} epochs" if distill else "no",
            ", ".join(str(right_answers(run.answers.torch, results.expected)) for run in runs),
            drop_text(drops(results, share, distill)),
            drop_text(drops(results, share, distill, int8=True)),
            f"{100 * statistics.median(run.macs_share for run in runs):.1f} %",
            f"{statistics.median(run.wall_ns for run in runs) / 1e9:.0f} s",
        )
        rows.append(cells)
    texts, vocabulary = len(results.expected), results.vocabulary
    uncut = right_answers(results.answers.torch, results.expected)
    uncut_int8 = right_answers(results.answers.int8_onnx, results.expected)
    return [
        f"## Pruning, {results.date}, {results.machine.model}",
        (
            f"`{results.encoder}`, fine-tuned as for accuracy (checkpoint `{results.checkpoint_sha256[:16]}…`), cut "
            f"with {results.train.examples} texts of `{results.train.name}` ({results.tokens_per_text:.1f} tokens on "
            f"average; scores from {results.sample} of them), and asked about {texts} texts of "
            f"`{results.evaluation.name}` (sha256 `{results.evaluation.sha256[:16]}…`), each alone. Before the cut "
            f"{uncut} answers are right ({100 * uncut / texts:.2f} %), as `int8.onnx` {uncut_int8}. A drop is that "
            "float model's accuracy minus the cut model's, below 0 a gain; means over seeds with Student's interval. "
            f"Peak learning rates of the distillation: {_rates(results)}. Times are without the importance scores, "
            "which the runs of a seed share, and were taken while other runs went on: `prune-time` is for times."
        ),
        table(header, rows, right=range(len(header))),
        f"![Drop of accuracy at each share of MACs kept]({plot})",
        (
            f"Cutting the vocabulary to the training texts leaves {vocabulary.tokens_after} of "
            f"{vocabulary.tokens_before} tokens. On {vocabulary.texts} texts that had no say, "
            f"{100 * vocabulary.unknown_before:.2f} % of words are unknown before and "
            f"{100 * vocabulary.unknown_after:.2f} % after, texts grow from {vocabulary.tokens_per_text_before:.2f} to "
            f"{vocabulary.tokens_per_text_after:.2f} tokens, and {100 * vocabulary.agreement:.1f} % of labels agree."
        ),
        *conditions(results),
        (
            f"Load average before a run: {min(run.load_average for run in results.runs):.2f} to "
            f"{max(run.load_average for run in results.runs):.2f}. Packages: {versions(results.packages)}."
        ),
    ]


def draw(results: PruningResults, path: Path) -> None:
    """Draw the drop of accuracy against the share of MACs kept, seeds and means, with what was wanted.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with svg_figure(path, width=7.2, height=4.4) as drawn:
        axes = drawn.subplots()
        for distill in sorted({run.distill for run in results.runs}):
            shares = sorted({run.share for run in results.runs if run.distill == distill}, reverse=True)
            colour = BLUE if distill else ORANGE
            # Side by side, so that equal drops of both kinds can be told apart.
            shift = 0.004 if distill else -0.004
            lost = [drops(results, share, distill) for share in shares]
            places = [share + shift for share in shares]
            axes.plot(
                places, [mean_interval(values)[0] for values in lost], color=colour, label=_how(distill), marker="_"
            )
            for place, values in zip(places, lost, strict=True):
                axes.scatter([place] * len(values), values, color=colour, s=18, alpha=0.6, linewidths=0)
            wanted = [(share, most) for (share, epochs), most in MOST_POINTS.items() if epochs == distill]
            axes.scatter(
                [share + shift for share, _ in wanted],
                [most for _, most in wanted],
                marker=7,  # a caret whose tip is at the value
                s=70,
                color=colour,
                linewidths=0,
                label=f"at most, {'distilled' if distill else 'no training'}",
            )
        axes.axhline(0, color=GREY, linewidth=0.8)
        axes.invert_xaxis()
        axes.set_xticks(sorted({run.share for run in results.runs}))
        open_axes(axes, "share of MACs kept", "accuracy lost (points)")
        drawn.legend(loc="outside lower center", ncols=2, frameon=False)


def _how(distill: float) -> str:
    return f"{distill:g} epochs of distillation" if distill else "no training"


def _rates(results: PruningResults) -> str:
    rates = {run.share: run.learning_rate for run in results.runs if run.learning_rate is not None}
    return ", ".join(f"{rate:.1e} at {share:g}" for share, rate in sorted(rates.items(), reverse=True)) or "none"
