"""A model with a cut vocabulary answers as before where its tokens stayed, and what it says of the rest is true."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from edgebert.checkpoint import Model, load_model, save_model
from edgebert.errors import DataError, UsageError
from edgebert.pruning.tokens import kept_tokens
from edgebert.pruning.vocabulary import cut_vocabulary, measure_vocabulary, prune_vocabulary
from edgebert.tasks import TEXT_CLASSIFICATION
from edgebert.text import pieces
from tests.pruning.inputs import examples_of
from tests.support import fakes

HARD = (*(text for (text,) in TEXT_CLASSIFICATION.golden_texts), *fakes.TEXTS, "good [MASK] battery")
LABELS = tuple(index % 2 for index in range(len(fakes.TEXTS)))
TOKENS = (*fakes.VOCABULARY[5:30], *fakes.SPECIALS, *fakes.VOCABULARY[30:], "headphones", "never", "cracked", "unseen")
"""Longer tokens that few texts use, and [PAD] in the middle."""


@functools.cache
def tiny(*, plain: bool = False) -> Model:
    """Return a model whose table has rows beyond its tokenizer, and [PAD] in another place than transformers thinks."""
    if plain:
        return load_model(fakes.shared_checkpoint())
    rows = -(-len(TOKENS) // 64) * 64
    folder = fakes._shared() / "vocabulary"
    return load_model(fakes.tiny_checkpoint(folder, vocabulary=TOKENS, rows=rows, positions=32))


def logits(model: Model, texts: Sequence[str]) -> np.ndarray:
    tokenizer = model.tokenizer.from_str(model.tokenizer.to_str())
    tokenizer.enable_truncation(model.checkpoint.architecture.positions)
    return fakes.torch_logits(model.module, [tokenizer.encode(text).ids for text in texts])


def snapshot(model: Model) -> tuple[object, ...]:
    state = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    return model.checkpoint, model.tokenizer.to_str(), model.module.config.to_dict(), state


def check_unchanged(model: Model, before: tuple[object, ...]) -> None:
    *values, state = snapshot(model)
    assert values == list(before[:3])
    assert all(torch.equal(tensor, before[3][name]) for name, tensor in state.items())
    assert set(state) == set(before[3])


# The cut ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("plain", [True, False])
def test_texts_of_kept_tokens_get_bit_equal_logits(plain: bool) -> None:
    """Every text whose tokens stay is answered as before, to the last bit, and the given model is as it was."""
    model = tiny(plain=plain)
    before = snapshot(model)
    kept = kept_tokens(model.tokenizer, HARD)
    cut = cut_vocabulary(model, kept)
    assert len(kept) < model.checkpoint.architecture.vocabulary or plain
    assert np.array_equal(logits(cut, HARD), logits(model, HARD))
    check_unchanged(model, before)


def test_table_config_and_checkpoint_agree() -> None:
    """Table, configuration, tokenizer and architecture have the same number of tokens, and [PAD] is where it says."""
    model = tiny()
    kept = kept_tokens(model.tokenizer, fakes.TEXTS[:4])
    cut = cut_vocabulary(model, tuple(reversed(kept)))
    embeddings = cut.module.distilbert.embeddings.word_embeddings
    pad = pieces(cut.tokenizer).index("[PAD]")
    assert 0 < pad < model.tokenizer.token_to_id("[PAD]") + 1
    assert (cut.module.config.pad_token_id, embeddings.padding_idx) == (pad, pad)
    assert embeddings.num_embeddings == cut.module.config.vocab_size == cut.tokenizer.get_vocab_size() == len(kept)
    assert cut.checkpoint == dataclasses.replace(
        model.checkpoint,
        architecture=dataclasses.replace(model.checkpoint.architecture, vocabulary=len(kept)),
    )
    assert pieces(cut.tokenizer) == tuple(TOKENS[index] for index in kept)
    old = model.module.distilbert.embeddings.word_embeddings.weight
    assert torch.equal(embeddings.weight, old[list(kept)])


def test_only_the_table_changes_and_nothing_is_shared() -> None:
    """All other tensors are equal copies: training the cut model leaves the original alone."""
    model = tiny()
    cut = cut_vocabulary(model, kept_tokens(model.tokenizer, fakes.TEXTS))
    before, after = dict(model.module.named_parameters()), dict(cut.module.named_parameters())
    assert list(after) == list(before)
    for name, parameter in after.items():
        assert parameter.data_ptr() != before[name].data_ptr()
        assert parameter.requires_grad == before[name].requires_grad
        assert "word_embeddings" in name or torch.equal(parameter, before[name])
    assert not any(part.training for part in cut.module.modules())
    assert cut.module.config is not model.module.config


def test_keeping_all_tokens_drops_only_the_padding_rows() -> None:
    """A cut that removes no token removes the rows that no token has."""
    model = tiny()
    cut = cut_vocabulary(model, range(len(TOKENS)))
    assert pieces(cut.tokenizer) == TOKENS
    assert cut.checkpoint.architecture.vocabulary == len(TOKENS) < model.checkpoint.architecture.vocabulary
    assert np.array_equal(logits(cut, HARD), logits(model, HARD))


def test_a_cut_model_can_be_saved_loaded_and_cut_again(tmp_path: Path) -> None:
    """The folder of a cut model gives bit-equal logits, and cutting the loaded one is cutting the original."""
    model = tiny()
    cut = cut_vocabulary(model, kept_tokens(model.tokenizer, fakes.TEXTS))
    (tmp_path / "cut").mkdir()
    save_model(cut, tmp_path / "cut")
    loaded = load_model(tmp_path / "cut")
    assert np.array_equal(logits(loaded, HARD), logits(cut, HARD))
    again = cut_vocabulary(loaded, kept_tokens(loaded.tokenizer, fakes.TEXTS[:3]))
    direct = cut_vocabulary(model, kept_tokens(model.tokenizer, fakes.TEXTS[:3]))
    assert pieces(again.tokenizer) == pieces(direct.tokenizer)
    assert np.array_equal(logits(again, HARD), logits(direct, HARD))


@pytest.mark.parametrize(("wrong", "message"), [((), "special token"), ((10_000,), "no token with the id 10000")])
def test_what_cannot_be_cut_is_refused(wrong: tuple[int, ...], message: str) -> None:
    """Ids without the special tokens, and ids that no token has, give one clear line and no model."""
    model = tiny()
    specials = [model.tokenizer.token_to_id(name) for name in fakes.SPECIALS] if wrong else [0, 1]
    with pytest.raises(UsageError, match=message):
        cut_vocabulary(model, (*specials, *wrong))


def test_a_row_that_only_pads_the_table_is_no_token() -> None:
    """An id within the table but beyond the tokenizer is out of range."""
    model = tiny()
    with pytest.raises(UsageError, match=f"no token with the id {len(TOKENS)}: its ids are 0 to {len(TOKENS) - 1}"):
        cut_vocabulary(model, range(len(TOKENS) + 1))


# The report ------------------------------------------------------------------------------------------------------


def test_the_report_counts_words_tokens_and_answers() -> None:
    """Shares and means are those counted by hand, padded batches or not."""
    model = tiny()
    # A cut by hand that takes single characters away: 'z' and what spells the end of 'battery'.
    gone = {"z", "##y", "battery", "headphones"}
    cut = cut_vocabulary(model, [index for index, token in enumerate(TOKENS) if token not in gone])
    texts = ("zebra 42", "the battery is great", "great headphones", "", "価 good 価!")
    labels = (0, 1, 1, 0, 1)
    report = measure_vocabulary(model, cut, examples_of(texts, labels))
    assert (report.tokens_before, report.tokens_after, report.texts) == (len(TOKENS), len(TOKENS) - 4, 5)
    assert report.unknown_before == 2 / 12
    assert report.unknown_after == 4 / 12
    lengths = [[len(each.tokenizer.encode(text).ids) for text in texts] for each in (model, cut)]
    assert report.tokens_per_text_before == sum(lengths[0]) / 5
    assert report.tokens_per_text_after == sum(lengths[1]) / 5
    answers = [logits(each, texts).argmax(axis=1) for each in (model, cut)]
    assert report.agreement == (answers[0] == answers[1]).mean()
    assert report.accuracy_before == (answers[0] == labels).mean()
    assert report.accuracy_after == (answers[1] == labels).mean()
    rows = model.checkpoint.architecture.vocabulary - cut.checkpoint.architecture.vocabulary
    assert report.bytes_saved == rows * 32 * 4


def test_changed_answers_show() -> None:
    """A cut that makes every word unknown is seen in the agreement and the accuracy."""
    model = tiny(plain=True)
    cut = cut_vocabulary(model, range(5))
    texts = [f"{first} {second}" for first in fakes.WORDS[:10] for second in fakes.WORDS[:10]]
    right = logits(model, texts).argmax(axis=1).tolist()
    assert 0 < sum(right) < len(right)
    report = measure_vocabulary(model, cut, examples_of(texts, right))
    assert (report.unknown_before, report.unknown_after, report.accuracy_before) == (0, 1, 1)
    assert report.accuracy_after == report.agreement < 1


def test_without_labels_there_is_no_accuracy() -> None:
    """Texts alone give all but the accuracies."""
    model = tiny()
    report = measure_vocabulary(model, model, examples_of(fakes.TEXTS))
    assert (report.accuracy_before, report.accuracy_after, report.agreement, report.bytes_saved) == (None, None, 1, 0)


def test_long_texts_are_counted_whole_and_answered_truncated() -> None:
    """A text beyond the model's positions is no error, and its length is that of the whole text."""
    model = tiny()
    report = measure_vocabulary(model, model, examples_of(["good " * 100]))
    assert (report.tokens_per_text_before, report.agreement) == (102, 1)


