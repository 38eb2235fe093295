"""What a worker is asked for, in which order and after which rest, and what its golden answers say.

The trials run forward and backward in turn (ABBA), so that drift hits all files alike: in two rounds the positions of
every entry add up to the same sum. Whatever grows evenly with time (heat, a clock that falls, a disk that fills)
therefore adds the same to the mean of each of them.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Generic, TypeVar

from edgebert.benchmarking.report import FileAnswers
from edgebert.benchmarking.run.workload import EVERY_LENGTH, Inputs
from edgebert.benchmarking.suite import Suite
from edgebert.device.device import PhoneState
from edgebert.device.protocol import Conditions, Request, Series, Temperature, Trial
from edgebert.errors import CheckFailed
from edgebert.examples import Encoded, Key
from edgebert.manifest import Artifact
from edgebert.meaning import Meaning
from edgebert.parity import compare, golden_outputs, to_arrays
from edgebert.tasks import TaskHead

COUNTED_RUNS = 3
"""Runs under the instruction counter: they repeat within 0.2 %."""

SLOWEST = 10
"""Times as long as the golden texts let expect, before a worker is taken for dead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DeployedFile:
    """A model file on a device.

    Attributes:
        artifact: The file.
        runtime: Runtime to open it in.
        path: Where it lies there.
        tokenizer: Where its tokenizer lies there; ``None`` where none is needed.
        inputs: What it is fed with.
        cores: Processors to pin to.
        token_outputs: Its outputs that have a row for each token.
    """

    artifact: Artifact
    runtime: str
    path: str
    tokenizer: str | None
    inputs: Inputs
    cores: tuple[int, ...]
    token_outputs: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """File and runtime: what tells it from the others of the device."""
        return self.artifact.file, self.runtime


def answers_request(file: DeployedFile, inputs: Sequence[tuple[int, ...]], *, threads: int) -> Request:
    """Return a request for the outputs of texts, untimed."""
    return Request(
        file=file.path,
        runtime=file.runtime,
        threads=threads,
        cores=file.cores,
        pad_id=file.inputs.spec.pad_id,
        answers=tuple(inputs),
        token_outputs=file.token_outputs,
    )


def golden_request(file: DeployedFile, *, threads: int) -> Request:
    """Return a request for the outputs of the golden texts."""
    return answers_request(file, [window.input_ids for window in file.inputs.golden.windows], threads=threads)


def trial_request(file: DeployedFile, suite: Suite, texts: tuple[str, ...], *, threads: int) -> Request:
    """Return a request for the times of all series, and of the tokenizer on ``texts`` where there are any."""
    tokenizer = file.tokenizer if texts else None
    return replace(
        answers_request(file, (), threads=threads),
        series=file.inputs.series,
        warm_up=suite.warm_up,
        runs=suite.runs,
        tokenizer=tokenizer,
        max_length=file.inputs.spec.max_length if tokenizer else 0,
        texts=texts if tokenizer else (),
    )


def count_requests(file: DeployedFile) -> tuple[Request, ...]:
    """Return a request for each length class: runs of its first text, one thread, marked for the counter."""
    base = replace(answers_request(file, (), threads=1), warm_up=1, runs=COUNTED_RUNS, marks=True)
    return tuple(
        replace(base, series=(Series(name=series.name, inputs=series.inputs[:1]),))
        for series in file.inputs.series
        if series.name != EVERY_LENGTH
    )


def timeout_s(request: Request, text_ns: int, *, least_s: float) -> float:
    """Return how many seconds a worker may take before it is taken for dead.

    Args:
        request: What it is asked.
        text_ns: Nanoseconds that a golden text took, roughly.
        least_s: Seconds to grant whatever it is asked: to start, import and load.
    """
    return least_s + SLOWEST * request.inferences * text_ns / 1e9


def golden_answers(file: DeployedFile, trial: Trial) -> tuple[FileAnswers, str]:
    """Return how a file answered the golden texts, and what is wrong with that; an empty text where nothing is.

    Raises:
        CheckFailed: There is another number of answers, or they have other names or shapes than the golden outputs.
    """
    golden = file.inputs.golden
    given = [to_arrays(answer) for answer in trial.answers]
    if len(given) != len(golden.windows):
        raise CheckFailed(f"{file.artifact.file}: {file.runtime} answers {len(given)} of {len(golden.windows)} texts")
    found = compare(given, golden_outputs(golden), file.artifact.tolerance)
    if math.isinf(found.difference):  # what cannot be compared has no difference that a report could state
        raise CheckFailed(f"{file.artifact.file}: {file.runtime} computes another model: {found.problem}")
    answers = FileAnswers(
        file=file.artifact.file,
        runtime=file.runtime,
        version=trial.version,
        answers=(),
        tallies=(),
        golden_difference=found.difference,
        golden_tolerance=file.artifact.tolerance,
    )
    return answers, found.problem and f"computes another model: {found.problem}"


