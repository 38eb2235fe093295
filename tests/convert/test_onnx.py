"""An ONNX file computes what its weights say, loads where it must, and is the same every time."""

from __future__ import annotations

import dataclasses
import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.checkpoint import load_model
from edgebert.convert.golden import simulate_int8
from edgebert.convert.onnx import write_onnx
from edgebert.convert.weights import extract_weights
from tests.support import fakes

FLOAT, INT8 = "baseline/float32.onnx", "int8.onnx"


@pytest.fixture(scope="module")
def model():
    return load_model(fakes.shared_checkpoint())


@st.composite
def any_weights(draw):
    """Weights of a pruned model: every layer has widths of its own."""
    layers = draw(st.integers(1, 3))
    return fakes.random_weights(
        draw(st.integers(0, 999)),
        hidden=draw(st.integers(2, 24)),
        head_dim=draw(st.integers(1, 8)),
        heads=tuple(draw(st.lists(st.integers(1, 5), min_size=layers, max_size=layers))),
        neurons=tuple(draw(st.lists(st.integers(1, 40), min_size=layers, max_size=layers))),
        labels=draw(st.integers(2, 5)),
        activation=draw(st.sampled_from(["gelu", "relu"])),
    )


@settings(max_examples=30)
@given(weights=any_weights(), seed=st.integers(0, 999), count=st.integers(1, 5), extra=st.integers(0, 3))
def test_a_float_file_computes_what_its_weights_say_whatever_their_widths(weights, seed, count, extra):
    """A padded batch of random texts gives, row by row, what a plain forward pass gives each text alone."""
    texts = fakes.random_texts(seed, count=count, longest=12, vocabulary=50)
    expected = np.stack([fakes.reference_logits(weights, text) for text in texts])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "float32.onnx"
        write_onnx(weights, path, int8=False)
        actual = fakes.onnx_logits(path, *fakes.padded(texts, max(map(len, texts)) + extra))
    np.testing.assert_allclose(actual, expected, atol=1e-4 * max(1.0, float(np.abs(expected).max())))


@pytest.mark.parametrize("length", [1, 2, 7, 16, 33, 64])
def test_the_float_file_equals_torch_at_every_length(model, length):
    """From one token to all positions, the file and the checkpoint agree."""
    texts = [fakes.random_texts(seed, count=1, longest=1)[0] * length for seed in range(3)]
    texts += [text[:length] for text in fakes.random_texts(length, count=3, longest=64) if len(text) >= length]
    actual = fakes.onnx_logits(fakes.shared_bundle() / FLOAT, *fakes.padded(texts, length))
    np.testing.assert_allclose(actual, fakes.torch_logits(model.module, texts), atol=1e-4)


@settings(max_examples=20)
@given(seed=st.integers(0, 10_000), pad_id=st.integers(0, len(fakes.VOCABULARY) - 1))
def test_rows_of_a_padded_batch_equal_the_rows_alone(seed, pad_id):
    """Neither the neighbours in a batch nor the padding, whatever token fills it, move a float logit."""
    path = fakes.shared_bundle() / FLOAT
    texts = fakes.random_texts(seed, count=4, longest=20)
    together = fakes.onnx_logits(path, *fakes.padded(texts, 24, pad_id))
    alone = fakes.onnx_rows(path, texts)
    np.testing.assert_allclose(together, alone, atol=2e-5)


@pytest.mark.parametrize("int8", [False, True])
def test_computing_the_first_token_only_changes_nothing(tmp_path, model, int8):
    """The shortcut in the last layer gives the logits of the full computation; in int8 only its rounding moves."""
    weights = extract_weights(model)
    full = dataclasses.replace(
        weights, layers=tuple(dataclasses.replace(layer, first_token_only=False) for layer in weights.layers)
    )
    write_onnx(weights, tmp_path / "short.onnx", int8=int8)
    write_onnx(full, tmp_path / "full.onnx", int8=int8)
    ids, mask = fakes.padded(
        fakes.random_texts(5, count=1, longest=1) * 3 + fakes.random_texts(6, count=5, longest=12), 14
    )
    short, whole = (fakes.onnx_logits(tmp_path / name, ids, mask) for name in ("short.onnx", "full.onnx"))
    np.testing.assert_allclose(short, whole, atol=0.2 if int8 else 1e-5)


