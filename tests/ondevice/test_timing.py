from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

import edgebert
import edgebert.ondevice.timing as module
from edgebert.ondevice.session import RuntimeFailure, Session
from edgebert.ondevice.timing import now_ns, time_inputs, timed

SOURCE = Path(module.__file__)
NAP_S = 0.002
IDS, MASK = np.ones((1, 4), np.int32), np.ones((1, 4), np.int32)


def opened(run) -> Session:
    return Session("onnxruntime", "0", (), run)


def test_the_worker_is_python_3_9():
    """The file parses with the grammar of Python 3.9, and evaluates no annotation that 3.9 does not know."""
    tree = ast.parse(SOURCE.read_text(encoding="utf-8"), feature_version=(3, 9))
    assert any(isinstance(node, ast.ImportFrom) and node.module == "__future__" for node in tree.body)


def test_the_worker_travels_alone(tmp_path):
    """Copied to a folder of its own, the file needs nothing but the standard library."""
    shutil.copy(SOURCE, tmp_path / "timing.py")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    code = "import sys, timing; print(timing.time_inputs.__name__, 'edgebert' in sys.modules)"
    words = [sys.executable, "-S", "-c", code]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path, env=environment)
    assert done.stdout == "time_inputs False\n", done.stderr


def test_no_other_module_reads_a_clock_of_that_precision():
    """``perf_counter`` stands in one file of the library."""
    root = Path(edgebert.__file__).parent
    readers = [file for file in root.rglob("*.py") if re.search(r"perf_counter", file.read_text(encoding="utf-8"))]
    assert readers == [SOURCE]


def test_every_counted_run_has_its_own_time():
    """Each time, a whole number of nanoseconds, is at least as long as that very run slept."""
    naps = [0.0, NAP_S, 0.0, 5 * NAP_S, NAP_S]
    left = iter(naps)
    run_ns = time_inputs(opened(lambda *_: time.sleep(next(left))), [(IDS, MASK)], warm_up=0, runs=len(naps))
    assert all(type(ns) is int for ns in run_ns)
    assert all(ns >= nap * 1e9 for ns, nap in zip(run_ns, naps, strict=True))


@pytest.mark.parametrize(("warm_up", "runs"), [(0, 1), (3, 2), (1, 5)])
def test_warm_up_runs_but_does_not_count(warm_up, runs):
    """The session runs ``warm_up + runs`` times on the arrays it was given, and the first ``warm_up`` are left out."""
    seen = []

    def run(ids, mask):
        seen.append((ids, mask))
        if len(seen) > warm_up:
            time.sleep(NAP_S)

    run_ns = time_inputs(opened(run), [(IDS, MASK)], warm_up=warm_up, runs=runs)
    assert len(seen) == warm_up + runs
    assert all(ids is IDS and mask is MASK for ids, mask in seen)
    assert len(run_ns) == runs
    assert min(run_ns) >= NAP_S * 1e9, "a warm-up run, which does not sleep, was counted"


@pytest.mark.parametrize("good", [0, 2])
def test_a_failing_runtime_is_not_hidden(good):
    """``RuntimeFailure`` of a run, in the warm-up or after it, reaches the caller."""
    answers = iter([None] * good)

    def run(ids, mask):
        if next(answers, "end") == "end":
            raise RuntimeFailure("no")

    with pytest.raises(RuntimeFailure, match="no"):
        time_inputs(opened(run), [(IDS, MASK)], warm_up=1, runs=3)


def test_inputs_take_turns():
    """Run k takes input k modulo their number, and so does warm-up run k."""
    seen = []
    inputs = [(np.full((1, 4), number, np.int32), MASK) for number in range(3)]
    run_ns = time_inputs(opened(lambda ids, mask: seen.append(int(ids[0, 0]))), inputs, warm_up=4, runs=5)
    assert seen == [0, 1, 2, 0, *(0, 1, 2, 0, 1)]
    assert len(run_ns) == 5


def test_a_timed_call_keeps_its_result():
    """The nanoseconds are at least what the call slept, and the clock has moved on by as much."""
    start = now_ns()
    ns, result = timed(lambda: time.sleep(NAP_S) or "result")
    assert result == "result"
    assert NAP_S * 1e9 <= ns <= now_ns() - start
