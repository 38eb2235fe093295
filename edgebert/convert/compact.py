"""A TFLite file without repetitions: every signature refers to one copy of the quantization scales.

The quantizer writes scales and zero points of a weight once for each signature that uses it, 12 bytes for each row of
the embedding table: 4 % of a DistilBERT-base with four signatures, 9 % of a model half as wide.
"""

from __future__ import annotations

from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema

_ALIGNMENT = 16  # of constants, as kernels that load whole vectors expect
_IDENTIFIER = b"TFL3"


def compact_tflite(content: bytes) -> bytes:
    """Return the same model with equal quantization parameters stored once."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
    constants = [_constant(buffer, content) for buffer in model.buffers]
    described = {item.buffer for item in model.metadata or ()}
    outside = [index for index, data in enumerate(constants) if data and index not in described]
    for index in outside:
        # Constants are behind the flatbuffer, where they can be aligned: Python's builder knows no alignment.
        model.buffers[index] = _Outside(size=len(constants[index]))
    # The place of the constants depends on the size of the flatbuffer, which does not depend on the places.
    length = len(_packed(model))
    end = length
    for index in outside:
        model.buffers[index].offset = _aligned(end)
        end = model.buffers[index].offset + len(constants[index])
    result = bytearray(_packed(model))
    assert len(result) == length, "the size of a flatbuffer does not depend on the numbers in it"
    for index in outside:
        result += bytes(model.buffers[index].offset - len(result))
        result += constants[index]
    return bytes(result)


class _Shared:
    """Quantization parameters that are written at their first use and referred to after it."""

    def __init__(self, parameters: Any) -> None:
        self._parameters = parameters
        self._place: int | None = None

    def Pack(self, builder: flatbuffers.Builder) -> int:  # noqa: N802  # the name that generated code calls
        if self._place is None:
            self._place = self._parameters.Pack(builder)
        return self._place


class _Outside(schema.BufferT):  # type: ignore[misc]  # generated code without types
    """A buffer whose bytes are behind the flatbuffer."""

    def __init__(self, *, size: int) -> None:
        super().__init__()
        self.offset, self.size = 1, size  # 0 would mean that there are none


def _packed(model: Any) -> bytes:
    shared: dict[tuple[object, ...], _Shared] = {}
    originals = []
    for graph in model.subgraphs:
        for tensor in graph.tensors:
            originals.append((tensor, tensor.quantization))
            if tensor.quantization is not None:
                tensor.quantization = shared.setdefault(_content(tensor.quantization), _Shared(tensor.quantization))
    builder = flatbuffers.Builder(1 << 20)
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    for tensor, quantization in originals:
        tensor.quantization = quantization
    return bytes(builder.Output())


def _content(parameters: Any) -> tuple[object, ...]:
    """Return what makes two quantizations the same."""
    arrays = (parameters.min, parameters.max, parameters.scale, parameters.zeroPoint)
    return (*(None if a is None else np.asarray(a).tobytes() for a in arrays), parameters.quantizedDimension)


def _constant(buffer: Any, content: bytes) -> bytes:
    if buffer.data is not None:
        return np.asarray(buffer.data, dtype=np.uint8).tobytes()
    return content[buffer.offset : buffer.offset + buffer.size]


def _aligned(place: int) -> int:
    return -(-place // _ALIGNMENT) * _ALIGNMENT
