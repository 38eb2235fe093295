"""The report that the steps of a benchmark make."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import replace
from importlib import metadata

from edgebert.benchmarking.report import (
    BundleFacts,
    FileAnswers,
    FileFacts,
    Measurement,
    Report,
)
from edgebert.benchmarking.run.steps import (
    AnswersStep,
    CountsStep,
    FactsStep,
    GoldenStep,
    NoteStep,
    StateStep,
    Step,
    TrialStep,
    UnfitStep,
)
from edgebert.benchmarking.run.workload import BenchmarkPlan, chosen_files
from edgebert.benchmarking.schema import REPORT_SCHEMA
from edgebert.bundle import MANIFEST, sha256_of
from edgebert.device.device import DeviceFacts
from edgebert.errors import EdgebertError
from edgebert.examples import Key
from edgebert.ondevice.session import FORMATS
from edgebert.tasks import task_head


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
