"""What numbers can be: ``jsonio`` names the keys of others, ``arguments.check_options`` the options."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Between:
    """The range of a number, for ``Annotated``; ``above`` and ``below`` leave out the ends themselves.

    Infinity as ``high`` stands for any finite number.
    """

    low: float
    high: float
    above: bool = False
    below: bool = False

    def __contains__(self, value: float) -> bool:
        is_high_enough = self.low < value if self.above else self.low <= value
        return is_high_enough and (value < self.high if self.below else value <= self.high) and value < math.inf

    def __str__(self) -> str:
        if not self.above and not self.below and self.high < math.inf:
            return f"from {self.low} to {self.high}"
        low = f"{'above' if self.above else 'at least'} {self.low}"
        return low if self.high == math.inf else f"{low} and {'below' if self.below else 'at most'} {self.high}"


MOST_SEED = 2**32 - 1
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

Seed = Annotated[int, Between(0, MOST_SEED)]
"""What decides everything that is drawn."""

Kept = Annotated[float, Between(0, 1, above=True)]
"""A share of a model that stays."""

Rate = Annotated[float, Between(0, 1, above=True, below=True)]
"""A learning rate."""

Weight = Annotated[float, Between(0, math.inf)]
"""A factor that may be 0."""

Factor = Annotated[float, Between(0, math.inf, above=True)]
"""A finite number above 0."""

Length = Annotated[int, Between(3, math.inf)]
"""The longest input in tokens: ``[CLS]``, a token and ``[SEP]`` at least."""
