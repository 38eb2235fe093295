"""The three losses of distillation (Sanh et al. 2019, arXiv:1910.01108), each a function of tensors."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import torch


def soft_loss(student: torch.Tensor, teacher: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the loss on soft targets (Hinton et al. 2015): KL(teacher || student) x temperature squared.

    Args:
        student: Logits, float32 [batch, labels].
        teacher: Logits, float32 [batch, labels].
        temperature: What both are divided by.

    Returns:
        The mean over the batch, float32 [].
    """
    from torch.nn.functional import kl_div, log_softmax

    ours, theirs = log_softmax(student / temperature, dim=-1), log_softmax(teacher / temperature, dim=-1)
    return kl_div(ours, theirs, reduction="batchmean", log_target=True) * temperature**2


def hidden_loss(student: torch.Tensor, teacher: torch.Tensor, shared: torch.Tensor) -> torch.Tensor:
    """Return the mean squared distance of hidden states, over the tokens that both models share.

    Args:
        student: Hidden states, float32 [batch, length, hidden]; positions beyond those of ``shared`` do not count.
        teacher: As ``student``, perhaps of another length.
        shared: Which positions hold the same token in both, bool [batch, shared length]; at least one does.

    Returns:
        The mean over tokens and width, float32 [].
    """
    length = shared.shape[1]
    distance = (student[:, :length] - teacher[:, :length]).square().mean(dim=-1)  # [batch, shared length]
    return (distance * shared).sum() / shared.sum()


def task_loss(student: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy of logits, float32 [batch, labels], with labels, int64 [batch]: float32 []."""
    from torch.nn.functional import cross_entropy

    return cross_entropy(student, labels)
