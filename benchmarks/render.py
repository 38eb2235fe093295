"""Recorded results as ``RESULTS.md`` and one plot for each: nothing in them that does not follow from the JSON."""

from __future__ import annotations

from pathlib import Path

from benchmarks.emulated import emulated_figures, emulated_section
from benchmarks.figures import Figure, accuracy_figures, interval_text, speed_figures
from benchmarks.overhead import overhead_figures, overhead_section
from benchmarks.parts import canvas, conditions, doubts, figures_table, packages_text, reaches
from benchmarks.pruning_figures import pruning_figures
from benchmarks.records import Records, Results, load_all, result_path
from benchmarks.render_coverage import coverage_figures, coverage_section
from benchmarks.render_pruning import (
    draw_pruned_speed,
    draw_pruning,
    prune_time_section,
    pruned_speed_section,
    pruning_section,
)
from benchmarks.results import AccuracyResults, SpeedResults
from benchmarks.stats import largest_logit_difference, median_ms, peak_rss_mb, speed_up
from edgebert.card import agreement_text, change_text

TITLE = "RESULTS.md"
REFERENCE = "edgebert float32.onnx"
_COLOURS = {
    "edgebert int8": "#0f6fc5",
    "edgebert float32": "#8a8f98",
    "Optimum int8": "#d9730d",
    "Optimum model": "#c9b8a8",
}


def render(results: Path) -> Path:
    """Write ``RESULTS.md`` beside the folder of results, and the plots into it; return the former.

    Raises:
        UsageError: A file of results is damaged.
        MissingExtraError: matplotlib is not installed.
    """
    records = load_all(results)
    for one in records.speed:
        draw(one, plot_path(results, one))
    for cuts in records.pruning:
        draw_pruning(cuts, plot_path(results, cuts))
    for times in records.pruned_speed:
        draw_pruned_speed(times, plot_path(results, times))
    path = results.parent / TITLE
    path.write_text(text(results), encoding="utf-8")
    return path


def plot_path(results: Path, one: Results) -> Path:
    """Return where the plot of results lies."""
    return result_path(results, one).with_suffix(".svg")


def text(results: Path) -> str:
    """Return the content of ``RESULTS.md``.

    Raises:
        UsageError: A file of results is damaged.
    """
    records = load_all(results)
    lines = [
        "# Results",
        "",
        (
            "Made by `python -m benchmarks render` from the files in "
            f"[`{results.name}/`]({results.name}/), which hold the raw samples. "
            "[README.md](README.md) says how to read and repeat them."
        ),
        "",
        "## What was to be reached",
        "",
        *figures_table(all_figures(records)),
        "",
    ]
    for one in records.speed:
        lines += _speed(one, results)
    for scored in records.accuracy:
        lines += _accuracy(scored)
    for cuts in records.pruning:
        lines += pruning_section(cuts, f"{results.name}/{plot_path(results, cuts).name}")
    for timed in records.prune_time:
        lines += prune_time_section(timed)
    for times in records.pruned_speed:
        lines += pruned_speed_section(times, f"{results.name}/{plot_path(results, times).name}")
    for emulated in records.emulated:
        lines += emulated_section(emulated)
    for overhead in records.overhead:
        lines += overhead_section(overhead)
    for covered in records.coverage:
        lines += coverage_section(covered)
    return "\n".join(lines).rstrip("\n") + "\n"


def all_figures(records: Records) -> tuple[Figure, ...]:
    """Return every figure, from the newest results of each kind."""
    return (
        *speed_figures(next(iter(records.speed), None)),
        *accuracy_figures(next(iter(records.accuracy), None)),
        *pruning_figures(records),
        *emulated_figures(next(iter(records.emulated), None)),
        *overhead_figures(next(iter(records.overhead), None)),
        *coverage_figures(next(iter(records.coverage), None)),
    )


def draw(results: SpeedResults, path: Path) -> None:
    """Draw the median time of every file at every length, with 95 % intervals, as an SVG file.

    Raises:
        MissingExtraError: matplotlib is not installed.
    """
    names, lengths = [file.name for file in results.files], results.suite.lengths
    with canvas(path, width=4.2 * len(lengths) + 1.4, height=0.42 * len(names) + 1.2) as drawn:
        panels = drawn.subplots(1, len(lengths), sharey=True, squeeze=False)[0]
        for panel, length in zip(panels, lengths, strict=True):
            found = [median_ms(results, name, length) for name in names]
            bars = panel.barh(
                names,
                [item.value for item in found],
                xerr=reaches(found),
                color=[_COLOURS.get(name.rpartition(".")[0], "#8a8f98") for name in names],
                capsize=3,
            )
            panel.bar_label(bars, labels=[f"{item.value:.1f}" for item in found], padding=4)
            panel.set_xlim(0, 1.18 * max(item.high or item.value for item in found))
            panel.set_title(f"{length} tokens")
            panel.set_xlabel("ms per text")
            panel.spines[["top", "right"]].set_visible(False)
        panels[0].invert_yaxis()


