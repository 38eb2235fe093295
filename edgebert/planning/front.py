"""Which trials are valid, which one to ship, why the others are not it, and what an impossible budget would have to be.

Pure functions of what was measured: nothing is made or measured in here.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from itertools import combinations

from edgebert.benchmarking.gate.results import Decision, decide
from edgebert.planning.values import Bounds, Loss, Measured, Relaxation

TIE = 1.02
"""Costs within this factor of the least are no reason to prefer one: the smaller file wins."""

RULE = "the least time (or work, where nothing was timed) within the bounds; within 2 % of it, the smallest file"
"""How the pick is chosen, for people."""


def pareto_front(trials: Sequence[Measured]) -> tuple[Measured, ...]:
    """Return the trials that none beats in size, cost and metric at once, in the order given; equal ones all stay."""
    return tuple(trial for trial in trials if not any(dominates(other, trial) for other in trials))


def dominates(one: Measured, other: Measured) -> bool:
    """Return whether a trial is nowhere worse than another (size, cost, metric) and somewhere better."""
    ours, theirs = _objectives(one), _objectives(other)
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))


def is_within(trial: Measured, bounds: Bounds) -> bool:
    """Return whether a trial keeps to all bounds; speed has to be above its bound with the whole of its interval."""
    return all(_meets(trial, bounds, name) for name in _set(bounds))


def choose(trials: Iterable[Measured], bounds: Bounds) -> Measured | None:
    """Return the trial to ship: of those within the bounds the cheapest, and of equally cheap ones the smallest."""
    within = [trial for trial in trials if is_within(trial, bounds)]
    least = min((trial.cost for trial in within), default=0.0)
    tied = (trial for trial in within if trial.cost <= TIE * least)
    return min(tied, key=lambda t: (t.size_bytes, -t.quality, t.cost, t.name), default=None)


def losses(trials: Sequence[Measured], bounds: Bounds) -> tuple[Loss, ...]:
    """Return why each trial but the pick is not the pick, in the order given."""
    pick = choose(trials, bounds)
    return tuple(Loss(trial=trial, reason=_reason(trial, pick, trials, bounds)) for trial in trials if trial != pick)


def relaxations(trials: Sequence[Measured], bounds: Bounds) -> tuple[Relaxation, ...]:
    """Return the smallest changes of the bounds that let a trial through; empty when one passes already.

    Every bound that would do alone is given with what it would have to be. Only where none does, pairs are tried, and
    so on: of those, the relaxation with the smallest sum of relative changes.

    Args:
        trials: What was measured.
        bounds: The bounds that none of it meets.
    """
    names = _set(bounds)
    if any(is_within(trial, bounds) for trial in trials):
        return ()
    for count in range(1, len(names) + 1):
        found = [_least(trials, bounds, changed) for changed in combinations(names, count)]
        if any(found):
            return tuple(item for item in found if item is not None)
    return ()


def next_recovery(trials: Sequence[Measured], recovered: Sequence[float], bounds: Bounds) -> float | None:
    """Return the share whose pruned model is worth recovering next; ``None`` when the rest cannot be the pick.

    Recovery changes accuracy, never size or work. So shares are recovered from the smallest up, those only of which
    some file keeps to the bounds on size and speed, until a trial of as small a share is within all bounds: whatever
    keeps more costs more.

    Args:
        trials: What was measured, recovered trials among it.
        recovered: Shares that were recovered already.
        bounds: The bounds.
    """
    without_drop = replace(bounds, max_drop=sys.float_info.max)
    enough = min((trial.candidate.keep for trial in trials if is_within(trial, bounds)), default=1.0)
    fitting = {trial.candidate.keep for trial in trials if is_within(trial, without_drop)}
    return min((share for share in fitting if share < enough and share not in recovered), default=None)


def is_certain(trial: Measured, bounds: Bounds) -> bool:
    """Return whether the whole 95 % interval of a trial's drop is on one side of the bound."""
    low, high = trial.drop_interval
    return not low <= bounds.max_drop < high


def speed_decision(trial: Measured, least: float) -> Decision:
    """Return whether a trial is at least ``least`` times as fast as the float original, by its 95 % interval."""
    speed = trial.speed
    if speed is None or speed.low is None or speed.high is None:
        return "undecided"
    return decide(speed.low, speed.high, least=least)


def speed_text(trial: Measured) -> str:
    """Return how many times as fast a trial is, with its interval, as in ``3.1 (3.0 to 3.3)``; empty when untimed."""
    speed = trial.speed
    if speed is None:
        return ""
    value = f"{speed.value:.2f}"
    ends = [f"{end:.2f}" for end in (speed.low, speed.high) if end is not None]
    return value if set(ends) <= {value} else f"{value} ({' to '.join(ends)})"


