from __future__ import annotations

import dataclasses
import hashlib
from pathlib import Path

import numpy as np
import pytest

from edgebert.checkpoint import Model, load_model
from edgebert.convert.onnx import write_onnx
from edgebert.convert.weights import extract_weights
from edgebert.data import Dataset, TrainingTexts
from edgebert.errors import DataError, EnvironmentProblem, UsageError
from edgebert.examples import Example
from edgebert.jsonio import loads
from edgebert.pipeline import export_bundle
from edgebert.planning import files
from edgebert.planning.search import plan
from edgebert.planning.state import PICK, PLOT, STATE, WORK, State, prune_options, recipe_name
from edgebert.planning.values import ORIGINAL, Bounds, Candidate, PlanOptions, SearchResult
from edgebert.progress import silent
from edgebert.pruning.cost import macs
from edgebert.pruning.prune import prune_model
from edgebert.recipe import load_recipe
from tests.pruning.inputs import training_of
from tests.support import fakes
from tests.support.full_disk import files_of_at_most

pytest.importorskip("onnx", reason="writes ONNX files")
pytest.importorskip("onnxruntime", reason="runs them")

WORDS = ("good", "bad", "great", "awful", "the", "is", "it", "screen", "battery")
OPTIONS = PlanOptions(shares=(0.5, 1.0))
BOUNDS = Bounds(max_drop=100)


def sentences(seed: int, count: int) -> tuple[str, ...]:
    rng = np.random.default_rng(seed)
    return tuple(" ".join(rng.choice(WORDS, rng.integers(1, 9))) for _ in range(count))


@pytest.fixture(scope="module")
def model() -> Model:
    return load_model(fakes.shared_checkpoint())


@pytest.fixture(scope="module")
def training() -> TrainingTexts:
    texts = sentences(0, 50)
    return training_of(texts, [len(text) % 2 for text in texts])


@pytest.fixture(scope="module")
def data(model: Model) -> Dataset:
    """Texts labelled by the model's own answers, every tenth of them wrong, some with words that training lacks."""
    import torch

    examples = []
    for index, text in enumerate((*sentences(1, 40), "zebra 42", "quick fox?")):
        with torch.inference_mode():
            ids = model.tokenizer.encode(text).ids
            right = int(model.module(input_ids=torch.tensor([ids])).logits.argmax())
        examples.append(Example(texts=(text,), gold=(1 - right if index % 10 == 0 else right,), line=index + 1))
    return Dataset(name="dev.tsv", sha256="2" * 64, labels=fakes.LABELS, examples=tuple(examples))


@pytest.fixture(scope="module")
def found(model: Model, training: TrainingTexts, data: Dataset, tmp_path_factory) -> tuple[SearchResult, Path]:
    out = tmp_path_factory.mktemp("search") / "plan"
    return plan(model, training, data, out, bounds=BOUNDS, options=OPTIONS), out


def test_every_combination_is_measured_once(found):
    """Each share with all tokens and with those of the texts, in float32 and int8, and nothing else."""
    trials = found[0].trials
    expected = {
        Candidate(keep=keep, vocabulary=vocabulary, precision=precision)
        for keep in (0.5, 1.0)
        for vocabulary in (False, True)
        for precision in ("float32", "int8")
    }
    assert len(trials) == len(expected)
    assert {trial.candidate for trial in trials} == expected
    assert all(trial.speedup is None for trial in trials if trial.candidate != ORIGINAL)


def test_only_results_stay_in_the_folder(found):
    """State, picture and recipe; no model, no work folder."""
    assert sorted(path.name for path in found[1].iterdir()) == sorted((STATE, PICK, PLOT))


