"""TFLite files: the few tables of the flatbuffer that say what is in the file.

Numbers of fields are those of TensorFlow Lite's schema.fbs, counted from 0.
"""

from __future__ import annotations

import struct
from collections import Counter
from dataclasses import dataclass

from edgebert.heads import Activation
from edgebert.manifest import TensorSpec
from edgebert.modelfile.description import Description, Facts, operators_of, parts_of, precision_of

IDENTIFIER = b"TFL3"

_LINEARS_PER_LAYER = 6  # query, key, value, attention output, expand, contract
_ORDER = ("input_ids", "attention_mask")
_CUSTOM = 32
_TYPES = {0: "float32", 1: "float16", 2: "int32", 3: "uint8", 4: "int64", 6: "bool", 7: "int16", 9: "int8"}

# fmt: off
OPERATORS = {
    0: "ADD", 7: "EMBEDDING_LOOKUP", 6: "DEQUANTIZE", 9: "FULLY_CONNECTED", 18: "MUL", 19: "RELU", 22: "RESHAPE",
    25: "SOFTMAX", 28: "TANH", 36: "GATHER", 39: "TRANSPOSE", 40: "MEAN", 41: "SUB", 42: "DIV", 53: "CAST",
    55: "MAXIMUM", 65: "SLICE", 74: "SUM", 75: "SQRT", 76: "RSQRT",
    99: "SQUARED_DIFFERENCE", 114: "QUANTIZE", 126: "BATCH_MATMUL", 150: "GELU",
}
# fmt: on
"""Names of the built-in operators by number: those that edgebert writes, and a few more."""

