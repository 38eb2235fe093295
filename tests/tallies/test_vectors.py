"""Cosines and neighbours of embeddings are those found one by one."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.stats
from sklearn.metrics.pairwise import cosine_similarity
from sklearn.neighbors import NearestNeighbors

from edgebert.examples import Example
from edgebert.meaning import Meaning, TaskSettings
from edgebert.metrics import METRICS, tally_array
from edgebert.tallies import vectors
from edgebert.tallies.counting import count_vectors, is_vector_tally
from edgebert.tallies.vectors import cosines, kept_neighbours, vector_tallies


def embeddings(rows: int, noise: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return embeddings by an int8 file and by the FP32 file, float32 [rows, 8]."""
    generator = np.random.default_rng(seed)
    reference = generator.normal(size=(rows, 8)).astype(np.float32)
    return (reference + noise * generator.normal(size=reference.shape)).astype(np.float32), reference


def test_cosines_are_those_of_scikit_learn():
    """A row is compared with the same row; a vector of zeros has the cosine 0."""
    found, reference = embeddings(40, 0.5)
    assert cosines(found, reference) == pytest.approx(np.diag(cosine_similarity(found, reference)), abs=1e-6)
    assert cosines(np.zeros((1, 3)), np.ones((1, 3))) == 0


@pytest.mark.parametrize("rows", [2, 9, 11, 12, 100])
@pytest.mark.parametrize("cells", [1, 4_000_000], ids=["row-by-row", "at-once"])
def test_neighbours_are_those_of_scikit_learn(rows, cells, monkeypatch):
    """The share of the ten nearest by cosine that are kept, or of all others where there are fewer."""
    monkeypatch.setattr(vectors, "_CELLS", cells)
    found, reference = embeddings(rows, 0.4)
    count = min(10, rows - 1)
    near, known = (
        NearestNeighbors(n_neighbors=count, metric="cosine").fit(side).kneighbors(return_distance=False)
        for side in (found, reference)
    )
    expected = [len(set(a) & set(b)) / count for a, b in zip(near, known, strict=True)]
    assert kept_neighbours(found, reference) == pytest.approx(expected)


def test_equal_texts_and_equal_files_lose_no_neighbour():
    """Ties do not count as lost, and a file keeps all of its own neighbours; one text has none to lose."""
    _, reference = embeddings(60, 0)
    repeated = np.repeat(reference, 3, axis=0)
    for side in (reference, repeated):
        assert vector_tallies(side, side) == pytest.approx(np.ones((len(side), 2)))
    assert kept_neighbours(reference[:1], reference[:1]) == 1


def test_pairs_have_the_mean_of_both_texts_and_their_own_cosine():
    """The metrics of pairs are those of the tallies' columns, Spearman's correlation as scipy computes it."""
    found, reference = (side.reshape(50, 2, 8) for side in embeddings(100, 0.3))
    scores = np.random.default_rng(1).integers(0, 6, 50).astype(float)
    meaning = Meaning(settings=TaskSettings(width=8))
    examples = [Example(texts=("a", "b"), gold=(score,)) for score in scores]
    keys, known = ([tuple(row) for row in side.reshape(50, 16).tolist()] for side in (found, reference))
    tallies = tally_array(count_vectors(examples, keys, meaning, known))
    assert all(is_vector_tally(tuple(row), meaning) for row in tallies.tolist())
    cosine = cosine_similarity(found[:, 0], found[:, 1]).diagonal()
    assert METRICS["pair_spearman"].value(tallies) == pytest.approx(scipy.stats.spearmanr(scores, cosine)[0])
    each = cosines(found.reshape(100, 8), reference.reshape(100, 8))
    assert METRICS["cosine"].value(tallies) == pytest.approx(each.mean())
    assert METRICS["cosine_p1"].value(tallies) == pytest.approx(np.percentile(each.reshape(50, 2).mean(axis=1), 1))
    kept = kept_neighbours(found.reshape(100, 8), reference.reshape(100, 8))
    assert METRICS["recall_at_10"].value(tallies) == pytest.approx(kept.mean())
