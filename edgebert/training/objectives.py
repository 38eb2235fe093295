"""What training minimises: one row for each task."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from edgebert.examples import Target
from edgebert.meaning import Task
from edgebert.training import text_losses, token_losses
from edgebert.training.text_losses import Reduction

if TYPE_CHECKING:
    import torch

    from edgebert.network import Outputs


class Loss(Protocol):
    """Loss against the right answers: of outputs, targets and mask: float32 [], ``mean`` or ``sum`` over the batch."""

    def __call__(  # noqa: D102
        self,
        outputs: Outputs,
        targets: torch.Tensor,
        mask: torch.Tensor,
        reduction: Reduction,
        weights: torch.Tensor | None = None,
        /,
    ) -> torch.Tensor: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """What training a task minimises; a row of ``OBJECTIVES``.

    Attributes:
        pack: Returns the targets of windows as a tensor: of the targets, and the tokens of the longest window.
        loss: Loss against the right answers; ``weights`` are those of the labels, float32 [labels].
        own_loss: Loss whose gradients tell what the model's answers depend on where none is known to be right, summed
            over the batch: float32 []. For labels that against its own answers.
        soft: Loss on soft targets: of the student's outputs, the teacher's, mask, and a temperature: float32 [].
        divergence: How far outputs are from the original's: of outputs, the original's, and mask: float32 [windows].
        agree: Whether two models answer alike: of the outputs of both, and mask: bool [windows].
        are_pairs: Whether the loss is of the windows of an example together.
    """

    pack: Callable[[Sequence[Target], int], torch.Tensor]
    loss: Loss
    own_loss: Callable[[Outputs, torch.Tensor], torch.Tensor]
    soft: Callable[[Outputs, Outputs, torch.Tensor, float], torch.Tensor]
    divergence: Callable[[Outputs, Outputs, torch.Tensor], torch.Tensor]
    agree: Callable[[Outputs, Outputs, torch.Tensor], torch.Tensor]
    are_pairs: bool = False


OBJECTIVES: dict[Task, Objective] = {
    "text-classification": Objective(
        pack=text_losses.pack_labels,
        loss=text_losses.label_loss,
        own_loss=text_losses.own_label_loss,
        soft=text_losses.soft_label_loss,
        divergence=lambda ours, theirs, _: text_losses.kl(ours["logits"], theirs["logits"]),
        agree=text_losses.same_label,
    ),
    "multi-label-classification": Objective(
        pack=text_losses.pack_numbers,
        loss=text_losses.labels_loss,
        own_loss=text_losses.own_labels_loss,
        soft=text_losses.soft_labels_loss,
        divergence=lambda ours, theirs, _: text_losses.binary_kl(ours["logits"], theirs["logits"]),
        agree=text_losses.same_labels,
    ),
    "text-regression": Objective(
        pack=text_losses.pack_numbers,
        loss=text_losses.number_loss,
        own_loss=lambda outputs, _: outputs["logits"].sum(),
        soft=lambda student, teacher, mask, _: text_losses.number_loss(student, teacher["logits"], mask, "mean"),
        divergence=lambda ours, theirs, _: (ours["logits"] - theirs["logits"]).square().sum(dim=1),
        agree=text_losses.same_number,
    ),
    "token-classification": Objective(
        pack=token_losses.pack_tokens,
        loss=token_losses.token_loss,
        own_loss=token_losses.own_token_loss,
        soft=token_losses.soft_token_loss,
        divergence=lambda ours, theirs, mask: token_losses.token_kl(ours, theirs, mask).sum(dim=1) / mask.sum(dim=1),
        agree=token_losses.same_tokens,
    ),
    "question-answering": Objective(
        pack=token_losses.pack_spans,
        loss=token_losses.span_loss,
        own_loss=token_losses.own_span_loss,
        soft=token_losses.soft_span_loss,
        divergence=token_losses.span_kl,
        agree=token_losses.same_span,
    ),
    "feature-extraction": Objective(
        pack=text_losses.pack_scores,
        loss=text_losses.pair_loss,
        own_loss=text_losses.random_direction,
        soft=lambda student, teacher, mask, _: text_losses.cosine_distance(student, teacher, mask).mean(),
        divergence=text_losses.cosine_distance,
        agree=text_losses.same_embedding,
        are_pairs=True,
    ),
}
