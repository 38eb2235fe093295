"""A shape survives config.json, and becomes a module whose layers have just these widths and still compute."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
import transformers
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.architecture import Architecture
from edgebert.configuration import read_architecture, shape_keys
from edgebert.errors import CheckpointError
from edgebert.network import build_module, load_module
from tests.support import fakes

PATH = Path("model")
TASK = "text-classification"
UNEVEN = Architecture(
    hidden=12, head_dim=4, heads=(3, 1, 2), neurons=(7, 1, 20), vocabulary=50, positions=20, activation="relu"
)
PLAIN = Architecture(
    hidden=12, head_dim=4, heads=(3, 3), neurons=(7, 7), vocabulary=50, positions=20, activation="gelu"
)


@st.composite
def architectures(draw: st.DrawFn) -> Architecture:
    head_dim, n_heads, layers = draw(st.integers(1, 8)), draw(st.integers(1, 4)), draw(st.integers(1, 4))
    return Architecture(
        hidden=head_dim * n_heads,
        head_dim=head_dim,
        heads=tuple(draw(st.lists(st.integers(1, n_heads), min_size=layers, max_size=layers))),
        neurons=tuple(draw(st.lists(st.integers(1, 9), min_size=layers, max_size=layers))),
        vocabulary=draw(st.integers(1, 99)),
        positions=draw(st.integers(1, 99)),
        activation=draw(st.sampled_from(["gelu", "relu"])),
    )


@given(architectures())
def test_a_shape_survives_the_configuration(architecture):
    """Reading what was written gives the same shape, through JSON, and only uneven shapes need keys of their own."""
    keys = json.loads(json.dumps(shape_keys(architecture)))
    assert read_architecture(keys, PATH) == architecture
    full = architecture.hidden // architecture.head_dim
    is_plain = set(architecture.heads) == {full} and len(set(architecture.neurons)) == 1
    assert ("heads_per_layer" in keys) == ("neurons_per_layer" in keys) == (not is_plain)


@given(architectures())
@settings(max_examples=20)
def test_a_module_has_the_widths_of_its_shape(architecture):
    """Every Linear is as wide as the shape says, and texts alone and padded get the same finite logits."""
    module = build_module(architecture, ("a", "b", "c"), TASK).eval()
    assert len(module.distilbert.transformer.layer) == architecture.layers
    for block, heads, neurons in zip(
        module.distilbert.transformer.layer, architecture.heads, architecture.neurons, strict=True
    ):
        width = heads * architecture.head_dim
        for part in (block.attention.q_lin, block.attention.k_lin, block.attention.v_lin):
            assert part.weight.shape == (width, architecture.hidden)
            assert part.bias.shape == (width,)
        assert block.attention.out_lin.weight.shape == (architecture.hidden, width)
        assert block.ffn.lin1.weight.shape == (neurons, architecture.hidden)
        assert block.ffn.lin2.weight.shape == (architecture.hidden, neurons)
    length = min(5, architecture.positions)
    ids = torch.zeros((1, length), dtype=torch.int64)
    mask = torch.tensor([[1] + [0] * (length - 1)])
    with torch.inference_mode():
        alone = module(input_ids=ids[:, :1]).logits
        masked = module(input_ids=ids, attention_mask=mask).logits
    assert alone.shape == (1, 3)
    torch.testing.assert_close(masked, alone, rtol=0, atol=1e-5)


def test_building_does_not_touch_the_random_state_but_follows_it():
    """The random numbers of a program go on as if nothing had been built; a seed decides the weights."""
    torch.manual_seed(7)
    state = torch.random.get_rng_state()
    first = build_module(UNEVEN, ("a", "b"), TASK).state_dict()
    assert torch.equal(torch.random.get_rng_state(), state)
    again = build_module(UNEVEN, ("a", "b"), TASK).state_dict()
    torch.manual_seed(8)
    other = build_module(UNEVEN, ("a", "b"), TASK).state_dict()
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert not torch.equal(first["classifier.weight"], other["classifier.weight"])


def test_a_loaded_module_copies_its_weights_and_learns_nothing():
    """It answers as the module the weights came from, is in evaluation mode, and shares no memory with it."""
    source = build_module(UNEVEN, ("a", "b"), TASK).eval()
    loaded = load_module(UNEVEN, ("a", "b"), TASK, source.state_dict())
    assert not loaded.training
    assert not any(parameter.requires_grad for parameter in loaded.parameters())
    texts = fakes.random_texts(1, count=4, longest=20, vocabulary=50)
    before = fakes.torch_logits(source, texts)
    assert (fakes.torch_logits(loaded, texts) == before).all()
    with torch.no_grad():
        for parameter in loaded.parameters():
            parameter.zero_()
    assert (fakes.torch_logits(source, texts) == before).all()


def test_settings_reach_the_module_but_the_shape_rules():
    """Dropout is taken over; what the settings say about shape and labels is overruled, stale widths included."""
    stale = {"dim": 64, "n_layers": 9, "id2label": {"0": "x"}, "heads_per_layer": [1], "neurons_per_layer": [1]}
    module = build_module(PLAIN, ("a", "b"), TASK, settings={"dropout": 0.25, "attention_dropout": 0.5} | stale)
    assert module.distilbert.embeddings.dropout.p == 0.25
    assert module.distilbert.transformer.layer[0].attention.dropout.p == 0.5
    assert (module.config.dim, module.config.n_layers) == (12, 2)
    assert module.config.id2label == {0: "a", 1: "b"}
    assert not {"heads_per_layer", "neurons_per_layer"} & set(module.config.to_dict())


def test_the_configuration_of_a_module_names_its_shape():
    """What save_pretrained would write of the module is read as the shape it was built from."""
    for architecture in (UNEVEN, PLAIN):
        config = json.loads(build_module(architecture, ("a", "b"), TASK).config.to_json_string(use_diff=True))
        assert read_architecture(config, PATH) == architecture


def test_a_plain_shape_is_the_module_of_transformers():
    """For one width in all layers, the same seed gives the very weights that transformers itself would draw."""
    torch.manual_seed(3)
    ours = build_module(PLAIN, ("a", "b"), TASK).state_dict()
    theirs = transformers.DistilBertForSequenceClassification(
        transformers.DistilBertConfig(
            dim=12, n_heads=3, hidden_dim=7, n_layers=2, vocab_size=50, max_position_embeddings=20
        )
    ).state_dict()
    assert list(ours) == list(theirs)
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"heads_per_layer": ...}, "neurons_per_layer, but no heads_per_layer"),
        ({"neurons_per_layer": ...}, "heads_per_layer, but no neurons_per_layer"),
        ({"heads_per_layer": None}, "heads_per_layer is None, not a list"),
        ({"heads_per_layer": 3}, "heads_per_layer is 3, not a list"),
        ({"heads_per_layer": {"0": 3}}, "heads_per_layer is {'0': 3}"),
        ({"heads_per_layer": "312"}, "heads_per_layer is '312'"),
        ({"heads_per_layer": [3, 0, 2]}, "heads_per_layer is [3, 0, 2], not a list of positive integers"),
        ({"heads_per_layer": [3, True, 2]}, "heads_per_layer is [3, True, 2]"),
        ({"heads_per_layer": [3, 1.0, 2]}, "heads_per_layer is [3, 1.0, 2]"),
        ({"heads_per_layer": [3, 1]}, "heads_per_layer has 2 entries, but n_layers is 3"),
        ({"heads_per_layer": []}, "heads_per_layer has 0 entries"),
        ({"heads_per_layer": [3, 4, 2]}, "heads_per_layer has 4, but n_heads"),
        ({"neurons_per_layer": [7, -1, 2]}, "neurons_per_layer is [7, -1, 2]"),
        ({"neurons_per_layer": [7, "1", 2]}, "neurons_per_layer is [7, '1', 2]"),
        ({"neurons_per_layer": [7, 1, 2, 4]}, "neurons_per_layer has 4 entries, but n_layers is 3"),
        ({"neurons_per_layer": [8, 1, 20]}, "neurons_per_layer begins with 8, but hidden_dim"),
        ({"n_layers": 4}, "heads_per_layer has 3 entries, but n_layers is 4"),
        ({"n_heads": 5}, "dim 12 is not a multiple of n_heads 5"),
    ],
)
def test_widths_that_make_no_model_are_refused(changes, words):
    """The message names file, key and value."""
    values = shape_keys(UNEVEN) | changes
    with pytest.raises(CheckpointError) as caught:
        read_architecture({key: value for key, value in values.items() if value is not ...}, PATH)
    assert caught.value.message.startswith("model/config.json: ")
    assert words in caught.value.message