def relaxation_text(relaxation: Relaxation, bounds: Bounds) -> str:
    """Return a relaxation in a phrase, as in ``--max-mb 4 needs 5.6 (keep 0.25, int8, drop 0.8)``."""
    changes = [
        f"{_OPTIONS[name]} {getattr(bounds, name):g} needs {getattr(relaxation.bounds, name):g}"
        for name in relaxation.changed
    ]
    trial = relaxation.trial
    speed = "" if bounds.min_speedup is None else f", {speed_text(trial)} x as fast"
    drop = trial.drop_text(trial.drop)
    return f"{' and '.join(changes)} ({trial.name}: {amount(trial.size_mb)} MB, drop {drop}{speed})"


def amount(value: float) -> str:
    """Return a positive number with enough digits to tell it from 0 and no more than are of use."""
    return f"{value:.1f}" if value >= 1 else f"{value:.2g}"


_OPTIONS = {"max_mb": "--max-mb", "max_drop": "--max-drop", "min_speedup": "--min-speedup"}


def _objectives(trial: Measured) -> tuple[float, float, float]:
    return trial.size_bytes, trial.cost, -trial.quality


def _set(bounds: Bounds) -> tuple[str, ...]:
    return tuple(name for name in _OPTIONS if getattr(bounds, name) is not None)


def _meets(trial: Measured, bounds: Bounds, name: str) -> bool:
    bound: float = getattr(bounds, name)
    if name == "max_drop":
        return trial.drop <= bound
    if name == "max_mb":
        return trial.size_mb <= bound
    return speed_decision(trial, bound) == "pass"


def _reason(trial: Measured, pick: Measured | None, trials: Sequence[Measured], bounds: Bounds) -> str:
    reasons = []
    for name in _set(bounds):
        if _meets(trial, bounds, name):
            continue
        if name == "max_mb":
            reasons.append(f"too large by {amount(trial.size_mb - (bounds.max_mb or 0))} MB")
        elif name == "min_speedup":
            word = "only" if speed_decision(trial, bounds.min_speedup or 0) == "fail" else "undecided:"
            reasons.append("not timed" if trial.speed is None else f"{word} {speed_text(trial)} x as fast")
        else:
            low = trial.drop_text(trial.drop_interval[0])
            doubt = "" if is_certain(trial, bounds) else f" (its interval begins at {low})"
            unit = f" {trial.metric.unit}" if trial.metric.unit else ""
            reasons.append(f"drop {trial.drop_text(trial.drop)}{unit}{doubt}")
    if reasons or pick is None:
        return ", ".join(reasons)
    if dominates(pick, trial):
        return "the pick is nowhere worse"
    if trial.cost > TIE * pick.cost:
        what = "time" if trial.run_ns or pick.run_ns else "work"
        return f"{100 * (trial.cost / pick.cost - 1):.0f} % more {what} than the pick"
    by = next((other.name for other in trials if dominates(other, trial)), None)
    if by is not None:
        return f"dominated by {by}"
    if trial.size_bytes > pick.size_bytes:
        return f"no cheaper, and larger than the pick by {amount(trial.size_mb - pick.size_mb)} MB"
    return "equal to the pick in all that counts"


def _least(trials: Sequence[Measured], bounds: Bounds, changed: tuple[str, ...]) -> Relaxation | None:
    """Return the smallest relaxation of some bounds that is enough while the others stay."""
    best: tuple[float, Relaxation] | None = None
    for trial in trials:
        if not all(name in changed or _meets(trial, bounds, name) for name in _set(bounds)):
            continue
        if any(name == "min_speedup" and _least_speed(trial) is None for name in changed):
            continue
        relaxed = replace(bounds, **{name: _NEEDED[name](trial) for name in changed})
        # Compared as it will be told, rounded up: any less of what is told must not do.
        size = sum(
            abs(getattr(relaxed, name) - getattr(bounds, name)) / max(getattr(bounds, name), 1.0) for name in changed
        )
        if best is None or size < best[0]:
            best = (size, Relaxation(bounds=relaxed, changed=changed, trial=trial))
    return None if best is None else best[1]


def _least_speed(trial: Measured) -> float | None:
    return None if trial.speed is None else trial.speed.low


def _up(value: float, *, parts: int = 100) -> float:
    """Return the least number of hundredths, or other parts of one, that is not below a value of at least 0."""
    count = math.floor(value * parts)
    while count / parts < value:
        count += 1
    return count / parts


def _down(value: float) -> float:
    """Return the greatest number of hundredths that is not above a value."""
    count = math.ceil(value * 100)
    while count / 100 > value:
        count -= 1
    return count / 100


_NEEDED: dict[str, Callable[[Measured], float]] = {
    "max_mb": lambda trial: _up(trial.size_mb),
    "max_drop": lambda trial: _up(max(trial.drop, 0.0), parts=100 if trial.metric.in_points else 10_000),
    "min_speedup": lambda trial: _down(_least_speed(trial) or 0.0),
}