def test_models_are_measured_as_they_are() -> None:
    """Measuring sets no truncation or padding on the tokenizers it was given."""
    model = tiny()
    before = snapshot(model)
    measure_vocabulary(model, model, examples_of(fakes.TEXTS, LABELS))
    check_unchanged(model, before)


# All of it -------------------------------------------------------------------------------------------------------


def test_pruning_keeps_the_tokens_of_all_texts_and_measures_unseen_ones() -> None:
    """The model is the cut for all texts; the report has its size, and the rest from a tenth that had no say."""
    model = tiny()
    before = snapshot(model)
    texts = [f"text {index}" for index in range(40)]
    pruned, report = prune_vocabulary(model, examples_of(texts), seed=0)
    expected = cut_vocabulary(model, kept_tokens(model.tokenizer, texts))
    assert pruned.tokenizer.to_str() == expected.tokenizer.to_str()
    assert np.array_equal(logits(pruned, HARD), logits(expected, HARD))
    assert (report.texts, report.tokens_after) == (4, expected.tokenizer.get_vocab_size())
    assert report.bytes_saved == measure_vocabulary(model, expected, examples_of(texts)).bytes_saved
    check_unchanged(model, before)


def test_held_out_texts_have_no_say_in_what_is_measured() -> None:
    """A token that only a held-out text uses is missing in the measured cut and there in the returned one."""
    model = tiny()
    # Each text's long word is its own: the one held out is spelled by pieces in the trial.
    words = ("battery", "headphones", "never", "cracked", "unseen", "screen", "great", "awful", "very", "good")
    for seed in range(4):
        pruned, report = prune_vocabulary(model, examples_of(words), seed=seed)
        assert report.texts == 1
        assert report.tokens_per_text_before == 3
        assert report.tokens_per_text_after > 3
        assert {*words} <= {*pieces(pruned.tokenizer)}
        rows = pruned.module.distilbert.embeddings.word_embeddings.num_embeddings
        assert report.tokens_after == rows
        assert report.bytes_saved == (model.checkpoint.architecture.vocabulary - rows) * 32 * 4


