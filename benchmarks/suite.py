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


@dataclass(frozen=True, kw_only=True)
class Options:
    """Options of every study: each field of these classes is an option of a command."""

    results: Annotated[
        Path, typer.Option("--results", help="Folder for what is recorded.", show_default="benchmarks/results")
    ] = RESULTS


@dataclass(frozen=True, kw_only=True)
class BuildOptions:
    """Options of a command that makes files."""

    build: Annotated[
        Path, typer.Option("--build", help="Folder for what is made.", show_default="build/benchmarks")
    ] = BUILD


@dataclass(frozen=True, kw_only=True)
class SuiteOptions(BuildOptions):
    """Options of a command that takes the shape of a suite."""

    suite: Annotated[str, typer.Option("--suite", help="Name in benchmarks/suites, or a .toml file.")] = SUITE

    @property
    def place(self) -> Build:
        """Where the files of the suite are built."""
        return Build.at(self.build.resolve() / load_suite(self.suite).name)

    @property
    def suite_path(self) -> str:
        """The suite as a process that runs elsewhere finds it."""
        return str(Path(self.suite).resolve()) if self.suite.endswith(".toml") else self.suite

    def command(self, name: str) -> str:
        """Return a command line that takes the suite."""
        return f"python -m benchmarks {name}" + ("" if self.suite == SUITE else f" --suite {Path(self.suite).name}")


@dataclass(frozen=True, kw_only=True)
class RoundsOptions(SuiteOptions, Options):
    """Options of a study that times the files of a suite."""

    rounds: Annotated[int | None, typer.Option(help="Rounds.", show_default="that of the suite")] = None
    runs: Annotated[int | None, typer.Option(help="Runs of a process.", show_default="that of the suite")] = None

    @property
    def plan(self) -> SpeedSuite:
        """The suite, with the rounds and runs that were asked for; errors as for ``load_suite``."""
        return load_suite(self.suite, rounds=self.rounds, runs=self.runs)

    def timing_command(self, name: str) -> str:
        """Return a command line that times files of the suite."""
        given = (("rounds", self.rounds), ("runs", self.runs))
        return " ".join([self.command(name), *(f"--{key} {value}" for key, value in given if value is not None)])


@dataclass(frozen=True, kw_only=True)
class TextsOptions(BuildOptions, Options):
    """Options of a study that needs labelled texts."""

    train: Annotated[
        Path, typer.Option("--train", envvar="SST2_TRAIN", help="Labelled texts to learn from and to prune with.")
    ]
    evaluation: Annotated[Path, typer.Option("--eval", envvar="SST2_EVAL", help="Labelled texts to score on.")]
    base: Annotated[Path | None, typer.Option(help="Encoder to fine-tune.", show_default="that of the demo")] = None

    def texts_command(self, name: str) -> str:
        """Return a command line that takes the texts: their names, because their folders are nobody's concern."""
        return f"python -m benchmarks {name} --train {self.train.name} --eval {self.evaluation.name}"


@dataclass(frozen=True, kw_only=True)
class ShapeOptions(TextsOptions, SuiteOptions):
    """Options of a study that needs labelled texts and the shape of a suite."""
