"""The three losses against numpy."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgebert.training.objectives import hidden_loss, label_loss, soft_loss


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))


def kl(first: np.ndarray, second: np.ndarray) -> float:
    """KL(first || second) of log probabilities [batch, labels], the mean over the batch."""
    return float((np.exp(first) * (first - second)).sum(axis=1).mean())


@given(st.integers(0, 1000), st.integers(1, 5), st.integers(2, 4), st.sampled_from([0.5, 1.0, 2.0, 8.0]))
def test_the_soft_loss_is_what_numpy_computes(seed, batch, labels, temperature):
    """KL(teacher || student) of the tempered softmaxes, times the squared temperature, averaged over the batch."""
    ours, theirs = np.random.default_rng(seed).normal(scale=3, size=(2, batch, labels))
    expected = kl(log_softmax(theirs / temperature), log_softmax(ours / temperature)) * temperature**2
    found = soft_loss({"logits": torch.from_numpy(ours)}, {"logits": torch.from_numpy(theirs)}, temperature)
    assert found.shape == ()
    assert float(found) == pytest.approx(expected, abs=1e-9)


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(1, 6), st.integers(0, 3))
def test_the_hidden_loss_counts_shared_tokens_only(seed, batch, length, longer):
    """The mean over all shared tokens and the width; other positions, and a longer model's own, have no say."""
    rng = np.random.default_rng(seed)
    ours, theirs = rng.normal(size=(batch, length + longer, 3)), rng.normal(size=(batch, length, 3))
    shared = np.arange(length) < rng.integers(1, length + 1, size=(batch, 1))
    rows = [ours[text, token] - theirs[text, token] for text, token in np.argwhere(shared)]
    found = hidden_loss(torch.from_numpy(ours), torch.from_numpy(theirs), torch.from_numpy(shared))
    assert float(found) == pytest.approx(np.mean(np.square(rows)))
    assert float(hidden_loss(torch.from_numpy(theirs), torch.from_numpy(ours), torch.from_numpy(shared))) == float(
        found
    )


def test_the_task_loss_is_the_mean_surprise():
    """Minus the log probability of the label."""
    logits, labels = np.random.default_rng(0).normal(size=(5, 3)), np.array([0, 2, 1, 1, 0])
    expected = -log_softmax(logits)[np.arange(5), labels].mean()
    found = label_loss({"logits": torch.from_numpy(logits)}, torch.from_numpy(labels), "mean")
    assert float(found) == pytest.approx(expected)
