"""``python -m benchmarks``: raw samples are recorded, everything shown follows from them. No time is asserted."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.__main__ import main
from benchmarks.accuracy import measure_accuracy
from benchmarks.figures import accuracy_figures, speed_figures
from benchmarks.options import RESULTS
from benchmarks.records import Records, load_all, save
from benchmarks.render import TITLE, draw, render, text
from benchmarks.results import (
    SCHEMA,
    AccuracyResults,
    DataFile,
    Machine,
    MeasuredFile,
    Process,
    SpeedResults,
    Start,
    Trial,
)
from benchmarks.stats import largest_logit_difference, median_ms, samples, speed_up, spread
from benchmarks.suite import Suite, load_suite
from edgebert.bundle import open_bundle
from edgebert.errors import UsageError
from edgebert.recipe import narrowed
from edgebert.runtime import open_runner
from edgebert.shape import Architecture
from edgebert.training.finetune import FinetuneOptions
from edgebert.types import Package, Recipe, Score, Target, silent
from tests import fakes

ROOT = Path(__file__).parents[1]
TINY = """
name = "tiny"
description = "a tiny shape"
labels = 2
seed = 0
signatures = [8, 16]
lengths = [8]
threads = 1
rounds = 2
warm_up = 1
runs = 3
[architecture]
hidden = 16
head_dim = 8
heads = [2]
neurons = [32]
vocabulary = 400
positions = 32
activation = "gelu"
"""
MACHINE = Machine(
    model="Fast(tm) CPU", features="x86_64", cores=2, memory_bytes=8 * 10**9, system="Linux 1", python="3.11.7"
)
SIZES = {
    "edgebert int8.tflite": 25,
    "edgebert int8.onnx": 26,
    "edgebert float32.tflite": 100,
    "edgebert float32.onnx": 100,
    "Optimum int8.onnx": 25,
    "Optimum model.onnx": 100,
}
MS = dict(zip(SIZES, (30, 36, 107, 105, 38, 110), strict=True))


def suite(**changes: object) -> Suite:
    return dataclasses.replace(
        Suite(
            name="s",
            description="a shape",
            labels=2,
            seed=0,
            signatures=(32, 128),
            lengths=(32, 128),
            threads=1,
            rounds=2,
            warm_up=1,
            runs=3,
            architecture=Architecture(
                hidden=16, head_dim=8, heads=(2,), neurons=(32,), vocabulary=40, positions=128, activation="gelu"
            ),
        ),
        **changes,
    )


def speed_results(ms=MS, sizes=SIZES, **changes: object) -> SpeedResults:
    """Return results in which a file takes ``ms`` at length 128, a quarter at 32, 2 % more in the second round."""
    plan = suite()
    trials = [
        Trial(
            file=name,
            length=length,
            round=number,
            load_ns=1,
            first_ns=2,
            run_ns=tuple(round(1e6 * value * length / 128 * (1 + 0.02 * number)) + step for step in range(plan.runs)),
            peak_rss_bytes=10**8,
            logits=(0.5, -0.5),
        )
        for number in range(plan.rounds)
        for length in plan.lengths
        for name, value in ms.items()
    ]
    values = {
        "schema": SCHEMA,
        "kind": "speed",
        "date": "2026-01-02",
        "machine": MACHINE,
        "commands": ("python -m benchmarks speed",),
        "packages": (Package(name="edgebert", version="0.1.0"),),
        "peer_packages": (Package(name="optimum", version="2.1.0"),),
        "suite": plan,
        "files": tuple(
            MeasuredFile(
                name=name,
                precision="int8" if "int8" in name else "float32",
                runtime="litert" if name.endswith("tflite") else "onnxruntime",
                runtime_version="1",
                size_bytes=sizes[name],
                sha256="0" * 64,
            )
            for name in ms
        ),
        "trials": tuple(trials),
        "load_average": 0.1,
        "export": Process(command="edgebert export", wall_ns=6 * 10**10, cpu_ns=7 * 10**10, peak_rss_bytes=2 * 10**9),
        "start": Start(help_ns=(2 * 10**8, 3 * 10**8, 9 * 10**8), loaded=()),
    }
    return SpeedResults(**(values | changes))


def accuracy_results(difference: float = -0.004) -> AccuracyResults:
    data = DataFile(name="dev.tsv", sha256="1" * 64, examples=872)
    score = Score(
        file="int8.onnx", runtime="onnxruntime", metric="accuracy", value=0.9, low=0.88, high=0.92, examples=872
    )
    paired = dataclasses.replace(
        score,
        baseline="baseline/float32.onnx",
        difference=difference,
        difference_low=difference - 0.003,
        difference_high=difference + 0.003,
        agreement=0.99,
        flips=9,
        mcnemar_p=0.5,
    )
    return AccuracyResults(
        schema=SCHEMA,
        kind="accuracy",
        date="2026-01-02",
        machine=MACHINE,
        commands=("python -m benchmarks accuracy",),
        packages=(),
        encoder="encoder",
        epochs=2.0,
        learning_rate=1e-4,
        batch_size=32,
        max_length=64,
        seed=0,
        lengths=(16, 64),
        train=data,
        evaluation=data,
        truncated=0,
        checkpoint_sha256="2" * 64,
        scores=(dataclasses.replace(score, file="baseline/float32.onnx"), paired),
    )


def verdicts(figures):
    return {figure.what: figure.met for figure in figures}


def test_the_shipped_suite_is_distilbert_base():
    """Its shape has 66,955,010 parameters with two labels, as distilbert-base with a classification head."""
    shipped = load_suite("distilbert-base")
    shape = shipped.architecture
    layers = sum(
        4 * (shape.hidden + 1) * heads * shape.head_dim
        + (shape.hidden + 1) * neurons
        + (neurons + 1) * shape.hidden
        + 4 * shape.hidden
        for heads, neurons in zip(shape.heads, shape.neurons, strict=True)
    )
    embeddings = (shape.vocabulary + shape.positions + 2) * shape.hidden
    head = (shape.hidden + 1) * (shape.hidden + shipped.labels)
    assert embeddings + layers + head == 66_955_010
    assert (shipped.lengths, shipped.threads, shipped.rounds % 2) == ((32, 128), 1, 0)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("rounds = 2", "rounds = 0"), "rounds is 0"),
        (("lengths = [8]", "lengths = [9]"), r"lengths \[9\]"),
        (('name = "tiny"', ""), "'name' is missing"),
        (("seed = 0", "seed = 0\nspeed = 1"), "unknown key 'speed'"),
        (("[architecture]", "[architecture"), "cannot be read"),
    ],
)
def test_a_malformed_suite_is_refused(tmp_path, change, said):
    """The message names file and key."""
    path = tmp_path / "tiny.toml"
    path.write_text(TINY.replace(*change))
    with pytest.raises(UsageError, match=said) as caught:
        load_suite(path)
    assert "tiny.toml" in caught.value.message


def test_results_are_read_back_as_they_were_recorded(tmp_path):
    """Both kinds go to files named for day and CPU, and come back equal, newest first."""
    first, second = speed_results(), speed_results(date="2026-01-03")
    scored = accuracy_results()
    for one in (first, second, scored):
        save(tmp_path, one)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "2026-01-02-fast-tm-cpu-accuracy.json",
        "2026-01-02-fast-tm-cpu.json",
        "2026-01-03-fast-tm-cpu.json",
    ]
    assert load_all(tmp_path) == Records(speed=(second, first), accuracy=(scored,))


def test_results_of_another_schema_are_refused(tmp_path):
    """A file that an older or newer version recorded is named, not misread."""
    path = save(tmp_path, speed_results())
    path.write_text(path.read_text().replace('"schema": 1', '"schema": 2'))
    with pytest.raises(UsageError, match=r"fast-tm-cpu\.json: schema 2"):
        load_all(tmp_path)


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(1, 10**9), min_size=3, max_size=3), min_size=2, max_size=5))
def test_medians_and_ratios_follow_from_the_samples(times):
    """A median equals numpy's over all runs and lies in its interval; a file is exactly as fast as itself."""
    trials = tuple(
        dataclasses.replace(trial, round=number, run_ns=tuple(runs))
        for number, runs in enumerate(times)
        for trial in speed_results().trials[:1]
    )
    results = speed_results(trials=trials)
    (name, length) = (trials[0].file, trials[0].length)
    found = median_ms(results, name, length)
    assert found.value == pytest.approx(np.median(times) / 1e6)
    assert found.low <= found.high
    same = speed_up(results, name, name, length)
    assert (same.value, same.low, same.high) == (1.0, 1.0, 1.0)
    assert spread(results, name, length) >= 1


