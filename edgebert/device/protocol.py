"""What goes to a worker, and what comes back: a request, a trial, and the machine it ran on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgebert.arguments import Amount, Count, Positive
from edgebert.golden import Tensor

Moment = Literal["before", "during", "after"]

WORKER_SCHEMA = 2
"""Version of both; ``ondevice`` states the same number."""


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
        answers: Inputs whose outputs are wanted, untimed; token ids of each text.
        token_outputs: Outputs that have a row for each token: those of padding are left out of an answer.
        tokenizer: ``tokenizer.json`` as the worker sees it, to time on ``texts``; ``None`` leaves the tokenizer out.
        max_length: Longest input of that tokenizer in tokens.
        texts: Texts for the tokenizer.
        marks: Whether to mark the counted runs for the instruction counter of an emulator.
    """

    schema: int = WORKER_SCHEMA
    file: str
    runtime: str
    threads: int = 1
    cores: tuple[int, ...] = ()
    pad_id: int
    series: tuple[Series, ...] = ()
    warm_up: int = 0
    runs: int = 0
    answers: tuple[tuple[int, ...], ...] = ()
    tokenizer: str | None = None
    max_length: int = 0
    texts: tuple[str, ...] = ()
    marks: bool = False
    token_outputs: tuple[str, ...] = ()

    @property
    def inferences(self) -> int:
        """How many inferences are asked for."""
        return len(self.answers) + len(self.series) * (self.warm_up + self.runs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Temperature:
    """One thermal sensor: its name as the system gives it, and degrees Celsius."""

    sensor: str
    celsius: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooling:
    """One cooling device of the system, as in a frequency cap: 0 is off, ``highest`` is all it can do."""

    name: str
    state: Count
    highest: Count


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
    at_ns: Count
    freq_khz: tuple[Count, ...] = ()
    governor: tuple[str, ...] = ()
    temperatures: tuple[Temperature, ...] = ()
    cooling: tuple[Cooling, ...] = ()
    throttle_count: Count | None = None
    load: Amount | None = None
    battery_percent: Count | None = None
    battery_status: str | None = None
    energy_uj: tuple[tuple[str, Count], ...] = ()


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
    tokens: tuple[Positive, ...]
    fed: tuple[Positive, ...]
    run_ns: tuple[Positive, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tokenized:
    """The tokenizer on the device: its version, nanoseconds for each text, and the ids it made.

    The ids are compared with those of this machine as they arrive, and go no further: in a journal or report they are
    empty, because a text can be read back from them.
    """

    version: str
    text_ns: tuple[Positive, ...]
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
        answers: Float32 outputs of each input of ``Request.answers``, by name, without the dimension of the batch.
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
    threads: Positive
    cores: tuple[Count, ...]
    import_ns: Count
    load_ns: Count
    first_ns: Count | None
    series: tuple[TimedSeries, ...]
    answers: tuple[dict[str, Tensor], ...]
    tokenized: Tokenized | None
    peak_rss_bytes: Count | None
    conditions: tuple[Conditions, ...]
    started_s: Amount
    ended_s: Amount
    elapsed_ns: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class Core:
    """One processor of a device.

    Attributes:
        number: As the system counts.
        part: Its type, as in ``Cortex-A76``; empty where unknown.
        max_khz: Highest frequency; ``None`` where unknown.
        capacity: Relative capacity, 1024 for the fastest (Linux ``cpu_capacity``); ``None`` where unknown.
    """

    number: Count
    part: str
    max_khz: Count | None
    capacity: Count | None


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
    memory_bytes: Count | None
    runtimes: tuple[tuple[str, str], ...]
    absent: tuple[tuple[str, str], ...]
