"""Makes the files that are compared and measures them, every one in processes of its own, side by side."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from benchmarks.results import MeasuredFile, Process, Start, Trial
from benchmarks.suite import Suite
from edgebert.bundle import sha256_of
from edgebert.errors import CheckFailed, EdgebertError, UsageError
from edgebert.jsonio import dumps, from_plain, loads, parse
from edgebert.manifest import Package
from edgebert.progress import Progress

ROOT = Path(__file__).parents[1]
SLOW_PACKAGES = ("torch", "transformers", "onnx", "onnxruntime", "litert_torch", "ai_edge_litert", "huggingface_hub")
HELP_RUNS = 11

_IMPORT = (
    "import sys, edgebert; "
    f"print(*[name for name in {SLOW_PACKAGES!r} if name in sys.modules])"  # the names are constants of this file
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where the files of a suite are built."""

    root: Path

    @property
    def checkpoint(self) -> Path:
        """The random checkpoint."""
        return self.root / "checkpoint"

    @property
    def bundle(self) -> Path:
        """What edgebert makes of it."""
        return self.root / "bundle"

    @property
    def optimum(self) -> Path:
        """What Optimum makes of it."""
        return self.root / "optimum"

    @property
    def export(self) -> Path:
        """What the export took."""
        return self.root / "export.json"


@dataclass(frozen=True, slots=True, kw_only=True)
class Entrant:
    """A file that takes part: its name in tables, where it lies, its precision, and the runtime that runs it."""

    name: str
    path: Path
    precision: str
    runtime: str


def make_files(suite: Suite, suite_name: str, place: Place, progress: Progress) -> Process:
    """Write the checkpoint, export it with the command line, and record what the export took.

    Raises:
        CheckFailed: A command failed; the message holds the end of what it wrote.
    """
    place.root.mkdir(parents=True, exist_ok=True)
    place.export.unlink(missing_ok=True)
    progress("writing the checkpoint", 0, 2)
    run_command([sys.executable, "-m", "benchmarks.checkpoint", suite_name, str(place.checkpoint)])
    progress("exporting it", 1, 2)
    lengths = ",".join(map(str, suite.signatures))
    words = ["export", shown(place.checkpoint), "--out", shown(place.bundle), "--lengths", lengths, "--force"]
    cost = measured([str(edgebert_command()), *words], command=shlex.join(["edgebert", *words]))
    place.export.write_text(dumps(cost), encoding="utf-8")
    return cost


def make_peers(place: Place, python: Path, progress: Progress) -> None:
    """Let Optimum, in its own environment, make its files of the same checkpoint.

    Raises:
        UsageError: There is no such Python, or no checkpoint yet.
        CheckFailed: Optimum failed; the message holds the end of what it wrote.
    """
    if not python.is_file():
        raise UsageError(f"{python}: there is no such Python", hint="make .venv-optimum/test.stamp, or give --python")
    if not (place.checkpoint / "config.json").is_file():
        raise UsageError(f"{place.checkpoint}: no checkpoint yet", hint="python -m benchmarks files")
    progress("Optimum exports and quantizes", 0, 1)
    script = ROOT / "benchmarks" / "optimum_peer.py"
    run_command([str(python), str(script), str(place.checkpoint.resolve()), str(place.optimum.resolve())])


def measure_speed(
    suite: Suite, place: Place, *, with_peers: bool, progress: Progress
) -> tuple[tuple[MeasuredFile, ...], tuple[Trial, ...], tuple[Package, ...]]:
    """Run every file at every length in every round, each time in a fresh process, and return the raw samples.

    Args:
        suite: What to measure.
        place: Where the files are.
        with_peers: Whether Optimum's files take part.
        progress: Told after every process.

    Raises:
        UsageError: The files have not been made.
        CheckFailed: A process failed.
    """
    entrants = _entrants(place, with_peers=with_peers)
    peer_packages: tuple[Package, ...] = ()
    if with_peers:
        versions = place.optimum / "versions.json"
        plain = parse(versions.read_text(encoding="utf-8"), source=str(versions))
        peer_packages = tuple(from_plain(Package, item, source=str(versions)) for item in plain)
    files, trials = run_trials(suite, entrants, vocabulary=suite.architecture.vocabulary, progress=progress)
    return files, trials, peer_packages


