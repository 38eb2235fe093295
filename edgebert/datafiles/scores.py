"""Texts with a number each, and pairs of texts with the number that says how similar they are."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

from edgebert.datafiles.labels import TEXT_COLUMNS, text_columns, unlabelled
from edgebert.datafiles.sources import Found, Source, Wanted
from edgebert.datafiles.tables import Columns, Table, column_names, read_table
from edgebert.errors import DataError
from edgebert.examples import Example
from edgebert.printable import shown

SCORE_COLUMNS = ("score", "label")
"""Columns that hold the number when none is named: the first that exists."""

PAIR_COLUMNS = ("sentence1", "text_a"), ("sentence2", "text_b")
"""Columns that hold the two texts of a pair when none is named: of each the first that exists."""

_NUMBER = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")


def read_score(source: Source, wanted: Wanted) -> Found:
    """Return the texts of a file with a number each.

    Raises:
        DataError: A line of the file cannot be used, or has no finite number.
    """
    return _scored(read_table(source, _columns(wanted, (text_columns(wanted),), optional=wanted.optional)), wanted)


def read_pairs(source: Source, wanted: Wanted) -> Found:
    """Return pairs of texts with a number each, or texts alone, as a file has them; a pair may lack the number.

    Raises:
        DataError: A line of the file cannot be used, or a number is not finite.
    """
    found = column_names(source)
    usual = PAIR_COLUMNS[0] if wanted.pair is None else (*PAIR_COLUMNS[0], *TEXT_COLUMNS)
    firsts = usual if wanted.text is None else (wanted.text,)
    seconds = PAIR_COLUMNS[1] if wanted.pair is None else (wanted.pair,)
    is_pair = wanted.pair is not None or has_pair(found, firsts)
    texts = (firsts, seconds) if is_pair else (text_columns(wanted),)
    optional = wanted.answer is None or wanted.optional
    return _scored(read_table(source, _columns(wanted, texts, optional=optional)), wanted)


def has_pair(found: Sequence[str], firsts: Sequence[str] = PAIR_COLUMNS[0]) -> bool:
    """Return whether a file with these columns has pairs of texts."""
    return any(name in found for name in firsts) and any(name in found for name in PAIR_COLUMNS[1])


def number_of(cell: str) -> float | None:
    """Return the finite number that a cell holds; ``None`` where it holds none."""
    bare = cell.strip()
    number = float(bare) if _NUMBER.fullmatch(bare) else math.inf
    return number if math.isfinite(number) else None


def _columns(wanted: Wanted, texts: tuple[tuple[str, ...], ...], *, optional: bool) -> Columns:
    answer = SCORE_COLUMNS if wanted.answer is None else (wanted.answer,)
    return Columns(texts=texts, answer=answer, kind="score", optional=optional)


def _scored(table: Table, wanted: Wanted) -> Found:
    if not wanted.answers or not table.place:
        return unlabelled(table)
    examples = []
    for row in table.rows:
        number = number_of(row.answer)
        if number is None:
            raise DataError(
                f"{table.source}: line {row.line}, {table.place}: {shown(row.answer)} is not a finite number",
                hint="write it with a decimal point, e.g. 2.5",
            )
        examples.append(Example(texts=row.texts, gold=(number,), line=row.line))
    numbers = {example.gold for example in examples}
    same = f"every example has the score {shown(table.rows[0].answer)}, so that it shows no order"
    return Found(examples=tuple(examples), notes=(same,) if len(numbers) == 1 < len(examples) else ())
