"""From a budget to a cut and repaired model: widths, units, surgery, repair, and whether a whole layer may go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from edgebert.architecture import Architecture, Keep
from edgebert.progress import Progress, silent
from edgebert.pruning.cost import Costs
from edgebert.pruning.order import choose_units
from edgebert.pruning.repair import repair
from edgebert.pruning.scores import Gradients, batches, importance, padded
from edgebert.pruning.surgery import check_cut, cut
from edgebert.pruning.widths import choose_widths

if TYPE_CHECKING:
    import numpy.typing as npt
    import torch

    from edgebert.checkpoint import Model

MULTIPLE = 16
"""Neurons are kept in multiples of this: the tiles of int8 kernels are 8 or 16 wide on every CPU we know."""

_NEARLY_EMPTY = 0.1
_CHECKED = 8

CostModel = Callable[[Architecture], Costs]
"""What every width of a model of this shape costs; called again for a model without some layers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cut:
    """A cut and repaired model.

    Attributes:
        keep: What stayed of the original.
        model: The narrower model.
        divergence: KL divergence of the original's answers from its own on probe texts, in nats, float64 [texts].
    """

    keep: Keep
    model: Model
    divergence: npt.NDArray[np.float64]


def cut_to_budget(
    model: Model,
    gradients: Gradients,
    fit: Sequence[Sequence[int]],
    probe: Sequence[Sequence[int]],
    *,
    cost_model: CostModel,
    share: float,
    drop_layers: bool,
    progress: Progress = silent,
) -> Cut:
    """Return the model cut to a share of its cost, with its projections re-fitted.

    With ``drop_layers`` a layer of which the plan leaves less than a tenth is also tried without: the freed budget goes
    to the others, and of two models whose answers are equally near the original's the one with fewer layers wins.

    Args:
        model: The original.
        gradients: Gate gradients of a sample of its texts.
        fit: Token ids of the texts that the weights are re-fitted on.
        probe: Token ids of other texts, by which models are compared.
        cost_model: Cost of every width.
        share: Share of the full cost that may stay.
        drop_layers: Whether whole layers may go.
        progress: Told what is being done.

    Raises:
        UsageError: The share is below one head and a few neurons a layer.
        ParityError: The cut model is not the gated original.
    """
    shape = model.checkpoint.architecture
    budget = share * cost_model(shape).full

    def attempt(layers: tuple[int, ...]) -> Cut:
        costs = cost_model(without_layers(shape, layers))
        keep = _keep(gradients, layers, costs, budget)
        narrow = cut(model, keep)
        check_cut(model, keep, narrow, fit[:_CHECKED])
        fitted = repair(model, narrow, layers, fit, progress=progress)
        return Cut(keep=keep, model=fitted, divergence=divergence(model, fitted, probe))

    best = attempt(tuple(range(shape.layers)))
    if not drop_layers:
        return best
    for layer in _nearly_empty(best.keep, cost_model(shape)):
        rest = tuple(other for other in best.keep.layers if other != layer)
        if not rest:
            break
        trial = attempt(rest)
        worse = trial.divergence - best.divergence  # [texts]
        if worse.mean() <= worse.std() / len(worse) ** 0.5:
            best = trial
    return best


def without_layers(architecture: Architecture, layers: Sequence[int]) -> Architecture:
    """Return the shape of which only some layers are left."""
    return replace(
        architecture,
        heads=tuple(architecture.heads[layer] for layer in layers),
        neurons=tuple(architecture.neurons[layer] for layer in layers),
    )


def divergence(original: Model, other: Model, texts: Sequence[Sequence[int]]) -> npt.NDArray[np.float64]:
    """Return KL(original || other) of the answers to each text, in nats: float64 [texts]."""
    from torch.nn.functional import kl_div

    result = np.empty(len(texts))
    for chosen in batches(texts):
        batch = [texts[index] for index in chosen]
        ours, theirs = _log_probabilities(other.module, batch), _log_probabilities(original.module, batch)
        result[chosen] = kl_div(ours, theirs, reduction="none", log_target=True).sum(dim=1).double().numpy()
    return result


def _keep(gradients: Gradients, layers: tuple[int, ...], costs: Costs, budget: float) -> Keep:
    heads = [gradients.heads[layer] for layer in layers]
    neurons = [gradients.neurons[layer] for layer in layers]
    widths = choose_widths(
        costs, [importance(g) for g in heads], [importance(g) for g in neurons], budget=budget, multiple=MULTIPLE
    )
    return Keep(
        layers=layers,
        heads=tuple(choose_units(found, width) for found, width in zip(heads, widths.heads, strict=True)),
        neurons=tuple(choose_units(found, width) for found, width in zip(neurons, widths.neurons, strict=True)),
    )


def _nearly_empty(keep: Keep, costs: Costs) -> list[int]:
    """Return the layers of which little is left, the emptiest first."""
    shares = {}
    for layer, heads, neurons in zip(keep.layers, keep.heads, keep.neurons, strict=True):
        left = costs.heads[layer][len(heads)] + costs.neurons[layer][len(neurons)]
        shares[layer] = float(left / (costs.heads[layer][-1] + costs.neurons[layer][-1]))
    return sorted((layer for layer, share in shares.items() if share < _NEARLY_EMPTY), key=lambda layer: shares[layer])


def _log_probabilities(module: torch.nn.Module, texts: Sequence[Sequence[int]]) -> torch.Tensor:
    import torch

    ids, mask = padded(texts)
    with torch.inference_mode():
        return torch.log_softmax(module(input_ids=ids, attention_mask=mask).logits, dim=1)  # [batch, labels]
