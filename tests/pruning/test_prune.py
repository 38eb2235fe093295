"""Pruning as a whole: what comes out, and what is recorded."""

from __future__ import annotations

import dataclasses
from collections import Counter

import numpy as np
import pytest
import torch

from edgebert.architecture import PRUNING_SCHEMA, Distillation, TextSource
from edgebert.checkpoint import Model, load_model, save_model
from edgebert.convert.weights import extract_weights
from edgebert.data import TrainingTexts, read_training
from edgebert.network import blocks
from edgebert.pruning.cost import macs
from edgebert.pruning.prune import prune, prune_model, score
from edgebert.recipe import PruneOptions
from edgebert.text import TextEncoder
from tests.pruning.inputs import (
    HALF,
    HEAD,
    folder,
    labels_of,
    plain,
    same_weights,
    training,
    training_file,
    training_of,
)
from tests.support import fakes

UNSEEN = fakes.random_texts(41, count=20, longest=14)


def lengths_of(model: Model, data: TrainingTexts) -> dict[int, int]:
    encoder = TextEncoder(type(model.tokenizer).from_str(model.tokenizer.to_str()), 64)
    return Counter(len(encoder.encode(text)) for text in data.texts)


def test_keeping_everything_changes_no_bit():
    """At a share of 1 weights and logits are equal to the last bit, and the record says that nothing was ranked."""
    model = plain()
    same = prune_model(model, training(), PruneOptions(keep=1.0))
    assert same_weights(same, model)
    np.testing.assert_array_equal(fakes.torch_logits(same.module, UNSEEN), fakes.torch_logits(model.module, UNSEEN))
    assert same.checkpoint.architecture == model.checkpoint.architecture
    record = same.checkpoint.pruning
    assert (record.keep, record.macs_share, record.layers, record.sample) == (1.0, 1.0, (0, 1, 2), 0)


@pytest.mark.parametrize("labelled", [True, False])
def test_half_of_the_work_is_gone(labelled):
    """The multiply-accumulates at the texts' own lengths are at most the share, and matrices are narrower."""
    model, data = plain(), training(labelled=labelled)
    pruned = prune_model(model, data, HALF)
    shape = pruned.checkpoint.architecture
    lengths = lengths_of(model, data)
    left = macs(shape, lengths, HEAD) / macs(model.checkpoint.architecture, lengths, HEAD)
    assert 0.4 < left <= 0.5
    assert pruned.checkpoint.pruning.macs_share == pytest.approx(left, rel=1e-12)
    for heads, neurons, block in zip(shape.heads, shape.neurons, blocks(pruned.module), strict=True):
        assert tuple(block.attention.q_lin.weight.shape) == (8 * heads, 32)
        assert tuple(block.ffn.lin2.weight.shape) == (32, neurons)
    assert pruned.checkpoint.sha256 == model.checkpoint.sha256
    assert pruned.checkpoint.name == model.checkpoint.name


def test_a_few_texts_are_enough():
    """The fewest texts that are taken give a model within its budget."""
    pruned = prune_model(plain(), training(32), dataclasses.replace(HALF, vocabulary=False))
    assert pruned.checkpoint.pruning.sample == 32
    assert pruned.checkpoint.pruning.macs_share <= 0.5


def test_equal_seeds_give_equal_models():
    """Two runs agree to the last bit; given scores change nothing; another seed gives another sample."""
    model, data = plain(), training()
    one, other = prune_model(model, data, HALF), prune_model(model, data, HALF)
    assert same_weights(one, other)
    assert one.checkpoint == other.checkpoint
    assert same_weights(one, prune_model(model, data, HALF, gradients=score(model, data, seed=0)))
    assert not same_weights(one, prune_model(model, data, dataclasses.replace(HALF, seed=1)))


def test_labels_take_part_in_the_ranking():
    """Without labels, or with the wrong ones, other gradients are found."""
    model, data = plain(), training()
    own = score(model, training(labelled=False), seed=0)
    given = score(model, data, seed=0)
    turned = score(model, training_of(data.texts, [1 - label for label in labels_of(data)]), seed=0)
    assert not np.array_equal(own.neurons[0], given.neurons[0])
    assert not np.array_equal(turned.neurons[0], given.neurons[0])


