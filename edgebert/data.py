"""Labelled texts, and training texts whose labels are optional, as the rows of ``tables`` name them.

A label in a file is the name of a label or its id, counted from 0. Where a label's name is itself a whole number (as in
star ratings), labels are read as names only, because an id would be ambiguous. Blanks around a label do not count, nor
does the ``.0`` that pandas writes behind a number.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType

from edgebert.arguments import expect, path_of, strings_of
from edgebert.errors import DataError, UsageError
from edgebert.examples import Example
from edgebert.printable import shown
from edgebert.tables import PLAIN, Columns, Table, read_table, suffix

TEXT_COLUMNS = ("text", "sentence")
"""Columns that hold the text when none is named: the first that exists."""

LABEL_COLUMN = "label"
"""Column that holds the label when none is named."""

# One spelling for each number, so that '01' and '1' cannot both be the id 1; longer ones are no ids anybody has.
_WHOLE_NUMBER = re.compile(r"0|-?[1-9][0-9]{0,17}")

_NO_LABEL = "-1"
"""What GLUE writes where the label of a text is not public."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The labelled texts of one file.

    Attributes:
        name: Name of the file, without its folder.
        sha256: Hash of the file's bytes as they are stored (gzipped, if it is), 64 hex digits.
        labels: Names of the labels; an example's ``gold`` has indices into them.
        examples: The texts in the order of the file.
        by_id: Whether labels in the file were ids, and the names were given.
    """

    name: str
    sha256: str
    labels: tuple[str, ...]
    examples: tuple[Example, ...]
    by_id: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTexts:
    """The texts of one file that a model may learn from, with or without labels.

    Attributes:
        name: Name of the file, without its folder.
        sha256: Hash of the file's bytes as they are stored (gzipped, if it is), 64 hex digits.
        examples: The texts in the order of the file, all of them with a right answer or none.
    """

    name: str
    sha256: str
    examples: tuple[Example, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text, one after another."""
        return tuple(text for example in self.examples for text in example.texts)

    @property
    def labels(self) -> tuple[int, ...] | None:
        """Label of each text, an index into the model's labels; ``None`` where the file has none."""
        gold = [example.gold for example in self.examples]
        return None if None in gold else tuple(int(answer[0]) for answer in gold if answer)


def read_dataset(
    path: str | Path,
    *,
    labels: Sequence[str] | None = None,
    text_column: str | None = None,
    label_column: str | None = None,
) -> Dataset:
    """Return the labelled texts of a file.

    Args:
        path: A file with the suffix .csv, .tsv or .jsonl, optionally followed by .gz, in UTF-8.
        labels: Names of the model's labels; ``None`` takes them from the file: whole numbers have to be the ids 0 to
            k-1 and stay in numeric order, anything else is sorted as text.
        text_column: Column (key of a JSON object) with the text; by default ``text``, else ``sentence``.
        label_column: Column (key of a JSON object) with the label; by default ``label``.

    Raises:
        DataError: The file is missing, is of another format or is damaged, or a line of it cannot be used.
    """
    path, given = _checked(path, labels, text_column, label_column)
    table = read_table(path, _columns(path, text_column, label_column, optional=False), plain=False)
    names = _infer_labels(table) if given is None else given
    examples = tuple(
        Example(texts=(row.text,), gold=(label,), line=row.line)
        for row, label in zip(table.rows, _label_ids(table, names), strict=True)
    )
    found = {row.label.strip() for row in table.rows}
    by_id = given is not None and not all(label in names or _whole(label) in names for label in found)
    return Dataset(name=path.name, sha256=table.sha256, labels=names, examples=examples, by_id=by_id)


def read_training(
    path: str | Path,
    *,
    labels: Sequence[str] | None,
    text_column: str | None = None,
    label_column: str | None = None,
) -> TrainingTexts:
    """Return the texts of a file to train on, and their labels where it has them.

    Args:
        path: A file as for ``read_dataset``, with or without a label column, or a .txt with one text a line, optionally
            followed by .gz, in UTF-8. Blank lines of a .txt are skipped.
        labels: Names of the model's labels; ``None`` reads the texts alone.
        text_column: Column (key of a JSON object) with the text; by default ``text``, else ``sentence``.
        label_column: Column (key of a JSON object) with the label, which then has to be there; by default ``label``,
            where that exists.

    Raises:
        DataError: The file is missing, is of another format or is damaged, a line of it cannot be used, its labels are
            not those of the model, or a column of a .txt is asked for.
    """
    path, given = _checked(path, labels, text_column, label_column)
    if suffix(path) == PLAIN and (named := text_column or label_column):
        raise DataError(
            f"{path}: no column {named!r}: a {PLAIN} file holds one text a line and no columns",
            hint="leave --text-column and --label-column out",
        )
    table = read_table(path, _columns(path, text_column, label_column, optional=label_column is None), plain=True)
    is_labelled = given is not None and table.rows[0].label
    gold = [(label,) for label in _label_ids(table, given or ())] if is_labelled else [None] * len(table.rows)
    return TrainingTexts(
        name=path.name,
        sha256=table.sha256,
        examples=tuple(
            Example(texts=(row.text,), gold=answer, line=row.line) for row, answer in zip(table.rows, gold, strict=True)
        ),
    )


