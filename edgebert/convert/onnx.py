"""Weights -> an ONNX file, float32 or dynamic int8.

The graph is written operator by operator instead of traced: the same bytes every time, free batch and length, no
exporter's leftovers, and in int8 embeddings with one scale per row and no zero points for ONNX Runtime to subtract.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from edgebert.convert.weights import LEAST_COUNT, LEAST_NORM, MASKED, NORM_EPSILON, Layer, Linear, Norm, Weights
from edgebert.errors import MissingExtraError

try:
    from onnx import NodeProto, TensorProto, checker, helper, numpy_helper, save
except ImportError as error:
    raise MissingExtraError("onnx", extra="onnx", purpose="writing ONNX files") from error

if TYPE_CHECKING:
    from numpy.typing import NDArray

# LayerNormalization needs opset 17, whose IR is 8: onnxruntime 1.12, onnxruntime-android 1.17 (IR 9) and everything
# newer load it.
OPSET = 17
IR_VERSION = 8
INPUTS = ("input_ids", "attention_mask")


def write_onnx(weights: Weights, path: Path, *, int8: bool) -> None:
    """Write an ONNX file: inputs ``input_ids`` and ``attention_mask``, int64 [batch, length]; the outputs of the head.

    In int8, weights are signed with one scale per output channel and activations are quantized to uint8 per tensor as
    they come (``DynamicQuantizeLinear``); products are exact in int32. Normalization, softmax and the products of
    activations with each other stay in float32.
    """
    graph = _Graph(int8=int8)
    hidden = _embed(graph, weights)
    seen = graph.node("Cast", ["attention_mask"], "mask/float", to=TensorProto.FLOAT)  # [b, s]
    mask = graph.node("Sub", [seen, graph.scalar("one", 1.0)], "mask/minus_one")
    mask = graph.node("Mul", [mask, graph.scalar("minus_masked", -MASKED)], "mask/score")
    mask = graph.node("Unsqueeze", [mask, graph.constant("axes_1_2", np.array([1, 2]))], "mask/bias")  # [b, 1, 1, s]
    for index, layer in enumerate(weights.layers):
        hidden = _layer(graph, hidden, mask, layer, weights, f"layer.{index}")
    _head(graph, hidden, seen, weights)

    model = helper.make_model(
        helper.make_graph(
            graph.nodes,
            "distilbert",
            [helper.make_tensor_value_info(name, TensorProto.INT64, ["batch", "length"]) for name in INPUTS],
            [
                helper.make_tensor_value_info(name, TensorProto.FLOAT, _output_shape(weights))
                for name in weights.head.outputs
            ],
            list(graph.constants.values()),
        ),
        opset_imports=[helper.make_opsetid("", OPSET)],
        ir_version=IR_VERSION,
        producer_name="edgebert",
    )
    checker.check_model(model)
    save(model, str(path))


def per_row_int8(matrix: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Return symmetric int8 values and the scale of each row, so that ``values * scales[:, None]`` is near ``matrix``.

    -128 is not used: the range is symmetric, so that no product of two values can leave int16 by itself.

    Returns:
        Int8 [rows, columns] and float32 [rows], for a float32 ``matrix`` [rows, columns].
    """
    scales = (np.abs(matrix).max(axis=1) / 127).astype(np.float32)
    scales[scales == 0] = 1.0
    values = np.rint(matrix / scales[:, None]).clip(-127, 127).astype(np.int8)
    return values, scales


