"""Data files of every task: examples with their right answers, and training texts whose answers are optional.

``datafiles`` has a reader for each kind of answer; this module chooses it, by the task or by the file.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import NoneType
from typing import get_args

from edgebert.arguments import expect, path_of, strings_of
from edgebert.datafiles.conll import is_conll, read_conll
from edgebert.datafiles.guess import Guess, guess_task
from edgebert.datafiles.hub import open_data
from edgebert.datafiles.labels import read_label, read_labels
from edgebert.datafiles.objects import read_objects
from edgebert.datafiles.questions import read_questions
from edgebert.datafiles.scores import read_pairs, read_score
from edgebert.datafiles.sources import CONLL, LABELLED, PLAIN, SQUAD, Found, Source, Wanted, unknown_format
from edgebert.datafiles.spans import read_spans
from edgebert.datafiles.tags import TOKEN_KEYS, read_tokens
from edgebert.errors import DataError, UsageError
from edgebert.examples import Example
from edgebert.meaning import Task
from edgebert.printable import shown

_Reader = Callable[[Source, Wanted], Found]

UNLABELLED: tuple[Task, ...] = ("text-regression", "question-answering", "feature-extraction")
"""Tasks without labels."""

_FORMATS: dict[Task | None, tuple[str, ...]] = {
    None: (*LABELLED, *CONLL, SQUAD, PLAIN),
    "text-classification": LABELLED,
    "multi-label-classification": LABELLED,
    "text-regression": LABELLED,
    "token-classification": (".jsonl", *CONLL, PLAIN),
    "question-answering": (".jsonl", SQUAD),
    "feature-extraction": (*LABELLED, PLAIN),
}

_READERS: dict[Task, _Reader] = {
    "text-classification": read_label,
    "multi-label-classification": read_labels,
    "text-regression": read_score,
    "question-answering": read_questions,
    "feature-extraction": read_pairs,
}
"""By task; of tags there are several readers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """The examples of one file and their right answers.

    Attributes:
        name: Name of the file, without its folder.
        sha256: Hash of the file's bytes as they are stored (gzipped, if it is), 64 hex digits.
        labels: Names of the labels; an example's ``gold`` has indices into them. Empty for a task without labels.
        examples: The examples in the order of the file.
        by_id: Whether labels in the file were ids, and the names were given.
        task: What the examples are for.
        notes: What a person should know about the file, a sentence each.
    """

    name: str
    sha256: str
    labels: tuple[str, ...]
    examples: tuple[Example, ...]
    by_id: bool = False
    task: Task = "text-classification"
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingTexts:
    """The texts of one file that a model may learn from, with or without right answers.

    Attributes:
        name: Name of the file, without its folder.
        sha256: Hash of the file's bytes as they are stored (gzipped, if it is), 64 hex digits.
        examples: The texts in the order of the file, all of them with a right answer or none.
        task: What the examples are for.
        notes: What a person should know about the file, a sentence each.
    """

    name: str
    sha256: str
    examples: tuple[Example, ...]
    task: Task = "text-classification"
    notes: tuple[str, ...] = ()

    @property
    def texts(self) -> tuple[str, ...]:
        """Every text, one after another."""
        return tuple(text for example in self.examples for text in example.texts)


def read_dataset(
    path: str | Path,
    *,
    task: Task | None = None,
    labels: Sequence[str] | None = None,
    text_column: str | None = None,
    pair_column: str | None = None,
    label_column: str | None = None,
    exact_offsets: bool = False,
) -> Dataset:
    """Return the examples of a file and their right answers.

    Args:
        path: A file with the suffix .csv, .tsv, .jsonl, .conll, .bio or .json (SQuAD), optionally followed by .gz, in
            UTF-8; a .txt may have a word and its tag a line. Or a data set of the Hub, ``hub:NAME[:CONFIG]#SPLIT``.
        task: What the examples are for; ``None`` tells it by the file (``task_of``).
        labels: Names of the model's labels; ``None`` takes them from the file: integers have to be the ids 0 to
            k-1 and stay in numeric order, anything else is sorted as text; of tags O is the first.
        text_column: Column (key of a JSON object) with the text, the first text of a pair, the question, or the tokens;
            by default the first that exists of ``text`` and ``sentence``, or ``sentence1`` and ``text_a``,
            ``question``, ``tokens``. In a CoNLL file the number of the column, counted from 1, by default 1.
        pair_column: Column with the second text of a pair or the context; by default ``sentence2`` or ``text_b``,
            ``context``.
        label_column: Column with the right answer; by default ``label``, ``labels``, ``score``, ``tags`` or
            ``ner_tags``, ``entities`` or ``spans``, ``answers``. In a CoNLL file the number of the column, by default
            -1, the last.
        exact_offsets: Whether questions are left out whose ``offset_exact`` is false.

    Returns:
        The examples with the numbers of their lines, and the labels.

    Raises:
        DataError: The file is missing, is of another format or is damaged, or a line of it cannot be used.

    Examples:
        >>> len(edgebert.read_dataset("dev.tsv").examples)
        872
    """
    path = path_of("path", path)
    wanted = Wanted(
        labels=_given(task, labels), text=text_column, pair=pair_column, answer=label_column, exact=exact_offsets
    )
    with open_data(path, wanted, _FORMATS[task]) as source:
        chosen = task or guess_task(source, wanted).task
        reader = _reader(source, chosen, wanted)
        if source.layout == PLAIN and reader is read_label:
            raise unknown_format(path, [layout for layout in _FORMATS[task] if layout != PLAIN])
        found = reader(source, wanted)
    return Dataset(
        name=path.name,
        sha256=source.sha256,
        labels=found.labels,
        examples=found.examples,
        by_id=found.by_id,
        task=chosen,
        notes=found.notes,
    )


