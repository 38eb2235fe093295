"""Data files for tests of reading them: any content under any name, and how it is refused."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest

from edgebert.data import read_dataset
from edgebert.errors import DataError

LABELS = ("negative", "positive")


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    raw = content if isinstance(content, bytes) else content.encode()
    path.write_bytes(gzip.compress(raw, mtime=0) if name.endswith(".gz") else raw)
    return path


def separated(name: str, table: str) -> str:
    """Return a table written with commas as a file of this name has it."""
    return table.replace(",", "\t") if "tsv" in name.lower() else table


def refusal(path: Path, *, labels: tuple[str, ...] | None = LABELS, **columns: str) -> DataError:
    with pytest.raises(DataError) as caught:
        read_dataset(path, labels=labels, **columns)
    assert "\n" not in caught.value.message
    return caught.value
