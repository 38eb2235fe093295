"""Distillation: a cut model comes back, and nothing it was given is changed."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest
import torch

from edgebert.architecture import Distillation
from edgebert.checkpoint import load_model
from edgebert.meaning import Meaning
from edgebert.pruning.surgery import cut
from edgebert.tokenizer import load_tokenizer
from edgebert.training.distill import _aims, distill
from edgebert.training.items import pad_pairs, pair_items
from edgebert.training.objectives import OBJECTIVES
from tests.pruning.inputs import examples_of, unlabelled
from tests.support import fakes
from tests.training.distilling import KEEP, OPTIONS, answers, same, soft_loss_on, student, teacher, training, weights

ONE_LABEL = OBJECTIVES["text-classification"]


def pairs_of(texts, labels, student, teacher, *, max_length):
    """Return texts as one item each, for two tokenizers."""
    examples, task = examples_of(texts, labels), "text-classification"
    return [pair for (pair,) in pair_items(examples, student, teacher, task, Meaning(), max_length=max_length)]


def test_a_layer_aims_at_what_the_next_one_expects():
    """With layers gone, the output of the one below makes up for them; with none gone, each aims at its own."""
    assert _aims((0, 1, 2), 3) == (0, 1, 2)
    assert _aims((0, 2, 3), 6) == (1, 2, 5)


def test_a_cut_model_comes_back(recovered):
    """On texts it never saw it is nearer to the original than the cut model was, and agrees with it more often."""
    model, record = recovered
    assert record == Distillation(
        epochs=4,
        learning_rate=3e-3,
        temperature=2,
        labelled=True,
        held_out=40,
        agreement_before=record.agreement_before,
        agreement_after=record.agreement_after,
    )
    assert record.agreement_after > record.agreement_before
    fresh = tuple(f"{text} {fakes.TEXTS[index % 12]}" for index, text in enumerate(training().texts[:60]))
    assert soft_loss_on(model, teacher(), fresh) < 0.6 * soft_loss_on(student(), teacher(), fresh)
    agreed = np.mean(np.equal(answers(model, fresh), answers(teacher(), fresh)))
    assert agreed >= np.mean(np.equal(answers(student(), fresh), answers(teacher(), fresh)))


def test_nothing_that_was_given_is_changed(recovered):
    """Weights, modes, gradients, hooks, tokenizers and the global random state are as before; the result is frozen."""
    before = [weights(student()), weights(teacher())]
    described = [student().tokenizer.to_str(), teacher().tokenizer.to_str()]
    state = torch.random.get_rng_state()
    distill(student(), teacher(), training(), options=replace(OPTIONS, epochs=0.1))
    assert torch.equal(state, torch.random.get_rng_state())
    assert same(before[0], weights(student()))
    assert same(before[1], weights(teacher()))
    assert described == [student().tokenizer.to_str(), teacher().tokenizer.to_str()]
    for model in (student(), teacher(), recovered[0]):
        parts = list(model.module.modules())
        assert not any(part.training or part._forward_hooks for part in parts)
        assert not any(one.requires_grad or one.grad is not None for one in model.module.parameters())
    assert recovered[0].checkpoint == student().checkpoint
    assert not same(weights(recovered[0]), before[0])


def test_equal_arguments_give_equal_weights_and_a_seed_decides(recovered):
    """Whatever the global random state was."""
    torch.manual_seed(99)
    assert same(weights(distill(student(), teacher(), training(), options=OPTIONS)[0]), weights(recovered[0]))
    other = distill(student(), teacher(), training(), options=replace(OPTIONS, seed=6))[0]
    assert not same(weights(other), weights(recovered[0]))


def test_labels_are_optional(recovered):
    """Without labels the loss on them is left out, and the record says so."""
    model, record = distill(student(), teacher(), unlabelled(training()), options=OPTIONS)
    assert not record.labelled
    assert record.agreement_after > record.agreement_before
    assert not same(weights(model), weights(recovered[0]))


def test_bfloat16_comes_to_nearly_the_same_weights():
    """The layers compute rounded, the weights and the losses do not."""
    options = replace(OPTIONS, epochs=1)
    exact, _ = distill(student(), teacher(), training(), options=options)
    rounded, record = distill(student(), teacher(), training(), options=replace(options, precision="bfloat16"))
    assert record.precision == "bfloat16"
    ours, theirs = (model.module.state_dict() for model in (rounded, exact))
    assert {tensor.dtype for tensor in ours.values()} == {torch.float32}
    assert 0 < max(float((ours[name] - theirs[name]).abs().max()) for name in ours) < 0.02


def test_a_training_that_only_harms_gives_the_student_back():
    """After one step far too long a student that agreed on every text comes back as it was, bit for bit."""
    options = replace(OPTIONS, epochs=0.01, learning_rate=0.9, held_out=0.8)
    model, record = distill(teacher(), teacher(), training(), options=options)
    assert same(weights(model), weights(teacher()))
    assert record.agreement_after == record.agreement_before == 1


@pytest.mark.parametrize(("epochs", "steps"), [(0.01, 1), (0.5, 5), (1, 10), (1.25, 13)])
def test_a_fraction_of_an_epoch_ends_within_it(epochs, steps):
    """160 texts in batches of 16 are ten steps an epoch; each is reported with the loss."""
    calls: list[tuple[str, int, int]] = []
    options = replace(OPTIONS, epochs=epochs)
    distill(student(), teacher(), training(), options=options, progress=lambda *call: calls.append(call))
    assert [call[1:] for call in calls] == [(step, steps) for step in range(steps + 1)]
    assert calls[0][0] == "distilling"
    assert all(re.fullmatch(r"distilling \| loss \d+\.\d{3}", stage) for stage, _, _ in calls[1:])


def test_a_model_with_fewer_layers_learns_too():
    """The layer that is left learns to give what the head expects."""
    shallow = cut(teacher(), replace(KEEP, layers=(0,), heads=KEEP.heads[:1], neurons=KEEP.neurons[:1]))
    model, record = distill(shallow, teacher(), unlabelled(training()), options=OPTIONS, layers=(0,))
    texts = training().texts[:50]
    assert soft_loss_on(model, teacher(), texts) < 0.6 * soft_loss_on(shallow, teacher(), texts)
    assert not record.labelled


def test_a_teacher_may_have_another_vocabulary(tmp_path):
    """A student whose tokenizer splits words differently still learns their answers."""
    tokens = (*fakes.SPECIALS, *reversed(fakes.PIECES), *fakes.VOCABULARY[5 + len(fakes.PIECES) : -12])
    small = load_model(fakes.tiny_checkpoint(tmp_path / "small", vocabulary=tokens))
    model, record = distill(small, teacher(), training(), options=OPTIONS)
    assert soft_loss_on(model, teacher(), training().texts) < 0.7 * soft_loss_on(small, teacher(), training().texts)
    assert record.agreement_after >= record.agreement_before


def test_texts_that_the_tokenizers_split_differently_share_their_beginning(tmp_path):
    """Up to the first other token positions match; what follows, even of equal length, does not."""
    tokens = tuple(token for token in fakes.VOCABULARY if token not in ("great", "is"))
    fakes.write_tokenizer(tmp_path, tokens)
    other, teacher = load_tokenizer(tmp_path), load_tokenizer(fakes.shared_checkpoint())
    texts = ("the battery", "the great battery", "it is bad", "is")
    pairs = pairs_of(texts, (0, 1, 0, 1), other, teacher, max_length=6)
    for pair, text in zip(pairs, texts, strict=True):
        ours, theirs = (
            [*map(one.id_to_token, ids[0])] for one, ids in ((other, pair.student), (teacher, pair.teacher))
        )
        assert ours[: pair.shared[0]] == theirs[: pair.shared[0]], text
    assert [pair.shared for pair in pairs] == [(4,), (2,), (2,), (1,)]
    assert [pair.targets for pair in pairs] == [((0,),), ((1,),), ((0,),), ((1,),)]
    assert len(pairs[1].student[0]) == 6
    alone = pairs_of(texts, None, teacher, teacher, max_length=6)
    assert [(pair.shared, pair.targets) for pair in alone] == [((len(pair.student[0]),), None) for pair in alone]
    assert json.loads(other.to_str())["truncation"] is None


def test_a_batch_is_padded_for_each_model_by_itself(tmp_path):
    """Each gets its own ids, padding and mask; the shared tokens are those that encode_pairs counted."""
    fakes.write_tokenizer(tmp_path, tuple(token for token in fakes.VOCABULARY if token != "great"))
    other, teacher = load_tokenizer(tmp_path), load_tokenizer(fakes.shared_checkpoint())
    pairs = pairs_of(("not great", "the screen"), (1, 0), other, teacher, max_length=16)
    batch = pad_pairs(pairs, (90, 91), ONE_LABEL)
    for ids, mask, pad, rows in (
        (batch.ids, batch.mask, 90, [pair.student[0] for pair in pairs]),
        (batch.teacher_ids, batch.teacher_mask, 91, [pair.teacher[0] for pair in pairs]),
    ):
        expected = fakes.padded(rows, max(map(len, rows)), pad)
        assert (ids.tolist(), mask.tolist()) == tuple(part.tolist() for part in expected)
    assert batch.shared.tolist() == [[True, True, False, False], [True] * 4]
    assert batch.targets.tolist() == [1, 0]
    unknown = pairs_of(("good",), None, other, teacher, max_length=16)
    assert pad_pairs(unknown, (0, 0), ONE_LABEL).targets is None
