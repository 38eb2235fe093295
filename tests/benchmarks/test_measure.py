"""``python -m benchmarks files`` and ``speed``, on a tiny model. No time is asserted."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.measure import Entrant, run_trials
from benchmarks.studies import TITLE, load_all
from benchmarks.studies.speed import largest_logit_difference
from edgebert.bundle import open_bundle, sha256_of
from edgebert.errors import CheckFailed
from edgebert.progress import silent
from edgebert.runtime import open_runner
from tests.benchmarks.values import TINY, main, suite
from tests.support import fakes


def test_a_worker_answers_as_the_library_does():
    """The first logits of a trial are those of the session in this process on the same IDs, in a fresh worker each."""
    bundle = open_bundle(fakes.shared_bundle())
    entrants = tuple(
        Entrant(name=file, path=bundle.path(file), precision="int8", runtime=runtime)
        for file, runtime in (("int8.onnx", "onnxruntime"), ("int8.tflite", "litert"))
    )
    plan = suite(lengths=(8,), seed=3, rounds=2, runs=4, warm_up=1)
    files, trials = run_trials(plan, entrants, vocabulary=50, progress=silent)
    assert [(trial.round, trial.file) for trial in trials] == [
        (0, "int8.onnx"),
        (0, "int8.tflite"),
        (1, "int8.tflite"),
        (1, "int8.onnx"),
    ]
    ids = np.random.default_rng([3, 8]).integers(0, 50, (5, 8), dtype=np.int32)[0]
    for trial, entrant in zip(trials, entrants, strict=False):
        expected = open_runner(
            entrant.path, runtime=entrant.runtime, spec=bundle.manifest.text, task=bundle.manifest.task
        ).run(ids.tolist())["logits"]
        np.testing.assert_allclose(trial.logits, expected, rtol=0, atol=1e-6)
    for trial in trials:
        assert len(trial.run_ns) == 4
        assert min(trial.run_ns) > 0
        assert trial.peak_rss_bytes > 10**6
    assert [file.sha256 for file in files] == [sha256_of(entrant.path) for entrant in entrants]


def test_a_length_that_would_be_padded_is_refused():
    """A signature that is longer than the input would be measured in its place."""
    path = open_bundle(fakes.shared_bundle()).path("int8.tflite")
    entrant = Entrant(name="x", path=path, precision="int8", runtime="litert")
    with pytest.raises(CheckFailed, match="inputs of 7 tokens were padded to"):
        run_trials(suite(lengths=(7,), rounds=1), (entrant,), vocabulary=50, progress=silent)


def test_a_tiny_suite_is_measured_from_checkpoint_to_results(tmp_path, capsys):
    """files, speed, render and check run as commands; every file has its trial in every round, in alternating order."""
    (tmp_path / "tiny.toml").write_text(TINY)
    options = ["--suite", str(tmp_path / "tiny.toml"), "--build", str(tmp_path / "build")]
    where = ["--results", str(tmp_path / "results")]
    speed = ["speed", *options, *where, "--no-peers", "--runs", "2"]
    assert main(speed) == 2
    assert "python -m benchmarks files" in capsys.readouterr().err
    assert main(["files", *options]) == 0
    assert main(speed) == 0
    (results,) = load_all(tmp_path / "results")["speed"]
    names = [file.name for file in results.files]
    assert [trial.file for trial in results.trials] == [*names, *reversed(names)]
    assert {len(trial.run_ns) for trial in results.trials} == {2}
    assert all(largest_logit_difference(results, name, "edgebert float32.onnx") < 0.05 for name in names)
    assert results.export.peak_rss_bytes > 10**8
    assert results.start.loaded == ()
    assert results.commands[1] == "python -m benchmarks speed --suite tiny.toml --runs 2 --no-peers"
    assert main(["files", *options, "--runs", "2"]) == 2
    assert "No such option: --runs" in capsys.readouterr().err
    assert main(["render", *where]) == 0
    assert (tmp_path / TITLE).is_file()
    capsys.readouterr()
    assert main(["peers", *options, "--python", str(tmp_path / "no-python")]) == 2
    assert "there is no such Python" in capsys.readouterr().err
