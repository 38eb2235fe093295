"""A cut model computes what its original computes with closed gates, in torch and in every file made of it."""

from __future__ import annotations

import dataclasses
import functools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.architecture import Architecture, Keep
from edgebert.checkpoint import Model, load_model, save_model
from edgebert.convert.weights import extract_weights
from edgebert.errors import ParityError
from edgebert.network import blocks
from edgebert.pruning.surgery import architecture_of, check_cut, cut, gated
from tests.pruning.inputs import keep_all, same_weights
from tests.support import fakes

TEXTS = fakes.random_texts(7, count=6, longest=20)
SHAPE = Architecture(
    hidden=24,
    head_dim=6,
    heads=(4, 4, 4),
    neurons=(20, 20, 20),
    vocabulary=len(fakes.VOCABULARY),
    positions=32,
    activation="gelu",
)
KEEP = Keep(layers=(0, 2), heads=((2,), (0, 1, 3)), neurons=(tuple(range(1, 20, 2)), (4,)))


@functools.cache
def original(activation: str = "gelu") -> Model:
    folder = fakes._shared() / f"surgery-{activation}"
    fakes.tiny_checkpoint(folder, hidden=24, heads=4, neurons=20, layers=3, positions=32, activation=activation)
    return load_model(folder)


@st.composite
def keeps(draw: st.DrawFn, shape: Architecture = SHAPE) -> Keep:
    def some(count: int) -> tuple[int, ...]:
        return tuple(sorted(draw(st.sets(st.integers(0, count - 1), min_size=1))))

    layers = some(shape.layers)
    return Keep(
        layers=layers,
        heads=tuple(some(shape.heads[layer]) for layer in layers),
        neurons=tuple(some(shape.neurons[layer]) for layer in layers),
    )


def composed(first: Keep, second: Keep) -> Keep:
    """What stays of the original when ``second`` is cut out of what ``first`` left."""
    return Keep(
        layers=tuple(first.layers[layer] for layer in second.layers),
        heads=tuple(
            tuple(first.heads[layer][head] for head in heads)
            for layer, heads in zip(second.layers, second.heads, strict=True)
        ),
        neurons=tuple(
            tuple(first.neurons[layer][neuron] for neuron in neurons)
            for layer, neurons in zip(second.layers, second.neurons, strict=True)
        ),
    )


@given(keeps(), st.sampled_from(["gelu", "relu"]))
@settings(max_examples=40)
def test_a_cut_model_computes_what_closed_gates_compute(keep, activation):
    """For any plan, dropped layers included, cut and gated model agree to 1e-5, and no weight was invented."""
    model = original(activation)
    pruned = cut(model, keep)
    assert check_cut(model, keep, pruned, TEXTS) <= 1e-5
    assert pruned.checkpoint.architecture == architecture_of(model.checkpoint.architecture, keep)
    known = set(torch.cat([tensor.flatten() for tensor in model.module.state_dict().values()]).tolist())
    found = torch.cat([tensor.flatten() for tensor in pruned.module.state_dict().values()])
    assert set(found.tolist()) <= known


@given(st.data())
@settings(max_examples=25)
def test_cuts_compose(data):
    """Cutting twice gives the weights, to the last bit, of cutting once what both together leave."""
    first = data.draw(keeps())
    second = data.draw(keeps(architecture_of(SHAPE, first)))
    twice = cut(cut(original(), first), second)
    once = cut(original(), composed(first, second))
    assert twice.checkpoint == once.checkpoint
    assert same_weights(twice, once)


@given(keeps())
@settings(max_examples=20)
def test_the_shape_of_a_plan_counts_what_stays(keep):
    """Heads and neurons are counted layer by layer; the rest of the shape is the original's."""
    shape = architecture_of(SHAPE, keep)
    assert shape.heads == tuple(map(len, keep.heads))
    assert shape.neurons == tuple(map(len, keep.neurons))
    assert dataclasses.replace(shape, heads=SHAPE.heads, neurons=SHAPE.neurons) == SHAPE
    assert architecture_of(shape, keep_all(shape)) == shape


def test_a_cut_narrows_the_matrices_and_keeps_the_model_it_was_given():
    """Rows and columns of the kept heads and neurons lie in the new matrices; labels, name and hash stay."""
    model = original()
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    pruned = cut(model, KEEP)
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.module.state_dict().items())
    below, above = blocks(pruned.module)
    prefix = "distilbert.transformer.layer"
    assert torch.equal(below.attention.q_lin.weight, before[f"{prefix}.0.attention.q_lin.weight"][12:18])
    assert torch.equal(below.attention.v_lin.bias, before[f"{prefix}.0.attention.v_lin.bias"][12:18])
    assert torch.equal(below.attention.out_lin.weight, before[f"{prefix}.0.attention.out_lin.weight"][:, 12:18])
    assert torch.equal(below.attention.out_lin.bias, before[f"{prefix}.0.attention.out_lin.bias"])
    assert torch.equal(below.ffn.lin1.weight, before[f"{prefix}.0.ffn.lin1.weight"][1::2])
    assert torch.equal(above.ffn.lin2.weight, before[f"{prefix}.2.ffn.lin2.weight"][:, 4:5])
    rows = [*range(12), *range(18, 24)]
    assert torch.equal(above.attention.k_lin.weight, before[f"{prefix}.2.attention.k_lin.weight"][rows])
    assert torch.equal(above.output_layer_norm.weight, before[f"{prefix}.2.output_layer_norm.weight"])
    shape = dataclasses.replace(model.checkpoint.architecture, heads=(1, 3), neurons=(10, 1))
    assert pruned.checkpoint == dataclasses.replace(model.checkpoint, architecture=shape)
    assert not pruned.module.training
    assert not any(parameter.requires_grad for parameter in pruned.module.parameters())
    shared = {tensor.data_ptr() for tensor in model.module.state_dict().values()}
    assert not shared & {tensor.data_ptr() for tensor in pruned.module.state_dict().values()}


