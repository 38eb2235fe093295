"""The weights of a model as float32 arrays, named by their role: what both writers build their graphs from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from edgebert.configuration import ENCODER
from edgebert.heads import HeadSpec
from edgebert.network import state_arrays

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from edgebert.checkpoint import Model

NORM_EPSILON = 1e-12  # DistilBERT's, fixed in its code rather than in its configuration
MASKED = -1e9  # added to the attention score of padding: exp underflows to exactly 0, and int8 never sees it
LEAST_COUNT = 1e-9  # what a mean is divided by at least, as sentence-transformers does
LEAST_NORM = 1e-12  # what a normalized vector is divided by at least, as torch does


@dataclass(frozen=True, slots=True, kw_only=True)
class Linear:
    """A dense layer: weight float32 [outputs, inputs], bias float32 [outputs]."""

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Norm:
    """A layer normalization: scale and shift, float32 [hidden]."""

    scale: NDArray[np.float32]
    shift: NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layer:
    """One transformer layer; ``first_token_only`` when nothing above reads another row of its output."""

    heads: int
    first_token_only: bool
    query: Linear
    key: Linear
    value: Linear
    attention_output: Linear
    attention_norm: Norm
    expand: Linear
    contract: Linear
    output_norm: Norm


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """A whole model; the attention's 1 / sqrt(head_dim) is folded into the query layers.

    Attributes:
        words: Token embeddings, float32 [vocabulary, hidden].
        positions: Position embeddings, float32 [positions, hidden].
        embedding_norm: Normalization of their sum.
        layers: Transformer layers, bottom first.
        head: The head of the task.
        dense: Its dense layers, bottom first.
        head_dim: Width of an attention head.
        activation: Feed-forward activation.
    """

    words: NDArray[np.float32]
    positions: NDArray[np.float32]
    embedding_norm: Norm
    layers: tuple[Layer, ...]
    head: HeadSpec
    dense: tuple[Linear, ...]
    head_dim: int
    activation: str

    @property
    def width(self) -> int:
        """Width of what the head computes, as the number of labels."""
        return len(self.dense[-1].bias) if self.dense else self.words.shape[1]


def extract_weights(model: Model) -> Weights:
    """Return the weights of a model; arrays share memory with its tensors where nothing was folded."""
    state = state_arrays(model.module)
    shape = model.checkpoint.architecture
    head = model.checkpoint.head

    def linear(name: str, factor: float = 1.0) -> Linear:
        weight, bias = state[f"{name}.weight"], state[f"{name}.bias"]
        return Linear(weight=weight, bias=bias) if factor == 1.0 else Linear(weight=weight * factor, bias=bias * factor)

    def norm(name: str) -> Norm:
        return Norm(scale=state[f"{name}.weight"], shift=state[f"{name}.bias"])

    def layer(index: int) -> Layer:
        prefix = f"{ENCODER}transformer.layer.{index}"
        attention = f"{prefix}.attention"
        return Layer(
            heads=shape.heads[index],
            first_token_only=head.reads == "first" and index == shape.layers - 1,
            query=linear(f"{attention}.q_lin", float(shape.head_dim) ** -0.5),
            key=linear(f"{attention}.k_lin"),
            value=linear(f"{attention}.v_lin"),
            attention_output=linear(f"{attention}.out_lin"),
            attention_norm=norm(f"{prefix}.sa_layer_norm"),
            expand=linear(f"{prefix}.ffn.lin1"),
            contract=linear(f"{prefix}.ffn.lin2"),
            output_norm=norm(f"{prefix}.output_layer_norm"),
        )

    return Weights(
        words=state[f"{ENCODER}embeddings.word_embeddings.weight"],
        positions=state[f"{ENCODER}embeddings.position_embeddings.weight"],
        embedding_norm=norm(f"{ENCODER}embeddings.LayerNorm"),
        layers=tuple(layer(index) for index in range(shape.layers)),
        head=head,
        dense=tuple(linear(layer.name) for layer in head.layers),
        head_dim=shape.head_dim,
        activation=shape.activation,
    )
