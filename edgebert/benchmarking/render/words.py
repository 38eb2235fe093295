"""What a report says beside its numbers, in sentences: what ran, on what, and what was not measured."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from edgebert.benchmarking.analysis.warnings import what_int8_gains
from edgebert.metrics import METRICS
from edgebert.printable import listed, printable
from edgebert.tasks import task_head

if TYPE_CHECKING:
    from edgebert.benchmarking.analysis.rows import Section
    from edgebert.benchmarking.report import Configuration, Measurement, Report
    from edgebert.benchmarking.suite import Suite
    from edgebert.device.protocol import Core

LONGEST = 160
"""Characters of a name that are shown; the rest is cut off."""

Facts = list[tuple[str, str]]
"""Names and values."""

EMULATED = (
    "This CPU is emulated. No times are shown: how long an emulator takes says nothing about how long the CPU would. "
    "Quality, agreement and instruction counts are those of the CPU's own code paths."
)
NO_WARNINGS = "No warnings: nothing in the raw samples and conditions speaks against these numbers."
_URLS = {"local": "local", "ssh": "ssh:USER@HOST", "adb": "adb:SERIAL", "emulator": "emulator:CPU"}
_TELLING = ("asimd", "asimdhp", "asimddp", "i8mm", "bf16", "sve", "sve2", "svei8mm", "sme", "sme2", "neon")
_TELLING_X86 = ("avx2", "avx512f", "avx512_vnni", "avx_vnni", "amx_int8")


def shown(text: str, most: int = LONGEST) -> str:
    """Return a name or note as it can be shown, cut off if it is long."""
    line = printable(text)
    return line if len(line) <= most else line[: most - 1] + "…"


def title(found: Sequence[Section]) -> str:
    """Return what the reports are about, in one line."""
    bundles = list(dict.fromkeys(shown(section.report.bundle.name) for section in found))
    return f"{', '.join(bundles)}: shipped files against FP32 on {count_of(len(found), 'device')}"


def bundle_facts(report: Report) -> Facts:
    """Return what was measured, and with which texts."""
    bundle, texts, suite = report.bundle, report.texts, report.suite
    cut = f"{texts.truncated} cut at {bundle.text.max_length} tokens" if texts.truncated else "none too long"
    ran = f"{count_of(texts.texts, 'text')}, {texts.mean_tokens:.1f} tokens on average, {cut}"
    processes = count_of(suite.processes, "fresh process", "fresh processes")
    runs = f"{count_of(suite.warm_up, 'run')} to warm up, then {suite.runs} that count"
    return [
        ("bundle", f"{bundle.name} (manifest sha256 {bundle.manifest_sha256[:16]}…)"),
        ("checkpoint", f"{bundle.checkpoint} (sha256 {bundle.checkpoint_sha256[:16]}…), recipe {bundle.recipe}"),
        *([("labels", listed(bundle.labels))] if bundle.labels else []),
        ("texts", f"{texts.name}: {ran} (sha256 {texts.sha256[:16]}…)"),
        ("lengths", _lengths(report)),
        ("how", f"{processes} of each file, FP32 and shipped in turn; in each {runs}"),
    ]


def command(report: Report, measurement: Measurement) -> str:
    """Return the command that measures the same again; what only the user knows stands in capitals."""
    suite, device = report.suite, measurement.device
    url = f"emulator:{shown(device.cpu)}" if device.kind == "emulator" else _URLS[device.kind]
    words = ["edgebert", "bench", shown(report.bundle.name), "--device", url]
    words += [] if report.texts.name == "golden.json" else ["--eval", shown(report.texts.name)]
    words += ["--threads", ",".join(map(str, suite.threads)), "--runs", str(suite.runs)]
    words += ["--warm-up", str(suite.warm_up), "--processes", str(suite.processes), *_accuracy(suite)]
    words += ["--cores", shown(suite.cores)] if suite.cores else []
    return shlex.join([*words, "--out", "report.json"])


def device_facts(report: Report, measurement: Measurement) -> Facts:
    """Return what a device is."""
    device, hardware, android = measurement.device, measurement.device.hardware, measurement.device.android
    facts: Facts = []
    if android is not None:
        phone = " ".join(word for word in (android.manufacturer, android.model) if word)
        level = "" if android.sdk is None else f" (API {android.sdk})"
        facts.append(("phone", f"{phone or 'unknown'}, Android {android.release or 'unknown'}{level}, {android.abi}"))
        facts.append(("SoC", android.soc or "the phone does not say"))
    elif not device.is_emulated:
        facts.append(("model", hardware.model or "the system does not say"))
    if device.is_emulated:
        facts.append(("CPU", f"{device.cpu}, emulated"))
    facts.append(("system", f"{hardware.system}, {hardware.machine}"))
    if not device.is_emulated:  # an emulator shows those of the machine it runs on
        facts.append(("cores", _cores(hardware.cores)))
    if not device.is_emulated and hardware.memory_bytes is not None:
        facts.append(("memory", f"{hardware.memory_bytes / 1e9:.1f} GB"))
    telling = _TELLING_X86 if hardware.machine in {"x86_64", "AMD64"} else _TELLING
    found = [name for name in telling if name in hardware.features]
    facts.append(("features", ", ".join(found) or "none of those that matter for int8"))
    facts.append(("for int8", what_int8_gains(hardware)))
    facts.append(("reached by", f"{device.kind}; worker: {_worker(device.worker)}"))
    facts.append(("measured", f"{report.created} with edgebert {report.edgebert}"))
    return facts


def measured(measurement: Measurement) -> str:
    """Return what was measured on a device, in one sentence."""
    parts = []
    if not measurement.device.is_emulated and measurement.trials:
        runs = sum(len(item.run_ns) for done in measurement.trials for item in done.trial.series)
        parts.append(f"{runs:,} inferences in {count_of(len(measurement.trials), 'process', 'processes')}, timed")
    answered = max((len(item.answers) for item in measurement.answers), default=0)
    if answered:
        parts.append(f"the labels of {count_of(answered, 'text')} by each file")
    if measurement.answers:
        parts.append("the golden texts")
    if measurement.counts:
        parts.append("instructions counted")
    if measurement.retries:
        parts.append(f"{count_of(measurement.retries, 'transient failure')} tried again")
    return f"Measured: {'; '.join(parts)}." if parts else "Nothing was measured."


def not_measured(report: Report, measurement: Measurement) -> list[str]:
    """Return what was not measured on a device and why, one sentence each."""
    trials = [done.trial for done in measurement.trials]
    readings = [found for trial in trials for found in trial.conditions]
    said = []
    if measurement.device.is_emulated:
        said.append("Times, temperature, frequency and energy: an emulated CPU has none of its own.")
        if not measurement.counts:
            said.append("Instruction counts: the emulator here has no counter.")
    elif not trials:
        said.append("Times: no process ended well.")
    else:
        warm = any(state.temperatures or state.battery_celsius is not None for state in measurement.states)
        absent = [
            ("Frequency", not any(found.freq_khz for found in readings)),
            ("Temperature", not any(found.temperatures for found in readings) and not warm),
            ("Peak memory", all(trial.peak_rss_bytes is None for trial in trials)),
            ("Energy", not any(found.energy_uj for found in readings)),
        ]
        said += [f"{name}: the system does not tell." for name, is_absent in absent if is_absent]
        if all(trial.tokenized is None for trial in trials):
            said.append("The tokenizer: it was not asked for, or is not installed there.")
    if not any(item.answers for item in measurement.answers):
        said.append(f"{_metric(report)} and agreement: not asked for (--eval-samples).")
    elif not report.texts.gold_sha256:
        said.append(f"{_metric(report)}: the data has no right answers.")
    said += [f"{shown(name)}: {shown(why)}" for name, why in measurement.device.hardware.absent]
    return [*said, *map(shown, measurement.notes)]


def run_names(runs: Iterable[Configuration]) -> dict[Configuration, str]:
    """Return what tells runs apart: the file, and its runtime and threads where those differ among them."""
    keys = list(dict.fromkeys(runs))
    has_runtimes = len({(file, runtime) for file, runtime, _ in keys}) > len({file for file, _, _ in keys})
    has_threads = len({threads for _, _, threads in keys}) > 1

    def name(file: str, runtime: str, threads: int) -> str:
        words = [shown(file)]
        words += [shown(runtime)] if has_runtimes else []
        words += [count_of(threads, "thread")] if has_threads else []
        return ", ".join(words)

    return {key: name(*key) for key in keys}


def count_of(count: int, noun: str, nouns: str = "") -> str:
    """Return a number with its noun."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def _metric(report: Report) -> str:
    name = METRICS[task_head(report.bundle.task).metrics[0]].name
    return f"{name[0].upper()}{name[1:]}"


