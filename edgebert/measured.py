"""The frozen values of a benchmark: what was asked of a device, what it answered, and the report that keeps both.

Only raw samples are stored. Medians, ratios and verdicts are derived from them when they are shown (``bench``).
Everything a device may refuse to tell is ``None`` or empty, never a guess.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgebert.types import Format, Precision, Role, TextSpec

Moment = Literal["before", "during", "after"]
DeviceKind = Literal["local", "ssh", "adb", "emulator"]

WORKER_SCHEMA = 1
"""Version of what goes to a worker and comes back; ``ondevice`` states the same number."""

REPORT_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """Inputs that are timed together: run k of a trial takes input k modulo their number.

    Attributes:
        name: ``all`` for a sample of the user's texts at their own mix of lengths, else a length class, as in ``32``:
            the signature that a TFLite file would use for them.
        inputs: Token ids of each text, special tokens included, not padded.
    """

    name: str
    inputs: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What one worker process is asked to do; goes to the device as JSON. All parts but the file may be empty.

    Attributes:
        schema: ``WORKER_SCHEMA``.
        file: Model file, as the worker sees it.
        runtime: Runtime to open it in.
        threads: Threads one inference may use.
        cores: Processors to pin the worker to; empty leaves the choice to the system.
        pad_id: Token id that fills an input up to a signature's length.
        series: Inputs to time.
        warm_up: Inferences of each series before the first one that counts.
        runs: Inferences of each series that count.
        answers: Inputs whose logits are wanted, untimed; token ids of each text.
        tokenizer: ``tokenizer.json`` as the worker sees it, to time on ``texts``; ``None`` leaves the tokenizer out.
        max_length: Longest input of that tokenizer in tokens.
        texts: Texts for the tokenizer.
        marks: Whether to mark the counted runs for the instruction counter of an emulator.
    """

    schema: int
    file: str
    runtime: str
    threads: int
    cores: tuple[int, ...]
    pad_id: int
    series: tuple[Series, ...]
    warm_up: int
    runs: int
    answers: tuple[tuple[int, ...], ...] = ()
    tokenizer: str | None = None
    max_length: int = 0
    texts: tuple[str, ...] = ()
    marks: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature:
    """One thermal sensor: its name as the system gives it, and degrees Celsius."""

    sensor: str
    celsius: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooling:
    """One cooling device of the system, as in a frequency cap: 0 is off, ``highest`` is all it can do."""

    name: str
    state: int
    highest: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """What the worker could read of the device at one moment of a trial.

    Attributes:
        moment: When: before the file is loaded, after one of the series, or after the last inference.
        at_ns: On the worker's monotonic clock, nanoseconds since it started.
        freq_khz: Current frequency of each processor the trial may run on, by its number; empty where unknown.
        governor: Frequency governor of each of them, as in ``schedutil``; empty where unknown.
        temperatures: Thermal sensors.
        cooling: Cooling devices.
        throttle_count: Times the processors reported to have been throttled since start, where they count that (x86).
        load: Load average over one minute.
        battery_percent: Charge of the battery.
        battery_status: As the system says it, as in ``Charging``.
        energy_uj: Counters of used energy in microjoules, by name (powercap): only differences mean something.
    """

    moment: Moment
    at_ns: int
    freq_khz: tuple[int, ...] = ()
    governor: tuple[str, ...] = ()
    temperatures: tuple[Temperature, ...] = ()
    cooling: tuple[Cooling, ...] = ()
    throttle_count: int | None = None
    load: float | None = None
    battery_percent: int | None = None
    battery_status: str | None = None
    energy_uj: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TimedSeries:
    """Raw times of one series, in the order the runs were made.

    Attributes:
        name: Name of the series.
        tokens: Tokens of each input.
        fed: Length that each input had in the runtime: its own tokens for ONNX, the signature's for TFLite.
        run_ns: Nanoseconds of each counted run; run k took input k modulo the number of inputs.
    """

    name: str
    tokens: tuple[int, ...]
    fed: tuple[int, ...]
    run_ns: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenized:
    """The tokenizer on the device: its version, nanoseconds for each text, and the ids it made.

    The ids are compared with those of this machine as they arrive, and go no further: in a journal or report they are
    empty, because a text can be read back from them.
    """

    version: str
    text_ns: tuple[int, ...]
    ids: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """What one worker process measured.

    Attributes:
        schema: ``WORKER_SCHEMA``.
        runtime: Runtime.
        version: Its version.
        python: Version of the Python that ran the worker.
        threads: Threads one inference could use.
        cores: Processors the worker could run on.
        import_ns: Nanoseconds to import the runtime.
        load_ns: Nanoseconds to open the file.
        first_ns: Nanoseconds of the first inference; ``None`` when none was asked for.
        series: Raw times.
        answers: Float32 logits of each input of ``Request.answers``.
        tokenized: What the tokenizer did; ``None`` when it was not asked for or is not installed there.
        peak_rss_bytes: Largest resident memory of the process (VmHWM); ``None`` where the system does not say.
        conditions: What was read before, during and after.
        started_s: Wall clock at the start, seconds since 1970.
        ended_s: Wall clock at the end; disagrees with the monotonic clock when somebody set the clock meanwhile.
        elapsed_ns: Monotonic nanoseconds between the two.
    """

    schema: int
    runtime: str
    version: str
    python: str
    threads: int
    cores: tuple[int, ...]
    import_ns: int
    load_ns: int
    first_ns: int | None
    series: tuple[TimedSeries, ...]
    answers: tuple[tuple[float, ...], ...]
    tokenized: Tokenized | None
    peak_rss_bytes: int | None
    conditions: tuple[Conditions, ...]
    started_s: float
    ended_s: float
    elapsed_ns: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """One processor of a device.

    Attributes:
        number: As the system counts.
        part: Its type, as in ``Cortex-A76``; empty where unknown.
        max_khz: Highest frequency; ``None`` where unknown.
        capacity: Relative capacity, 1024 for the fastest (Linux ``cpu_capacity``); ``None`` where unknown.
    """

    number: int
    part: str
    max_khz: int | None
    capacity: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class HardwareFacts:
    """What a worker says of the machine it runs on.

    Attributes:
        schema: ``WORKER_SCHEMA``.
        machine: Instruction set, as in ``aarch64``.
        model: Name of the board or processor; empty where unknown.
        system: Operating system and its kernel, as in ``Linux 6.1.0``.
        python: Version of the worker's Python.
        cores: Processors online.
        features: CPU features, as the kernel names them, sorted.
        memory_bytes: RAM; ``None`` where unknown.
        runtimes: Runtimes that import there, with their versions.
        absent: Runtimes that do not, with the reason.
    """

    schema: int
    machine: str
    model: str
    system: str
    python: str
    cores: tuple[Core, ...]
    features: tuple[str, ...]
    memory_bytes: int | None
    runtimes: tuple[tuple[str, str], ...]
    absent: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AndroidFacts:
    """What a phone says of itself by ``getprop``; empty texts where it does not.

    Attributes:
        manufacturer: As in ``Google``.
        model: As in ``Pixel 8``.
        soc: As in ``Tensor G3``.
        release: Android version.
        sdk: API level; ``None`` where unknown.
        abi: Preferred ABI, as in ``arm64-v8a``.
    """

    manufacturer: str
    model: str
    soc: str
    release: str
    sdk: int | None
    abi: str


