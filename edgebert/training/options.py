"""How to train: the hyper-parameters of distillation and of fine-tuning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from edgebert.arguments import Between, Count, Factor, Length, Positive, Rate, Seed, Weight, check_options

TrainingPrecision = Literal["float32", "bfloat16"]

LONGEST = 128
"""Tokens of a window that take part, where the models have so many positions."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DistillOptions:
    """How to distill.

    The defaults are what recovers pruned models best. The DistilBERT paper compares hidden states by their cosine.

    Attributes:
        epochs: Passes over the training texts; a fraction ends within one.
        learning_rate: Peak of the rate: it rises over the first 6 % of the steps and then falls linearly to 0.
        batch_size: Texts in one step.
        held_out: Share of the texts kept aside to see what became of it: one text at least, 1,000 at most.
        seed: Decides which texts are held out, and their order.
        task_weight: Weight of the loss on the right answers, where the texts have them.
        soft_weight: Weight of the loss on the teacher's answers.
        hidden_weight: Weight of the loss on the teacher's hidden states.
        temperature: What the logits of both models are divided by for the soft targets.
        hidden: How hidden states are compared: by their squared distance or by their cosine.
        precision: In what the layers compute. Weights and losses are float32 in any case; ``bfloat16`` is faster on
            processors that have it.

    Raises:
        UsageError: A value is out of range.
    """

    epochs: Factor = 2.0
    learning_rate: Rate = 5e-5
    batch_size: Positive = 32
    held_out: Annotated[float, Between(0, 1, above=True, below=True)] = 0.05
    seed: Seed = 0
    task_weight: Weight = 1.0
    soft_weight: Weight = 1.0
    hidden_weight: Weight = 1.0
    temperature: Factor = 2.0
    hidden: Literal["squared", "cosine"] = "squared"
    precision: TrainingPrecision = "float32"

    def __post_init__(self) -> None:
        check_options(self)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinetuneOptions:
    """How to fine-tune.

    Attributes:
        epochs: Passes over the training texts; a fraction ends within one.
        learning_rate: Peak of the rate: it rises over the first 6 % of the steps and falls linearly to 0.
        batch_size: Texts in one step of one process.
        max_length: Longest input in tokens; longer texts are truncated, and long contexts of questions split.
        seed: Decides the new head, the order of the texts and dropout.
        patience: Epochs without a better metric on the evaluation data after which training stops; the best epoch is
            kept. ``None`` trains all epochs and keeps the last.
        class_weights: ``balanced`` lets rare labels count as much as frequent ones.
        unfreeze: Layers under the head that are trained, from the top, with embeddings and lower layers left as they
            are; ``None`` trains all.
        task_weight: With a teacher: weight of the loss on the right answers.
        soft_weight: With a teacher: weight of the loss on its answers.
        hidden_weight: With a teacher: weight of the loss on the cosine of hidden states.
        temperature: With a teacher: what the logits of both models are divided by for the soft targets.
        precision: As that of ``DistillOptions``.

    Raises:
        UsageError: A value is out of range.
    """

    epochs: Factor = 3
    learning_rate: Rate = 5e-5
    batch_size: Positive = 32
    max_length: Length = 128
    seed: Seed = 0
    patience: Positive | None = None
    class_weights: Literal["none", "balanced"] = "none"
    unfreeze: Count | None = None
    task_weight: Weight = 1.0
    soft_weight: Weight = 1.0
    hidden_weight: Weight = 1.0
    temperature: Factor = 2.0
    precision: TrainingPrecision = "float32"

    def __post_init__(self) -> None:
        check_options(self)
