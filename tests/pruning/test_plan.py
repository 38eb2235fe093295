"""From a budget to a model: within it, equal to its gated original, and without the layers that nobody needs."""

from __future__ import annotations

import functools
import itertools

import numpy as np
import pytest
import torch

from edgebert.checkpoint import Model, load_model
from edgebert.convert.weights import extract_weights
from edgebert.errors import UsageError
from edgebert.network import blocks
from edgebert.pruning.cost import mac_costs, macs
from edgebert.pruning.plan import MULTIPLE, Cut, cut_to_budget, divergence, without_layers
from edgebert.pruning.scores import gate_gradients
from edgebert.pruning.surgery import architecture_of, cut, gated, layers_only
from tests.pruning.inputs import HEAD, items
from tests.support import fakes

FIT = fakes.random_texts(31, count=60, longest=12)
PROBE = fakes.random_texts(32, count=24, longest=12)
LENGTHS = {8: 3, 12: 1}
HEADS, NEURONS = 16, 320


@functools.cache
def folder():
    return fakes.tiny_checkpoint(fakes._shared() / "plan", heads=HEADS, neurons=NEURONS, layers=3)


def plain() -> Model:
    return load_model(folder())


def with_useless(layer: int) -> Model:
    """Return a model one layer of which gives back what it gets."""
    model = plain()
    block = blocks(model.module)[layer]
    norms = [block.sa_layer_norm, block.output_layer_norm]
    # What is normalized already stays as it is, so the layer below has to end plainly as well.
    norms.append(
        blocks(model.module)[layer - 1].output_layer_norm if layer else model.module.distilbert.embeddings.LayerNorm
    )
    for part in (block.attention.out_lin, block.ffn.lin2):
        part.weight.zero_()
        part.bias.zero_()
    for norm in norms:
        norm.weight.fill_(1)
        norm.bias.zero_()
    return model


def costs(shape):
    return mac_costs(shape, LENGTHS, HEAD)


def planned(model: Model, share: float, *, drop_layers: bool = False, **changes) -> Cut:
    return cut_to_budget(
        model,
        gate_gradients(model, items(FIT)),
        FIT,
        PROBE,
        **{"cost_model": costs, "share": share, "drop_layers": drop_layers} | changes,
    )


@pytest.mark.parametrize("drop_layers", [False, True])
@pytest.mark.parametrize("share", [0.15, 0.3, 0.5, 0.77])
def test_a_plan_is_within_its_budget_and_uses_it(share, drop_layers):
    """The model that comes out has the shape of the plan, and its multiply-accumulates are a little below the share."""
    model = plain()
    found = planned(model, share, drop_layers=drop_layers)
    shape = model.checkpoint.architecture
    assert found.model.checkpoint.architecture == architecture_of(shape, found.keep)
    left = macs(found.model.checkpoint.architecture, LENGTHS, HEAD)
    assert share - 0.03 < left / macs(shape, LENGTHS, HEAD) <= share
    assert all(len(neurons) % MULTIPLE == 0 for neurons in found.keep.neurons)


def test_a_plan_keeps_what_matters():
    """Of heads and neurons that add nothing none stays while others that do would fit."""
    model = plain()
    dead = set(range(0, NEURONS, 2))
    for block in blocks(model.module):
        block.ffn.lin2.weight[:, sorted(dead)] = 0
        block.attention.out_lin.weight[:, 2:6] = 0  # heads 1 and 2
    found = planned(model, 0.5)
    for heads, neurons in zip(found.keep.heads, found.keep.neurons, strict=True):
        assert not dead & set(neurons)
        assert not {1, 2} & set(heads)


@pytest.mark.parametrize("layer", [0, 1, 2])
def test_a_useless_layer_goes_when_it_may(layer):
    """A layer that gives back what it gets is dropped when told to, whichever it is; otherwise a sliver of it stays."""
    model = with_useless(layer)
    rest = tuple(index for index in range(3) if index != layer)
    dropped, kept = (planned(model, 0.4, drop_layers=flag) for flag in (True, False))
    assert dropped.keep.layers == rest
    assert dropped.model.checkpoint.architecture.layers == 2
    assert kept.keep.layers == (0, 1, 2)
    assert (len(kept.keep.heads[layer]), len(kept.keep.neurons[layer])) == (1, MULTIPLE)
    full = costs(model.checkpoint.architecture).full
    assert costs(dropped.model.checkpoint.architecture).full <= 0.4 * full


