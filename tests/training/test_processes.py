"""Fine-tuning in two processes on CPUs, as a user starts it: one folder, and the model of one process."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import transformers

from edgebert.checkpoint import load_model
from edgebert.data import read_dataset
from edgebert.training.finetune import finetune
from edgebert.training.options import FinetuneOptions
from tests.support import fakes
from tests.training.test_finetune import TRAIN, WORDS

EXAMPLES, EPOCHS = 16, 4
OPTIONS = FinetuneOptions(epochs=EPOCHS, learning_rate=3e-3, batch_size=EXAMPLES, max_length=16, seed=5)
REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """An encoder without dropout, which each process would draw by itself."""
    folder = tmp_path / "base"
    torch.manual_seed(0)
    config = transformers.DistilBertConfig(
        vocab_size=len(WORDS),
        dim=32,
        hidden_dim=64,
        n_heads=4,
        n_layers=2,
        max_position_embeddings=16,
        dropout=0.0,
        attention_dropout=0.0,
        seq_classif_dropout=0.0,
    )
    transformers.DistilBertModel(config).save_pretrained(folder)
    (folder / "vocab.txt").write_text("".join(f"{word}\n" for word in WORDS), encoding="utf-8")
    return folder


def in_two_processes(base: Path, data: Path, out: Path, logs: Path) -> list[dict[str, object]]:
    """Fine-tune by torchrun, with half of the batch for each process, and return what each of them says."""
    words = ["finetune", base, "--train", data, "--eval", data, "--out", out, "--json", "--epochs", EPOCHS]
    words += ["--batch-size", EXAMPLES // 2, "--learning-rate", 3e-3, "--max-length", 16, "--seed", 5]
    run = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    run += ["--log-dir", str(logs), "--redirects", "3", "-m", "edgebert"]
    environment = {**os.environ, "PYTHONPATH": str(REPOSITORY), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    environment["CUDA_VISIBLE_DEVICES"] = ""
    done = subprocess.run([*run, *map(str, words)], env=environment, capture_output=True, text=True, check=False)
    said = "".join(path.read_text(encoding="utf-8") for path in sorted(logs.rglob("stderr.log")))
    assert done.returncode == 0, said + done.stderr
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(logs.rglob("stdout.log"))]


def test_two_processes_train_the_model_of_one(base: Path, tmp_path: Path) -> None:
    """Each takes half of every batch: the weights are those of one process with batches twice as large.

    The first process writes the folder, whole and with nothing beside it. Both come to the same loss and metric.
    """
    rows = [(example.texts[0], TRAIN.labels[int(example.gold[0])]) for example in TRAIN.examples[:EXAMPLES]]  # type: ignore[index]
    data = fakes.write_data(tmp_path / "train.tsv", rows)
    place = tmp_path / "made"
    place.mkdir()
    first, second = in_two_processes(base, data, place / "out", tmp_path / "logs")
    assert [path.name for path in place.iterdir()] == ["out"]

    def shown(said: dict[str, object]) -> list[tuple[int, float, float]]:
        epochs = said["epochs"]
        assert isinstance(epochs, list)
        return [(epoch["step"], epoch["loss"], epoch["score"]) for epoch in epochs]

    one = finetune(base, data, data, tmp_path / "one", options=OPTIONS)
    assert {path.name for path in (place / "out").iterdir()} == {path.name for path in one.path.iterdir()}
    assert shown(first) == shown(second)
    assert [step for step, *_ in shown(first)] == [epoch.step for epoch in one.epochs] == [*range(1, EPOCHS + 1)]
    assert [loss for _, loss, _ in shown(first)] == pytest.approx([epoch.loss for epoch in one.epochs], abs=1e-5)
    # Each tells the loss of its own half.
    halves = [[epoch["train_loss"] for epoch in said["epochs"]] for said in (first, second)]  # type: ignore[attr-defined]
    means = [sum(losses) / 2 for losses in zip(*halves, strict=True)]
    assert means == pytest.approx([epoch.train_loss for epoch in one.epochs], abs=1e-5)
    found, wanted = (load_model(path).module.state_dict() for path in (place / "out", one.path))
    assert list(found) == list(wanted)
    for name, tensor in wanted.items():
        torch.testing.assert_close(found[name], tensor, rtol=0, atol=1e-5, msg=name)
    before = transformers.DistilBertModel.from_pretrained(base).state_dict()
    assert any(not torch.equal(found[f"distilbert.{name}"], tensor) for name, tensor in before.items())
    half = finetune(base, read_dataset(data), None, tmp_path / "half", options=replace(OPTIONS, batch_size=8))
    assert [epoch.step for epoch in half.epochs] == [*range(2, 2 * EPOCHS + 1, 2)]
