"""The command line, put together: each command is read in a module of its own, calls the library once, and shows it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from edgebert.cli import output
from edgebert.cli.benching import bench, devices
from edgebert.cli.checking import doctor, inspect, sign, verify
from edgebert.cli.commands import Group, add_commands
from edgebert.cli.demonstrating import demo
from edgebert.cli.embedding import embed
from edgebert.cli.exporting import export, recipes, strip
from edgebert.cli.judging import check, compare, report
from edgebert.cli.options import Quiet, Verbose
from edgebert.cli.planning import plan
from edgebert.cli.preparing import emulator_app, worker_app
from edgebert.cli.pruning import prune
from edgebert.cli.renamed import present_command
from edgebert.cli.run import run
from edgebert.cli.scoring import evaluate, predict
from edgebert.cli.training import finetune, import_bert

app = typer.Typer(
    name="edgebert",
    cls=Group,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

add_commands(
    app,
    (demo, "edgebert demo --out build/demo"),
    (import_bert, "edgebert import-bert ./all-MiniLM-L6-v2 --out ./base"),
    (finetune, "edgebert finetune ./base --train train.tsv --eval dev.tsv --out ./model --epochs 2"),
    (prune, "edgebert prune ./model --train train.tsv --keep 0.35 --distill 2 --out ./pruned"),
    (plan, "edgebert plan ./model --train train.tsv --eval dev.tsv --max-drop 1 --max-mb 20"),
    (
        export,
        (
            "edgebert export ./model --eval dev.tsv --out bundle\n"
            "edgebert export ./model --recipe keep50-int8 --train train.tsv --eval dev.tsv --out bundle"
        ),
    ),
    (recipes, "edgebert recipes\nedgebert recipes keep50-int8 > mine.toml"),
    (strip, "edgebert strip bundle --out slim"),
    topic="Make",
)
add_commands(
    app,
    (predict, 'edgebert predict bundle "I love it" "Not for me"\nedgebert predict bundle < texts.txt'),
    (
        evaluate,
        (
            "edgebert evaluate bundle --eval dev.tsv\n"
            "edgebert evaluate bundle --eval dev.tsv --metric macro_f1 --runtime litert"
        ),
    ),
    (devices, "edgebert devices"),
    (
        bench,
        (
            "edgebert bench bundle --eval dev.tsv --out here.json\n"
            "edgebert bench bundle --device adb:SERIAL --eval dev.tsv --eval-samples all --out phone.json"
        ),
    ),
    (report, "edgebert report phone.json board.json --html report.html"),
    (compare, "edgebert compare last-release.json report.json"),
    topic="Measure",
)
add_commands(
    app,
    (inspect, "edgebert inspect bundle"),
    (verify, "edgebert verify bundle --runtime onnxruntime"),
    (check, "edgebert check bundle --report phone.json --max-drop 1 --max-mb 30 --min-speedup 3 --max-p90-ms 25"),
    (sign, "edgebert sign --new-key release.pem\nedgebert sign bundle --key release.pem"),
    (embed, "edgebert embed bundle --android app/src/main/assets --kotlin-package com.example.app"),
    topic="Ship",
)
add_commands(app, (doctor, "edgebert doctor\nedgebert doctor --json"), topic="Environment")
app.add_typer(worker_app, name="worker", rich_help_panel="Environment")
app.add_typer(emulator_app, name="emulator", rich_help_panel="Environment")


def _version(*, value: bool) -> None:
    if value:
        from importlib import metadata

        output.show_text(f"edgebert {metadata.version('edgebert')}")
        raise typer.Exit


@app.callback()
def _root(
    *,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Make a fine-tuned DistilBERT small and fast enough for phones and edge boards.

    Results go to standard output; progress, notes and errors go to standard error. So `--json > file` writes JSON only.
    `--quiet` and `--verbose` may be before or after the command. Options are checked before the work begins.

    Output is written whole or not at all: an interrupted command leaves no partial file. A file that is not of the kind
    that the command writes is never replaced, also not with `--force`. [Data files](data-files.md) describes what
    `--train` and `--eval` take.

    Exit codes: 0 success; 1 a check failed, do not ship the file; 2 the command line or an input file is wrong; 3 this
    machine lacks something, e.g. a package, network or disk space; 130, 143 or 129 interrupted by Ctrl-C, SIGTERM or
    SIGHUP. An error is one line with the cause, and a hint with what to do.
    """


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    run(app, sys.argv[1:] if arguments is None else arguments, name="edgebert", renamed=present_command)
