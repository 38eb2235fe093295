"""``python -m benchmarks``: make the files, measure them side by side, record, render, and say what was reached."""

from __future__ import annotations

import inspect
import sys
import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from benchmarks.measure import make_files, make_peers
from benchmarks.results import Recorded, save
from benchmarks.studies import STUDIES, all_figures, load_all, speed
from benchmarks.studies import render as render_results
from benchmarks.suite import RESULTS, ROOT, Options, SuiteOptions, load_suite
from benchmarks.summary import PICTURE, README, draw_summary, replace_summary, summary
from edgebert.cli import output
from edgebert.cli.commands import Command, Group, with_home
from edgebert.cli.options import Verbose
from edgebert.cli.run import run
from edgebert.progress import Progress

app = typer.Typer(
    cls=Group,
    help="Measure this machine, peers side by side. Without a command: all.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@dataclass(frozen=True, kw_only=True)
class PeersOptions(SuiteOptions):
    """Options of ``peers``."""

    python: Annotated[
        Path, typer.Option("--python", help="Python of Optimum's environment.", show_default=".venv-optimum/bin/python")
    ] = ROOT / ".venv-optimum" / "bin" / "python"


@dataclass(frozen=True, kw_only=True)
class AllOptions(speed.SpeedOptions, PeersOptions):
    """Options of ``all``."""


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or (words[0].startswith("-") and not {"-h", "--help"} & set(words)):
        words.insert(0, "all")
    kept = "nothing was recorded, and finished runs of pruning are kept"
    run(app, words, name="python -m benchmarks", interrupted=kept)


def everything(asked: AllOptions) -> None:
    """Do all that needs no texts: files, peers, speed, render, check."""
    files(asked)
    if not asked.no_peers:
        peers(asked)
    _record(speed.run, asked)
    check(asked)


def files(asked: SuiteOptions) -> None:
    """Make a random checkpoint of the suite's shape and export it, measured."""
    with output.progress_bar() as progress:
        cost = make_files(load_suite(asked.suite), asked.suite_path, asked.place, progress)
    output.show_text(
        f"{cost.command}: {cost.wall_ns / 1e9:.1f} s, {cost.peak_rss_bytes / 1e9:.2f} GB of memory at most"
    )


def peers(asked: PeersOptions) -> None:
    """Make Optimum's files of the same checkpoint."""
    with output.progress_bar() as progress:
        make_peers(asked.place, asked.python, progress)


def render(asked: Options) -> None:
    """Write RESULTS.md, the plots, and table and picture of the README from what is recorded."""
    output.show_note(f"wrote {render_results(asked.results)}")
    if asked.results == RESULTS:
        replace_summary(README, summary(asked.results))
        draw_summary(asked.results, PICTURE)
        output.show_note(f"wrote the table of {README} and {PICTURE}")


def check(asked: Options) -> None:
    """Show every figure that was to be reached; exit 1 if one was missed."""
    figures = tuple(all_figures(load_all(asked.results)))
    rows = [[item.what, item.wanted, item.found, item.verdict] for item in figures]
    output.show_table(("figure", "wanted", "found", "verdict"), rows)
    if any(figure.met is False for figure in figures):
        raise typer.Exit(1)


def _record(measure: Callable[[Any, Progress], Recorded], asked: Options) -> None:
    """Measure, record and render."""
    with output.progress_bar() as progress:
        found = measure(asked, progress)
    output.show_note(f"recorded {save(asked.results, found)}")
    render(asked)


def _add(name: str, action: Callable[[Any], None], options: type[Any], meaning: str | None) -> None:
    """Add a command whose options are the fields of a dataclass, those first that have to be given."""

    def command(*, verbose: Verbose = False, **given: Any) -> None:
        del verbose  # the door takes it
        action(options(**given))

    hints = typing.get_type_hints(options, include_extras=True) | {"verbose": Verbose}
    own = [*inspect.signature(options).parameters.values(), inspect.signature(command).parameters["verbose"]]
    own.sort(key=lambda item: item.default is not item.empty)
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [item.replace(annotation=hints[item.name]) for item in own]
    )
    command.__annotations__ = hints
    app.command(name, help=(meaning or "").partition("\n\n")[0], cls=Command)(with_home(command))


_add("all", everything, AllOptions, everything.__doc__)
_add("files", files, SuiteOptions, files.__doc__)
_add("peers", peers, PeersOptions, peers.__doc__)
for _study in STUDIES:
    _add(_study.kind, partial(_record, _study.run), _study.options, _study.run.__doc__)
_add("render", render, Options, render.__doc__)
_add("check", check, Options, check.__doc__)


if __name__ == "__main__":
    main()
