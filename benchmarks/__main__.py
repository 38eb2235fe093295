"""``python -m benchmarks``: make the files, measure them side by side, record, render, and say what was reached."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer

from benchmarks.measure import make_files, make_peers
from benchmarks.results import save
from benchmarks.studies import STUDIES, Study, all_figures, load_all, render, speed
from benchmarks.suite import (
    BUILD,
    RESULTS,
    ROOT,
    SUITE,
    BuildFolder,
    ResultsFolder,
    Rounds,
    Runs,
    SuiteName,
    build_of,
    load_suite,
    suite_path,
)
from edgebert.cli import output
from edgebert.cli.options import Command, Verbose, with_home
from edgebert.cli.run import run

OptimumPython = Annotated[
    Path, typer.Option("--python", help="Python of Optimum's environment.", show_default=".venv-optimum/bin/python")
]
NoPeers = Annotated[bool, typer.Option("--no-peers", help="Measure edgebert's files alone.")]
OPTIMUM_PYTHON = ROOT / ".venv-optimum" / "bin" / "python"

app = typer.Typer(
    help="Measure this machine, peers side by side. Without a command: all.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and leave with its exit code."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    if not words or (words[0].startswith("-") and not {"-h", "--help"} & set(words)):
        words.insert(0, "all")
    kept = "nothing was recorded, and finished runs of pruning are kept"
    run(app, words, name="python -m benchmarks", interrupted=kept)


@app.command("all", cls=Command)
@with_home
def everything(
    suite: SuiteName = SUITE,
    rounds: Rounds = None,
    runs: Runs = None,
    python: OptimumPython = OPTIMUM_PYTHON,
    build: BuildFolder = BUILD,
    results: ResultsFolder = RESULTS,
    *,
    no_peers: NoPeers = False,
    verbose: Verbose = False,  # noqa: ARG001  # the door takes it
) -> None:
    """Do all that needs no texts: files, peers, speed, render, check."""
    files(suite, build)
    if not no_peers:
        peers(suite, python, build)
    _record(speed.run, results, suite=suite, rounds=rounds, runs=runs, build=build, no_peers=no_peers)
    check(results)


@app.command(cls=Command)
@with_home
def files(
    suite: SuiteName = SUITE,
    build: BuildFolder = BUILD,
    *,
    verbose: Verbose = False,  # noqa: ARG001  # as above
) -> None:
    """Make a random checkpoint of the suite's shape and export it, measured."""
    with output.progress_bar() as progress:
        cost = make_files(load_suite(suite), suite_path(suite), build_of(build, suite), progress)
    output.show_text(
        f"{cost.command}: {cost.wall_ns / 1e9:.1f} s, {cost.peak_rss_bytes / 1e9:.2f} GB of memory at most"
    )


@app.command(cls=Command)
@with_home
def peers(
    suite: SuiteName = SUITE,
    python: OptimumPython = OPTIMUM_PYTHON,
    build: BuildFolder = BUILD,
    *,
    verbose: Verbose = False,  # noqa: ARG001  # as above
) -> None:
    """Make Optimum's files of the same checkpoint."""
    with output.progress_bar() as progress:
        make_peers(build_of(build, suite), python, progress)


def _command(study: Study[Any]) -> Callable[..., None]:
    """Return the command of a study: its own options, and where to record."""

    def command(*, verbose: Verbose = False, results: ResultsFolder = RESULTS, **options: Any) -> None:
        del verbose
        _record(study.run, results, **options)

    own = dict(inspect.signature(study.run, eval_str=True).parameters)
    del own["progress"]
    shared = inspect.signature(command, eval_str=True).parameters
    own |= {name: shared[name] for name in ("results", "verbose")}
    command.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [item.replace(kind=inspect.Parameter.KEYWORD_ONLY) for item in own.values()]
    )
    command.__annotations__ = {name: item.annotation for name, item in own.items()}
    command.__doc__ = study.run.__doc__
    return command


def _record(measure: Callable[..., Any], results: Path, **options: Any) -> None:
    """Measure, record and render; a study that reads earlier results is told where they are."""
    if "results" in inspect.signature(measure).parameters:
        options["results"] = results
    with output.progress_bar() as progress:
        found = measure(progress, **options)
    output.show_note(f"recorded {save(results, found)}")
    output.show_note(f"wrote {render(results)}")


for _study in STUDIES:
    app.command(_study.kind, cls=Command)(with_home(_command(_study)))


@app.command("render", cls=Command)
@with_home
def render_results(
    results: ResultsFolder = RESULTS,
    *,
    verbose: Verbose = False,  # noqa: ARG001  # as above
) -> None:
    """Write RESULTS.md and the plots from what is recorded."""
    output.show_note(f"wrote {render(results)}")


@app.command(cls=Command)
@with_home
def check(
    results: ResultsFolder = RESULTS,
    *,
    verbose: Verbose = False,  # noqa: ARG001  # as above
) -> None:
    """Show every figure that was to be reached; exit 1 if one was missed."""
    figures = tuple(all_figures(load_all(results)))
    rows = [[item.what, item.wanted, item.found, item.verdict] for item in figures]
    output.show_table(("figure", "wanted", "found", "verdict"), rows)
    if any(figure.met is False for figure in figures):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
