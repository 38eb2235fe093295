"""``python -m benchmarks``: make the files, measure them side by side, record, render, and say what was reached."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks import measure
from benchmarks.figures import Figure
from benchmarks.measure import Place
from benchmarks.options import RECORDED, parser, suite_commands, suite_name, texts_of, today
from benchmarks.records import load_all, save
from benchmarks.render import all_figures, render
from benchmarks.results import SCHEMA, AccuracyResults, SpeedResults, installed, this_machine
from benchmarks.suite import load_suite
from edgebert.cli import output
from edgebert.errors import EdgebertError


def main(words: list[str] | None = None) -> int:
    """Run one command, or all that need no texts when none is named, and return the exit code."""
    asked = parser().parse_args(words)
    os.environ["ORT_DISABLE_TELEMETRY"] = "1"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    try:
        with output.quiet_libraries(verbose=asked.verbose):
            return _run(asked)
    except EdgebertError as error:
        output.show_error(error)
        return error.exit_code
    except KeyboardInterrupt:
        output.show_note("interrupted; nothing was recorded, and finished runs of pruning are kept")
        return 130


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
    if asked.command in RECORDED:
        # As for accuracy: only these need torch.
        from benchmarks.recorded_commands import COMMANDS

        with output.progress_bar() as progress:
            pruned = COMMANDS[asked.command](asked, progress)
        output.show_note(f"recorded {save(asked.results, pruned)}")
    if everything or asked.command in ("accuracy", *RECORDED, "render"):
        output.show_note(f"wrote {render(asked.results)}")
    if everything or asked.command == "check":
        return _check(asked.results)
    return 0


def _place(asked: argparse.Namespace) -> Place:
    return Place(root=asked.build.resolve() / load_suite(asked.suite).name)


def _files(asked: argparse.Namespace) -> None:
    suite = load_suite(asked.suite)
    with output.progress_bar() as progress:
        cost = measure.make_files(suite, suite_name(asked), _place(asked), progress)
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
        date=today(),
        machine=this_machine(),
        commands=suite_commands(asked, ("files", *(() if asked.no_peers else ("peers",)), "speed")),
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

    train, evaluation = texts_of(asked)
    with output.progress_bar() as progress:
        found = measure_accuracy(train, evaluation, asked.build / "accuracy", progress=progress)
    results = AccuracyResults(
        schema=SCHEMA,
        kind="accuracy",
        date=today(),
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
    figures = all_figures(load_all(folder))
    output.show_table(("figure", "wanted", "found", "verdict"), [_row(figure) for figure in figures])
    return 1 if any(figure.met is False for figure in figures) else 0


def _row(figure: Figure) -> list[str]:
    return [figure.what, figure.wanted, figure.found, figure.verdict]


if __name__ == "__main__":
    sys.exit(main())
