"""``python -m benchmarks files`` and ``speed``, on a tiny model. No time is asserted."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np

from benchmarks.__main__ import main
from benchmarks.records import load_all
from benchmarks.render import TITLE
from benchmarks.stats import largest_logit_difference
from edgebert.bundle import open_bundle
from edgebert.runtime import open_runner
from tests.benchmarks.values import TINY
from tests.support import fakes

ROOT = Path(__file__).parents[2]


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
