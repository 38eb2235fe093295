"""Losses of tasks whose outputs have a row for each token: labels of tokens, and the ends of an answer.

Only the tokens of a mask count, bool or int64 [windows, tokens]. Rows beyond it are cut off: what a teacher computes of
a longer batch compares with what a student does.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from edgebert.examples import Target
from edgebert.training.text_losses import Reduction, kl

if TYPE_CHECKING:
    import torch

    from edgebert.network import Outputs

IGNORED = -100
"""Target of a token that has none."""

_SHUT = -1e9  # a logit of what cannot be: no infinity, whose difference from itself is no number


# A label for each token: logits [windows, tokens, labels], targets [windows, tokens].


def pack_tokens(targets: Sequence[Target], length: int) -> torch.Tensor:
    """Return the labels of tokens as a tensor filled up with ``IGNORED``, int64 [windows, length]."""
    import torch

    packed = torch.full((len(targets), length), IGNORED)
    for row, target in enumerate(targets):
        packed[row, : len(target)] = torch.tensor(target)
    return packed


def token_loss(
    outputs: Outputs,
    targets: torch.Tensor,
    _: torch.Tensor,
    reduction: Reduction,
    weights: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the cross-entropy of the tokens that have a target; their mean is over all of the batch: float32 []."""
    from torch.nn.functional import cross_entropy

    counted = targets != IGNORED
    gold = targets[counted]
    total = cross_entropy(outputs["logits"][counted], gold, weight=weights, reduction="sum")
    if reduction == "sum":
        return total
    return total / (max(len(gold), 1) if weights is None else weights[gold].sum().clamp(min=1e-9))


def own_token_loss(outputs: Outputs, mask: torch.Tensor) -> torch.Tensor:
    """Return the loss against the most probable label of each token, summed over the batch: float32 []."""
    own = outputs["logits"].detach().argmax(dim=-1).masked_fill(~mask.bool(), IGNORED)
    return token_loss(outputs, own, mask, "sum")


def token_kl(ours: Outputs, theirs: Outputs, mask: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Return the divergence of each token, 0 outside the mask: float32 [windows, tokens]."""
    length = mask.shape[1]
    return kl(ours["logits"][:, :length] / temperature, theirs["logits"][:, :length] / temperature) * mask


def soft_token_loss(student: Outputs, teacher: Outputs, mask: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the loss on soft targets, the mean over the tokens of the mask: float32 []."""
    return token_kl(student, teacher, mask, temperature).sum() / mask.sum() * temperature**2


def same_tokens(first: Outputs, second: Outputs, mask: torch.Tensor) -> torch.Tensor:
    """Return whether all tokens of a window get the same label, bool [windows]."""
    ours, theirs = (outputs["logits"][:, : mask.shape[1]].argmax(dim=-1) for outputs in (first, second))
    return ((ours == theirs) | ~mask.bool()).all(dim=1)


# A span: start_logits and end_logits [windows, tokens], targets [windows, 2].

_ENDS = ("start_logits", "end_logits")


def pack_spans(targets: Sequence[Target], _: int) -> torch.Tensor:
    """Return the tokens that answers start and end at as a tensor, int64 [windows, 2]."""
    import torch

    return torch.tensor([[int(number) for number in target] for target in targets])


def _end_logits(outputs: Outputs, mask: torch.Tensor) -> list[torch.Tensor]:
    """Return the logits of starts and of ends, with those outside the mask shut: float32 [windows, tokens] each."""
    return [outputs[name][:, : mask.shape[1]].masked_fill(~mask.bool(), _SHUT) for name in _ENDS]


def span_loss(
    outputs: Outputs,
    targets: torch.Tensor,
    mask: torch.Tensor,
    reduction: Reduction,
    _: torch.Tensor | None = None,
) -> torch.Tensor:
    """Return the mean of the cross-entropies of the start and of the end, int64 [windows, 2]: float32 []."""
    from torch.nn.functional import cross_entropy

    starts, ends = _end_logits(outputs, mask)
    start = cross_entropy(starts, targets[:, 0], reduction=reduction)
    return (start + cross_entropy(ends, targets[:, 1], reduction=reduction)) / 2


def best_ends(outputs: Outputs, mask: torch.Tensor) -> torch.Tensor:
    """Return the most probable start and end, int64 [windows, 2]."""
    import torch

    return torch.stack([logits.detach().argmax(dim=1) for logits in _end_logits(outputs, mask)], dim=1)


def span_kl(ours: Outputs, theirs: Outputs, mask: torch.Tensor, temperature: float = 1.0) -> torch.Tensor:
    """Return the divergence, the mean of that of starts and that of ends: float32 [windows]."""
    pairs = zip(_end_logits(ours, mask), _end_logits(theirs, mask), strict=True)
    start, end = (kl(mine / temperature, other / temperature) for mine, other in pairs)
    return (start + end) / 2


def own_span_loss(outputs: Outputs, mask: torch.Tensor) -> torch.Tensor:
    """Return the loss against the most probable start and end, summed over the batch: float32 []."""
    return span_loss(outputs, best_ends(outputs, mask), mask, "sum")


def soft_span_loss(student: Outputs, teacher: Outputs, mask: torch.Tensor, temperature: float) -> torch.Tensor:
    """Return the loss on soft targets, the mean over the batch: float32 []."""
    return span_kl(student, teacher, mask, temperature).mean() * temperature**2


def same_span(first: Outputs, second: Outputs, mask: torch.Tensor) -> torch.Tensor:
    """Return whether start and end are the same, bool [windows]."""
    return (best_ends(first, mask) == best_ends(second, mask)).all(dim=1)