def test_what_was_not_measured_is_not_shown():
    """Asking for a file or length without samples is an error, not a zero."""
    with pytest.raises(UsageError, match="not measured"):
        samples(speed_results(), "edgebert int8.onnx", 64)


def test_rounds_are_what_is_resampled():
    """Drift that hits both files of a ratio in the same rounds leaves the ratio's interval without width."""
    results = speed_results()
    ratio = speed_up(results, "edgebert int8.tflite", "edgebert float32.tflite", 128)
    assert ratio.value == pytest.approx(107 / 30, rel=1e-6)
    assert ratio.high - ratio.low < 1e-6
    alone = median_ms(results, "edgebert int8.tflite", 128)
    assert (alone.low, alone.high) == pytest.approx((30, 30.6), rel=1e-6)


def test_figures_that_are_reached_are_met():
    """With all figures reached, every verdict is 'met'."""
    figures = (*speed_figures(speed_results()), *accuracy_figures(accuracy_results()))
    assert len(figures) == 10
    assert {figure.verdict for figure in figures} == {"met"}


@pytest.mark.parametrize(
    ("results", "what"),
    [
        (speed_results(MS | {"edgebert float32.tflite": 98}), "int8.tflite over edgebert float32.tflite"),
        (speed_results(MS | {"Optimum int8.onnx": 36.5, "edgebert int8.tflite": 32}), "int8.tflite over Optimum"),
        (speed_results(MS | {"edgebert int8.onnx": 38.1}), "int8.onnx over Optimum"),
        (speed_results(sizes=SIZES | {"edgebert int8.onnx": 28}), "size of int8.onnx"),
        (speed_results(export=Process(command="", wall_ns=9 * 10**10, cpu_ns=1, peak_rss_bytes=1)), "wall time"),
        (speed_results(export=Process(command="", wall_ns=1, cpu_ns=1, peak_rss_bytes=4 * 10**9)), "peak memory"),
        (speed_results(start=Start(help_ns=(5 * 10**8,), loaded=())), "--help"),
        (speed_results(start=Start(help_ns=(1,), loaded=("torch",))), "import edgebert"),
    ],
)
def test_a_figure_that_is_missed_is_named(results, what):
    """Each figure is missed alone when its own number falls short."""
    missed = [name for name, met in verdicts(speed_figures(results)).items() if not met]
    assert len(missed) == 1
    assert what in missed[0]


