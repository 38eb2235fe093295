"""The losses of every task against numpy and transformers."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
import torch
import transformers
from hypothesis import given
from hypothesis import strategies as st

from edgebert.meaning import Task
from edgebert.training.imitation import hidden_loss
from edgebert.training.objectives import OBJECTIVES
from edgebert.training.token_losses import IGNORED

SEEDS = st.integers(0, 1000)
TASKS = get_args(Task)
LABELS, WIDTH = 3, 5


def log_softmax(logits: np.ndarray) -> np.ndarray:
    shifted = logits - logits.max(axis=-1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis=-1, keepdims=True))


def kl(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """KL(first || second) of log probabilities [..., choices]."""
    return (np.exp(first) * (first - second)).sum(axis=-1)


def binary_kl(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """The sum over labels of KL(first || second) of logits [..., labels] of yes or no."""
    both = [np.stack([logits, np.zeros_like(logits)], axis=-1) for logits in (first, second)]
    return kl(*map(log_softmax, both)).sum(axis=-1)


def batch(task: str, seed: int, windows: int = 4, tokens: int = 6) -> tuple[list, torch.Tensor]:
    """Return two models' outputs of windows, float64, and the mask of their tokens; at least two tokens count."""
    rng = np.random.default_rng(seed)
    shapes = {
        "text-regression": {"logits": (1,)},
        "token-classification": {"logits": (tokens, LABELS)},
        "question-answering": {"start_logits": (tokens,), "end_logits": (tokens,)},
        "feature-extraction": {"sentence_embedding": (WIDTH,)},
    }.get(task, {"logits": (LABELS,)})
    both = [
        {name: torch.from_numpy(rng.normal(scale=3, size=(windows, *shape))) for name, shape in shapes.items()}
        for _ in range(2)
    ]
    mask = np.arange(tokens) < rng.integers(2, tokens + 1, size=(windows, 1))
    return both, torch.from_numpy(mask)


