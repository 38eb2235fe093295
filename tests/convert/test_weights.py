"""Taking the weights out of a model loses nothing."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.checkpoint import Model, load_model
from edgebert.convert.weights import extract_weights
from tests.support import fakes


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(fakes.shared_checkpoint())


@settings(max_examples=12)
@given(
    head_dim=st.integers(1, 9),
    heads=st.integers(1, 4),
    neurons=st.integers(1, 33),
    layers=st.integers(1, 3),
    labels=st.integers(2, 5),
    activation=st.sampled_from(["gelu", "relu"]),
    seed=st.integers(0, 99),
)
def test_a_plain_reading_of_the_extracted_weights_gives_the_logits_of_torch(
    head_dim, heads, neurons, layers, labels, activation, seed
):
    """A forward pass written from the paper, over the extracted weights, equals transformers' for every shape."""
    with tempfile.TemporaryDirectory() as folder:
        checkpoint = fakes.tiny_checkpoint(
            Path(folder) / "model",
            hidden=head_dim * heads,
            heads=heads,
            neurons=neurons,
            layers=layers,
            labels=[f"label {index}" for index in range(labels)],
            activation=activation,
            seed=seed,
        )
        model = load_model(checkpoint)
    texts = fakes.random_texts(seed, count=4, longest=20)
    weights = extract_weights(model)
    expected = fakes.torch_logits(model.module, texts)
    actual = np.stack([fakes.reference_logits(weights, text) for text in texts])
    np.testing.assert_allclose(actual, expected, atol=1e-4 * max(1.0, float(np.abs(expected).max())))


def test_texts_of_the_tiny_checkpoint_get_visibly_different_logits(model):
    """The fake itself is sharp: no two texts share their logits, and both labels win somewhere."""
    rows = fakes.torch_logits(model.module, fakes.random_texts(1, count=40, longest=16))
    distances = np.abs(rows[:, None] - rows[None]).max(axis=2)
    assert distances[~np.eye(len(rows), dtype=bool)].min() > 1e-3
    assert set(rows.argmax(axis=1)) == {0, 1}


def test_only_the_query_is_scaled_and_nothing_else_is_copied(model):
    """The attention's factor is folded into the query layers; every other array is the model's own memory."""
    state = {name: tensor.numpy() for name, tensor in model.module.state_dict().items()}
    layer = extract_weights(model).layers[0]
    prefix = "distilbert.transformer.layer.0"
    factor = np.float32((32 / 4) ** -0.5)
    np.testing.assert_allclose(layer.query.weight, state[f"{prefix}.attention.q_lin.weight"] * factor, rtol=1e-6)
    np.testing.assert_allclose(layer.query.bias, state[f"{prefix}.attention.q_lin.bias"] * factor, rtol=1e-6)
    assert np.shares_memory(layer.key.weight, state[f"{prefix}.attention.k_lin.weight"])
    assert np.shares_memory(layer.expand.weight, state[f"{prefix}.ffn.lin1.weight"])


def test_extraction_leaves_the_model_as_it_was(model):
    """The model computes the same after its weights were taken."""
    texts = fakes.random_texts(2, count=3, longest=9)
    before = fakes.torch_logits(model.module, texts)
    extract_weights(model)
    np.testing.assert_array_equal(fakes.torch_logits(model.module, texts), before)


def test_only_the_last_layer_is_cut_to_the_first_token(model):
    """Lower layers feed every row to the attention above them."""
    assert [layer.first_token_only for layer in extract_weights(model).layers] == [False, True]
