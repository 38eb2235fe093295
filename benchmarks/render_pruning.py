"""The sections and plots of pruning: what cuts cost, how long they take, and what they are worth in time."""

from __future__ import annotations

import statistics
from pathlib import Path

from benchmarks.figures import interval_text
from benchmarks.parts import canvas, conditions, doubts, packages_text, reaches
from benchmarks.pruned_speed import UNPRUNED
from benchmarks.pruning_figures import (
    FLOAT,
    FOLLOWED,
    MOST_POINTS,
    drop_text,
    drops,
    fall_of_macs,
    macs_at,
    right_answers,
)
from benchmarks.pruning_results import PrunedSpeedResults, PruneTimeResults, PruningResults
from benchmarks.stats import fall_of_time, median_ms, peak_rss_mb, speed_up
from edgebert.intervals import mean_interval

_FREE, _DISTILLED, _INK, _PALE = "#d9730d", "#0f6fc5", "#24292f", "#8a8f98"


def pruning_section(results: PruningResults, plot: str) -> list[str]:
    """Return the lines about the accuracy of cuts; ``plot`` is the path of their picture."""
    groups = sorted({(run.distill, -run.share) for run in results.runs})
    header = ["MACs kept", "distilled", "right answers by seed", "drop (95 % interval)", "drop as int8.onnx"]
    header += ["MACs left, median", "wall time, median"]
    rows = [f"| {' | '.join(header)} |", "| ---: | ---: | ---: | ---: | ---: | ---: | ---: |"]
    for distill, negative in groups:
        share = -negative
        runs = [run for run in results.runs if (run.share, run.distill) == (share, distill)]
        cells = [f"{share:g}", f"{distill:g} epochs" if distill else "no"]
        cells.append(", ".join(str(right_answers(run.answers.torch, results.expected)) for run in runs))
        cells.append(drop_text(drops(results, share, distill)))
        cells.append(drop_text(drops(results, share, distill, int8=True)))
        cells.append(f"{100 * statistics.median(run.macs_share for run in runs):.1f} %")
        cells.append(f"{statistics.median(run.wall_ns for run in runs) / 1e9:.0f} s")
        rows.append(f"| {' | '.join(cells)} |")
    texts, vocabulary = len(results.expected), results.vocabulary
    uncut = right_answers(results.answers.torch, results.expected)
    uncut_int8 = right_answers(results.answers.int8_onnx, results.expected)
    return [
        f"## Pruning, {results.date}, {results.machine.model}",
        "",
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
        "",
        *rows,
        "",
        f"![Drop of accuracy at each share of MACs kept]({plot})",
        "",
        (
            f"Cutting the vocabulary to the training texts leaves {vocabulary.tokens_after} of "
            f"{vocabulary.tokens_before} tokens. On {vocabulary.texts} texts that had no say, "
            f"{100 * vocabulary.unknown_before:.2f} % of words are unknown before and "
            f"{100 * vocabulary.unknown_after:.2f} % after, texts grow from {vocabulary.tokens_per_text_before:.2f} to "
            f"{vocabulary.tokens_per_text_after:.2f} tokens, and {100 * vocabulary.agreement:.1f} % of labels agree."
        ),
        "",
        *conditions(results.machine, results.commands),
        (
            f"Load average before a run: {min(run.load_average for run in results.runs):.2f} to "
            f"{max(run.load_average for run in results.runs):.2f}. Packages: {packages_text(results.packages)}."
        ),
        "",
    ]


def prune_time_section(results: PruneTimeResults) -> list[str]:
    """Return the lines about the time that ``edgebert prune`` takes."""
    rows = ["| checkpoint | layers, heads, neurons | wall time | processor time | peak memory |"]
    rows.append("| --- | --- | ---: | ---: | ---: |")
    for item in results.timed:
        shape, process = item.architecture, item.process
        widths = f"{shape.layers}, {shape.heads[0]}, {shape.neurons[0]}"
        times = f"{process.wall_ns / 1e9:.1f} s | {process.cpu_ns / 1e9:.1f} s"
        rows.append(f"| {item.checkpoint} | {widths} | {times} | {process.peak_rss_bytes / 1e9:.2f} GB |")
    return [
        f"## Time to prune, {results.date}, {results.machine.model}",
        "",
        (
            f"Half of the MACs cut with {results.train.examples} texts of `{results.train.name}`, no training: one "
            "process from reading the checkpoint to writing the pruned one."
        ),
        "",
        *rows,
        "",
        *conditions(results.machine, (*results.commands, *(item.process.command for item in results.timed))),
        f"Load average before: {results.load_average:.2f}. Packages: {packages_text(results.packages)}.",
        "",
    ]


