"""The steps of a benchmark on one device, what is left to do after them, and the report that they make."""

from __future__ import annotations

import datetime as dt
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from typing import Literal

from edgebert.arguments import Count, Positive
from edgebert.bench.report import (
    REPORT_SCHEMA,
    BundleFacts,
    DoneTrial,
    FileAnswers,
    FileFacts,
    InstructionCount,
    Measurement,
    Report,
)
from edgebert.bench.run.workload import BenchmarkPlan, chosen_files
from edgebert.bundle import MANIFEST, sha256_of
from edgebert.device.device import DeviceFacts, PhoneState
from edgebert.device.protocol import Trial
from edgebert.errors import EdgebertError
from edgebert.examples import Key
from edgebert.ondevice.session import FORMATS
from edgebert.tasks import task_head


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


def measurement(plan: BenchmarkPlan, steps: Sequence[Step], failure: EdgebertError | None = None) -> Measurement | None:
    """Return what a device contributed, or ``None`` where that is nothing.

    Args:
        plan: What it was to do.
        steps: What it did.
        failure: Why it did no more.
    """
    facts = next((step.facts for step in steps if isinstance(step, FactsStep)), None)
    if facts is None or not any(isinstance(step, GoldenStep | UnfitStep) for step in steps):
        return None
    # A run that was killed between reading a phone and the trial reads it again: the later reading counts.
    states = {step.state.trial: step.state for step in steps if isinstance(step, StateStep)}
    return Measurement(
        device=facts,
        trials=tuple(step.done for step in steps if isinstance(step, TrialStep)),
        answers=tuple(_answers(plan, step.answers, steps) for step in steps if isinstance(step, GoldenStep)),
        counts=tuple(count for step in steps if isinstance(step, CountsStep) for count in step.counts),
        states=tuple(states[trial] for trial in sorted(states)),
        retries=sum(step.retries for step in steps),
        notes=(
            *_absences(plan, facts),
            *misfits(steps),
            *dict.fromkeys(step.note for step in steps if isinstance(step, TrialStep | NoteStep) and step.note),
            *(() if failure is None else (f"not finished: {failure.message}",)),
        ),
    )


def misfits(steps: Sequence[Step]) -> tuple[str, ...]:
    """Return a sentence for each file that was not measured further, because of what it computes or how it fails."""
    return tuple(
        f"{step.file} in {step.runtime}, not measured: {step.problem}"
        for step in steps
        if isinstance(step, GoldenStep | UnfitStep) and step.problem
    )


def make_report(plan: BenchmarkPlan, measurements: Sequence[Measurement]) -> Report:
    """Return the report of a benchmark."""
    bundle, manifest = plan.bundle, plan.bundle.manifest
    files = dict.fromkeys(artifact for artifact, _ in chosen_files(bundle, plan.files, plan.runtimes))
    return Report(
        schema=REPORT_SCHEMA,
        edgebert=metadata.version("edgebert"),
        created=dt.datetime.now(dt.UTC).date().isoformat(),
        bundle=BundleFacts(
            name=bundle.root.resolve().name,
            manifest_sha256=sha256_of(bundle.path(MANIFEST)),
            checkpoint=manifest.provenance.checkpoint,
            checkpoint_sha256=manifest.provenance.checkpoint_sha256,
            recipe=manifest.recipe.name,
            task=manifest.task,
            labels=manifest.labels,
            settings=manifest.settings,
            text=manifest.text,
            files=tuple(
                FileFacts(
                    file=item.file,
                    role=item.role,
                    format=item.format,
                    precision=item.precision,
                    size_bytes=item.size_bytes,
                    sha256=item.sha256,
                )
                for item in files
            ),
        ),
        texts=plan.workload.texts,
        suite=plan.suite,
        measurements=tuple(measurements),
    )


def _answers(plan: BenchmarkPlan, golden: FileAnswers, steps: Sequence[Step]) -> FileAnswers:
    """Return what a file answered, with tallies, where it answered everything."""
    artifact, examples, manifest = plan.bundle.artifact(golden.file), plan.workload.examples, plan.bundle.manifest
    answers = _keys(steps, golden.file, golden.runtime)
    if len(answers) < len(plan.workload.inputs(artifact).accuracy):
        return golden  # some of the answers cannot be compared with all of another file
    if not examples or not answers:
        return replace(golden, answers=answers)
    baseline = next((item.file for item in plan.bundle.baseline if item.format == artifact.format), "")
    reference = answers if artifact.role == "baseline" else _keys(steps, baseline, golden.runtime)
    given = reference if len(reference) == len(answers) else None
    return replace(
        golden, answers=answers, tallies=task_head(manifest.task).count(examples, answers, manifest.meaning, given)
    )


def _keys(steps: Sequence[Step], file: str, runtime: str) -> tuple[Key, ...]:
    """Return what a file answered in a runtime."""
    parts = [step for step in steps if isinstance(step, AnswersStep) and (step.file, step.runtime) == (file, runtime)]
    return tuple(key for step in parts for key in step.answers)


def _absences(plan: BenchmarkPlan, facts: DeviceFacts) -> tuple[str, ...]:
    present = {name for name, _ in facts.hardware.runtimes}
    reasons = dict(facts.hardware.absent)
    if plan.runtimes:
        absent = [name for name in plan.runtimes if name not in present]
        return tuple(f"{name} is not there: {reasons.get(name, 'not installed')}" for name in absent)
    runnable = {FORMATS[name] for name in present if name in FORMATS}
    missing: dict[str, list[str]] = {}
    for artifact in dict.fromkeys(item for item, _ in chosen_files(plan.bundle, plan.files)):
        if artifact.format not in runnable:
            missing.setdefault(artifact.format, []).append(artifact.file)
    return tuple(
        f"no runtime for .{kind} files is there, so not measured: {', '.join(files)}" for kind, files in missing.items()
    )
