"""Text from elsewhere made safe to show: labels, texts, and the names of files, devices and sensors.

Whatever shows a text passes it through this module where the text leaves the program: a terminal, the log of a CI
service, JSON, XML, HTML, Markdown, CSV or a picture. A text stays on one line, and what a reader cannot see is an
escape that can be seen.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence

MANY = 10
"""Names that ``listed`` shows in full."""

_JOINERS = "\u200c\u200d"
"""Persian and Indic words and many emoji are not right without them; alone they do nothing."""

# GitHub takes a line that begins with two colons for a command, GitHub and Azure also what follows ##[ or ##vso[.
_COMMAND = re.compile(r"^(?P<blank>\s*):(?=:)|#(?=#[a-z]*\[)", re.IGNORECASE)
_MARKDOWN = re.compile(r"[\\`*_\[\]<>|~#&!@$]|:(?=//)|(?<=www)\.")
_BLOCK = re.compile(r"^(\s*\d*)([-+.)])(?=\s)")


class Markdown(str):
    """Text that is Markdown already, e.g. code."""

    __slots__ = ()


def printable(text: str) -> str:
    """Return a text on one line: a blank of another kind becomes a space, else what is not printable an escape."""
    return text if text.isprintable() else "".join(map(_visible, text))


def shown(value: object) -> str:
    """Return a value as messages show it: its representation, cut off after 60 characters."""
    # A long text is cut first: its representation may be ten times its length.
    text = repr(value[:60] if isinstance(value, str) else value)
    return text if len(text) <= 60 and not (isinstance(value, str) and len(value) > 60) else text[:57] + "..."


def listed(names: Sequence[str]) -> str:
    """Return names in one line; of more than ``MANY``, their number and the first five."""
    if len(names) <= MANY:
        return ", ".join(names)
    return f"{len(names)}: {', '.join(names[:5])} and {len(names) - 5} more"


def log_line(text: str) -> str:
    """Return a text as one line of a terminal or log, which no CI service takes for a command."""
    return without_command(printable(text))


def without_command(line: str) -> str:
    """Return a line which no CI service takes for a command."""
    return _COMMAND.sub(_escaped_command, line)


def json_lines(text: str) -> str:
    """Return a JSON document, equal in meaning, without letters that steer a terminal or a CI service."""
    safe = "".join(letter if letter == "\n" or _is_shown(letter) else _json_escape(letter) for letter in text)
    return re.sub(r"#(?=#[a-z]*\[)", r"\\u0023", safe, flags=re.IGNORECASE)


def markdown(text: str) -> str:
    """Return a text that Markdown shows as it is, also in a cell of a table and at the beginning of a line."""
    return _BLOCK.sub(r"\1\\\2", _MARKDOWN.sub(r"\\\g<0>", printable(text)))


def markdown_code(text: str) -> Markdown:
    """Return a text as code in Markdown, whatever backticks it has."""
    line = printable(text)
    fence = "`" * (max((len(run) for run in re.findall("`+", line)), default=0) + 1)
    blank = " " if not line or line[0] in "` " or line[-1] in "` " else ""
    return Markdown(f"{fence}{blank}{line}{blank}{fence}")


def markdown_table(columns: Sequence[str], rows: Iterable[Sequence[str]], *, right: Collection[int] = ()) -> str:
    """Return a table in Markdown, without a line break at its end.

    Args:
        columns: Headers.
        rows: Cells, as many in each row as there are headers. Of ``Markdown``, only the bars are escaped.
        right: Indexes of the columns that are aligned on the right.
    """
    lines = [map(_cell, columns), ("---:" if index in right else "---" for index in range(len(columns)))]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (*lines, *(map(_cell, row) for row in rows)))


def _cell(text: str) -> str:
    return text.replace("|", r"\|") if isinstance(text, Markdown) else markdown(text)


def _is_shown(letter: str) -> bool:
    return letter.isprintable() or letter in _JOINERS


def _visible(letter: str) -> str:
    if _is_shown(letter):
        return letter
    return " " if unicodedata.category(letter) == "Zs" else letter.encode("unicode_escape").decode("ascii")


def _json_escape(letter: str) -> str:
    units = letter.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _escaped_command(found: re.Match[str]) -> str:
    blank = found["blank"]
    return r"\x23" if blank is None else rf"{blank}\x3a"