def run_trials(
    suite: Suite, entrants: tuple[Entrant, ...], *, vocabulary: int, progress: Progress
) -> tuple[tuple[MeasuredFile, ...], tuple[Trial, ...]]:
    """Run every entrant at every length in every round, each time in a fresh process, and return the raw samples.

    Args:
        suite: Lengths, and how often.
        entrants: The files.
        vocabulary: Ids are drawn below it: all of the files have to know them.
        progress: Told after every process.

    Raises:
        CheckFailed: A process failed.
    """
    trials: list[Trial] = []
    runtime_versions: dict[str, str] = {}
    total = suite.rounds * len(suite.lengths) * len(entrants)
    for number in range(suite.rounds):
        for length in suite.lengths:
            # A B C in one round, C B A in the next.
            for entrant in entrants if number % 2 == 0 else reversed(entrants):
                progress("measuring", len(trials), total)
                trial, runtime_versions[entrant.name] = _trial(suite, entrant, length, number, vocabulary)
                trials.append(trial)
    files = tuple(
        MeasuredFile(
            name=entrant.name,
            precision=entrant.precision,
            runtime=entrant.runtime,
            runtime_version=runtime_versions[entrant.name],
            size_bytes=entrant.path.stat().st_size,
            sha256=sha256_of(entrant.path),
        )
        for entrant in entrants
    )
    return files, tuple(trials)


def measure_start(runs: int = HELP_RUNS) -> Start:
    """Time ``edgebert --help`` and look at what ``import edgebert`` loads.

    Raises:
        CheckFailed: One of them fails.
    """
    times = []
    for _ in range(runs):
        start = time.perf_counter_ns()
        run_command([str(edgebert_command()), "--help"])
        times.append(time.perf_counter_ns() - start)
    return Start(help_ns=tuple(times), loaded=tuple(run_command([sys.executable, "-c", _IMPORT]).split()))


def export_cost(place: Place) -> Process:
    """Return what the export took when the files were made.

    Raises:
        UsageError: They have not been made.
    """
    if not place.export.is_file():
        raise UsageError(f"{place.export}: nothing has been exported yet", hint="python -m benchmarks files")
    return loads(Process, place.export.read_text(encoding="utf-8"), source=str(place.export))


def _entrants(place: Place, *, with_peers: bool) -> tuple[Entrant, ...]:
    ours, optimum = place.bundle, place.optimum
    entrants = [
        Entrant(name="edgebert int8.tflite", path=ours / "int8.tflite", precision="int8", runtime="litert"),
        Entrant(name="edgebert int8.onnx", path=ours / "int8.onnx", precision="int8", runtime="onnxruntime"),
        Entrant(
            name="edgebert float32.tflite",
            path=ours / "baseline" / "float32.tflite",
            precision="float32",
            runtime="litert",
        ),
        Entrant(
            name="edgebert float32.onnx",
            path=ours / "baseline" / "float32.onnx",
            precision="float32",
            runtime="onnxruntime",
        ),
    ]
    if with_peers:
        entrants += [
            Entrant(name="Optimum int8.onnx", path=optimum / "int8.onnx", precision="int8", runtime="onnxruntime"),
            Entrant(name="Optimum model.onnx", path=optimum / "model.onnx", precision="float32", runtime="onnxruntime"),
        ]
        if not (optimum / "versions.json").is_file():
            raise UsageError(f"{optimum}: the peer's files are not there", hint="python -m benchmarks peers")
    for entrant in entrants:
        if not entrant.path.is_file():
            raise UsageError(f"{entrant.path}: not there yet", hint="python -m benchmarks files")
    return tuple(entrants)


def _trial(suite: Suite, entrant: Entrant, length: int, number: int, vocabulary: int) -> tuple[Trial, str]:
    options = {
        "runtime": entrant.runtime,
        "length": length,
        "threads": suite.threads,
        "warm-up": suite.warm_up,
        "runs": suite.runs,
        "vocabulary": vocabulary,
        "seed": suite.seed,
    }
    words = [f"--{name}={value}" for name, value in options.items()]
    found = json.loads(run_command([sys.executable, "-m", "benchmarks.worker", str(entrant.path.resolve()), *words]))
    version = str(found.pop("version"))
    plain = found | {"file": entrant.name, "length": length, "round": number}
    return from_plain(Trial, plain, source="benchmarks.worker"), version


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

    Args:
        words: The command.
        command: How it is recorded.

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
    """Return a path as it is recorded: relative to the repository where it lies in it."""
    path = path.resolve()
    return str(path.relative_to(ROOT)) if path.is_relative_to(ROOT) else str(path)
