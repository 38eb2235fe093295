"""Former names of commands and options: accepted until the next release, hidden from help and completion."""

from __future__ import annotations

from collections.abc import Sequence

from edgebert.progress import note

COMMANDS: dict[tuple[str, ...], tuple[str, ...]] = {
    ("runtime", "build"): ("worker", "build"),
    ("workers", "build"): ("worker", "build"),
}
"""Former words that call a command, and its present ones."""

OPTIONS: dict[str, dict[str, tuple[str, ...]]] = {
    "evaluate": {"--data": ("--eval",)},
    "bench": {
        "--data": ("--eval",),
        "--accuracy": ("--eval-samples",),
        "--warmup": ("--warm-up",),
        "--anew": ("--restart",),
    },
    "plan": {"--format": ("--formats",), "--anew": ("--restart",)},
    "prune": {"--vocabulary": ("--cut-vocabulary", "--keep-tokens-of"), "--keep-layers": ("--no-drop-layers",)},
}
"""For each command, its former options and the present ones; the last of several takes the value."""


def present_command(words: Sequence[str]) -> list[str]:
    """Return the words of a command line with the present name of its command."""
    given = list(words)
    first = next((place for place, word in enumerate(given) if not word.startswith("-")), 0)
    former = tuple(given[first : first + 2])
    if (present := COMMANDS.get(former)) is not None:
        _tell(f"edgebert {' '.join(former)}", f"edgebert {' '.join(present)}")
        given[first : first + 2] = present
    return given


def present_options(command: str, words: Sequence[str], *, quiet: bool = False) -> list[str]:
    """Return the words after a command with the present names of its options; what follows ``--`` is no option.

    Args:
        command: Name of the command.
        words: What the user wrote.
        quiet: Leave out the note about each former name, e.g. while a shell completes.
    """
    known, given = OPTIONS.get(command, {}), list(words)
    end = given.index("--") if "--" in given else len(given)
    found: list[str] = []
    for word in given[:end]:
        name, equals, value = word.partition("=")
        if (present := known.get(name)) is None:
            found.append(word)
            continue
        if not quiet:
            _tell(name, " ".join(present))
        found += [*present[:-1], f"{present[-1]}{equals}{value}"]
    return found + given[end:]


def _tell(former: str, present: str) -> None:
    note(f"{former} is now {present}; the old name works until the next release")
