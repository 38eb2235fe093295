"""``python -m benchmarks pruning``, ``prune-time`` and ``pruned-speed``, on a tiny model."""

from __future__ import annotations

import dataclasses

import pytest

from benchmarks.cuts import answers_of, measure_pruning
from benchmarks.studies import load_all, text
from benchmarks.studies.pruned_speed import FLOAT
from benchmarks.studies.pruning import right_answers
from edgebert.checkpoint import load_model
from edgebert.data import read_dataset
from edgebert.demo.run import finetuned
from edgebert.errors import UsageError
from edgebert.evaluation import evaluate
from edgebert.progress import silent
from edgebert.training.options import FinetuneOptions
from tests.benchmarks.values import TINY, main
from tests.support import fakes

RECORD = {"encoder": "tiny", "command": "python -m benchmarks pruning"}


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Labelled texts to train on and to score on."""
    folder = tmp_path_factory.mktemp("texts")
    rows = [
        (f"{text} {word} {index}", int(word == "good"))
        for index in range(3)
        for text in fakes.TEXTS
        for word in ("good", "bad")
    ]
    return fakes.write_data(folder / "train.tsv.gz", rows), fakes.write_data(folder / "dev.tsv", rows[:16])


class Stop(Exception):
    """What a test interrupts a benchmark with."""


def test_a_killed_benchmark_goes_on_after_its_last_run(files, tmp_path):
    """Runs that were finished are taken as they are, also by a call that asks for others; other texts start over."""
    train, dev = read_dataset(files[0]), read_dataset(files[1])
    asked = {"shares": (0.6, 0.5), "epochs": (0.0, 1.0), "seeds": (0,)} | RECORD
    stages: list[str] = []

    def note(stage: str, done: int, total: int) -> None:
        stages.append(stage)

    def stop_late(stage: str, done: int, total: int) -> None:
        note(stage, done, total)
        if stage.startswith("0.5, 1 epochs"):
            raise Stop

    def stop_at_once(stage: str, done: int, total: int) -> None:
        raise Stop

    with pytest.raises(Stop):
        measure_pruning(fakes.shared_checkpoint(), train, dev, tmp_path, **asked, progress=stop_late)
    (folder,) = tmp_path.iterdir()
    finished = {path.name: path.read_bytes() for path in folder.glob("*.json")}
    assert sorted(finished) == ["0.5-0-seed0.json", "0.6-0-seed0.json", "0.6-1-seed0.json", "uncut.json"]
    stages.clear()
    found = measure_pruning(fakes.shared_checkpoint(), train, dev, tmp_path, **asked, progress=note)
    assert {stage.partition(":")[0] for stage in stages} == {"seed 0", "0.5, 1 epochs, seed 0"}
    assert {name: (folder / name).read_bytes() for name in finished} == finished
    assert [(run.distill, run.share) for run in found.runs] == [(0.0, 0.6), (0.0, 0.5), (1.0, 0.6), (1.0, 0.5)]
    assert all(run.macs_share <= run.share for run in found.runs)
    assert {len(run.answers.torch) for run in found.runs} == {len(run.answers.int8_onnx) for run in found.runs} == {16}
    assert found.expected == "".join(str(example.gold[0]) for example in dev.examples)
    assert found.vocabulary.tokens_after < found.vocabulary.tokens_before == len(fakes.VOCABULARY)
    # A distilled model and its free one have the same shape: the cut is the same.
    assert found.runs[0].architecture == found.runs[2].architecture

    stages.clear()
    fewer = {"shares": (0.5,), "epochs": (0.0,), "seeds": (0,)} | RECORD
    again = measure_pruning(fakes.shared_checkpoint(), train, dev, tmp_path, **fewer, progress=note)
    assert (stages, again) == ([], found)
    other = dataclasses.replace(dev, sha256="f" * 64)
    with pytest.raises(Stop):
        measure_pruning(fakes.shared_checkpoint(), train, other, tmp_path, **asked, progress=stop_at_once)


def test_answers_are_those_of_the_library(files):
    """The recorded answers are as often right as `edgebert evaluate` says of the checkpoint; int8 differs little."""
    dev = read_dataset(files[1], labels=fakes.LABELS)
    model = load_model(fakes.shared_checkpoint())
    found = answers_of(model, dev, silent)
    expected = "".join(str(example.gold[0]) for example in dev.examples)
    (score,) = evaluate(fakes.shared_checkpoint(), dev).results
    assert right_answers(found.torch, expected) == round(score.value * len(expected))
    assert right_answers(found.int8_onnx, found.torch) >= len(expected) - 2
    assert len(set(found.torch)) == 2


def test_labels_that_no_digit_names_are_refused(files, tmp_path):
    """More than ten labels would need more than a digit for an answer."""
    dev, grid = read_dataset(files[1]), {"shares": (0.5,), "epochs": (0.0,), "seeds": (0,)} | RECORD
    many = dataclasses.replace(dev, labels=tuple(map(str, range(11))))
    with pytest.raises(UsageError, match=r"dev\.tsv: 11 labels"):
        measure_pruning(fakes.shared_checkpoint(), dev, many, tmp_path, **grid, progress=silent)
    with pytest.raises(UsageError, match="nothing to prune"):
        measure_pruning(fakes.shared_checkpoint(), dev, dev, tmp_path, **grid | {"shares": ()}, progress=silent)


def test_a_checkpoint_is_fine_tuned_again_only_for_other_texts(files, tmp_path):
    """The same texts and options take up the checkpoint; other options, or a damaged file, make it anew."""
    train, options = read_dataset(files[0]), FinetuneOptions(epochs=0.2, batch_size=8, max_length=16)

    def steps(options: FinetuneOptions) -> int:
        seen: list[str] = []
        finetuned(
            train,
            None,
            tmp_path,
            base=fakes.shared_checkpoint(),
            options=options,
            progress=lambda stage, done, total: seen.append(stage),
        )
        return len(seen)

    assert steps(options) > 0
    assert steps(options) == 0
    assert steps(dataclasses.replace(options, seed=1)) > 0
    fakes.flip_byte(tmp_path / "model" / "model.safetensors")
    assert steps(dataclasses.replace(options, seed=1)) > 0


def test_pruning_is_measured_from_texts_to_results(files, tmp_path, capsys):
    """pruning, prune-time and pruned-speed run as commands one after the other, and everything is recorded once."""
    (tmp_path / "tiny.toml").write_text(
        TINY.partition("[architecture]")[0]
        + f"""
