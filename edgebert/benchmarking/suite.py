"""How to measure: a suite from a TOML file, changed by what the command line says, and the cores that it names."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

from edgebert.arguments import Between, Count, Seed, check_options, expect
from edgebert.device.protocol import Core, HardwareFacts
from edgebert.errors import UsageError
from edgebert.jsonio import from_plain
from edgebert.printable import shown
from edgebert.progress import note

ALL = "all"
_THREADS = Between(1, 64)


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
    runs: Annotated[int, Between(1, 100_000)] = 30
    warm_up: Annotated[int, Between(0, 100_000)] = 3
    processes: Annotated[int, Between(1, 1_000)] = 8
    accuracy: Count | None = 0
    float_accuracy: bool = True
    cores: str = ""
    series_texts: Annotated[int, Between(1, 1_000)] = 16
    cool_celsius: Annotated[float, Between(0, 100)] = 5.0
    cool_wait_s: Annotated[float, Between(0, 3_600)] = 60.0
    seed: Seed = 0

    def __post_init__(self) -> None:
        """Refuse what cannot be carried out.

        Raises:
            UsageError: A value is out of its range; the message names field and value.
        """
        check_options(self)
        expect("threads", self.threads, tuple)
        if not self.threads or len(set(self.threads)) != len(self.threads):
            raise UsageError(f"threads must be one or more distinct numbers, not {list(self.threads)}")
        for threads in self.threads:
            if threads not in _THREADS:
                raise UsageError(f"threads is {threads}, not {_THREADS}")
        if not _is_cores(self.cores):
            raise UsageError(f"cores is {self.cores!r}, not big, little or distinct numbers", hint="e.g. big, or 0,1")


def load_suite(path: Path) -> Suite:
    """Return the suite of a TOML file: its keys are the fields of ``Suite``; what it leaves out has its default.

    The key of ``accuracy`` is ``eval_samples``, as the option; ``eval_samples = "all"`` stands for all texts. The key
    ``accuracy`` is read until the next release.

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
    _read_samples(plain, path)
    return from_plain(Suite, plain, source=str(path))


def _read_samples(plain: dict[str, object], path: Path) -> None:
    """Put the number of texts to answer where the field of ``Suite`` is, whichever name the file has for it."""
    if "eval_samples" in plain:
        if "accuracy" in plain:
            raise UsageError(f"{path}: accuracy is the former name of eval_samples", hint="remove the key accuracy")
        samples = plain["accuracy"] = plain.pop("eval_samples")
        if samples != ALL and not (type(samples) is int and 0 <= samples < 10**9):
            raise UsageError(f"{path}: eval_samples is {shown(samples)}: expected a number of texts or 'all'")
    elif "accuracy" in plain:
        note(f"{path}: accuracy is now eval_samples; the old name works until the next release")
    if plain.get("accuracy") == ALL:
        plain["accuracy"] = None


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
        UsageError: A value is out of its range; the message names the field.
    """
    given = {"threads": threads, "runs": runs, "warm_up": warm_up, "processes": processes, "cores": cores}
    changes: dict[str, object] = {name: value for name, value in given.items() if value is not None}
    if accuracy is not None:
        changes["accuracy"] = _accuracy(accuracy)
    return replace(suite, **changes)  # type: ignore[arg-type]  # the names are those of the fields


def core_numbers(cores: str, facts: HardwareFacts) -> tuple[int, ...]:
    """Return the numbers of the cores that ``cores`` names on a device, ascending.

    Args:
        cores: ``big`` for those of the highest capacity (or frequency, where the system tells no capacity), ``little``
            for those of the lowest, numbers as in ``0,1``, or empty, which gives no numbers.
        facts: The device.

    Raises:
        UsageError: A number is not online there, or all cores are alike or unknown, so that none is big or little.
    """
    if not cores:
        return ()
    if cores not in ("big", "little"):
        return _numbered(cores, facts)
    strengths = _strengths(facts.cores)
    if not strengths:
        raise UsageError(
            f"{_name(facts)}: reports neither capacity nor frequency of its cores, "
            f"so edgebert cannot tell which are {cores}",
            hint="name cores by number, e.g. --cores 0,1",
        )
    wanted = max(strengths.values()) if cores == "big" else min(strengths.values())
    if len(set(strengths.values())) == 1:
        raise UsageError(
            f"{_name(facts)}: all {len(strengths)} cores are equal, none is {cores}",
            hint="leave --cores out, or name cores by number, e.g. --cores 0,1",
        )
    return tuple(sorted(number for number, strength in strengths.items() if strength == wanted))


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
        raise UsageError(
            f"--eval-samples is {text!r}: expected a number of texts or 'all'", hint="e.g. --eval-samples 500"
        )
    return int(text)


def _strengths(cores: tuple[Core, ...]) -> dict[int, int]:
    capacities = {core.number: core.capacity for core in cores if core.capacity is not None}
    frequencies = {core.number: core.max_khz for core in cores if core.max_khz is not None}
    # A core that tells nothing could be of any class, so a class is named only where all of them tell.
    complete = [known for known in (capacities, frequencies) if known and len(known) == len(cores)]
    return next((known for known in complete if len(set(known.values())) > 1), complete[0] if complete else {})


def _numbered(cores: str, facts: HardwareFacts) -> tuple[int, ...]:
    wanted, online = {int(word) for word in cores.split(",")}, {core.number for core in facts.cores}
    if missing := wanted - online:
        raise UsageError(
            f"{_name(facts)}: there is no core {min(missing)} online",
            hint=f"it has {', '.join(map(str, sorted(online)))}",
        )
    return tuple(sorted(wanted))


def _name(facts: HardwareFacts) -> str:
    return facts.model or facts.machine
