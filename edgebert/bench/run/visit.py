"""One device's share of a benchmark: golden answers, accuracy, then the trials in their order, step by step.

Every step goes into the journal before the next one begins, and a step that is there is not made again: a run that was
killed ends with the same trials as one that was not.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

import numpy as np

from edgebert.bench.analysis.features import core_numbers
from edgebert.bench.report import DoneTrial, InstructionCount
from edgebert.bench.run.boards import Board, Counter, Phone, Uncounted
from edgebert.bench.run.journal import Journal, Kind, Step
from edgebert.bench.run.requests import (
    STEP_S,
    Placed,
    Turn,
    abba,
    answers_request,
    count_requests,
    golden_answers,
    golden_request,
    inferences,
    is_warm_after,
    is_warm_now,
    timeout_s,
    trial_request,
    without_ids,
)
from edgebert.bench.run.workload import Plan, chosen_files
from edgebert.device.board import retrying
from edgebert.device.device import DeviceFacts, PhoneState
from edgebert.device.protocol import Request, Trial
from edgebert.errors import CheckFailed, DeviceGone, DeviceProblem

T = TypeVar("T")

START_S = 300.0
"""Seconds granted to every worker to start, import and load: a board reads 268 MB from a slow card."""

EMULATED_START_S = 3_600.0
"""The same under emulation, where the golden texts of a large model take many minutes."""

PART_S = 30.0
"""Seconds of answers asked for at once: what a kill loses at most."""

LARGEST_PART = 256


class Visit:
    """The work on one device.

    Args:
        url: What the user calls the device.
        board: The device.
        plan: What to do.
        journal: Where every step goes.
        expect: Told how many more inferences are to come.
        advance: Told how many of them were made, and of which file.
        rest: Sleeps for so many seconds; raises when the benchmark is to stop.
    """

    def __init__(
        self,
        url: str,
        board: Board,
        plan: Plan,
        journal: Journal,
        *,
        expect: Callable[[int], None],
        advance: Callable[[int, str], None],
        rest: Callable[[float], None],
    ) -> None:
        self._url, self._board, self._plan, self._journal = url, board, plan, journal
        self._expect, self._advance, self._rest = expect, advance, rest
        self._retries = 0
        self._least_s = START_S

    def make(self) -> None:
        """Do everything that the journal does not hold yet.

        Raises:
            DeviceProblem: The device cannot go on, runs none of the files, or is another one than in the journal.
            UsageError: The cores that were asked for do not exist there.
        """
        facts = self._facts()
        self._least_s = EMULATED_START_S if facts.is_emulated else START_S
        placed = self._place(facts)
        fit = self._fit(placed)
        answers = sum(self._answers_left(item) for item in fit)
        is_emulator = facts.kind == "emulator"
        self._expect(answers if is_emulator else answers + self._inferences(self._turns_left(fit)))
        for item in placed:
            self._unless_unfit(item, self._golden)
        for item in placed:
            self._unless_unfit(item, self._answers)
        if not is_emulator:
            self._trials(self._fit(placed), planned=fit)
            return
        if isinstance(self._board, Uncounted):
            self._add("note", note=self._board.why_not_counted)
        for item in placed:
            self._unless_unfit(item, self._counts)

    def _facts(self) -> DeviceFacts:
        facts = self._call(self._board.facts)
        known = next((step.facts for step in self._journal.of(self._url) if step.facts is not None), None)
        if known is None:
            self._add("facts", facts=facts)
        elif _identity(known) != _identity(facts):
            raise DeviceProblem(
                f"{self._url}: is another device, or has other runtimes, than when the run began",
                hint="--anew starts anew; another --out keeps both",
            )
        return known or facts

    def _place(self, facts: DeviceFacts) -> tuple[Placed, ...]:
        plan = self._plan
        present = [name for name, _ in facts.hardware.runtimes]
        chosen = chosen_files(plan.bundle, plan.files, plan.runtimes, present=present)
        if not chosen:
            reasons = "; ".join(f"{name}: {reason}" for name, reason in facts.hardware.absent)
            raise DeviceProblem(
                f"{self._url}: has no runtime for the files that were asked for{f' ({reasons})' if reasons else ''}",
                hint="edgebert runtime build makes a worker that brings runtimes along",
            )
        cores = core_numbers(plan.suite.cores, facts.hardware)
        return tuple(
            Placed(
                artifact=artifact,
                runtime=runtime,
                path=self._put(artifact.file),
                tokenizer=None if facts.kind == "emulator" else self._put(plan.workload.inputs(artifact).tokenizer),
                inputs=plan.workload.inputs(artifact),
                cores=cores,
            )
            for artifact, runtime in chosen
        )

    def _golden(self, placed: Placed) -> None:
        if self._made("golden", placed):
            return
        trial = self._work(placed, golden_request(placed, threads=self._plan.suite.threads[0]), text_ns=0)
        answers, problem = golden_answers(placed, trial)
        text_ns = (trial.elapsed_ns - trial.import_ns - trial.load_ns) // len(trial.answers)
        self._add("golden", placed, golden=answers, text_ns=max(text_ns, 1), problem=problem)

    def _answers(self, placed: Placed) -> None:
        inputs, text_ns = placed.inputs.accuracy, self._text_ns(placed)
        size = int(min(max(PART_S * 1e9 / text_ns, 8), LARGEST_PART))
        done = sum(map(_texts, self._made("answers", placed)))
        labels = len(self._plan.bundle.manifest.labels)
        for start in range(done, len(inputs), size):
            request = answers_request(placed, inputs[start : start + size], threads=self._plan.suite.threads[0])
            trial = self._work(placed, request, text_ns=text_ns)
            if [len(row) for row in trial.answers] != [labels] * len(request.answers):
                raise CheckFailed(f"gives no {labels} logits for each text")
            self._add("answers", placed, start=start, predicted=tuple(int(np.argmax(row)) for row in trial.answers))

    def _counts(self, placed: Placed) -> None:
        if not isinstance(self._board, Counter) or self._made("counts", placed):
            return
        requests, found = count_requests(placed), []
        self._expect(sum(map(inferences, requests)))
        for request in requests:
            self._rest(0)
            limit = timeout_s(request, self._text_ns(placed), least_s=self._least_s)
            trial, classes = self._call(partial(self._board.count, request, timeout_s=limit))
            found.append(
                InstructionCount(
                    file=placed.artifact.file,
                    runtime=placed.runtime,
                    version=trial.version,
                    series=request.series[0].name,
                    tokens=len(request.series[0].inputs[0]),
                    per_inference=sum(count for _, count in classes),
                    classes=classes,
                )
            )
            self._advance(inferences(request), placed.artifact.file)
        self._add("counts", placed, counts=tuple(found))

    def _trials(self, fit: list[Placed], *, planned: list[Placed]) -> None:
        left = self._turns_left(fit)
        self._expect(self._inferences(left) - self._inferences(self._turns_left(planned)))
        for turn in left:
            self._unless_unfit(turn.entry[0], partial(self._trial, turn), kind="trial")
        if left:
            self._state(left[-1].order + 1)

    def _turns_left(self, fit: list[Placed]) -> list[Turn[tuple[Placed, int]]]:
        # Files that are compared stand side by side, so that little can change between them.
        entries = [
            (item, threads)
            for runtime in dict.fromkeys(item.runtime for item in fit)
            for threads in self._plan.suite.threads
            for item in fit
            if item.runtime == runtime
        ]
        made = {step.done.order for step in self._journal.of(self._url) if step.done is not None}
        return [turn for turn in abba(entries, self._plan.suite.processes) if turn.order not in made]

    def _trial(self, turn: Turn[tuple[Placed, int]], placed: Placed) -> None:
        waited_s = self._cool(turn.order)
        trial = self._work(placed, self._request(turn), text_ns=self._text_ns(placed))
        trial, note = without_ids(placed, trial)
        done = DoneTrial(file=placed.artifact.file, round=turn.round, order=turn.order, trial=trial, waited_s=waited_s)
        self._add("trial", placed, done=done, note=note)

    def _inferences(self, turns: list[Turn[tuple[Placed, int]]]) -> int:
        return sum(inferences(self._request(turn)) for turn in turns)

    def _answers_left(self, placed: Placed) -> int:
        golden = 0 if self._made("golden", placed) else len(placed.inputs.golden.cases)
        return golden + len(placed.inputs.accuracy) - sum(map(_texts, self._made("answers", placed)))

    def _request(self, turn: Turn[tuple[Placed, int]]) -> Request:
        placed, threads = turn.entry
        return trial_request(placed, self._plan.suite, self._plan.workload.timed, threads=threads)

    def _cool(self, order: int) -> float:
        """Wait until the device is as cool as at the start, or for as long as the suite allows; return the seconds."""
        suite, waited_s = self._plan.suite, 0.0
        first = next((step.state for step in self._journal.of(self._url) if step.state is not None), None)
        now = self._state(order)
        if first is not None and now is not None and (now.temperatures or now.thermal_status is not None):
            while waited_s < self._patience_s and is_warm_now(first, now, celsius=suite.cool_celsius):
                step_s = min(STEP_S, suite.cool_wait_s - waited_s)
                self._rest(step_s)
                waited_s += step_s
                now = self._state(order) or now
            return waited_s
        trials = [step.done.trial for step in self._journal.of(self._url) if step.done is not None]
        if trials and is_warm_after(trials[0], trials[-1], celsius=suite.cool_celsius):
            waited_s = min(STEP_S, self._patience_s)
            self._rest(waited_s)
        return waited_s

    @property
    def _patience_s(self) -> float:
        return self._plan.suite.cool_wait_s if self._plan.suite.cool_celsius else 0.0

    def _state(self, order: int) -> PhoneState | None:
        phone = getattr(self._board, "device", self._board)
        if not isinstance(phone, Phone):
            return None
        state = self._call(lambda: phone.phone_state(order))
        self._add("state", state=state)
        return state

    def _work(self, placed: Placed, request: Request, *, text_ns: int) -> Trial:
        self._rest(0)
        limit = timeout_s(request, text_ns, least_s=self._least_s)
        trial = self._call(lambda: self._board.work(request, timeout_s=limit))
        self._advance(inferences(request), placed.artifact.file)
        return trial

    def _put(self, file: str) -> str:
        return self._call(lambda: self._board.put(self._plan.bundle.path(file)))

    def _call(self, call: Callable[[], T]) -> T:
        return retrying(call, on_retry=self._count_retry, sleep=self._rest)

    def _count_retry(self, _: DeviceGone) -> None:
        self._retries += 1

    def _add(self, kind: Kind, placed: Placed | None = None, **parts: object) -> None:
        file, runtime = ("", "") if placed is None else placed.key
        step = Step(device=self._url, kind=kind, file=file, runtime=runtime, retries=self._retries)
        self._journal.add(replace(step, **parts))  # type: ignore[arg-type]  # the names are those of the fields
        self._retries = 0

    def _made(self, kind: Kind, placed: Placed) -> list[Step]:
        return [
            step
            for step in self._journal.of(self._url)
            if step.kind == kind and (step.file, step.runtime) == placed.key
        ]

    def _fit(self, placed: tuple[Placed, ...]) -> list[Placed]:
        """Return the files to time; one that fails in a trial keeps its turns, so that no order changes in mid-run."""
        unfit = self._unfit("golden", "unfit")
        return [item for item in placed if item.key not in unfit]

    def _unfit(self, *kinds: Kind) -> set[tuple[str, str]]:
        return {
            (step.file, step.runtime) for step in self._journal.of(self._url) if step.problem and step.kind in kinds
        }

    def _unless_unfit(self, placed: Placed, do: Callable[[Placed], None], *, kind: Kind = "unfit") -> None:
        """Do something with a file unless a step has found it unfit; record when this one does."""
        if placed.key in self._unfit("golden", "unfit", "trial"):
            return
        try:
            do(placed)
        except CheckFailed as error:
            self._add(kind, placed, problem=error.message.removeprefix(f"{self._url}: "))

    def _text_ns(self, placed: Placed) -> int:
        return max(step.text_ns for step in self._made("golden", placed))


def _texts(step: Step) -> int:
    return len(step.predicted)


def _identity(facts: DeviceFacts) -> tuple[object, ...]:
    """Return what must be the same for two sessions to be of one device; cores come and go with the load."""
    hardware = facts.hardware
    return facts.kind, facts.name, facts.cpu, facts.worker, hardware.machine, hardware.features, hardware.runtimes