def pruned_speed_section(results: PrunedSpeedResults, plot: str) -> list[str]:
    """Return the lines about the speed of pruned files; ``plot`` is the path of their picture."""
    suite = results.suite
    header = ["file", "runtime", "size", *(f"{length} tokens, ms" for length in suite.lengths)]
    header += [*(f"{length}: over {FLOAT}" for length in suite.lengths), f"peak memory at {suite.lengths[-1]}"]
    rows = [f"| {' | '.join(header)} |", f"| --- | --- |{' ---: |' * (len(header) - 2)}"]
    for file in results.files:
        cells = [file.name, f"{file.runtime} {file.runtime_version}", f"{file.size_bytes / 1e6:.1f} MB"]
        cells += [interval_text(median_ms(results, file.name, length)) for length in suite.lengths]
        for length in suite.lengths:
            cells.append(interval_text(speed_up(results, file.name, FLOAT, length), unit=" x"))
        cells.append(f"{peak_rss_mb(results, file.name, suite.lengths[-1]):.0f} MB")
        rows.append(f"| {' | '.join(cells)} |")
    shapes = [
        f"- `{shape.name}`: heads {_widths(shape.architecture.heads)}; neurons {_widths(shape.architecture.neurons)}; "
        f"{shape.architecture.vocabulary} tokens; "
        + ", ".join(f"{macs_at(shape.architecture, length) / 1e6:.0f} M MACs at {length}" for length in suite.lengths)
        for shape in results.shapes
    ]
    return [
        f"## Speed of pruned files, {results.date}, {results.machine.model}",
        "",
        (
            f"Shapes of the cuts recorded on {results.cut_date} (checkpoint `{results.cut_checkpoint_sha256[:16]}…`, "
            f"seed {results.cut_seed}), scaled up to the shape of the suite `{suite.name}`: as many heads, "
            "proportionally many neurons, the same layers gone. Weights are random, because speed does not depend on "
            f"them. Batch 1, threads: {suite.threads}, inputs without padding. {suite.rounds} rounds of {suite.runs} "
            f"runs after {suite.warm_up} to warm up; medians; intervals from the spread among rounds (Student's t)."
        ),
        "",
        *shapes,
        "",
        *rows,
        "",
        f"![Fall of time against fall of MACs]({plot})",
        "",
        *doubts(results),
        *conditions(results.machine, results.commands),
        (
            f"Load average before the first trial: {results.load_average:.2f}. "
            f"Packages: {packages_text(results.packages)}."
        ),
        "",
    ]


def draw_pruning(results: PruningResults, path: Path) -> None:
    """Draw the drop of accuracy against the share of MACs kept, seeds and means, with what was wanted.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    with canvas(path, width=7.2, height=4.4) as drawn:
        axes = drawn.subplots()
        for distill in sorted({run.distill for run in results.runs}):
            shares = sorted({run.share for run in results.runs if run.distill == distill}, reverse=True)
            colour = _DISTILLED if distill else _FREE
            label = f"{distill:g} epochs of distillation" if distill else "no training"
            # Side by side, so that equal drops of both kinds can be told apart.
            shift = 0.004 if distill else -0.004
            lost = [drops(results, share, distill) for share in shares]
            places = [share + shift for share in shares]
            axes.plot(places, [mean_interval(values)[0] for values in lost], color=colour, label=label, marker="_")
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
        axes.axhline(0, color=_PALE, linewidth=0.8)
        axes.invert_xaxis()
        axes.set_xticks(sorted({run.share for run in results.runs}))
        axes.set_xlabel("share of MACs kept")
        axes.set_ylabel("accuracy lost (points)")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        drawn.legend(loc="outside lower center", ncols=2, frameon=False)


def draw_pruned_speed(results: PrunedSpeedResults, path: Path) -> None:
    """Draw the fall of time against the fall of MACs of every pruned int8 file, with the line that was wanted.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    lengths = results.suite.lengths
    with canvas(path, width=4.2 * len(lengths) + 0.6, height=4.2) as drawn:
        panels = drawn.subplots(1, len(lengths), sharey=True, squeeze=False)[0]
        for panel, length in zip(panels, lengths, strict=True):
            falls = {shape.name: fall_of_macs(results, shape.name, length) for shape in results.shapes}
            panel.plot([0, 1], [0, 1], color=_PALE, linewidth=1, linestyle=":", label="time falls as MACs do")
            panel.plot([0, 1], [0, FOLLOWED], color=_INK, linewidth=1, label=f"{FOLLOWED:g} of that: wanted")
            for kind, colour, marker, aside in (("onnx", _FREE, "o", -0.006), ("tflite", _DISTILLED, "s", 0.006)):
                names = [name for name in falls if name != UNPRUNED]
                found = [
                    fall_of_time(results, f"{name} int8.{kind}", f"{UNPRUNED} int8.{kind}", length) for name in names
                ]
                panel.errorbar(
                    [falls[name] + aside for name in names],
                    [item.value for item in found],
                    yerr=reaches(found),
                    color=colour,
                    marker=marker,
                    linestyle="none",
                    capsize=3,
                    label=f"int8.{kind}",
                )
            panel.set_xlim(0, 1)
            panel.set_ylim(min(0, panel.get_ylim()[0]), 1)
            panel.set_title(f"{length} tokens")
            panel.set_xlabel("MACs saved, share")
            panel.spines[["top", "right"]].set_visible(False)
            panel.grid(alpha=0.25)
        panels[0].set_ylabel("time saved, share")
        handles, labels = panels[0].get_legend_handles_labels()
        drawn.legend(handles, labels, loc="outside lower center", ncols=4, frameon=False)


def _widths(widths: tuple[int, ...]) -> str:
    return " ".join(map(str, widths))


def _rates(results: PruningResults) -> str:
    rates = {run.share: run.learning_rate for run in results.runs if run.learning_rate is not None}
    return ", ".join(f"{rate:.1e} at {share:g}" for share, rate in sorted(rates.items(), reverse=True)) or "none"
