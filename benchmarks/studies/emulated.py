"""What an ARM processor would compute: answers and instruction counts of the files on emulated CPUs.

Wall times of an emulator mean nothing, and none are kept: not of this machine either, which runs beside it.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from benchmarks.measure import make_files
from benchmarks.page import Figure, bounded, conditions, table, versions
from benchmarks.results import Recorded, stamp
from benchmarks.studies.accuracy import prepared, prepared_bundle
from benchmarks.suite import Build, ShapeOptions, load_suite
from edgebert.benchmarking.analysis.rows import CountRow, count_rows
from edgebert.benchmarking.analysis.scores import ScoreRow, cross_device_agreement, score_rows
from edgebert.benchmarking.report import Report
from edgebert.benchmarking.run.devices import connect
from edgebert.benchmarking.run.runner import measure
from edgebert.benchmarking.suite import Suite
from edgebert.bundle import is_bundle, open_bundle
from edgebert.cli.benching import cache_folder
from edgebert.data import Dataset
from edgebert.progress import Progress

TEXTS = 200
"""Texts that every file answers on every CPU."""

CPUS = ("cortex-a53", "cortex-a76", "i8mm")
COUNTED = ("cortex-a76", "i8mm")
MOST_OF_FLOAT = {"cortex-a76": 0.36, "i8mm": 0.28}
"""Instructions of int8.tflite over those of its float twin, at most."""

LEAST_AGREEMENT = 0.995
SERIES = "32"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmulatedResults(Recorded):
    """Everything that was found out.

    Attributes:
        demo: The fine-tuned checkpoint of the accuracy benchmark: answers on every CPU and on this machine, counts.
        base: DistilBERT-base shape with random weights: counts.
    """

    kind: Literal["emulated"] = "emulated"
    demo: Report
    base: Report


def run(asked: ShapeOptions, progress: Progress) -> EmulatedResults:
    """Let emulated ARM CPUs answer texts and count instructions, with the fine-tuned files and the suite's shape."""
    checkpoint, _, held_back = prepared(asked, progress)
    work = asked.build / "emulated"
    demo, place = prepared_bundle(checkpoint, asked, progress), Build.at(work / "base")
    if not is_bundle(place.bundle):
        # One length: a large float file takes seconds for each inference under emulation.
        make_files(replace(load_suite(asked.suite), signatures=(int(SERIES),)), asked.suite_path, place, progress)
    # Float logits of the golden texts agree to 1e-5 everywhere, and a float file takes five times as long here.
    suite = Suite(accuracy=TEXTS, float_accuracy=False, processes=1, runs=1, warm_up=0)
    everywhere, counted = (tuple(f"emulator:{cpu}" for cpu in cpus) for cpus in (CPUS, COUNTED))
    return EmulatedResults(
        **stamp("edgebert emulator setup", asked.texts_command("emulated")),
        demo=_report(demo, ("local", *everywhere), suite, held_back, work / "demo.journal", progress),
        base=_report(place.bundle, counted, replace(suite, accuracy=0), None, work / "base.journal", progress),
    )


