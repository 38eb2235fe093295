"""Writes the frozen character tables of the tokenizer as an ES module, from the Java source that holds them.

    python docs/web-demo/make_tables.py          writes js/unicode-tables.js
    python docs/web-demo/make_tables.py --check  only says whether it is up to date

Where the tables come from is the business of export/apk/unicode_tables.py. Taking them from its output,
letter by letter, leaves no second way in which they could be read off the library differently.
"""  # noqa: INP001 - a script, not a package

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SOURCE = REPOSITORY / "android-demo/core/src/main/java/io/edgebert/core/UnicodeTables.java"
TARGET = Path(__file__).with_name("js") / "unicode-tables.js"

_CONSTANT = re.compile(r"/\*\* (?P<words>[^\n]*) \*/\n +static final String (?P<name>\w+) =\s(?P<value>[^;]*);")
_LITERAL = re.compile(r'"([^"\\]*)"')


def javascript_source(java: str) -> str:
    """Return the ES module that has the same constants as the Java source."""
    head = (
        "/*\n"
        " * The character tables of the Hugging Face tokenizers library, frozen. Made by make_tables.py; not to be\n"
        " * edited.\n"
        " *\n"
        " * All numbers are in base 36. A range is `gap` or `gap:length`, with the gap from the end of the range\n"
        " * before; an entry of a map is `gap=value` or `gap=value+value`, with the gap from the key before.\n"
        " */\n"
    )
    parts = [head]
    for match in _CONSTANT.finditer(java):
        lines = _LITERAL.findall(match["value"])
        value = f' "{lines[0]}"' if len(lines) == 1 else "".join(f'\n  {_joint(i)}"{x}"' for i, x in enumerate(lines))
        parts.append(f"/** {match['words']} */\nexport const {match['name']} ={value};\n")
    return "\n".join(parts)


def _joint(index: int) -> str:
    return "+ " if index else ""


def main(arguments: list[str]) -> int:
    """Write the module, or compare with it; return the exit code."""
    parser = argparse.ArgumentParser(description="Write the tokenizer's character tables as an ES module.")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the file is out of date")
    options = parser.parse_args(arguments)
    made = javascript_source(SOURCE.read_text(encoding="utf-8"))
    current = TARGET.is_file() and TARGET.read_text(encoding="utf-8") == made
    if options.check:
        sys.stdout.write(f"{TARGET.name} is {'up to date' if current else 'out of date'}\n")
        return 0 if current else 1
    if not current:
        TARGET.write_text(made, encoding="utf-8")
    sys.stdout.write(f"{TARGET.name}: {len(made)} bytes, {'unchanged' if current else 'written'}\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