def keys_of(trial: Trial, inputs: Sequence[Encoded], head: TaskHead, meaning: Meaning) -> tuple[Key, ...]:
    """Return the answer that a file gave to each input.

    Args:
        trial: What it computed of all windows, one after another.
        inputs: The inputs that the windows are of.
        head: The task.
        meaning: What the outputs of the model mean.

    Raises:
        CheckFailed: It computed something of another shape.
    """
    outputs = [to_arrays(answer) for answer in trial.answers]
    windows = [window for item in inputs for window in item.windows]
    shapes = [head.shapes(meaning, tokens=len(window.ids)) for window in windows]
    if [{name: array.shape for name, array in item.items()} for item in outputs] != shapes:
        wanted = ", ".join(f"{name} {list(shape)}" for name, shape in shapes[0].items()) if shapes else "answers"
        raise CheckFailed(f"gives no {wanted} for each text")
    left = iter(outputs)
    return tuple(head.answer(item, list(itertools.islice(left, len(item.windows))), meaning) for item in inputs)


def without_ids(file: DeployedFile, trial: Trial) -> tuple[Trial, str]:
    """Return a trial without the token ids that its tokenizer made, and a sentence when they differ from ours.

    The ids are the user's texts in another spelling, and a report may be shown to anybody.
    """
    made = trial.tokenized
    if made is None:
        return trial, ""
    wanted = file.inputs.series[0].inputs
    other = len(wanted) - sum(there == here for there, here in zip(made.ids, wanted, strict=False))
    tokenizer, version = file.inputs.tokenizer, made.version
    note = f"{tokenizer}: tokenizers {version} there makes other ids of {other} of {len(wanted)} texts" if other else ""
    return replace(trial, tokenized=replace(made, ids=())), note


STEP_S = 10.0
"""Seconds to wait at once."""


def is_warm_after(first: Trial, last: Trial, *, celsius: float) -> bool:
    """Return whether the next trial should wait, from what the worker read during the first and the latest trial.

    A sensor inside a processor jumps with the first inference and falls as fast when it ends, so temperatures are
    compared as they were before the file was loaded. A cooling device that has stepped up since the start, as a cap on
    the frequency does, is a reason however warm the sensors are.

    Args:
        first: First trial of the run.
        last: Latest trial.
        celsius: How much warmer a sensor may be.
    """
    if not first.conditions or not last.conditions:
        return False
    start = first.conditions[0]
    return _is_warmer(start.temperatures, last.conditions[0].temperatures, celsius) or _is_capped(
        start, last.conditions[-1]
    )


def is_warm_now(first: PhoneState, now: PhoneState, *, celsius: float) -> bool:
    """Return whether the next trial should wait, from what the phone says of itself."""
    if (now.thermal_status or 0) > (first.thermal_status or 0):
        return True
    return _is_warmer(_sensors(first), _sensors(now), celsius)


def _is_warmer(start: Sequence[Temperature], now: Sequence[Temperature], celsius: float) -> bool:
    before = {item.sensor: item.celsius for item in start}
    return any(item.celsius > before[item.sensor] + celsius for item in now if item.sensor in before)


def _is_capped(start: Conditions, now: Conditions) -> bool:
    before = {item.name: item.state for item in start.cooling}
    return any(item.state > before[item.name] for item in now.cooling if item.name in before)


def _sensors(state: PhoneState) -> tuple[Temperature, ...]:
    if state.battery_celsius is None:
        return state.temperatures
    return (*state.temperatures, Temperature(sensor="battery", celsius=state.battery_celsius))


T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn(Generic[T]):
    """One trial to make.

    Attributes:
        order: Its place among all trials of the device, from 0.
        round: Which of the processes of its entry it is, from 0.
        entry: What to run.
    """

    order: int
    round: int
    entry: T


def abba(entries: Sequence[T], rounds: int) -> tuple[Turn[T], ...]:
    """Return every entry once in each round: even rounds forward, odd rounds backward.

    Over an even number of rounds any two entries have the same mean place. Entries to be compared should stand side by
    side, which keeps what no order cancels small.
    """
    size = len(entries)
    return tuple(
        Turn(
            order=turn * size + place,
            round=turn,
            entry=entries[place if turn % 2 == 0 else size - 1 - place],
        )
        for turn in range(rounds)
        for place in range(size)
    )