def test_keeping_everything_changes_no_bit():
    """A plan that cuts nothing gives equal weights, equal logits, and a difference of 0."""
    model = original()
    keep = keep_all(model.checkpoint.architecture)
    same = cut(model, keep)
    assert same.checkpoint == model.checkpoint
    assert same_weights(same, model)
    assert check_cut(model, keep, same, TEXTS) == 0.0


def test_dropout_goes_with_the_cut():
    """What training drops is the original's, so that a cut model is recovered as it was trained."""
    folder = fakes.copy_of(original().checkpoint.path, fakes._shared() / "surgery-dropout")
    fakes.edit_json(folder / "config.json", dropout=0.25, seq_classif_dropout=0.5)
    pruned = cut(load_model(folder), KEEP)
    assert (pruned.module.distilbert.embeddings.dropout.p, pruned.module.dropout.p) == (0.25, 0.5)


def test_a_wrong_cut_is_found():
    """Other heads or neurons than the plan's, a weight off by 1 %, or no number at all: none passes the check."""
    model, pruned = original(), cut(original(), KEEP)
    neurons = (tuple(range(0, 20, 2)), (4,))
    for other in (
        dataclasses.replace(KEEP, heads=((1,), (0, 1, 3))),
        dataclasses.replace(KEEP, neurons=neurons),
        dataclasses.replace(KEEP, layers=(1, 2)),
    ):
        with pytest.raises(ParityError, match="differ from the gated original's"):
            check_cut(model, other, pruned, TEXTS)
    for change in (1.01, float("nan")):
        damaged = cut(model, KEEP)
        with torch.no_grad():
            blocks(damaged.module)[0].ffn.lin2.weight *= change
        with pytest.raises(ParityError):
            check_cut(model, KEEP, damaged, TEXTS)


def test_the_check_leaves_the_original_as_it_was():
    """After a check, passed or failed, the original has all its layers and computes as before."""
    model = original()
    before = fakes.torch_logits(model.module, TEXTS)
    check_cut(model, KEEP, cut(model, KEEP), TEXTS)
    with pytest.raises(ParityError):
        check_cut(model, KEEP, model, TEXTS)
    assert len(blocks(model.module)) == 3
    np.testing.assert_array_equal(fakes.torch_logits(model.module, TEXTS), before)


@given(keeps())
@settings(max_examples=15)
def test_a_saved_cut_is_the_cut_in_memory_and_can_be_cut_again(keep):
    """Saved and loaded, weights and logits are equal to the last bit, and a further cut of either is the same."""
    pruned = cut(original(), keep)
    folder = fakes._shared() / "surgery-saved"
    folder.mkdir(exist_ok=True)
    save_model(pruned, folder)
    loaded = load_model(folder)
    assert loaded.checkpoint.architecture == pruned.checkpoint.architecture
    assert same_weights(loaded, pruned)
    np.testing.assert_array_equal(fakes.torch_logits(loaded.module, TEXTS), fakes.torch_logits(pruned.module, TEXTS))
    shape = pruned.checkpoint.architecture
    less = Keep(layers=(shape.layers - 1,), heads=((shape.heads[-1] - 1,),), neurons=((shape.neurons[-1] - 1,),))
    assert same_weights(cut(loaded, less), cut(pruned, less))


def test_closed_gates_and_the_onnx_files_of_the_cut_agree(tmp_path):
    """The float ONNX file of a cut model computes what the gated original computes; the int8 file comes near."""
    from edgebert.convert.onnx import write_onnx

    model, keep = original(), dataclasses.replace(keep_all(SHAPE), heads=((0, 3), (1,), (0, 1, 2, 3)))
    pruned = cut(model, keep)
    heads = [torch.zeros(4).index_fill(0, torch.tensor(kept), 1.0) for kept in keep.heads]
    with gated(model, heads, [torch.ones(20)] * 3) as module:
        expected = fakes.torch_logits(module, TEXTS)
    write_onnx(extract_weights(pruned), tmp_path / "float.onnx", int8=False)
    np.testing.assert_allclose(fakes.onnx_rows(tmp_path / "float.onnx", TEXTS), expected, rtol=0, atol=1e-4)
    write_onnx(extract_weights(pruned), tmp_path / "int8.onnx", int8=True)
    error = fakes.onnx_rows(tmp_path / "int8.onnx", TEXTS) - expected
    assert fakes.rms(error) < 0.1 * fakes.rms(expected - expected.mean(axis=0))


def test_a_tflite_file_of_a_cut_model_computes_what_it_computes(tmp_path):
    """Uneven widths, one head and one neuron in a layer, a layer gone: the float TFLite file agrees to 1e-4."""
    from edgebert.convert.tflite import write_tflite

    pruned = cut(original(), KEEP)
    write_tflite(extract_weights(pruned), tmp_path / "float.tflite", lengths=(20,))
    np.testing.assert_allclose(
        fakes.tflite_logits(tmp_path / "float.tflite", TEXTS, 20),
        fakes.torch_logits(pruned.module, TEXTS),
        rtol=0,
        atol=1e-4,
    )