def training_texts(dataset: Dataset) -> TrainingTexts:
    """Return the texts of a dataset and their labels."""
    return TrainingTexts(name=dataset.name, sha256=dataset.sha256, examples=dataset.examples)


def check_labels(data: Dataset, labels: tuple[str, ...]) -> None:
    """Refuse data with other labels than the model's, or with the same in another order.

    Raises:
        DataError: They differ.
    """
    if data.labels != labels:
        raise DataError(
            f"{data.name}: its labels are {', '.join(data.labels)}, the model's are {', '.join(labels)}",
            hint="read the file with read_dataset(..., labels=the model's)",
        )


def _checked(
    path: str | Path, labels: Sequence[str] | None, text_column: str | None, label_column: str | None
) -> tuple[Path, tuple[str, ...] | None]:
    expect("text_column", text_column, str, NoneType)
    expect("label_column", label_column, str, NoneType)
    given = None if labels is None else strings_of("labels", labels)
    if given is not None and len(set(given)) < max(len(given), 1):
        raise UsageError(f"labels is {shown(given)}, expected names that differ, one at least")
    return path_of("path", path), given


def _columns(path: Path, text_column: str | None, label_column: str | None, *, optional: bool) -> Columns:
    if text_column is not None and text_column == (label_column or LABEL_COLUMN):
        raise DataError(
            f"{path}: column {text_column!r} cannot be both the text and the label",
            hint="choose two columns with --text-column and --label-column",
        )
    return Columns(
        text=TEXT_COLUMNS if text_column is None else (text_column,),
        label=label_column or LABEL_COLUMN,
        optional=optional,
    )


def _infer_labels(table: Table) -> tuple[str, ...]:
    first_lines: dict[str, int] = {}
    for row in table.rows:
        first_lines.setdefault(row.label.strip(), row.line)
    # Only where all of them are numbers: 1.0 beside 1.5 is a name.
    if all(_WHOLE_NUMBER.fullmatch(_whole(label)) for label in first_lines):
        lines, first_lines = first_lines, {}
        for label, line in lines.items():
            first_lines.setdefault(_whole(label), line)
    if _NO_LABEL in first_lines:
        raise _no_label(table, first_lines[_NO_LABEL])
    where = f"{table.source}: {table.place}"
    if len(first_lines) == 1:
        raise DataError(
            f"{where}: every example has the label {shown(table.rows[0].label)}, at least two labels are needed"
        )
    if not all(map(_WHOLE_NUMBER.fullmatch, first_lines)):
        return tuple(sorted(first_lines))
    ids = sorted(map(int, first_lines))
    hint = f"number the {len(ids)} labels from 0 to {len(ids) - 1}, or write their names"
    if ids[0] < 0:
        line = first_lines[str(ids[0])]
        raise DataError(f"{table.source}: line {line}, {table.place}: the id {ids[0]} is negative", hint=hint)
    if ids[-1] != len(ids) - 1:
        missing = min(set(range(len(ids))) - set(ids))
        line = first_lines[str(ids[-1])]
        raise DataError(f"{where}: ids go up to {ids[-1]} (line {line}), but the id {missing} is missing", hint=hint)
    return tuple(map(str, ids))


def _label_ids(table: Table, labels: tuple[str, ...]) -> Iterator[int]:
    """Yield the id of each row's label, which is written as a name or, where no name is a number, as an id."""
    ids = {name: index for index, name in enumerate(labels)}
    if not any(map(_WHOLE_NUMBER.fullmatch, labels)):
        ids |= {str(index): index for index in range(len(labels))}
    for row in table.rows:
        bare = row.label.strip()
        spelling = next((item for item in (row.label, bare, _whole(bare)) if item in ids), None)
        if spelling is not None:
            yield ids[spelling]
        elif _whole(bare) == _NO_LABEL:
            raise _no_label(table, row.line)
        else:
            more = f" and {len(labels) - 10} more" if len(labels) > 10 else ""
            raise DataError(
                f"{table.source}: line {row.line}, {table.place}: unknown label {shown(row.label)}",
                hint=f"the model's labels are {', '.join(labels[:10])}{more}",
            )


def _whole(label: str) -> str:
    """Return a label without the ``.0`` at its end."""
    return re.sub(r"\.0+$", "", label)


def _no_label(table: Table, line: int) -> DataError:
    return DataError(
        f"{table.source}: line {line}, {table.place}: the label is -1, which means 'no label' in GLUE's test sets",
        hint="use the development set, or delete the rows without a label",
    )
