"""Gradients of gates against finite differences in float64, text by text."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import torch

from edgebert.checkpoint import Model, load_model
from edgebert.network import blocks
from edgebert.pruning.scores import gate_gradients, importance
from edgebert.pruning.surgery import gated
from tests.pruning.inputs import items
from tests.support import fakes

TEXTS = fakes.random_texts(11, count=7, longest=14)
LABELS = [2, 0, 1, 1, 0, 2, 0]


@functools.cache
def shared() -> Model:
    folder = fakes._shared() / "scores"
    return load_model(fakes.tiny_checkpoint(folder, hidden=16, heads=2, neurons=6, labels=("a", "b", "c")))


def losses(model: Model, text, label, heads, neurons) -> float:
    """Return the cross-entropy of one text alone, in float64."""
    gates = [[torch.tensor(each, dtype=torch.float64) for each in part] for part in (heads, neurons)]
    model.module.double()
    try:
        with torch.inference_mode(), gated(model, *gates) as module:
            logits = module(input_ids=torch.tensor([list(text)])).logits
            return float(torch.nn.functional.cross_entropy(logits, torch.tensor([label])))
    finally:
        model.module.float()


def slope(model: Model, text, label, layer, part, index, step=1e-4) -> float:
    found = []
    for change in (step, -step):
        gates = [[np.ones(2), np.ones(2)], [np.ones(6), np.ones(6)]]
        gates[part][layer][index] += change
        found.append(losses(model, text, label, *gates))
    return (found[0] - found[1]) / (2 * step)


@pytest.mark.parametrize("labels", [LABELS, None], ids=["labels", "own answers"])
def test_a_gradient_is_the_slope_of_its_texts_own_loss(labels):
    """Every entry is the finite difference of that text's cross-entropy alone, by that gate; other texts take no part.

    Without labels the loss is that of the model's own answer.
    """
    model = shared()
    found = gate_gradients(model, items(TEXTS, labels), batch_size=3)
    targets = labels or fakes.torch_logits(model.module, TEXTS).argmax(axis=1).tolist()
    for row, (text, label) in enumerate(zip(TEXTS, targets, strict=True)):
        for layer in range(2):
            for part, gradients in enumerate((found.heads, found.neurons)):
                wanted = [slope(model, text, label, layer, part, unit) for unit in range(gradients[layer].shape[1])]
                np.testing.assert_allclose(gradients[layer][row], wanted, rtol=1e-3, atol=2e-5)
    assert [array.shape for array in (*found.heads, *found.neurons)] == [(7, 2), (7, 2), (7, 6), (7, 6)]
    assert {array.dtype for array in (*found.heads, *found.neurons)} == {np.dtype(np.float32)}
    assert min(np.abs(array).max() for array in (*found.heads, *found.neurons)) > 1e-3


@pytest.mark.parametrize("batch_size", [1, 2, 32])
def test_padding_and_company_do_not_matter(batch_size):
    """Whatever a text is batched with, and in which order texts come, its row is the same."""
    model = shared()
    together = gate_gradients(model, items(TEXTS, LABELS), batch_size=batch_size)
    for row, (text, label) in enumerate(zip(TEXTS, LABELS, strict=True)):
        alone = gate_gradients(model, items([text], [label]))
        for found, wanted in zip((*together.heads, *together.neurons), (*alone.heads, *alone.neurons), strict=True):
            np.testing.assert_allclose(found[row], wanted[0], rtol=1e-3, atol=2e-5)


def test_own_answers_are_labels_like_others():
    """Taking no labels is the same, to the last bit, as giving the model's answers as labels."""
    model = shared()
    answers = fakes.torch_logits(model.module, TEXTS).argmax(axis=1).tolist()
    assert len(set(answers)) > 1
    without, given = gate_gradients(model, items(TEXTS, None)), gate_gradients(model, items(TEXTS, answers))
    for found, wanted in zip((*without.heads, *without.neurons), (*given.heads, *given.neurons), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_the_model_is_as_it_was():
    """No weight changed, none has a gradient, no hook stays, and progress counts every text once."""
    model, told = shared(), []
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    gate_gradients(model, items(TEXTS, LABELS), batch_size=3, progress=lambda *step: told.append(step))
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.module.state_dict().items())
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in model.module.parameters())
    for block in blocks(model.module):
        assert not block.attention.out_lin._forward_pre_hooks
        assert not block.ffn.lin2._forward_pre_hooks
    assert [done for _, done, _ in told] == [3, 6, 7]
    assert {total for _, _, total in told} == {7}


def test_an_interrupt_leaves_no_hook():
    """Ctrl-C between two batches leaves a model that computes as before."""
    model = shared()
    before = fakes.torch_logits(model.module, TEXTS)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        gate_gradients(model, items(TEXTS, LABELS), progress=interrupt)
    np.testing.assert_array_equal(fakes.torch_logits(model.module, TEXTS), before)


def test_importance_is_the_mean_square():
    """The diagonal of the empirical Fisher information is the mean of the squared gradients, in float64."""
    gradients = np.random.default_rng(2).standard_normal((50, 4)).astype(np.float32)
    fisher = gradients.astype(np.float64).T @ gradients.astype(np.float64) / 50
    np.testing.assert_allclose(importance(gradients), np.diag(fisher), rtol=1e-12)
    assert importance(gradients).dtype == np.float64