def _speed(results: SpeedResults, folder: Path) -> list[str]:
    suite = results.suite
    sizes = {file.name: file.size_bytes for file in results.files}
    header = ["file", "runtime", "size", *(f"{length} tokens, ms" for length in suite.lengths)]
    header += [*(f"{length}: over its float" for length in suite.lengths), f"peak memory at {suite.lengths[-1]}"]
    header += [f"logits off {REFERENCE.partition(' ')[2]} by"]
    rows = [f"| {' | '.join(header)} |", f"| --- | --- |{' ---: |' * (len(header) - 2)}"]
    for file in results.files:
        over = _float_of(file.name)
        cells = [file.name, f"{file.runtime} {file.runtime_version}", f"{sizes[file.name] / 1e6:.1f} MB"]
        cells += [interval_text(median_ms(results, file.name, length)) for length in suite.lengths]
        for length in suite.lengths:
            cells.append("" if over is None else interval_text(speed_up(results, file.name, over, length), unit=" x"))
        cells.append(f"{peak_rss_mb(results, file.name, suite.lengths[-1]):.0f} MB")
        cells.append(f"{largest_logit_difference(results, file.name, REFERENCE):.1e}")
        rows.append(f"| {' | '.join(cells)} |")
    export = results.export
    return [
        f"## Speed, {results.date}, {results.machine.model}",
        "",
        (
            f"Suite `{suite.name}`: {suite.description}. {suite.rounds} rounds of {suite.runs} runs after "
            f"{suite.warm_up} to warm up; medians; intervals from the spread among rounds (Student's t). "
            f"Threads: {suite.threads}."
        ),
        "",
        *rows,
        "",
        f"![Median time of each file at each length]({folder.name}/{plot_path(folder, results).name})",
        "",
        (
            f"`{export.command}` took {export.wall_ns / 1e9:.1f} s ({export.cpu_ns / 1e9:.1f} s of processor time) "
            f"and at most {export.peak_rss_bytes / 1e9:.2f} GB of memory."
        ),
        "",
        *doubts(results),
        *conditions(results.machine, results.commands),
        f"Load average before the first trial: {results.load_average:.2f}. Packages: {packages_text(results.packages)}."
        + (f" In Optimum's environment: {packages_text(results.peer_packages)}." if results.peer_packages else ""),
        "",
    ]


def _accuracy(results: AccuracyResults) -> list[str]:
    rows = ["| file | runtime | accuracy (95 % interval) | change, points | agreement | flips | McNemar p |"]
    rows.append("| --- | --- | ---: | ---: | ---: | ---: | ---: |")
    for score in results.scores:
        cells = [f"{100 * score.value:.2f} % ({100 * score.low:.2f} to {100 * score.high:.2f})", change_text(score)]
        cells += [agreement_text(score), "" if score.flips is None else str(score.flips)]
        cells.append("" if score.mcnemar_p is None else f"{score.mcnemar_p:.3f}")
        rows.append(f"| {score.file} | {score.runtime} | {' | '.join(cells)} |")
    return [
        f"## Accuracy, {results.date}, {results.machine.model}",
        "",
        (
            f"`{results.encoder}` fine-tuned on {results.train.examples} texts of `{results.train.name}` (sha256 "
            f"`{results.train.sha256[:16]}…`): {results.epochs:g} epochs, learning rate {results.learning_rate:g}, "
            f"batches of {results.batch_size}, at most {results.max_length} tokens, seed {results.seed}. Scored on "
            f"{results.evaluation.examples} texts of `{results.evaluation.name}` (sha256 "
            f"`{results.evaluation.sha256[:16]}…`), {results.truncated} of them cut at {results.lengths[-1]} tokens. "
            "Changes are paired with the float file of the same format, text by text (Newcombe 1998)."
        ),
        "",
        *rows,
        "",
        *conditions(results.machine, results.commands),
        f"Packages: {packages_text(results.packages)}.",
        "",
    ]


def _float_of(name: str) -> str | None:
    """Return the float file that a file is compared with: that of its maker and format."""
    return {
        "edgebert int8.tflite": "edgebert float32.tflite",
        "edgebert int8.onnx": "edgebert float32.onnx",
        "Optimum int8.onnx": "Optimum model.onnx",
    }.get(name)