@pytest.mark.parametrize("file", [FLOAT, INT8])
def test_the_interface_is_that_of_optimum_and_transformers_js(file):
    """Inputs input_ids and attention_mask in int64, output logits in float32, batch and length free."""
    graph = onnx.load(str(fakes.shared_bundle() / file)).graph
    inputs = {
        value.name: (value.type.tensor_type.elem_type, [dim.dim_param for dim in value.type.tensor_type.shape.dim])
        for value in graph.input
    }
    assert inputs == {name: (onnx.TensorProto.INT64, ["batch", "length"]) for name in ("input_ids", "attention_mask")}
    (output,) = graph.output
    assert (output.name, output.type.tensor_type.elem_type) == ("logits", onnx.TensorProto.FLOAT)
    assert [dim.dim_param or dim.dim_value for dim in output.type.tensor_type.shape.dim] == ["batch", 2]


@pytest.mark.parametrize("file", [FLOAT, INT8])
def test_old_runtimes_load_it(file):
    """Opset 17 of the standard domain only, IR 8, and every weight inside the file."""
    model = onnx.load(str(fakes.shared_bundle() / file), load_external_data=False)
    assert [(item.domain, item.version) for item in model.opset_import] == [("", 17)]
    assert model.ir_version == 8
    assert {node.domain for node in model.graph.node} <= {"", "ai.onnx"}
    assert not any(tensor.external_data for tensor in model.graph.initializer)
    assert not model.graph.value_info
    onnx.checker.check_model(model, full_check=True)


def test_every_matrix_of_the_int8_file_is_int8():
    """Dense layers and embedding tables are stored in 8 bits; what stays float is scales, biases and norms."""
    initializers = {tensor.name: tensor for tensor in onnx.load(str(fakes.shared_bundle() / INT8)).graph.initializer}
    stored = {name: onnx.helper.tensor_dtype_to_np_dtype(tensor.data_type) for name, tensor in initializers.items()}
    matrices = [name for name in stored if name.endswith(("/weight", "/table"))]
    assert len(matrices) == 2 + 2 * 6 + 2
    assert {stored[name] for name in matrices} == {np.dtype(np.int8)}
    floats = [initializers[name] for name, dtype in stored.items() if dtype == np.float32]
    assert all(min(list(tensor.dims) or [1]) == 1 or len(tensor.dims) == 1 for tensor in floats)


def test_the_int8_file_uses_no_value_that_could_overflow_a_signed_product():
    """-128 does not occur in any int8 weight."""
    for tensor in onnx.load(str(fakes.shared_bundle() / INT8)).graph.initializer:
        if tensor.data_type == onnx.TensorProto.INT8:
            assert onnx.numpy_helper.to_array(tensor).min() >= -127


def test_the_int8_file_computes_what_the_simulation_in_torch_predicts(model):
    """File and simulation round alike, so they are far closer to each other than either is to float."""
    texts = fakes.random_texts(8, count=60, longest=16)
    exact = fakes.torch_logits(model.module, texts)
    simulated = fakes.torch_logits(simulate_int8(model.module, per_tensor=False), texts)
    actual = fakes.onnx_rows(fakes.shared_bundle() / INT8, texts)
    assert 0 < fakes.rms(actual - simulated) < fakes.rms(actual - exact)
    assert fakes.rms(actual - exact) < 0.1 * fakes.rms(exact)


@pytest.mark.parametrize("int8", [False, True])
def test_the_same_weights_give_the_same_bytes(tmp_path, model, int8):
    """Writing twice gives one file."""
    for name in ("one.onnx", "two.onnx"):
        write_onnx(extract_weights(model), tmp_path / name, int8=int8)
    assert (tmp_path / "one.onnx").read_bytes() == (tmp_path / "two.onnx").read_bytes()


def test_a_weight_of_zeros_survives_int8(tmp_path):
    """A model with an all-zero layer and an all-zero embedding row gives finite logits near float's."""
    weights = fakes.random_weights(3, hidden=8, head_dim=4, heads=(2, 1), neurons=(6, 3))
    weights.words[7] = 0
    weights.layers[0].expand.weight[:] = 0
    write_onnx(weights, tmp_path / "int8.onnx", int8=True)
    actual = fakes.onnx_logits(tmp_path / "int8.onnx", *fakes.padded([[3, 7, 7, 2]], 4))
    np.testing.assert_allclose(actual[0], fakes.reference_logits(weights, [3, 7, 7, 2]), atol=0.3)
