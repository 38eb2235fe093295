"""Commands as they are added to an app: former names, lists and choices are read here, and ``~`` in paths."""

from __future__ import annotations

import contextlib
import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from edgebert.cli.helping import choices_of, help_text
from edgebert.cli.options import words
from edgebert.cli.renamed import present_options
from edgebert.errors import UsageError
from edgebert.printable import shown

_PLACES = ("base", "baseline", "model", "recipe", "target")
"""Parameters that take a path although they are strings, because they take a name as well."""


def with_home(command: Callable[..., None]) -> Callable[..., None]:
    """Return a command whose paths may begin with ``~``, which no shell replaces in ``--out=~/x``."""

    @functools.wraps(command)
    def expanded(*given: object, **named: object) -> None:
        command(*given, **{name: _expanded(name, value) for name, value in named.items()})

    return expanded


def _expanded(name: str, value: object) -> object:
    if isinstance(value, (list, tuple)):
        return [_expanded(name, item) for item in value] if value and isinstance(value[0], Path) else value
    if isinstance(value, Path) or (isinstance(value, str) and name in _PLACES and value.startswith("~")):
        with contextlib.suppress(RuntimeError):  # there is no such user: the path itself is then not found
            return type(value)(Path(value).expanduser())
    return value


class Command(TyperCommand):
    """A command that reads former names of its options, and refuses an option that is given twice for one value."""

    def make_parser(self, ctx: Any) -> Any:
        """Return the parser of the arguments, which also checks repeated options, splits lists and checks choices.

        Its ``parse_args`` raises a ``UsageError`` for an option of one value that is given twice, and for a value that
        is not one of the choices; not while a shell completes.
        """
        parser = super().make_parser(ctx)
        parse = parser.parse_args
        options = [item for item in self.params if item.param_type_name == "option"]

        def parse_args(args: list[str]) -> Any:
            values, others, order = parse(args)
            if not ctx.resilient_parsing:
                _refuse_repeated(order)
                _read_choices(options, values)
            return values, others, order

        parser.parse_args = parse_args  # type: ignore[method-assign]  # the class is typer's own
        return parser

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse the arguments as typer does, former names of options too."""
        return super().parse_args(ctx, present_options(self.name or "", args, quiet=ctx.resilient_parsing))

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        formatter.write(help_text(self, ctx))


class Group(TyperGroup):
    """A group of commands whose help lists them by topic."""

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Write the help."""
        formatter.write(help_text(self, ctx))


def _refuse_repeated(given: list[Any]) -> None:
    for item in given:
        is_harmless = item.param_type_name != "option" or getattr(item, "multiple", False)
        is_harmless |= getattr(item, "is_flag", False) and not item.secondary_opts
        if not is_harmless and given.count(item) > 1:
            raise UsageError(f"{item.opts[0]} is given {given.count(item)} times", hint="give it once")


def _read_choices(options: list[Any], values: dict[str, Any]) -> None:
    """Split lists at commas in place, and refuse a word that is not one of the choices of its option."""
    for item in options:
        given = values.get(item.name)
        if isinstance(given, list) and getattr(item.type_descriptor.parameter_info, "commas", False):
            given = values[item.name] = [word for text in given for word in words(text) or (text,)]
        if choices := choices_of(item):
            for word in [given] if isinstance(given, str) else given or ():
                if word.lower() not in choices:
                    raise UsageError(f"{item.opts[0]} is {shown(word)}", hint=f"give one of {', '.join(choices)}")
            if isinstance(given, list):
                values[item.name] = [word.lower() for word in given]


def add_commands(app: typer.Typer, *commands: tuple[Callable[..., None], str], topic: str | None = None) -> None:
    """Add commands to an app, each with lines that show its use; the order is that of the help.

    Args:
        app: The app.
        commands: Functions and the examples of each, one a line.
        topic: Heading under which the help lists them.
    """
    for command, lines in commands:
        app.command(epilog=lines, cls=Command, rich_help_panel=topic)(with_home(command))
