"""The shapes that ``python -m benchmarks pruned-speed`` measures."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.studies.pruned_speed import pruned_shapes, scaled
from edgebert.errors import UsageError
from tests.benchmarks.pruning_values import BASE, SMALL, pruning_results


def test_a_cut_is_scaled_to_the_base_shape():
    """Heads stay as many, neurons double, layers that went stay gone, and everything else is the base's."""
    cut = dataclasses.replace(SMALL, heads=(12, 7, 1, 3), neurons=(1536, 640, 8, 16), vocabulary=5)
    assert scaled(cut, SMALL, BASE) == dataclasses.replace(BASE, heads=(12, 7, 1, 3), neurons=(3072, 1280, 16, 32))
    assert scaled(SMALL, SMALL, BASE) == BASE
    half = dataclasses.replace(SMALL, heads=(24,) * 6, head_dim=16)
    assert scaled(dataclasses.replace(half, heads=(1,) * 6), half, BASE).heads == (1,) * 6
    with pytest.raises(UsageError, match="4 layers, the suite's shape has 6"):
        scaled(cut, dataclasses.replace(SMALL, heads=(12,) * 4, neurons=(1536,) * 4), BASE)
    with pytest.raises(UsageError, match="different widths"):
        scaled(cut, cut, BASE)


def test_the_shapes_come_from_the_recorded_cuts():
    """The seed's cuts are taken, the vocabulary is cut in one of them, and a cut that is missing is named."""
    shapes = pruned_shapes(pruning_results(), BASE, seed=0)
    assert [(shape.name, shape.architecture.vocabulary) for shape in shapes] == [
        ("unpruned", 30522),
        ("keep 0.5", 30522),
        ("keep 0.35", 9000),
        ("keep 0.25", 30522),
    ]
    assert shapes[0].architecture == BASE
    assert shapes[3].architecture.layers == 5
    with pytest.raises(UsageError, match=r"no cut to 0\.5 with seed 7"):
        pruned_shapes(pruning_results(), BASE, seed=7)
