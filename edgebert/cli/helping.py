"""The help of a command, made from its signature and docstring: for the terminal, and as values for the reference."""

from __future__ import annotations

import os
import re
import shutil
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

WIDEST = 100
"""Columns of a help text at most: longer lines are hard to read."""

_NAMES = 28  # columns of the names of options; a longer name has a line of its own
_LONGEST = 50  # characters of choices beside the name of an option; more follow its meaning
_VALUES = {Path: "PATH", int: "N", float: "NUMBER"}
_LINK = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<target>[^)]+)\)")


def names_of(option: Any) -> str:
    """Return the names of an option as the help lists them, a short one first: ``-o, --out``."""
    return ", ".join(sorted((*option.opts, *option.secondary_opts), key=lambda name: name.startswith("--")))


def value_of(parameter: Any) -> str:
    """Return what stands for the value of an argument or option, e.g. ``[onnx|tflite]``; empty for a flag."""
    if getattr(parameter, "is_flag", False):
        return ""
    if parameter.metavar is not None:
        return str(parameter.metavar)
    if parameter.param_type_name == "argument":
        return str(parameter.name).upper()
    if choices := choices_of(parameter):
        return _bracketed(choices) if len(_bracketed(choices)) <= _LONGEST else str(parameter.name).upper()
    return _VALUES.get(parameter.type_descriptor.annotation, "TEXT")


def choices_of(parameter: Any) -> tuple[str, ...]:
    """Return the words that an option may have as its value, or as one of its values; none if it may be any."""
    kind = parameter.type_descriptor
    return tuple(map(str, kind.choices or getattr(kind.parameter_info, "choices", ())))


def default_of(parameter: Any) -> str:
    """Return the default in words, with its unit; empty where there is none."""
    if isinstance(parameter.show_default, str):
        return parameter.show_default
    value = parameter.default
    if value is None or callable(value) or isinstance(value, bool):
        return (parameter.secondary_opts if value is False else parameter.opts)[0] if _has_opposite(parameter) else ""
    unit = getattr(parameter.type_descriptor.parameter_info, "unit", "")
    return f"{value:g}{unit and f' {unit}'}" if isinstance(value, float) else f"{value}{unit and f' {unit}'}"


def facts_of(parameter: Any) -> list[str]:
    """Return what is to be known of a parameter beside its meaning: required, repeatable, its default."""
    facts = ["required"] if parameter.required else []
    choices = choices_of(parameter)
    if choices and value_of(parameter) != _bracketed(choices):
        facts.append(f"one of {', '.join(choices)}")
    if default := default_of(parameter):
        facts.append(f"default: {default}")
    if getattr(parameter, "multiple", False):
        commas = getattr(parameter.type_descriptor.parameter_info, "commas", False)
        facts.append("repeatable, commas allowed" if commas else "repeatable")
    return facts


def usage(command: Any, path: str) -> str:
    """Return the line that shows how a command is called, with what it requires."""
    words = [path]
    for item in command.params:
        if item.param_type_name == "argument":
            shown = f"{value_of(item)}{'...' if item.nargs == -1 and not value_of(item).endswith('...') else ''}"
            words.append(shown if item.required else f"[{shown}]")
    words += [f"{item.opts[0]} {value_of(item)}" for item in command.params if _is_option(item) and item.required]
    return " ".join([*words, "[OPTIONS]" if not hasattr(command, "commands") else "COMMAND [OPTIONS]"])


def examples(command: Any) -> list[str]:
    """Return the command lines that show the use of a command."""
    return str(command.epilog or "").splitlines()


