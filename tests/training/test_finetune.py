"""Fine-tuning: a tiny encoder learns a separable task, reproducibly, and leaves nothing behind when it fails."""

from __future__ import annotations

import json
import logging
import random
import re
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
import transformers
from safetensors.numpy import load_file, save_file

from edgebert.architecture import Keep
from edgebert.checkpoint import load_model, save_model
from edgebert.data import Dataset
from edgebert.errors import CheckpointError, DataError, EnvironmentProblem, OutputError, UsageError
from edgebert.examples import Example
from edgebert.pruning.surgery import cut
from edgebert.training.finetune import finetune
from edgebert.training.options import FinetuneOptions

GOOD = ("fine", "lovely", "great", "superb")
BAD = ("awful", "broken", "dull", "sad")
FILLER = ("the", "film", "was", "a", "very", "phone", "and", "it", "is", "quite")
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *GOOD, *BAD, *FILLER)
OPTIONS = FinetuneOptions(epochs=6, learning_rate=3e-3, batch_size=16, max_length=16, seed=5)


def sentences(count: int, seed: int) -> Dataset:
    """Sentences of filler words around one or two words that give the label away."""
    choose = random.Random(seed)
    examples = []
    for line in range(2, count + 2):
        label = choose.randrange(2)
        words = choose.choices(FILLER, k=choose.randint(1, 8)) + choose.choices((BAD, GOOD)[label], k=2)
        choose.shuffle(words)
        examples.append(Example(texts=(" ".join(words),), gold=(label,), line=line))
    return Dataset(name=f"{seed}.tsv", sha256="0" * 64, labels=("bad", "good"), examples=tuple(examples))


TRAIN, HELD_OUT = sentences(200, seed=1), sentences(60, seed=2)


@pytest.fixture(scope="module")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("base") / "base"
    torch.manual_seed(0)
    config = transformers.DistilBertConfig(
        vocab_size=len(WORDS), dim=32, hidden_dim=64, n_heads=4, n_layers=2, max_position_embeddings=16
    )
    transformers.DistilBertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    return folder


@pytest.fixture
def base(pristine: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(pristine, tmp_path / "base"))


