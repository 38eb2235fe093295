"""Weights -> a TFLite file with one signature for each length, and its int8 form."""

from __future__ import annotations

import contextlib
import dataclasses
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch.nn import functional

from edgebert.convert.weights import LEAST_COUNT, LEAST_NORM, MASKED, NORM_EPSILON, Layer, Linear, Norm, Weights
from edgebert.errors import MissingExtraError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def write_tflite(weights: Weights, path: Path, *, lengths: tuple[int, ...]) -> None:
    """Write a float32 TFLite file.

    Each length has a signature ``len<length>`` with inputs ``input_ids`` and ``attention_mask``, int32 [1, length], and
    the outputs of the head by name, float32: [1, width], or [1, length, width] where it reads every row, or [1, length]
    each where there are several. All signatures share one set of weights.

    Raises:
        MissingExtraError: litert-torch is not installed.
    """
    try:
        with _quiet():
            import litert_torch
    except ImportError as error:
        raise MissingExtraError("litert-torch", extra="tflite", purpose="writing TFLite files") from error
    module = _Classifier(weights).eval()
    with _quiet(), torch.no_grad():
        converter = None
        for length in lengths:
            inputs = {name: torch.ones(1, length, dtype=torch.int32) for name in ("input_ids", "attention_mask")}
            converter = (converter or litert_torch).signature(f"len{length}", module, sample_kwargs=inputs)
        assert converter is not None, "a recipe has at least one length"
        converter.convert().export(str(path))


def quantize_tflite(source: Path, path: Path, *, per_tensor: bool) -> None:
    """Write the dynamic int8 form of a float32 TFLite file, dense layers and embedding tables in 8 bits.

    Args:
        source: Float32 file.
        path: File to make.
        per_tensor: One scale for a whole weight instead of one per output channel: less accurate, but what
            tflite-runtime 2.14 computes correctly.

    Raises:
        MissingExtraError: ai-edge-quantizer is not installed.
    """
    try:
        with _quiet():
            from ai_edge_quantizer import qtyping, quantizer

            from edgebert.convert.compact import compact_tflite
    except ImportError as error:
        raise MissingExtraError("ai-edge-quantizer", extra="tflite", purpose="quantizing TFLite files") from error
    granularity = qtyping.QuantGranularity.TENSORWISE if per_tensor else qtyping.QuantGranularity.CHANNELWISE
    with _quiet():
        work = quantizer.Quantizer(str(source))
        for operator in (qtyping.TFLOperationName.FULLY_CONNECTED, qtyping.TFLOperationName.EMBEDDING_LOOKUP):
            work.add_dynamic_config(".*", operator, num_bits=8, granularity=granularity)
        content = bytes(work.quantize().quantized_model)
    path.write_bytes(compact_tflite(content))


class _Classifier(torch.nn.Module):  # the file has this name
    """The model in the few operators a phone has kernels for: [length, hidden] matrices, no batch dimension."""

    def __init__(self, weights: Weights) -> None:
        super().__init__()
        self.weights = weights
        self._names = {}
        for index, array in enumerate(_arrays(weights)):
            self._names[id(array)] = f"constant_{index}"
            self.register_buffer(f"constant_{index}", torch.from_numpy(array.copy()))

    def _tensor(self, array: NDArray[np.float32]) -> torch.Tensor:
        return self.get_buffer(self._names[id(array)])

    def _linear(self, x: torch.Tensor, layer: Linear) -> torch.Tensor:
        return functional.linear(x, self._tensor(layer.weight), self._tensor(layer.bias))

    def _norm(self, x: torch.Tensor, norm: Norm) -> torch.Tensor:
        # Spelled out, because the converter makes more and slower operators of functional.layer_norm.
        centred = x - x.mean(dim=-1, keepdim=True)
        variance = (centred * centred).mean(dim=-1, keepdim=True)
        return centred * torch.rsqrt(variance + NORM_EPSILON) * self._tensor(norm.scale) + self._tensor(norm.shift)

    def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
        """Return the outputs by name, float32, of int32 ids and mask [1, length]."""
        weights, length = self.weights, input_ids.shape[1]
        words = functional.embedding(input_ids[0], self._tensor(weights.words))  # [length, hidden]
        places = functional.embedding(torch.arange(length), self._tensor(weights.positions))
        x = self._norm(words + places, weights.embedding_norm)
        mask = (attention_mask.float() - 1.0).view(1, 1, length) * -MASKED
        for layer in weights.layers:
            x = self._layer(x, mask, layer)
        return self._head(x, attention_mask)

    def _head(self, x: torch.Tensor, attention_mask: torch.Tensor) -> dict[str, torch.Tensor]:
        head, length = self.weights.head, x.shape[0]
        if head.reads == "first":
            x = x[:1]  # [1, hidden]
        elif head.reads == "mean":
            seen = attention_mask.float().view(length, 1)
            x = (x * seen).sum(dim=0, keepdim=True) / seen.sum(dim=0, keepdim=True).clamp(min=LEAST_COUNT)
        for spec, linear in zip(head.layers, self.weights.dense, strict=True):
            x = self._linear(x, linear)
            x = x if spec.activation == "none" else functional.relu(x) if spec.activation == "relu" else torch.tanh(x)
        if head.normalize:
            x = x / (x * x).sum(dim=-1, keepdim=True).sqrt().clamp(min=LEAST_NORM)
        if len(head.outputs) > 1:
            columns = x.transpose(0, 1)  # [outputs, length]
            return {name: columns[index : index + 1] for index, name in enumerate(head.outputs)}
        return {head.outputs[0]: x.unsqueeze(0) if head.reads == "every" else x}

    def _layer(self, x: torch.Tensor, mask: torch.Tensor, layer: Layer) -> torch.Tensor:
        read = x[:1] if layer.first_token_only else x

        def heads(source: torch.Tensor, linear: Linear) -> torch.Tensor:
            value = self._linear(source, linear).view(-1, layer.heads, self.weights.head_dim)
            return value.transpose(0, 1)  # [heads, length, head_dim]

        query, key, value = heads(read, layer.query), heads(x, layer.key), heads(x, layer.value)
        shares = torch.softmax(query @ key.transpose(1, 2) + mask, dim=-1)  # [heads, length or 1, length]
        mixed = (shares @ value).transpose(0, 1).reshape(-1, layer.heads * self.weights.head_dim)
        x = self._norm(read + self._linear(mixed, layer.attention_output), layer.attention_norm)
        inner = self._linear(x, layer.expand)
        inner = functional.gelu(inner) if self.weights.activation == "gelu" else functional.relu(inner)
        return self._norm(x + self._linear(inner, layer.contract), layer.output_norm)


def _arrays(value: object) -> Iterator[NDArray[np.float32]]:
    """Yield every array of a (nested) dataclass, in the order of the fields."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, tuple):
        for item in value:
            yield from _arrays(item)
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from _arrays(getattr(value, field.name))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the converters' progress bars, notes and deprecations off the terminal; their errors are exceptions."""
    disabled = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with (
            Path(os.devnull).open("w", encoding="utf-8") as nowhere,
            contextlib.redirect_stdout(nowhere),
            contextlib.redirect_stderr(nowhere),
            warnings.catch_warnings(action="ignore"),
        ):
            yield
    finally:
        logging.disable(disabled)