def _accuracy(suite: Suite) -> list[str]:
    if suite.accuracy == 0:
        return []
    return ["--eval-samples", "all" if suite.accuracy is None else str(suite.accuracy)]


def _lengths(report: Report) -> str:
    onnx = any(item.format == "onnx" for item in report.bundle.files)
    tflite = any(item.format == "tflite" for item in report.bundle.files)
    said = ["ONNX files run each text at its own length"] if onnx else []
    if tflite:
        lengths = ", ".join(map(str, report.bundle.text.lengths))
        said.append(f"TFLite files pad it to the next of {lengths}")
    return "; ".join(said)


def _cores(cores: Sequence[Core]) -> str:
    kinds = Counter((core.part or "of unknown type", core.max_khz) for core in cores)
    # The fastest first, as they are sold.
    ordered = sorted(kinds.items(), key=lambda item: (-(item[0][1] or 0), item[0][0]))
    said = [f"{count} x {part}" + (f" up to {khz / 1e6:.2f} GHz" if khz else "") for (part, khz), count in ordered]
    return ", ".join(said) or "the system does not say"


def _worker(worker: str) -> str:
    is_hash = len(worker) == 64 and all(letter in "0123456789abcdef" for letter in worker)
    return f"worker archive {worker[:16]}…" if is_hash else worker
