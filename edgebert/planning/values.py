"""The frozen values of a search: what is tried, what was measured, what is asked for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Annotated, Literal

from edgebert.arguments import Amount, Between, Kept, Positive, Seed, Share, Weight, check_options
from edgebert.benchmarking.analysis.stats import Estimate, ratio
from edgebert.errors import UsageError
from edgebert.manifest import Score
from edgebert.metrics import METRICS
from edgebert.recipe import Format
from edgebert.tallies.kinds import Metric

SHARES = (1.0, 0.8, 0.65, 0.5, 0.4, 0.35, 0.3, 0.25, 0.2)
"""Shares of the multiply-accumulates that a search tries unless told otherwise."""

RECOVERY_EPOCHS = 2.0
"""Epochs of distillation that ``edgebert plan --recover`` gives a pruned model."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What a candidate must keep to.

    Attributes:
        max_drop: What the metric may lose against the float original: points of a share, else a plain number.
        max_mb: Size of the file in MB of 1,000,000 bytes; ``None`` for any.
        min_speedup: How many times as fast as the float original it has to be; ``None`` for any.

    Raises:
        UsageError: A bound is negative or no finite number.
    """

    max_drop: Weight
    max_mb: Weight | None = None
    min_speedup: Weight | None = None

    def __post_init__(self) -> None:
        check_options(self, flags=True)


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

    shares: tuple[Kept, ...] = SHARES
    format: Format = "onnx"
    recovery_epochs: Weight = 0.0
    is_timed: bool = False
    seed: Seed = 0

    def __post_init__(self) -> None:
        check_options(self)
        if not self.shares:
            raise UsageError("no share to try", hint="e.g. --shares 0.5,0.35")


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
class Measured:
    """A candidate that was made, and what was measured.

    Attributes:
        candidate: What it is.
        size_bytes: Size of its file.
        work: Its multiply-accumulates for the evaluation texts over those of the float original.
        score: Its metric, paired with the float original in the same runtime; unpaired for that one itself.
        run_ns: Nanoseconds of each inference, one row for each process; empty when it was not timed.
        baseline_ns: The same of the float original, interleaved with it: rows are paired.
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
    def metric(self) -> Metric:
        """What it is scored by."""
        return METRICS[self.score.metric]

    @property
    def quality(self) -> float:
        """Its score, the higher the better, also where it is an error."""
        return self.metric.gain(self.score.value)

    @property
    def drop(self) -> float:
        """What was lost against the float original: points of a share, else a plain number; negative for a gain."""
        return self._lost(self.score.difference)

    @property
    def drop_interval(self) -> tuple[float, float]:
        """The 95 % interval of ``drop``, in its unit; paired by example."""
        low, high = sorted(map(self._lost, (self.score.difference_low, self.score.difference_high)))
        return low, high

    def drop_text(self, value: float) -> str:
        """Return ``drop`` or an end of its interval for people, without the unit."""
        return self.metric.shown(value / self.metric.scale)

    @property
    def speedup(self) -> float | None:
        """How many times as fast as the float original, on this machine; ``None`` when it was not timed."""
        return None if self.speed is None else self.speed.value

    @property
    def speed(self) -> Estimate | None:
        """``speedup`` with its 95 % interval, from the ratios of processes as in ``edgebert check``."""
        if self.candidate == ORIGINAL:
            return Estimate(value=1.0, low=1.0, high=1.0)
        return _speed(self.baseline_ns, self.run_ns) if self.run_ns else None

    @property
    def cost(self) -> float:
        """Its time over that of the float original where it was timed, else its work over the original's."""
        return self.work if self.speedup is None or not self.run_ns else 1 / self.speedup

    def _lost(self, change: float | None) -> float:
        # Rounded, so that a drop of exactly one point meets a bound of one point.
        return 0.0 if change is None else round(-self.metric.scale * self.metric.gain(change), 9) + 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """Why a trial is not the pick, in a phrase."""

    trial: Measured
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
    trial: Measured


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchResult:
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
    trials: tuple[Measured, ...]
    front: tuple[Measured, ...]
    pick: Measured | None
    losses: tuple[Loss, ...]
    relaxations: tuple[Relaxation, ...]


@cache
def _speed(baseline_ns: tuple[tuple[int, ...], ...], run_ns: tuple[tuple[int, ...], ...]) -> Estimate:
    found = ratio(baseline_ns, run_ns)
    # Rounded, so that twice as fast meets a bound of 2.
    low, high = (None if end is None else round(end, 9) for end in (found.low, found.high))
    return Estimate(value=round(found.value, 9), low=low, high=high)
