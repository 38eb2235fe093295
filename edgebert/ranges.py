"""What the numbers of a file can be: ``jsonio`` refuses others and names their keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Between:
    """The least and the greatest number that a field takes, for ``Annotated``."""

    low: float
    high: float


_MOST = 2**53  # a float holds every integer up to here: sums, means and NumPy's integers are exact

Count = Annotated[int, Between(0, _MOST)]
"""How many, which one, or nanoseconds of something that may not have been timed."""

Positive = Annotated[int, Between(1, _MOST)]
"""How many of what exists, or nanoseconds of something that was timed."""

Amount = Annotated[float, Between(0.0, 1e15)]
"""Something measured that is no integer: seconds, differences, means."""

Share = Annotated[float, Between(0.0, 1.0)]
"""A share of a whole."""

Difference = Annotated[float, Between(-1.0, 1.0)]
"""The difference of two shares."""