def test_a_separable_task_is_learnt(
    base: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """The result is right on held-out texts, loads as a checked classifier, and nothing was printed on the way."""
    caplog.set_level(logging.INFO, "edgebert")
    calls: list[tuple[str, int, int]] = []
    result = finetune(
        base, TRAIN, HELD_OUT, tmp_path / "out", options=OPTIONS, progress=lambda *call: calls.append(call)
    )
    assert capfd.readouterr() == ("", "")
    assert (result.path, result.labels, result.train_examples) == (tmp_path / "out", ("bad", "good"), 200)
    assert (result.task, result.metric, result.best_epoch) == ("text-classification", "accuracy", 6)
    assert result.score is not None
    assert result.score.low < result.score.value
    assert result.score.value > 0.9
    total = 6 * 13
    steps = [call for call in calls if " | evaluation" not in call[0] and call[0].startswith("fine-tuning")]
    assert [call[1:] for call in steps] == [(step, total) for step in range(total + 1)]
    assert steps[0][0] == "fine-tuning"
    pattern = r"fine-tuning \| loss \d\.\d{3} \| learning rate \d\.\de-0\d"
    assert all(re.fullmatch(pattern, stage) for stage, _, _ in steps[1:-1])
    evaluated = [call for call in calls if " | evaluation answers" in call[0]]
    assert {call[1] for call in evaluated} == {13 * epoch for epoch in range(1, 7)}
    assert f"fine-tuning | evaluation loss 32/{len(HELD_OUT.examples)}" in {call[0] for call in calls}
    assert calls[-1] == ("evaluation answers", len(HELD_OUT.examples), len(HELD_OUT.examples))
    told = [record.getMessage() for record in caplog.records if record.getMessage().startswith("epoch ")]
    assert [line.partition(":")[0] for line in told] == [f"epoch {number} of 6" for number in range(1, 7)]
    assert re.fullmatch(r"epoch 6 of 6: training loss \S+, evaluation loss \S+, accuracy [01]\.\d{4}", told[-1])
    assert [epoch.step for epoch in result.epochs] == [13 * count for count in range(1, 7)]
    assert result.epochs[-1].score == result.score.value
    for losses in ([epoch.train_loss for epoch in result.epochs], [epoch.loss for epoch in result.epochs]):
        assert losses[-1] < 0.5 * losses[0]

    assert sorted(path.name for path in result.path.iterdir()) == [
        "README.md",
        "config.json",
        "learning_curve.svg",
        "model.safetensors",
        "tokenizer.json",
        "tokenizer_config.json",
        "vocab.txt",
    ]
    model = load_model(result.path)
    assert model.checkpoint.labels == ("bad", "good")
    right = 0
    for example in HELD_OUT.examples:
        with torch.no_grad():
            logits = model.module(input_ids=torch.tensor([model.tokenizer.encode(example.texts[0]).ids])).logits
        right += int(logits.argmax()) == example.gold[0]
    assert right / len(HELD_OUT.examples) == pytest.approx(result.score.value)


def test_transformers_opens_the_result(base: Path, tmp_path: Path) -> None:
    """from_pretrained finds every tensor, the labels and the tokenizer's limit."""
    out = finetune(base, TRAIN, None, tmp_path / "out", options=replace(OPTIONS, epochs=0.1)).path
    model, info = transformers.AutoModelForSequenceClassification.from_pretrained(out, output_loading_info=True)
    assert not any(info[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert model.config.id2label == {0: "bad", 1: "good"}
    assert model.config.label2id == {"bad": 0, "good": 1}
    tokenizer = transformers.AutoTokenizer.from_pretrained(out)
    assert tokenizer.model_max_length == 16
    written = json.loads((out / "tokenizer.json").read_text())
    assert (written["truncation"], written["padding"]) == (None, None)


def test_a_seed_decides_the_weights(base: Path, tmp_path: Path) -> None:
    """Equal seeds give equal files with or without evaluation texts; another seed gives other weights."""
    options = replace(OPTIONS, epochs=1)
    first = finetune(base, TRAIN, HELD_OUT, tmp_path / "first", options=options)
    again = finetune(base, TRAIN, None, tmp_path / "again", options=options)
    other = finetune(base, TRAIN, None, tmp_path / "other", options=replace(options, seed=6))
    weights = [(result.path / "model.safetensors").read_bytes() for result in (first, again, other)]
    assert weights[0] == weights[1] != weights[2]
    assert again.score is None


def test_bfloat16_learns_the_task_and_saves_float32(base: Path, tmp_path: Path) -> None:
    """Only what the layers compute is rounded: the weights that are trained and saved are float32."""
    changed = replace(OPTIONS, epochs=3)
    exact = finetune(base, TRAIN, HELD_OUT, tmp_path / "exact", options=changed)
    result = finetune(base, TRAIN, HELD_OUT, tmp_path / "rounded", options=replace(changed, precision="bfloat16"))
    assert exact.score is not None
    assert result.score is not None
    assert result.score.value == pytest.approx(exact.score.value, abs=0.1)
    ours, theirs = (load_file(tmp_path / name / "model.safetensors") for name in ("rounded", "exact"))
    assert {array.dtype for array in ours.values()} == {np.dtype(np.float32)}
    assert 0 < max(float(np.abs(ours[name] - theirs[name]).max()) for name in ours) < 0.1
    assert "computed in bfloat16" in (tmp_path / "rounded" / "README.md").read_text(encoding="utf-8")
    # A model that was rounded when it was saved would have no bit below the eighth of its fraction.
    assert any((array.view(np.uint32) & 0xFFFF).any() for array in ours.values())


def test_a_classifier_is_a_base_too(base: Path, tmp_path: Path) -> None:
    """The encoder of a classifier is taken and its head is replaced, also by one for more labels."""
    first = finetune(base, TRAIN, None, tmp_path / "first", options=replace(OPTIONS, epochs=0.1))
    examples = tuple(replace(example, gold=(example.line % 3,)) for example in TRAIN.examples)
    three = replace(TRAIN, labels=("a", "b", "c"), examples=examples)
    second = finetune(first.path, three, None, tmp_path / "second", options=replace(OPTIONS, epochs=0.1))
    assert load_model(second.path).checkpoint.labels == ("a", "b", "c")


def test_a_pruned_checkpoint_is_a_base_too(base: Path, tmp_path: Path) -> None:
    """Its narrow encoder is trained on under a new head, learns the task, and is saved so that it loads again."""
    first = finetune(base, TRAIN, None, tmp_path / "first", options=replace(OPTIONS, epochs=0.1))
    keep = Keep(layers=(0, 1), heads=((0, 3), (2,)), neurons=(tuple(range(10, 40)), (5,)))
    pruned = tmp_path / "pruned"
    pruned.mkdir()
    save_model(cut(load_model(first.path), keep), pruned)
    result = finetune(pruned, TRAIN, HELD_OUT, tmp_path / "out", options=OPTIONS)
    assert result.score is not None
    assert result.score.value > 0.9
    model = load_model(result.path)
    assert (model.checkpoint.architecture.heads, model.checkpoint.architecture.neurons) == ((2, 1), (30, 1))
    ids = [model.tokenizer.encode(example.texts[0]).ids for example in HELD_OUT.examples]
    with torch.no_grad():
        found = [int(model.module(input_ids=torch.tensor([text])).logits.argmax()) for text in ids]
    right = sum(label == example.gold[0] for label, example in zip(found, HELD_OUT.examples, strict=True))
    assert right / len(ids) == pytest.approx(result.score.value)


def test_an_untrained_step_keeps_the_pruned_encoder(base: Path, tmp_path: Path) -> None:
    """With a learning rate of nearly 0 the encoder that is saved is the one that was pruned, to rounding."""
    first = finetune(base, TRAIN, None, tmp_path / "first", options=replace(OPTIONS, epochs=0.1))
    pruned = tmp_path / "pruned"
    pruned.mkdir()
    save_model(cut(load_model(first.path), Keep(layers=(1,), heads=((1, 2),), neurons=((0, 7),))), pruned)
    result = finetune(pruned, TRAIN, None, tmp_path / "out", options=replace(OPTIONS, epochs=0.1, learning_rate=1e-12))
    before, after = load_file(pruned / "model.safetensors"), load_file(result.path / "model.safetensors")
    assert set(before) == set(after)
    for name in before:
        if name.startswith("distilbert."):
            np.testing.assert_allclose(after[name], before[name], rtol=0, atol=1e-9)


def test_an_interrupt_leaves_nothing(base: Path, tmp_path: Path) -> None:
    """Ctrl-C in mid-training leaves neither the output nor a temporary folder."""

    def interrupt(stage: str, done: int, total: int) -> None:
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(base, TRAIN, None, tmp_path / "out", options=OPTIONS, progress=interrupt)
    assert [path.name for path in tmp_path.iterdir()] == ["base"]


def test_an_existing_output_is_kept_unless_forced(base: Path, tmp_path: Path) -> None:
    """An existing folder is refused before any work; force replaces a checkpoint, even the base itself."""
    before = (base / "model.safetensors").read_bytes()
    options = replace(OPTIONS, epochs=0.1)
    with pytest.raises(OutputError, match="exists already"):
        finetune(base, TRAIN, None, base, options=options)
    assert (base / "model.safetensors").read_bytes() == before
    finetune(base, TRAIN, None, base, options=options, force=True)
    assert load_model(base).checkpoint.labels == ("bad", "good")


def test_a_diverged_training_is_refused(base: Path, tmp_path: Path) -> None:
    """Weights that became infinite are not saved."""
    tensors = load_file(base / "model.safetensors")
    tensors["embeddings.LayerNorm.weight"] = np.full(32, 3e38, dtype=np.float32)
    save_file(tensors, base / "model.safetensors")
    with pytest.raises(UsageError, match="diverged") as caught:
        finetune(base, TRAIN, None, tmp_path / "out", options=replace(OPTIONS, epochs=1, learning_rate=0.9))
    assert "0.9" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_another_architecture_is_refused(base: Path, tmp_path: Path) -> None:
    """A BERT is pointed to the importer; anything else is named."""
    path = base / "config.json"
    config = json.loads(path.read_text())
    path.write_text(json.dumps(config | {"model_type": "bert"}))
    with pytest.raises(CheckpointError, match="'bert'") as caught:
        finetune(base, TRAIN, None, tmp_path / "out")
    assert "edgebert import-bert" in caught.value.hint
    path.write_text(json.dumps(config | {"model_type": "roberta"}))
    with pytest.raises(CheckpointError, match="'roberta'"):
        finetune(base, TRAIN, None, tmp_path / "out")


def test_a_damaged_base_is_refused(base: Path, tmp_path: Path) -> None:
    """A gap in the encoder is an error, not a random tensor; so is a shape other than the configuration's."""
    tensors = load_file(base / "model.safetensors")
    gap = {name: tensor for name, tensor in tensors.items() if "layer.1.ffn.lin1.bias" not in name}
    save_file(gap, base / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"missing, first transformer\.layer\.1\.ffn\.lin1\.bias"):
        finetune(base, TRAIN, None, tmp_path / "out", options=OPTIONS)
    narrow = tensors | {"transformer.layer.0.ffn.lin1.bias": np.zeros(63, dtype=np.float32)}
    save_file(narrow, base / "model.safetensors")
    with pytest.raises(CheckpointError, match=r"shape \(63,\)"):
        finetune(base, TRAIN, None, tmp_path / "out", options=OPTIONS)
    (base / "model.safetensors").unlink()
    with pytest.raises(CheckpointError, match="no weights"):
        finetune(base, TRAIN, None, tmp_path / "out", options=OPTIONS)


def test_a_base_that_is_not_there_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path is looked for on this machine only; a Hub id that cannot be fetched is a problem of the environment."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache"))
    with pytest.raises(CheckpointError, match="no such folder"):
        finetune(tmp_path / "nowhere", TRAIN, None, tmp_path / "out")
    with pytest.raises(EnvironmentProblem, match="some-owner/some-model") as caught:
        finetune("some-owner/some-model", TRAIN, None, tmp_path / "out")
    assert "\n" not in caught.value.message


def test_data_that_cannot_train_is_refused(base: Path, tmp_path: Path) -> None:
    """No texts, one label, other labels in the evaluation part, and more tokens than positions are each named."""
    out = tmp_path / "out"
    with pytest.raises(DataError, match="holds no texts"):
        finetune(base, replace(TRAIN, examples=()), None, out)
    with pytest.raises(DataError, match="1 label"):
        finetune(base, replace(TRAIN, labels=("good",)), None, out)
    with pytest.raises(DataError, match="good, bad"):
        finetune(base, TRAIN, replace(HELD_OUT, labels=("good", "bad")), out)
    with pytest.raises(UsageError, match="only 16 positions"):
        finetune(base, TRAIN, None, out, options=replace(OPTIONS, max_length=17))
    assert not out.exists()


@pytest.mark.parametrize(
    "changes",
    [
        {"epochs": 0},
        {"epochs": float("nan")},
        {"epochs": float("inf")},
        {"learning_rate": 0.0},
        {"learning_rate": float("nan")},
        {"batch_size": 0},
        {"max_length": 2},
        {"seed": -1},
        {"seed": 2**32},
    ],
)
def test_options_out_of_range_are_refused(changes: dict[str, float]) -> None:
    """Each option names itself and its value."""
    ((name, value),) = changes.items()
    with pytest.raises(UsageError, match=f"^{name} is {value}"):
        replace(OPTIONS, **changes)  # type: ignore[arg-type]


@pytest.mark.parametrize("patience", [None, 3])
def test_a_killed_training_goes_on_to_the_same_weights(base: Path, tmp_path: Path, patience: int | None) -> None:
    """Interrupted in the third epoch it goes on after the second, to the last bit, and leaves no state behind."""
    options = replace(OPTIONS, epochs=4, patience=patience)
    whole = finetune(base, TRAIN, HELD_OUT, tmp_path / "whole", options=options)

    def interrupt(stage: str, done: int, total: int) -> None:
        if done == 30:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(base, TRAIN, HELD_OUT, tmp_path / "out", options=options, progress=interrupt)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base", "out.state", "whole"]
    assert not [path for path in (tmp_path / "out.state").iterdir() if path.suffix not in (".json", ".safetensors")]
    steps: list[int] = []
    out = finetune(
        base, TRAIN, HELD_OUT, tmp_path / "out", options=options, progress=lambda _, step, __: steps.append(step)
    )
    assert steps[:2] == [26, 27]
    assert replace(out, path=whole.path) == whole
    assert (out.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()
    assert (out.path / "README.md").read_bytes() == (whole.path / "README.md").read_bytes()
    assert not (tmp_path / "out.state").exists()


def test_a_training_goes_on_within_an_epoch(base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long epoch is saved between its steps as well, with the order of what is left of it."""
    options = replace(OPTIONS, epochs=2)
    whole = finetune(base, TRAIN, None, tmp_path / "whole", options=options)
    monkeypatch.setattr("edgebert.training.trainer._SAVE_EVERY_S", 0.0)

    def interrupt(stage: str, done: int, total: int) -> None:
        if done == 20:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        finetune(base, TRAIN, None, tmp_path / "out", options=options, progress=interrupt)
    steps: list[int] = []
    out = finetune(base, TRAIN, None, tmp_path / "out", options=options, progress=lambda _, n, __: steps.append(n))
    assert steps == [*range(19, 27)]
    assert replace(out, path=whole.path) == whole
    assert (out.path / "model.safetensors").read_bytes() == (whole.path / "model.safetensors").read_bytes()


def test_the_card_is_one_that_the_hub_reads(base: Path, tmp_path: Path) -> None:
    """Its front matter has task, library and metric; no path of this machine is in it."""
    from huggingface_hub import ModelCard

    out = finetune(base, TRAIN, HELD_OUT, tmp_path / "out", options=replace(OPTIONS, epochs=1))
    card = ModelCard.load(out.path / "README.md")
    assert (card.data.pipeline_tag, card.data.library_name) == ("text-classification", "transformers")
    (result,) = card.data.eval_results
    assert (result.metric_type, result.metric_value) == ("accuracy", out.score.value)
    assert str(tmp_path) not in card.content
    assert (out.path / "learning_curve.svg").read_text().startswith("<?xml")