@dataclass(frozen=True, slots=True, kw_only=True)
class PhoneState:
    """What ``dumpsys`` says of a phone at one moment of a run.

    Attributes:
        trial: Index of the trial it was read before; the number of trials for the reading at the end.
        battery_percent: Charge.
        battery_celsius: Temperature of the battery.
        is_charging: Whether power flows in.
        thermal_status: 0 none, 1 light, 2 moderate, 3 severe, 4 critical, 5 emergency, 6 shutdown.
        temperatures: Sensors of the thermal service.
        is_screen_on: Whether the display is awake.
        is_power_saving: Whether battery saver is on.
    """

    trial: int
    battery_percent: int | None = None
    battery_celsius: float | None = None
    is_charging: bool | None = None
    thermal_status: int | None = None
    temperatures: tuple[Temperature, ...] = ()
    is_screen_on: bool | None = None
    is_power_saving: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceFacts:
    """A device of a report.

    Attributes:
        name: What people call it: the phone's or board's model, else its URL.
        kind: How it was reached.
        cpu: Emulated CPU, as in ``cortex-a76``; empty on real hardware.
        hardware: What the worker said.
        android: What the phone said; ``None`` on everything else.
        worker: sha256 of the runtime bundle used, or the Python that ran the worker.
    """

    name: str
    kind: DeviceKind
    cpu: str
    hardware: HardwareFacts
    android: AndroidFacts | None
    worker: str

    @property
    def is_emulated(self) -> bool:
        """Whether wall times mean nothing."""
        return bool(self.cpu)


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchedFile:
    """A model file of the bundle that was measured."""

    file: str
    role: Role
    format: Format
    precision: Precision
    size_bytes: int
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchedBundle:
    """The bundle that was measured: its folder's name, the hash of its manifest, and how its texts become ids."""

    name: str
    manifest_sha256: str
    checkpoint: str
    checkpoint_sha256: str
    recipe: str
    labels: tuple[str, ...]
    text: TextSpec
    files: tuple[BenchedFile, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchedTexts:
    """The texts that were run.

    Attributes:
        name: File name, or ``golden.json`` when no data was given.
        sha256: Hash of the file.
        texts: Texts in it.
        truncated: Texts longer than the longest input, and cut there.
        mean_tokens: Mean length in tokens, special tokens included, over all texts.
        labels: Label index of each text of the accuracy run, in its order; empty without labels or accuracy run.
    """

    name: str
    sha256: str
    texts: int
    truncated: int
    mean_tokens: float
    labels: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """How to measure.

    Attributes:
        threads: Thread counts to measure with.
        runs: Counted inferences of each series in each process.
        warm_up: Inferences before them.
        processes: Fresh worker processes of each file and thread count.
        accuracy: Texts to answer on each device; 0 for none, ``None`` for all.
        float_accuracy: Whether the float files answer them too; without, nothing can be said of agreement.
        cores: ``big``, ``little``, numbers as in ``0,1``, or empty for the system's choice.
        series_texts: Texts in each series, at most.
        cool_celsius: Wait before a trial while a sensor is more than this above the start of the run; 0 never waits.
        cool_wait_s: Seconds to wait at most for one trial.
        seed: Decides which texts are sampled.
    """

    threads: tuple[int, ...] = (1,)
    runs: int = 30
    warm_up: int = 3
    processes: int = 8
    accuracy: int | None = 0
    float_accuracy: bool = True
    cores: str = ""
    series_texts: int = 16
    cool_celsius: float = 5.0
    cool_wait_s: float = 60.0
    seed: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class DoneTrial:
    """A trial, and which one: ``round`` counts the processes of a file, ``order`` all trials of the device."""

    file: str
    round: int
    order: int
    trial: Trial
    waited_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """What a file answered on a device.

    Attributes:
        file: File inside the bundle.
        runtime: Runtime.
        version: Its version.
        predicted: Label index predicted for each text of the accuracy run; empty when there was none.
        golden_difference: Largest absolute difference to the golden logits.
        golden_tolerance: Largest one that counts as the same model.
    """

    file: str
    runtime: str
    version: str
    predicted: tuple[int, ...]
    golden_difference: float
    golden_tolerance: float


@dataclass(frozen=True, slots=True, kw_only=True)
class InstructionCount:
    """Instructions that an emulated CPU executed for one inference (one thread, counted, not timed).

    Attributes:
        file: File inside the bundle.
        runtime: Runtime.
        version: Its version.
        series: Name of the series its input is the first of.
        tokens: Tokens of that input.
        per_inference: Instructions of one inference, the mean over the counted runs.
        classes: The same by class of instruction, as in ``sdot``, largest first.
    """

    file: str
    runtime: str
    version: str
    series: str
    tokens: int
    per_inference: float
    classes: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """Everything one device contributed to a report.

    Attributes:
        device: The device.
        trials: Trials in the order they were made; of an emulator their times are never shown.
        answers: Golden texts, and accuracy where asked for.
        counts: Instruction counts, from emulators.
        states: Readings of a phone between the trials.
        retries: Transient failures that were tried again.
        notes: What could not be done, one sentence each, as in a runtime that is absent there.
    """

    device: DeviceFacts
    trials: tuple[DoneTrial, ...]
    answers: tuple[Answers, ...]
    counts: tuple[InstructionCount, ...] = ()
    states: tuple[PhoneState, ...] = ()
    retries: int = 0
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The content of a report file.

    It can be shown to people who may not see the texts: of each text it holds the length in tokens, the times, the
    label and what the files predicted, but neither words nor token ids.

    Attributes:
        schema: ``REPORT_SCHEMA``.
        edgebert: Version that made it.
        created: Day it was made, as in ``2026-11-21``.
        bundle: What was measured.
        texts: With which texts.
        suite: How.
        measurements: One for each device.
    """

    schema: int
    edgebert: str
    created: str
    bundle: BenchedBundle
    texts: BenchedTexts
    suite: Suite
    measurements: tuple[Measurement, ...]
