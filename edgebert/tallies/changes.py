"""Which labels or types of entities changed most between a file and its baseline."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

import numpy as np
import numpy.typing as npt

from edgebert.examples import Key
from edgebert.manifest import LabelChange, LabelScore
from edgebert.meaning import Meaning, Task
from edgebert.tallies.entities import entity_types, type_counts

Counts = npt.NDArray[np.int64]
"""How often each label or type is right, given and expected, int64 [labels, 3]."""

MOST = 10
"""Labels of a file that people are shown."""


def label_changes(file: str, names: Sequence[str], before: Counts, after: Counts) -> tuple[LabelChange, ...]:
    """Return the change of each label that is expected or given somewhere, the largest of F1 first.

    Equal changes come in the order of the labels.

    Args:
        file: The file.
        names: Names of the labels or types.
        before: Their counts by its baseline.
        after: Those by the file, of the same examples.
    """
    found = [
        LabelChange(file=file, label=name, expected=int(old[2]), before=_score(old), after=_score(new))
        for name, old, new in zip(names, before, after, strict=True)
        if old.any() or new.any()
    ]
    return tuple(sorted(found, key=lambda item: -abs(item.change)))


def most_changed(changes: Sequence[LabelChange]) -> tuple[LabelChange, ...]:
    """Return what is worth a table: the ``MOST`` labels of each file that changed most.

    With two labels the metric of the task says it all.
    """
    found: list[LabelChange] = []
    for _, group in groupby(changes, key=lambda item: item.file):
        of_file = list(group)
        if len(of_file) > 2:
            found += [item for item in of_file[:MOST] if item.change]
    return tuple(found)


def what_changed(task: Task) -> str:
    """Return the heading of a table of changes."""
    return f"The {'types of entities' if task == 'token-classification' else 'labels'} that changed most"


CHANGE_COLUMNS = ("file", "label", "expected", "F1 % of FP32", "F1 %", "change")
"""Columns of that table."""


def change_cells(item: LabelChange) -> tuple[str, ...]:
    """Return its row for one label or type of entities."""
    return (
        item.file,
        item.label,
        str(item.expected),
        f"{100 * item.before.f1:.1f}",
        f"{100 * item.after.f1:.1f}",
        f"{100 * item.change:+.1f}",
    )


def counted_labels(golds: Sequence[Key], answers: Sequence[Key], meaning: Meaning) -> tuple[tuple[str, ...], Counts]:
    """Return the labels of a model and their counts, where right and given answers are one or several of them."""
    counts = np.zeros((len(meaning.labels), 3), dtype=np.int64)
    for gold, answer in zip(golds, answers, strict=True):
        for column, indices in enumerate((set(gold) & set(answer), answer, gold)):
            for index in indices:
                counts[int(index), column] += 1
    return meaning.labels, counts


def counted_types(golds: Sequence[Key], answers: Sequence[Key], meaning: Meaning) -> tuple[tuple[str, ...], Counts]:
    """Return the types of entities of a model and their counts, where answers are the labels of words."""
    types = entity_types(meaning.labels)
    gold, answered = ([[meaning.labels[int(index)] for index in key] for key in keys] for keys in (golds, answers))
    return types, type_counts(gold, answered, types)


def _score(counts: Counts) -> LabelScore:
    right, given, expected = (int(count) for count in counts)
    return LabelScore(
        precision=right / given if given else 0.0,
        recall=right / expected if expected else 0.0,
        f1=2 * right / (given + expected) if given + expected else 0.0,
    )
