"""Files without repeated quantization parameters are the same model in fewer bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from ai_edge_litert import schema_py_generated as schema

from edgebert.convert.compact import compact_tflite
from edgebert.convert.tflite import quantize_tflite
from edgebert.ondevice.session import open_session
from tests.support import fakes

FLOAT = "baseline/float32.tflite"


@pytest.fixture(scope="module")
def quantized(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an int8 file as the quantizer leaves it, made compact only afterwards by the tests."""
    from ai_edge_quantizer import quantizer, recipe

    folder = tmp_path_factory.mktemp("compact")
    work = quantizer.Quantizer(str(fakes.shared_bundle() / FLOAT), recipe.dynamic_wi8_afp32())
    (folder / "raw.tflite").write_bytes(bytes(work.quantize().quantized_model))
    (folder / "compact.tflite").write_bytes(compact_tflite((folder / "raw.tflite").read_bytes()))
    return folder


def read(path: Path) -> tuple[schema.ModelT, bytes]:
    content = path.read_bytes()
    return schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0)), content


def test_same_answers(quantized: Path) -> None:
    """The compact file gives the very bits of the quantizer's own, in every signature."""
    before, after = (open_session(str(quantized / name), "litert") for name in ("raw.tflite", "compact.tflite"))
    rng = np.random.default_rng(0)
    for length in fakes.LENGTHS:
        ids = rng.integers(5, 40, (1, length)).astype(np.int32)
        mask = (np.arange(length) < length - 3).astype(np.int32)[None]
        assert np.array_equal(before.run(ids, mask)["logits"], after.run(ids, mask)["logits"])


def test_smaller_and_idempotent(quantized: Path) -> None:
    """It is smaller than the quantizer's file, and there is nothing left to take out of it."""
    content = (quantized / "compact.tflite").read_bytes()
    assert len(content) < (quantized / "raw.tflite").stat().st_size
    assert compact_tflite(content) == content


def test_quantization_is_kept_and_shared(quantized: Path) -> None:
    """Every tensor has the scales it had; equal ones lie at one place in the file."""
    (before, _), (after, content) = read(quantized / "raw.tflite"), read(quantized / "compact.tflite")
    for old, new in zip(before.subgraphs, after.subgraphs, strict=True):
        for was, now in zip(old.tensors, new.tensors, strict=True):
            if was.quantization is None:
                assert now.quantization is None
            else:
                assert np.array_equal(was.quantization.scale, now.quantization.scale)
                assert np.array_equal(was.quantization.zeroPoint, now.quantization.zeroPoint)
                assert was.quantization.quantizedDimension == now.quantization.quantizedDimension
    model = schema.Model.GetRootAs(content, 0)
    graphs = [model.Subgraphs(index) for index in range(model.SubgraphsLength())]
    places = [
        graph.Tensors(index).Quantization()._tab.Pos
        for graph in graphs
        for index in range(graph.TensorsLength())
        if graph.Tensors(index).Quantization() is not None
    ]
    assert len(set(places)) < len(places) / len(fakes.LENGTHS)


def test_constants_are_kept_and_aligned(quantized: Path) -> None:
    """Every constant has the bytes it had and starts at a multiple of 16."""
    (before, old), (after, new) = read(quantized / "raw.tflite"), read(quantized / "compact.tflite")

    def data(buffer: schema.BufferT, content: bytes) -> bytes:
        if buffer.data is not None:
            return bytes(bytearray(buffer.data))
        return content[buffer.offset : buffer.offset + buffer.size]

    assert [data(b, old) for b in before.buffers] == [data(b, new) for b in after.buffers]
    assert all(buffer.offset % 16 == 0 for buffer in after.buffers)
    assert any(buffer.offset for buffer in after.buffers)


def test_quantize_writes_compact_files(quantized: Path) -> None:
    """What ``quantize_tflite`` writes needs no second pass."""
    quantize_tflite(fakes.shared_bundle() / FLOAT, quantized / "int8.tflite", per_tensor=False)
    content = (quantized / "int8.tflite").read_bytes()
    assert compact_tflite(content) == content
