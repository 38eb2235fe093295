"""The frozen values of a search: what is tried, what was measured, what is asked for."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated, Literal

from edgebert.arguments import check_options
from edgebert.errors import UsageError
from edgebert.manifest import Score
from edgebert.ranges import Amount, Between, Positive, Share
from edgebert.recipe import Format

SHARES = (1.0, 0.8, 0.65, 0.5, 0.4, 0.35, 0.3, 0.25, 0.2)
"""Shares of the multiply-accumulates that a search tries unless told otherwise."""

RECOVERY_EPOCHS = 2.0
"""Epochs of distillation that ``edgebert plan --recover`` gives a pruned model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a candidate must keep to.

    Attributes:
        max_drop: Accuracy that may be lost against the float original, in points of 100.
        max_mb: Size of the file in MB of 1,000,000 bytes; ``None`` for any.
        min_speedup: How many times as fast as the float original it has to be; ``None`` for any.

    Raises:
        UsageError: A bound is negative or no finite number.
    """

    max_drop: float
    max_mb: float | None = None
    min_speedup: float | None = None

    def __post_init__(self) -> None:
        check_options(self)
        for option, value in (
            ("--max-drop", self.max_drop),
            ("--max-mb", self.max_mb),
            ("--min-speedup", self.min_speedup),
        ):
            if value is not None and not 0 <= value < math.inf:
                raise UsageError(f"{option} is {value:g}, not a number of at least 0")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanOptions:
    """How to search.

    Attributes:
        shares: Shares of the multiply-accumulates to try, each above 0 and at most 1.
        format: Format of the files.
        recovery_epochs: Epochs of distillation for pruned models; 0 tries none.
        is_timed: Whether files are timed; always so with a bound on speed.
        seed: Seed of pruning, of distillation, and of the texts that are timed.

    Raises:
        UsageError: A value is out of range.
    """

    shares: tuple[float, ...] = SHARES
    format: Format = "onnx"
    recovery_epochs: float = 0.0
    is_timed: bool = False
    seed: int = 0

    def __post_init__(self) -> None:
        check_options(self)
        if not self.shares:
            raise UsageError("no share to try", hint="as in --shares 0.5,0.35")
        for share in self.shares:
            if not 0 < share <= 1:
                raise UsageError(f"{share:g} is not a share above 0 and at most 1", hint="as in --shares 0.5,0.35")
        if self.format not in ("onnx", "tflite"):
            raise UsageError(f"unknown format {self.format!r}", hint="known: onnx, tflite")
        if not 0 <= self.recovery_epochs < math.inf:
            raise UsageError(f"recovery_epochs is {self.recovery_epochs:g}, not a number of at least 0")
        if not 0 <= self.seed < 2**32:
            raise UsageError(f"the seed is {self.seed}, not between 0 and {2**32 - 1}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One thing that could be shipped.

    Attributes:
        keep: Share of the multiply-accumulates that stays.
        vocabulary: Whether tokens that the training texts never use are cut.
        precision: Precision of the weights in the file.
        distill: Epochs of distillation; 0 for none.
    """

    keep: Share
    vocabulary: bool
    precision: Literal["float32", "int8"]
    distill: Amount = 0.0

    @property
    def name(self) -> str:
        """The candidate in a phrase, as in ``keep 0.35, vocabulary cut, int8``."""
        words = [f"keep {self.keep:g}"]
        if self.vocabulary:
            words.append("vocabulary cut")
        if self.distill:
            words.append(f"distilled {self.distill:g}")
        return ", ".join((*words, self.precision))


ORIGINAL = Candidate(keep=1.0, vocabulary=False, precision="float32")
"""What all candidates are compared with: the model as it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """A candidate that was made, and what was measured.

    Attributes:
        candidate: What it is.
        size_bytes: Size of its file.
        work: Its multiply-accumulates for the evaluation texts over those of the float original.
        score: Its accuracy, paired with the float original in the same runtime; unpaired for that one itself.
        run_ns: Nanoseconds of each inference, one row for each timed text; empty when it was not timed.
        baseline_ns: The same of the float original, taken in turns with it.
    """

    candidate: Candidate
    size_bytes: Positive
    work: Annotated[float, Between(1e-9, 1e9)]
    score: Score
    run_ns: tuple[tuple[Positive, ...], ...] = ()
    baseline_ns: tuple[tuple[Positive, ...], ...] = ()

    @property
    def name(self) -> str:
        """Name of the candidate."""
        return self.candidate.name

    @property
    def size_mb(self) -> float:
        """Size of the file in MB of 1,000,000 bytes."""
        return self.size_bytes / 1e6

    @property
    def drop(self) -> float:
        """Accuracy lost against the float original, in points; negative for a gain."""
        return _points(self.score.difference)

    @property
    def drop_interval(self) -> tuple[float, float]:
        """The 95 % interval of ``drop``, in points; paired by text."""
        return _points(self.score.difference_high), _points(self.score.difference_low)

    @property
    def speedup(self) -> float | None:
        """How many times as fast as the float original, on this machine; ``None`` when it was not timed.

        Compared are the sums over texts of each text's median time.
        """
        if self.candidate == ORIGINAL:
            return 1.0
        if not self.run_ns:
            return None
        return sum(map(_median, self.baseline_ns)) / sum(map(_median, self.run_ns))

    @property
    def cost(self) -> float:
        """Its time over that of the float original where it was timed, else its work over the original's."""
        return self.work if self.speedup is None or not self.run_ns else 1 / self.speedup


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Why a trial is not the pick, in a phrase."""

    trial: Trial
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Relaxation:
    """Bounds that are met by a trial, and differ from what was asked for as little as possible.

    Attributes:
        bounds: The relaxed bounds, rounded to hundredths so that they still hold.
        changed: Names of the fields of ``Bounds`` that differ.
        trial: The trial that meets them.
    """

    bounds: Bounds
    changed: tuple[str, ...]
    trial: Trial


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What came of a search.

    Attributes:
        bounds: What was asked for.
        options: How it was searched.
        trials: Everything that was tried, the least cost first.
        front: Trials that no other one beats in size, cost and accuracy at once.
        pick: The trial to ship; ``None`` when none is within the bounds.
        losses: Why each of the others is not the pick.
        relaxations: What bounds would have to be, where there is no pick.
    """

    bounds: Bounds
    options: PlanOptions
    trials: tuple[Trial, ...]
    front: tuple[Trial, ...]
    pick: Trial | None
    losses: tuple[Loss, ...]
    relaxations: tuple[Relaxation, ...]


def _points(difference: float | None) -> float:
    # Rounded, so that a drop of exactly one point meets a bound of one point.
    return 0.0 if difference is None else round(-100 * difference, 9) + 0.0


def _median(values: tuple[int, ...]) -> float:
    ordered = sorted(values)
    middle = len(ordered) // 2
    return (ordered[middle] + ordered[~middle]) / 2
