"""``python -m benchmarks``: make the files, measure them side by side, record, render, and say what was reached."""

from __future__ import annotations

import argparse
import datetime as dt
import os
import sys
from pathlib import Path

from benchmarks import measure
from benchmarks.figures import Figure, accuracy_figures, speed_figures
from benchmarks.measure import ROOT, Place
from benchmarks.render import render
from benchmarks.results import SCHEMA, AccuracyResults, SpeedResults, installed, load_all, save, this_machine
from benchmarks.suite import load_suite
from edgebert.cli import output
from edgebert.errors import EdgebertError, UsageError

RESULTS = ROOT / "benchmarks" / "results"
BUILD = ROOT / "build" / "benchmarks"
OPTIMUM_PYTHON = ROOT / ".venv-optimum" / "bin" / "python"


def main(words: list[str] | None = None) -> int:
    """Run one command, or all but ``accuracy`` when none is named, and return the exit code."""
    asked = _parser().parse_args(words)
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        with output.quiet_libraries(verbose=asked.verbose):
            return _run(asked)
    except EdgebertError as error:
        output.show_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        output.show_note("interrupted; nothing was recorded")
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure this machine, peers side by side."
    )
    parser.add_argument(
        "command",
        nargs="?",
        default="all",
        choices=("all", "files", "peers", "speed", "accuracy", "render", "check"),
        help="files: checkpoint and export; peers: Optimum's files; speed: measure and record; accuracy: fine-tune, "
        "export and score; render: RESULTS.md; check: what was reached. Without a command: all but accuracy.",
    )
    parser.add_argument("--suite", default="distilbert-base", help="name in benchmarks/suites, or a .toml file")
    parser.add_argument("--rounds", type=int, help="rounds instead of the suite's")
    parser.add_argument("--runs", type=int, help="runs a process instead of the suite's")
    parser.add_argument("--python", type=Path, default=OPTIMUM_PYTHON, help="Python of Optimum's environment")
    parser.add_argument("--no-peers", action="store_true", help="measure edgebert's files alone")
    parser.add_argument("--train", type=Path, help="accuracy: labelled texts to learn from [default: $SST2_TRAIN]")
    parser.add_argument("--eval", type=Path, help="accuracy: labelled texts to score on [default: $SST2_EVAL]")
    parser.add_argument("--build", type=Path, default=BUILD, help="folder for what is made")
    parser.add_argument("--results", type=Path, default=RESULTS, help="folder for what is recorded")
    parser.add_argument("--verbose", action="store_true", help="show what the libraries write")
    return parser


def _run(asked: argparse.Namespace) -> int:
    everything = asked.command == "all"
    if asked.command == "accuracy":
        _accuracy(asked)
    if everything or asked.command == "files":
        _files(asked)
    if (everything and not asked.no_peers) or asked.command == "peers":
        with output.progress_bar() as progress:
            measure.make_peers(_place(asked), asked.python, progress)
    if everything or asked.command == "speed":
        _speed(asked)
    if everything or asked.command in ("accuracy", "render"):
        output.show_note(f"wrote {render(asked.results)}")
    if everything or asked.command == "check":
        return _check(asked.results)
    return 0


def _place(asked: argparse.Namespace) -> Place:
    return Place(root=asked.build.resolve() / load_suite(asked.suite).name)


def _files(asked: argparse.Namespace) -> None:
    suite = load_suite(asked.suite)
    with output.progress_bar() as progress:
        name = str(Path(asked.suite).resolve()) if asked.suite.endswith(".toml") else asked.suite
        cost = measure.make_files(suite, name, _place(asked), progress)
    output.show_text(
        f"{cost.command}: {cost.wall_ns / 1e9:.1f} s, {cost.peak_rss_bytes / 1e9:.2f} GB of memory at most"
    )


def _speed(asked: argparse.Namespace) -> None:
    suite, place = load_suite(asked.suite, rounds=asked.rounds, runs=asked.runs), _place(asked)
    export, load_average = measure.export_cost(place), os.getloadavg()[0]
    with output.progress_bar() as progress:
        files, trials, peers = measure.measure_speed(suite, place, with_peers=not asked.no_peers, progress=progress)
    results = SpeedResults(
        schema=SCHEMA,
        kind="speed",
        date=_today(),
        machine=this_machine(),
        commands=_commands(asked, ("files", *(() if asked.no_peers else ("peers",)), "speed")),
        packages=installed(),
        peer_packages=peers,
        suite=suite,
        files=files,
        trials=trials,
        load_average=load_average,
        export=export,
        start=measure.measure_start(),
    )
    output.show_note(f"recorded {save(asked.results, results)}")


def _accuracy(asked: argparse.Namespace) -> None:
    # Torch and transformers are loaded for this command alone: the others measure memory and time of processes.
    from benchmarks.accuracy import ENCODER, LENGTHS, OPTIONS, measure_accuracy

    train, evaluation = asked.train or os.environ.get("SST2_TRAIN"), asked.eval or os.environ.get("SST2_EVAL")
    if not train or not evaluation:
        raise UsageError("accuracy needs texts", hint="give --train FILE --eval FILE, or set SST2_TRAIN and SST2_EVAL")
    train, evaluation = Path(train), Path(evaluation)
    with output.progress_bar() as progress:
        found = measure_accuracy(train, evaluation, asked.build / "accuracy", progress=progress)
    results = AccuracyResults(
        schema=SCHEMA,
        kind="accuracy",
        date=_today(),
        machine=this_machine(),
        # Names, not paths: where the texts lie on this machine is nobody's concern.
        commands=(f"python -m benchmarks accuracy --train {train.name} --eval {evaluation.name}",),
        packages=installed(),
        encoder=ENCODER,
        epochs=float(OPTIONS.epochs),
        learning_rate=OPTIONS.learning_rate,
        batch_size=OPTIONS.batch_size,
        max_length=OPTIONS.max_length,
        seed=OPTIONS.seed,
        lengths=LENGTHS,
        train=found.train,
        evaluation=found.evaluation,
        truncated=found.truncated,
        checkpoint_sha256=found.checkpoint_sha256,
        scores=found.scores,
    )
    output.show_note(f"recorded {save(asked.results, results)}")


def _check(folder: Path) -> int:
    speed, accuracy = load_all(folder)
    figures = (*speed_figures(next(iter(speed), None)), *accuracy_figures(next(iter(accuracy), None)))
    output.show_table(("figure", "wanted", "found", "verdict"), [_row(figure) for figure in figures])
    return 1 if any(figure.met is False for figure in figures) else 0


def _row(figure: Figure) -> list[str]:
    return [figure.what, figure.wanted, figure.found, figure.verdict]


def _commands(asked: argparse.Namespace, names: tuple[str, ...]) -> tuple[str, ...]:
    changed = "" if asked.suite == "distilbert-base" else f" --suite {Path(asked.suite).name}"
    for option in ("rounds", "runs"):
        if getattr(asked, option) is not None:
            changed += f" --{option} {getattr(asked, option)}"
    peers = " --no-peers" if asked.no_peers else ""
    return tuple(f"python -m benchmarks {name}{changed}{peers if name == 'speed' else ''}" for name in names)


def _today() -> str:
    return dt.datetime.now(tz=dt.UTC).date().isoformat()


if __name__ == "__main__":
    sys.exit(main())