def test_size_accuracy_and_work_are_those_of_the_file_that_the_recipe_makes(found, model, training, data, tmp_path):
    """What was measured for each candidate is what pruning, converting and evaluating by hand gives."""
    trials = {trial.candidate: trial for trial in found[0].trials}
    labels = [example.gold[0] for example in data.examples]
    for candidate, trial in trials.items():
        options = prune_options(candidate.keep, vocabulary=candidate.vocabulary, distill=0.0, seed=0)
        made = model if options is None else prune_model(model, training, options)
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.onnx"
        write_onnx(extract_weights(made), path, int8=candidate.precision == "int8")
        assert trial.size_bytes == path.stat().st_size
        ids = [made.tokenizer.encode(example.texts[0]).ids for example in data.examples]
        answers = fakes.onnx_rows(path, ids).argmax(axis=1)
        assert trial.score.value == pytest.approx(np.mean(answers == labels))
        if candidate.keep == 1 and not candidate.vocabulary:
            assert trial.work == 1.0
    original = trials[ORIGINAL].score.value
    for trial in trials.values():
        assert trial.drop == pytest.approx(100 * (original - trial.score.value), abs=1e-6)
        if trial.candidate.keep < 1:
            assert trial.work < 0.75


def test_the_model_with_a_cut_vocabulary_is_the_one_that_pruning_with_a_cut_vocabulary_makes(
    model, training, data, tmp_path
):
    """Cutting tokens after pruning and distillation gives the file that doing it before gives, byte for byte."""
    options = PlanOptions(shares=(0.5,), recovery_epochs=1.0)
    found = plan(model, training, data, tmp_path / "plan", bounds=Bounds(max_drop=0), options=options)
    trial = next(t for t in found.trials if t.candidate.distill and t.candidate.vocabulary)
    again = prune_model(model, training, prune_options(0.5, vocabulary=True, distill=1.0, seed=0))
    path = tmp_path / "again.onnx"
    write_onnx(extract_weights(again), path, int8=trial.candidate.precision == "int8")
    assert trial.size_bytes == path.stat().st_size
    cut = files.open_file(again, data, tmp_path / "again", file_format="onnx", precision=trial.candidate.precision)
    answers = files.answers_of(cut, lambda done, total: None)
    right = sum(key == (example.gold[0],) for key, example in zip(answers, data.examples, strict=True))
    assert trial.score.value == pytest.approx(right / len(data.examples))


def test_the_recipe_of_the_pick_makes_the_file_that_was_measured(found, model, training, data, tmp_path):
    """Exported with that recipe, the bundle holds a file of the size and accuracy that the plan states."""
    plan_found, out = found
    assert plan_found.pick is not None
    candidate = plan_found.pick.candidate
    recipe = load_recipe(out / PICK)
    assert recipe.name == recipe_name(candidate) == "keep50-vocab-int8"
    bundle = export_bundle(model, tmp_path / "bundle", recipe=recipe, training=training, evaluation=data)
    (artifact,) = bundle.shipped
    assert artifact.size_bytes == plan_found.pick.size_bytes
    assert artifact.score is not None
    assert artifact.score.value == plan_found.pick.score.value
    assert artifact.score.difference == plan_found.pick.score.difference


class Killed(Exception):
    """The process ends here."""


@pytest.mark.parametrize(
    "stage", ["keep 0.5: re-fitting", "keep 0.5, int8: eval", "keep 1, int8: writing", "distilling"]
)
def test_a_killed_search_goes_on_to_the_plan_of_one_that_was_not(stage, model, training, data, tmp_path):
    """Wherever it ended, the next call gives the plan of an undisturbed search, and repeats no trial that was done."""
    options = PlanOptions(shares=(0.5, 1.0), recovery_epochs=2.0)
    bounds = Bounds(max_drop=0)
    whole = plan(model, training, data, tmp_path / "whole", bounds=bounds, options=options)

    def kill(at: str, done: int, total: int) -> None:
        if stage in at:
            raise Killed

    out = tmp_path / "plan"
    with pytest.raises(Killed):
        plan(model, training, data, out, bounds=bounds, options=options, progress=kill)
    before = loads(State, (out / STATE).read_text(encoding="utf-8"), source=STATE) if (out / STATE).exists() else None
    done = {trial.name for trial in before.trials} if before else set()
    assert len(done) < len(whole.trials)
    told: list[str] = []
    again = plan(
        model, training, data, out, bounds=bounds, options=options, progress=lambda at, done, total: told.append(at)
    )
    assert again == whole
    assert not {name for name in done if name != ORIGINAL.name} & {at.split(": ")[0] for at in told}
    assert (out / PLOT).read_bytes() == (tmp_path / "whole" / PLOT).read_bytes()
    assert not (out / WORK).exists()


