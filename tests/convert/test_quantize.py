"""Eight-bit weights are as near to the float ones as eight bits can be."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from edgebert.convert.golden import simulate_int8
from edgebert.convert.onnx import per_row_int8

MATRICES = hnp.arrays(
    np.float32,
    hnp.array_shapes(min_dims=2, max_dims=2, max_side=12),
    elements=st.floats(-1e6, 1e6, width=32).map(lambda x: x if abs(x) > 1e-20 else 0.0),
)


@given(MATRICES)
def test_no_value_is_off_by_more_than_half_a_step(matrix):
    """Restoring a row from its int8 values and scale misses each value by half the scale at most."""
    values, scales = per_row_int8(matrix)
    assert (values.dtype, scales.dtype) == (np.int8, np.float32)
    error = np.abs(values.astype(np.float64) * scales[:, None].astype(np.float64) - matrix)
    assert (error <= scales[:, None].astype(np.float64) * (0.5 + 1e-4)).all()


@given(MATRICES)
def test_the_largest_value_of_a_row_uses_the_whole_range_and_minus_128_is_not_used(matrix):
    """A row that is not all zeros reaches 127 or -127; an all-zero row stays zeros under a scale that divides."""
    values, scales = per_row_int8(matrix)
    assert (scales > 0).all()
    largest = np.abs(values.astype(int)).max(axis=1)
    assert largest.tolist() == [127 if row.any() else 0 for row in matrix]


@given(MATRICES, st.integers(0, 11))
def test_rows_do_not_know_each_other(matrix, row):
    """A row is quantized as if it stood alone."""
    row %= len(matrix)
    values, scales = per_row_int8(matrix)
    alone, scale = per_row_int8(matrix[row : row + 1])
    np.testing.assert_array_equal(values[row], alone[0])
    assert scales[row] == scale[0]


def test_a_scale_for_each_row_is_better_than_one_for_all():
    """On rows of unlike size, per-tensor rounding loses the small rows and per-row rounding keeps them."""
    layer = torch.nn.Linear(4, 2, bias=False)
    layer.weight.data = torch.tensor([[100.0, -50.0, 25.0, 10.0], [0.1, -0.05, 0.025, 0.01]])
    by_row = simulate_int8(layer, per_tensor=False).weight.data.numpy()
    by_tensor = simulate_int8(layer, per_tensor=True).weight.data.numpy()
    assert not by_tensor[1].any()
    np.testing.assert_allclose(by_row[1], layer.weight.data[1].numpy(), atol=0.1 / 254)


@given(st.integers(0, 999))
def test_the_simulation_rounds_inputs_to_256_levels_and_weights_as_the_file_stores_them(seed):
    """A simulated dense layer equals integer arithmetic on the stored values, up to float rounding."""
    rng = np.random.default_rng(seed)
    weight, x = rng.standard_normal((5, 7)).astype(np.float32), rng.standard_normal((3, 7)).astype(np.float32)
    layer = torch.nn.Linear(7, 5, bias=False)
    layer.weight.data = torch.from_numpy(weight)
    with torch.no_grad():
        simulated = simulate_int8(layer, per_tensor=False)(torch.from_numpy(x)).numpy()
    low, high = np.minimum(x.min(), np.float32(0)), np.maximum(x.max(), np.float32(0))
    step = (high - low) / np.float32(255)
    zero = np.rint(-low / step)
    levels = (np.rint(x / step) + zero).clip(0, 255).astype(np.int64) - int(zero)
    values, scales = per_row_int8(weight)
    np.testing.assert_allclose(simulated, levels @ values.T.astype(np.int64) * step * scales, atol=1e-5)


def test_the_simulation_leaves_its_model_alone():
    """The copy is rounded; the model given keeps its weights and has no hook."""
    layer = torch.nn.Linear(3, 3)
    before = layer.weight.clone()
    simulated = simulate_int8(layer, per_tensor=True)
    assert torch.equal(layer.weight, before)
    assert not torch.equal(simulated.weight, before)
    x = torch.randn(2, 3)
    assert torch.equal(layer(x), torch.nn.functional.linear(x, before, layer.bias))


def test_zeros_are_exact():
    """Zero inputs and zero weights stay exactly zero: padding and pruned values add nothing."""
    layer = torch.nn.Linear(4, 2)
    layer.weight.data.zero_()
    simulated = simulate_int8(layer, per_tensor=False)
    assert torch.equal(simulated(torch.randn(3, 4)), layer.bias.expand(3, 2))
    layer.weight.data.normal_()
    assert torch.equal(simulate_int8(layer, per_tensor=False)(torch.zeros(1, 4))[0], layer.bias)
