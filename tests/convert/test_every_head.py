"""Files of every task compute what transformers computes, and nothing that their head does not read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import pytest

from edgebert.checkpoint import Model
from edgebert.convert.golden import simulate_int8
from edgebert.convert.onnx import write_onnx
from edgebert.convert.weights import extract_weights
from edgebert.examples import Outputs
from edgebert.modelfile import describe
from edgebert.parity import float_tolerance
from edgebert.pruning.cost import macs
from tests.support import fakes, task_models

LENGTHS = {"entities": (8, 24), "answers": (24,), "number": (24,), "dense": (24,)}
"""Signatures of the TFLite files. What these cases have in common with others is converted once: that takes seconds."""

TEXTS = fakes.random_texts(1, count=12, longest=24, vocabulary=50)


@dataclass(frozen=True)
class Files:
    """The float and the int8 file of one format, and the model that they are of."""

    model: Model
    folder: Path


@pytest.fixture(scope="module", params=list(task_models.CASES))
def onnx_files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Return the ONNX files of every case."""
    model, folder = task_models.task_model(request.param), tmp_path_factory.mktemp("onnx")
    for precision in ("float32", "int8"):
        write_onnx(extract_weights(model), folder / f"{precision}.onnx", int8=precision == "int8")
    return Files(model, folder)


