"""Batches: every text once an epoch, little padding, and tokens that two tokenizers share."""

from __future__ import annotations

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from edgebert.tokenizer_files import load_tokenizer
from edgebert.training.batches import encode_pairs, epoch_batches, sorted_batches, stack
from tests.support import fakes


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


def test_texts_that_the_tokenizers_split_differently_share_their_beginning(tmp_path):
    """Up to the first other token positions match; what follows, even of equal length, does not."""
    tokens = tuple(token for token in fakes.VOCABULARY if token not in ("great", "is"))
    fakes.write_tokenizer(tmp_path, tokens)
    other, teacher = load_tokenizer(tmp_path), load_tokenizer(fakes.shared_checkpoint())
    texts = ("the battery", "the great battery", "it is bad", "is")
    pairs = encode_pairs(texts, (0, 1, 0, 1), other, teacher, max_length=6)
    for pair, text in zip(pairs, texts, strict=True):
        ours, theirs = ([*map(one.id_to_token, ids)] for one, ids in ((other, pair[0]), (teacher, pair[1])))
        assert ours[: pair.shared] == theirs[: pair.shared], text
    assert [pair.shared for pair in pairs] == [4, 2, 2, 1]
    assert [pair.label for pair in pairs] == [0, 1, 0, 1]
    assert len(pairs[1].student) == 6
    alone = encode_pairs(texts, None, teacher, teacher, max_length=6)
    assert [(pair.shared, pair.label) for pair in alone] == [(len(pair.student), None) for pair in alone]
    assert json.loads(other.to_str())["truncation"] is None


def test_a_batch_is_padded_for_each_model_by_itself(tmp_path):
    """Each gets its own ids, padding and mask; the shared tokens are those that encode_pairs counted."""
    fakes.write_tokenizer(tmp_path, tuple(token for token in fakes.VOCABULARY if token != "great"))
    other, teacher = load_tokenizer(tmp_path), load_tokenizer(fakes.shared_checkpoint())
    pairs = encode_pairs(("not great", "the screen"), (1, 0), other, teacher, max_length=16)
    batch = stack(pairs, (90, 91))
    for ids, mask, pad, rows in (
        (batch.ids, batch.mask, 90, [pair.student for pair in pairs]),
        (batch.teacher_ids, batch.teacher_mask, 91, [pair.teacher for pair in pairs]),
    ):
        expected = fakes.padded(rows, max(map(len, rows)), pad)
        assert (ids.tolist(), mask.tolist()) == tuple(part.tolist() for part in expected)
    assert batch.shared.tolist() == [[True, True, False, False], [True] * 4]
    assert batch.labels.tolist() == [1, 0]
    assert stack(encode_pairs(("good",), None, other, teacher, max_length=16), (0, 0)).labels is None
    assert sorted_batches([3, 9, 5], 2) == [[1, 2], [0]]
