"""What speaks against the numbers of a report, in plain words, and what the CPU of a device means for int8.

A warning is raised only by what was read or measured; a quiet device that tells everything has none.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from statistics import median

from edgebert.benchmarking.analysis.stats import is_bimodal, spread
from edgebert.benchmarking.report import Measurement, Report, times_by_series
from edgebert.benchmarking.suite import Suite
from edgebert.device.protocol import Conditions, HardwareFacts

FEW_PROCESSES = 6
"""Fewer processes than this give intervals that say little."""

WIDE_SPREAD = 1.1
"""Medians of processes further apart than this factor get a warning."""

_FALL = 0.85
_SLOW_END = 0.9
_LOW_BATTERY = 20
_THERMAL = ("none", "light", "moderate", "severe", "critical", "emergency", "shutdown")
_ARM64 = ("aarch64", "arm64")
_ARM32 = ("arm", "armv6l", "armv7l", "armv8l")
_VNNI = ("amx_int8", "avx512_vnni", "avx_vnni", "avx512vnni", "avxvnni")
# Fans cool without slowing anything down, and a charger or a display that is throttled runs no model.
_PROCESSOR_COOLING = ("cpu", "processor", "cluster", "soc")


def report_warnings(report: Report) -> tuple[str, ...]:
    """Return the warnings about a report, one sentence each, with the device if there are several.

    What no device counts is said once, at the end.
    """
    several = len(report.measurements) > 1
    found = list(_about_texts(report))
    for item in report.measurements:
        prefix = f"{item.device.name}: " if several else ""
        found += [prefix + text for text in device_warnings(item, report.suite)]
    found += _without_energy(report)
    return tuple(found)


def device_warnings(measurement: Measurement, suite: Suite) -> tuple[str, ...]:
    """Return the warnings about what one device contributed; its times are judged only when it is no emulator."""
    checks: tuple[Callable[[Measurement], Iterator[str]], ...] = (_answers, _versions, _clocks)
    if measurement.device.is_emulated:
        first = ["the CPU is emulated: answers and instruction counts are valid, times are not"]
    else:
        first = []
        checks += (_frequency, _cooling, _thermal_status, _governor, _load, _power, _processes, _instruction_set)
    found = first + [text for check in checks for text in check(measurement)]
    found += _trouble(measurement, suite)
    return tuple(found)


def what_int8_gains(facts: HardwareFacts) -> str:
    """Return one sentence on what the CPU features of a device mean for int8 against float32.

    The shares are instructions per inference in ONNX Runtime and LiteRT, the least and the most of the recorded ones:
    two shapes of DistilBERT, 16 to 64 tokens (`python -m benchmarks emulated`).
    """
    features = set(facts.features)
    if facts.machine in _ARM64:
        return _arm(features)
    if _is_x86(facts):
        return _x86(features)
    if facts.machine in _ARM32:
        return "A 32-bit ARM system: int8 saves memory; how much time it saves is not known before it is measured."
    return f"What int8 gains on {facts.machine or 'this instruction set'} is not known: trust the measured ratio only."


def _about_texts(report: Report) -> Iterator[str]:
    if report.texts.name == "golden.json":
        yield "the texts are the bundle's golden texts, not yours: give your own with --eval, at their own lengths"


def _without_energy(report: Report) -> Iterator[str]:
    silent = [
        item.device.name
        for item in report.measurements
        if not item.device.is_emulated and item.trials and not any(condition.energy_uj for condition in _all(item))
    ]
    if silent:
        yield f"no energy counter could be read on {', '.join(silent)}: energy is not reported"


def _answers(measurement: Measurement) -> Iterator[str]:
    for item in measurement.answers:
        if not item.golden_difference <= item.golden_tolerance:
            yield (
                f"{item.file} in {item.runtime} differs from the golden logits by {item.golden_difference:.3g}, "
                f"more than its tolerance of {item.golden_tolerance:.3g}: it computes something else here"
            )


def _versions(measurement: Measurement) -> Iterator[str]:
    found: dict[str, set[str]] = {}
    for done in measurement.trials:
        found.setdefault(done.trial.runtime, set()).add(done.trial.version)
    for answer in measurement.answers:
        found.setdefault(answer.runtime, set()).add(answer.version)
    for runtime, versions in found.items():
        if len(versions) > 1:
            yield f"{runtime} ran in different versions: {', '.join(sorted(versions))}"


def _clocks(measurement: Measurement) -> Iterator[str]:
    off = [abs(item.trial.ended_s - item.trial.started_s - item.trial.elapsed_ns / 1e9) for item in measurement.trials]
    jumps = [seconds for seconds in off if seconds > 1]
    if jumps:
        yield (
            f"the clock was set during {_count(len(jumps), 'trial')}, by up to {max(jumps):.0f} s; "
            "the times are from a clock that cannot be set"
        )


def _frequency(measurement: Measurement) -> Iterator[str]:
    fastest = []
    for done in sorted(measurement.trials, key=lambda item: item.order):
        # Before the first inference a processor idles, and it may idle again when the last one is over.
        read = [max(item.freq_khz) for item in done.trial.conditions if item.moment == "during" and item.freq_khz]
        fastest += [max(read)] if read else []
    if not fastest:
        if measurement.trials:
            yield "the frequency of the processors could not be read: throttling would go unseen"
        return
    usual = median(fastest)
    low = [value for value in fastest if value < _FALL * usual]
    quarter = max(len(fastest) // 4, 1)
    begin, end = median(fastest[:quarter]), median(fastest[-quarter:])
    if len(fastest) >= 4 and end < _SLOW_END * begin:
        yield f"the processors slowed from {begin / 1e6:.2f} to {end / 1e6:.2f} GHz during the run"
    elif low:
        yield (
            f"the processors fell to {min(low) / 1e6:.2f} GHz in {_count(len(low), 'trial')} of {len(fastest)}, "
            f"against {usual / 1e6:.2f} GHz otherwise"
        )


def _cooling(measurement: Measurement) -> Iterator[str]:
    start: dict[str, int] = {}
    worst: dict[str, tuple[int, int]] = {}
    for condition in _all(measurement):
        for item in condition.cooling:
            if not any(word in item.name.lower() for word in _PROCESSOR_COOLING) or "fan" in item.name.lower():
                continue
            if item.state > start.setdefault(item.name, item.state) and item.state > worst.get(item.name, (0, 0))[0]:
                worst[item.name] = (item.state, item.highest)
    for name, (state, highest) in worst.items():
        yield f"the system throttled to cool down: {name} went from {start[name]} to {state} of {highest}"
    counts = [item.throttle_count for item in _all(measurement) if item.throttle_count is not None]
    if counts and max(counts) > counts[0]:
        yield f"the processors report that they were throttled {_count(max(counts) - counts[0], 'time')} during the run"


def _thermal_status(measurement: Measurement) -> Iterator[str]:
    worst = max((item.thermal_status or 0 for item in measurement.states), default=0)
    if worst:
        yield f"Android reports thermal status {worst} ({_THERMAL[min(worst, len(_THERMAL) - 1)]}): the phone throttled"


def _governor(measurement: Measurement) -> Iterator[str]:
    if not any("powersave" in item.governor for item in _all(measurement)):
        return
    highest = max((core.max_khz or 0 for core in measurement.device.hardware.cores), default=0)
    reached = max((max(item.freq_khz) for item in _all(measurement) if item.freq_khz), default=0)
    # Intel's driver calls its ordinary policy powersave too; that one lets the clock rise.
    if not (_is_x86(measurement.device.hardware) and reached > highest / 2):
        yield "the governor is powersave: the processors are held at a low frequency"


def _load(measurement: Measurement) -> Iterator[str]:
    allowed = max(1.0, len(measurement.device.hardware.cores) / 4)
    busy = []
    for index, done in enumerate(sorted(measurement.trials, key=lambda item: item.order)):
        before = next((item for item in done.trial.conditions if item.moment == "before"), None)
        if before is not None and before.load is not None:
            # From the second trial on the load average still holds the inferences of those before.
            own = done.trial.threads if index else 0
            busy += [before.load] if before.load - own > allowed else []
    if busy:
        yield (
            f"something else ran on the device: a load of up to {max(busy):.1f} "
            f"before {_count(len(busy), 'trial')} of {len(measurement.trials)}"
        )


def _power(measurement: Measurement) -> Iterator[str]:
    states, conditions = measurement.states, list(_all(measurement))
    statuses = {(item.battery_status or "").lower() for item in conditions}
    read = [item.battery_percent for item in states] + [item.battery_percent for item in conditions]
    charges = [percent for percent in read if percent is not None]
    if measurement.device.android is None:
        if "discharging" in statuses:
            yield "the device ran on its battery: many devices are slower on battery"
    elif any(item.is_charging for item in states) or "charging" in statuses:
        yield "the phone was charging: that heats it"
    if charges and min(charges) < _LOW_BATTERY:
        yield f"the battery was down to {min(charges)} %: phones slow down at that level"
    if any(item.is_power_saving for item in states):
        yield "battery saver was on: it caps the processors"


def _processes(measurement: Measurement) -> Iterator[str]:
    few, odd, far, split = [], [], [], []
    groups = measurement.configurations()
    for (file, runtime, threads), trials in groups.items():
        for name, found in times_by_series(trials).items():
            times = [item.run_ns for item in found.values()]
            what = f"{file} ({runtime}, {_count(threads, 'thread')}, series {name})"
            if len(times) < FEW_PROCESSES:
                few.append(len(times))
            if len(times) % 2 and len(groups) > 1:
                odd.append(len(times))
            if spread(times) > WIDE_SPREAD:
                far.append((spread(times), what))
            if is_bimodal(times, inputs=len(next(iter(found.values())).tokens)):
                split.append(what)
    if few:
        yield f"only {_count(min(few), 'process', 'processes')} measured a file; use at least {FEW_PROCESSES}"
    if odd:
        yield (
            f"a file was measured in {_count(min(odd), 'process', 'processes')}, an odd number: "
            "changes during the run, e.g. heat, did not affect all files alike"
        )
    if far:
        factor, what = max(far)
        more = f", and those of {len(far) - 1} more by over 10 %" if len(far) > 1 else ""
        yield f"the processes of {what} differ by {100 * (factor - 1):.0f} %{more}"
    if split:
        more = f", and those of {len(split) - 1} more" if len(split) > 1 else ""
        yield f"the times of {split[0]} fall into two groups{more}: the median may belong to neither"


def _instruction_set(measurement: Measurement) -> Iterator[str]:
    if _is_x86(measurement.device.hardware):
        features = set(measurement.device.hardware.features)
        if features and not features.intersection(_VNNI):
            yield "this x86 CPU has no VNNI: int8 is slower here than on a phone, and its sums can saturate"


def _trouble(measurement: Measurement, suite: Suite) -> Iterator[str]:
    waits = [item.waited_s for item in measurement.trials if item.waited_s > 0]
    if waits:
        text = f"{_count(len(waits), 'trial')} waited {math.fsum(waits):.0f} s for the device to cool down"
        gave_up = sum(seconds >= suite.cool_wait_s > 0 for seconds in waits)
        yield text + (f", {gave_up} of them in vain" if gave_up else "")
    if measurement.retries:
        yield f"{_count(measurement.retries, 'failure')} of the connection or the worker had to be tried again"


def _all(measurement: Measurement) -> Iterator[Conditions]:
    ordered = sorted(measurement.trials, key=lambda item: item.order)
    return itertools.chain.from_iterable(item.trial.conditions for item in ordered)


def _is_x86(facts: HardwareFacts) -> bool:
    return facts.machine.lower() in {"x86_64", "amd64", "i686"}


def _count(number: int, one: str, many: str = "") -> str:
    return f"{number} {one if number == 1 else many or one + 's'}"


def _arm(features: set[str]) -> str:
    wider = [name for name in ("sve", "sme") if any(feature.startswith(name) for feature in features)]
    also = f" It also has {' and '.join(wider)}, which few int8 kernels use yet." if wider else ""
    if "i8mm" in features:
        return (
            "i8mm multiplies small int8 matrices in one instruction (smmla): int8 needs 20 to 34 % of the instructions "
            f"of float32.{also}"
        )
    if "asimddp" in features:
        return (
            "asimddp adds four int8 products at once (sdot): int8 needs 28 to 46 % of the instructions of float32; "
            f"there is no i8mm, which would save more.{also}"
        )
    return (
        "There is no asimddp (sdot): int8 needs 58 to 85 % of the instructions of float32, so it saves memory and "
        f"little time.{also}"
    )


def _x86(features: set[str]) -> str:
    if found := [name for name in _VNNI if name in features]:
        return f"{found[0]} adds int8 products exactly and fast, yet an x86 CPU says nothing about a phone's speed."
    if "avx2" in features:
        return (
            "This x86 CPU has no VNNI: its int8 kernels saturate, or avoid that at a cost in speed, so neither speed "
            "nor answers are a proxy for ARM."
        )
    return "This x86 CPU has neither VNNI nor AVX2: int8 is slow here, and no proxy for ARM."