_FUSED: dict[int, Activation] = {1: "relu", 4: "tanh"}
"""Activations that a dense layer can have inside, by number."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Step:
    """An operator of a graph: its name and version, the places of its inputs, and its activation if it is dense."""

    code: tuple[str, int]
    inputs: tuple[int, ...]
    output: int
    fused: Activation

    @property
    def kind(self) -> str:
        return self.code[0]


class _Table:
    """A table of a flatbuffer."""

    def __init__(self, content: memoryview, at: int) -> None:
        self._content, self._at = content, at
        self._fields = at - self._number("<i", at)
        self._size = self._number("<H", self._fields)

    def _number(self, kind: str, at: int) -> int:
        if at < 0:
            raise ValueError("a table begins before the file")
        value: int = struct.unpack_from(kind, self._content, at)[0]
        return value

    def _place(self, index: int) -> int:
        entry = 4 + 2 * index
        offset = self._number("<H", self._fields + entry) if entry < self._size else 0
        return self._at + offset if offset else 0

    def number(self, index: int, kind: str, default: int = 0) -> int:
        """Return a number; ``kind`` is as ``struct`` writes it."""
        place = self._place(index)
        return self._number(kind, place) if place else default

    def _target(self, index: int) -> int:
        place = self._place(index)
        return place + self._number("<I", place) if place else 0

    def table(self, index: int) -> _Table | None:
        """Return a table, or ``None`` where there is none."""
        place = self._target(index)
        return _Table(self._content, place) if place else None

    def count(self, index: int) -> int:
        """Return the length of a vector; 0 where there is none."""
        place = self._target(index)
        return self._number("<I", place) if place else 0

    def numbers(self, index: int) -> tuple[int, ...]:
        """Return a vector of int32."""
        place, count = self._target(index), self.count(index)
        return struct.unpack_from(f"<{self._held(place, count, 4)}i", self._content, place + 4) if count else ()

    def tables(self, index: int) -> list[_Table]:
        """Return a vector of tables."""
        place, count = self._target(index), self.count(index)
        starts = [place + 4 + 4 * item for item in range(self._held(place, count, 4))]
        return [_Table(self._content, start + self._number("<I", start)) for start in starts]

    def text(self, index: int) -> str:
        """Return a string; empty where there is none."""
        place, count = self._target(index), self.count(index)
        return bytes(self._content[place + 4 : place + 4 + count]).decode("utf-8")

    def _held(self, place: int, count: int, width: int) -> int:
        if place + 4 + count * width > len(self._content):
            raise ValueError("a list ends after the file")
        return count


def describe_tflite(content: memoryview) -> Description:
    """Return what a TFLite file holds: that of the longest signature where they differ.

    Raises:
        ValueError: The bytes are no such file; so do ``IndexError``, ``KeyError`` and ``struct.error`` say.
    """
    if bytes(content[4:8]) != IDENTIFIER:
        raise ValueError("it does not begin as a TFLite file does")
    model = _Table(content, struct.unpack_from("<I", content, 0)[0])
    codes = [(_operator(code), code.number(2, "<i", 1)) for code in model.tables(1)]
    graphs, buffers = model.tables(2), model.tables(4)
    signatures = {int(item.text(2).removeprefix("len")): item for item in model.tables(7)}
    if not signatures:
        raise ValueError("it has no signatures")
    longest = signatures[max(signatures)]
    graph = graphs[longest.number(4, "<I")]
    tensors, operators = graph.tables(0), graph.tables(3)
    steps = [_step(operator, codes) for operator in operators]

    def tensor(item: _Table, *, is_input: bool) -> TensorSpec:
        found = tensors[item.number(1, "<I")]
        shape = found.numbers(0)
        has_rows = is_input or len(shape) > 2 or longest.count(1) > 1
        free: tuple[int | str, ...] = (shape[0], "length", *shape[2:]) if has_rows else shape
        return TensorSpec(name=item.text(0), dtype=_TYPES.get(found.number(1, "<b"), "other"), shape=free)

    inputs = [tensor(item, is_input=True) for item in longest.tables(0)]
    weights = [tensors[step.inputs[1]] for step in steps if step.kind == "FULLY_CONNECTED"]
    weights = [item for item in weights if item.numbers(0)[0] > 1] or weights  # one row has one scale in any precision
    outputs = tuple(tensor(item, is_input=False) for item in longest.tables(1))
    return Description(
        format="tflite",
        precision=precision_of({_precision(item) for item in weights}),
        inputs=tuple(sorted(inputs, key=lambda item: _ORDER.index(item.name))),
        outputs=outputs,
        lengths=tuple(sorted(signatures)),
        opset=None,
        ir_version=None,
        # One graph for each signature, all alike: counted once, as a reader thinks of a model.
        operators=operators_of([step.code for step in steps]),
        parts=parts_of(_sizes(steps, tensors, buffers), len(content)),
        facts=_facts(steps, tensors, outputs),
    )


def _step(operator: _Table, codes: list[tuple[str, int]]) -> _Step:
    options, places = operator.table(4), operator.numbers(2)
    return _Step(
        code=codes[operator.number(0, "<I")],
        inputs=operator.numbers(1),
        output=places[0] if places else -1,
        fused=_FUSED.get(options.number(0, "<b") if options else 0, "none"),
    )


def _operator(code: _Table) -> str:
    number = max(code.number(3, "<i"), code.number(0, "<b"))
    if number == _CUSTOM:
        return f"CUSTOM {code.text(1)}"
    return OPERATORS.get(number, f"BUILTIN {number}")


def _precision(weight: _Table) -> str:
    """Return the precision of a weight: int8 has one scale for each channel, int8-legacy one for all."""
    kind, quantization = _TYPES.get(weight.number(1, "<b"), "other"), weight.table(4)
    scales = 0 if quantization is None else quantization.count(2)
    if kind == "int8":
        return "int8" if scales > 1 else "int8-legacy"
    return kind


def _sizes(steps: list[_Step], tensors: list[_Table], buffers: list[_Table]) -> Counter[str]:
    # The converter drops our names, so a dense layer is known by its place: six to a layer, the rest in the head.
    in_layers = _layers(steps) * _LINEARS_PER_LAYER
    sizes: Counter[str] = Counter()
    dense = 0
    for step in steps:
        if step.kind == "EMBEDDING_LOOKUP":
            part = "embeddings"
        elif step.kind == "FULLY_CONNECTED":
            in_layer = dense % _LINEARS_PER_LAYER
            part = "head" if dense >= in_layers else "attention" if in_layer < 4 else "feed_forward"
            dense += 1
        else:
            continue
        for place in step.inputs:
            if place >= 0:
                buffer = buffers[tensors[place].number(2, "<I")]
                # The quantizer stores large constants behind the flatbuffer and leaves only their size in it.
                sizes[part] += buffer.count(0) or buffer.number(2, "<Q")
    return sizes


def _layers(steps: list[_Step]) -> int:
    """Return the number of layers: each has one softmax."""
    return sum(step.kind == "SOFTMAX" for step in steps)


def _facts(steps: list[_Step], tensors: list[_Table], outputs: tuple[TensorSpec, ...]) -> Facts:
    """Return the shape of a model from the order in which ``edgebert.convert.tflite`` writes its layers."""
    places = [index for index, step in enumerate(steps) if step.kind == "FULLY_CONNECTED"]
    dense = [tensors[steps[index].inputs[1]].numbers(0) for index in places]
    tables = [tensors[place].numbers(0) for step in steps if step.kind == "EMBEDDING_LOOKUP" for place in step.inputs]
    layers, tables = _layers(steps), [shape for shape in tables if len(shape) == 2]
    starts, end = [index * _LINEARS_PER_LAYER for index in range(layers)], layers * _LINEARS_PER_LAYER
    if not layers or len(dense) < end or not tables or not outputs:
        return Facts()
    # The last layer's query has one row where the head reads the first alone.
    rows = tensors[steps[places[starts[-1]]].output].numbers(0)[0]
    return Facts(
        hidden=tables[0][1],
        widths=tuple(dense[start][0] for start in starts),
        neurons=tuple(dense[start + 4][0] for start in starts),
        vocabulary=tables[0][0],
        activation="gelu" if any(step.kind == "GELU" for step in steps) else "relu",
        reads="every" if "length" in outputs[0].shape else "first" if rows == 1 else "mean",
        dense=tuple(shape[0] for shape in dense[end:]),
        dense_activations=tuple(_activation(steps, index) for index in places[end:]),
        normalize=any(step.kind == "SQRT" for step in steps),
    )


def _activation(steps: list[_Step], place: int) -> Activation:
    """Return what follows a dense layer: inside it, or as the next operator."""
    following = steps[place + 1].kind if place + 1 < len(steps) else ""
    return {"RELU": "relu", "TANH": "tanh"}.get(following, steps[place].fused)  # type: ignore[return-value]
