"""How to measure: a suite from a TOML file, changed by what the command line says."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path

from edgebert.errors import UsageError
from edgebert.jsonio import from_plain

MOST_THREADS = 64
MOST_RUNS = 100_000
MOST_PROCESSES = 1_000
MOST_SERIES_TEXTS = 1_000
LONGEST_WAIT_S = 3_600.0
ALL = "all"


@dataclass(frozen=True, slots=True, kw_only=True)
class Suite:
    """How to measure.

    Attributes:
        threads: Thread counts to measure with.
        runs: Counted inferences of each series in each process.
        warm_up: Inferences before them.
        processes: Fresh worker processes of each file and thread count.
        accuracy: Texts to answer on each device; 0 for none, ``None`` for all.
        float_accuracy: Whether the float files answer them too; without, nothing can be said of agreement.
        cores: ``big``, ``little``, numbers as in ``0,1``, or empty for the system's choice.
        series_texts: Texts in each series, at most.
        cool_celsius: Wait before a trial while a sensor is more than this above the start of the run; 0 never waits.
        cool_wait_s: Seconds to wait at most for one trial.
        seed: Decides which texts are sampled.
    """

    threads: tuple[int, ...] = (1,)
    runs: int = 30
    warm_up: int = 3
    processes: int = 8
    accuracy: int | None = 0
    float_accuracy: bool = True
    cores: str = ""
    series_texts: int = 16
    cool_celsius: float = 5.0
    cool_wait_s: float = 60.0
    seed: int = 0


def load_suite(path: Path) -> Suite:
    """Return the suite of a TOML file: its keys are the fields of ``Suite``; what it leaves out has its default.

    ``accuracy = "all"`` stands for all texts.

    Raises:
        UsageError: The file cannot be read or is malformed; the message names file and key.
    """
    try:
        plain = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UsageError(f"{path}: the suite cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{path}: not UTF-8 at byte {error.start}") from error
    except (ValueError, RecursionError) as error:  # a number of endless digits, or nesting, is no TOMLDecodeError
        raise UsageError(f"{path}: not TOML: {error}") from error
    if plain.get("accuracy") == ALL:
        plain["accuracy"] = None
    suite = from_plain(Suite, plain, source=str(path))
    check_suite(suite, source=str(path))
    return suite


def merged(
    suite: Suite,
    *,
    threads: tuple[int, ...] | None = None,
    runs: int | None = None,
    warm_up: int | None = None,
    processes: int | None = None,
    accuracy: str | None = None,
    cores: str | None = None,
) -> Suite:
    """Return a suite with the options of the command line in place of its own; ``None`` leaves a field as it is.

    Args:
        suite: The suite.
        threads: Thread counts.
        runs: Counted inferences of each series in each process.
        warm_up: Inferences before them.
        processes: Fresh processes of each file and thread count.
        accuracy: A number of texts, or ``all``.
        cores: ``big``, ``little`` or numbers as in ``0,1``.

    Raises:
        UsageError: A value is out of its range; the message names the option.
    """
    given = {"threads": threads, "runs": runs, "warm_up": warm_up, "processes": processes, "cores": cores}
    changes: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    if accuracy is not None:
        changes["accuracy"] = _accuracy(accuracy)
    changed = replace(suite, **changes)  # type: ignore[arg-type]  # the names are those of the fields
    check_suite(changed, source="the options")
    return changed


def check_suite(suite: Suite, *, source: str) -> None:
    """Refuse a suite that cannot be carried out.

    Raises:
        UsageError: A value is out of its range; the message names ``source``, field and value.
    """
    if not suite.threads or len(set(suite.threads)) != len(suite.threads):
        raise UsageError(f"{source}: threads must be one or more distinct numbers, not {list(suite.threads)}")
    for threads in suite.threads:
        _check(source, "threads", threads, 1, MOST_THREADS)
    _check(source, "runs", suite.runs, 1, MOST_RUNS)
    _check(source, "warm_up", suite.warm_up, 0, MOST_RUNS)
    _check(source, "processes", suite.processes, 1, MOST_PROCESSES)
    _check(source, "series_texts", suite.series_texts, 1, MOST_SERIES_TEXTS)
    _check(source, "cool_celsius", suite.cool_celsius, 0, 100)
    _check(source, "cool_wait_s", suite.cool_wait_s, 0, LONGEST_WAIT_S)
    _check(source, "seed", suite.seed, 0, 2**32 - 1)
    if suite.accuracy is not None and suite.accuracy < 0:
        raise UsageError(f"{source}: accuracy is {suite.accuracy}, not a number of texts", hint="0 is none, 'all' all")
    if not _is_cores(suite.cores):
        raise UsageError(
            f"{source}: cores is {suite.cores!r}, not big, little or distinct numbers", hint="as in big, or 0,1"
        )


def _check(source: str, name: str, value: float, low: float, high: float) -> None:
    if not low <= value <= high:
        raise UsageError(f"{source}: {name} is {value:g}, not between {low:g} and {high:g}")


def _is_cores(cores: str) -> bool:
    if cores in ("", "big", "little"):
        return True
    words = [word.strip() for word in cores.split(",")]
    return all(word.isascii() and word.isdecimal() and len(word) < 4 for word in words) and len(
        set(map(int, words))
    ) == len(words)


def _accuracy(text: str) -> int | None:
    if text == ALL:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) < 10):
        raise UsageError(f"--accuracy is {text!r}, not a number of texts or 'all'", hint="as in --accuracy 500")
    return int(text)
