"""What a task is: one row says what its inputs are to the model, what its outputs mean and when an answer is right.

Everything that reads or judges answers asks a row, so that a new task is a new row here, in ``heads`` and in
``training.objectives``.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

from edgebert import entities, labels, spans, vectors
from edgebert.answers import Prediction
from edgebert.examples import Encoded, Example, Key, Outputs, Tally, Target
from edgebert.golden_texts import ENTITY_TEXTS, LABEL_TEXTS, QUESTION_TEXTS
from edgebert.manifest import LabelChange
from edgebert.meaning import Meaning, Task, TaskSettings
from edgebert.tallies import changes, counting

if TYPE_CHECKING:
    from edgebert.text import TextEncoder

Dimension = Literal["labels", "tokens", "width", "one"]
"""A size of an output: the labels of the model, the tokens of the window, the numbers of an embedding, or 1."""

Count = Callable[[Sequence[Example], Sequence[Key], Meaning, "Sequence[Key] | None"], tuple[Tally, ...]]
"""Returns the tallies of all examples: of examples, their answers, and those of the file that is compared with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskHead:
    """What there is to know of a task.

    Attributes:
        task: Its name in manifests.
        hub: Its name on the Hub.
        architecture: Class name in the ``architectures`` of a Hugging Face ``config.json``.
        outputs: Names of the outputs of a file, and of the dimensions of each (``Dimension``).
        inputs: What its texts are called, as in ``question`` and ``context``.
        golden_texts: Inputs whose ids and outputs every consumer of a bundle must reproduce: one or two texts each.
        metrics: Names of its metrics (``metrics.METRICS``), the default one first.
        windows: Encodes an example.
        answer: Returns the answer that the outputs of the windows give.
        decode: Returns the same for people.
        count: Returns the tallies of examples. A task without right answers in its data compares with the answers of
            another file.
        targets: Returns what training aims at in each window of an example that has a right answer.
        same: Tells whether two answers are the same to a user.
        is_key: Tells whether numbers are an answer of a model.
        is_tally: Tells whether numbers are a tally of a model.
        by_label: Returns the labels or types of entities, and how often each is right, given and expected: of right
            answers and given ones. ``None`` for a task without labels.
        gold: Returns the right answer that a tally states; ``None`` where it states none.
    """

    task: Task
    hub: str
    architecture: str
    outputs: Mapping[str, tuple[Dimension, ...]]
    inputs: tuple[str, ...]
    golden_texts: tuple[tuple[str, ...], ...]
    metrics: tuple[str, ...]
    windows: Callable[[TextEncoder, Example, TaskSettings], Encoded]
    answer: Callable[[Encoded, Sequence[Outputs], Meaning], Key]
    decode: Callable[[Encoded, Sequence[Outputs], Meaning], Prediction]
    count: Count
    targets: Callable[[Encoded, Example, Meaning], tuple[Target, ...]]
    same: Callable[[Key, Key], bool]
    is_key: Callable[[Key, Meaning], bool]
    is_tally: Callable[[Tally, Meaning], bool]
    by_label: Callable[[Sequence[Key], Sequence[Key], Meaning], tuple[tuple[str, ...], changes.Counts]] | None = None
    gold: Callable[[Tally], Key] | None = None

    @property
    def has_places(self) -> bool:
        """Whether its answers are places in a text, so that every consumer must know where each token is."""
        return bool(self.token_outputs)

    @property
    def token_outputs(self) -> tuple[str, ...]:
        """The outputs that have a row for each token, and so also for padding."""
        return tuple(name for name, dims in self.outputs.items() if "tokens" in dims)

    def shapes(self, meaning: Meaning, *, tokens: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each output of a window of so many tokens, by its name."""
        sizes = {"labels": len(meaning.labels), "tokens": tokens, "width": meaning.settings.width or 0, "one": 1}
        return {name: tuple(sizes[dim] for dim in dims) for name, dims in self.outputs.items()}

    def count_same(self, first: Sequence[Key], second: Sequence[Key]) -> int:
        """Return on how many examples two files give the same answer."""
        return sum(map(self.same, first, second))

    def label_changes(
        self, file: str, golds: Sequence[Key], before: Sequence[Key], after: Sequence[Key], meaning: Meaning
    ) -> tuple[LabelChange, ...]:
        """Return how each label changed in a file, that first whose F1 changed most; none for a task without labels.

        Args:
            file: The file.
            golds: The right answers.
            before: The answers of its baseline.
            after: Those of the file.
            meaning: That of the model.
        """
        if self.by_label is None:
            return ()
        (names, old), (_, new) = (self.by_label(golds, keys, meaning) for keys in (before, after))
        return changes.label_changes(file, names, old, new)


TEXT_CLASSIFICATION = TaskHead(
    task="text-classification",
    hub="text-classification",
    architecture="DistilBertForSequenceClassification",
    outputs={"logits": ("labels",)},
    inputs=("text",),
    golden_texts=tuple((text,) for text in LABEL_TEXTS),
    metrics=("accuracy", "macro_f1"),
    windows=labels.one_window,
    answer=labels.best_label,
    decode=labels.decode_label,
    count=counting.count_pairs_of_numbers,
    targets=labels.gold_target,
    same=operator.eq,
    is_key=labels.are_labels(1),
    is_tally=labels.are_labels(2),
    by_label=changes.counted_labels,
    gold=counting.gold_label,
)

MULTI_LABEL_CLASSIFICATION = replace(
    TEXT_CLASSIFICATION,
    task="multi-label-classification",
    metrics=("micro_f1", "label_macro_f1", "subset_accuracy"),
    answer=labels.labels_above,
    decode=labels.decode_labels,
    count=counting.count_label_sets,
    targets=labels.labels_target,
    is_key=labels.is_labels_key,
    is_tally=counting.is_label_set_tally,
    gold=counting.gold_labels,
)

TEXT_REGRESSION = replace(
    TEXT_CLASSIFICATION,
    task="text-regression",
    outputs={"logits": ("one",)},
    metrics=("pearson", "spearman", "rmse"),
    answer=labels.number_of,
    decode=labels.decode_number,
    same=labels.are_close,
    is_key=labels.is_number_key,
    is_tally=counting.is_number_tally,
    by_label=None,
    gold=None,
)

TOKEN_CLASSIFICATION = TaskHead(
    task="token-classification",
    hub="token-classification",
    architecture="DistilBertForTokenClassification",
    outputs={"logits": ("tokens", "labels")},
    inputs=("text",),
    golden_texts=tuple((text,) for text in ENTITY_TEXTS),
    metrics=(
        "entity_f1",
        "entity_precision",
        "entity_recall",
        "strict_entity_f1",
        "strict_entity_precision",
        "strict_entity_recall",
    ),
    windows=entities.tagged_windows,
    answer=entities.tags_key,
    decode=entities.decode_entities,
    count=counting.count_entities,
    targets=entities.tag_targets,
    same=operator.eq,
    is_key=entities.is_tags_key,
    is_tally=counting.is_entity_tally,
    by_label=changes.counted_types,
)

QUESTION_ANSWERING = TaskHead(
    task="question-answering",
    hub="question-answering",
    architecture="DistilBertForQuestionAnswering",
    outputs={"start_logits": ("tokens",), "end_logits": ("tokens",)},
    inputs=("question", "context"),
    golden_texts=QUESTION_TEXTS,
    metrics=("answer_f1", "exact_match"),
    windows=spans.question_windows,
    answer=spans.span_key,
    decode=spans.decode_span,
    count=counting.count_spans,
    targets=spans.span_targets,
    same=operator.eq,
    is_key=spans.is_span_key,
    is_tally=counting.is_span_tally,
)

FEATURE_EXTRACTION = TaskHead(
    task="feature-extraction",
    hub="feature-extraction",
    architecture="DistilBertModel",
    outputs={"sentence_embedding": ("width",)},
    inputs=("text",),
    golden_texts=tuple((text,) for text in LABEL_TEXTS),
    metrics=("cosine", "cosine_p1", "recall_at_10", "pair_spearman"),
    windows=vectors.text_windows,
    answer=vectors.vector_key,
    decode=vectors.decode_vector,
    count=counting.count_vectors,
    targets=vectors.score_targets,
    same=vectors.are_alike,
    is_key=vectors.is_vector_key,
    is_tally=counting.is_vector_tally,
)

TASK_HEADS = (
    TEXT_CLASSIFICATION,
    MULTI_LABEL_CLASSIFICATION,
    TEXT_REGRESSION,
    TOKEN_CLASSIFICATION,
    QUESTION_ANSWERING,
    FEATURE_EXTRACTION,
)


def task_head(task: Task) -> TaskHead:
    """Return the row of ``TASK_HEADS`` for a task."""
    return {head.task: head for head in TASK_HEADS}[task]
