"""One device's share of a benchmark: golden answers, accuracy, then the trials in their order, step by step.

Every step goes into the journal before the next one begins, and a step that is there is not made again: a run that was
killed ends with the same trials as one that was not.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TypeVar

from edgebert.benchmarking.report import DoneTrial, InstructionCount
from edgebert.benchmarking.run.journal import Journal
from edgebert.benchmarking.run.requests import (
    STEP_S,
    DeployedFile,
    Turn,
    abba,
    answers_request,
    count_requests,
    golden_answers,
    golden_request,
    is_warm_after,
    is_warm_now,
    keys_of,
    timeout_s,
    trial_request,
    without_ids,
)
from edgebert.benchmarking.run.steps import (
    AnswersStep,
    CountsStep,
    DeviceProgress,
    FactsStep,
    GoldenStep,
    NoteStep,
    StateStep,
    Step,
    TrialStep,
    UnfitStep,
)
from edgebert.benchmarking.run.workload import BenchmarkPlan, chosen_files
from edgebert.benchmarking.suite import core_numbers
from edgebert.device.board import Board, InstructionCounter
from edgebert.device.device import DeviceFacts, PhoneState, retrying
from edgebert.device.protocol import Request, Trial
from edgebert.errors import CheckFailed, DeviceGone, DeviceProblem
from edgebert.tasks import task_head

T = TypeVar("T")

START_S, EMULATED_START_S = 300.0, 3_600.0
"""Seconds granted to every worker to start, import and load: a board reads 268 MB from a slow card. Under emulation the
golden texts of a large model take many minutes."""

PART_S, LARGEST_PART = 30.0, 256
"""Seconds of answers asked for at once, which is what a kill loses at most, and how many they are at most."""


class DeviceRun:
    """The work on one device.

    Args:
        url: What the user calls the device.
        board: The device.
        plan: What to do.
        journal: Where every step goes; its steps of this device are not made again.
        expect: Told how many more inferences are to come.
        advance: Told how many of them were made, and of which file.
        rest: Sleeps for so many seconds; raises when the benchmark is to stop.
    """

    def __init__(
        self,
        url: str,
        board: Board,
        plan: BenchmarkPlan,
        journal: Journal,
        *,
        expect: Callable[[int], None],
        advance: Callable[[int, str], None],
        rest: Callable[[float], None],
    ) -> None:
        self._url, self._board, self._plan, self._journal = url, board, plan, journal
        self._expect, self._advance, self._rest = expect, advance, rest
        self._retries, self._least_s = 0, START_S
        self._done = DeviceProgress()
        for step in journal.of(url):
            self._done.add(step)

    def make(self) -> None:
        """Do everything that the journal does not hold yet.

        Raises:
            DeviceProblem: The device cannot go on, runs none of the files, or is another one than in the journal.
            UsageError: The cores that were asked for do not exist there.
        """
        facts = self._facts()
        self._least_s = EMULATED_START_S if facts.is_emulated else START_S
        files = self._deploy(facts)
        planned = self._timed(files)
        answers = sum(self._answers_left(item) for item in planned)
        is_emulator = facts.kind == "emulator"
        self._expect(answers if is_emulator else answers + self._inferences(self._turns_left(planned)))
        for item in files:
            self._unless_failed(item, self._golden)
        for item in files:
            self._unless_failed(item, self._answers)
        if not is_emulator:
            self._trials(self._timed(files), planned=planned)
        elif (counter := self._board.counter) is not None:
            for item in files:
                self._unless_failed(item, partial(self._counts, counter))
        elif self._board.why_not_counted:
            self._add(NoteStep, note=self._board.why_not_counted)

    def _facts(self) -> DeviceFacts:
        facts = self._call(self._board.facts)
        known = self._done.facts
        if known is None:
            self._add(FactsStep, facts=facts)
        elif _identity(known) != _identity(facts):
            raise DeviceProblem(
                f"{self._url}: is another device, or has other runtimes, than when the run began",
                hint="--restart starts over; another --out keeps both",
            )
        return known or facts

    def _deploy(self, facts: DeviceFacts) -> tuple[DeployedFile, ...]:
        plan = self._plan
        present = [name for name, _ in facts.hardware.runtimes]
        chosen = chosen_files(plan.bundle, plan.files, plan.runtimes, present=present)
        if not chosen:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in facts.hardware.absent)
            raise DeviceProblem(
                f"{self._url}: has no runtime for the files that were asked for{f' ({reasons})' if reasons else ''}",
                hint="edgebert worker build makes a worker that brings runtimes along",
            )
        cores = core_numbers(plan.suite.cores, facts.hardware)
        return tuple(
            DeployedFile(
                artifact=artifact,
                runtime=runtime,
                path=self._put(artifact.file),
                tokenizer=None if facts.kind == "emulator" else self._put(plan.workload.inputs(artifact).tokenizer),
                inputs=plan.workload.inputs(artifact),
                cores=cores,
                token_outputs=task_head(plan.bundle.manifest.task).token_outputs,
            )
            for artifact, runtime in chosen
        )

    def _golden(self, file: DeployedFile) -> None:
        if self._done.files[file.key].text_ns:
            return
        trial = self._work(file, golden_request(file, threads=self._plan.suite.threads[0]))
        answers, problem = golden_answers(file, trial)
        text_ns = (trial.elapsed_ns - trial.import_ns - trial.load_ns) // len(trial.answers)
        self._add(GoldenStep, answers=answers, text_ns=max(text_ns, 1), problem=problem)

    def _answers(self, file: DeployedFile) -> None:
        inputs, progress = file.inputs.accuracy, self._done.files[file.key]
        size = int(min(max(PART_S * 1e9 / progress.text_ns, 8), LARGEST_PART))
        manifest = self._plan.bundle.manifest
        for start in range(progress.answered, len(inputs), size):
            part = inputs[start : start + size]
            windows = [window.ids for item in part for window in item.windows]
            trial = self._work(file, answers_request(file, windows, threads=self._plan.suite.threads[0]))
            answers = keys_of(trial, part, task_head(manifest.task), manifest.meaning)
            self._add(AnswersStep, file=file.artifact.file, runtime=file.runtime, answers=answers)

    def _counts(self, counter: InstructionCounter, file: DeployedFile) -> None:
        if self._done.files[file.key].is_counted:
            return
        requests, found = count_requests(file), []
        self._expect(sum(request.inferences for request in requests))
        for request in requests:
            self._rest(0)
            limit = timeout_s(request, self._done.files[file.key].text_ns, least_s=self._least_s)
            trial, classes = self._call(partial(counter, request, limit))
            found.append(
                InstructionCount(
                    file=file.artifact.file,
                    runtime=file.runtime,
                    version=trial.version,
                    series=request.series[0].name,
                    tokens=len(request.series[0].inputs[0]),
                    per_inference=sum(count for _, count in classes),
                    classes=classes,
                )
            )
            self._advance(request.inferences, file.artifact.file)
        self._add(CountsStep, file=file.artifact.file, runtime=file.runtime, counts=tuple(found))

    def _trials(self, files: list[DeployedFile], *, planned: list[DeployedFile]) -> None:
        left = self._turns_left(files)
        self._expect(self._inferences(left) - self._inferences(self._turns_left(planned)))
        for turn in left:
            self._unless_failed(turn.entry[0], partial(self._trial, turn), in_trial=True)
        if left:
            self._state(left[-1].order + 1)

    def _turns_left(self, files: list[DeployedFile]) -> list[Turn[tuple[DeployedFile, int]]]:
        # Files that are compared stand side by side, so that little can change between them.
        entries = [
            (item, threads)
            for runtime in dict.fromkeys(item.runtime for item in files)
            for threads in self._plan.suite.threads
            for item in files
            if item.runtime == runtime
        ]
        return [turn for turn in abba(entries, self._plan.suite.processes) if turn.order not in self._done.orders]

    def _trial(self, turn: Turn[tuple[DeployedFile, int]], file: DeployedFile) -> None:
        waited_s = self._cool(turn.order)
        trial, note = without_ids(file, self._work(file, self._request(turn)))
        done = DoneTrial(file=file.artifact.file, round=turn.round, order=turn.order, trial=trial, waited_s=waited_s)
        self._add(TrialStep, done=done, note=note)

    def _inferences(self, turns: list[Turn[tuple[DeployedFile, int]]]) -> int:
        return sum(self._request(turn).inferences for turn in turns)

    def _answers_left(self, file: DeployedFile) -> int:
        progress = self._done.files[file.key]
        golden = 0 if progress.text_ns else len(file.inputs.golden.cases)
        return golden + len(file.inputs.accuracy) - progress.answered

    def _request(self, turn: Turn[tuple[DeployedFile, int]]) -> Request:
        file, threads = turn.entry
        return trial_request(file, self._plan.suite, self._plan.workload.timed, threads=threads)

    def _cool(self, order: int) -> float:
        """Wait until the device is as cool as at the start, or for as long as the suite allows; return the seconds."""
        suite, waited_s = self._plan.suite, 0.0
        patience_s = suite.cool_wait_s if suite.cool_celsius else 0.0
        first, now = self._done.first_state, self._state(order)
        if first is not None and now is not None and (now.temperatures or now.thermal_status is not None):
            while waited_s < patience_s and is_warm_now(first, now, celsius=suite.cool_celsius):
                step_s = min(STEP_S, suite.cool_wait_s - waited_s)
                self._rest(step_s)
                waited_s += step_s
                now = self._state(order) or now
            return waited_s
        one, last = self._done.first_trial, self._done.last_trial
        if one is not None and last is not None and is_warm_after(one, last, celsius=suite.cool_celsius):
            waited_s = min(STEP_S, patience_s)
            self._rest(waited_s)
        return waited_s

    def _state(self, order: int) -> PhoneState | None:
        state = self._call(lambda: self._board.phone_state(order))
        if state is not None:
            self._add(StateStep, state=state)
        return state

    def _work(self, file: DeployedFile, request: Request) -> Trial:
        self._rest(0)
        limit = timeout_s(request, self._done.files[file.key].text_ns, least_s=self._least_s)
        trial = self._call(lambda: self._board.work(request, timeout_s=limit))
        self._advance(request.inferences, file.artifact.file)
        return trial

    def _put(self, file: str) -> str:
        return self._call(lambda: self._board.put(self._plan.bundle.path(file)))

    def _call(self, call: Callable[[], T]) -> T:
        return retrying(call, on_retry=self._count_retry, sleep=self._rest)

    def _count_retry(self, _: DeviceGone) -> None:
        self._retries += 1

    def _add(self, kind: Callable[..., Step], **parts: object) -> None:
        step = kind(device=self._url, retries=self._retries, **parts)
        self._journal.add(step)
        self._done.add(step)
        self._retries = 0

    def _timed(self, files: tuple[DeployedFile, ...]) -> list[DeployedFile]:
        return [item for item in files if self._done.files[item.key].is_timed]

    def _unless_failed(self, file: DeployedFile, do: Callable[[DeployedFile], None], *, in_trial: bool = False) -> None:
        """Do something with a file unless it has failed; record when this fails."""
        if self._done.files[file.key].has_failed:
            return
        try:
            do(file)
        except CheckFailed as error:
            problem = error.message.removeprefix(f"{self._url}: ")
            self._add(UnfitStep, file=file.artifact.file, runtime=file.runtime, problem=problem, in_trial=in_trial)


def _identity(facts: DeviceFacts) -> tuple[object, ...]:
    """Return what must be the same for two sessions to be of one device; cores come and go with the load."""
    hardware = facts.hardware
    return facts.kind, facts.name, facts.cpu, facts.worker, hardware.machine, hardware.features, hardware.runtimes
