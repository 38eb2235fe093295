"""Making the file of a candidate and measuring it: size, work, answers, and times interleaved with the original's."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgebert.batching import fitting_length
from edgebert.benchmarking.run.requests import abba
from edgebert.convert.weights import extract_weights
from edgebert.device.protocol import Request, Series
from edgebert.examples import Encoded, Key
from edgebert.meaning import Meaning
from edgebert.metrics import BaselineTallies, paired_score, tally_array
from edgebert.planning.state import writable
from edgebert.planning.values import ORIGINAL, Candidate, Measured
from edgebert.progress import Progress
from edgebert.pruning.cost import macs
from edgebert.recipe import Format
from edgebert.resampling import Tallies
from edgebert.runtime import Runner, default_runtime, open_runner
from edgebert.tasks import TaskHead, task_head
from edgebert.text import TextEncoder, text_spec
from edgebert.workers.measure import measure

if TYPE_CHECKING:
    from edgebert.checkpoint import Model
    from edgebert.data import Dataset

LENGTHS = (16, 32, 64, 128)
"""Signature lengths of TFLite files, and the longest input of all, as in the built-in recipes."""

TIMED_TEXTS = 24
"""Texts that every file is timed on, at their own lengths."""

ROUNDS, RUNS = 6, 2 * TIMED_TEXTS
"""Processes of each file, interleaved with those of the original (ABBA), and inferences of each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenFile:
    """A file of a model, open in a runtime.

    Attributes:
        path: The file.
        runner: It, open.
        head: The task of its model.
        meaning: What its outputs mean.
        inputs: The evaluation texts as the tokenizer of its model encodes them.
        macs: Multiply-accumulates for one evaluation text on average, padding included where the format pads.
    """

    path: Path
    runner: Runner
    head: TaskHead
    meaning: Meaning
    inputs: tuple[Encoded, ...]
    macs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The float original that candidates are compared with, and its answer to each text."""

    opened: OpenFile
    answers: tuple[Key, ...]


def lengths_of(positions: int) -> tuple[int, ...]:
    """Return the signature lengths for a model with so many positions."""
    return tuple(length for length in LENGTHS if length <= positions) or (positions,)


def open_file(model: Model, data: Dataset, folder: Path, *, file_format: Format, precision: str) -> OpenFile:
    """Write the file of a model and open it.

    Args:
        model: The model.
        data: Evaluation texts.
        folder: Folder to write to; a file of the same name is replaced.
        file_format: Format of the file.
        precision: ``float32`` or ``int8``.

    Raises:
        CheckFailed: The runtime does not take the file.
        OutputError: The folder cannot be written.
        EnvironmentProblem: The disk is full, or a package is missing.
    """
    lengths = lengths_of(model.checkpoint.architecture.positions)
    spec = text_spec(model.tokenizer, max_length=lengths[-1], lengths=lengths)
    path = folder / f"{precision}.{file_format}"
    with writable(folder):
        folder.mkdir(parents=True, exist_ok=True)
        _write(model, path, lengths, int8=precision == "int8")
    encoder = TextEncoder(model.tokenizer, spec.max_length)
    head = task_head(model.checkpoint.task)
    inputs = tuple(head.windows(encoder, example, model.checkpoint.settings) for example in data.examples)
    runner = open_runner(path, runtime=default_runtime(file_format), spec=spec, task=model.checkpoint.task)
    computed = Counter(_computed_length(runner, len(window.ids)) for item in inputs for window in item.windows)
    return OpenFile(
        path=path,
        runner=runner,
        head=head,
        meaning=model.checkpoint.meaning,
        inputs=inputs,
        macs=macs(model.checkpoint.architecture, computed, model.checkpoint.head),
    )


def answers_of(opened: OpenFile, progress: Callable[[int, int], None]) -> tuple[Key, ...]:
    """Return the answer of a file to each text."""
    answers = []
    for index, encoded in enumerate(opened.inputs):
        answers.append(
            opened.head.answer(encoded, [opened.runner.run(window.ids) for window in encoded.windows], opened.meaning)
        )
        progress(index + 1, len(opened.inputs))
    return tuple(answers)


def measured(
    candidate: Candidate,
    opened: OpenFile,
    baseline: Baseline,
    data: Dataset,
    *,
    timed: Sequence[int],
    progress: Progress,
) -> Measured:
    """Return what a file measures.

    Args:
        candidate: What the file is.
        opened: The file.
        baseline: The float original.
        data: Evaluation texts, in the order of the ids of both.
        timed: Indices of the texts to time it on; none of them leaves times out.
        progress: Told about texts answered and timed.

    Raises:
        CheckFailed: The runtime fails on the file.
    """
    is_original = candidate == ORIGINAL
    answers = baseline.answers
    if not is_original:
        answers = answers_of(opened, lambda done, total: progress("evaluating", done, total))
    head = opened.head

    def tallied(keys: Sequence[Key]) -> Tallies:
        return tally_array(head.count(data.examples, keys, opened.meaning, baseline.answers))

    tallies, compared = tallied(answers), None
    if not is_original:
        before = tallied(baseline.answers)
        compared = BaselineTallies("the float original", before, head.count_same(baseline.answers, answers))
    score = paired_score(
        head.metrics[0],
        tallies,
        file=opened.path.name,
        runtime=opened.runner.session.runtime,
        baseline=compared,
    )
    timing = timed and not is_original
    baseline_ns, run_ns = _interleaved(baseline.opened, opened, timed, progress) if timing else ((), ())
    return Measured(
        candidate=candidate,
        size_bytes=opened.path.stat().st_size,
        work=opened.macs / baseline.opened.macs,
        score=score,
        run_ns=run_ns,
        baseline_ns=baseline_ns,
    )


def timed_texts(data: Dataset, seed: int) -> tuple[int, ...]:
    """Return the indices of the texts to time files on, the same for every file."""
    chosen = np.random.default_rng(seed).permutation(len(data.examples))[:TIMED_TEXTS]
    return tuple(sorted(chosen.tolist()))


def _interleaved(
    baseline: OpenFile, opened: OpenFile, timed: Sequence[int], progress: Progress
) -> tuple[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], ...]]:
    """Return the nanoseconds of the same texts in both files, one row for each process."""
    turns = abba((baseline, opened), ROUNDS)
    trials = measure([_request(turn.entry, timed) for turn in turns], progress=progress)
    rows = [(turn.entry is opened, trial.series[0].run_ns) for turn, trial in zip(turns, trials, strict=True)]
    return tuple(ns for is_ours, ns in rows if not is_ours), tuple(ns for is_ours, ns in rows if is_ours)


def _request(file: OpenFile, timed: Sequence[int]) -> Request:
    series = Series(name="all", inputs=tuple(file.inputs[index].windows[0].ids for index in timed))
    session = file.runner.session
    return Request(
        file=str(file.path),
        runtime=session.runtime,
        pad_id=file.runner.spec.pad_id,
        series=(series,),
        warm_up=2,
        runs=RUNS,
    )


def _computed_length(runner: Runner, tokens: int) -> int:
    return fitting_length(tokens, runner.session.lengths) if runner.session.lengths else tokens


def _write(model: Model, path: Path, lengths: tuple[int, ...], *, int8: bool) -> None:
    weights = extract_weights(model)
    # A machine may have the extra of one format only.
    if path.suffix == ".onnx":
        from edgebert.convert.onnx import write_onnx

        write_onnx(weights, path, int8=int8)
        return
    from edgebert.convert.tflite import quantize_tflite, write_tflite

    source = path.with_name("float32.tflite")
    if not int8 or not source.exists():
        write_tflite(weights, source, lengths=lengths)
    if int8:
        quantize_tflite(source, path, per_tensor=False)
