"""Embeddings: how near they are to those of the FP32 file, and whether their neighbours are the same."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

NEIGHBOURS = 10
"""Nearest neighbours that are compared; all other texts where there are fewer."""

_CELLS = 4_000_000
"""Cosines that are in memory at once."""

Vectors = npt.NDArray[np.floating]


def cosines(first: Vectors, second: Vectors) -> npt.NDArray[np.float64]:
    """Return the cosine of each row with the same row of another array, float64 [rows]; 0 with a vector of zeros.

    Args:
        first: Vectors [rows, width].
        second: As many.
    """
    cosine: npt.NDArray[np.float64] = np.einsum("rw,rw->r", _unit(first), _unit(second))
    return np.clip(cosine, -1.0, 1.0)


def kept_neighbours(vectors: Vectors, reference: Vectors, *, count: int = NEIGHBOURS) -> npt.NDArray[np.float64]:
    """Return which share of its nearest neighbours by cosine each row keeps, float64 [rows]; 1 where there is one row.

    Args:
        vectors: Vectors [rows, width].
        reference: Those that tell the right neighbours, as many.
        count: Number of neighbours.
    """
    rows = len(vectors)
    count = min(count, rows - 1)
    if count < 1:
        return np.ones(rows)
    found, right, kept = _unit(vectors), _unit(reference), np.empty(rows)
    step = max(_CELLS // rows, 1)
    for start in range(0, rows, step):
        at = np.arange(start, min(start + step, rows))
        near, known = found[at] @ found.T, right[at] @ right.T
        for block in (near, known):
            block[np.arange(len(at)), at] = -np.inf
        wanted = np.argpartition(known, -count, axis=1)[:, -count:]
        # Rows that are equally near are all neighbours: equal texts must not count as lost.
        least = np.partition(near, -count, axis=1)[:, [-count]]
        kept[at] = (np.take_along_axis(near, wanted, axis=1) >= least).mean(axis=1)
    return kept


def vector_tallies(vectors: Vectors, reference: Vectors) -> npt.NDArray[np.float64]:
    """Return the tallies of texts, float64 [texts, 2]: cosine to the reference, share of the neighbours kept.

    Args:
        vectors: Their embeddings by the file, [texts, width].
        reference: Those by the FP32 file.
    """
    return np.stack([cosines(vectors, reference), kept_neighbours(vectors, reference)], axis=1)


def _unit(vectors: Vectors) -> npt.NDArray[np.float64]:
    exact = vectors.astype(np.float64)
    length = np.linalg.norm(exact, axis=1, keepdims=True)
    unit: npt.NDArray[np.float64] = exact / np.where(length > 0, length, 1.0)
    return unit
