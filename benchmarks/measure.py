"""Makes the files that are compared and measures them, every one in processes of its own, side by side."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.results import FileTrial, MeasuredFile, Process
from benchmarks.suite import ROOT, Build, SpeedSuite
from edgebert.bundle import sha256_of
from edgebert.device.protocol import Request, Series, Trial
from edgebert.errors import CheckFailed, EdgebertError, UsageError
from edgebert.jsonio import dumps
from edgebert.progress import Progress
from edgebert.workers.measure import measure


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A file that takes part: its name in tables, where it is, its precision, and the runtime that runs it."""

    name: str
    path: Path
    precision: str
    runtime: str


def make_files(suite: SpeedSuite, suite_name: str, build: Build, progress: Progress) -> Process:
    """Write the checkpoint, export it with the command line, and record what the export took.

    Raises:
        CheckFailed: A command failed; the message holds the end of what it wrote.
    """
    build.root.mkdir(parents=True, exist_ok=True)
    build.export.unlink(missing_ok=True)
    progress("writing the checkpoint", 0, 2)
    run_command([sys.executable, "-m", "benchmarks.random_models", suite_name, str(build.checkpoint)])
    progress("exporting it", 1, 2)
    lengths = ",".join(map(str, suite.signatures))
    words = ["export", shown(build.checkpoint), "--out", shown(build.bundle), "--lengths", lengths, "--force"]
    cost = measured([str(edgebert_command()), *words], command=shlex.join(["edgebert", *words]))
    build.export.write_text(dumps(cost), encoding="utf-8")
    return cost


def make_peers(build: Build, python: Path, progress: Progress) -> None:
    """Let Optimum, in its own environment, make its files of the same checkpoint.

    Raises:
        UsageError: There is no such Python, or no checkpoint yet.
        CheckFailed: Optimum failed; the message holds the end of what it wrote.
    """
    if not python.is_file():
        raise UsageError(f"{python}: there is no such Python", hint="make .venv-optimum/test.stamp, or give --python")
    if not (build.checkpoint / "config.json").is_file():
        raise UsageError(f"{build.checkpoint}: no checkpoint yet", hint="python -m benchmarks files")
    progress("Optimum exports and quantizes", 0, 1)
    script = ROOT / "benchmarks" / "optimum_peer.py"
    run_command([str(python), str(script), str(build.checkpoint.resolve()), str(build.optimum.resolve())])


def run_trials(
    suite: SpeedSuite, entrants: tuple[Entrant, ...], *, vocabulary: int, progress: Progress
) -> tuple[tuple[MeasuredFile, ...], tuple[FileTrial, ...]]:
    """Run every entrant at every length in every round, each time in a fresh worker, and return the raw samples.

    Args:
        suite: Lengths, and how often.
        entrants: The files.
        vocabulary: Token IDs are drawn below it: all of the files have to know them.
        progress: Told after every worker.

    Raises:
        EdgebertError: What ``edgebert.workers.measure`` raises.
    """
    # A B C in one round, C B A in the next.
    plan = [
        (number, length, entrant)
        for number in range(suite.rounds)
        for length in suite.lengths
        for entrant in (entrants if number % 2 == 0 else reversed(entrants))
    ]
    found = measure([_request(suite, entrant, length, vocabulary) for _, length, entrant in plan], progress=progress)
    versions = {entrant.name: trial.version for (_, _, entrant), trial in zip(plan, found, strict=True)}
    files = tuple(
        MeasuredFile(
            name=entrant.name,
            precision=entrant.precision,
            runtime=entrant.runtime,
            runtime_version=versions[entrant.name],
            size_bytes=entrant.path.stat().st_size,
            sha256=sha256_of(entrant.path),
        )
        for entrant in entrants
    )
    return files, tuple(_recorded(*step, trial) for step, trial in zip(plan, found, strict=True))


def _request(suite: SpeedSuite, entrant: Entrant, length: int, vocabulary: int) -> Request:
    """Return a request to time random IDs without padding, other ones in every run, the same for every file."""
    generator = np.random.default_rng([suite.seed, length])
    rows = generator.integers(0, vocabulary, (suite.runs + 1, length), dtype=np.int32).tolist()
    first, *timed = (tuple(row) for row in rows)
    return Request(
        file=str(entrant.path),
        runtime=entrant.runtime,
        threads=suite.threads,
        pad_id=0,
        series=(Series(name=str(length), inputs=tuple(timed)),),
        warm_up=suite.warm_up,
        runs=suite.runs,
        answers=(first,),
    )


def _recorded(number: int, length: int, entrant: Entrant, trial: Trial) -> FileTrial:
    (series,) = trial.series
    if set(series.fed) != {length}:
        raise CheckFailed(f"{entrant.path}: inputs of {length} tokens were padded to {sorted(set(series.fed))}")
    return FileTrial(
        file=entrant.name,
        length=length,
        round=number,
        load_ns=trial.load_ns,
        first_ns=trial.first_ns or 0,
        run_ns=series.run_ns,
        peak_rss_bytes=trial.peak_rss_bytes or 0,
        logits=trial.answers[0]["logits"].values,
    )


def run_command(words: list[str]) -> str:
    """Return the standard output of a command that is run in the repository.

    Raises:
        CheckFailed: It failed; the message holds the end of what it wrote.
    """
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        raise _failure(words, done.returncode, done.stderr)
    return done.stdout


def measured(words: list[str], *, command: str) -> Process:
    """Run a command in the repository to its end and return what it took.

    Raises:
        CheckFailed: It failed; the message holds the end of what it wrote.
    """
    start = time.perf_counter_ns()
    with subprocess.Popen(words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        # Popen has no means to tell the resources of one child.
        _, status, usage = os.wait4(process.pid, 0)
        wall_ns = time.perf_counter_ns() - start
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise _failure(words, process.returncode, said)
    return Process(
        command=command,
        wall_ns=wall_ns,
        cpu_ns=round(1e9 * (usage.ru_utime + usage.ru_stime)),
        peak_rss_bytes=usage.ru_maxrss * 1024,
    )


def _failure(words: list[str], code: int, said: str) -> EdgebertError:
    tail = " | ".join(said.strip().splitlines()[-5:])
    return CheckFailed(f"{Path(words[0]).name} {shlex.join(words[1:4])} ... left with {code}: {tail}")


def edgebert_command() -> Path:
    """Return the command ``edgebert`` of this environment.

    Raises:
        UsageError: It is not installed.
    """
    found = Path(sys.executable).parent / "edgebert"
    if not found.is_file():
        raise UsageError("the command edgebert is not installed beside this Python", hint="pip install -e '.[demo]'")
    return found


def shown(path: Path) -> str:
    """Return a path as it is recorded: relative to the repository where it is in it."""
    path = path.resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
