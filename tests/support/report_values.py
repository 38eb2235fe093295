"""Reports with chosen times, for tests of what may be said about them: no device takes part.

``make_report()`` alone is a complete report of a quiet ARM board: the int8 ONNX file at 10 ms, its float baseline at
40 ms, eight processes of each.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from edgebert.benchmarking.report import (
    BundleFacts,
    DoneTrial,
    FileAnswers,
    FileFacts,
    InstructionCount,
    Measurement,
    Report,
    TextFacts,
)
from edgebert.benchmarking.schema import REPORT_SCHEMA, gold_hash
from edgebert.benchmarking.suite import Suite
from edgebert.device.device import AndroidFacts, DeviceFacts
from edgebert.device.protocol import (
    WORKER_SCHEMA,
    Conditions,
    Core,
    HardwareFacts,
    Series,
    Temperature,
    TimedSeries,
    Tokenized,
    Trial,
)
from edgebert.manifest import Score, TextSpec
from edgebert.metrics import BaselineTallies, paired_score, tally_array
from edgebert.tasks import TASK_HEADS

INT8, FLOAT = "int8.onnx", "baseline/float32.onnx"
INT8_TFLITE, FLOAT_TFLITE = "int8.tflite", "baseline/float32.tflite"
RUNTIMES = {"onnx": ("onnxruntime", "1.23.0"), "tflite": ("litert", "2.3.0")}
SIZES = {INT8: 25_000_000, FLOAT: 100_000_000, INT8_TFLITE: 26_000_000, FLOAT_TFLITE: 101_000_000}
START_S = 1_763_700_000.0
ARM_FEATURES = ("asimd", "asimddp", "fp", "i8mm")

Times = Sequence[Sequence[int]]
"""Nanoseconds of each run, by process."""


def make_times(
    median_ns: float = 10e6,
    *,
    processes: int = 8,
    runs: int = 30,
    between: float = 0.005,
    within: float = 0.01,
    seed: int = 0,
) -> tuple[tuple[int, ...], ...]:
    """Return log-normal times around a median: ``between`` processes and ``within`` them, relative spreads."""
    rng = np.random.default_rng(seed)
    level = np.log(median_ns) + rng.normal(0, between, (processes, 1))
    drawn = np.exp(level + rng.normal(0, within, (processes, runs)))
    return tuple(tuple(round(value) for value in row) for row in drawn)


def make_hardware(**changes: Any) -> HardwareFacts:
    """Return what a worker says of a four-core ARM board."""
    facts = HardwareFacts(
        schema=WORKER_SCHEMA,
        machine="aarch64",
        model="Raspberry Pi 5",
        system="Linux 6.6.0",
        python="3.11.2",
        cores=tuple(Core(number=index, part="Cortex-A76", max_khz=2_400_000, capacity=1024) for index in range(4)),
        features=ARM_FEATURES,
        memory_bytes=8_000_000_000,
        runtimes=tuple(RUNTIMES.values()),
        absent=(),
    )
    return replace(facts, **changes)


def make_device(name: str = "Raspberry Pi 5", *, hardware: HardwareFacts | None = None, **changes: Any) -> DeviceFacts:
    """Return a board reached by ssh; ``changes`` are fields of ``DeviceFacts``, as in ``cpu="cortex-a76"``."""
    facts = DeviceFacts(
        name=name, kind="ssh", cpu="", hardware=hardware or make_hardware(), android=None, worker="python3 3.11.2"
    )
    return replace(facts, **changes)


def make_emulator(cpu: str = "cortex-a76") -> DeviceFacts:
    """Return an emulated CPU on this machine."""
    return make_device(f"emulator:{cpu}", kind="emulator", cpu=cpu, hardware=make_hardware(model=""))


def make_phone(name: str = "Pixel 8") -> DeviceFacts:
    """Return a phone reached by adb."""
    android = AndroidFacts(manufacturer="Google", model=name, soc="Tensor G3", release="15", sdk=35, abi="arm64-v8a")
    return make_device(name, kind="adb", android=android, hardware=make_hardware(model=""), worker="ab" * 32)


def make_conditions(moment: str = "before", at_ns: int = 0, **changes: Any) -> Conditions:
    """Return the conditions of a quiet board at full frequency."""
    found = Conditions(
        moment=moment,  # type: ignore[arg-type]
        at_ns=at_ns,
        freq_khz=(2_400_000,) * 4,
        governor=("performance",) * 4,
        temperatures=(Temperature(sensor="cpu-thermal", celsius=48.0),),
        load=0.1,
    )
    return replace(found, **changes)


def make_trial(
    series: Mapping[str, Sequence[int]], *, runtime: str = "onnxruntime", version: str = "1.23.0", **changes: Any
) -> Trial:
    """Return a quiet trial with chosen times: nanoseconds of each run, by the name of the series."""
    timed = tuple(TimedSeries(name=name, tokens=(12,), fed=(12,), run_ns=tuple(ns)) for name, ns in series.items())
    elapsed = 400_000_000 + sum(sum(item.run_ns) for item in timed)
    trial = Trial(
        schema=WORKER_SCHEMA,
        runtime=runtime,
        version=version,
        python="3.11.2",
        threads=1,
        cores=(0, 1, 2, 3),
        import_ns=100_000_000,
        load_ns=200_000_000,
        first_ns=12_000_000,
        series=timed,
        answers=(),
        tokenized=Tokenized(version="0.22.0", text_ns=(50_000, 60_000), ids=()),
        peak_rss_bytes=90_000_000,
        conditions=(
            make_conditions("before"),
            make_conditions("during", elapsed // 2),
            make_conditions("after", elapsed),
        ),
        started_s=START_S,
        ended_s=START_S + elapsed / 1e9,
        elapsed_ns=elapsed,
    )
    return replace(trial, **changes)


def make_measurement(
    times: Mapping[str, Times] | None = None,
    *,
    device: DeviceFacts | None = None,
    threads: int = 1,
    series: str = "all",
    answers: Sequence[FileAnswers] | None = None,
    **changes: Any,
) -> Measurement:
    """Return what one quiet device contributed.

    Args:
        times: Nanoseconds of each run by process, of each file; one series of one thread count.
        device: The device.
        threads: Threads of every trial.
        series: Name of the series.
        answers: What the files answered; by default within the golden tolerance, and without predictions.
        changes: Other fields of ``Measurement``.
    """
    times = {INT8: make_times(10e6, seed=1), FLOAT: make_times(40e6, seed=2)} if times is None else times
    rounds = max((len(found) for found in times.values()), default=0)
    done = []
    for index in range(rounds):
        # ABBA: what drifts hits both alike.
        for file in list(times) if index % 2 == 0 else list(times)[::-1]:
            if index < len(times[file]):
                runtime, version = RUNTIMES[file.rpartition(".")[2]]
                trial = make_trial({series: times[file][index]}, runtime=runtime, version=version, threads=threads)
                done.append(DoneTrial(file=file, round=index, order=len(done), trial=trial))
    if answers is None:
        answers = [make_answers(file) for file in times]
    return replace(Measurement(device=device or make_device(), trials=tuple(done), answers=tuple(answers)), **changes)


def make_answers(file: str = INT8, predicted: Sequence[int] = (), **changes: Any) -> FileAnswers:
    """Return answers within the golden tolerance: the index of a label for each text, not tallied yet."""
    runtime, version = RUNTIMES[file.rpartition(".")[2]]
    found = FileAnswers(
        file=file,
        runtime=runtime,
        version=version,
        answers=tuple((label,) for label in predicted),
        tallies=(),
        golden_difference=0.01,
        golden_tolerance=0.2,
    )
    return replace(found, **changes)


def make_predictions(
    *, both: int, only_float: int, only_file: int, neither: int
) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Return labels, the float file's predictions and the shipped file's, by how many each has right."""
    counts = (both, only_float, only_file, neither)
    labels = tuple(index % 2 for index in range(sum(counts)))
    float_right = (True,) * (both + only_float) + (False,) * (only_file + neither)
    file_right = (True,) * both + (False,) * only_float + (True,) * only_file + (False,) * neither
    return (
        labels,
        tuple(label if right else 1 - label for label, right in zip(labels, float_right, strict=True)),
        tuple(label if right else 1 - label for label, right in zip(labels, file_right, strict=True)),
    )