@pytest.fixture(scope="module", params=list(LENGTHS))
def tflite_files(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """Return the TFLite files of the cases that differ."""
    pytest.importorskip("litert_torch", reason="writes TFLite files")
    from edgebert.convert.tflite import quantize_tflite, write_tflite

    model, folder = task_models.task_model(request.param, layers=1), tmp_path_factory.mktemp("tflite")
    write_tflite(extract_weights(model), folder / "float32.tflite", lengths=LENGTHS[request.param])
    quantize_tflite(folder / "float32.tflite", folder / "int8.tflite", per_tensor=False)
    return Files(model, folder)


def token_outputs(model: Model) -> tuple[str, ...]:
    return model.checkpoint.head.outputs if model.checkpoint.head.reads == "every" else ()


def difference(found: Sequence[Outputs], expected: Sequence[Outputs]) -> float:
    """Return the largest difference of a number; the outputs must have the same names and shapes."""
    largest = 0.0
    for ours, theirs in zip(found, expected, strict=True):
        assert {name: array.shape for name, array in ours.items()} == {
            name: array.shape for name, array in theirs.items()
        }
        largest = max(largest, *(float(np.abs(ours[name] - theirs[name]).max()) for name in theirs))
    return largest


def test_the_float_onnx_file_equals_torch(onnx_files: Files):
    """Texts of every length alone, and together in a batch with padding, give what the module gives each alone."""
    expected = task_models.torch_outputs(onnx_files.model.module, TEXTS)
    path = onnx_files.folder / "float32.onnx"
    assert difference(task_models.onnx_outputs(path, TEXTS), expected) < float_tolerance(expected)
    assert difference(task_models.onnx_outputs(path, TEXTS, length=27), expected) < float_tolerance(expected)


def test_the_float_tflite_file_equals_torch(tflite_files: Files):
    """Texts that fit into a signature, padded to its length, give what the module gives each alone."""
    path, rows = tflite_files.folder / "float32.tflite", token_outputs(tflite_files.model)
    for length in describe(path).lengths:
        texts = [text for text in TEXTS if len(text) <= length]
        expected = task_models.torch_outputs(tflite_files.model.module, texts)
        found = task_models.tflite_outputs(path, texts, length, rows)
        assert difference(found, expected) < float_tolerance(expected)


def bounds(model: Model) -> tuple[list[Outputs], float, float]:
    """Return the outputs of a model, and between what differences to them an int8 file must be."""
    exact = task_models.torch_outputs(model.module, TEXTS)
    simulated = task_models.torch_outputs(simulate_int8(model.module, per_tensor=False), TEXTS)
    return exact, float_tolerance(exact), 3 * difference(simulated, exact) + float_tolerance(exact)


def test_the_int8_onnx_file_is_within_the_simulated_error(onnx_files: Files):
    """It is off by what the simulation allows, and by more than a float file: rounded it is."""
    exact, least, most = bounds(onnx_files.model)
    found = task_models.onnx_outputs(onnx_files.folder / "int8.onnx", TEXTS)
    assert least < difference(found, exact) < most


def test_the_int8_tflite_file_is_within_the_simulated_error(tflite_files: Files):
    """It is off by what the simulation allows, and by more than a float file: rounded it is."""
    exact, least, most = bounds(tflite_files.model)
    rows = token_outputs(tflite_files.model)
    found = task_models.tflite_outputs(tflite_files.folder / "int8.tflite", TEXTS, 24, rows)
    assert least < difference(found, exact) < most


def check_description(path: Path, model: Model) -> None:
    """Compare what is read from a file with the head of its model."""
    found, checkpoint = describe(path), model.checkpoint
    assert found.precision == path.stem
    head, batch = checkpoint.head, "batch" if path.suffix == ".onnx" else 1
    shapes = head.shapes(hidden=checkpoint.architecture.hidden, labels=len(checkpoint.labels))
    width = [*shapes.values()][-1][0] if shapes else checkpoint.architecture.hidden
    expected = (batch, *(["length"] if head.reads == "every" else []), *([width] if len(head.outputs) == 1 else []))
    assert {item.name: (item.dtype, item.shape) for item in found.outputs} == dict.fromkeys(
        head.outputs, ("float32", expected)
    )
    facts = found.facts
    assert (facts.reads, facts.normalize) == (head.reads, head.normalize)
    assert facts.dense == tuple(outputs for outputs, _ in shapes.values())
    assert facts.dense_activations == tuple(layer.activation for layer in head.layers)
    assert (facts.hidden, facts.neurons) == (checkpoint.architecture.hidden, checkpoint.architecture.neurons)
    assert all(not item.name.startswith("BUILTIN") for item in found.operators)
    parts = {part.name: part.size_bytes for part in found.parts}
    matrices = sum(outputs * inputs for outputs, inputs in shapes.values())
    assert matrices <= parts["head"] / (4 if path.stem == "float32" else 1) <= 3 * matrices + 50


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_the_description_of_an_onnx_file_tells_its_head(onnx_files: Files, precision: str):
    """Outputs with their shapes, rows that are read, dense layers and what follows them are those of the model."""
    check_description(onnx_files.folder / f"{precision}.onnx", onnx_files.model)


@pytest.mark.parametrize("precision", ["float32", "int8"])
def test_the_description_of_a_tflite_file_tells_its_head(tflite_files: Files, precision: str):
    """The same, with the length left free wherever a signature has rows for its tokens."""
    check_description(tflite_files.folder / f"{precision}.tflite", tflite_files.model)


def test_a_file_computes_what_its_head_reads_and_no_more(onnx_files: Files):
    """The matrix products of the float ONNX file are those that are counted for a model of this task."""
    model, length, batch = onnx.load(onnx_files.folder / "float32.onnx"), 9, 1
    for value in (*model.graph.input, *model.graph.output):
        for size in value.type.tensor_type.shape.dim:
            if size.dim_param:
                size.dim_value = {"batch": batch, "length": length}[size.dim_param]
    inferred = onnx.shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    shapes = {
        value.name: [size.dim_value for size in value.type.tensor_type.shape.dim] for value in inferred.value_info
    }
    shapes |= {constant.name: list(constant.dims) for constant in inferred.initializer}
    products = 0
    for node in inferred.node:
        if node.op_type == "MatMul":
            products += int(np.prod(shapes[node.input[0]])) * shapes[node.input[1]][-1]
    checkpoint = onnx_files.model.checkpoint
    uncounted = 0
    for spec, linear in zip(checkpoint.head.layers, extract_weights(onnx_files.model).dense, strict=True):
        if spec.outputs == "labels":
            uncounted += linear.weight.size * (length if checkpoint.head.reads == "every" else 1)
    assert products - uncounted == macs(checkpoint.architecture, {length: 1}, checkpoint.head)
