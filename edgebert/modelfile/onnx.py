"""ONNX files: the few messages of the protocol buffer that say what is in the file.

Field numbers are those of onnx.proto. Values of tensors are never copied.
"""

from __future__ import annotations

import struct
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from edgebert.heads import Activation
from edgebert.manifest import TensorSpec
from edgebert.modelfile.description import Description, Facts, operators_of, parts_of, precision_of

_FLOAT, _INT8, _INT64 = 1, 3, 7
_TYPES = {
    1: "float32",
    2: "uint8",
    3: "int8",
    5: "int16",
    6: "int32",
    7: "int64",
    9: "bool",
    10: "float16",
    11: "float64",
}
_DEPTH = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class _Tensor:
    name: str
    kind: int
    shape: tuple[int, ...]
    raw: memoryview
    outside: bool


@dataclass(slots=True)
class _Found:
    """Nodes (domain and name) and tensors of a graph and all that is nested in it."""

    nodes: list[tuple[str, str]]
    tensors: list[_Tensor]
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]


def describe_onnx(content: memoryview) -> Description:
    """Return what an ONNX file holds.

    Raises:
        ValueError: The bytes are no such file; so do ``IndexError``, ``KeyError`` and ``struct.error`` say.
    """
    found, versions, ir_version, graphs = _Found([], [], [], []), {}, None, 0
    for number, value in _fields(content):
        if number == 1:
            ir_version = _whole(value)
        elif number == 7:
            graphs += 1
            _graph(_bytes(value), found, 0)
        elif number == 8:
            parts = dict(_fields(_bytes(value)))
            versions[_text(parts.get(1, b""))] = _whole(parts.get(2, 0))
        elif number == 25:  # a function of the file's own
            for inner, node in _fields(_bytes(value)):
                if inner == 7:
                    _node(_bytes(node), found, 0)
    if graphs != 1 or ir_version is None:
        raise ValueError("it has no graph")
    versions = {"" if domain == "ai.onnx" else domain: version for domain, version in versions.items()}
    named = {tensor.name: tensor for tensor in found.tensors}
    sizes: Counter[str] = Counter()
    for tensor in found.tensors:
        pieces = tensor.name.split("/")
        sizes[pieces[1] if pieces[0].startswith("layer.") and len(pieces) > 1 else pieces[0]] += len(tensor.raw)
    kinds = {named[name].kind for name in named if name.endswith(("/weight", "/table"))}
    return Description(
        format="onnx",
        precision=precision_of({{_FLOAT: "float32", _INT8: "int8"}.get(kind, "other") for kind in kinds}),
        inputs=tuple(found.inputs),
        outputs=tuple(found.outputs),
        lengths=(),
        opset=versions.get(""),
        ir_version=ir_version,
        operators=operators_of([(_operator(*node), versions.get(node[0], 0)) for node in found.nodes]),
        parts=parts_of(sizes, len(content)),
        outside=tuple(tensor.name for tensor in found.tensors if tensor.outside),
        facts=_facts(named, [name for _, name in found.nodes], found.outputs),
    )


def _operator(domain: str, name: str) -> str:
    return f"{domain}.{name}" if domain else name


def _graph(view: memoryview, found: _Found, depth: int) -> None:
    if depth > _DEPTH:
        raise ValueError("its graphs are nested too deeply")
    for number, value in _fields(view):
        if number == 1:
            _node(_bytes(value), found, depth)
        elif number == 5:
            found.tensors.append(_tensor(_bytes(value)))
        elif number == 15:  # sparse: values and indices
            found.tensors.extend(
                _tensor(_bytes(part)) for _, part in _fields(_bytes(value)) if not isinstance(part, int)
            )
        elif number in (11, 12) and depth == 0:
            (found.inputs if number == 11 else found.outputs).append(_value(_bytes(value)))


def _node(view: memoryview, found: _Found, depth: int) -> None:
    name = domain = ""
    for number, value in _fields(view):
        if number == 4:
            name = _text(value)
        elif number == 7:
            domain = _text(value)
        elif number == 5:
            for inner, part in _fields(_bytes(value)):
                if inner in (5, 10):
                    found.tensors.append(_tensor(_bytes(part)))
                elif inner in (6, 11):
                    _graph(_bytes(part), found, depth + 1)
    found.nodes.append(("" if domain == "ai.onnx" else domain, name))


