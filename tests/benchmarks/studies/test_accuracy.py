"""``python -m benchmarks accuracy``, on a tiny model."""

from __future__ import annotations

from benchmarks.studies.accuracy import run
from benchmarks.suite import TextsOptions
from edgebert.progress import silent
from edgebert.recipe import Recipe, Target, narrowed
from edgebert.training.options import FinetuneOptions
from tests.benchmarks.values import main
from tests.support import fakes


def test_accuracy_needs_texts(capsys, monkeypatch):
    """Without files the command says how to name them."""
    monkeypatch.delenv("SST2_TRAIN", raising=False)
    assert main(["accuracy"]) == 2
    assert "SST2_TRAIN" in capsys.readouterr().err


def test_accuracy_scores_every_file_against_float(tmp_path):
    """A tiny encoder is fine-tuned and exported, and each int8 file is paired with the float file of its format."""
    rows = [(f"{text} {word}", int(word == "good")) for text in fakes.TEXTS for word in ("good", "bad")]
    train = fakes.write_data(tmp_path / "train.tsv.gz", rows)
    dev = fakes.write_data(tmp_path / "dev.tsv", rows[:10])
    recipe = narrowed(
        Recipe(name="r", description="", targets=(Target(format="onnx", precision="int8"),), lengths=(8, 16)),
        formats=None,
        lengths=None,
    )
    found = run(
        TextsOptions(train=train, evaluation=dev, base=fakes.shared_checkpoint(), build=tmp_path),
        silent,
        options=FinetuneOptions(epochs=1, learning_rate=1e-4, batch_size=8, max_length=16),
        recipe=recipe,
    )
    assert (found.train.name, found.train.examples, found.evaluation.examples) == ("train.tsv.gz", 24, 10)
    assert [(score.file, score.baseline) for score in found.scores] == [
        ("baseline/float32.onnx", None),
        ("int8.onnx", "baseline/float32.onnx"),
    ]
    assert sorted(path.name for path in (tmp_path / "accuracy").iterdir()) == ["bundle", "model", "model.json"]
