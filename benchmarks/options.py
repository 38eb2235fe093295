"""The options of ``python -m benchmarks``, and how a command line is recorded."""

from __future__ import annotations

import argparse
import datetime as dt
import os
from pathlib import Path

from benchmarks.measure import ROOT
from edgebert.errors import UsageError

RESULTS = ROOT / "benchmarks" / "results"
BUILD = ROOT / "build" / "benchmarks"
SEEDS = (0, 1, 2)
RECORDED = ("pruning", "prune-time", "pruned-speed", "emulated", "overhead", "coverage")
OPTIMUM_PYTHON = ROOT / ".venv-optimum" / "bin" / "python"


def parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    made = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure this machine, peers side by side.")
    made.add_argument(
        "command",
        nargs="?",
        default="all",
        choices=("all", "files", "peers", "speed", "accuracy", *RECORDED, "render", "check"),
        help="files: checkpoint and export; peers: Optimum's files; speed: measure and record; accuracy: fine-tune, "
        "export and score; pruning: cut the fine-tuned checkpoint and score; prune-time: time a cut; pruned-speed: "
        "time the files of recorded cuts; emulated: answers and instruction counts on emulated ARM CPUs; overhead: "
        "what ssh and adb cost; coverage: how often intervals of macro F1 hold the truth; render: RESULTS.md; check: "
        "what was reached. Without a command: files, peers, speed, render and check.",
    )
    made.add_argument("--suite", default="distilbert-base", help="name in benchmarks/suites, or a .toml file")
    made.add_argument("--rounds", type=int, help="rounds instead of the suite's")
    made.add_argument("--runs", type=int, help="runs a process instead of the suite's")
    made.add_argument("--python", type=Path, default=OPTIMUM_PYTHON, help="Python of Optimum's environment")
    made.add_argument("--no-peers", action="store_true", help="measure edgebert's files alone")
    made.add_argument(
        "--train", type=Path, help="labelled texts to learn from and to prune with [default: $SST2_TRAIN]"
    )
    made.add_argument("--eval", type=Path, help="labelled texts to score on [default: $SST2_EVAL]")
    made.add_argument("--seeds", type=_whole_numbers, default=SEEDS, help="pruning: seeds [default: 0,1,2]")
    made.add_argument("--shares", type=_numbers, help="pruning: shares of MACs to keep [default: 0.6,0.5,0.35,0.25]")
    made.add_argument("--only", choices=("free", "distilled"), help="pruning: without training, or with distillation")
    made.add_argument("--base", type=Path, help="encoder to fine-tune for pruning [default: that of the demo]")
    made.add_argument("--build", type=Path, default=BUILD, help="folder for what is made")
    made.add_argument("--results", type=Path, default=RESULTS, help="folder for what is recorded")
    made.add_argument("--verbose", action="store_true", help="show what the libraries write")
    return made


def texts_of(asked: argparse.Namespace) -> tuple[Path, Path]:
    """Return the files of texts to learn from and to score on.

    Raises:
        UsageError: They were not named.
    """
    train, evaluation = asked.train or os.environ.get("SST2_TRAIN"), asked.eval or os.environ.get("SST2_EVAL")
    if not train or not evaluation:
        raise UsageError(
            f"{asked.command} needs texts", hint="give --train FILE --eval FILE, or set SST2_TRAIN and SST2_EVAL"
        )
    return Path(train), Path(evaluation)


def suite_name(asked: argparse.Namespace) -> str:
    """Return the suite that was asked for as a process that runs elsewhere finds it."""
    return str(Path(asked.suite).resolve()) if asked.suite.endswith(".toml") else str(asked.suite)


def suite_commands(asked: argparse.Namespace, names: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command lines that measure a suite, with what was asked for otherwise than by default."""
    changed = "" if asked.suite == "distilbert-base" else f" --suite {Path(asked.suite).name}"
    for option in ("rounds", "runs"):
        if getattr(asked, option) is not None:
            changed += f" --{option} {getattr(asked, option)}"
    peers = " --no-peers" if asked.no_peers else ""
    return tuple(f"python -m benchmarks {name}{changed}{peers if name == 'speed' else ''}" for name in names)


def today() -> str:
    """Return the day, in UTC, as in ``2026-01-31``."""
    return dt.datetime.now(tz=dt.UTC).date().isoformat()


def _whole_numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(","))


def _numbers(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text.split(","))
