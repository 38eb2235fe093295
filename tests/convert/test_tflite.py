"""A TFLite file computes what its weights say in every signature, and is the same every time."""

from __future__ import annotations

import dataclasses
import logging
from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter

from edgebert.checkpoint import load_model
from edgebert.convert.golden import simulate_int8
from edgebert.convert.tflite import quantize_tflite, write_tflite
from edgebert.convert.weights import extract_weights
from tests.support import fakes

FLOAT, INT8 = "baseline/float32.tflite", "int8.tflite"


@pytest.fixture(scope="module")
def model():
    return load_model(fakes.shared_checkpoint())


@pytest.fixture(scope="module")
def legacy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("legacy") / "int8-legacy.tflite"
    quantize_tflite(fakes.shared_bundle() / FLOAT, path, per_tensor=True)
    return path


@pytest.fixture(scope="module")
def uneven(tmp_path_factory: pytest.TempPathFactory):
    """A file whose layers have other widths than each other, three labels, ReLU, and the weights it was made of."""
    weights = fakes.random_weights(
        4, hidden=24, head_dim=6, heads=(4, 1, 2), neurons=(40, 3, 16), labels=3, activation="relu"
    )
    path = tmp_path_factory.mktemp("uneven") / "float32.tflite"
    write_tflite(weights, path, lengths=(24,))
    return path, weights


def graphs(path: Path):
    """Return the model of a file as the flatbuffer's own objects."""
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))


def constants(path: Path) -> list[bytes]:
    """Return the bytes of every buffer, whether they lie in the flatbuffer or behind it."""
    content = path.read_bytes()
    return [
        content[buffer.offset : buffer.offset + buffer.size] if buffer.data is None else bytes(buffer.data)
        for buffer in graphs(path).buffers
    ]


def matrices(path: Path):
    """Return the constant matrix of every dense layer and embedding table of the longest signature."""
    model, stored = graphs(path), constants(path)
    graph = model.subgraphs[-1]
    for operator in graph.operators:
        code = model.operatorCodes[operator.opcodeIndex]
        if max(code.builtinCode, code.deprecatedBuiltinCode) in (
            schema.BuiltinOperator.FULLY_CONNECTED,
            schema.BuiltinOperator.EMBEDDING_LOOKUP,
        ):
            tensor = graph.tensors[operator.inputs[1]]
            if stored[tensor.buffer]:
                yield tensor


@pytest.mark.parametrize("length", fakes.LENGTHS)
def test_the_float_file_equals_torch_for_every_text_and_padding(model, length):
    """Texts from one token to the full length give torch's logits in each signature that holds them."""
    texts = fakes.random_texts(length, count=40, longest=length)
    actual = fakes.tflite_logits(fakes.shared_bundle() / FLOAT, texts, length)
    np.testing.assert_allclose(actual, fakes.torch_logits(model.module, texts), atol=1e-4)


def test_layers_of_uneven_width_are_computed_right(uneven):
    """Narrower layers, as pruning leaves them, give what a plain forward pass gives."""
    path, weights = uneven
    texts = fakes.random_texts(9, count=40, longest=24, vocabulary=50)
    expected = np.stack([fakes.reference_logits(weights, text) for text in texts])
    np.testing.assert_allclose(fakes.tflite_logits(path, texts, 24), expected, atol=1e-4)


def test_a_model_of_one_layer_is_computed_right(tmp_path):
    """The first layer can be the last: the shortcut to the first token then starts at the embeddings."""
    weights = fakes.random_weights(5, hidden=8, head_dim=4, heads=(2,), neurons=(12,), labels=5)
    write_tflite(weights, tmp_path / "float32.tflite", lengths=(8,))
    texts = fakes.random_texts(1, count=10, longest=8, vocabulary=50)
    expected = np.stack([fakes.reference_logits(weights, text) for text in texts])
    np.testing.assert_allclose(fakes.tflite_logits(tmp_path / "float32.tflite", texts, 8), expected, atol=1e-4)


def test_computing_the_first_token_only_changes_nothing(tmp_path, uneven):
    """The shortcut in the last layer gives the logits of the full computation."""
    short, weights = uneven
    full = tuple(dataclasses.replace(layer, first_token_only=False) for layer in weights.layers)
    write_tflite(dataclasses.replace(weights, layers=full), tmp_path / "full.tflite", lengths=(24,))
    texts = fakes.random_texts(2, count=20, longest=24, vocabulary=50)
    np.testing.assert_allclose(
        fakes.tflite_logits(short, texts, 24), fakes.tflite_logits(tmp_path / "full.tflite", texts, 24), atol=1e-5
    )


