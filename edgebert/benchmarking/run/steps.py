"""The steps of a benchmark on one device, and what is left to do after them."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import Literal

from edgebert.arguments import Count, Positive
from edgebert.benchmarking.report import (
    DoneTrial,
    FileAnswers,
    InstructionCount,
)
from edgebert.device.device import DeviceFacts, PhoneState
from edgebert.device.protocol import Trial
from edgebert.examples import Key


@dataclass(frozen=True, slots=True, kw_only=True)
class _DeviceStep:
    """One thing that was done on a device: its URL, and the transient failures before it succeeded."""

    device: str
    retries: Count = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FactsStep(_DeviceStep):
    """The device said what it is."""

    kind: Literal["facts"] = "facts"
    facts: DeviceFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class GoldenStep(_DeviceStep):
    """A file answered the golden texts.

    Attributes:
        answers: How; those of the accuracy run are still missing.
        text_ns: Nanoseconds that one text took, roughly; decides how much is asked for at once.
        problem: Why the file is not measured further; empty when all is well.
    """

    kind: Literal["golden"] = "golden"
    answers: FileAnswers
    text_ns: Positive
    problem: str = ""

    @property
    def file(self) -> str:
        """File inside the bundle."""
        return self.answers.file

    @property
    def runtime(self) -> str:
        """Runtime that ran it."""
        return self.answers.runtime


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswersStep(_DeviceStep):
    """A file answered the next texts of the accuracy run."""

    kind: Literal["answers"] = "answers"
    file: str
    runtime: str
    answers: tuple[Key, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialStep(_DeviceStep):
    """A trial, and what the report should say of the device after it; mostly nothing."""

    kind: Literal["trial"] = "trial"
    done: DoneTrial
    note: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class UnfitStep(_DeviceStep):
    """A file cannot be measured further, and why; one that failed in a trial keeps its turns."""

    kind: Literal["unfit"] = "unfit"
    file: str
    runtime: str
    problem: str
    in_trial: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class CountsStep(_DeviceStep):
    """The instructions of a file were counted."""

    kind: Literal["counts"] = "counts"
    file: str
    runtime: str
    counts: tuple[InstructionCount, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class StateStep(_DeviceStep):
    """A phone said how it fares."""

    kind: Literal["state"] = "state"
    state: PhoneState


@dataclass(frozen=True, slots=True, kw_only=True)
class NoteStep(_DeviceStep):
    """What the report should say of the device, in one sentence."""

    kind: Literal["note"] = "note"
    note: str


Step = FactsStep | GoldenStep | AnswersStep | TrialStep | UnfitStep | CountsStep | StateStep | NoteStep


@dataclass(slots=True)
class FileProgress:
    """What a device has done with a file so far.

    Attributes:
        text_ns: Nanoseconds that a golden text took, roughly; 0 before they were answered.
        answered: Texts of the accuracy run that were answered.
        is_counted: Whether its instructions were counted.
        has_failed: Whether it is not measured further.
        is_timed: Whether it has turns; one that fails in a trial keeps them, so that no order changes in mid-run.
    """

    text_ns: int = 0
    answered: int = 0
    is_counted: bool = False
    has_failed: bool = False
    is_timed: bool = True


@dataclass(slots=True)
class DeviceProgress:
    """What was done on a device so far.

    Attributes:
        facts: What it is; ``None`` before it said so.
        files: Progress of each file in each runtime.
        orders: Places of the trials that were made.
        first_trial: First trial.
        last_trial: Latest trial.
        first_state: What a phone said first.
    """

    facts: DeviceFacts | None = None
    files: defaultdict[tuple[str, str], FileProgress] = field(default_factory=lambda: defaultdict(FileProgress))
    orders: set[int] = field(default_factory=set)
    first_trial: Trial | None = None
    last_trial: Trial | None = None
    first_state: PhoneState | None = None

    def add(self, step: Step) -> None:
        """Take a step into account."""
        match step:
            case FactsStep():
                self.facts = self.facts or step.facts
            case GoldenStep():
                progress = self.files[step.file, step.runtime]
                progress.text_ns = step.text_ns
                progress.has_failed, progress.is_timed = bool(step.problem), not step.problem
            case AnswersStep():
                self.files[step.file, step.runtime].answered += len(step.answers)
            case CountsStep():
                self.files[step.file, step.runtime].is_counted = True
            case UnfitStep():
                progress = self.files[step.file, step.runtime]
                progress.has_failed, progress.is_timed = True, step.in_trial
            case StateStep():
                self.first_state = self.first_state or step.state
            case TrialStep():
                self.orders.add(step.done.order)
                self.first_trial, self.last_trial = self.first_trial or step.done.trial, step.done.trial
