"""One trial: a fresh process that opens one file in one runtime and times it at one length, raw.

Prints one JSON object. Inputs are random ids without padding, the same for every file.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np

from edgebert.ondevice.session import open_session


def main() -> None:
    """Run the trial that the command line describes."""
    parser = argparse.ArgumentParser()
    parser.add_argument("file")
    parser.add_argument("--runtime", required=True)
    for name in ("length", "threads", "warm-up", "runs", "vocabulary", "seed"):
        parser.add_argument(f"--{name}", type=int, required=True)
    asked = parser.parse_args()
    count = asked.warm_up + asked.runs + 1
    generator = np.random.default_rng([asked.seed, asked.length])
    ids = generator.integers(0, asked.vocabulary, (count, 1, asked.length), dtype=np.int32)
    mask = np.ones((1, asked.length), dtype=np.int32)

    start = time.perf_counter_ns()
    session = open_session(asked.file, asked.runtime, asked.threads)
    load_ns = time.perf_counter_ns() - start
    run_ns = []
    logits = np.empty((0, 0), dtype=np.float32)
    for index in range(count):
        start = time.perf_counter_ns()
        answer = session.run(ids[index], mask)
        run_ns.append(time.perf_counter_ns() - start)
        if index == 0:
            logits = answer
    json.dump(
        {
            "version": session.version,
            "load_ns": load_ns,
            "first_ns": run_ns[0],
            "run_ns": run_ns[1 + asked.warm_up :],
            "peak_rss_bytes": _peak_rss_bytes(),
            "logits": [float(value) for value in logits[0]],
        },
        sys.stdout,
    )


def _peak_rss_bytes() -> int:
    # getrusage would also count what the parent had resident when it forked.
    for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


if __name__ == "__main__":
    main()
