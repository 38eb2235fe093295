"""Sentences of CoNLL files: a word and its tag a line, and blank lines between the sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from edgebert.datafiles.sources import Found, Source, Wanted
from edgebert.datafiles.tags import OUTSIDE, PREFIXED, Tagged, joined, resolve
from edgebert.errors import DataError
from edgebert.printable import shown
from edgebert.records import LONGEST, bare_lines

_DOCUMENT = "-DOCSTART-"  # what CoNLL-2003 has between documents


class _Layout(NamedTuple):
    """How the lines of a CoNLL file are split; ``line`` is the first line with a word."""

    separator: str
    width: int
    line: int


def read_conll(source: Source, wanted: Wanted) -> Found:
    """Return the sentences of a file with a word and its tag a line, and blank lines between the sentences.

    Columns are separated by tabs where the first word's line has one, else by blanks. They are named by their numbers,
    from 1 on, or from -1 backwards; by default the word is in the first, the tag in the last.

    Raises:
        DataError: A line cannot be used, or a tag is unknown.
    """
    layout = _layout(source)
    if layout.width == 1:
        raise DataError(
            f"{source.name}: line {layout.line}: only one column, where a word and its tag are needed",
            hint="write one word and its tag a line, separated by a tab",
        )
    word_at = _column(wanted.text or "1", layout, source)
    tag_at = _column(wanted.answer or "-1", layout, source)
    if word_at == tag_at:
        raise DataError(f"{source.name}: column {word_at + 1} cannot be both the words and the tags")
    found = _sentences(source, layout, word_at, tag_at)
    return resolve(found, wanted, source, lambda line, index: f"line {line + index}, column {tag_at + 1}")


def is_conll(source: Source, *, lines: int = 1000) -> bool:
    """Return whether the first lines of a file have as many columns each, the last a tag, and one is not outside."""
    layout, tags = None, set[str]()
    for number, line in bare_lines(source.lines(), source.name):
        if number > lines:
            break
        if line.strip(" \t") and not _is_document(line):
            layout = layout or _split(line, number)
            cells = _cells(line, layout)
            tags.add(cells[-1])
            if len(cells) != layout.width or layout.width < 2:
                return False
            if cells[-1] != OUTSIDE and not PREFIXED.fullmatch(cells[-1]):
                return False
    return len(tags) > 1


def _sentences(source: Source, layout: _Layout, word_at: int, tag_at: int) -> Iterator[Tagged]:
    tokens, tags, start, last, size = list[str](), list[str](), 0, 0, 0
    for number, line in bare_lines(source.lines(), source.name):
        if tokens and (number != last + 1 or not line.strip(" \t") or _is_document(line)):
            yield joined(tokens, tags, start)
            tokens, tags, size = [], [], 0
        if not line.strip(" \t") or _is_document(line):
            continue
        cells = _cells(line, layout)
        where = f"{source.name}: line {number}"
        if len(cells) != layout.width:
            raise _uneven(cells, layout, where)
        for at, what in ((word_at, "word"), (tag_at, "tag")):
            if not cells[at].strip(" "):
                raise DataError(f"{where}, column {at + 1}: the {what} is empty", hint="fill it in or delete this line")
        start = start if tokens else number
        last, size = number, size + len(cells[word_at]) + 1
        if size > LONGEST:
            raise DataError(
                f"{source.name}: line {start}: the sentence that starts here is longer than {LONGEST:,} characters",
                hint="put an empty line behind each sentence",
            )
        tokens.append(cells[word_at])
        tags.append(cells[tag_at].strip())
    if tokens:
        yield joined(tokens, tags, start)


def _layout(source: Source) -> _Layout:
    for number, line in bare_lines(source.lines(), source.name):
        if line.strip(" \t") and not _is_document(line):
            return _split(line, number)
    raise DataError(f"{source.name}: the file is empty", hint="each line is a word and its tag, separated by a tab")


def _split(line: str, number: int) -> _Layout:
    layout = _Layout("\t" if "\t" in line else " ", 0, number)
    return layout._replace(width=len(_cells(line, layout)))


def _cells(line: str, layout: _Layout) -> list[str]:
    cells = line.split(layout.separator)
    return cells if layout.separator == "\t" else [cell for cell in cells if cell]


def _is_document(line: str) -> bool:
    return line.startswith(_DOCUMENT) and line[len(_DOCUMENT) :][:1] in ("", " ", "\t")


def _column(name: str, layout: _Layout, source: Source) -> int:
    if not re.fullmatch(r"-?[1-9][0-9]{0,5}", name):
        raise DataError(
            f"{source.name}: no column {shown(name)}: a CoNLL file does not name its columns",
            hint="give the number of a column, from 1 on, or from -1 backwards",
        )
    index = int(name) - 1 if int(name) > 0 else layout.width + int(name)
    if not 0 <= index < layout.width:
        raise DataError(f"{source.name}: line {layout.line}: no column {name}, there are {layout.width}")
    return index


def _uneven(cells: list[str], layout: _Layout, where: str) -> DataError:
    separator = "a tab" if layout.separator == "\t" else "blanks"
    counts = f"the line has {len(cells)} column{'s' * (len(cells) != 1)}, line {layout.line} has {layout.width}"
    hint = f"columns are separated by {separator} here, and an empty line ends a sentence"
    if len(cells) < layout.width:
        return DataError(f"{where}, column {len(cells) + 1}: missing; {counts}", hint=hint)
    extra = cells[layout.width]
    return DataError(f"{where}, column {layout.width + 1}: {shown(extra)} is one too many; {counts}", hint=hint)