class _Graph:
    """Nodes and constants while a graph is being written; every value is named after the node that makes it."""

    def __init__(self, *, int8: bool) -> None:
        self.int8 = int8
        self.nodes: list[NodeProto] = []
        self.constants: dict[str, TensorProto] = {}
        self._quantized: dict[str, tuple[str, str, str]] = {}

    def node(self, operator: str, inputs: list[str], name: str, *, output: str = "", **attributes: Any) -> str:
        """Add a node with one output and return the output's name."""
        output = output or name
        self.nodes.append(helper.make_node(operator, inputs, [output], name=name, **attributes))
        return output

    def name_last(self, output: str) -> None:
        """Give the output of the newest node, which no other node reads, another name."""
        self.nodes[-1].output[0] = output

    def constant(self, name: str, array: NDArray[np.generic]) -> str:
        if name not in self.constants:
            self.constants[name] = numpy_helper.from_array(np.asarray(array, order="C"), name)
        return name

    def scalar(self, name: str, value: float) -> str:
        return self.constant(name, np.array(value, dtype=np.float32))

    def linear(self, x: str, layer: Linear, name: str) -> str:
        """Add ``x @ weight.T + bias``."""
        if self.int8:
            values, scale, zero = self._quantize(x)
            weight, scales = per_row_int8(layer.weight)
            product = self.node(
                "MatMulInteger", [values, self.constant(f"{name}/weight", weight.T), zero], f"{name}/product"
            )
            product = self.node("Cast", [product], f"{name}/float", to=TensorProto.FLOAT)
            # Spelled as ONNX Runtime's quantizer spells it, so that the runtime fuses the six nodes into one kernel.
            scale = self.node("Mul", [scale, self.constant(f"{name}/scales", scales)], f"{name}/scale")
            product = self.node("Mul", [product, scale], f"{name}/scaled")
        else:
            product = self.node("MatMul", [x, self.constant(f"{name}/weight", layer.weight.T)], f"{name}/product")
        return self.node("Add", [product, self.constant(f"{name}/bias", layer.bias)], f"{name}/sum")

    def lookup(self, ids: str, table: NDArray[np.float32], name: str) -> str:
        """Add the rows of an embedding table."""
        if not self.int8:
            return self.node("Gather", [self.constant(f"{name}/table", table), ids], f"{name}/rows")
        values, scales = per_row_int8(table)
        rows = self.node("Gather", [self.constant(f"{name}/table", values), ids], f"{name}/rows_int8")
        rows = self.node("Cast", [rows], f"{name}/rows_float", to=TensorProto.FLOAT)
        scale = self.node("Gather", [self.constant(f"{name}/scales", scales[:, None]), ids], f"{name}/row_scales")
        return self.node("Mul", [rows, scale], f"{name}/rows")

    def norm(self, x: str, norm: Norm, name: str) -> str:
        inputs = [x, self.constant(f"{name}/scale", norm.scale), self.constant(f"{name}/shift", norm.shift)]
        return self.node("LayerNormalization", inputs, name, axis=-1, epsilon=NORM_EPSILON)

    def _quantize(self, x: str) -> tuple[str, str, str]:
        # Query, key and value read the same tensor: quantized once.
        if x not in self._quantized:
            outputs = (f"{x}/uint8", f"{x}/uint8_scale", f"{x}/uint8_zero")
            self.nodes.append(helper.make_node("DynamicQuantizeLinear", [x], list(outputs), name=f"{x}/quantize"))
            self._quantized[x] = outputs
        return self._quantized[x]


def _embed(graph: _Graph, weights: Weights) -> str:
    length = graph.node("Shape", ["input_ids"], "embeddings/length", start=1, end=2)
    length = graph.node("Squeeze", [length], "embeddings/length_scalar")
    zero, one = graph.constant("index_0", np.array(0)), graph.constant("index_1", np.array(1))
    positions = graph.node("Range", [zero, length, one], "embeddings/position_ids")
    words = graph.lookup("input_ids", weights.words, "embeddings/words")  # [b, s, h]
    places = graph.lookup(positions, weights.positions, "embeddings/positions")  # [s, h]
    return graph.norm(graph.node("Add", [words, places], "embeddings/sum"), weights.embedding_norm, "embeddings/norm")