@pytest.mark.parametrize("file", [FLOAT, INT8])
def test_each_length_has_a_signature_with_named_int32_inputs(file):
    """len8 and len16 take input_ids and attention_mask, int32 [1, length], and give logits, float32 [1, labels]."""
    interpreter = Interpreter(model_path=str(fakes.shared_bundle() / file))
    signatures = interpreter.get_signature_list()
    assert {name: (sorted(each["inputs"]), each["outputs"]) for name, each in signatures.items()} == {
        f"len{length}": (["attention_mask", "input_ids"], ["logits"]) for length in fakes.LENGTHS
    }
    for length in fakes.LENGTHS:
        runner = interpreter.get_signature_runner(f"len{length}")
        for detail in runner.get_input_details().values():
            assert (list(detail["shape"]), detail["dtype"]) == ([1, length], np.int32)
        detail = runner.get_output_details()["logits"]
        assert (list(detail["shape"]), detail["dtype"]) == ([1, 2], np.float32)


@pytest.mark.parametrize("file", [FLOAT, INT8])
def test_the_signatures_share_one_set_of_weights(file):
    """No matrix is stored twice: each dense layer of a signature reads the buffer that the other signature reads."""
    stored = constants(fakes.shared_bundle() / file)
    table = len(fakes.VOCABULARY) * 32 * (4 if file == FLOAT else 1)
    assert [len(data) for data in stored].count(table) == 1
    large = [data for data in stored if len(data) >= 32 * 32]
    assert len(large) == len(set(large)) >= 14


def test_every_matrix_of_the_int8_file_has_a_scale_for_each_row():
    """Dense layers and embedding tables are int8, per channel."""
    found = list(matrices(fakes.shared_bundle() / INT8))
    assert len(found) >= 14
    for tensor in found:
        assert tensor.type == schema.TensorType.INT8
        assert len(tensor.quantization.scale) == tensor.shape[0]
        assert not np.any(tensor.quantization.zeroPoint)


def test_every_matrix_of_the_legacy_file_has_one_scale(legacy):
    """Dense layers and embedding tables are int8, per tensor, which the old tflite-runtime computes correctly."""
    found = list(matrices(legacy))
    assert len(found) >= 14
    for tensor in found:
        assert tensor.type == schema.TensorType.INT8
        assert len(tensor.quantization.scale) == 1


@pytest.mark.parametrize("per_tensor", [False, True])
def test_an_int8_file_computes_what_the_simulation_in_torch_predicts(model, legacy, per_tensor):
    """The file is about as far from float as the simulation says, far nearer than its logits are to zero."""
    texts = fakes.random_texts(8, count=60, longest=16)
    exact = fakes.torch_logits(model.module, texts)
    simulated = fakes.torch_logits(simulate_int8(model.module, per_tensor=per_tensor), texts)
    actual = fakes.tflite_logits(legacy if per_tensor else fakes.shared_bundle() / INT8, texts, 16)
    assert 0 < fakes.rms(actual - exact) < 2 * fakes.rms(simulated - exact)
    assert fakes.rms(actual - exact) < 0.1 * fakes.rms(exact)


def test_the_same_weights_give_the_same_bytes(tmp_path, model):
    """Whatever was converted in a process before, the file is the same, and the model computes the same after it."""
    texts = fakes.random_texts(2, count=3, longest=8)
    before = fakes.torch_logits(model.module, texts)
    write_tflite(extract_weights(model), tmp_path / "again.tflite", lengths=fakes.LENGTHS)
    assert (tmp_path / "again.tflite").read_bytes() == (fakes.shared_bundle() / FLOAT).read_bytes()
    np.testing.assert_array_equal(fakes.torch_logits(model.module, texts), before)


def test_quantizing_again_gives_the_same_bytes(tmp_path, legacy):
    """A float file gives one int8 file and one legacy file."""
    quantize_tflite(fakes.shared_bundle() / FLOAT, tmp_path / "int8.tflite", per_tensor=False)
    assert (tmp_path / "int8.tflite").read_bytes() == (fakes.shared_bundle() / INT8).read_bytes()
    quantize_tflite(fakes.shared_bundle() / FLOAT, tmp_path / "legacy.tflite", per_tensor=True)
    assert (tmp_path / "legacy.tflite").read_bytes() == legacy.read_bytes()


def test_converting_says_nothing_and_leaves_logging_as_it_was(tmp_path, capsys):
    """The converters' bars and notes stay off the terminal, and a program's own logging works afterwards."""
    before = logging.root.manager.disable
    quantize_tflite(fakes.shared_bundle() / FLOAT, tmp_path / "int8.tflite", per_tensor=False)
    assert capsys.readouterr() == ("", "")
    assert logging.root.manager.disable == before