def _tensor(view: memoryview) -> _Tensor:
    name, kind, shape, raw, outside = "", 0, [], memoryview(b""), False
    for number, value in _fields(view):
        if number == 1:
            shape += [value] if isinstance(value, int) else list(_varints(_bytes(value)))
        elif number == 2:
            kind = _whole(value)
        elif number == 8:
            name = _text(value)
        elif number == 9:
            raw = _bytes(value)
        elif number == 13 or (number == 14 and value):
            outside = True
    return _Tensor(name=name, kind=kind, shape=tuple(shape), raw=raw, outside=outside)


def _value(view: memoryview) -> TensorSpec:
    fields = dict(_fields(view))
    kind = dict(_fields(_bytes(dict(_fields(_bytes(fields[2])))[1])))
    shape: list[int | str] = []
    for number, value in _fields(_bytes(kind.get(2, b""))):
        if number == 1:
            size = dict(_fields(_bytes(value)))
            shape.append(_text(size[2]) if 2 in size else _whole(size.get(1, 0)))
    return TensorSpec(name=_text(fields[1]), dtype=_TYPES.get(_whole(kind[1]), "other"), shape=tuple(shape))


def _facts(named: dict[str, _Tensor], operators: list[str], outputs: list[TensorSpec]) -> Facts:
    """Return what names and order tell, as ``edgebert.convert.onnx`` gives them; nothing of a foreign file."""
    words, positions = (named.get(f"embeddings/{name}/table") for name in ("words", "positions"))
    if words is None or positions is None or len(words.shape) != 2 or len(positions.shape) != 2:
        return Facts()
    layers = 0
    while f"layer.{layers}/attention/query/weight" in named:
        layers += 1
    widths = tuple(named[f"layer.{index}/attention/query/weight"].shape[1] for index in range(layers))
    neurons = tuple(named[f"layer.{index}/feed_forward/expand/weight"].shape[1] for index in range(layers))
    # The constant [0, 0, heads, width of a head] that a projection is split by.
    splits = [tensor.raw for name, tensor in named.items() if name.startswith("shape_heads_") and tensor.kind == _INT64]
    head_dims = {struct.unpack("<4q", raw)[3] for raw in splits if len(raw) == 32}
    return Facts(
        hidden=words.shape[1],
        widths=widths,
        head_dim=head_dims.pop() if len(head_dims) == 1 else None,
        neurons=neurons,
        vocabulary=words.shape[0],
        positions=positions.shape[0],
        activation="gelu" if "Erf" in operators else "relu",
        reads="every" if "length" in outputs[0].shape else "first" if "first" in named else "mean",
        dense=tuple(
            tensor.shape[1] for name, tensor in named.items() if name.startswith("head/") and name.endswith("/weight")
        ),
        dense_activations=_dense_activations(operators),
        normalize="ReduceL2" in operators,
    )


def _dense_activations(operators: list[str]) -> tuple[Activation, ...]:
    """Return what follows each dense layer behind the last norm, which is the encoder's end."""
    end = len(operators) - operators[::-1].index("LayerNormalization") if "LayerNormalization" in operators else 0
    found: list[Activation] = []
    for name in operators[end:]:
        if name.startswith("MatMul"):
            found.append("none")
        elif found and name in ("Relu", "Tanh"):
            found[-1] = "relu" if name == "Relu" else "tanh"
    return tuple(found)


def _fields(view: memoryview | bytes) -> Iterator[tuple[int, int | memoryview]]:
    """Yield number and value of each field of a message: an integer, or its bytes."""
    view, at = memoryview(view), 0
    while at < len(view):
        key, at = _varint(view, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(view, at)
            yield key >> 3, value
            continue
        size = {1: 8, 5: 4}.get(kind)
        if kind == 2:
            size, at = _varint(view, at)
        if size is None or at + size > len(view):
            raise ValueError(f"a field ends after the file, or is of the unknown kind {kind}")
        yield key >> 3, view[at : at + size]
        at += size


def _varint(view: memoryview, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = view[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            break
        if shift > 63:
            raise ValueError("a number is longer than 64 bits")
    value &= (1 << 64) - 1
    return value - (1 << 64) if value >> 63 else value, at


def _varints(view: memoryview) -> Iterator[int]:
    at = 0
    while at < len(view):
        value, at = _varint(view, at)
        yield value


def _bytes(value: Any) -> memoryview:
    if isinstance(value, int):
        raise ValueError("found a number where a message is expected")  # of the file, not of the code
    return memoryview(value)


def _whole(value: Any) -> int:
    if not isinstance(value, int):
        raise ValueError("found a message where a number is expected")  # of the file, not of the code
    return value


def _text(value: Any) -> str:
    return bytes(_bytes(value)).decode("utf-8")