def test_a_nearly_empty_layer_goes_only_where_answers_stay_as_near():
    """Dropping is tried and judged by the answers: a model with fewer layers is no worse than within a standard error.

    The gradients say of one layer that none of it matters, which is not true: some of these trials have to fail.
    """
    model, outcomes = plain(), set()
    for layer, share in itertools.product((0, 1), (0.2, 0.3, 0.4)):
        gradients, told = gate_gradients(model, items(FIT)), []
        for part in (gradients.heads, gradients.neurons):
            part[layer][:] *= 1e-6
        plan = functools.partial(cut_to_budget, model, gradients, FIT, PROBE, cost_model=costs, share=share)
        whole = plan(drop_layers=False)
        found = plan(drop_layers=True, progress=lambda *step, told=told: told.append(step[2]))
        dropped = layer not in found.keep.layers
        if dropped:
            worse = found.divergence - whole.divergence
            assert worse.mean() <= worse.std() / len(worse) ** 0.5
        else:
            np.testing.assert_array_equal(found.divergence, whole.divergence)
            assert found.keep == whole.keep
        if 4 in told:  # the half layers of two layers were re-fitted: it was tried
            outcomes.add(dropped)
    assert outcomes == {True, False}


def test_a_layer_that_matters_stays():
    """Permission to drop layers is none to drop those that a fair budget leaves wide."""
    assert planned(plain(), 0.7, drop_layers=True).keep.layers == (0, 1, 2)


@pytest.mark.parametrize("drop_layers", [False, True])
def test_a_share_below_one_head_a_layer_is_refused(drop_layers):
    """The message names the share that is enough, and that share is."""
    with pytest.raises(UsageError, match=r"budget of 0\.01 ") as caught:
        planned(plain(), 0.01, drop_layers=drop_layers)
    share = float(caught.value.hint.split()[1])
    assert planned(plain(), share).keep.layers == (0, 1, 2)


def test_the_model_given_stays_as_it_is():
    """Planning, cutting and re-fitting leave every weight and every layer of the original alone."""
    model = with_useless(1)
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    planned(model, 0.4, drop_layers=True)
    after = model.module.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(tensor, before[name]) for name, tensor in after.items())


def test_the_divergence_of_a_model_from_itself_is_zero():
    """It is 0 for each text, and the exact Kullback-Leibler divergence, original first, for another model."""
    model = plain()
    found = planned(model, 0.3)
    np.testing.assert_array_equal(divergence(model, model, PROBE), 0)
    old, new = (fakes.torch_logits(each.module, PROBE).astype(np.float64) for each in (model, found.model))
    old, new = (logits - np.log(np.exp(logits).sum(axis=1, keepdims=True)) for logits in (old, new))
    wanted = (np.exp(old) * (old - new)).sum(axis=1)
    np.testing.assert_allclose(divergence(model, found.model, PROBE), wanted, rtol=1e-3, atol=1e-6)
    np.testing.assert_array_equal(found.divergence, divergence(model, found.model, PROBE))
    assert wanted.max() > 1e-3


def test_a_shape_without_layers_has_the_widths_of_the_others():
    """Widths go with their layers, and nothing else changes."""
    shape = architecture_of(plain().checkpoint.architecture, planned(plain(), 0.3).keep)
    less = without_layers(shape, (0, 2))
    assert less.heads == (shape.heads[0], shape.heads[2])
    assert less.neurons == (shape.neurons[0], shape.neurons[2])
    assert without_layers(shape, range(3)) == shape


def test_the_gated_original_and_the_file_of_the_cut_agree(tmp_path):
    """A found plan, a layer gone: gates at 0 in torch, the cut in torch and its ONNX file say the same."""
    from edgebert.convert.onnx import write_onnx

    model = with_useless(1)
    keep = planned(model, 0.4, drop_layers=True).keep
    heads = [torch.zeros(HEADS).index_fill(0, torch.tensor(kept), 1.0) for kept in keep.heads]
    neurons = [torch.zeros(NEURONS).index_fill(0, torch.tensor(kept), 1.0) for kept in keep.neurons]
    with layers_only(model, keep.layers), gated(model, heads, neurons) as module:
        expected = fakes.torch_logits(module, PROBE)
    narrow = cut(model, keep)
    np.testing.assert_allclose(fakes.torch_logits(narrow.module, PROBE), expected, rtol=0, atol=1e-5)
    write_onnx(extract_weights(narrow), tmp_path / "float.onnx", int8=False)
    np.testing.assert_allclose(fakes.onnx_rows(tmp_path / "float.onnx", PROBE), expected, rtol=0, atol=1e-4)
    assert np.abs(expected - fakes.torch_logits(model.module, PROBE)).max() > 1e-2