def test_a_text_that_stands_twice_is_not_held_out_with_a_say() -> None:
    """Copies of a held-out text are held out with it, and texts given beside are never held out."""
    model = tiny()
    words = ("battery", "headphones", "never", "cracked", "unseen", "screen", "great", "awful", "very", "good")
    for seed in range(4):
        _, report = prune_vocabulary(model, examples_of(words * 3), seed=seed)
        assert (report.texts, report.tokens_per_text_before) == (1, 3)
        assert report.tokens_per_text_after > 3
    with pytest.raises(DataError, match="there are 9 that are no vocabulary texts"):
        prune_vocabulary(model, examples_of(words), more=["good"], seed=0)


def test_tokens_of_more_texts_stay() -> None:
    """Texts beside the training texts keep their tokens too."""
    model = tiny()
    texts = [f"text {index}" for index in range(10)]
    assert "unseen" not in pieces(prune_vocabulary(model, examples_of(texts), seed=0)[0].tokenizer)
    assert "unseen" in pieces(prune_vocabulary(model, examples_of(texts), more=["unseen"], seed=0)[0].tokenizer)


@given(labels=st.lists(st.integers(0, 1), min_size=len(fakes.TEXTS), max_size=len(fakes.TEXTS)), seed=st.integers(0, 9))
@settings(max_examples=15, deadline=None)
def test_relabelling_changes_nothing_but_the_accuracies(labels: list[int], seed: int) -> None:
    """Labels have no say in which tokens stay, nor has the seed; the held-out texts depend on the seed alone."""
    model = tiny()
    pruned, report = prune_vocabulary(model, examples_of(fakes.TEXTS, labels), seed=seed)
    other, without = prune_vocabulary(model, examples_of(fakes.TEXTS), seed=seed)
    assert pruned.tokenizer.to_str() == other.tokenizer.to_str() == _without_seed().tokenizer.to_str()
    assert dataclasses.replace(report, accuracy_before=None, accuracy_after=None) == without


