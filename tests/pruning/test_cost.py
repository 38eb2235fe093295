"""The counts of multiply-accumulates, against those of the matrix products that a file of ours really runs."""

from __future__ import annotations

import dataclasses
import functools
import math
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.architecture import Architecture
from edgebert.convert.onnx import write_onnx
from edgebert.pruning.cost import Costs, mac_costs, macs
from tests.pruning.inputs import HEAD
from tests.support import fakes

LABELS = 3


def shape(heads, neurons, *, hidden=16, head_dim=4) -> Architecture:
    return Architecture(
        hidden=hidden,
        head_dim=head_dim,
        heads=tuple(heads),
        neurons=tuple(neurons),
        vocabulary=50,
        positions=40,
        activation="gelu",
    )


@functools.cache
def session(architecture: Architecture, *, first_token_only: bool) -> tuple[onnxruntime.InferenceSession, tuple]:
    """Return the float ONNX file of this shape, run as it is written and with the products' values as outputs."""
    weights = fakes.random_weights(
        0,
        hidden=architecture.hidden,
        head_dim=architecture.head_dim,
        heads=architecture.heads,
        neurons=architecture.neurons,
        labels=LABELS,
    )
    top = dataclasses.replace(weights.layers[-1], first_token_only=first_token_only)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float.onnx"
        write_onnx(dataclasses.replace(weights, layers=(*weights.layers[:-1], top)), path, int8=False)
        model = onnx.load(path)
    assert not {node.op_type for node in model.graph.node} & {"Gemm", "Einsum", "Conv"}
    products = tuple((node.input[0], node.output[0]) for node in model.graph.node if node.op_type == "MatMul")
    shown = {name for pair in products for name in pair} - {output.name for output in model.graph.output}
    model.graph.output.extend(onnx.helper.make_empty_tensor_value_info(name) for name in sorted(shown))
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    options.intra_op_num_threads = 1
    return onnxruntime.InferenceSession(model.SerializeToString(), options, ["CPUExecutionProvider"]), products


def counted(architecture: Architecture, length: int, *, first_token_only: bool) -> int:
    """Return the multiply-accumulates of all matrix products that run for one text of a length."""
    runtime, products = session(architecture, first_token_only=first_token_only)
    names = [output.name for output in runtime.get_outputs()]
    ids = np.ones((1, length), dtype=np.int64)
    values = dict(zip(names, runtime.run(names, {"input_ids": ids, "attention_mask": ids}), strict=True))
    return sum(math.prod(values[product].shape) * values[left].shape[-1] for left, product in products)


widths = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 40)), min_size=1, max_size=4)
mixtures = st.dictionaries(st.integers(1, 40), st.integers(1, 1000), min_size=1, max_size=5)


@given(widths=widths, lengths=mixtures, head_dim=st.sampled_from([1, 4, 6]), reads=st.sampled_from(["first", "mean"]))
@settings(max_examples=30)
def test_macs_are_those_of_the_products_a_file_runs(widths, lengths, head_dim, reads):
    """For uneven widths and any mixture of lengths, all executed products are counted but the label layer's."""
    architecture = shape(*zip(*widths, strict=True), head_dim=head_dim)
    total = sum(
        count * (counted(architecture, length, first_token_only=reads == "first") - architecture.hidden * LABELS)
        for length, count in lengths.items()
    )
    found = macs(architecture, lengths, dataclasses.replace(HEAD, reads=reads))
    assert found == pytest.approx(total / sum(lengths.values()), rel=1e-12)


@given(widths=widths, lengths=mixtures, data=st.data())
def test_the_cost_of_fewer_heads_and_neurons_is_that_of_a_narrower_model(widths, lengths, data):
    """Reading smaller widths off the curves gives what the narrower shape costs by itself."""
    heads, neurons = zip(*widths, strict=True)
    fewer_heads = tuple(data.draw(st.integers(1, count)) for count in heads)
    fewer_neurons = tuple(data.draw(st.integers(1, count)) for count in neurons)
    costs = mac_costs(shape(heads, neurons), lengths, HEAD)
    narrow = macs(shape(fewer_heads, fewer_neurons), lengths, HEAD)
    assert costs.of(fewer_heads, fewer_neurons) == pytest.approx(narrow, rel=1e-12)
    assert costs.full == costs.of(heads, neurons)


def test_a_base_model_costs_what_is_known_of_it():
    """DistilBERT-base at 128 tokens: 43M weights in 6 layers times 128, the scores and mixing, and the head."""
    base = shape((12,) * 6, (3072,) * 6, hidden=768, head_dim=64)
    layer = 128 * (4 * 768 * 768 + 2 * 768 * 3072) + 2 * 128 * 128 * 768
    assert macs(base, {128: 1}, dataclasses.replace(HEAD, reads="mean")) == 6 * layer + 768 * 768
    assert macs(base, {128: 1}, dataclasses.replace(HEAD, reads="every")) == 6 * layer + 128 * 768 * 768
    saved = 127 * (2 * 768 * 768 + 2 * 768 * 3072 + 2 * 128 * 768)
    assert macs(base, {128: 7}, HEAD) == 6 * layer + 768 * 768 - saved


def test_a_layer_of_width_0_is_one_that_went():
    """A layer without heads and neurons adds nothing, whatever its curves."""
    curve = np.array([0.0, 5.0, 7.0])
    costs = Costs(fixed=1.0, heads=(curve, curve), neurons=(curve, 2 * curve))
    assert costs.of((2, 0), (1, 0)) == 13.0
    assert costs.full == 36.0
    with pytest.raises(ValueError, match="argument"):
        costs.of((2,), (1, 0))
