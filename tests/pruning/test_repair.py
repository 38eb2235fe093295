"""Re-fitting a cut model: exact where the cut lost nothing, nearer to the original where it did."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from edgebert.architecture import Keep
from edgebert.checkpoint import Model, load_model
from edgebert.network import blocks, padded
from edgebert.pruning.plan import divergence
from edgebert.pruning.repair import _Stream, repair
from edgebert.pruning.surgery import cut
from tests.pruning.inputs import keep_all
from tests.support import fakes

FIT = fakes.random_texts(21, count=160, longest=12)
UNSEEN = fakes.random_texts(22, count=30, longest=12)
NEURONS = 24
HALF = tuple(range(0, NEURONS, 2))


@functools.cache
def folder(seed: int):
    return fakes.tiny_checkpoint(
        fakes._shared() / f"repair-{seed}", hidden=16, heads=4, neurons=NEURONS, layers=3, seed=seed
    )


def model(seed: int = 0) -> Model:
    return load_model(folder(seed))


def keep(**changes) -> Keep:
    values = {"layers": (0, 1, 2), "heads": (tuple(range(4)),) * 3, "neurons": (tuple(range(NEURONS)),) * 3}
    return Keep(**values | changes)


def largest_change(one: Model, other: Model) -> float:
    left, right = one.module.state_dict(), other.module.state_dict()
    assert list(left) == list(right)
    return max(float((left[name] - right[name]).abs().max()) for name in left)


def difference(one: Model, other: Model, texts) -> float:
    return float(np.abs(fakes.torch_logits(one.module, texts) - fakes.torch_logits(other.module, texts)).max())


def test_a_model_that_lost_nothing_stays_as_it_is():
    """With nothing cut, no weight moves by more than 1e-4 and no logit of unseen texts by more than 1e-3."""
    original = model()
    same = repair(original, cut(original, keep_all(original.checkpoint.architecture)), (0, 1, 2), FIT)
    assert largest_change(same, original) < 1e-4
    assert difference(same, original, UNSEEN) < 1e-3


def test_a_model_that_lost_dead_units_stays_as_it_is():
    """Cutting a head and neurons that add nothing leaves nothing to repair."""
    original, gone = model(), 5
    for block in blocks(original.module):
        block.ffn.lin2.weight[:, gone] = 0
        block.attention.out_lin.weight[:, 4:8] = 0
    rest = tuple(index for index in range(NEURONS) if index != gone)
    pruned = cut(original, keep(heads=((0, 2, 3),) * 3, neurons=(rest,) * 3))
    fitted = repair(original, pruned, (0, 1, 2), FIT)
    assert largest_change(fitted, pruned) < 1e-4
    assert difference(fitted, original, UNSEEN) < 1e-3


def test_what_a_twin_did_is_taken_over_by_the_other():
    """Of two neurons, and of two heads, that compute the same, one stays and takes over the other's weights.

    Logits of unseen texts come back to 1e-3, though the cut alone changed them. The ridge is off: it is there to hold
    back where texts are few.
    """
    original = model()
    for block in blocks(original.module):
        block.ffn.lin1.weight[7], block.ffn.lin1.bias[7] = block.ffn.lin1.weight[3], block.ffn.lin1.bias[3]
        for part in (block.attention.q_lin, block.attention.k_lin, block.attention.v_lin):
            part.weight[8:12], part.bias[8:12] = part.weight[:4], part.bias[:4]
    rest = tuple(index for index in range(NEURONS) if index != 7)
    pruned = cut(original, keep(heads=((0, 1, 3),) * 3, neurons=(rest,) * 3))
    assert difference(pruned, original, UNSEEN) > 0.1
    fitted = repair(original, pruned, (0, 1, 2), FIT, ridge=1e-9)
    assert difference(fitted, original, UNSEEN) < 1e-3
    for block, before in zip(blocks(fitted.module), blocks(original.module), strict=True):
        both = before.ffn.lin2.weight[:, 3] + before.ffn.lin2.weight[:, 7]
        torch.testing.assert_close(block.ffn.lin2.weight[:, 3], both, rtol=0, atol=1e-3)


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "kept",
    [
        keep(neurons=(HALF,) * 3),
        keep(heads=((0, 1), (2,), (0, 3)), neurons=(HALF, HALF[:6], tuple(range(NEURONS)))),
        keep(layers=(0, 2), heads=((0, 1, 2), (1, 2, 3)), neurons=(HALF, HALF)),
    ],
    ids=["neurons", "heads and neurons", "a layer"],
)
def test_a_repaired_model_is_nearer_to_the_original(seed, kept):
    """Answers to the texts it was fitted on diverge less than those of the plain cut."""
    original = model(seed)
    pruned = cut(original, kept)
    fitted = repair(original, pruned, kept.layers, FIT)
    assert divergence(original, fitted, FIT).mean() < 0.8 * divergence(original, pruned, FIT).mean()


def test_the_models_given_stay_as_they_are():
    """Neither model changes, the result shares no memory with them, and only output projections differ."""
    original = model()
    pruned = cut(original, keep(neurons=(HALF,) * 3))
    before = [{name: each.clone() for name, each in part.module.state_dict().items()} for part in (original, pruned)]
    fitted = repair(original, pruned, (0, 1, 2), FIT)
    for part, state in zip((original, pruned), before, strict=True):
        assert all(torch.equal(tensor, state[name]) for name, tensor in part.module.state_dict().items())
    addresses = {tensor.data_ptr() for part in (original, pruned) for tensor in part.module.state_dict().values()}
    assert not addresses & {tensor.data_ptr() for tensor in fitted.module.state_dict().values()}
    changed = {name for name, tensor in fitted.module.state_dict().items() if not torch.equal(tensor, before[1][name])}
    assert {name.split(".", 4)[-1].rsplit(".", 1)[0] for name in changed} == {"attention.out_lin", "ffn.lin2"}
    assert fitted.checkpoint == pruned.checkpoint
    assert not fitted.module.training
    assert not any(each.requires_grad or each.is_inference() for each in fitted.module.state_dict().values())


def test_half_layers_compute_what_hugging_face_computes():
    """The stream after every layer equals its hidden states, in a padded batch, of whole and of cut models."""
    original = model()
    narrow = cut(original, keep(heads=((0,), (1, 2), (0, 1, 3)), neurons=((4,), HALF, HALF[3:])))
    ids, mask = padded(UNSEEN, 0)
    real = mask.bool()
    for each in (original, narrow):
        with torch.inference_mode():
            states = each.module.distilbert(ids, attention_mask=mask, output_hidden_states=True).hidden_states
            stream = _Stream(original.module, each.module, ids, mask, 4)
            for layer, block in enumerate(blocks(each.module)):
                for half in ("attention", "feed-forward"):
                    stream.advance_new(block, half)
                torch.testing.assert_close(stream.new[real], states[layer + 1][real], rtol=0, atol=1e-4)
            states = original.module.distilbert(ids, attention_mask=mask, output_hidden_states=True).hidden_states
            stream.skip(blocks(original.module))
            torch.testing.assert_close(stream.old[real], states[-1][real], rtol=0, atol=1e-4)


def test_the_last_layer_is_fitted_where_it_is_read():
    """Only ``[CLS]`` rows count in the last layer: fewer texts than neurons are then fitted exactly.

    Their tokens are many times more than the weights could satisfy.
    """
    original = model()
    pruned = cut(original, keep(neurons=(tuple(range(NEURONS)),) * 2 + (HALF,)))
    texts = [text for text in UNSEEN if len(text) > 6][:8]
    assert sum(map(len, texts)) > 2 * len(HALF)
    assert difference(pruned, original, texts) > 0.1
    assert difference(repair(original, pruned, (0, 1, 2), texts, ridge=1e-9), original, texts) < 1e-3


def test_a_ridge_holds_the_weights_where_they_are():
    """The larger the ridge, the less the weights move; without bound they do not move at all."""
    original = model()
    pruned = cut(original, keep(neurons=(HALF,) * 3))
    moves = [
        largest_change(repair(original, pruned, (0, 1, 2), FIT, ridge=ridge), pruned) for ridge in (1e-2, 1e1, 1e9)
    ]
    assert moves[0] > moves[1] > moves[2]
    assert moves[2] < 1e-5


@pytest.mark.parametrize("gone", [0, 1, 2])
def test_what_a_layer_added_is_taken_over_by_the_others(gone):
    """A layer that went, whichever it is, leaves its neighbours to come nearer to what the original answers."""
    original = model()
    block = blocks(original.module)[gone]
    for part in (block.attention.out_lin, block.ffn.lin2):
        part.weight *= 0.05
        part.bias *= 2
    layers = tuple(layer for layer in range(3) if layer != gone)
    pruned = cut(original, keep(layers=layers, heads=(tuple(range(4)),) * 2, neurons=(tuple(range(NEURONS)),) * 2))
    fitted = repair(original, pruned, layers, FIT)
    assert divergence(original, fitted, UNSEEN).mean() < 0.5 * divergence(original, pruned, UNSEEN).mean()


@pytest.mark.parametrize("layers", [(0, 2), (0, 1), (0,), (1, 2), (2,)])
def test_the_last_of_the_layers_that_went_leaves_its_normalization(layers):
    """What follows a gap reads a stream that is scaled and shifted as that of the layer it expects."""
    original = model()
    some = len(layers)
    pruned = cut(original, keep(layers=layers, heads=((0, 1),) * some, neurons=(HALF,) * some))
    fitted = repair(original, pruned, layers, FIT)
    ends = [following - 1 for following in (*layers[1:], 3)]
    for block, last in zip(blocks(fitted.module), ends, strict=True):
        wanted = blocks(original.module)[last].output_layer_norm
        assert torch.equal(block.output_layer_norm.weight, wanted.weight)
        assert torch.equal(block.output_layer_norm.bias, wanted.bias)


def test_progress_ends_when_all_is_done():
    """Every half layer is told once, and the last of them is all."""
    original, told = model(), []
    repair(original, model(), (0, 1, 2), FIT[:10], progress=lambda *step: told.append(step))
    assert [(done, total) for _, done, total in told] == [(done, 6) for done in range(1, 7)]
