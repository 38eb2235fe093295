"""The task of a checkpoint, its labels and its settings <-> keys of ``config.json`` and names of tensors. No torch.

``architectures`` names the class. Many folders lack the key, or keep that of the model that was fine-tuned: the tensors
decide there. Where a file names another head than the tensors have, it is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from edgebert.configuration import ARCHITECTURES, label_keys
from edgebert.errors import CheckpointError
from edgebert.folder import check_bare, no_head
from edgebert.heads import head_spec
from edgebert.meaning import Meaning, Task, TaskSettings
from edgebert.progress import note

THRESHOLDS, NO_ANSWER = "thresholds", "edgebert_no_answer"
"""Keys of ours: the thresholds of several labels; whether "no answer" is an answer to a question."""

_TEXTS = ARCHITECTURES["text-classification"]
_TOKENS = ARCHITECTURES["token-classification"]
_QUESTIONS = ARCHITECTURES["question-answering"]
_ENCODER = ARCHITECTURES["feature-extraction"]
# The dense layers of each class with a head.
_PARTS = {_TEXTS: {"pre_classifier", "classifier"}, _TOKENS: {"classifier"}, _QUESTIONS: {"qa_outputs"}}
_PROBLEMS: dict[str, Task] = {
    "single_label_classification": "text-classification",
    "multi_label_classification": "multi-label-classification",
    "regression": "text-regression",
}
_CROSS_ENCODER = ("sbert_ce_default_activation_function", "sentence_transformers")
_LABELS_HINT = 'write the name of each label: "id2label": {"0": "negative", "1": "positive"}'


def named_class(config: Mapping[str, Any], path: Path) -> str | None:
    """Return the class with a head that ``architectures`` names; ``None`` where it names none.

    Args:
        config: The configuration.
        path: The file it is from.

    Raises:
        CheckpointError: It is no list of names, or names two.
    """
    names = config.get("architectures")
    if names is not None and not (isinstance(names, list) and all(isinstance(name, str) for name in names)):
        raise CheckpointError(
            f"{path}: architectures is {names!r}, not a list of names", hint=f'write "architectures": ["{_TEXTS}"]'
        )
    found = sorted({name for name in names or () if name in _PARTS})
    if len(found) > 1:
        raise CheckpointError(f"{path}: architectures names two heads: {', '.join(found)}")
    return found[0] if found else None


def find_class(config: Mapping[str, Any], tensors: Iterable[str] | None, folder: Path, *, is_sentences: bool) -> str:
    """Return the class of transformers that a checkpoint is of.

    Args:
        config: Its configuration.
        tensors: Names of its tensors; ``None`` to take the class that the configuration names.
        folder: The folder of both.
        is_sentences: Whether it is the encoder of a sentence-transformers model.

    Raises:
        CheckpointError: There is no head, there are two, or the files contradict each other.
    """
    path = folder / "config.json"
    named = named_class(config, path)
    if tensors is None and named is not None:
        return named
    parts = {name.partition(".")[0] for name in tensors or ()} & {"pre_classifier", "classifier", "qa_outputs"}
    if "qa_outputs" in parts and len(parts) > 1:
        raise CheckpointError(f"{folder}: there are two heads: {', '.join(sorted(parts))}")
    if is_sentences:
        if parts:
            raise CheckpointError(
                f"{folder}: there is a modules.json of sentence-transformers, but also a tensor {min(parts)}.weight: "
                "is it to give vectors or labels?",
                hint="for labels: remove modules.json; for vectors: save the encoder alone",
            )
        return _ENCODER
    if not parts:
        if named is None and _ENCODER in (config.get("architectures") or ()):
            check_bare(folder)
            note(
                f"{folder}: a {_ENCODER} without a modules.json: an embedding is the mean of all tokens, not scaled to "
                "length 1"
            )
            return _ENCODER
        wanted = " or ".join(f"{part}.weight" for part in sorted(_PARTS.get(named or "", {"classifier", "qa_outputs"})))
        raise no_head(folder, f"no head that edgebert knows: there is no tensor {wanted}")
    found = next((name for name, dense in _PARTS.items() if dense == parts), _TEXTS)
    if missing := sorted(_PARTS[found] - parts):
        raise no_head(folder, f"no head that edgebert knows: there is no tensor {missing[0]}.weight")
    if named not in (None, found):
        raise CheckpointError(
            f"{path}: architectures names {named}, but the tensors are those of a {found}",
            hint="write the name of the class that the model was saved from",
        )
    if named is None:
        _check_unnamed(config, found, path)
        note(f"{path}: architectures names no {found}, but all of its tensors are there")
    return found


def _check_unnamed(config: Mapping[str, Any], found: str, path: Path) -> None:
    """Refuse a lone ``classifier`` that can be the head of somebody's own class: one that reads ``[CLS]``, say."""
    labels = config.get("id2label")
    tags = labels.values() if isinstance(labels, dict) else ()
    if found == _TOKENS and not any(tag == "O" or str(tag)[:2] in ("B-", "I-") for tag in tags):
        raise CheckpointError(
            f"{path}: architectures names no class with a head, the tensors could be those of a {_TOKENS} (there is no "
            "tensor pre_classifier.weight), but no label is a tag",
            hint=f'if it is one, write "architectures": ["{_TOKENS}"]',
        )


