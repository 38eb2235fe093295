"""The lines of a data file with its hash: where every reader begins, and how much memory one may fill."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from edgebert.errors import DataError
from edgebert.examples import Example
from edgebert.records import LONGEST, read_lines
from edgebert.staging import reading

LABELLED = (".csv", ".tsv", ".jsonl")
"""Suffixes of files whose rows have columns; as every suffix, each may be followed by ``.gz``."""

PLAIN = ".txt"
"""Suffix of a file with one text a line, or with one word and its tag a line."""

CONLL = (".conll", ".bio")
"""Suffixes of files with one word and its tag a line."""

SQUAD = ".json"
"""Suffix of a file in the format of SQuAD."""

ROWS_BYTES = 400_000_000
"""Most memory that the examples of a file may take: half a million texts as long as a product review."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A data file that is open.

    Attributes:
        name: Its path, or the name of a Hub data set, for messages.
        layout: Its suffix in lower case, without ``.gz``.
        sha256: Hash of its bytes as they are stored (gzipped, if it is), 64 hex digits.
        open_lines: Returns its lines from the beginning, each of so many bytes at most.
    """

    name: str
    layout: str
    sha256: str
    open_lines: Callable[[int], Iterator[str]]

    def lines(self, *, longest: int = LONGEST) -> Iterator[str]:
        """Return the lines from the beginning, each with its line break and of ``longest`` bytes at most."""
        return self.open_lines(longest)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What is asked of a reader.

    Attributes:
        labels: Names of the labels; ``None`` takes them from the file.
        text: Column (key of an object) of the text, or of the first of two; ``None`` for the usual ones.
        pair: Column of the second text; ``None`` for the usual ones.
        answer: Column of the label, the labels, the score, the tags or the answers; ``None`` for the usual ones.
        answers: Whether the answers are read.
        optional: Whether a file may lack answers, for all of its examples.
        exact: Whether answers whose place is not certain (``offset_exact`` is false) are left out.
    """

    labels: tuple[str, ...] | None = None
    text: str | None = None
    pair: str | None = None
    answer: str | None = None
    answers: bool = True
    optional: bool = False
    exact: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a reader has found.

    Attributes:
        examples: The examples in the order of the file, one at least.
        labels: Names of the labels; empty for a task without labels.
        by_id: Whether labels were ids, and the names were given.
        notes: What a person should know about the file, a sentence each.
    """

    examples: tuple[Example, ...]
    labels: tuple[str, ...] = ()
    by_id: bool = False
    notes: tuple[str, ...] = ()


@dataclass(slots=True)
class Budget:
    """The memory that the examples of a file may still take."""

    source: str
    left: int = field(default_factory=lambda: ROWS_BYTES)

    def take(self, size: int, line: int) -> None:
        """Count so many bytes.

        Raises:
            DataError: They are too many.
        """
        self.left -= size
        if self.left < 0:
            raise DataError(
                f"{self.source}: line {line}: the texts up to here take more than {ROWS_BYTES:,} bytes of memory",
                hint="take a sample of the lines",
            )


@contextmanager
def open_source(path: Path, known: Sequence[str]) -> Iterator[Source]:
    """Open a data file for the duration of a block.

    Args:
        path: The file.
        known: Suffixes that it may have; each may be followed by ``.gz``.

    Raises:
        DataError: The file is missing, is of another format or cannot be read.
    """
    with reading(path, error=DataError):
        layout, packed = _layout(path, known)
        with path.open("rb") as stored:
            sha256 = hashlib.file_digest(stored, "sha256").hexdigest()

            def open_lines(longest: int) -> Iterator[str]:
                stored.seek(0)
                return read_lines(stored, source=str(path), packed=packed, longest=longest)

            yield Source(name=str(path), layout=layout, sha256=sha256, open_lines=open_lines)


def suffix(path: Path) -> str:
    """Return the lower-cased suffix of a file's name, the one before ``.gz``; empty where there is none."""
    return Path(path.name.lower().removesuffix(".gz")).suffix


def unknown_format(path: Path, known: Sequence[str]) -> DataError:
    """Return the error for a file whose name has none of the suffixes that are known."""
    layout = suffix(path)
    packed = path.name.lower().endswith(".gz")
    found = repr(layout + ".gz" * packed) if layout or packed else "without a suffix"
    unlabelled = "; a .txt has no labels, so that only training texts can come from one"
    return DataError(
        f"{path}: unknown format {found}",
        hint=f"known formats: {', '.join(known)}, each optionally followed by .gz"
        f"{unlabelled if layout == PLAIN else ''}",
    )


def _layout(path: Path, known: Sequence[str]) -> tuple[str, bool]:
    if path.is_dir():
        raise DataError(f"{path}: is a folder, not a data file")
    if not path.exists():
        raise DataError(f"{path}: no such file")
    if not path.is_file():
        raise DataError(f"{path}: not a regular file", hint="write its content to a file first")
    packed = path.name.lower().endswith(".gz")
    layout = suffix(path)
    if layout not in known:
        raise unknown_format(path, known)
    return layout, packed
