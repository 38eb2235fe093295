"""Command lines for the shell of a device: POSIX sh, as on boards and phones.

``remote_command`` quotes a list of arguments. ``marked`` prints marks around both outputs of a line: what a login
profile prints before and after them is no part of the answer.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from edgebert.device.device import NOTHING, Finished
from edgebert.errors import UsageError

RUN_VARIABLE = "EDGEBERT_RUN"
"""Environment variable that marks a program and all it starts, so that they can be found and stopped."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# /proc is read with tr because the grep of a small system stops at the first NUL byte.
_STOP = """
for process in /proc/[0-9]*; do
    if tr '\\0' '\\n' < "$process/environ" | grep -qx "$1"; then kill -9 "${process#/proc/}"; fi
done 2>/dev/null
exit 0
"""

# Arguments: a word that occurs once, and the line to run. The text and the word of a mark are apart here, so that a
# shell that prints its commands (set -x, set -v) prints no mark.
#
# adbd hangs up on the shell alone when adb is gone, so the shell, which leads a session of its own, ends everything in
# it. A shell looks at signals between commands only, therefore it waits for a program in the background, which would
# have no standard input unless it is handed one.
_RUN = """\
trap 'kill -9 0' HUP
word=$1
mark() { printf 'edgebert-%s%s' "$word" "$1"; printf 'edgebert-%s%s' "$word" "$1" >&2; }
mark '{'
exec 3<&0
sh -c "$2" <&3 3<&- &
exec 3<&-
wait $!
mark "}$?;"
"""


def remote_command(argv: Sequence[str], *, environment: Mapping[str, str] = NOTHING, folder: str) -> str:
    """Return the line that runs ``argv`` in ``folder`` with ``environment`` added, every string arriving as it is.

    Args:
        argv: Program and arguments; the program does not begin with a hyphen.
        environment: Variables to add.
        folder: Absolute path on the device.

    Raises:
        UsageError: A string holds a NUL byte, which no program can be given, or a variable has no valid name.
    """
    for name in environment:
        if not _NAME.fullmatch(name):
            raise UsageError(f"{name!r}: not the name of an environment variable")
    words = [f"{name}={value}" for name, value in environment.items()]
    # env would take a program with an equals sign in its path for a variable.
    words += ["sh", "-c", 'exec "$0" "$@"', *argv] if "=" in argv[0] else argv
    for word in (folder, *words):
        if "\0" in word:
            raise UsageError(f"{word!r}: a NUL byte cannot be part of an argument")
    return f"cd {shlex.quote(folder)} && exec env {shlex.join(words)}"


def stop_command(mark: str) -> tuple[str, ...]:
    """Return the program that kills every process on a device that has ``RUN_VARIABLE`` set to ``mark``."""
    return ("sh", "-c", _STOP, "sh", f"{RUN_VARIABLE}={mark}")


def marked(line: str, word: str) -> str:
    """Return a line for a shell that runs ``line`` and prints marks around both of its outputs.

    Args:
        line: What ``remote_command`` returned.
        word: Letters and digits that occur in no output, as ``secrets.token_hex`` makes them.
    """
    return "exec " + shlex.join(["sh", "-c", _RUN, "sh", word, line])


def between_marks(done: Finished, word: str) -> Finished | None:
    """Return what a marked line printed between its marks, and its exit code.

    Args:
        done: How the program ended that carried the line to the device (``ssh``, ``adb``).
        word: The word of the line.

    Returns:
        ``None`` where a mark is missing: the line did not start, or nothing is known of its end.
    """
    begin, end = f"edgebert-{word}{{", f"edgebert-{word}}}"
    out, has_ended, _ = done.stdout.partition(begin.encode())[2].partition(end.encode())
    errors, _, rest = done.stderr.partition(begin)[2].partition(end)
    code, is_whole, _ = rest.partition(";")
    if not (has_ended and is_whole and code.isdigit()):
        return None
    return Finished(code=int(code), stdout=out, stderr=errors.strip())


def after_start(done: Finished, word: str) -> Finished | None:
    """Return what was printed since a marked line started; ``None`` where it did not."""
    begin = f"edgebert-{word}{{"
    _, has_begun, errors = done.stderr.partition(begin)
    if not has_begun:
        return None
    return Finished(code=done.code, stdout=done.stdout.partition(begin.encode())[2], stderr=errors.strip())
