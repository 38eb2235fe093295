"""The one stopwatch: a schedule of requests, each run by a fresh worker process on this machine."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

from edgebert.device.board import Board
from edgebert.device.process import open_local
from edgebert.device.protocol import Request, Trial
from edgebert.errors import EdgebertError
from edgebert.progress import Progress, silent
from edgebert.runtime import check_installed
from edgebert.workers.launch import prepare

_START_S, _INFERENCE_S, _MOST_S = 300.0, 20.0, 86_400.0
"""Seconds a worker may take to start and load, for each inference, and in all, before it is taken for dead."""


def measure(schedule: Sequence[Request], *, progress: Progress = silent, stage: str = "timing") -> tuple[Trial, ...]:
    """Return what each request measured, in the order given.

    One worker process runs at a time, so that no two requests share memory, caches or the luck of an allocator. Order
    the schedule so that drift of the machine affects all files alike, e.g. by ``abba``.

    Args:
        schedule: The requests; a file is a path on this machine.
        progress: Told after every worker, as ``stage``.
        stage: What the measurement is for, in a word or two.

    Raises:
        MissingExtraError: A runtime is not installed.
        CheckFailed: A runtime does not load or run a file.
        UsageError: A file does not exist, or a request is out of range.
        EnvironmentProblem: A worker does not start, was killed, ran out of memory, or never ended.
    """
    for request in schedule:
        check_installed(request.runtime, purpose=f"timing {Path(request.file).name}")
    trials: list[Trial] = []
    with closing(open_local()) as device:
        board = Board(device, prepare(device, python=None, runtime=None))
        for request in schedule:
            progress(stage, len(trials), len(schedule))
            trials.append(_measured(board, replace(request, file=str(Path(request.file).resolve()))))
    progress(stage, len(trials), len(schedule))
    return tuple(trials)


def _measured(board: Board, request: Request) -> Trial:
    try:
        return board.work(request, timeout_s=min(_START_S + _INFERENCE_S * request.inferences, _MOST_S))
    except EdgebertError as error:
        said = error.message.removeprefix(f"{board.device.url}: ")
        raise type(error)(f"{Path(request.file).name}: {said}", hint=error.hint) from error