def targets_of(task: str, mask: torch.Tensor, seed: int) -> tuple:
    rng, windows = np.random.default_rng(seed), len(mask)
    found = []
    for row in range(windows):
        size = int(mask[row].sum())
        found.append(
            {
                "text-classification": lambda: rng.integers(LABELS, size=1),
                "multi-label-classification": lambda: rng.integers(2, size=LABELS).astype(float),
                "text-regression": lambda: rng.normal(size=1),
                "token-classification": lambda size=size: rng.choice([IGNORED, 0, 1, 2], size=size),
                "question-answering": lambda size=size: np.sort(rng.integers(size, size=2)),
                "feature-extraction": lambda row=row: [np.random.default_rng(seed + row // 2).uniform(-1, 1)],
            }[task]()
        )
    return tuple(tuple(np.asarray(target).tolist()) for target in found)


def in_numpy(task: str, outputs: dict, targets: tuple, mask: torch.Tensor) -> list[float]:
    """Return the loss of each window, token or pair that counts."""
    found = []
    for row, target in enumerate(targets):
        values = {name: output[row].numpy() for name, output in outputs.items()}
        if task == "text-classification":
            found.append(-log_softmax(values["logits"])[target[0]])
        elif task == "multi-label-classification":
            logits = values["logits"]
            found += [np.log1p(np.exp(-logit if gold else logit)) for logit, gold in zip(logits, target, strict=True)]
        elif task == "text-regression":
            found.append((values["logits"][0] - target[0]) ** 2)
        elif task == "token-classification":
            chances = log_softmax(values["logits"])
            found += [-chances[token, label] for token, label in enumerate(target) if label != IGNORED]
        elif task == "question-answering":
            size = int(mask[row].sum())
            ends = [-log_softmax(values[name][:size])[place] for name, place in zip(values, target, strict=True)]
            found.append(sum(ends) / 2)
        elif row % 2 == 0:
            one, other = (outputs["sentence_embedding"][row + side].numpy() for side in (0, 1))
            cosine = one @ other / np.linalg.norm(one) / np.linalg.norm(other)
            found.append((cosine - target[0]) ** 2)
    return found


@pytest.mark.parametrize("task", TASKS)
@given(seed=SEEDS)
def test_a_loss_is_what_numpy_computes(task, seed):
    """The mean or the sum over all that counts: windows, labels, tokens that have one, pairs."""
    (outputs, _), mask = batch(task, seed)
    targets, objective = targets_of(task, mask, seed), OBJECTIVES[task]
    packed = objective.pack(targets, mask.shape[1])
    packed = packed.double() if packed.is_floating_point() else packed
    each = in_numpy(task, outputs, targets, mask)
    for reduction, wanted in (("sum", sum(each)), ("mean", np.mean(each) if each else 0.0)):
        assert float(objective.loss(outputs, packed, mask, reduction)) == pytest.approx(wanted, rel=1e-5, abs=1e-5)


@pytest.mark.parametrize("task", TASKS)
@given(seed=SEEDS, temperature=st.sampled_from([0.5, 1.0, 2.0, 8.0]))
def test_soft_targets_are_what_numpy_computes(task, seed, temperature):
    """KL(teacher || student), tempered, times the squared temperature; a distance where nothing is chosen."""
    (ours, theirs), mask = batch(task, seed)
    objective, rows = OBJECTIVES[task], [int(count) for count in mask.sum(dim=1)]

    def apart(scale: float) -> tuple[list[float], list[float]]:
        """Return what is averaged for the loss, and the divergence of each window."""
        if task == "feature-extraction":
            pair = [outputs["sentence_embedding"].numpy() for outputs in (ours, theirs)]
            one, other = (values / np.linalg.norm(values, axis=1, keepdims=True) for values in pair)
            each = 1 - (one * other).sum(axis=1)
            return list(each), list(each)
        if task == "text-regression":
            each = ((ours["logits"] - theirs["logits"]).numpy()[:, 0]) ** 2
            return list(each), list(each)
        windows = []
        for row, size in enumerate(rows):
            values = [
                {name: output[row].numpy() / scale for name, output in outputs.items()} for outputs in (theirs, ours)
            ]
            if task == "multi-label-classification":
                windows.append([binary_kl(*(value["logits"] for value in values))])
            elif task == "text-classification":
                windows.append([kl(*(log_softmax(value["logits"]) for value in values))])
            elif task == "token-classification":
                windows.append([*kl(*(log_softmax(value["logits"][:size]) for value in values))])
            else:
                ends = [kl(*(log_softmax(value[name][:size]) for value in values)) for name in values[0]]
                windows.append([sum(ends) / 2])
        return [number for window in windows for number in window], [float(np.mean(window)) for window in windows]

    factor = 1 if task in ("feature-extraction", "text-regression") else temperature**2
    found = objective.soft(ours, theirs, mask, temperature)
    assert found.shape == ()
    assert float(found) == pytest.approx(np.mean(apart(temperature)[0]) * factor, rel=1e-6, abs=1e-7)
    divergence = objective.divergence(ours, theirs, mask)
    np.testing.assert_allclose(divergence.numpy(), apart(1.0)[1], rtol=1e-6, atol=1e-7)
    assert float(objective.soft(theirs, theirs, mask, temperature)) == pytest.approx(0, abs=1e-9)


@pytest.mark.parametrize("task", ["token-classification", "question-answering"])
@given(seed=SEEDS)
def test_what_is_beyond_the_mask_has_no_say(task, seed):
    """Outputs of padding, and more rows in a teacher's longer batch, change neither losses nor agreement."""
    (ours, theirs), mask = batch(task, seed)
    objective, rng = OBJECTIVES[task], np.random.default_rng(seed)

    def other(outputs: dict, more: int) -> dict:
        changed = {}
        for name, output in outputs.items():
            noise = torch.from_numpy(rng.normal(size=(len(output), output.shape[1] + more, *output.shape[2:])))
            noise[:, : output.shape[1]][mask] = output[mask]
            changed[name] = noise
        return changed

    one, two = other(ours, 0), other(theirs, 3)
    for function in (objective.divergence, objective.agree, lambda a, b, m: objective.soft(a, b, m, 2.0)):
        torch.testing.assert_close(function(one, two, mask), function(ours, theirs, mask))
    torch.testing.assert_close(objective.own_loss(one, mask), objective.own_loss(ours, mask))


@pytest.mark.parametrize("task", TASKS)
@given(seed=SEEDS)
def test_two_models_agree_with_themselves_and_where_their_answers_are_the_same(task, seed):
    """The same outputs agree in every window; opposite ones in none, but for numbers next to 0."""
    (ours, _), mask = batch(task, seed)
    objective = OBJECTIVES[task]
    assert objective.agree(ours, ours, mask).tolist() == [True] * len(mask)
    opposite = {name: -output * 10 for name, output in ours.items()}
    agreed = objective.agree(ours, opposite, mask)
    assert not agreed.any() or (task == "text-regression" and float(ours["logits"][agreed].abs().max()) < 0.1)


@pytest.mark.parametrize("task", TASKS)
@given(seed=SEEDS)
def test_the_loss_of_own_answers_has_a_gradient(task, seed):
    """Also where an answer is a number, whose distance from itself has none; it is the sum over windows."""
    (outputs, _), mask = batch(task, seed)
    leaves = {name: output.clone().requires_grad_() for name, output in outputs.items()}
    loss = OBJECTIVES[task].own_loss(leaves, mask)
    for gradient in torch.autograd.grad(loss, [*leaves.values()]):
        assert all(float(row.abs().max()) > 1e-9 for row in gradient)


@pytest.mark.parametrize(
    ("task", "name", "settings"),
    [
        ("text-classification", "SequenceClassification", {"problem_type": "single_label_classification"}),
        ("multi-label-classification", "SequenceClassification", {"problem_type": "multi_label_classification"}),
        ("text-regression", "SequenceClassification", {"problem_type": "regression", "num_labels": 1}),
        ("token-classification", "TokenClassification", {}),
        ("question-answering", "QuestionAnswering", {"num_labels": 2}),
    ],
)
def test_a_loss_is_that_of_transformers(task, name, settings):
    """On windows of equal length, where its loss of answers has no padding to count."""
    torch.manual_seed(0)
    config = transformers.DistilBertConfig(
        vocab_size=50, dim=8, hidden_dim=8, n_heads=2, n_layers=1, max_position_embeddings=8
    )
    config.num_labels = LABELS
    config.update(settings)
    module = getattr(transformers, f"DistilBertFor{name}")(config).eval()
    ids, mask = torch.randint(1, 50, (4, 6)), torch.ones(4, 6, dtype=torch.long)
    targets = OBJECTIVES[task].pack(targets_of(task, mask, 3), 6)
    words = {"labels": targets}
    if task == "question-answering":
        words = {"start_positions": targets[:, 0], "end_positions": targets[:, 1]}
    wanted = dict(module(input_ids=ids, attention_mask=mask, **words))
    loss = wanted.pop("loss")
    torch.testing.assert_close(OBJECTIVES[task].loss(wanted, targets, mask, "mean"), loss)


@given(SEEDS, st.integers(1, 4), st.integers(1, 6), st.integers(0, 3))
def test_the_hidden_loss_counts_shared_tokens_only(seed, windows, length, longer):
    """The mean over all shared tokens; other positions, and a longer model's own, have no say."""
    rng = np.random.default_rng(seed)
    ours, theirs = rng.normal(size=(windows, length + longer, 3)), rng.normal(size=(windows, length, 3))
    shared = np.arange(length) < rng.integers(1, length + 1, size=(windows, 1))
    rows = [(ours[text, token], theirs[text, token]) for text, token in np.argwhere(shared)]
    cosines = [1 - one @ other / np.linalg.norm(one) / np.linalg.norm(other) for one, other in rows]
    for kind, wanted in (("squared", np.mean([np.square(a - b) for a, b in rows])), ("cosine", np.mean(cosines))):
        for first, second in ((ours, theirs), (theirs, ours)):
            found = hidden_loss(torch.from_numpy(first), torch.from_numpy(second), torch.from_numpy(shared), kind)
            # It is computed in float32, where 1 minus a cosine is off by as much as the rounding of 1.
            assert float(found) == pytest.approx(wanted, rel=1e-5, abs=1e-6)


@given(SEEDS)
def test_weights_of_labels_weigh_their_windows(seed):
    """As torch weighs classes: a label of weight 2 counts as if its windows were there twice."""
    for task in ("text-classification", "token-classification"):
        (outputs, _), mask = batch(task, seed)
        packed = OBJECTIVES[task].pack(targets_of(task, mask, seed), mask.shape[1])
        chances = outputs["logits"].log_softmax(-1).flatten(0, -2)
        gold = packed.flatten()
        repeated = [(chances[place, label], 1 + int(label)) for place, label in enumerate(gold) if label != IGNORED]
        if repeated:
            wanted = -sum(chance * weight for chance, weight in repeated) / sum(weight for _, weight in repeated)
            found = OBJECTIVES[task].loss(outputs, packed, mask, "mean", torch.tensor([1.0, 2.0, 3.0]).double())
            torch.testing.assert_close(found, wanted)