def test_a_distilled_model_is_not_distilled_again_after_a_kill(model, training, data, tmp_path):
    """A search that ended while it measured a recovered model finds that model on disk."""
    options = PlanOptions(shares=(0.5,), recovery_epochs=1.0)
    bounds = Bounds(max_drop=0)

    def kill(at: str, done: int, total: int) -> None:
        if "distilled 1, float32: eval" in at:
            raise Killed

    with pytest.raises(Killed):
        plan(model, training, data, tmp_path / "plan", bounds=bounds, options=options, progress=kill)
    told: list[str] = []
    plan(
        model,
        training,
        data,
        tmp_path / "plan",
        bounds=bounds,
        options=options,
        progress=lambda at, done, total: told.append(at),
    )
    assert told
    assert not [at for at in told if "distilling" in at or "re-fitting" in at or "scoring" in at]


@pytest.mark.parametrize("size", [1_000, 90_000, 105_000])
def test_a_full_disk_is_told_as_it_is_and_the_search_resumes(size, found, model, training, data, tmp_path):
    """The hint names exactly what is kept, and with room again the same call ends with the same plan.

    A limit on the size of a file stands for a disk that is full at the pruned model, at the file of the original, or at
    that of a candidate.
    """
    out = tmp_path / "plan"
    with files_of_at_most(size), pytest.raises(EnvironmentProblem, match="no room left on the disk") as caught:
        plan(model, training, data, out, bounds=BOUNDS, options=OPTIONS)
    hint = caught.value.hint
    assert ("keeps the complete trials" in hint) == (out / STATE).is_file()
    assert ("MB of models in work" in hint) == (out / WORK).is_dir()
    assert ("nothing was kept" in hint) == (not out.exists())
    assert {path.name for path in out.rglob("*.onnx")} == set()
    assert plan(model, training, data, out, bounds=BOUNDS, options=OPTIONS) == found[0]


def test_a_complete_search_is_answered_from_disk_whatever_the_bounds(found, model, training, data):
    """Other bounds choose anew among the same trials; nothing is computed."""
    before, out = found
    told: list[str] = []
    tighter = plan(
        model,
        training,
        data,
        out,
        bounds=Bounds(max_drop=100, max_mb=0.01),
        options=OPTIONS,
        progress=lambda at, done, total: told.append(at),
    )
    assert not told
    assert tighter.trials == before.trials
    assert tighter.pick is None
    assert not (out / PICK).exists()
    relaxed = plan(model, training, data, out, bounds=tighter.relaxations[0].bounds, options=OPTIONS)
    assert relaxed.pick == tighter.relaxations[0].trial
    assert plan(model, training, data, out, bounds=BOUNDS, options=OPTIONS) == before


def test_a_bound_on_speed_has_every_file_timed(model, training, data, tmp_path):
    """Each but the original has as many processes as the original beside it, times above 0, and an interval."""
    bounds = Bounds(max_drop=100, min_speedup=0.01)
    options = dataclasses.replace(OPTIONS, shares=(1.0,))
    found = plan(model, training, data, tmp_path / "plan", bounds=bounds, options=options)
    assert found.options.is_timed
    assert found.pick is not None
    for trial in found.trials:
        if trial.candidate == ORIGINAL:
            assert trial.speedup == 1.0
            continue
        assert len(trial.run_ns) == len(trial.baseline_ns) == files.ROUNDS
        assert {len(row) for row in (*trial.run_ns, *trial.baseline_ns)} == {files.RUNS}
        assert trial.speed.low < trial.speedup < trial.speed.high
        assert min(ns for row in (*trial.run_ns, *trial.baseline_ns) for ns in row) > 0
        assert trial.cost == pytest.approx(1 / trial.speedup)