def test_an_accuracy_figure_says_when_the_interval_reaches_across():
    """1.2 points lost is missed; 0.9 lost is met, but not for sure; a gain is met."""
    assert [figure.verdict for figure in accuracy_figures(accuracy_results(-0.02))] == ["MISSED"]
    assert [figure.verdict for figure in accuracy_figures(accuracy_results(-0.009))] == [
        "met, but the interval reaches across"
    ]
    assert [figure.verdict for figure in accuracy_figures(accuracy_results(0.02))] == ["met"]


def test_figures_without_results_or_peers_are_not_measured(tmp_path, capsys):
    """What was not measured is neither met nor missed."""
    assert {figure.verdict for figure in (*speed_figures(None), *accuracy_figures(None))} == {"not measured"}
    alone = {name: value for name, value in MS.items() if name.startswith("edgebert")}
    unmet = [name for name, met in verdicts(speed_figures(speed_results(alone))).items() if met is None]
    assert len(unmet) == 2
    assert all("Optimum" in name for name in unmet)
    assert main(["check", "--results", str(tmp_path)]) == 0
    assert "not measured" in capsys.readouterr().out


def test_check_exits_1_when_a_figure_is_missed(tmp_path, capsys):
    """The newest results decide."""
    save(tmp_path, speed_results(MS | {"edgebert int8.onnx": 50}))
    assert main(["check", "--results", str(tmp_path)]) == 1
    assert "MISSED" in capsys.readouterr().out
    save(tmp_path, speed_results(date="2026-02-01"))
    assert main(["check", "--results", str(tmp_path)]) == 0


def test_rendering_is_deterministic_and_complete(tmp_path):
    """The same JSON gives the same bytes; every file, command, version and the machine stand in the text."""
    for one in (speed_results(), accuracy_results()):
        save(tmp_path / "results", one)
    path = render(tmp_path / "results")
    shown, plot = path.read_text(), (tmp_path / "results" / "2026-01-02-fast-tm-cpu.svg").read_bytes()
    for expected in (*SIZES, "python -m benchmarks speed", "optimum 2.1.0", MACHINE.model, "Threads: 1", "dev.tsv"):
        assert expected in shown
    assert "Doubts" not in shown
    render(tmp_path / "results")
    assert path.read_text() == shown
    assert (tmp_path / "results" / "2026-01-02-fast-tm-cpu.svg").read_bytes() == plot


def test_doubts_are_shown(tmp_path):
    """A busy machine and rounds that differ are named below the table."""
    results = speed_results(load_average=1.7)
    slow = [
        dataclasses.replace(trial, run_ns=tuple(2 * time for time in trial.run_ns)) if trial.round else trial
        for trial in results.trials
    ]
    save(tmp_path, dataclasses.replace(results, trials=tuple(slow)))
    shown = text(tmp_path)
    assert "load average was 1.70" in shown
    assert "int8.onnx at 128 tokens: the slowest round took 2.04 times" in shown


