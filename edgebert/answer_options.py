"""How outputs become answers, where that is to be other than the checkpoint or the bundle says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from edgebert.arguments import Count, Share, check_options, expect
from edgebert.errors import UsageError
from edgebert.meaning import Meaning, Task
from edgebert.printable import shown
from edgebert.spans import most_stride

_TASKS: dict[str, Task] = {
    "aggregation": "token-classification",
    "threshold": "multi-label-classification",
    "thresholds": "multi-label-classification",
    "no_answer": "question-answering",
    "stride": "question-answering",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerOptions:
    """How outputs become answers; what is left out stays as the checkpoint or the bundle has it.

    Attributes:
        aggregation: Entities: how the labels of a word's tokens become that of the word, as in the Hub's pipeline.
        threshold: Several labels: probability above which a label is given, for all that ``thresholds`` does not name.
        thresholds: Several labels: that probability for some labels, by name.
        no_answer: Answers: whether "no answer" is one.
        stride: Answers: tokens of the context that two windows share.

    Raises:
        UsageError: A value is of another type, or out of its range.
    """

    aggregation: Literal["simple", "first", "average", "max"] | None = None
    threshold: Share | None = None
    thresholds: Mapping[str, Share] = field(default_factory=dict)
    no_answer: bool | None = None
    stride: Count | None = None

    def __post_init__(self) -> None:
        check_options(self)
        expect("thresholds", self.thresholds, Mapping, hint='give e.g. {"toxic": 0.3}')
        for label, value in self.thresholds.items():
            expect("a label in thresholds", label, str)
            expect(f"the threshold of {shown(label)}", value, float)
            if not 0 <= value <= 1:
                raise UsageError(f"the threshold of {shown(label)} is {shown(value)}, not a number from 0 to 1")

    def applied(self, meaning: Meaning, task: Task) -> Meaning:
        """Return what the outputs of a model of a task mean with these options; ``meaning`` is what they mean without.

        Raises:
            UsageError: An option is of another task, or names a label that the model does not have.
        """
        for name, wanted in _TASKS.items():
            if getattr(self, name) not in (None, {}) and task != wanted:
                flag = "--" + name.removesuffix("s").replace("_", "-")
                raise UsageError(
                    f"{flag} requires a {wanted} model, but this one is for {task}", hint=f"leave {flag} out"
                )
        settings = meaning.settings
        if self.aggregation is not None:
            settings = replace(settings, aggregation=self.aggregation)
        if self.threshold is not None or self.thresholds:
            settings = replace(settings, thresholds=self._thresholds(meaning))
        if self.no_answer is not None:
            settings = replace(settings, no_answer=self.no_answer)
        if self.stride is not None:
            settings = replace(settings, stride=self.stride)
        return replace(meaning, settings=settings)

    def check_stride(self, max_length: int) -> None:
        """Refuse a stride with which windows of so many tokens would not go on beside a long question.

        Raises:
            UsageError: It is too large.
        """
        most = most_stride(max_length)
        if self.stride is not None and self.stride > most:
            raise UsageError(
                f"--stride is {self.stride}, but windows of {max_length} tokens can share {most} at most",
                hint="give a smaller stride, or a longer last one of --lengths",
            )

    def _thresholds(self, meaning: Meaning) -> tuple[float, ...]:
        if unknown := [label for label in self.thresholds if label not in meaning.labels]:
            known = ", ".join(meaning.labels[:10]) + (", ..." if len(meaning.labels) > 10 else "")
            raise UsageError(
                f"--threshold names {shown(unknown[0])}, which is not a label of the model",
                hint=f"its labels are {known}",
            )
        before = meaning.settings.thresholds
        if self.threshold is not None:
            before = (float(self.threshold),) * len(meaning.labels)
        return tuple(
            float(self.thresholds.get(label, value)) for label, value in zip(meaning.labels, before, strict=True)
        )


AS_STORED = AnswerOptions()
"""Nothing else than the checkpoint or the bundle says."""