def test_recovery_tries_no_share_that_cannot_be_the_pick(model, training, data, tmp_path):
    """Where a small share is good enough as it is, nothing is distilled."""
    options = dataclasses.replace(OPTIONS, recovery_epochs=1.0)
    found = plan(model, training, data, tmp_path / "plan", bounds=BOUNDS, options=options)
    assert not [trial for trial in found.trials if trial.candidate.distill]


def test_the_models_given_are_not_changed(found, model):
    """Its weights hash to what they are on disk."""
    fresh = load_model(fakes.shared_checkpoint())

    def digest(item: Model) -> str:
        return hashlib.sha256(b"".join(t.numpy().tobytes() for t in item.module.state_dict().values())).hexdigest()

    assert digest(model) == digest(fresh)


def test_another_search_does_not_take_over_a_folder(found, model, training, data, tmp_path):
    """Other training texts are named as what differs; force starts anew."""
    other = dataclasses.replace(training, examples=training.examples[::-1])
    out = fakes.copy_of(found[1], tmp_path / "plan")
    before = (out / STATE).read_bytes()
    turned = tuple(dataclasses.replace(item, gold=item.gold and (1 - item.gold[0],)) for item in training.examples)
    answered = dataclasses.replace(training, examples=turned)
    with pytest.raises(UsageError, match="another training"):
        plan(model, answered, data, out, bounds=BOUNDS, options=OPTIONS)
    with pytest.raises(UsageError, match="another training"):
        plan(model, other, data, out, bounds=BOUNDS, options=OPTIONS)
    assert (out / STATE).read_bytes() == before
    again = plan(model, other, data, out, bounds=BOUNDS, options=OPTIONS, force=True)
    assert len(again.trials) == 8


@pytest.mark.parametrize("fault", ["few texts", "labels", "share"])
def test_a_search_that_cannot_begin_leaves_nothing(fault, model, training, data, tmp_path):
    """The refusal comes before the folder is made."""
    options = OPTIONS
    if fault == "few texts":
        training = dataclasses.replace(training, examples=training.examples[:5])
    elif fault == "labels":
        data = dataclasses.replace(data, labels=("no", "yes"))
    else:
        options = PlanOptions(shares=(0.01, 1.0))
    with pytest.raises(DataError if fault != "share" else UsageError):
        plan(model, training, data, tmp_path / "plan", bounds=BOUNDS, options=options)
    assert not list(tmp_path.iterdir())


def test_tflite_files_are_measured_at_the_lengths_that_ship(data, tmp_path):
    """A text costs what the signature that holds it costs, int8 is made from this model's float file, both answer."""
    pytest.importorskip("litert_torch", reason="writes TFLite files")
    pytest.importorskip("ai_edge_litert", reason="runs them")
    model = load_model(fakes.tiny_checkpoint(tmp_path / "model", layers=1, positions=16))
    few = dataclasses.replace(data, examples=data.examples[:12])
    opened = {
        precision: files.open_file(model, few, tmp_path / "files", file_format="tflite", precision=precision)
        for precision in ("float32", "int8")
    }
    for precision, item in opened.items():
        assert item.path.name == f"{precision}.tflite"
        assert item.runner.session.lengths == (16,)
        assert item.macs == macs(model.checkpoint.architecture, {16: 1}, model.checkpoint.head)
        windows = [window.ids for each in item.inputs for window in each.windows]
        expected = fakes.tflite_logits(item.path, windows, 16).argmax(axis=1)
        assert files.answers_of(item, lambda done, total: None) == tuple((int(label),) for label in expected)
    baseline = files.Baseline(
        opened=opened["float32"], answers=files.answers_of(opened["float32"], lambda done, total: None)
    )
    candidate = Candidate(keep=1.0, vocabulary=False, precision="int8")
    trial = files.measured(candidate, opened["int8"], baseline, few, timed=(0, 5), progress=silent)
    assert trial.size_bytes < opened["float32"].path.stat().st_size
    assert trial.work == 1.0
    assert len(trial.run_ns) == files.ROUNDS
