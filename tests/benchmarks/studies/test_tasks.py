"""``python -m benchmarks tasks``: a tiny set goes all the way, what is finished is kept, and figures follow from it."""

from __future__ import annotations

import json
import random
from dataclasses import replace

import pytest

from benchmarks.results import save
from benchmarks.studies import load_all, text
from benchmarks.studies.tasks import TasksOptions, TasksResults, figures, run_set
from benchmarks.task_sets import TASK_SETS, Bound, Files, HalfCut, TaskSet
from edgebert.errors import DataError
from edgebert.manifest import Score
from edgebert.progress import silent
from edgebert.training.options import FinetuneOptions
from tests.benchmarks.values import MACHINE, main
from tests.support import fakes

WORDS = [word for word in fakes.WORDS if word.isalpha()]
PLACES = WORDS[::2]


@pytest.fixture(scope="module")
def entities():
    """A set of entities: every second word is a place."""

    def files(data, out):
        choose = random.Random(0)
        drawn = [choose.sample(WORDS, 5) for _ in range(60)]
        sentences = ["\n".join(f"{word}\t{'B-place' if word in PLACES else 'O'}" for word in words) for words in drawn]
        (out / "train.conll").write_text("\n\n".join(sentences) + "\n", encoding="utf-8")
        (out / "dev.conll").write_text("\n\n".join(sentences[:8]) + "\n", encoding="utf-8")
        return Files(out / "train.conll", out / "dev.conll")

    return TaskSet(
        name="wnut17",
        title="tiny",
        task="token-classification",
        files=files,
        options=FinetuneOptions(epochs=1, learning_rate=1e-3, batch_size=8, max_length=16),
        lengths=(16,),
        bounds=(Bound(metric="entity_f1", drop=1.0),),
        cuts=(HalfCut(distill=1, drop=2.0),),
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("tasks")


@pytest.fixture(scope="module")
def found(entities, folder):
    return run_set(entities, folder, folder, silent, base=fakes.shared_checkpoint())


def results(*runs):
    return TasksResults(date="2026-01-02", machine=MACHINE, commands=("c",), packages=(), encoder="e", runs=runs)


def test_a_set_goes_all_the_way_and_is_taken_up(entities, folder, found, tmp_path):
    """Whole and halved model are exported, each file scored against the whole float one; again, nothing is done."""
    said: list[str] = []
    assert [(one.longest, one.distill) for one in found.exported] == [(16, None), (16, 1)]
    assert [score.file for score in found.exported[0].scores] == [
        "baseline/float32.onnx",
        "baseline/float32.tflite",
        "int8.onnx",
        "int8.tflite",
    ]
    half = {score.file: score.baseline for score in found.exported[1].scores}
    assert half["float32.onnx"] == half["int8.onnx"] == "baseline/float32.onnx"
    assert 0.4 < found.exported[1].macs_share <= 0.5
    again = run_set(entities, folder, folder, lambda *call: said.append(call[0]), base=fakes.shared_checkpoint())
    assert again == found
    assert said == []
    save(tmp_path / "results", results(found))
    assert load_all(tmp_path / "results") == {"tasks": (results(found),)}
    shown = text(tmp_path / "results")
    assert "### wnut17" in shown
    assert "F1" in shown


def test_the_sets_are_made_of_the_published_files(tmp_path):
    """Utterances become tables, joined texts have the domains of all their parts, pairs are of one intent or any."""
    sets = {one.name: one for one in TASK_SETS}
    with pytest.raises(DataError, match=r"domains\.json"):
        sets["domains"].files(tmp_path, tmp_path)
    folder = tmp_path / "clinc150"
    folder.mkdir()
    intents = {"bank": ["pay", "save"], "travel": ["fly"]}
    rows = [[f"{intent} {number}", intent] for parts in intents.values() for intent in parts for number in range(9)]
    (folder / "domains.json").write_text(json.dumps(intents))
    (folder / "data_full_train_val.json").write_text(json.dumps({"train": rows, "val": rows, "oos_val": []}))
    train, _ = sets["clinc150"].files(tmp_path, tmp_path)
    assert train is not None
    assert train.read_text().splitlines()[:2] == ["text\tlabel", "pay 0\tpay"]
    train, _ = sets["domains"].files(tmp_path, tmp_path)
    assert train is not None
    domain_of = {intent: domain for domain, parts in intents.items() for intent in parts}
    made = [json.loads(line) for line in train.read_text().splitlines()]
    assert len(made) == 8000
    for one in made:
        parts = one["text"].split(". ")
        assert 1 <= len(parts) <= 3
        assert one["labels"] == sorted({domain_of[part.split()[0]] for part in parts})
    _, pairs = sets["pairs"].files(tmp_path, tmp_path)
    split = [line.split("\t") for line in pairs.read_text().splitlines()[1:]]
    assert all(first.split()[0] == second.split()[0] and first != second for first, second in split[::2])
    assert any(first.split()[0] != second.split()[0] for first, second in split[1::2])


def test_figures_say_what_was_missed_and_what_was_not_measured(found):
    """A drop within the bound is met, one beyond is missed, and a set that was not run is not measured."""
    exported = found.exported[0]

    def changed(difference):
        def moved(score: Score) -> Score:
            if score.difference is None:
                return score
            ends = {"difference_low": difference - 0.001, "difference_high": difference + 0.001}
            return replace(score, difference=difference, **ends)

        scores = tuple(moved(score) for score in exported.scores)
        run = replace(found, exported=(replace(exported, longest=128, scores=scores),))
        return {one.what: one for one in figures(results(run))}

    what = "change of entity F1, int8.onnx on wnut17"
    assert changed(-0.004)[what].verdict == "met"
    assert changed(-0.0105)[what].verdict == "MISSED, but the interval reaches across"
    assert changed(-0.02)[what].verdict == "MISSED"
    assert changed(0)["accuracy, FP32 on banking77"].verdict == "not measured"


def test_an_unknown_set_is_refused(tmp_path, capsys):
    """The message names those that are known."""
    assert main(["tasks", "--data", str(tmp_path), "--only", "sst2"]) == 2
    assert "'sst2'" in capsys.readouterr().err
    assert set(TasksOptions(data=tmp_path).only.split(",")) == {one.name for one in TASK_SETS}
