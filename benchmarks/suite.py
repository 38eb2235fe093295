"""What is measured, on which shape and how often: a TOML file in ``suites/``."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from edgebert.architecture import Architecture
from edgebert.errors import UsageError
from edgebert.jsonio import from_plain

SUITES = Path(__file__).parent / "suites"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
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


def load_suite(name: str | Path, *, rounds: int | None = None, runs: int | None = None) -> Suite:
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
        suite = from_plain(Suite, tomllib.loads(path.read_text(encoding="utf-8")), source=path.name)
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
