"""Runs of the bench on devices made of arithmetic."""

from __future__ import annotations

from edgebert.benchmarking.run.runner import measure
from edgebert.benchmarking.suite import Suite

FLOAT, INT8 = "baseline/float32.onnx", "int8.onnx"
SUITE = Suite(runs=4, warm_up=1, processes=4, cool_celsius=0)
URL = "adb:fake"


class Killed(BaseException):
    """What ends the process in the middle of a run."""


def run(bundle, board, tmp_path, *, suite=SUITE, urls=(URL,), runtimes=("onnxruntime",), **options):
    """Run the bench on one fake board, or on one for each URL."""
    boards = board if isinstance(board, dict) else dict.fromkeys(urls, board)

    def connect(url):
        if isinstance(boards[url], Exception):
            raise boards[url]
        return boards[url]

    clocks = [item.clock for item in boards.values() if not isinstance(item, Exception)]
    options = {"sleep": clocks[0].sleep if clocks else None, "journal": tmp_path / "journal"} | options
    return measure(bundle, urls, connect=connect, suite=suite, runtimes=runtimes, **options)


def names(measurement):
    return [(item.file, item.trial.runtime, item.trial.threads) for item in measurement.trials]
