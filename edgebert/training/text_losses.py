"""Losses of tasks with one answer for a whole text: a label, several labels, a number, an embedding.

Functions take the outputs of a batch of windows by name; a mask of their tokens is taken by all losses, and has no say
here.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

from edgebert.examples import Target

if TYPE_CHECKING:
    import torch

    from edgebert.network import Outputs

Reduction = Literal["mean", "sum"]

_NEAR = 0.95  # cosine from which two embeddings are told the same
_CLOSE = 0.1  # difference up to which two numbers are told the same, of the larger one where that is above 1


def kl(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Return KL(theirs || ours) of logits, float32 [..., choices]: float32 [...]."""
    from torch.nn.functional import kl_div

    return kl_div(ours.log_softmax(-1), theirs.log_softmax(-1), reduction="none", log_target=True).sum(-1)


# One label: logits [windows, labels], targets [windows].


def pack_labels(targets: Sequence[Target], _: int) -> torch.Tensor:
    """Return labels as a tensor, int64 [windows]."""
    import torch

    return torch.tensor([int(target[0]) for target in targets])


def label_loss(
    outputs: Outputs,
    targets: torch.Tensor,
    _: torch.Tensor,
    reduction: Reduction,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the cross-entropy of logits, float32 [windows, labels], with labels, int64 [windows]: float32 []."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(outputs["logits"], targets, weight=weights, reduction=reduction)


def own_label_loss(outputs: Outputs, mask: torch.Tensor) -> torch.Tensor:
    """Return the loss against the most probable labels, summed over the batch: float32 []."""
    return label_loss(outputs, outputs["logits"].detach().argmax(dim=1), mask, "sum")


def soft_label_loss(student: Outputs, teacher: Outputs, _: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the loss on soft targets (Hinton et al. 2015): KL(teacher || student) x temperature squared.

    Args:
        student: Logits, float32 [windows, labels].
        teacher: Logits, float32 [windows, labels].
        temperature: What both are divided by.

    Returns:
        The mean over the batch, float32 [].
    """
    from torch.nn.functional import kl_div

    ours, theirs = ((outputs["logits"] / temperature).log_softmax(dim=-1) for outputs in (student, teacher))
    return kl_div(ours, theirs, reduction="batchmean", log_target=True) * temperature**2


def same_label(first: Outputs, second: Outputs, _: torch.Tensor) -> torch.Tensor:
    """Return whether the most probable labels are the same, bool [windows]."""
    return first["logits"].argmax(dim=1) == second["logits"].argmax(dim=1)


# Several labels: logits [windows, labels], targets 0 or 1 of the same shape.


def pack_numbers(targets: Sequence[Target], _: int) -> torch.Tensor:
    """Return the numbers of each window as a tensor, float32 [windows, numbers]."""
    import torch

    return torch.tensor([[float(number) for number in target] for target in targets])


def labels_loss(
    outputs: Outputs,
    targets: torch.Tensor,
    _: torch.Tensor,
    reduction: Reduction,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the binary cross-entropy of logits, float32 [windows, labels], with 0 or 1 for each label: float32 []."""
    from torch.nn.functional import binary_cross_entropy_with_logits

    return binary_cross_entropy_with_logits(outputs["logits"], targets, pos_weight=weights, reduction=reduction)


def own_labels_loss(outputs: Outputs, mask: torch.Tensor) -> torch.Tensor:
    """Return the loss against the labels that are more probable than not, summed over the batch: float32 []."""
    return labels_loss(outputs, (outputs["logits"].detach() > 0).float(), mask, "sum")


def binary_kl(ours: torch.Tensor, theirs: torch.Tensor) -> torch.Tensor:
    """Return KL(theirs || ours) of logits of labels that are each given or not, float32 [..., labels], summed."""
    from torch.nn.functional import logsigmoid

    given = theirs.sigmoid()
    yes = given * (logsigmoid(theirs) - logsigmoid(ours))
    no = (1 - given) * (logsigmoid(-theirs) - logsigmoid(-ours))
    return (yes + no).sum(-1)


def soft_labels_loss(student: Outputs, teacher: Outputs, _: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the loss on soft targets of labels that are each given or not: the mean over the batch, float32 []."""
    apart = binary_kl(student["logits"] / temperature, teacher["logits"] / temperature)
    return apart.mean() * temperature**2


def same_labels(first: Outputs, second: Outputs, _: torch.Tensor) -> torch.Tensor:
    """Return whether the same labels are more probable than not, bool [windows]."""
    return ((first["logits"] > 0) == (second["logits"] > 0)).all(dim=1)


# A number: logits [windows, 1], targets of the same shape.


def number_loss(
    outputs: Outputs,
    targets: torch.Tensor,
    _: torch.Tensor,
    reduction: Reduction,
    __: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the squared distance of numbers, float32 [windows, 1], from the right ones: float32 []."""
    from torch.nn.functional import mse_loss

    return mse_loss(outputs["logits"], targets, reduction=reduction)


def same_number(first: Outputs, second: Outputs, _: torch.Tensor) -> torch.Tensor:
    """Return whether numbers are near each other, bool [windows]."""
    ours, theirs = first["logits"][:, 0], second["logits"][:, 0]
    return (ours - theirs).abs() <= _CLOSE * theirs.abs().clamp(min=1)


# An embedding: sentence_embedding [windows, width], targets [windows] for the two windows of a pair.


def pack_scores(targets: Sequence[Target], _: int) -> torch.Tensor:
    """Return the scores of pairs, one for each of their windows, as a tensor, float32 [windows]."""
    import torch

    return torch.tensor([float(target[0]) for target in targets])


def pair_loss(
    outputs: Outputs,
    targets: torch.Tensor,
    _: torch.Tensor,
    reduction: Reduction,
    __: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the squared distance of the cosine of windows 2n and 2n + 1 from the score of the pair: float32 []."""
    from torch.nn.functional import cosine_similarity, mse_loss

    embedding = outputs["sentence_embedding"]
    return mse_loss(cosine_similarity(embedding[0::2], embedding[1::2]), targets[0::2], reduction=reduction)


def random_direction(outputs: Outputs, _: torch.Tensor) -> torch.Tensor:
    """Return the sum of embeddings along random directions: the squares of its gradients are those of all numbers."""
    import torch

    embedding = outputs["sentence_embedding"]
    draw = torch.randint(0, 2, embedding.shape, generator=torch.Generator().manual_seed(0))
    return (embedding * (2 * draw - 1)).sum()


def cosine_distance(ours: Outputs, theirs: Outputs, _: torch.Tensor) -> torch.Tensor:
    """Return 1 minus the cosine of embeddings, float32 [windows]."""
    from torch.nn.functional import cosine_similarity

    return 1 - cosine_similarity(ours["sentence_embedding"], theirs["sentence_embedding"])


def same_embedding(first: Outputs, second: Outputs, mask: torch.Tensor) -> torch.Tensor:
    """Return whether embeddings are near each other, bool [windows]."""
    return cosine_distance(first, second, mask) <= 1 - _NEAR
