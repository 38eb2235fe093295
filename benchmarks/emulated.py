"""What an ARM processor would compute: answers and instruction counts of the files on emulated CPUs.

Wall times of an emulator mean nothing, and none are kept: not of this machine either, which runs beside it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from benchmarks.figures import Figure
from benchmarks.parts import conditions, packages_text
from benchmarks.results import Machine
from edgebert.bench.analysis.rows import CountRow, count_rows
from edgebert.bench.analysis.scores import ScoreRow, cross_device_agreement, score_rows
from edgebert.bench.report import Report
from edgebert.bench.run.devices import connect
from edgebert.bench.run.runner import bench
from edgebert.bench.suite import Suite
from edgebert.bundle import open_bundle
from edgebert.cli.benching import cache_folder
from edgebert.manifest import Package
from edgebert.progress import Progress

if TYPE_CHECKING:
    from edgebert.data import Dataset

TEXTS = 200
"""Texts that every file answers on every CPU."""

CPUS = ("cortex-a53", "cortex-a76", "i8mm")
COUNTED = ("cortex-a76", "i8mm")
MOST_OF_FLOAT = {"cortex-a76": 0.36, "i8mm": 0.28}
"""Instructions of int8.tflite over those of its float twin, at most."""

LEAST_AGREEMENT = 0.995
SERIES = "32"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatedResults:
    """Everything that ``python -m benchmarks emulated`` found out.

    Attributes:
        schema: Version of the results.
        kind: Kind of the results.
        date: Day of the run, UTC.
        machine: Machine that emulated.
        commands: Command lines that make them.
        packages: Packages that took part.
        demo: The fine-tuned checkpoint of the accuracy benchmark: answers on every CPU and on this machine, counts.
        base: DistilBERT-base shape with random weights: counts.
    """

    schema: int
    kind: Literal["emulated"]
    date: str
    machine: Machine
    commands: tuple[str, ...]
    packages: tuple[Package, ...]
    demo: Report
    base: Report


def measure_emulated(
    demo: Path, base: Path, evaluation: Dataset, work: Path, *, texts: int = TEXTS, progress: Progress
) -> tuple[Report, Report]:
    """Return the reports of both bundles; a killed run goes on where it was.

    Args:
        demo: Bundle of the fine-tuned checkpoint.
        base: Bundle of the base shape.
        evaluation: Texts to answer.
        work: Folder for the journals.
        texts: How many of them.
        progress: Told of inferences.

    Raises:
        EdgebertError: What a benchmark raises; the first device that failed decides.
    """
    work.mkdir(parents=True, exist_ok=True)
    devices = ("local", *(f"emulator:{cpu}" for cpu in CPUS))
    # Float logits of the golden texts agree to 1e-5 everywhere, and a float file takes five times as long here.
    suite = Suite(accuracy=texts, float_accuracy=False, processes=1, runs=1, warm_up=0)
    answered = _report(demo, devices, suite, evaluation, work / "demo.journal", progress)
    counted = tuple(f"emulator:{cpu}" for cpu in COUNTED)
    return answered, _report(base, counted, replace(suite, accuracy=0), None, work / "base.journal", progress)


def _report(
    bundle: Path, devices: tuple[str, ...], suite: Suite, data: Dataset | None, journal: Path, progress: Progress
) -> Report:
    cache = cache_folder()
    done = bench(
        open_bundle(bundle),
        devices,
        connect=lambda url: connect(url, cache=cache),
        journal=journal,
        suite=suite,
        data=data,
        progress=progress,
    )
    for failure in (*done.gone, *done.misfits):
        raise failure
    journal.unlink()
    kept = tuple(replace(item, trials=()) for item in done.report.measurements)
    return replace(done.report, measurements=kept)


def emulated_figures(results: EmulatedResults | None) -> tuple[Figure, ...]:
    """Return the figures of instruction counts and of agreement among ARM CPUs."""
    return (*_count_figures(results), *_agreement_figures(results))


def _count_figures(results: EmulatedResults | None) -> Iterator[Figure]:
    for shape, (cpu, most) in itertools.product(("demo", "base"), MOST_OF_FLOAT.items()):
        what = f"instructions of int8.tflite over float32.tflite, {cpu}, {shape} shape, up to {SERIES} tokens"
        rows = () if results is None else _counts(results, shape)
        shares = [
            row.share_of_float
            for row in rows
            if (row.device, row.file, row.series) == (f"emulator:{cpu}", "int8.tflite", SERIES)
        ]
        share = next((share for share in shares if share is not None), None)
        yield Figure(
            what=what,
            wanted=f"at most {most:g}",
            found="" if share is None else f"{share:.3f}",
            met=None if share is None else share <= most,
        )


def _agreement_figures(results: EmulatedResults | None) -> Iterator[Figure]:
    for file in ("int8.onnx", "int8.tflite"):
        found = [] if results is None else list(_among_arm(results.demo, file))
        yield Figure(
            what=f"agreement of {file} among emulated {', '.join(CPUS)}, the lowest of all pairs",
            wanted=f"at least {LEAST_AGREEMENT:g}",
            found=f"{min(found):.4f} of {len(results.demo.texts.labels)} texts" if results and found else "",
            met=min(found) >= LEAST_AGREEMENT if found else None,
        )


def _counts(results: EmulatedResults, shape: str) -> tuple[CountRow, ...]:
    return count_rows(results.demo if shape == "demo" else results.base)


def _among_arm(report: Report, file: str) -> Iterator[float]:
    for pair in cross_device_agreement(report):
        if pair.file == file and all(name.startswith("emulator:") for name in (pair.first, pair.second)):
            yield pair.agreement


def emulated_section(results: EmulatedResults) -> list[str]:
    """Return the section of ``RESULTS.md``."""
    lines = [f"## Emulated ARM processors, {results.date}", "", *conditions(results.machine, results.commands)]
    lines += [
        (
            f"Packages on this machine: {packages_text(results.packages)}. Real aarch64 kernels under QEMU: their "
            "answers and instruction counts are those of an ARM processor with these features, their times are not, "
            "and none are shown. No physical device took part."
        ),
        "",
        "### Instructions for one inference",
        "",
        (
            "One thread; the text of median length in its class, at its own length for ONNX, padded to the class for "
            "TFLite. Millions, and the share of the float file in the same runtime."
        ),
        "",
        "| shape | CPU | file | up to tokens | tokens | M instructions | of float | most of them |",
        "| --- | --- | --- | ---: | ---: | ---: | ---: | --- |",
    ]
    for shape in ("demo", "base"):
        lines += [_count_line(shape, row) for row in _counts(results, shape)]
    texts, rows = len(results.demo.texts.labels), score_rows(results.demo)
    lines += [
        "",
        f"### Answers to the same {texts} texts of {results.demo.texts.name}",
        "",
        "| CPU | file | accuracy % (95 % interval) | golden logits off by |",
        "| --- | --- | --- | --- |",
        *(_score_line(row) for row in rows),
        "",
        "| file | agreement among the emulated CPUs | with this machine |",
        "| --- | ---: | ---: |",
        *(_agreement_line(results.demo, file) for file in sorted({row.file for row in rows if row.examples})),
        "",
    ]
    return lines


def _count_line(shape: str, row: CountRow) -> str:
    share = "-" if row.share_of_float is None or row.role == "baseline" else f"{row.share_of_float:.3f}"
    largest = ", ".join(f"{name} {count / 1e6:.1f}" for name, count in row.classes[:3])
    cpu = row.device.removeprefix("emulator:")
    millions = f"{row.per_inference / 1e6:,.1f}"
    return f"| {shape} | {cpu} | {row.file} | {row.series} | {row.tokens} | {millions} | {share} | {largest} |"


def _score_line(row: ScoreRow) -> str:
    accuracy = "not asked"
    if (score := row.score) is not None:
        accuracy = f"{100 * score.value:.1f} ({100 * score.low:.1f} to {100 * score.high:.1f})"
    golden = f"{row.golden_difference:.2g} of {row.golden_tolerance:.2g}"
    return f"| {row.device.removeprefix('emulator:')} | {row.file} | {accuracy} | {golden} |"


def _agreement_line(report: Report, file: str) -> str:
    among = list(_among_arm(report, file))
    across = [
        pair.agreement
        for pair in cross_device_agreement(report)
        if pair.file == file and not (pair.first.startswith("emulator:") and pair.second.startswith("emulator:"))
    ]
    shown = [f"{min(found):.4f} to {max(found):.4f}" if found else "-" for found in (among, across)]
    return f"| {file} | {' | '.join(shown)} |"