def _layer(graph: _Graph, x: str, mask: str, layer: Layer, weights: Weights, name: str) -> str:
    attention = f"{name}/attention"
    read = x
    if layer.first_token_only:
        read = graph.node("Gather", [x, graph.constant("first_row", np.array([0]))], f"{name}/first_row", axis=1)
    width = layer.heads * weights.head_dim
    split = graph.constant(f"shape_heads_{layer.heads}", np.array([0, 0, layer.heads, weights.head_dim]))
    merge = graph.constant(f"shape_merged_{width}", np.array([0, 0, width]))

    def heads(source: str, linear: Linear, part: str, order: list[int]) -> str:
        value = graph.linear(source, linear, f"{attention}/{part}")
        value = graph.node("Reshape", [value, split], f"{attention}/{part}/split")  # [b, s, heads, head_dim]
        return graph.node("Transpose", [value], f"{attention}/{part}/heads", perm=order)

    query = heads(read, layer.query, "query", [0, 2, 1, 3])  # [b, heads, s or 1, head_dim]
    key = heads(x, layer.key, "key", [0, 2, 3, 1])  # [b, heads, head_dim, s]
    value = heads(x, layer.value, "value", [0, 2, 1, 3])  # [b, heads, s, head_dim]
    scores = graph.node("MatMul", [query, key], f"{attention}/scores")
    scores = graph.node("Add", [scores, mask], f"{attention}/masked_scores")
    shares = graph.node("Softmax", [scores], f"{attention}/shares", axis=-1)
    mixed = graph.node("MatMul", [shares, value], f"{attention}/mixed")
    mixed = graph.node("Transpose", [mixed], f"{attention}/mixed_rows", perm=[0, 2, 1, 3])
    mixed = graph.node("Reshape", [mixed, merge], f"{attention}/merged")
    mixed = graph.linear(mixed, layer.attention_output, f"{attention}/output")
    x = graph.norm(graph.node("Add", [mixed, read], f"{attention}/residual"), layer.attention_norm, f"{attention}/norm")

    forward = f"{name}/feed_forward"
    inner = graph.linear(x, layer.expand, f"{forward}/expand")
    inner = (
        _gelu(graph, inner, forward) if weights.activation == "gelu" else graph.node("Relu", [inner], f"{forward}/relu")
    )
    inner = graph.linear(inner, layer.contract, f"{forward}/contract")
    return graph.norm(graph.node("Add", [inner, x], f"{forward}/residual"), layer.output_norm, f"{forward}/norm")


def _output_shape(weights: Weights) -> list[str | int]:
    """Return the shape of each output; one of several is a column of its own."""
    rows = ["length"] if weights.head.reads == "every" else []
    return ["batch", *rows, *([weights.width] if len(weights.head.outputs) == 1 else [])]


def _head(graph: _Graph, x: str, seen: str, weights: Weights) -> None:
    """Add the head: ``x`` are the rows of the encoder [b, s, h], ``seen`` is 0 for padding [b, s]."""
    head = weights.head
    if head.reads == "first":
        x = graph.node("Gather", [x, graph.constant("first", np.array(0))], "head/first_token", axis=1)  # [b, h]
    elif head.reads == "mean":
        x = _mean(graph, x, seen)  # [b, h]
    for index, (spec, linear) in enumerate(zip(head.layers, weights.dense, strict=True)):
        x = graph.linear(x, linear, f"head/{spec.name}")
        if spec.activation != "none":
            name = f"head/{spec.activation}.{index}" if index else f"head/{spec.activation}"
            x = graph.node(spec.activation.capitalize(), [x], name)
    if head.normalize:
        norm = graph.node("ReduceL2", [x], "head/norm", axes=[-1], keepdims=1)  # [b, 1]
        norm = graph.node("Max", [norm, graph.scalar("least_norm", LEAST_NORM)], "head/norm/at_least")
        x = graph.node("Div", [x, norm], "head/normalized")
    if len(head.outputs) == 1:
        graph.name_last(head.outputs[0])
        return
    for column, output in enumerate(head.outputs):
        place = graph.constant(f"column_{column}", np.array(column))
        graph.node("Gather", [x, place], f"head/{output}", output=output, axis=-1)  # [b, s]


def _mean(graph: _Graph, x: str, seen: str) -> str:
    """Add the mean of the rows that are no padding."""
    rows = graph.node("Unsqueeze", [seen, graph.constant("axis_2", np.array([2]))], "head/rows")  # [b, s, 1]
    total = graph.node("Mul", [x, rows], "head/rows/kept")
    axis = graph.constant("axis_1", np.array([1]))
    total = graph.node("ReduceSum", [total, axis], "head/rows/sum", keepdims=0)  # [b, h]
    count = graph.node("ReduceSum", [seen, axis], "head/rows/count", keepdims=1)  # [b, 1]
    count = graph.node("Max", [count, graph.scalar("least_count", LEAST_COUNT)], "head/rows/at_least")
    return graph.node("Div", [total, count], "head/mean")


def _gelu(graph: _Graph, x: str, name: str) -> str:
    # The Gelu operator came with opset 20; this is its definition, which ONNX Runtime fuses back into one kernel.
    y = graph.node("Div", [x, graph.scalar("sqrt_2", float(np.sqrt(2.0)))], f"{name}/gelu/scaled")
    y = graph.node("Erf", [y], f"{name}/gelu/erf")
    y = graph.node("Add", [y, graph.scalar("one", 1.0)], f"{name}/gelu/shifted")
    y = graph.node("Mul", [x, y], f"{name}/gelu/gated")
    return graph.node("Mul", [y, graph.scalar("half", 0.5)], f"{name}/gelu")
