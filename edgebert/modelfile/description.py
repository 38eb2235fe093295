"""What is read from a model file, whatever its format."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from edgebert.heads import Activation, Reads
from edgebert.manifest import Operator, Part, TensorSpec
from edgebert.recipe import Format

KNOWN_PARTS = ("embeddings", "attention", "feed_forward", "head")


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a file shows of the shape of its model and of its head; ``None`` where it shows nothing.

    Attributes:
        hidden: Width of the residual stream.
        widths: Width of the attention of each layer: heads times the width of a head.
        head_dim: Width of one attention head.
        neurons: Feed-forward neurons of each layer.
        vocabulary: Rows of the token embedding table.
        positions: Rows of the position embedding table.
        activation: Feed-forward activation.
        reads: Which rows the head reads.
        dense: Width of each dense layer of the head, bottom first.
        dense_activations: What follows each of these.
        normalize: Whether the head divides by the length.
    """

    hidden: int | None = None
    widths: tuple[int, ...] | None = None
    head_dim: int | None = None
    neurons: tuple[int, ...] | None = None
    vocabulary: int | None = None
    positions: int | None = None
    activation: str | None = None
    reads: Reads | None = None
    dense: tuple[int, ...] | None = None
    dense_activations: tuple[Activation, ...] | None = None
    normalize: bool | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Description:
    """What was read from a file; fields without a word here are as in ``edgebert.manifest.Artifact``.

    Attributes:
        format: Format, by the content.
        precision: Precision of the weights; ``None`` where the file has none that edgebert knows.
        outside: Names of tensors whose values are in another file.
        facts: The shape of the model.
    """

    format: Format
    precision: str | None
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    lengths: tuple[int, ...]
    opset: int | None
    ir_version: int | None
    operators: tuple[Operator, ...]
    parts: tuple[Part, ...]
    outside: tuple[str, ...] = ()
    facts: Facts = field(default_factory=Facts)


def parts_of(sizes: Counter[str], total_bytes: int) -> tuple[Part, ...]:
    """Return the parts of a file of ``total_bytes``: the known ones, and what is left."""
    rest = total_bytes - sum(sizes[name] for name in KNOWN_PARTS)
    return (*(Part(name=name, size_bytes=sizes[name]) for name in KNOWN_PARTS), Part(name="other", size_bytes=rest))


def operators_of(names: list[tuple[str, int]]) -> tuple[Operator, ...]:
    """Return operators, each a name and a version, counted and sorted."""
    return tuple(Operator(name=name, version=version, count=n) for (name, version), n in sorted(Counter(names).items()))


def precision_of(found: set[str]) -> str | None:
    """Return the one precision of all weights of a file; ``None`` where there are none, or several."""
    return found.pop() if len(found) == 1 else None
