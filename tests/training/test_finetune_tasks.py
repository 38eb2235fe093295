"""Fine-tuning for every task: what the data teaches is learnt, and the folder opens as a checkpoint of the task."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers

from edgebert.checkpoint import load_model
from edgebert.data import Dataset
from edgebert.errors import CheckpointError, DataError, UsageError
from edgebert.examples import Example
from edgebert.training.finetune import finetune
from edgebert.training.items import Item
from edgebert.training.options import FinetuneOptions
from edgebert.training.trainer import label_weights
from tests.support import fakes
from tests.training.test_finetune import BAD, FILLER, GOOD, OPTIONS, TRAIN, WORDS, sentences

FAST = replace(OPTIONS, epochs=8, max_length=16)


def drawn(choose: random.Random) -> tuple[list[str], list[int]]:
    """Return words, and for each 0, or 1 for a good and 2 for a bad one; one of them is not 0."""
    words = choose.choices(FILLER, k=choose.randint(2, 6))
    place = choose.randrange(len(words) + 1)
    kind = choose.randint(1, 2)
    words.insert(place, choose.choice((GOOD, BAD)[kind - 1]))
    return words, [kind if index == place else 0 for index in range(len(words))]


def spans(words: list[str]) -> tuple[tuple[int, int], ...]:
    found, start = [], 0
    for word in words:
        found.append((start, start + len(word)))
        start += len(word) + 1
    return tuple(found)


def example(task: str, line: int, choose: random.Random) -> Example:
    words, kinds = drawn(choose)
    text, places = " ".join(words), spans(words)
    marked = next(index for index, kind in enumerate(kinds) if kind)
    if task == "multi-label-classification":
        return Example(texts=(text,), gold=(kinds[marked] - 1,), line=line)
    if task == "text-regression":
        return Example(texts=(text,), gold=(2.0 * kinds[marked] - 3,), line=line)
    if task == "token-classification":
        return Example(texts=(text,), gold=tuple(kinds), words=places, line=line)
    if task == "question-answering":
        return Example(texts=("it is", text), gold=places[marked], line=line)
    others, other_kinds = drawn(choose)
    alike = kinds[marked] == max(other_kinds)
    return Example(texts=(text, " ".join(others)), gold=(1.0 if alike else -1.0,), line=line)


def dataset(task: str, count: int, seed: int) -> Dataset:
    labels = {"multi-label-classification": ("good", "bad"), "token-classification": ("O", "B-good", "B-bad")}
    choose = random.Random(seed)
    examples = tuple(example(task, line, choose) for line in range(1, count + 1))
    return Dataset(name=f"{seed}.data", sha256="0" * 64, labels=labels.get(task, ()), examples=examples, task=task)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "base"
    torch.manual_seed(0)
    config = transformers.DistilBertConfig(
        vocab_size=len(WORDS), dim=32, hidden_dim=64, n_heads=4, n_layers=2, max_position_embeddings=32
    )
    transformers.DistilBertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    return folder


@pytest.mark.parametrize(
    ("task", "metric"),
    [
        ("multi-label-classification", "micro_f1"),
        ("text-regression", "pearson"),
        ("token-classification", "entity_f1"),
        ("question-answering", "answer_f1"),
        ("feature-extraction", "pair_spearman"),
    ],
)
def test_a_task_is_learnt(base: Path, tmp_path: Path, task: str, metric: str) -> None:
    """The metric of unseen examples is near its best, and the folder is a checkpoint of the task."""
    result = finetune(base, dataset(task, 160, 1), dataset(task, 40, 2), tmp_path / "out", options=FAST)
    assert (result.task, result.metric) == (task, metric)
    assert result.score is not None
    assert result.score.value > 0.8
    model = load_model(result.path)
    assert (model.checkpoint.task, model.checkpoint.labels) == (task, result.labels)


def test_early_stopping_keeps_the_best_epoch(base: Path, tmp_path: Path) -> None:
    """Training ends when the metric has not improved for as long as the patience; the weights are the best epoch's."""
    data, held_out = TRAIN, sentences(40, seed=9)
    options = replace(FAST, epochs=12, patience=2)
    result = finetune(base, data, held_out, tmp_path / "out", options=options)
    scores = [epoch.score for epoch in result.epochs]
    assert len(scores) == result.best_epoch + 2 < 12
    assert result.best_epoch == scores.index(max(scores)) + 1
    assert result.score is not None
    assert result.score.value == max(scores)
    with pytest.raises(UsageError, match="patience needs evaluation data"):
        finetune(base, data, None, tmp_path / "other", options=options)


@pytest.mark.parametrize("layers", [0, 1])
def test_layers_that_are_frozen_stay_as_they_are(base: Path, tmp_path: Path, layers: int) -> None:
    """Only the head and the layers on top change."""
    out = finetune(base, TRAIN, None, tmp_path / "out", options=replace(FAST, epochs=0.5, unfreeze=layers)).path
    before = transformers.DistilBertModel.from_pretrained(base).state_dict()
    after = load_model(out).module.base_model.state_dict()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    assert all(name.startswith("transformer.layer.1.") for name in changed)
    assert bool(changed) == bool(layers)
    with pytest.raises(UsageError, match="unfreeze is 3, but base has 2 layers"):
        finetune(base, TRAIN, None, tmp_path / "other", options=replace(FAST, unfreeze=3))


