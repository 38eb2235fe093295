"""The three losses of distillation (Sanh et al. 2019, arXiv:1910.01108): right answers, soft targets, hidden states."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from edgebert.network import outputs_of

if TYPE_CHECKING:
    import torch

    from edgebert.network import Outputs
    from edgebert.training.items import PairBatch
    from edgebert.training.objectives import Objective
    from edgebert.training.options import DistillOptions, TrainingPrecision


def hidden_loss(
    student: torch.Tensor,
    teacher: torch.Tensor,
    shared: torch.Tensor,
    kind: Literal["squared", "cosine"] = "squared",
) -> torch.Tensor:
    """Return how far hidden states are apart, over the tokens that both models share.

    Args:
        student: Hidden states, float32 or bfloat16 [batch, length, hidden]; positions beyond those of ``shared`` do not
            count.
        teacher: As ``student``, perhaps of another length.
        shared: Which positions hold the same token in both, bool [batch, shared length]; at least one does.
        kind: ``squared`` for the mean over the width of the squared distance, ``cosine`` for 1 minus the cosine.

    Returns:
        The mean over tokens, float32 [].
    """
    from torch.nn.functional import cosine_similarity

    length = shared.shape[1]
    ours, theirs = student[:, :length].float(), teacher[:, :length].float()
    if kind == "cosine":
        distance = 1 - cosine_similarity(ours, theirs, dim=-1)  # [batch, shared length]
    else:
        distance = (ours - theirs).square().mean(dim=-1)  # [batch, shared length]
    return (distance * shared).sum() / shared.sum()


def distillation_loss(
    student: torch.nn.Module,
    teacher: torch.nn.Module,
    layers: Sequence[int],
    batch: PairBatch,
    objective: Objective,
    options: DistillOptions,
) -> torch.Tensor:
    """Return the weighted sum of the three losses of a batch, float32 []; ``layers`` are those of ``DistillSetup``."""
    import torch

    watched = layers if options.hidden_weight else ()
    with hidden_states(student, range(len(watched))) as states:
        outputs = computed(student, batch.ids, batch.mask, options.precision)
    # Not in inference mode: a loss keeps what the teacher gives for its gradient, which such tensors refuse.
    with torch.no_grad(), hidden_states(teacher, watched) as aims:
        targets = computed(teacher, batch.teacher_ids, batch.teacher_mask, options.precision)
    loss = options.soft_weight * objective.soft(outputs, targets, batch.shared, options.temperature)
    for state, aim in zip(states, aims, strict=True):
        loss = loss + options.hidden_weight / len(watched) * hidden_loss(state, aim, batch.shared, options.hidden)
    if batch.targets is not None and options.task_weight:
        loss = loss + options.task_weight * objective.loss(outputs, batch.targets, batch.mask, "mean")
    return loss


def computed(module: torch.nn.Module, ids: torch.Tensor, mask: torch.Tensor, precision: TrainingPrecision) -> Outputs:
    """Return the outputs of a model that computes in ``precision``, float32 in any case.

    The hidden states that ``hidden_states`` collects on the way are of ``precision``.
    """
    import torch

    with torch.autocast(ids.device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16"):
        outputs = outputs_of(module, ids, mask)
    return {name: output.float() for name, output in outputs.items()}


@contextlib.contextmanager
def hidden_states(module: torch.nn.Module, layers: Sequence[int]) -> Iterator[list[torch.Tensor]]:
    """Give a list that the hidden states, float32 [batch, length, hidden], of some layers are put into.

    ``output_hidden_states`` would leave hooks behind in the module, with transformers 5.
    """
    states: list[torch.Tensor] = []

    def keep(_module: torch.nn.Module, _inputs: Any, output: Any) -> None:
        # A tuple with transformers 4, which a DistilBERT ends with the hidden states and a BERT begins with them.
        states.append(output[place] if isinstance(output, tuple) else output)

    every, place = layers_of(module)
    hooks = [every[layer].register_forward_hook(keep) for layer in layers]
    try:
        yield states
    finally:
        for hook in hooks:
            hook.remove()


def layers_of(module: torch.nn.Module) -> tuple[Sequence[Any], int]:
    """Return the layers of a DistilBERT or a BERT, bottom first, and where in a tuple they put their hidden states."""
    base: Any = module.base_model
    if hasattr(base, "transformer"):
        return base.transformer.layer, -1
    return base.encoder.layer, 0
