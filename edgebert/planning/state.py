"""The folder of a search: what was measured so far, written after every trial so that it resumes, and the recipe."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import dataclass, fields, replace
from pathlib import Path

from edgebert.errors import EnvironmentProblem, OutputError, UsageError
from edgebert.jsonio import dumps, loads, read
from edgebert.metrics import METRICS, outside
from edgebert.planning.values import Candidate, Measured, PlanOptions
from edgebert.printable import shown
from edgebert.recipe import PruneOptions
from edgebert.staging import NO_ROOM, check_parent, final_name, replace_file, writing

STATE = "plan.json"
"""File of the plan folder that holds the trials."""

PICK = "pick.toml"
"""File of the plan folder that holds the recipe of the pick."""

PLOT = "plan.svg"
"""File of the plan folder that holds the picture."""

WORK = ".work"
"""Folder of the plan folder for models and files that are needed only while the search runs."""

FILES, ORIGINAL_FILES = "files", "original"
"""Folders of ``WORK`` for the files of a candidate and of the original, which are made again when a search resumes."""

SCHEMA = 2
"""Version of ``plan.json``; before 2 the times of a file were those of texts, not of processes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchKey:
    """Everything that decides a measurement: trials of unequal ones are never mixed.

    Attributes:
        edgebert: Version of edgebert.
        model: Hash of the checkpoint.
        training: Hash of training texts and labels.
        evaluation: Hash of evaluation texts and labels.
        format: Format of the files.
        seed: Seed.
        runtime: Runtime and its version.
        cpu: Instruction set of the CPU.
    """

    edgebert: str
    model: str
    training: str
    evaluation: str
    format: str
    seed: int
    runtime: str
    cpu: str


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The content of ``plan.json``."""

    schema: int
    fingerprint: SearchKey
    trials: tuple[Measured, ...]

    def trial(self, candidate: Candidate, *, is_timed: bool) -> Measured | None:
        """Return the trial of a candidate if it has been made, with times or without as asked for."""
        for trial in self.trials:
            if trial.candidate == candidate:
                if not is_timed:
                    return replace(trial, run_ns=(), baseline_ns=())
                return None if trial.speedup is None else trial
        return None


def open_state(folder: Path, fingerprint: SearchKey, *, force: bool) -> State:
    """Return what was measured in a plan folder, or an empty state where nothing was; nothing is written yet.

    Args:
        folder: The folder, which need not exist.
        fingerprint: What is to be measured.
        force: Give an empty state where the folder holds that of another search.

    Raises:
        OutputError: The place is taken by something else.
        UsageError: The state is another search's, or damaged.
    """
    check_folder(folder)
    empty = State(schema=SCHEMA, fingerprint=fingerprint, trials=())
    path = folder / STATE
    if force or not path.is_file():
        return empty
    restart = "--restart starts over; another --out keeps both"
    state = read(State, path, what="search", oldest=SCHEMA, newest=SCHEMA, hint=restart)
    for index, trial in enumerate(state.trials):
        if len(trial.run_ns) != len(trial.baseline_ns) or not all((*trial.run_ns, *trial.baseline_ns)):
            raise UsageError(f"{path}: trials[{index}]: run_ns and baseline_ns are not paired by process", hint=restart)
        if trial.score.metric not in METRICS:
            raise UsageError(f"{path}: trials[{index}].score.metric is {shown(trial.score.metric)}", hint=restart)
        if told := outside(trial.score):
            raise UsageError(f"{path}: trials[{index}].score.{told}", hint=restart)
    if state.fingerprint != fingerprint:
        other = [
            field.name
            for field in fields(SearchKey)
            if getattr(state.fingerprint, field.name) != getattr(fingerprint, field.name)
        ]
        raise UsageError(f"{path}: holds a search with another {', '.join(other)}", hint=restart)
    return state


def check_folder(folder: Path) -> None:
    """Refuse a place that cannot be a plan folder; nothing is written.

    Raises:
        OutputError: It is taken by something else.
    """
    if os.path.lexists(folder) and not folder.is_dir():
        raise OutputError(f"{folder}: exists already, and is not a folder", hint="give another name with --out")
    if not folder.is_dir():
        check_parent(folder)
    if not folder.is_dir() or (folder / STATE).is_file():
        return
    if any(item.name != WORK and final_name(item.name) != STATE for item in folder.iterdir()):
        raise OutputError(f"{folder}: holds other things and no {STATE}", hint="give another name with --out")


def kept(folder: Path) -> str:
    """Return a sentence that says what a search that was stopped has left in its folder."""
    try:
        measured = len(loads(State, (folder / STATE).read_text(encoding="utf-8"), source=STATE).trials)
    except (OSError, UnicodeDecodeError, UsageError):
        measured = 0
    parts = [f"{measured} measured {'candidate' if measured == 1 else 'candidates'} ({STATE})"] if measured else []
    parts += [f"unfinished models ({WORK})"] if (folder / WORK).is_dir() else []
    if not parts:
        return f"{folder} keeps nothing of this search; the same command starts it again"
    return f"{folder} keeps {' and '.join(parts)}; the same command resumes"


def add_trial(folder: Path, state: State, trial: Measured) -> State:
    """Return the state with one more trial, in place of an older one of that candidate, and write it.

    Raises:
        OutputError: The folder cannot be written.
        EnvironmentProblem: The disk is full.
    """
    others = tuple(item for item in state.trials if item.candidate != trial.candidate)
    state = replace(state, trials=(*others, trial))
    write_text(folder / STATE, dumps(state))
    return state


def write_text(path: Path, text: str) -> None:
    """Write a file of a plan folder whole or not at all, and the folder with it.

    Raises:
        OutputError: The folder cannot be written.
        EnvironmentProblem: The disk is full.
    """
    with writable(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, text.encode())


def writable(folder: Path) -> AbstractContextManager[None]:
    """Turn failures to write in a plan folder into errors of ours; errors as for ``write_text``."""
    return writing(
        folder,
        hint="choose a folder you can write to",
        room_hint="free some space and run the same command again: it resumes",
    )


@contextmanager
def told_what_is_kept(folder: Path) -> Iterator[None]:
    """Say of a disk that is full what a search has kept in its folder, and remove what it makes again anyway.

    Raises:
        EnvironmentProblem: Any that the block raises.
    """
    try:
        yield
    except EnvironmentProblem as error:
        if getattr(error.__cause__, "errno", None) not in NO_ROOM:
            raise
        for name in (FILES, ORIGINAL_FILES):
            shutil.rmtree(folder / WORK / name, ignore_errors=True)
        for emptied in (folder / WORK, folder):
            with suppress(OSError):
                emptied.rmdir()
        raise EnvironmentProblem(error.message, hint=f"free some space; {_kept(folder)}") from error.__cause__


def _kept(folder: Path) -> str:
    """Return what is in the folder of a search, and what the next run does with it."""
    sizes = [item.stat().st_size for item in (folder / WORK).rglob("*") if item.is_file()]
    kept = [f"{folder / STATE} keeps the complete trials"] if (folder / STATE).is_file() else []
    kept += [f"{folder / WORK} keeps {sum(sizes) / 1e6:.1f} MB of models in work"] if sizes else []
    return f"{', '.join(kept)}; the same command resumes" if kept else "nothing was kept"


def clear(folder: Path) -> None:
    """Remove what an earlier search left in its folder: state, results, and models it was at work on."""
    for name in (STATE, PICK, PLOT):
        (folder / name).unlink(missing_ok=True)
    shutil.rmtree(folder / WORK, ignore_errors=True)


def prune_options(keep: float, *, vocabulary: bool, distill: float, seed: int) -> PruneOptions | None:
    """Return what to cut; ``None`` where nothing is."""
    if keep == 1 and not vocabulary:
        return None
    return PruneOptions(keep=keep, vocabulary=vocabulary, distill=distill, seed=seed)


def recipe_name(candidate: Candidate) -> str:
    """Return a decodable name, as in ``keep35-vocab-distill-int8``."""
    words = [] if candidate.keep == 1 else [f"keep{100 * candidate.keep:.4g}"]
    words += ["vocab"] * candidate.vocabulary + ["distill"] * bool(candidate.distill)
    return "-".join((*words, candidate.precision))


def recipe_toml(candidate: Candidate, options: PlanOptions, lengths: tuple[int, ...]) -> str:
    """Return a candidate as the TOML of a recipe.

    Args:
        candidate: What to make.
        options: How it was searched for.
        lengths: Signature lengths in tokens; the last is the longest input in every format.
    """
    pruning = prune_options(
        candidate.keep, vocabulary=candidate.vocabulary, distill=candidate.distill, seed=options.seed
    )
    lines = [
        "# The pick of `edgebert plan`.",
        f'name = "{recipe_name(candidate)}"',
        f'description = "{candidate.name}"',
        f"lengths = [{', '.join(map(str, lengths))}]",
    ]
    if pruning is not None:
        lines += [
            "",
            "[prune]",
            f"keep = {pruning.keep!r}",
            f"vocabulary = {'true' if pruning.vocabulary else 'false'}",
            f"drop_layers = {'true' if pruning.drop_layers else 'false'}",
            f"distill = {pruning.distill!r}",
            f"seed = {pruning.seed}",
        ]
    lines += ["", "[[targets]]", f'format = "{options.format}"', f'precision = "{candidate.precision}"', ""]
    return "\n".join(lines)
