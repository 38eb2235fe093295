"""Batches: every text once an epoch, little padding, and a mask that tells padding from text."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from edgebert.batching import batches_by_length, epoch_batches, fitting_length, pad_batch
from edgebert.network import padded
from tests.support import fakes


@given(ids=st.lists(st.integers(0, 30000), max_size=20), more=st.integers(0, 10), pad=st.integers(0, 5))
def test_a_batch_of_one_is_the_ids_and_then_padding(ids: list[int], more: int, pad: int):
    """Both arrays are int32 [1, length]; the mask is 1 exactly where an id of the text stands."""
    length = len(ids) + more
    input_ids, mask = pad_batch([ids], pad, length=length)
    assert input_ids.dtype == mask.dtype == np.int32
    assert input_ids.shape == mask.shape == (1, length)
    assert input_ids.tolist() == [[*ids, *[pad] * more]]
    assert mask.tolist() == [[1] * len(ids) + [0] * more]


@given(lengths=st.lists(st.integers(1, 600), min_size=1, unique=True).map(sorted), tokens=st.integers(0, 600))
def test_the_fitting_length_is_the_smallest_that_holds_the_text(lengths: list[int], tokens: int):
    """It holds the tokens, is one of the lengths, and no smaller one would do; too many tokens are refused."""
    if tokens > lengths[-1]:
        with pytest.raises(ValueError, match=f"{tokens} tokens do not fit into {lengths[-1]}"):
            fitting_length(tokens, lengths)
        return
    found = fitting_length(tokens, lengths)
    assert found in lengths
    assert found >= tokens
    assert all(length < tokens for length in lengths if length < found)


def test_batches_hold_every_text_once_and_little_padding():
    """Every text is in one batch, none is larger than asked, and no text is shorter than one of a batch before."""
    texts = fakes.random_texts(3, count=50, longest=30)
    found = batches_by_length([*map(len, texts)], 8)
    assert sorted(index for batch in found for index in batch) == list(range(50))
    assert max(map(len, found)) == 8
    lengths = [len(texts[index]) for batch in found for index in batch]
    assert lengths == sorted(lengths)
    assert batches_by_length([3, 9, 5], 2, longest_first=True) == [[1, 2], [0]]


def test_a_batch_is_padded_to_its_longest():
    """Ids stand at the front, the pad id behind them, and the mask tells which is which."""
    ids, mask = padded([[4, 5, 6], [7]], 9)
    assert ids.tolist() == [[4, 5, 6], [7, 9, 9]]
    assert mask.tolist() == [[1, 1, 1], [1, 0, 0]]
    assert ids.dtype == mask.dtype == torch.int64


@given(st.lists(st.integers(3, 60), min_size=1, max_size=300), st.integers(1, 9), st.integers(0, 5))
def test_an_epoch_holds_every_text_once(lengths, batch_size, epoch):
    """Full batches and one rest, in an order that seed and epoch decide."""
    batches = epoch_batches(lengths, batch_size, seed=3, epoch=epoch)
    assert sorted(index for batch in batches for index in batch) == list(range(len(lengths)))
    assert len(batches) == -(-len(lengths) // batch_size)
    assert sum(len(batch) < batch_size for batch in batches) <= 1
    assert batches == epoch_batches(lengths, batch_size, seed=3, epoch=epoch)


def test_batches_are_of_like_length_and_every_epoch_is_another():
    """Far less padding than in a random order, and no order twice."""
    lengths = np.random.default_rng(0).integers(3, 60, size=1000).tolist()
    orders = [epoch_batches(lengths, 10, seed=seed, epoch=epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert len({str(order) for order in orders}) == 4
    padded = sum(len(batch) * max(lengths[index] for index in batch) for batch in orders[0])
    assert padded < 1.1 * sum(lengths)
