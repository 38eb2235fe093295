"""Gates at 1 change nothing, a gate acts on one head or neuron of one text, and afterwards the module is as it was."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from edgebert.checkpoint import load_model
from edgebert.network import blocks
from edgebert.pruning.surgery import gated, layers_only
from tests.support import fakes

TEXTS = fakes.random_texts(4, count=5, longest=12)


@pytest.fixture
def model():
    return load_model(fakes.shared_checkpoint())  # two layers of 4 heads, 8 wide, and 64 neurons


def ones(*shape: int) -> list[torch.Tensor]:
    return [torch.ones(*shape), torch.ones(*shape)]


def test_open_gates_change_nothing(model):
    """With all gates at 1 the logits are equal to the last bit, and so they are after the block."""
    before = fakes.torch_logits(model.module, TEXTS)
    with gated(model, ones(4), ones(64)) as module:
        np.testing.assert_array_equal(fakes.torch_logits(module, TEXTS), before)
    np.testing.assert_array_equal(fakes.torch_logits(model.module, TEXTS), before)


@pytest.mark.parametrize("layer", [0, 1])
def test_a_gate_scales_what_one_head_or_neuron_adds(model, layer):
    """A gate of 0.3 does what scaling the head's columns of out_lin and the neuron's column of lin2 by 0.3 does."""
    heads, neurons = ones(4), ones(64)
    heads[layer][2], neurons[layer][17] = 0.3, 0.3
    with gated(model, heads, neurons) as module:
        found = fakes.torch_logits(module, TEXTS)
    plain = fakes.torch_logits(model.module, TEXTS)
    with torch.no_grad():
        blocks(model.module)[layer].attention.out_lin.weight[:, 16:24] *= 0.3
        blocks(model.module)[layer].ffn.lin2.weight[:, 17] *= 0.3
    np.testing.assert_allclose(found, fakes.torch_logits(model.module, TEXTS), rtol=0, atol=1e-5)
    assert np.abs(found - plain).max() > 1e-2


def test_gates_of_a_batch_belong_to_their_texts(model):
    """Gates [batch, width] gate each text of a batch as gates [width] gate it alone."""
    generator = torch.Generator().manual_seed(1)
    heads = [torch.rand(len(TEXTS), 4, generator=generator) for _ in range(2)]
    neurons = [torch.rand(len(TEXTS), 64, generator=generator) for _ in range(2)]
    ids, mask = map(torch.from_numpy, fakes.padded(TEXTS, 12))
    with torch.inference_mode(), gated(model, heads, neurons) as module:
        together = module(input_ids=ids, attention_mask=mask).logits.numpy()
    for row, text in enumerate(TEXTS):
        with gated(model, [gates[row] for gates in heads], [gates[row] for gates in neurons]) as module:
            alone = fakes.torch_logits(module, [text])[0]
        np.testing.assert_allclose(together[row], alone, rtol=0, atol=1e-5)


def test_gradients_reach_the_gates(model):
    """The gradient of a gate is the slope that finite differences show, though no weight wants a gradient."""
    heads, neurons = ones(4), ones(64)
    for gates in (*heads, *neurons):
        gates.requires_grad_()
    ids = torch.tensor([TEXTS[-1]])
    with gated(model, heads, neurons) as module:
        module(input_ids=ids).logits[0, 1].backward()
    step = 1e-2
    for gates, index in ((heads[0], 1), (neurons[1], 5)):
        found = []
        for change in (step, -step):
            moved_heads = [each.detach().clone() for each in heads]
            moved_neurons = [each.detach().clone() for each in neurons]
            for moved, each in zip((*moved_heads, *moved_neurons), (*heads, *neurons), strict=True):
                if each is gates:
                    moved[index] += change
            with torch.inference_mode(), gated(model, moved_heads, moved_neurons) as module:
                found.append(float(module(input_ids=ids).logits[0, 1]))
        assert gates.grad is not None
        assert float(gates.grad[index]) == pytest.approx((found[0] - found[1]) / (2 * step), rel=0.05, abs=1e-3)


@pytest.mark.parametrize("gates", [[torch.zeros(4)], [torch.zeros(4)] * 3])
def test_gates_for_another_number_of_layers_are_refused_without_a_trace(model, gates):
    """Too few or too many gates raise, and no hook stays behind."""
    before = fakes.torch_logits(model.module, TEXTS)
    with pytest.raises(ValueError, match="argument"), gated(model, gates, ones(64)):
        pass
    np.testing.assert_array_equal(fakes.torch_logits(model.module, TEXTS), before)


def test_an_error_in_the_block_leaves_the_module_as_it_was(model):
    """Hooks and layers are put back whatever happens."""
    before = fakes.torch_logits(model.module, TEXTS)
    names = list(model.module.state_dict())

    def interrupted() -> None:
        with layers_only(model, [1]), gated(model, [torch.zeros(4)], [torch.zeros(64)]) as module:
            assert np.abs(fakes.torch_logits(module, TEXTS) - before).max() > 1e-2
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    np.testing.assert_array_equal(fakes.torch_logits(model.module, TEXTS), before)
    assert list(model.module.state_dict()) == names


def test_a_layer_left_out_does_not_compute(model):
    """Without its upper layer the module answers as one whose upper layer is gone; a layer that fails is not run."""
    with layers_only(model, [0]) as module:
        assert len(blocks(module)) == 1
        without = fakes.torch_logits(module, TEXTS)
    upper = blocks(model.module)[1]
    assert upper is not None
    handle = upper.register_forward_pre_hook(lambda *_: pytest.fail("the layer ran"))
    with layers_only(model, [0]) as module:
        np.testing.assert_array_equal(fakes.torch_logits(module, TEXTS), without)
    handle.remove()
    assert np.abs(fakes.torch_logits(model.module, TEXTS) - without).max() > 1e-2