def help_text(command: Any, context: Any) -> str:
    """Return the help of a command or a group of commands for the terminal."""
    width = min(shutil.get_terminal_size().columns, WIDEST)
    path = context.command_path
    own = [item for item in command.params if not item.hidden]
    arguments = [item for item in own if item.param_type_name == "argument"]
    parts = [textwrap.fill(f"Usage: {usage(command, path)}", width, subsequent_indent=" " * 7)]
    first, _, details = str(command.help or "").partition("\n\n")
    groups = topics(command)
    parts += ["", *_paragraphs(first if groups else str(command.help or ""), width)]
    rows = [(value_of(item), _meaning(item)) for item in arguments]
    parts += _section("Arguments", rows, width)
    for topic, commands in groups.items():
        parts += _section(topic, [(item.name, first_paragraph(item)) for item in commands], width)
    options = [_row(item) for item in own if _is_option(item)]
    root = context.find_root().command
    shared = [item for item in root.params if item.name in _SHARED] if root is not command else []
    common = [_row(item) for item in (*shared, command.get_help_option(context))]
    parts += _section("Options", options if shared else [*options, *common], width)
    parts += _section("Common options", common if shared else [], width)
    if groups and details:
        parts += ["", *_paragraphs(details, width)]
    if lines := examples(command):
        parts += ["", _heading("Examples"), *(f"  $ {line}" for line in lines)]
    return "\n".join(parts) + "\n"


_SHARED = ("quiet", "verbose")
"""Options of the whole program that may also be after a command."""


def topics(group: Any) -> dict[str, list[Any]]:
    """Return the commands of a group by their topic, in the order they were added; none for a command."""
    found: dict[str, list[Any]] = {}
    for command in getattr(group, "commands", {}).values():
        if not command.hidden:
            found.setdefault(getattr(command, "rich_help_panel", None) or "Commands", []).append(command)
    return found


def first_paragraph(command: Any) -> str:
    """Return the first paragraph of the help of a command, as one line."""
    return " ".join(str(command.help or "").partition("\n\n")[0].split())


def _bracketed(choices: tuple[str, ...]) -> str:
    return f"[{'|'.join(choices)}]"


def _has_opposite(parameter: Any) -> bool:
    return bool(getattr(parameter, "secondary_opts", ())) and isinstance(parameter.default, bool)


def _is_option(parameter: Any) -> bool:
    return bool(parameter.param_type_name == "option" and not parameter.hidden)


def _meaning(parameter: Any) -> str:
    facts = "; ".join(facts_of(parameter))
    return f"{parameter.help or ''}{facts and f' [{facts}]'}".strip()


def _row(option: Any) -> tuple[str, str]:
    return f"{names_of(option)} {value_of(option)}".rstrip(), _meaning(option)


def _section(title: str, rows: list[tuple[str, str]], width: int) -> list[str]:
    """Return a heading and rows of two columns; a long first cell has a line of its own."""
    if not rows:
        return []
    column = min(max(len(name) for name, _ in rows), _NAMES) + 2
    lines = ["", _heading(title)]
    for name, meaning in rows:
        wrapped = _wrapped(meaning, max(width - column - 2, 20)) or [""]
        if len(name) > column - 2:
            lines.append(f"  {name}")
            name = ""
        lines.append(f"  {name:<{column}}{wrapped[0]}".rstrip())
        lines += [f"  {'':<{column}}{line}" for line in wrapped[1:]]
    return lines


def _heading(title: str) -> str:
    is_plain = not sys.stdout.isatty() or "NO_COLOR" in os.environ or os.environ.get("TERM") == "dumb"
    return f"{title}:" if is_plain else f"\x1b[1m{title}:\x1b[0m"


def _paragraphs(text: str, width: int) -> Iterator[str]:
    """Yield the lines of a docstring: paragraphs wrapped, code blocks and tables as they are, links as their pages."""
    is_code = False
    for number, paragraph in enumerate(text.strip().split("\n\n")):
        if number:
            yield ""
        if is_code or paragraph.startswith(("```", "| ")):
            for line in paragraph.splitlines():
                if line.startswith("```"):
                    is_code = not is_code
                else:
                    yield f"    {line}"
            continue
        yield from _wrapped(_LINK.sub(_shown_link, " ".join(paragraph.split())), width)


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, width, break_on_hyphens=False)


def _shown_link(found: re.Match[str]) -> str:
    target = found["target"]
    return f"{found['text']} ({target if '://' in target else f'docs/{target}'})"