def read_task(config: Mapping[str, Any], name: str, path: Path) -> Task:
    """Return the task of a checkpoint of this class of transformers.

    Raises:
        CheckpointError: ``problem_type`` is none, or does not go with the number of labels.
    """
    if name != _TEXTS:
        return next(task for task, architecture in ARCHITECTURES.items() if architecture == name)
    if key := next((key for key in _CROSS_ENCODER if config.get(key)), None):
        raise CheckpointError(f"{path}: a cross-encoder, which reads two texts at once: there is a key {key}")
    problem, count = config.get("problem_type"), len(_label_table(config, path))
    if problem is None:
        return "text-regression" if count == 1 else "text-classification"
    if not isinstance(problem, str) or problem not in _PROBLEMS:
        raise CheckpointError(f"{path}: problem_type is {problem!r}; edgebert takes {', '.join(_PROBLEMS)}")
    task = _PROBLEMS[problem]
    if (task == "text-regression" and count != 1) or (task == "text-classification" and count < 2):
        wanted = "one output" if task == "text-regression" else "two labels or more"
        raise CheckpointError(f"{path}: problem_type is {problem!r}, which needs {wanted}, but id2label has {count}")
    return task


def read_meaning(config: Mapping[str, Any], task: Task, path: Path) -> Meaning:
    """Return the labels and the settings of a checkpoint that are in its ``config.json``.

    Raises:
        CheckpointError: Labels or settings are none, or do not go together.
    """
    if task == "feature-extraction":
        width = config.get("dim", 768)
        return Meaning(settings=TaskSettings(pooling="mean", width=width if type(width) is int else None))
    if task == "question-answering":
        no_answer = config.get(NO_ANSWER, False)
        if not isinstance(no_answer, bool):
            raise CheckpointError(f"{path}: {NO_ANSWER} is {no_answer!r}, not a boolean")
        return Meaning(settings=TaskSettings(no_answer=no_answer))
    if task == "text-regression":
        return Meaning()
    labels = _labels(config, path, least=1 if task == "multi-label-classification" else 2)
    if task == "multi-label-classification":
        return Meaning(labels=labels, settings=TaskSettings(thresholds=_thresholds(config, labels, path)))
    if task == "token-classification":
        if "O" not in labels:
            note(f"{path}: no label is called O: every token gets a tag")
        return Meaning(labels=labels, settings=TaskSettings(aggregation="first"))
    return Meaning(labels=labels)


def task_keys(task: Task, meaning: Meaning) -> dict[str, Any]:
    """Return the keys of ``config.json`` that ``read_task`` and ``read_meaning`` read."""
    keys = {**head_spec(task, meaning.settings).settings, **label_keys(meaning.labels, task)}
    if any(threshold != 0.5 for threshold in meaning.settings.thresholds):
        keys[THRESHOLDS] = list(meaning.settings.thresholds)
    if meaning.settings.no_answer:
        keys[NO_ANSWER] = True
    return keys


def _label_table(config: Mapping[str, Any], path: Path) -> dict[str, Any]:
    table, count = config.get("id2label"), config.get("num_labels")
    if count is not None and (type(count) is not int or not 1 <= count <= 1_000_000):
        raise CheckpointError(f"{path}: num_labels is {count!r}, not a positive integer")
    if table is None:
        table = {str(index): f"LABEL_{index}" for index in range(2 if count is None else count)}
    if not isinstance(table, dict) or set(table) != {str(index) for index in range(len(table))}:
        raise CheckpointError(f"{path}: id2label does not name the labels 0 to n-1", hint=_LABELS_HINT)
    if count is not None and count != len(table):
        raise CheckpointError(f"{path}: num_labels is {count}, but id2label has {len(table)}")
    return table


def _labels(config: Mapping[str, Any], path: Path, *, least: int) -> tuple[str, ...]:
    table = _label_table(config, path)
    # Label names that were taken from a column of integers are numbers in JSON; transformers shows them so as well.
    values = (table[str(index)] for index in range(len(table)))
    labels = tuple(str(value) if isinstance(value, (bool, int, float)) else value for value in values)
    if bad := [label for label in labels if not isinstance(label, str) or not label.strip()]:
        raise CheckpointError(f"{path}: id2label has {bad[0]!r} where the name of a label should be", hint=_LABELS_HINT)
    if bad := [label for label in labels if any("\ud800" <= character <= "\udfff" for character in label)]:
        raise CheckpointError(f"{path}: id2label has {bad[0]!a}, which is not valid Unicode", hint=_LABELS_HINT)
    if len(labels) < least:
        raise CheckpointError(f"{path}: id2label has {len(labels)} label, too few to choose from", hint=_LABELS_HINT)
    if len(set(labels)) < len(labels):
        raise CheckpointError(f"{path}: id2label names a label twice: {', '.join(labels)}")
    return labels


def _thresholds(config: Mapping[str, Any], labels: tuple[str, ...], path: Path) -> tuple[float, ...]:
    value = config.get(THRESHOLDS)
    if value is None:
        return (0.5,) * len(labels)
    if isinstance(value, dict):
        if unknown := [name for name in value if name not in labels]:
            raise CheckpointError(f"{path}: {THRESHOLDS} names {unknown[0]!r}, which is not a label of id2label")
        value = [value.get(label, 0.5) for label in labels]
    if not isinstance(value, list) or len(value) != len(labels):
        raise CheckpointError(f"{path}: {THRESHOLDS} is {value!r}, not a number for each of the {len(labels)} labels")
    if bad := [item for item in value if type(item) not in (int, float) or not 0 <= item <= 1]:
        raise CheckpointError(f"{path}: {THRESHOLDS} has {bad[0]!r}, not a probability from 0 to 1")
    return tuple(float(item) for item in value)