def make_count(file: str = INT8, per_inference: float = 1e9, **changes: Any) -> InstructionCount:
    """Return an instruction count of one file."""
    runtime, version = RUNTIMES[file.rpartition(".")[2]]
    found = InstructionCount(
        file=file,
        runtime=runtime,
        version=version,
        series="all",
        tokens=12,
        per_inference=per_inference,
        classes=(("sdot", per_inference * 0.6), ("other", per_inference * 0.4)),
    )
    return replace(found, **changes)


def make_emulated(*counts: InstructionCount, cpu: str = "cortex-a76", **changes: Any) -> Measurement:
    """Return what an emulator contributed: trials whose times mean nothing, answers, and counts."""
    counts = counts or (make_count(INT8, 3e8), make_count(FLOAT, 1e9))
    return make_measurement(device=make_emulator(cpu), counts=counts, **changes)


def make_files(*names: str) -> tuple[FileFacts, ...]:
    """Return the model files of a report by their names, which say all about them."""
    return tuple(
        FileFacts(
            file=name,
            role="baseline" if name.startswith("baseline/") else "shipped",
            format="tflite" if name.endswith(".tflite") else "onnx",
            precision="float32" if "float32" in name else "int8",
            size_bytes=SIZES[name],
            sha256="cd" * 32,
        )
        for name in names
    )


