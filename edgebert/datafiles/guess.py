"""Which task a data file is for, and why."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from edgebert.datafiles.conll import is_conll
from edgebert.datafiles.labels import LABEL_COLUMN, LABELS_COLUMNS, TEXT_COLUMNS
from edgebert.datafiles.objects import Object, read_objects
from edgebert.datafiles.questions import KEYS
from edgebert.datafiles.scores import SCORE_COLUMNS, has_pair, number_of
from edgebert.datafiles.sources import CONLL, PLAIN, SQUAD, Source, Wanted
from edgebert.datafiles.spans import SPAN_KEYS
from edgebert.datafiles.tables import Columns, column_names, table_rows
from edgebert.datafiles.tags import TAG_KEYS, TOKEN_KEYS
from edgebert.errors import DataError
from edgebert.meaning import Task


class Guess(NamedTuple):
    """The task that a file is for, and what in the file shows it, as in ``it has a column 'labels'``."""

    task: Task
    reason: str


def guess_task(source: Source, wanted: Wanted) -> Guess:
    """Return the task that a file is for.

    A file that shows nothing is taken for one with a label for each text, whose reader says what is missing.

    Raises:
        DataError: The first lines of the file cannot be read.
    """
    if source.layout in CONLL or (source.layout == PLAIN and is_conll(source)):
        return Guess("token-classification", "each of its lines is a word with its tag")
    if source.layout == SQUAD:
        return Guess("question-answering", "it is a .json file, as SQuAD's are")
    if source.layout == PLAIN:
        return Guess("text-classification", "each of its lines is a text")
    found = column_names(source)
    if source.layout == ".jsonl" and (guess := _of_keys(found, source, wanted)):
        return guess
    return _of_columns(found, source, wanted)


def _of_keys(found: Sequence[str], source: Source, wanted: Wanted) -> Guess | None:
    def has(given: str | None, usual: Sequence[str]) -> str:
        return next((name for name in ((given,) if given else usual) if name in found), "")

    first: Object = next((value for _, value in read_objects(source)), {})
    tokens, tags = has(wanted.text, TOKEN_KEYS), has(wanted.answer, TAG_KEYS)
    if tokens and tags and isinstance(first[tokens], list):
        return Guess("token-classification", f"it has the keys {tokens!r} and {tags!r}")
    text, spans = has(wanted.text, TEXT_COLUMNS), has(wanted.answer, SPAN_KEYS)
    entities = first[spans] if spans else None
    if text and isinstance(entities, list) and all(isinstance(item, dict) for item in entities):
        return Guess("token-classification", f"it has the keys {text!r} and {spans!r}")
    question, context = has(wanted.text, KEYS[:1]), has(wanted.pair, KEYS[1:2])
    if question and context:
        return Guess("question-answering", f"it has the keys {question!r} and {context!r}")
    return None


def _of_columns(found: Sequence[str], source: Source, wanted: Wanted) -> Guess:
    kind = "key" if source.layout == ".jsonl" else "column"
    texts = TEXT_COLUMNS if wanted.text is None else (wanted.text,)
    if wanted.pair is not None or (not any(name in found for name in texts) and has_pair(found)):
        return Guess("feature-extraction", "it has pairs of texts")
    labels, score = LABELS_COLUMNS[0], SCORE_COLUMNS[0]
    answer = wanted.answer or next((name for name in (LABEL_COLUMN, labels, score) if name in found), LABEL_COLUMN)
    if answer == labels:
        return Guess("multi-label-classification", f"it has a {kind} {answer!r}")
    if not wanted.labels and answer in found and _has_numbers(source, texts, answer, fractions=answer != score):
        what = "numbers" if answer == score else "numbers that are not whole"
        return Guess("text-regression", f"its {kind} {answer!r} has {what}")
    there = f"it has a {kind} {answer!r}" if answer in found else f"it has no {kind} for labels or scores"
    return Guess("text-classification", there)


def _has_numbers(source: Source, texts: Sequence[str], answer: str, *, fractions: bool) -> bool:
    """Return whether all answers are numbers, and, if ``fractions``, one of them is not whole."""
    is_whole = True
    try:
        for row in table_rows(source, Columns(texts=(tuple(texts),), answer=(answer,), kind="score")):
            number = number_of(row.answer)
            if number is None:
                return False
            is_whole = is_whole and number.is_integer()
    except DataError:
        return False  # its reader says where and why
    return not (fractions and is_whole)
