"""What a bundle must keep to be released, and what was found about each limit."""

from __future__ import annotations

import math
from dataclasses import dataclass

from edgebert.bench.gate.decisions import Decision
from edgebert.errors import UsageError

_HIGHEST = {
    "max_drop": 100.0,
    "max_mb": math.inf,
    "min_speedup": math.inf,
    "max_p90_ms": math.inf,
    "min_agreement": 1.0,
}
_FROM_ZERO = {"max_drop", "min_agreement"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a bundle must keep; ``None`` is not asked.

    Attributes:
        max_drop: Points of accuracy that may be lost against float.
        max_mb: Largest file in MB of 1,000,000 bytes.
        min_speedup: Times as fast as float on the same device.
        max_p90_ms: Time in milliseconds that 90 % of the inferences stay below.
        min_agreement: Share of texts, 0 to 1, that get the same label as from float.
        device: Only this device of the report.
        file: Only this shipped file.
        threads: Only this thread count.
        series: Series of inputs that the times are of.
        alpha: Probability of each wrong verdict when the truth lies at the limit; one-sided.
    """

    max_drop: float | None = None
    max_mb: float | None = None
    min_speedup: float | None = None
    max_p90_ms: float | None = None
    min_agreement: float | None = None
    device: str | None = None
    file: str | None = None
    threads: int | None = None
    series: str = "all"
    alpha: float = 0.025


@dataclass(frozen=True, slots=True, kw_only=True)
class CheckResult:
    """What one limit says about one file.

    Attributes:
        limit: The limit as the command line has it, as in ``--max-drop 1``.
        file: File inside the bundle.
        device: Device it was found on; ``None`` for what the bundle says of itself.
        verdict: ``pass``, ``fail`` or ``undecided``.
        value: What was found, with its interval.
        detail: Where that comes from, and what would decide when it is undecided.
        more_examples: Examples that would decide, beyond those there are; ``None`` where they do not matter or where
            more than 1,000,000 would be needed.
        more_processes: The same for processes.
    """

    limit: str
    file: str
    device: str | None
    verdict: Decision
    value: str
    detail: str
    more_examples: int | None = None
    more_processes: int | None = None


def check_limits(limits: Limits) -> None:
    """Refuse limits that ask nothing or that nothing can keep.

    Raises:
        UsageError: There is none, or one is out of range; the message names the option.
    """
    if all(getattr(limits, name) is None for name in _HIGHEST):
        raise UsageError("no limit to check was given", hint=f"give one or more of {', '.join(map(_option, _HIGHEST))}")
    for name, highest in _HIGHEST.items():
        value = getattr(limits, name)
        if value is None:
            continue
        is_high_enough = value >= 0 if name in _FROM_ZERO else value > 0
        if not (is_high_enough and value <= highest and math.isfinite(value)):
            bounds = f"from 0 to {highest:g}" if name in _FROM_ZERO else "above 0"
            raise UsageError(f"{_option(name)} is {value:g}, not a number {bounds}")
    if not 0 < limits.alpha < 0.5:
        raise UsageError(f"alpha is {limits.alpha:g}, not between 0 and 0.5")
    if limits.threads is not None and limits.threads < 1:
        raise UsageError(f"--threads is {limits.threads}, not 1 or more")


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")
