"""A report: what was measured, how, and everything that the devices contributed; its file is read strictly."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from edgebert.arguments import Amount, Count, Positive, path_of
from edgebert.benchmarking.schema import REPORT_SCHEMA, upgraded
from edgebert.benchmarking.suite import Suite
from edgebert.device.device import DeviceFacts, PhoneState
from edgebert.device.protocol import TimedSeries, Trial
from edgebert.errors import UsageError
from edgebert.examples import Key, Tally
from edgebert.jsonio import dumps, parse, read
from edgebert.manifest import Role, TextSpec
from edgebert.meaning import NO_SETTINGS, Meaning, Task, TaskSettings
from edgebert.outputs import FileKind, write_output
from edgebert.printable import shown
from edgebert.recipe import Format, Precision
from edgebert.tasks import task_head

Configuration = tuple[str, str, int]
"""File, runtime and threads: the trials of one configuration are the processes that are judged together."""


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
    task: Task
    labels: tuple[str, ...]
    text: TextSpec
    files: tuple[FileFacts, ...]
    settings: TaskSettings = NO_SETTINGS

    @property
    def meaning(self) -> Meaning:
        """What the outputs of its files mean."""
        return Meaning(labels=self.labels, settings=self.settings)

    def find(self, file: str) -> FileFacts | None:
        """Return what the bundle says of a file; ``None`` for a file that it does not hold."""
        return next((item for item in self.files if item.file == file), None)

    def baseline_of(self, file: str) -> str | None:
        """Return the float file that a shipped file is compared with, of the same format; ``None`` for a baseline."""
        known = self.find(file)
        if known is None or known.role == "baseline":
            return None
        same = (item.file for item in self.files if item.role == "baseline" and item.format == known.format)
        return next(same, None)


@dataclass(frozen=True, slots=True, kw_only=True)
class TextFacts:
    """The texts that were run.

    Attributes:
        name: File name, or ``golden.json`` when no data was given.
        sha256: Hash of the file.
        texts: Texts in it.
        truncated: Texts longer than the longest input, and cut there.
        mean_tokens: Mean length in tokens, special tokens included, over all texts.
        gold_sha256: Hash of the right answers to the texts of the accuracy run; empty without either.
    """

    name: str
    sha256: str
    texts: Count
    truncated: Count
    mean_tokens: Amount
    gold_sha256: str = ""


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
        answers: Answer to each text of the accuracy run; empty when there was none.
        tallies: What each of them adds to the metrics of the task; empty where no right answers are known.
        golden_difference: Largest absolute difference to the golden logits.
        golden_tolerance: Largest one that counts as the same model.
    """

    file: str
    runtime: str
    version: str
    answers: tuple[Key, ...]
    tallies: tuple[Tally, ...]
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

    def configurations(self) -> dict[Configuration, dict[int, Trial]]:
        """Return the trials by configuration, and by round within it."""
        found: dict[Configuration, dict[int, Trial]] = {}
        for done in self.trials:
            key = (done.file, done.trial.runtime, done.trial.threads)
            found.setdefault(key, {})[done.round] = done.trial
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """The content of a report file.

    It can be shown to people who may not see the texts: of each text it holds the length in tokens, the times, what the
    files answered and whether that is right, as numbers, but neither words nor token ids.

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


def times_by_series(trials: Mapping[int, Trial]) -> dict[str, dict[int, TimedSeries]]:
    """Return the times of each series by round, in the order of the rounds that timed something of it."""
    found: dict[str, dict[int, TimedSeries]] = {}
    for number, trial in sorted(trials.items()):
        for item in trial.series:
            if item.run_ns:
                found.setdefault(item.name, {})[number] = item
    return found


def read_report(path: str | Path) -> Report:
    """Return the report in a file.

    Args:
        path: The file, as ``edgebert bench`` writes it.

    Returns:
        Raw samples with times in nanoseconds, nothing derived.

    Raises:
        UsageError: The file is missing, no report, or of a schema this version cannot read.

    Examples:
        >>> edgebert.read_report("report.json").created
        '2026-11-21'
    """
    path = path_of("path", path)
    again = "edgebert bench BUNDLE --out REPORT.json makes one"
    report = read(
        Report, path, what="report", newest=REPORT_SCHEMA, keys=("measurements",), hint=again, upgrade=upgraded
    )
    head, meaning = task_head(report.bundle.task), report.bundle.meaning
    of = f"of a {report.bundle.task} model of {len(meaning.labels)} labels"
    for device, measurement in enumerate(report.measurements):
        for file, found in enumerate(measurement.answers):
            where = f"{path}: measurements[{device}].answers[{file}]"
            for index, key in enumerate(found.answers):
                if not head.is_key(key, meaning):
                    raise UsageError(f"{where}.answers[{index}] is {shown(list(key))}, no answer {of}")
            for index, tally in enumerate(found.tallies):
                if not head.is_tally(tally, meaning):
                    raise UsageError(f"{where}.tallies[{index}] is {shown(list(tally))}, no tally {of}")
    return report


def write_report(report: Report, path: Path) -> None:
    """Write a report, in place of an older one; whatever goes wrong, the file is as it was or complete.

    Equal reports give equal bytes.

    Raises:
        OutputError: It cannot be written there, or the file is something else than a report.
        EnvironmentProblem: The disk is full.
    """
    write_output(path, dumps(report).encode("utf-8", "backslashreplace"), REPORT, force=True)


def _is_report(path: Path) -> bool:
    try:
        plain = parse(path.read_text(encoding="utf-8"), source=str(path))
    except (UsageError, UnicodeDecodeError):
        return False
    return isinstance(plain, dict) and {"schema", "measurements"} <= plain.keys()


REPORT = FileKind(name="a report of edgebert bench", is_one=_is_report)