def _report(
    bundle: Path, devices: tuple[str, ...], suite: Suite, data: Dataset | None, journal: Path, progress: Progress
) -> Report:
    """Return the report of a benchmark, without its times; a killed run resumes.

    Raises:
        EdgebertError: What a benchmark raises; the first device that failed decides.
    """
    cache = cache_folder()
    done = measure(
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
    return replace(done.report, measurements=tuple(replace(item, trials=()) for item in done.report.measurements))


def figures(results: EmulatedResults | None) -> Iterator[Figure]:
    """Yield the figures of instruction counts and of agreement among ARM CPUs."""
    for shape, (cpu, most) in itertools.product(("demo", "base"), MOST_OF_FLOAT.items()):
        shares = [
            row.share_of_float
            for row in (() if results is None else _counts(results, shape))
            if (row.device, row.file, row.series) == (f"emulator:{cpu}", "int8.tflite", SERIES)
        ]
        share = next((share for share in shares if share is not None), None)
        what = f"instructions of int8.tflite over float32.tflite, {cpu}, {shape} shape, up to {SERIES} tokens"
        yield bounded(what, "at most", most, share, digits=3)
    for file in ("int8.onnx", "int8.tflite"):
        found = [] if results is None else list(_among_arm(results.demo, file))
        what = f"agreement of {file} among emulated {', '.join(CPUS)}, the lowest of all pairs"
        more = f" of {_answered(score_rows(results.demo))} texts" if results else ""
        yield bounded(what, "at least", LEAST_AGREEMENT, min(found, default=None), digits=4, more=more)


def _counts(results: EmulatedResults, shape: str) -> tuple[CountRow, ...]:
    return count_rows(results.demo if shape == "demo" else results.base)


def _answered(rows: Sequence[ScoreRow]) -> int:
    return max((row.examples for row in rows), default=0)


def _among_arm(report: Report, file: str) -> Iterator[float]:
    for pair in cross_device_agreement(report):
        if pair.file == file and all(name.startswith("emulator:") for name in (pair.first, pair.second)):
            yield pair.agreement


def section(results: EmulatedResults, _: str) -> list[str]:
    """Return the paragraphs of ``RESULTS.md``."""
    rows = score_rows(results.demo)
    texts = _answered(rows)
    counts = [_count_cells(shape, row) for shape in ("demo", "base") for row in _counts(results, shape)]
    header = ("shape", "CPU", "file", "up to tokens", "tokens", "M instructions", "of float", "most of them")
    agreed = [_agreement_cells(results.demo, file) for file in sorted({row.file for row in rows if row.examples})]
    return [
        f"## Emulated ARM processors, {results.date}",
        *conditions(results),
        (
            f"Packages on this machine: {versions(results.packages)}. Real aarch64 kernels under QEMU: their "
            "answers and instruction counts are those of an ARM processor with these features, their times are not, "
            "and none are shown. No physical device took part."
        ),
        "### Instructions for one inference",
        (
            "One thread; the text of median length in its class, at its own length for ONNX, padded to the class for "
            "TFLite. Millions, and the share of the float file in the same runtime."
        ),
        table(header, counts, right=range(3, 7)),
        f"### Answers to the same {texts} texts of {results.demo.texts.name}",
        table(("CPU", "file", "accuracy % (95 % interval)", "golden logits off by"), map(_score_cells, rows), right=()),
        table(("file", "agreement among the emulated CPUs", "with this machine"), agreed, right=(1, 2)),
    ]


def _count_cells(shape: str, row: CountRow) -> list[str]:
    share = "-" if row.share_of_float is None or row.role == "baseline" else f"{row.share_of_float:.3f}"
    largest = ", ".join(f"{name} {count / 1e6:.1f}" for name, count in row.classes[:3])
    cells = [shape, row.device.removeprefix("emulator:"), row.file, row.series, str(row.tokens)]
    return [*cells, f"{row.per_inference / 1e6:,.1f}", share, largest]


def _score_cells(row: ScoreRow) -> list[str]:
    accuracy = "not asked"
    if (score := row.score) is not None:
        accuracy = f"{100 * score.value:.1f} ({100 * score.low:.1f} to {100 * score.high:.1f})"
    golden = f"{row.golden_difference:.2g} of {row.golden_tolerance:.2g}"
    return [row.device.removeprefix("emulator:"), row.file, accuracy, golden]


def _agreement_cells(report: Report, file: str) -> list[str]:
    among = list(_among_arm(report, file))
    across = [
        pair.agreement
        for pair in cross_device_agreement(report)
        if pair.file == file and not (pair.first.startswith("emulator:") and pair.second.startswith("emulator:"))
    ]
    return [file, *(f"{min(found):.4f} to {max(found):.4f}" if found else "-" for found in (among, across))]
