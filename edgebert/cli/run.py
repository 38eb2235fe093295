"""The door of every command line: what a process sets up before a command, and the one place that ends it."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

import typer

from edgebert.cli import output
from edgebert.cli.libraries import quiet_libraries
from edgebert.errors import EdgebertError, EnvironmentProblem, UsageError

_TELEMETRY = ("ORT_DISABLE_TELEMETRY", "HF_HUB_DISABLE_TELEMETRY", "DISABLE_TELEMETRY", "DO_NOT_TRACK")


def run(
    app: typer.Typer,
    arguments: Sequence[str] | None,
    *,
    name: str,
    renamed: Callable[[Sequence[str]], list[str]] = list,
    interrupted: str = "nothing was left half-written",
) -> NoReturn:
    """Run a command line and leave with its exit code.

    ``--quiet`` and ``--verbose`` may be before or after the command; the app declares them only to be in the help.

    Args:
        app: The commands.
        arguments: Words after the name of the program; ``None`` takes those of this process.
        name: How the user calls the program, as in ``python -m export``.
        renamed: Replaces former names of commands.
        interrupted: What an interrupt left, for the note about it.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    # Nothing edgebert or its dependencies run may phone home, whatever the command.
    os.environ.update(dict.fromkeys(_TELEMETRY, "1"))
    settle_threads()
    # Texts come and go as UTF-8, whatever the locale; a file name that is none keeps its bytes.
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(encoding="utf-8", errors="surrogateescape")
    if f"_{re.sub(r'[^A-Z]', '_', name.upper())}_COMPLETE" in os.environ:
        app(prog_name=name)  # the shell asks what could come next: typer answers and leaves
    words, quiet, verbose = _without_common(given)
    with stopping_signals() as received:
        try:
            with quiet_libraries(verbose=verbose), output.shown_notes(quiet=quiet and not verbose):
                code = _code(app, renamed(words), name=name, interrupted=interrupted, verbose=verbose)
        except OSError:  # the terminal has gone, and standard error with it
            _let_go_of_output()
            code = EnvironmentProblem.exit_code
    sys.exit(128 + received[0] if received else code)


def _without_common(given: list[str]) -> tuple[list[str], bool, bool]:
    """Return the arguments without the options of every command, and whether ``--quiet`` and ``--verbose`` were there.

    What follows ``--`` is no option.
    """
    end = given.index("--") if "--" in given else len(given)
    quiet, verbose = ({name, short} & set(given[:end]) for name, short in (("--quiet", "-q"), ("--verbose", "-v")))
    words = [word for word in given[:end] if word not in quiet | verbose]
    return words + given[end:], bool(quiet), bool(verbose)


def _code(app: typer.Typer, words: list[str], *, name: str, interrupted: str, verbose: bool) -> int:
    # Typer's own main would turn an interrupt and a broken pipe into exit codes of its own before they got here.
    command = typer.main.get_command(app)
    if getattr(command, "no_args_is_help", False):
        words = words or ["--help"]
    try:
        with command.make_context(name, words) as context:
            command.invoke(context)
        sys.stdout.flush()
    except typer.Exit as leave:
        return leave.exit_code
    except EdgebertError as error:
        return _failed(error, verbose=verbose)
    except typer.TyperException as error:
        if not error.format_message():  # a group without a command: its help is shown
            return UsageError.exit_code
        where = getattr(error, "ctx", None)
        hint = f"{where.command_path if where else name} --help"
        return _failed(UsageError(" ".join(error.format_message().split()), hint=hint), verbose=verbose)
    except KeyboardInterrupt:
        output.show_note(f"interrupted; {interrupted}")
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
        for line in traceback.format_exc().splitlines():
            output.show_note(line)
    output.show_error(error)
    return error.exit_code


@contextlib.contextmanager
def stopping_signals() -> Iterator[list[int]]:
    """Raise a KeyboardInterrupt inside the block at SIGTERM or SIGHUP; give a list that gets the number of the signal.

    A signal that whoever started us has ignored (``nohup``) stays so. A closing terminal and an init system send both:
    what comes after the first does not disturb the cleaning up.
    """
    received: list[int] = []
    before: dict[int, Any] = {}

    def stop(number: int, _: FrameType | None) -> None:
        if not received:
            received.append(number)
            raise KeyboardInterrupt

    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, getattr(signal, "SIGHUP", signal.SIGTERM)):  # Windows has no SIGHUP
            if signal.getsignal(number) is signal.SIG_DFL:
                before[number] = signal.signal(number, stop)
    try:
        yield received
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)


def settle_threads() -> None:
    """Set what OpenMP reads when torch loads it; what the user has set stays.

    Without a waiting policy, threads spin between the operations of a model: the work of a small one takes three times
    the processor time. And a container that may use two processors of sixty-four gets a thread for each of them.
    """
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    if (quota := processor_quota()) is not None:
        os.environ.setdefault("OMP_NUM_THREADS", str(quota))


def processor_quota(*, groups: Path = Path("/sys/fs/cgroup"), own: Path = Path("/proc/self/cgroup")) -> int | None:
    """Return how many processors the control groups of Linux let this process use; ``None`` for no limit.

    Args:
        groups: Where the control groups are mounted.
        own: File that names those of this process.
    """
    quotas = []
    with contextlib.suppress(OSError, ValueError):
        for line in own.read_text(encoding="utf-8").splitlines():
            _, kinds, name = line.split(":", 2)
            mounted = groups / kinds if kinds else groups
            if kinds and "cpu" not in kinds.split(","):
                continue
            folder = Path(name.strip("/"))
            quotas += [_quota(mounted / part) for part in (folder, *folder.parents)]
    known = [quota for quota in quotas if quota is not None]
    return max(1, int(min(known))) if known else None


def _quota(folder: Path) -> float | None:
    """Return the processors that one group may use, in either version of the files."""
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = (folder / "cpu.max").read_text(encoding="utf-8").split()
        return None if quota == "max" else int(quota) / int(period)
    with contextlib.suppress(OSError, ValueError, ZeroDivisionError):
        quota, period = ((folder / f"cpu.cfs_{name}_us").read_text(encoding="utf-8") for name in ("quota", "period"))
        return int(quota) / int(period) if int(quota) > 0 else None
    return None