def test_balanced_weights_are_those_of_scikit_learn() -> None:
    """For one label and for tokens; of several labels each weighs the examples without it for one that has it."""
    import numpy as np
    from sklearn.utils.class_weight import compute_class_weight

    labels = [0, 0, 0, 1, 2, 2]
    wanted = compute_class_weight("balanced", classes=np.arange(3), y=labels)
    found = label_weights([Item(((1,),), ((label,),)) for label in labels], 3, are_several=False)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    tokens = label_weights([Item(((1, 1),), ((label, -100),)) for label in labels], 4, are_several=False)
    np.testing.assert_allclose(tokens, [*(wanted * 3 / 4), 1], rtol=1e-6)
    several = label_weights([Item(((1,),), ((1.0, float(row == 0), 0.0),)) for row in range(5)], 3, are_several=True)
    np.testing.assert_allclose(several, [0, 4, 1])


def bert(folder: Path, *, layers: int = 4, hidden: int = 32, words: tuple[str, ...] = WORDS) -> Path:
    torch.manual_seed(1)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=hidden,
        intermediate_size=64,
        num_attention_heads=4,
        num_hidden_layers=layers,
        max_position_embeddings=32,
        id2label={0: "bad", 1: "good"},
        label2id={"bad": 0, "good": 1},
    )
    transformers.BertForSequenceClassification(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in words), encoding="utf-8")
    return folder


def test_a_bert_of_more_layers_is_a_teacher(base: Path, tmp_path: Path) -> None:
    """Its answers are learnt, right or wrong, and hidden states of another width are left out."""
    options = replace(FAST, epochs=2, task_weight=0.0, soft_weight=5.0)
    for name, words in (("same", {}), ("wide", {"hidden": 48})):
        teacher = bert(tmp_path / name, **words)
        out = finetune(base, TRAIN, None, tmp_path / f"of-{name}", teacher=teacher, options=options).path
        plain = finetune(base, TRAIN, None, tmp_path / f"plain-{name}", options=replace(options, task_weight=1)).path
        original = transformers.BertForSequenceClassification.from_pretrained(teacher).eval()
        apart = {}
        for folder in (out, plain):
            model, total = load_model(folder), 0.0
            for text in (example.texts[0] for example in sentences(20, seed=3).examples):
                ids = torch.tensor([model.tokenizer.encode(text).ids])
                with torch.no_grad():
                    ours, theirs = model.module(ids).logits.softmax(-1), original(ids).logits.softmax(-1)
                total += float((ours - theirs).abs().sum())
            apart[folder] = total
        assert apart[out] < 0.3 * apart[plain]


def test_a_teacher_that_does_not_fit_is_refused(base: Path, tmp_path: Path) -> None:
    """Another vocabulary, task or labels, each in one line."""
    words = (*WORDS[:-2], WORDS[-1], WORDS[-2])
    options = replace(FAST, epochs=0.1)
    with pytest.raises(CheckpointError, match="it has another vocabulary"):
        finetune(base, TRAIN, None, tmp_path / "out", teacher=bert(tmp_path / "other", words=words), options=options)
    with pytest.raises(DataError, match="the teacher's labels are negative, positive, those of the data are bad, good"):
        finetune(base, TRAIN, None, tmp_path / "out", teacher=fakes.shared_checkpoint(), options=options)
    data = dataset("token-classification", 20, 1)
    with pytest.raises(CheckpointError, match="its task is text-classification, the data is for token-classification"):
        finetune(base, data, None, tmp_path / "out", teacher=fakes.shared_checkpoint(), options=options)
    assert not (tmp_path / "out").exists()


def test_pairs_need_scores_that_are_cosines(base: Path, tmp_path: Path) -> None:
    """A score from 0 to 5 is named with its line."""
    data = dataset("feature-extraction", 3, 1)
    wrong = replace(data, examples=(*data.examples, replace(data.examples[0], gold=(4.0,), line=9)))
    with pytest.raises(DataError, match="line 9: the score 4 is not a cosine"):
        finetune(base, wrong, None, tmp_path / "out", options=FinetuneOptions(max_length=16))


@pytest.mark.parametrize(
    "task",
    [
        "multi-label-classification",
        "text-regression",
        "token-classification",
        "question-answering",
        "feature-extraction",
    ],
)
def test_every_task_learns_from_a_teacher(base: Path, tmp_path: Path, task: str) -> None:
    """The loss on the answers of a teacher of the same task falls, hidden states and right answers left out."""
    data = dataset(task, 48, 1)
    teacher = finetune(base, data, None, tmp_path / "teacher", options=replace(FAST, epochs=2)).path
    options = replace(FAST, epochs=4, seed=9, task_weight=0.0, hidden_weight=0.0)
    losses = [
        epoch.train_loss
        for epoch in finetune(base, data, None, tmp_path / "out", teacher=teacher, options=options).epochs
    ]
    assert losses[-1] < 0.9 * losses[0]
