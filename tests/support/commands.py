"""The commands of the program by the words that call them, as in ``worker build``, and the form of a refusal."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import typer

from edgebert.cli.app import app

CLEAR = re.compile(r"error: [^\n]+\n(hint: [^\n]+\n)?")


def leaves(group: Any, words: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command below a group, those of its groups too."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, f"{words}{name} ")
        else:
            yield f"{words}{name}", command


GROUP: Any = typer.main.get_command(app)
COMMANDS: dict[str, Any] = dict(leaves(GROUP))
