"""The one place that turns lists of arguments into lines for a shell: POSIX sh, as on boards and phones."""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping, Sequence

from edgebert.device.device import NOTHING
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


def remote_command(argv: Sequence[str], *, environment: Mapping[str, str] = NOTHING, folder: str) -> str:
    """Return the line that runs ``argv`` in ``folder`` with ``environment`` added, every text arriving as it is.

    Args:
        argv: Program and arguments; the program does not begin with a hyphen.
        environment: Variables to add.
        folder: Absolute path on the device.

    Raises:
        UsageError: A text holds a NUL byte, which no program can be given, or a variable has no valid name.
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
