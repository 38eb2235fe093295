"""What is in a model file: inputs, outputs, operators with their versions, bytes by part. Read from the file itself."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from edgebert.types import Operator, Part, TensorSpec

_LINEARS_PER_LAYER = 6  # query, key, value, attention output, expand, contract


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What was read from a file; fields as in ``edgebert.types.Artifact``."""

    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    lengths: tuple[int, ...]
    opset: int | None
    ir_version: int | None
    operators: tuple[Operator, ...]
    parts: tuple[Part, ...]


def describe(path: Path) -> Description:
    """Return the description of an ``.onnx`` or ``.tflite`` file that edgebert wrote."""
    return _describe_onnx(path) if path.suffix == ".onnx" else _describe_tflite(path)


def _parts(sizes: Counter[str], total_bytes: int) -> tuple[Part, ...]:
    known = ("embeddings", "attention", "feed_forward", "head")
    rest = total_bytes - sum(sizes[name] for name in known)
    return (*(Part(name=name, size_bytes=sizes[name]) for name in known), Part(name="other", size_bytes=rest))


def _operators(names: list[tuple[str, int]]) -> tuple[Operator, ...]:
    return tuple(Operator(name=name, version=version, count=n) for (name, version), n in sorted(Counter(names).items()))


def _describe_onnx(path: Path) -> Description:
    import onnx

    model = onnx.load(str(path))
    opset = next(item.version for item in model.opset_import if item.domain == "")
    sizes: Counter[str] = Counter()
    for tensor in model.graph.initializer:
        pieces = tensor.name.split("/")
        part = pieces[1] if pieces[0].startswith("layer.") else pieces[0]
        sizes[part] += len(tensor.raw_data)
    return Description(
        inputs=tuple(_onnx_tensor(value) for value in model.graph.input),
        outputs=tuple(_onnx_tensor(value) for value in model.graph.output),
        lengths=(),
        opset=opset,
        ir_version=model.ir_version,
        operators=_operators([(node.op_type, opset) for node in model.graph.node]),
        parts=_parts(sizes, path.stat().st_size),
    )


def _onnx_tensor(value: Any) -> TensorSpec:
    import onnx

    kind = value.type.tensor_type
    return TensorSpec(
        name=value.name,
        dtype=str(np.dtype(onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type))),
        shape=tuple(item.dim_param or item.dim_value for item in kind.shape.dim),
    )


def _describe_tflite(path: Path) -> Description:
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(path.read_bytes(), 0))
    names = {value: name for name, value in vars(schema.BuiltinOperator).items() if isinstance(value, int)}
    types = {value: name.lower() for name, value in vars(schema.TensorType).items() if isinstance(value, int)}
    codes = [(names[max(c.builtinCode, c.deprecatedBuiltinCode)], c.version) for c in model.operatorCodes]
    signatures = {int(item.signatureKey.decode().removeprefix("len")): item for item in model.signatureDefs}
    longest = signatures[max(signatures)]
    graph = model.subgraphs[longest.subgraphIndex]

    def tensor(item: Any, *, is_input: bool) -> TensorSpec:
        found = graph.tensors[item.tensorIndex]
        shape = tuple(int(size) for size in found.shape)
        free: tuple[int | str, ...] = (shape[0], "length") if is_input else shape
        return TensorSpec(name=item.name.decode(), dtype=types[found.type], shape=free)

    order = ("input_ids", "attention_mask")
    inputs = [tensor(item, is_input=True) for item in longest.inputs]
    return Description(
        inputs=tuple(sorted(inputs, key=lambda item: order.index(item.name))),
        outputs=tuple(tensor(item, is_input=False) for item in longest.outputs),
        lengths=tuple(sorted(signatures)),
        opset=None,
        ir_version=None,
        # One graph for each signature, all alike: counted once, as a reader thinks of a model.
        operators=_operators([codes[operator.opcodeIndex] for operator in graph.operators]),
        parts=_parts(_tflite_parts(model, graph, codes), path.stat().st_size),
    )


def _tflite_parts(model: Any, graph: Any, codes: list[tuple[str, int]]) -> Counter[str]:
    # The converter drops our names, so a dense layer is known by its place: six to a layer, two in the head.
    kinds = [codes[operator.opcodeIndex][0] for operator in graph.operators]
    in_layers = kinds.count("FULLY_CONNECTED") // _LINEARS_PER_LAYER * _LINEARS_PER_LAYER
    sizes: Counter[str] = Counter()
    dense = 0
    for kind, operator in zip(kinds, graph.operators, strict=True):
        if kind == "EMBEDDING_LOOKUP":
            part = "embeddings"
        elif kind == "FULLY_CONNECTED":
            in_layer = dense % _LINEARS_PER_LAYER
            part = "head" if dense >= in_layers else "attention" if in_layer < 4 else "feed_forward"
            dense += 1
        else:
            continue
        for index in operator.inputs:
            if index >= 0:
                buffer = model.buffers[graph.tensors[index].buffer]
                # The quantizer stores large constants behind the flatbuffer and leaves only their size in it.
                sizes[part] += buffer.size if buffer.data is None else len(buffer.data)
    return sizes