@pytest.mark.parametrize("options", [HALF, PruneOptions(keep=0.5, vocabulary=True, distill=1.0)])
def test_the_model_given_stays_as_it_is(options):
    """Every stage works on copies: weights, shape, tokenizer and its truncation are as before."""
    model = plain()
    before = {name: tensor.clone() for name, tensor in model.module.state_dict().items()}
    tokenizer, checkpoint = model.tokenizer.to_str(), model.checkpoint
    prune_model(model, training(), options)
    after = model.module.state_dict()
    assert list(after) == list(before)
    assert all(torch.equal(tensor, before[name]) for name, tensor in after.items())
    assert model.tokenizer.to_str() == tokenizer
    assert model.checkpoint == checkpoint


def test_pruning_again_composes(tmp_path):
    """Prune, save, load, prune: the shape shrinks, and layers and shares are those of the very first original."""
    model, data = load_model(fakes.tiny_checkpoint(tmp_path / "wide", heads=16, neurons=320, layers=3)), training()
    # A middle layer that gives back what it gets, so that the first round drops it.
    below, useless, _ = blocks(model.module)
    for part in (useless.attention.out_lin, useless.ffn.lin2):
        part.weight.zero_()
        part.bias.zero_()
    for norm in (below.output_layer_norm, useless.sa_layer_norm, useless.output_layer_norm):
        norm.weight.fill_(1)
        norm.bias.zero_()
    first = prune_model(model, data, PruneOptions(keep=0.4))
    assert first.checkpoint.pruning.layers == (0, 2)
    (tmp_path / "once").mkdir()
    save_model(first, tmp_path / "once")
    loaded = load_model(tmp_path / "once")
    second = prune_model(loaded, data, PruneOptions(keep=0.6, seed=3, drop_layers=False))
    assert same_weights(second, prune_model(first, data, PruneOptions(keep=0.6, seed=3, drop_layers=False)))
    record = second.checkpoint.pruning
    assert record.original == model.checkpoint.architecture
    assert (record.original_name, record.original_sha256) == ("wide", model.checkpoint.sha256)
    assert (record.layers, record.keep, record.seed) == ((0, 2), 0.6, 3)
    lengths, shapes = lengths_of(loaded, data), [each.checkpoint.architecture for each in (second, loaded, model)]
    least, less, whole = (macs(shape, lengths, HEAD) for shape in shapes)
    assert record.macs_share == pytest.approx(least / whole, rel=1e-12)
    assert least <= 0.6 * less <= 0.6 * 0.4 * whole
    for key in ("heads", "neurons"):
        assert all(a <= b for a, b in zip(getattr(shapes[0], key), getattr(shapes[1], key), strict=True))
    (tmp_path / "twice").mkdir()
    save_model(second, tmp_path / "twice")
    assert load_model(tmp_path / "twice").checkpoint.pruning == record
    assert same_weights(load_model(tmp_path / "twice"), second)


def test_the_file_of_a_pruned_model_answers_as_it_does(tmp_path):
    """The float ONNX file of a pruned and re-fitted model gives its logits to 1e-4."""
    from edgebert.convert.onnx import write_onnx

    pruned = prune_model(plain(), training(), HALF)
    expected = fakes.torch_logits(pruned.module, UNSEEN)
    write_onnx(extract_weights(pruned), tmp_path / "float.onnx", int8=False)
    np.testing.assert_allclose(fakes.onnx_rows(tmp_path / "float.onnx", UNSEEN), expected, rtol=0, atol=1e-4)


