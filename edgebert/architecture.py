"""The shape of a model, and what was cut out of it: frozen values that all others may refer to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from edgebert.arguments import Amount, Count, Positive, Share


@dataclass(frozen=True, slots=True, kw_only=True)
class Architecture:
    """The shape of a DistilBERT, pruned or not: widths are given layer by layer.

    Attributes:
        hidden: Width of the residual stream.
        head_dim: Width of one attention head.
        heads: Attention heads of each layer, bottom first.
        neurons: Feed-forward neurons of each layer, bottom first.
        vocabulary: Rows of the token embedding table.
        positions: Rows of the position embedding table, the longest input in tokens.
        activation: Feed-forward activation, ``gelu`` (the exact, erf form) or ``relu``.
    """

    hidden: Positive
    head_dim: Positive
    heads: tuple[Count, ...]
    neurons: tuple[Count, ...]
    vocabulary: Positive
    positions: Positive
    activation: Literal["gelu", "relu"]

    @property
    def layers(self) -> int:
        """Number of transformer layers."""
        return len(self.heads)


@dataclass(frozen=True, slots=True, kw_only=True)
class Keep:
    """The plan before the cut: what stays, by its index in the uncut model, ascending.

    Attributes:
        layers: Transformer layers that stay.
        heads: Attention heads that stay in each of them, at least one.
        neurons: Feed-forward neurons that stay in each of them, at least one.
    """

    layers: tuple[int, ...]
    heads: tuple[tuple[int, ...], ...]
    neurons: tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TextSource:
    """A file of texts that took part in making a checkpoint."""

    name: str
    sha256: str
    examples: Count


@dataclass(frozen=True, slots=True, kw_only=True)
class VocabularyCut:
    """What cutting the vocabulary did, seen on texts that had no say in which tokens stay.

    Attributes:
        tokens_before: Tokens of the tokenizer before the cut.
        tokens_after: Tokens of the tokenizer after it.
        bytes_saved: Bytes of float32 embedding rows that went.
        texts: Number of unseen texts that the following was measured on.
        unknown_before: Share of their words that were ``[UNK]`` before the cut.
        unknown_after: Share of their words that are ``[UNK]`` after it.
        tokens_per_text_before: Mean length of these texts in tokens before the cut, special tokens included.
        tokens_per_text_after: The same after it.
        agreement: Share of these texts that get the same label before and after.
        accuracy_before: Share of these texts whose label the model got right before; ``None`` without labels.
        accuracy_after: The same after the cut.
    """

    tokens_before: Count
    tokens_after: Count
    bytes_saved: Count
    texts: Count
    unknown_before: Share
    unknown_after: Share
    tokens_per_text_before: Amount
    tokens_per_text_after: Amount
    agreement: Share
    accuracy_before: Share | None
    accuracy_after: Share | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Distillation:
    """How a pruned model was recovered, and how far.

    Attributes:
        epochs: Passes over the training texts.
        learning_rate: Peak learning rate.
        temperature: Temperature of the soft targets.
        labelled: Whether labels took part beside the original's answers.
        held_out: Number of texts that were kept aside.
        agreement_before: Share of these on which pruned and original model give the same label, before the first step.
        agreement_after: The same for the state that was kept.
        precision: In what the layers computed while training; records of schema 1 do not say it.
    """

    epochs: Amount
    learning_rate: Amount
    temperature: Amount
    labelled: bool
    held_out: Count
    agreement_before: Share
    agreement_after: Share
    precision: Literal["float32", "bfloat16"] = "float32"


PRUNING_SCHEMA = 2
"""Newest version of the record of a cut."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruning:
    """What was cut out of a checkpoint: the content of ``pruning.json``, and part of the manifest of its bundles.

    Pruning a pruned checkpoint again keeps the first original: everything here is relative to that.

    Attributes:
        schema: Version of this record.
        original: Shape of the checkpoint before the first cut.
        original_name: Its name.
        original_sha256: Its hash.
        layers: Its layers that are still there.
        budget: What the budget was a share of: ``macs``, or ``latency`` of a measured table.
        keep: Share that was asked for, 0 to 1.
        macs_share: Share of the original's multiply-accumulates that is left, at the lengths of the training texts.
        tokens_per_text: Mean length of the training texts in tokens.
        sample: Number of training texts that the importance scores rest on.
        seed: Seed that chose them.
        train: The training texts.
        vocabulary: What cutting the vocabulary did; ``None`` when all tokens stayed.
        distillation: How the model was recovered; ``None`` when its weights were only re-fitted.
    """

    schema: int
    original: Architecture
    original_name: str
    original_sha256: str
    layers: tuple[Count, ...]
    budget: Literal["macs", "latency"]
    keep: Share
    macs_share: Share
    tokens_per_text: Amount
    sample: Count
    seed: Count
    train: TextSource
    vocabulary: VocabularyCut | None
    distillation: Distillation | None
