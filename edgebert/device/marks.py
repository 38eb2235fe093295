"""Answers of a device are read between marks: what a login profile prints around them is not part of them."""

from __future__ import annotations

import shlex

from edgebert.device.device import Finished

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
    _, has_begun, out = done.stdout.partition(begin.encode())
    out, has_ended, _ = out.partition(end.encode())
    _, error_begun, errors = done.stderr.partition(begin)
    errors, error_ended, rest = errors.partition(end)
    code, is_whole, _ = rest.partition(";")
    if not (has_begun and has_ended and error_begun and error_ended and is_whole and code.isdigit()):
        return None
    return Finished(code=int(code), stdout=out, stderr=errors.strip())


def after_start(done: Finished, word: str) -> Finished | None:
    """Return what was printed since a marked line started; ``None`` where it did not."""
    begin = f"edgebert-{word}{{"
    _, has_begun, errors = done.stderr.partition(begin)
    if not has_begun:
        return None
    return Finished(code=done.code, stdout=done.stdout.partition(begin.encode())[2], stderr=errors.strip())