[architecture]
hidden = 32
head_dim = 4
heads = [8, 8]
neurons = [256, 256]
vocabulary = {len(fakes.VOCABULARY)}
positions = 64
activation = "gelu"
"""
    )
    train, dev = files
    base = fakes.tiny_checkpoint(tmp_path / "encoder", heads=8, neurons=128)
    suite, results = ["--suite", str(tmp_path / "tiny.toml")], ["--results", str(tmp_path / "results")]
    options = [*results, "--build", str(tmp_path / "build")]
    texts = ["--train", str(train), "--eval", str(dev), "--base", str(base)]
    assert main(["pruned-speed", *suite, *options]) == 2
    assert "python -m benchmarks pruning" in capsys.readouterr().err
    grid = ["--seeds", "0", "--only", "free", "--shares", "0.5,0.35,0.25"]
    assert main(["pruning", *options, *texts, *grid]) == 0
    assert main(["prune-time", *suite, *options, *texts]) == 0
    assert main(["pruned-speed", *suite, *options]) == 0
    found = load_all(tmp_path / "results")
    (cuts,), (timed,), (speed,) = found["pruning"], found["prune-time"], found["pruned-speed"]
    assert cuts.commands == ("python -m benchmarks pruning --train train.tsv.gz --eval dev.tsv --seeds 0",)
    assert [run.share for run in cuts.runs] == [0.5, 0.35, 0.25]
    assert [item.name for item in timed.timed] == ["fine-tuned", "base"]
    assert all(item.process.wall_ns > 10**8 for item in timed.timed)
    assert str(tmp_path) not in timed.timed[0].process.command.partition("--train")[2].partition("--keep")[0]
    assert len(speed.files) == 10
    assert len(speed.trials) == 20
    assert speed.suite.signatures == (8,)
    sizes = {file.name: file.size_bytes for file in speed.files}
    assert sizes["keep 0.25 int8.onnx"] < sizes["unpruned int8.onnx"] < sizes[FLOAT]
    shapes = {shape.name: shape.architecture for shape in speed.shapes}
    assert shapes["keep 0.35"].vocabulary == cuts.vocabulary.tokens_after
    assert shapes["keep 0.5"].neurons == tuple(2 * width for width in cuts.runs[0].architecture.neurons)
    assert (tmp_path / "RESULTS.md").read_text() == text(tmp_path / "results")
    capsys.readouterr()
    main(["check", *results])
    assert "MACs kept" in capsys.readouterr().out
