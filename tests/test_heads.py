"""What the heads compute, against the modules of transformers that a checkpoint is loaded into."""

from __future__ import annotations

import pytest

from edgebert.architecture import Architecture
from edgebert.configuration import ENCODER, expected_shapes
from edgebert.heads import HEADS
from edgebert.manifest import Task
from edgebert.network import build_module

SHAPE = Architecture(
    hidden=12, head_dim=4, heads=(3, 1), neurons=(7, 5), vocabulary=50, positions=20, activation="gelu"
)


@pytest.mark.parametrize("task", HEADS)
def test_a_row_describes_the_module_of_transformers(task: Task):
    """Its layers, and no others, are the tensors outside the encoder, in their shapes; its outputs are the module's."""
    torch = pytest.importorskip("torch")
    head, module = HEADS[task], build_module(SHAPE, ("a", "b", "c"), task)
    shapes = {name: tuple(tensor.shape) for name, tensor in module.state_dict().items()}
    assert shapes == expected_shapes(SHAPE, 3, task)
    dense = {name.removesuffix(".weight"): shapes[name] for name in shapes if not name.startswith(ENCODER)}
    assert {name: shape for name, shape in dense.items() if len(shape) == 2} == head.shapes(hidden=12, labels=3)
    assert tuple(module(input_ids=torch.ones((1, 4), dtype=torch.int64))) == head.outputs
    assert {key: getattr(module.config, key) for key in head.settings} == head.settings
    assert {key: getattr(module.config, key) for key in head.dropouts} == head.dropouts
