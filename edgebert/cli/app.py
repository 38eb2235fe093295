"""The command line, put together: each command is read in a module of its own, calls the library once, and shows it."""

from __future__ import annotations

import io
import os
import signal
import sys
from collections.abc import Callable
from typing import Annotated

import typer

from edgebert.cli import output
from edgebert.cli.arguments import Command, with_home
from edgebert.cli.benching import bench, devices, emulator_app, runtime_app
from edgebert.cli.checking import doctor, inspect, sign, verify
from edgebert.cli.embedding import embed
from edgebert.cli.exporting import demo, export, recipes, strip
from edgebert.cli.judging import check, compare
from edgebert.cli.planning import plan
from edgebert.cli.pruning import prune
from edgebert.cli.reporting import report
from edgebert.cli.scoring import evaluate, predict
from edgebert.cli.stopping import stopping_signals
from edgebert.cli.threads import settle_threads
from edgebert.cli.training import finetune, import_bert
from edgebert.errors import EdgebertError, EnvironmentProblem, UsageError

app = typer.Typer(
    name="edgebert",
    help="Take a fine-tuned DistilBERT to phones and edge boards: int8 ONNX and TFLite files, with proof of accuracy.",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

# In the order of the help, each with its example.
_COMMANDS: tuple[tuple[Callable[..., None], str], ...] = (
    (export, "edgebert export ./model --recipe prune50-int8 --train train.tsv --eval dev.tsv --out bundle"),
    (evaluate, "edgebert evaluate bundle --data dev.tsv --runtime litert"),
    (predict, 'edgebert predict bundle "I love it" "Not for me"   or: edgebert predict bundle < texts'),
    (inspect, "edgebert inspect bundle"),
    (verify, "edgebert verify bundle --runtime onnxruntime"),
    (sign, "edgebert sign bundle --key release.pem"),
    (strip, "edgebert strip bundle --out slim"),
    (finetune, "edgebert finetune ./base --train train.tsv --eval dev.tsv --out ./model --epochs 2"),
    (prune, "edgebert prune ./model --train train.tsv --keep 0.35 --distill 2 --out ./pruned"),
    (plan, "edgebert plan ./model --train train.tsv --eval dev.tsv --max-drop 1 --max-mb 20"),
    (bench, "edgebert bench bundle --device adb:SERIAL --data dev.tsv --accuracy all --out phone.json"),
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
for _command, _example in _COMMANDS:
    app.command(epilog=f"Example: {_example}", cls=Command)(with_home(_command))
app.add_typer(runtime_app, name="runtime")
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
    verbose: Annotated[
        bool, typer.Option("--verbose", help="Also show what the libraries underneath write, and tracebacks.")
    ] = False,
) -> None:
    pass


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and leave with its exit code."""
    given = sys.argv[1:] if arguments is None else arguments
    # Nothing edgebert or its dependencies run may phone home, whatever the command.
    for name in ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DISABLE_TELEMETRY", "DO_NOT_TRACK"):
        os.environ[name] = "1"
    settle_threads()
    # Texts come and go as UTF-8, whatever the locale; a file name that is none keeps its bytes.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    if "_EDGEBERT_COMPLETE" in os.environ:
        app(prog_name="edgebert")  # the shell asks what could come next: typer answers and leaves
    words, verbose = _without_verbose(given)
    with stopping_signals() as received:
        try:
            with output.quiet_libraries(verbose=verbose), output.shown_notes():
                code = _run(words or ["--help"], verbose=verbose)
        except OSError:  # the terminal has gone, and standard error with it
            _let_go_of_output()
            code = EnvironmentProblem.exit_code
    sys.exit(128 + received[0] if received else code)


def _without_verbose(given: list[str]) -> tuple[list[str], bool]:
    """Return the arguments without ``--verbose``, which may be before or after the command, and whether it was there.

    What follows ``--`` is no option.
    """
    end = given.index("--") if "--" in given else len(given)
    words = [word for word in given[:end] if word != "--verbose"]
    return words + given[end:], len(words) < end


def _run(given: list[str], *, verbose: bool) -> int:
    # Typer's own main would turn an interrupt and a broken pipe into exit codes of its own before they got here.
    command = typer.main.get_command(app)
    try:
        with command.make_context("edgebert", list(given)) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as leave:
        return leave.exit_code
    except EdgebertError as error:
        return _failed(error, verbose=verbose)
    except typer.TyperException as error:
        return _failed(_usage_error(error), verbose=verbose)
    except KeyboardInterrupt:
        output.show_note("interrupted; nothing was left half-written")
        return 128 + signal.SIGINT
    except (BrokenPipeError, SystemExit):  # rich, which prints tables and help, makes the second of the first
        _let_go_of_output()  # the reader has seen enough
    except OSError as error:
        _let_go_of_output()
        where = error.filename or "the system"
        return _failed(EnvironmentProblem(f"{where}: {error.strerror or error}"), verbose=verbose)
    except MemoryError:
        return _failed(EnvironmentProblem("not enough memory"), verbose=verbose)
    except Exception as error:  # noqa: BLE001  # a mistake of ours or of a converter: still one line, not a page
        mistake = EnvironmentProblem(
            f"unexpected {type(error).__name__}: {' '.join(str(error).split())[:300]}",
            hint="add --verbose to see where, and please report it",
        )
        return _failed(mistake, verbose=verbose)
    return 0


def _let_go_of_output() -> None:
    """Send what is still buffered nowhere if it cannot be written, so that leaving does not fail on it once more."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _failed(error: EdgebertError, *, verbose: bool) -> int:
    if verbose:
        output.show_traceback()
    output.show_error(error)
    return error.exit_code


def _usage_error(error: typer.TyperException) -> UsageError:
    context = getattr(error, "ctx", None)
    command = context.command_path if context else "edgebert"
    return UsageError(" ".join(error.format_message().split()), hint=f"{command} --help")