def read_training(
    path: str | Path,
    *,
    task: Task | None = None,
    labels: Sequence[str] | None,
    text_column: str | None = None,
    pair_column: str | None = None,
    label_column: str | None = None,
    exact_offsets: bool = False,
) -> TrainingTexts:
    """Return the texts of a file to train on, and their right answers where it has them.

    Args:
        path: A file as for ``read_dataset``, with or without right answers, or a .txt with one text a line, optionally
            followed by .gz, in UTF-8. Blank lines of a .txt are skipped.
        task: What the examples are for; ``None`` tells it by the file.
        labels: Names of the model's labels, none for a task without labels; ``None`` reads the texts alone.
        text_column: As for ``read_dataset``.
        pair_column: As for ``read_dataset``.
        label_column: As for ``read_dataset``; where it is named, it has to be there.
        exact_offsets: Whether questions are left out whose ``offset_exact`` is false.

    Returns:
        The texts in the order of the file.

    Raises:
        DataError: The file is missing, is of another format or is damaged, a line of it cannot be used, its labels are
            not those of the model, or a column of a .txt is asked for.

    Examples:
        >>> texts = edgebert.read_training("texts.txt", labels=None)
    """
    path = path_of("path", path)
    wanted = Wanted(
        labels=_given(task, labels),
        text=text_column,
        pair=pair_column,
        answer=label_column,
        answers=labels is not None,
        optional=label_column is None,
        exact=exact_offsets,
    )
    known = _FORMATS[task] if task == "question-answering" else dict.fromkeys((*_FORMATS[task], PLAIN))
    with open_data(path, wanted, tuple(known)) as source:
        chosen = task or guess_task(source, wanted).task
        reader = _reader(source, chosen, wanted)
        if source.layout == PLAIN and reader is not read_conll and (named := text_column or label_column):
            raise DataError(
                f"{path}: no column {named!r}: a {PLAIN} file holds one text a line and no columns",
                hint="leave --text-column and --label-column out",
            )
        found = reader(source, wanted)
    return TrainingTexts(name=path.name, sha256=source.sha256, examples=found.examples, task=chosen, notes=found.notes)


def task_of(
    path: str | Path,
    *,
    text_column: str | None = None,
    pair_column: str | None = None,
    label_column: str | None = None,
) -> Guess:
    """Return the task that a file is for, and what in the file shows it.

    Args:
        path: As for ``read_dataset``, or a .txt with one text a line.
        text_column: As for ``read_dataset``.
        pair_column: As for ``read_dataset``.
        label_column: As for ``read_dataset``.

    Raises:
        DataError: The file is missing, is of another format or is damaged at its beginning.
    """
    path = path_of("path", path)
    wanted = Wanted(text=text_column, pair=pair_column, answer=label_column)
    with open_data(path, wanted, _FORMATS[None]) as source:
        return guess_task(source, wanted)


def training_texts(dataset: Dataset) -> TrainingTexts:
    """Return the texts of a dataset and their right answers."""
    return TrainingTexts(
        name=dataset.name, sha256=dataset.sha256, examples=dataset.examples, task=dataset.task, notes=dataset.notes
    )


def check_labels(data: Dataset, labels: tuple[str, ...], task: Task | None = None) -> None:
    """Refuse data for another task than the model's, with other labels, or with the same in another order.

    Args:
        data: The data.
        labels: Labels of the model.
        task: Task of the model; ``None`` compares the labels alone.

    Raises:
        DataError: They differ.
    """
    if task is not None and data.task != task:
        raise DataError(
            f"{data.name}: its task is {data.task}, the model's is {task}",
            hint=f'read the file with read_dataset(..., task="{task}")',
        )
    if data.labels != labels:
        raise DataError(
            f"{data.name}: its labels are {', '.join(data.labels)}, the model's are {', '.join(labels)}",
            hint="read the file with read_dataset(..., labels=the model's)",
        )


def _given(task: Task | None, labels: Sequence[str] | None) -> tuple[str, ...] | None:
    expect("task", task, str, NoneType)
    if task is not None and task not in get_args(Task):
        raise UsageError(f"task is {shown(task)}, not one of {', '.join(get_args(Task))}")
    if labels is None:
        return None
    given = strings_of("labels", labels)
    if task in UNLABELLED:
        if given:
            raise UsageError(f"labels is {shown(given)}, but {task} has no labels")
    elif len(set(given)) < max(len(given), 1):
        raise UsageError(f"labels is {shown(given)}, expected names that differ, one at least")
    return given


def _reader(source: Source, task: Task, wanted: Wanted) -> _Reader:
    if task != "token-classification":
        return _READERS[task]
    if source.layout == ".jsonl":
        tokens = TOKEN_KEYS if wanted.text is None else (wanted.text,)
        first = next((value for _, value in read_objects(source)), {})
        return read_tokens if any(isinstance(first.get(name), list) for name in tokens) else read_spans
    # A .txt without tags is one with a text a line, which can be trained on.
    return read_label if source.layout == PLAIN and wanted.optional and not is_conll(source) else read_conll