@functools.cache
def _without_seed() -> Model:
    return cut_vocabulary(tiny(), kept_tokens(tiny().tokenizer, fakes.TEXTS))


def test_the_held_out_texts_keep_their_labels() -> None:
    """Accuracy is counted with the labels of the held-out texts: those the model gives make it perfect."""
    model = tiny()
    texts = [f"{first} {second} headphones" for first in fakes.WORDS[:10] for second in fakes.WORDS[:10]]
    right = logits(model, texts).argmax(axis=1).tolist()
    assert 0 < sum(right) < len(right)
    report = prune_vocabulary(model, examples_of(texts, right), seed=3)[1]
    assert (report.texts, report.accuracy_before) == (10, 1)
    assert report.accuracy_after == report.agreement


@pytest.mark.parametrize("texts", [(), fakes.TEXTS[:9], fakes.TEXTS[:9] * 5])
def test_too_few_texts_are_refused(texts: tuple[str, ...]) -> None:
    """Fewer than ten different texts leave none to hold out."""
    with pytest.raises(DataError) as caught:
        prune_vocabulary(tiny(), examples_of(texts), seed=0)
    assert caught.value.message == (
        f"cutting the vocabulary needs at least 10 different training texts, there are {len(set(texts))}"
    )


def test_a_lone_surrogate_is_named_by_its_place_among_the_training_texts() -> None:
    """The number in the message counts the texts as they were given."""
    with pytest.raises(UsageError) as caught:
        prune_vocabulary(tiny(), examples_of((*fakes.TEXTS, "x\udc00")), seed=0)
    assert caught.value.message == "text 13 has a lone surrogate at character 1"


def test_progress_goes_to_the_end_of_each_stage() -> None:
    """Every stage is reported until it is done."""
    seen: dict[str, tuple[int, int]] = {}
    prune_vocabulary(
        tiny(),
        examples_of(fakes.TEXTS),
        seed=0,
        progress=lambda stage, done, total: seen.update({stage: (done, total)}),
    )
    assert set(seen) == {
        "collecting the tokens",
        "comparing the answers, before the cut",
        "comparing the answers, after the cut",
    }
    assert all(done == total > 0 for done, total in seen.values())
