"""The command line, put together: each command is read in a module of its own, calls the library once, and shows it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, NoReturn

import typer

from edgebert.cli import output
from edgebert.cli.benching import bench, devices, emulator_app, worker_app
from edgebert.cli.checking import doctor, embed, inspect, sign, verify
from edgebert.cli.exporting import demo, export, recipes, strip
from edgebert.cli.judging import check, compare, report
from edgebert.cli.options import Verbose, add_commands
from edgebert.cli.planning import plan
from edgebert.cli.renamed import present_command
from edgebert.cli.run import run
from edgebert.cli.scoring import evaluate, predict
from edgebert.cli.training import finetune, import_bert, prune

app = typer.Typer(
    name="edgebert",
    help="Take a fine-tuned DistilBERT to phones and edge boards: int8 ONNX and TFLite files, with proof of accuracy.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

add_commands(
    app,
    (export, "edgebert export ./model --recipe keep50-int8 --train train.tsv --eval dev.tsv --out bundle"),
    (evaluate, "edgebert evaluate bundle --eval dev.tsv --runtime litert"),
    (predict, 'edgebert predict bundle "I love it" "Not for me"   or: edgebert predict bundle < texts'),
    (inspect, "edgebert inspect bundle"),
    (verify, "edgebert verify bundle --runtime onnxruntime"),
    (sign, "edgebert sign bundle --key release.pem"),
    (strip, "edgebert strip bundle --out slim"),
    (finetune, "edgebert finetune ./base --train train.tsv --eval dev.tsv --out ./model --epochs 2"),
    (prune, "edgebert prune ./model --train train.tsv --keep 0.35 --distill 2 --out ./pruned"),
    (plan, "edgebert plan ./model --train train.tsv --eval dev.tsv --max-drop 1 --max-mb 20"),
    (bench, "edgebert bench bundle --device adb:SERIAL --eval dev.tsv --eval-samples all --out phone.json"),
    (devices, "edgebert devices"),
    (embed, "edgebert embed bundle --android app/src/main/assets --kotlin-package com.example.app"),
    (report, "edgebert report phone.json board.json --html report.html"),
    (compare, "edgebert compare last-release.json report.json"),
    (check, "edgebert check bundle --report phone.json --max-drop 1 --max-mb 30 --min-speedup 3 --max-p90-ms 25"),
    (import_bert, "edgebert import-bert ./all-MiniLM-L6-v2 --out ./base"),
    (recipes, "edgebert recipes int8"),
    (doctor, "edgebert doctor --json"),
    (demo, "edgebert demo --out build/demo"),
)
app.add_typer(worker_app, name="worker")
app.add_typer(emulator_app, name="emulator")


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
    verbose: Verbose = False,
) -> None:
    pass


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    run(app, sys.argv[1:] if arguments is None else arguments, name="edgebert", renamed=present_command)
