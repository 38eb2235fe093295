"""What is measured, on which shape and how often, a TOML file in ``suites/``; and the options that ask for it."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, NamedTuple

import typer

from edgebert.architecture import Architecture
from edgebert.errors import UsageError
from edgebert.jsonio import from_plain

ROOT = Path(__file__).parents[1]
SUITES = ROOT / "benchmarks" / "suites"
RESULTS = ROOT / "benchmarks" / "results"
BUILD = ROOT / "build" / "benchmarks"
SUITE = "distilbert-base"

SuiteName = Annotated[str, typer.Option("--suite", help="Name in benchmarks/suites, or a .toml file.")]
Rounds = Annotated[int | None, typer.Option(help="Rounds.", show_default="that of the suite")]
Runs = Annotated[int | None, typer.Option(help="Runs of a process.", show_default="that of the suite")]
Train = Annotated[
    Path, typer.Option("--train", envvar="SST2_TRAIN", help="Labelled texts to learn from and to prune with.")
]
Evaluation = Annotated[Path, typer.Option("--eval", envvar="SST2_EVAL", help="Labelled texts to score on.")]
Base = Annotated[Path | None, typer.Option(help="Encoder to fine-tune.", show_default="that of the demo")]
BuildFolder = Annotated[Path, typer.Option("--build", help="Folder for what is made.", show_default="build/benchmarks")]
ResultsFolder = Annotated[
    Path, typer.Option("--results", help="Folder for what is recorded.", show_default="benchmarks/results")
]


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedSuite:
    """One set of measurements.

    Attributes:
        name: Name of the suite and of its build folder.
        description: One line for people.
        labels: Number of labels of the classifier.
        seed: Seed of the weights and of the inputs.
        signatures: Input lengths of the TFLite file, in tokens, ascending.
        lengths: Input lengths that are measured, in tokens, ascending; all of them are signatures.
        threads: Threads one inference may use.
        rounds: How often every file runs at every length, each time in a fresh process.
        warm_up: Inferences of a process that are not recorded.
        runs: Inferences of a process that are.
        architecture: Shape of the model.
    """

    name: str
    description: str
    labels: int
    seed: int
    signatures: tuple[int, ...]
    lengths: tuple[int, ...]
    threads: int
    rounds: int
    warm_up: int
    runs: int
    architecture: Architecture


class Build(NamedTuple):
    """Where the files of a suite are built: checkpoint, edgebert's bundle, Optimum's files, what the export took."""

    root: Path
    checkpoint: Path
    bundle: Path
    optimum: Path
    export: Path

    @classmethod
    def at(cls, root: Path) -> Build:
        """Return the places in a folder."""
        return cls(root, root / "checkpoint", root / "bundle", root / "optimum", root / "export.json")


def load_suite(name: str | Path, *, rounds: int | None = None, runs: int | None = None) -> SpeedSuite:
    """Return a suite by its name, or the one in a TOML file by its path.

    Args:
        name: Name or path.
        rounds: Rounds instead of the suite's.
        runs: Runs of a process instead of the suite's.

    Raises:
        UsageError: There is no such suite, or the file is malformed; the message names the key.
    """
    path = Path(name) if str(name).endswith(".toml") else SUITES / f"{name}.toml"
    try:
        suite = from_plain(SpeedSuite, tomllib.loads(path.read_text(encoding="utf-8")), source=path.name)
    except FileNotFoundError as error:
        known = ", ".join(sorted(file.stem for file in SUITES.glob("*.toml")))
        raise UsageError(f"there is no suite {str(name)!r}", hint=f"known: {known}; or the path of a .toml") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path.name}: the suite cannot be read: {error}") from error
    suite = replace(suite, rounds=suite.rounds if rounds is None else rounds, runs=suite.runs if runs is None else runs)
    for key in ("labels", "threads", "rounds", "runs"):
        if getattr(suite, key) < 1:
            raise UsageError(f"{path.name}: {key} is {getattr(suite, key)}, not at least 1")
    if suite.warm_up < 0 or suite.seed < 0:
        raise UsageError(f"{path.name}: warm_up and seed are not below 0")
    if not suite.lengths or not set(suite.lengths) <= set(suite.signatures):
        raise UsageError(f"{path.name}: lengths {list(suite.lengths)} are not among {list(suite.signatures)}")
    return suite


def build_of(build: Path, suite: str) -> Build:
    """Return where the files of a suite are built."""
    return Build.at(build.resolve() / load_suite(suite).name)


def suite_path(suite: str) -> str:
    """Return a suite as a process that runs elsewhere finds it."""
    return str(Path(suite).resolve()) if suite.endswith(".toml") else suite


def suite_command(name: str, suite: str, rounds: int | None = None, runs: int | None = None) -> str:
    """Return a command line that measures a suite, with what was asked for otherwise than by default."""
    words = [f"python -m benchmarks {name}"]
    words += [] if suite == SUITE else [f"--suite {Path(suite).name}"]
    words += [f"--{key} {value}" for key, value in (("rounds", rounds), ("runs", runs)) if value is not None]
    return " ".join(words)


def texts_command(name: str, train: Path, evaluation: Path) -> str:
    """Return a command line that takes texts: their names, because their folders are nobody's concern."""
    return f"python -m benchmarks {name} --train {train.name} --eval {evaluation.name}"