def test_the_record_says_what_was_done():
    """Vocabulary, share and distillation together: the record is right field by field."""
    model, data = plain(), training()
    more = ("zebra? zebra!",)
    pruned = prune_model(
        model,
        data,
        PruneOptions(keep=0.5, vocabulary=True, distill=1.0, learning_rate=1e-3, seed=5, drop_layers=False),
        vocabulary=more,
    )
    record, shape = pruned.checkpoint.pruning, pruned.checkpoint.architecture
    lengths = lengths_of(pruned, data)
    assert record.schema == PRUNING_SCHEMA
    assert record.original == model.checkpoint.architecture
    assert (record.original_name, record.original_sha256) == (model.checkpoint.name, model.checkpoint.sha256)
    assert (record.layers, record.budget, record.keep, record.seed, record.sample) == ((0, 1, 2), "macs", 0.5, 5, 90)
    assert record.train == TextSource(name="train.tsv", sha256="ab" * 32, examples=90)
    assert record.tokens_per_text == pytest.approx(sum(size * count for size, count in lengths.items()) / 90)
    whole, left = (macs(each, lengths, HEAD) for each in (record.original, shape))
    assert record.macs_share == pytest.approx(left / whole, rel=1e-12)
    assert record.macs_share <= 0.5
    assert record.vocabulary.tokens_before == len(fakes.VOCABULARY)
    assert (
        record.vocabulary.tokens_after == pruned.tokenizer.get_vocab_size() == shape.vocabulary < len(fakes.VOCABULARY)
    )
    assert record.vocabulary.bytes_saved == 4 * 32 * (len(fakes.VOCABULARY) - shape.vocabulary)
    assert record.vocabulary.accuracy_before is not None
    assert dataclasses.replace(record.distillation, agreement_before=0.0, agreement_after=0.0) == Distillation(
        epochs=1.0,
        learning_rate=1e-3,
        temperature=2.0,
        labelled=True,
        held_out=4,
        agreement_before=0.0,
        agreement_after=0.0,
    )
    assert pruned.tokenizer.encode(more[0]).tokens == model.tokenizer.encode(more[0]).tokens


def test_a_pruned_folder_is_the_model_in_memory(tmp_path):
    """Written and loaded, logits are equal to the last bit and the record is the same; the checkpoint names its folder.

    A share asked of a file gives what the same texts in memory give.
    """
    out = tmp_path / "half"
    data = read_training(training_file(tmp_path / "train.tsv"), labels=fakes.LABELS)
    checkpoint = prune(folder(), tmp_path / "train.tsv", out, options=HALF)
    wanted, loaded = prune_model(plain(), data, HALF), load_model(out)
    assert same_weights(loaded, wanted)
    np.testing.assert_array_equal(fakes.torch_logits(loaded.module, UNSEEN), fakes.torch_logits(wanted.module, UNSEEN))
    assert loaded.checkpoint.pruning == wanted.checkpoint.pruning == checkpoint.pruning
    assert loaded.checkpoint.architecture == checkpoint.architecture
    assert checkpoint.path == out
    assert sorted(path.name for path in tmp_path.iterdir()) == ["half", "train.tsv"]


def test_the_texts_that_choose_the_best_state_were_not_fitted(monkeypatch):
    """Distillation holds out texts that the repair never saw: on fitted ones the start would look better than it is."""
    from edgebert.pruning import plan as planning
    from edgebert.training import distill as distilling

    seen: dict[str, set[tuple[int, ...]]] = {}
    repair, with_teacher_outputs = planning.repair, distilling.with_teacher_outputs

    def fitted(original, pruned, layers, texts, **options):
        seen["fitted"] = set(texts)
        return repair(original, pruned, layers, texts, **options)

    def held_out(setup, pairs):
        seen["held out"] = {window for pair in pairs for window in pair.student}
        return with_teacher_outputs(setup, pairs)

    monkeypatch.setattr(planning, "repair", fitted)
    monkeypatch.setattr(distilling, "with_teacher_outputs", held_out)
    words = [*fakes.WORDS[:11], *fakes.PIECES]
    texts = tuple(f"{words[index % len(words)]} {index} {words[index % 7]}" for index in range(200))
    training = training_of(texts)
    prune_model(load_model(fakes.shared_checkpoint()), training, PruneOptions(keep=0.6, distill=0.2, seed=3))
    assert len(seen["held out"]) == 10
    assert not seen["held out"] & seen["fitted"]