def make_bundle(files: Sequence[str] = (INT8, FLOAT), **changes: Any) -> BundleFacts:
    """Return the bundle of a report."""
    found = BundleFacts(
        task=TASK_HEADS[0].task,
        name="bundle",
        manifest_sha256="ab" * 32,
        checkpoint="tiny",
        checkpoint_sha256="ef" * 32,
        recipe="int8",
        labels=("negative", "positive"),
        text=TextSpec(lower_case=True, max_length=64, lengths=(16, 32, 64), pad_id=0, cls_id=2, sep_id=3, unk_id=1),
        files=make_files(*files),
    )
    return replace(found, **changes)


def make_texts(**changes: Any) -> TextFacts:
    """Return the texts of a report: a data file of the user's, without labels."""
    found = TextFacts(name="dev.tsv", sha256="12" * 32, texts=872, truncated=0, mean_tokens=25.4)
    return replace(found, **changes)


def make_report(*measurements: Measurement, labels: Sequence[int] = (), **changes: Any) -> Report:
    """Return a report; ``labels`` are the right answers, ``changes`` fields of it, as in ``texts=make_texts()``."""
    measurements = tuple(tallied(item, labels) for item in measurements or (make_measurement(),))
    measured = {done.file for item in measurements for done in item.trials}
    measured |= {answer.file for item in measurements for answer in item.answers}
    known = [name for name in SIZES if name in measured]
    found = Report(
        schema=REPORT_SCHEMA,
        edgebert="0.4.0",
        created="2026-11-21",
        bundle=make_bundle(known),
        texts=make_texts(),
        suite=Suite(),
        measurements=measurements,
    )
    found = replace(found, **changes)
    return replace(found, texts=replace(found.texts, gold_sha256=gold_hash([(label,) for label in labels])))


def tallied(measurement: Measurement, labels: Sequence[int]) -> Measurement:
    """Return the measurement with its answers counted against the right labels."""
    return replace(
        measurement,
        answers=tuple(
            replace(item, tallies=tuple((label, *key) for label, key in zip(labels, item.answers, strict=False)))
            for item in measurement.answers
        ),
    )


def make_paired_score(
    metric: str, expected: Sequence[int], answered: Sequence[int], before: Sequence[int] | None = None
) -> Score:
    """Return the score of the int8 ONNX file from labels, compared with its baseline where that has any."""
    compared = None
    if before is not None:
        same = int(np.count_nonzero(np.equal(before, answered)))
        compared = BaselineTallies(FLOAT, tally_array(list(zip(expected, before, strict=True))), same)
    tallies = tally_array(list(zip(expected, answered, strict=True)))
    return paired_score(metric, tallies, file=INT8, runtime="onnxruntime", baseline=compared)


def make_series(name: str = "all", count: int = 3) -> Series:
    """Return inputs to time."""
    return Series(name=name, inputs=tuple((2, 9 + index, 3) for index in range(count)))


def change_trials(measurement: Measurement, **changes: Any) -> Measurement:
    """Return the measurement with fields of every trial changed."""
    done = tuple(replace(item, trial=replace(item.trial, **changes)) for item in measurement.trials)
    return replace(measurement, trials=done)
