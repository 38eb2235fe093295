"""A report: what was measured, how, and everything that the devices contributed."""

from __future__ import annotations

from dataclasses import dataclass

from edgebert.device.facts import DeviceFacts, PhoneState
from edgebert.device.protocol import Trial
from edgebert.manifest import Role, TextSpec
from edgebert.ranges import Amount, Count, Positive
from edgebert.recipe import Format, Precision

REPORT_SCHEMA = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class FileFacts:
    """A model file of the bundle that was measured."""

    file: str
    role: Role
    format: Format
    precision: Precision
    size_bytes: Positive
    sha256: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BundleFacts:
    """The bundle that was measured: its folder's name, the hash of its manifest, and how its texts become ids."""

    name: str
    manifest_sha256: str
    checkpoint: str
    checkpoint_sha256: str
    recipe: str
    labels: tuple[str, ...]
    text: TextSpec
    files: tuple[FileFacts, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFacts:
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
    texts: Count
    truncated: Count
    mean_tokens: Amount
    labels: tuple[Count, ...] = ()


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
    round: Count
    order: Count
    trial: Trial
    waited_s: Amount = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class FileAnswers:
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
    predicted: tuple[Count, ...]
    golden_difference: Amount
    golden_tolerance: Amount


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
    tokens: Positive
    per_inference: Amount
    classes: tuple[tuple[str, Amount], ...]


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
    answers: tuple[FileAnswers, ...]
    counts: tuple[InstructionCount, ...] = ()
    states: tuple[PhoneState, ...] = ()
    retries: Count = 0
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
    bundle: BundleFacts
    texts: TextFacts
    suite: Suite
    measurements: tuple[Measurement, ...]