def test_the_results_of_the_repository_are_what_its_json_renders_to():
    """RESULTS.md is never edited by hand: rendering the recorded samples gives the committed bytes."""
    assert (RESULTS.parent / TITLE).read_text(encoding="utf-8") == text(RESULTS)


def test_the_logits_of_another_model_are_seen():
    """The largest difference to the reference is over all lengths and logits."""
    results = speed_results()
    trials = [
        dataclasses.replace(trial, logits=(0.5, -0.75))
        if (trial.file, trial.length) == ("Optimum int8.onnx", 32)
        else trial
        for trial in results.trials
    ]
    results = dataclasses.replace(results, trials=tuple(trials))
    assert largest_logit_difference(results, "Optimum int8.onnx", "edgebert float32.onnx") == 0.25
    assert largest_logit_difference(results, "edgebert int8.onnx", "edgebert float32.onnx") == 0


def test_a_plot_can_be_drawn_of_one_length(tmp_path):
    """One panel for each length, also for a single one."""
    results = speed_results()
    draw(dataclasses.replace(results, suite=suite(lengths=(128,))), tmp_path / "plot.svg")
    assert (tmp_path / "plot.svg").read_text().startswith("<?xml")


def test_a_worker_answers_as_the_library_does():
    """The trial's first logits are those of the session in this process on the same ids."""
    bundle = open_bundle(fakes.shared_bundle())
    for file, runtime in (("int8.onnx", "onnxruntime"), ("int8.tflite", "litert")):
        path = bundle.path(file)
        options = {"length": 8, "threads": 1, "warm-up": 1, "runs": 4, "vocabulary": 50, "seed": 3}
        done = subprocess.run(
            [
                *(sys.executable, "-m", "benchmarks.worker", str(path), f"--runtime={runtime}"),
                *(f"--{name}={value}" for name, value in options.items()),
            ],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=True,
        )
        found = json.loads(done.stdout)
        ids = np.random.default_rng([3, 8]).integers(0, 50, (6, 1, 8), dtype=np.int32)[0, 0]
        expected = open_runner(path, runtime=runtime, spec=bundle.manifest.text).logits(ids.tolist())
        np.testing.assert_allclose(found["logits"], expected, rtol=0, atol=1e-6)
        assert len(found["run_ns"]) == 4
        assert min(found["run_ns"]) > 0
        assert found["peak_rss_bytes"] > 10**6


def test_a_tiny_suite_is_measured_from_checkpoint_to_results(tmp_path, capsys):
    """files, speed, render and check run as commands; every file has its trial in every round, in alternating order."""
    (tmp_path / "tiny.toml").write_text(TINY)
    options = ["--suite", str(tmp_path / "tiny.toml"), "--build", str(tmp_path / "build"), "--no-peers"]
    options += ["--results", str(tmp_path / "results"), "--runs", "2"]
    assert main(["speed", *options]) == 2
    assert "python -m benchmarks files" in capsys.readouterr().err
    assert main(["files", *options]) == 0
    assert main(["speed", *options]) == 0
    (results,) = load_all(tmp_path / "results").speed
    names = [file.name for file in results.files]
    assert [trial.file for trial in results.trials] == [*names, *reversed(names)]
    assert {len(trial.run_ns) for trial in results.trials} == {2}
    assert all(largest_logit_difference(results, name, "edgebert float32.onnx") < 0.05 for name in names)
    assert results.export.peak_rss_bytes > 10**8
    assert results.start.loaded == ()
    assert main(["render", *options]) == 0
    assert (tmp_path / TITLE).is_file()
    capsys.readouterr()
    assert main(["peers", *options, "--python", str(tmp_path / "no-python")]) == 2
    assert "there is no such Python" in capsys.readouterr().err


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
    found = measure_accuracy(
        train,
        dev,
        tmp_path / "work",
        base=fakes.shared_checkpoint(),
        options=FinetuneOptions(epochs=1, learning_rate=1e-4, batch_size=8, max_length=16),
        recipe=recipe,
        progress=silent,
    )
    assert (found.train.name, found.train.examples, found.evaluation.examples) == ("train.tsv.gz", 24, 10)
    assert [(score.file, score.baseline) for score in found.scores] == [
        ("baseline/float32.onnx", None),
        ("int8.onnx", "baseline/float32.onnx"),
    ]
    assert sorted(path.name for path in (tmp_path / "work").iterdir()) == ["bundle", "model", "model.json"]
