"""Data sets of the Hub, ``hub:NAME[:CONFIG]#SPLIT``, as JSON lines: one for each row, in the order of the split."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import NoneType
from typing import Any

from edgebert.arguments import expect
from edgebert.datafiles.sources import Source, Wanted, open_source
from edgebert.errors import DataError, MissingExtraError
from edgebert.printable import printable

_REFERENCE = re.compile(r"hub:(?P<name>[^:#]+)(:(?P<config>[^:#]+))?#(?P<split>[^:#]+)")


def is_hub(reference: str) -> bool:
    """Return whether a path names a data set of the Hub."""
    return reference.startswith("hub:")


@contextmanager
def open_data(path: Path, wanted: Wanted, known: Sequence[str]) -> Iterator[Source]:
    """Open a data file, or a data set of the Hub.

    Args:
        path: The file, or what ``is_hub`` accepts.
        wanted: Columns that are asked for.
        known: Formats that can be read, by their suffixes.

    Raises:
        DataError: It cannot be opened.
        UsageError: A column is no string.
    """
    columns = {"text_column": wanted.text, "pair_column": wanted.pair, "label_column": wanted.answer}
    for name, value in columns.items():
        expect(name, value, str, NoneType)
    if is_hub(str(path)):
        yield open_hub(str(path))
    else:
        with open_source(path, known) as source:
            yield source


def open_hub(reference: str) -> Source:
    """Load a split of a data set. Ids whose names the data set knows are written as names.

    Args:
        reference: ``hub:NAME[:CONFIG]#SPLIT``, as in ``hub:nyu-mll/glue:sst2#validation``.

    Raises:
        DataError: The reference is none, or the data set cannot be loaded.
        MissingExtraError: The package ``datasets`` is not installed.
    """
    match = _REFERENCE.fullmatch(reference)
    if match is None:
        raise DataError(
            f"{reference}: not a data set of the Hub",
            hint="write hub:NAME#SPLIT or hub:NAME:CONFIG#SPLIT, e.g. hub:nyu-mll/glue:sst2#validation",
        )
    rows = _load(reference, match["name"], match["config"], match["split"])
    names = {column: found for column, feature in rows.features.items() if (found := _names(feature))}

    def open_lines(longest: int) -> Iterator[str]:
        for number, row in enumerate(rows, 1):
            line = json.dumps(_named(row, names), ensure_ascii=False, default=str) + "\n"
            if len(line.encode("utf-8", "surrogatepass")) > longest:
                raise DataError(f"{reference}: row {number}: longer than {longest:,} bytes", hint="leave the row out")
            yield line

    digest = hashlib.sha256()
    for row in rows:
        digest.update(json.dumps(_named(row, names), default=str).encode())
    return Source(name=reference, layout=".jsonl", sha256=digest.hexdigest(), open_lines=open_lines)


def _load(reference: str, name: str, config: str | None, split: str) -> Any:
    try:
        from datasets import load_dataset
    except ImportError as error:
        raise MissingExtraError("datasets", extra="train", purpose="reading a data set of the Hub") from error
    try:
        return load_dataset(name, config, split=split)
    except (OSError, ValueError, KeyError, RuntimeError) as error:  # what the package raises, by its documentation
        lines = printable(next(iter(str(error).splitlines()), "")) or type(error).__name__
        raise DataError(
            f"{reference}: cannot be loaded: {lines}",
            hint="check name, configuration, split and network",
        ) from error


def _names(feature: Any) -> list[str]:
    """Return the names of a column's ids, which are one a row or a list a row; empty where it has none."""
    return list(getattr(feature, "names", None) or getattr(getattr(feature, "feature", None), "names", None) or ())


def _named(row: Mapping[str, object], names: Mapping[str, list[str]]) -> dict[str, object]:
    return {column: _name(value, names[column]) if column in names else value for column, value in row.items()}


def _name(value: object, names: list[str]) -> object:
    if isinstance(value, list):
        return [_name(item, names) for item in value]
    # -1 means no label, which the reader of labels refuses.
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else value
