"""Making the file of a candidate and measuring it: size, work, answers, and times in turns with the float original."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from edgebert.batching import fitting_length, pad_batch
from edgebert.convert.weights import extract_weights
from edgebert.errors import CheckFailed
from edgebert.metrics import paired_score
from edgebert.ondevice.session import RuntimeFailure
from edgebert.ondevice.timing import time_runs
from edgebert.planning.state import writable
from edgebert.planning.values import ORIGINAL, Candidate, Trial
from edgebert.progress import Progress
from edgebert.pruning.cost import macs
from edgebert.recipe import Format
from edgebert.runtime import Runner, default_runtime, open_runner
from edgebert.tasks import task_head
from edgebert.text import TextEncoder, text_spec

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from edgebert.checkpoint import Model
    from edgebert.data import Dataset

LENGTHS = (16, 32, 64, 128)
"""Signature lengths of TFLite files, and the longest input of all, as in the built-in recipes."""

TIMED_TEXTS = 24
"""Texts that every file is timed on, at their own lengths."""

ROUNDS = 3
"""Times each of them is run in the order original, candidate, candidate, original."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Opened:
    """A file of a model, open in a runtime.

    Attributes:
        path: The file.
        runner: It, open.
        ids: Token ids of each evaluation text, by the tokenizer of its model.
        macs: Multiply-accumulates for one evaluation text on average, padding included where the format pads.
    """

    path: Path
    runner: Runner
    ids: tuple[tuple[int, ...], ...]
    macs: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """The float original that candidates are compared with, and its answers: int64 [texts]."""

    opened: Opened
    answers: NDArray[np.int64]


def lengths_of(positions: int) -> tuple[int, ...]:
    """Return the signature lengths for a model with so many positions."""
    return tuple(length for length in LENGTHS if length <= positions) or (positions,)


def open_file(model: Model, data: Dataset, folder: Path, *, file_format: Format, precision: str) -> Opened:
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
    ids = tuple(encoder.encode(example.text) for example in data.examples)
    runner = open_runner(path, runtime=default_runtime(file_format), spec=spec)
    computed = Counter(_computed_length(runner, len(text)) for text in ids)
    first_only = task_head(model.checkpoint.task).reads_first_token_only
    return Opened(
        path=path,
        runner=runner,
        ids=ids,
        macs=macs(model.checkpoint.architecture, computed, first_token_only=first_only),
    )


def answers_of(opened: Opened, progress: Callable[[int, int], None]) -> NDArray[np.int64]:
    """Return the label that a file gives to each text: int64 [texts]."""
    answers = np.empty(len(opened.ids), dtype=np.int64)
    for index, ids in enumerate(opened.ids):
        answers[index] = int(opened.runner.logits(ids).argmax())
        progress(index + 1, len(opened.ids))
    return answers


def measure(
    candidate: Candidate,
    opened: Opened,
    baseline: Baseline,
    data: Dataset,
    *,
    timed: Sequence[int],
    progress: Progress,
) -> Trial:
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
    score = paired_score(
        file=opened.path.name,
        runtime=opened.runner.session.runtime,
        metric="accuracy",
        expected=np.array([example.label for example in data.examples], dtype=np.int64),
        predicted=answers,
        baseline_file=None if is_original else "the float original",
        baseline_predicted=None if is_original else baseline.answers,
        labels=len(data.labels),
    )
    run_ns, baseline_ns = [], []
    for count, index in enumerate(() if is_original else timed, start=1):
        ours, theirs = _in_turns(opened, baseline.opened, index)
        run_ns.append(ours)
        baseline_ns.append(theirs)
        progress("timing", count, len(timed))
    return Trial(
        candidate=candidate,
        size_bytes=opened.path.stat().st_size,
        work=opened.macs / baseline.opened.macs,
        score=score,
        run_ns=tuple(run_ns),
        baseline_ns=tuple(baseline_ns),
    )


def timed_texts(data: Dataset, seed: int) -> tuple[int, ...]:
    """Return the indices of the texts to time files on, the same for every file."""
    chosen = np.random.default_rng(seed).permutation(len(data.examples))[:TIMED_TEXTS]
    return tuple(sorted(chosen.tolist()))


def _in_turns(opened: Opened, baseline: Opened, index: int) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return the nanoseconds of a text in both files: a slow spell of the machine hits both alike."""
    runs: dict[bool, list[int]] = {True: [], False: []}
    for turn in range(ROUNDS):
        for is_candidate in (False, True, True, False):
            which = opened if is_candidate else baseline
            ids = which.ids[index]
            batch = pad_batch([ids], which.runner.spec.pad_id, length=_computed_length(which.runner, len(ids)))
            warm_up = 1 if turn == 0 and not runs[is_candidate] else 0
            try:
                runs[is_candidate] += time_runs(which.runner.session, *batch, warm_up=warm_up, runs=1)
            except RuntimeFailure as error:
                raise CheckFailed(f"{which.path.name}: {which.runner.session.runtime} fails: {error}") from error
    return tuple(runs[True]), tuple(runs[False])


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
