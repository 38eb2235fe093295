"""Which heads and neurons of a layer stay, once their number is known: those that are bad to lose together stay apart.

Kwon et al. (2022), mask rearrangement: the diagonal of the Fisher information overlooks that two alike units can stand
in for each other, or fail together; the full block of a layer sees it.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def choose_units(gradients: npt.NDArray[np.float32], keep: int) -> tuple[int, ...]:
    """Return the units to keep, ascending: greedily, the next to go is the one whose loss adds least to what is gone.

    The loss of a set P of units is estimated as the sum of F[i, j] over i, j in P, F being the Fisher information.

    Args:
        gradients: Derivatives of each example's loss by the gate of each unit, float32 [examples, units].
        keep: Number of units that stay.
    """
    units = gradients.shape[1]
    if keep == units:
        return tuple(range(units))
    wide = gradients.astype(np.float64)
    own = np.square(wide).sum(axis=0)  # [units]
    together = np.zeros(len(gradients))  # sum of the gradients of the units that are gone: [examples]
    gone = np.zeros(units, dtype=bool)
    for _ in range(units - keep):
        # F[i, i] + 2 * sum over gone j of F[i, j], without the units x units matrix.
        growth = own + 2 * (wide.T @ together)
        growth[gone] = np.inf
        worst = int(growth.argmin())
        gone[worst] = True
        together += wide[:, worst]
    return tuple(int(unit) for unit in np.flatnonzero(~gone))
