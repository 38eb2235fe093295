#!/usr/bin/env python3
"""Writes ``docs/cli.md`` from the help of the commands: ``python docs/generate.py``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer import Context
from typer.main import get_command

from edgebert.cli import helping
from edgebert.cli.app import app
from edgebert.printable import Markdown, markdown_table

REFERENCE = Path(__file__).with_name("cli.md")


def cli_reference() -> str:
    """Return the text that ``docs/cli.md`` should have."""
    group: Any = get_command(app)
    lines = ["# Command line", "", *_text(group), ""]
    for topic, commands in helping.topics(group).items():
        rows = [
            (f"[`{name}`](#{name.replace(' ', '-')})", helping.first_paragraph(command))
            for name, command in _leaves(commands)
        ]
        lines += [f"**{topic}**", "", _table(("command", "what it does"), rows), ""]
    lines += ["Options of `edgebert` itself; `--quiet`, `--verbose` and `--help` may also be after a command:", ""]
    shared = group.get_help_option(Context(group, **group.context_settings))
    lines.append(_options([item for item in (*group.params, shared) if not item.hidden]))
    for commands in helping.topics(group).values():
        for name, command in _leaves(commands):
            lines += ["", *_command(name, command)]
    return "\n".join(lines) + "\n"


def _leaves(commands: list[Any], words: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every command, and those of groups, by the words that call it, e.g. ``worker build``."""
    for command in commands:
        if hasattr(command, "commands"):
            yield from _leaves(list(command.commands.values()), f"{words}{command.name} ")
        else:
            yield f"{words}{command.name}", command


def _command(name: str, command: Any) -> Iterator[str]:
    arguments = [item for item in command.params if item.param_type_name == "argument"]
    options = [item for item in command.params if item.param_type_name == "option" and not item.hidden]
    yield from (f"## {name}", "", *_text(command), "")
    yield from ("```console", f"$ {helping.usage(command, f'edgebert {name}')}", "```", "")
    if arguments:
        rows = [(f"`{helping.value_of(item)}`", item.help or "") for item in arguments]
        yield from (_table(("argument", "meaning"), rows), "")
    yield from (_options(options), "")
    yield from ("```console", *(f"$ {line}" for line in helping.examples(command)), "```")


def _options(options: list[Any]) -> str:
    rows = []
    for item in options:
        names = ", ".join(f"`{name}`" for name in helping.names_of(item).split(", "))
        value = helping.value_of(item)
        facts = "; ".join(helping.facts_of(item)).removeprefix("default: ")
        rows.append((f"{names} `{value}`" if value else names, facts, item.help or ""))
    return _table(("option", "default", "meaning"), rows)


def _text(command: Any) -> list[str]:
    """Return the docstring of a command, each paragraph on one line."""
    blocks = re.split(r"(```.*?```)", str(command.help), flags=re.DOTALL)
    lines: list[str] = []
    for block in blocks:
        parts = [block] if block.startswith("```") else [" ".join(part.split()) for part in block.split("\n\n")]
        for part in filter(None, parts):
            lines += ["", part] if lines else [part]
    return lines


def _table(columns: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    return markdown_table(columns, [list(map(Markdown, row)) for row in rows])


if __name__ == "__main__":
    REFERENCE.write_text(cli_reference(), encoding="utf-8")
