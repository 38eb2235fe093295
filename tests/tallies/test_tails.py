"""Whether one example outweighs all others in the interval of a metric of numbers."""

from __future__ import annotations

import numpy as np
import pytest

from edgebert.metrics import METRICS
from edgebert.tallies.numbers import correlation_influence, error_influence

INFLUENCES = {"pearson": correlation_influence, "rmse": error_influence}


def pair(noise: np.ndarray, seed: int = 1) -> np.ndarray:
    gold = np.random.default_rng(seed).normal(size=len(noise))
    return np.stack([gold, gold + noise], axis=1)


@pytest.mark.parametrize("metric", INFLUENCES)
def test_an_influence_is_what_leaving_an_example_out_changes(metric: str):
    """Of 400 examples, up to the few per cent by which the two differ, at any scale of the numbers."""
    tallies = pair(np.random.default_rng(2).normal(size=400))
    for scale in (1.0, 1e-30):
        scaled = scale * tallies
        whole, found = METRICS[metric].value(scaled), INFLUENCES[metric](*scaled.T)
        for index in (0, 17, int(np.argmax(np.abs(found)))):
            left = METRICS[metric].value(np.delete(scaled, index, axis=0))
            size = np.abs(found).max()
            assert found[index] == pytest.approx(399 * (whole - left), abs=0.06 * size)


@pytest.mark.parametrize("metric", INFLUENCES)
def test_one_text_that_outweighs_all_others_is_told(metric: str):
    """In a file, or in what another file changes alone; even numbers and equal answers say nothing."""
    doubt, generator = METRICS[metric].doubt, np.random.default_rng(3)
    assert doubt is not None
    noise = generator.normal(size=200)
    even, far, few = noise.copy(), noise.copy(), noise.copy()
    far[5] = 30.0
    few[:3] += (1.0, -0.5, 0.5)
    assert doubt([pair(noise)], 0) == doubt([pair(noise), pair(even)], 0) == ""
    assert "one of 200 texts makes more than a third" in doubt([pair(far)], 0)
    assert doubt([pair(few)], 0) == ""
    assert doubt([pair(noise), pair(few)], 0)
    flat = np.ones((5, 2))
    assert doubt([flat, flat], 0) == ""
