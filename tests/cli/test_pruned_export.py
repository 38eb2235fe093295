"""Pruned bundles on the command line: what is asked for, what is said about them."""

from __future__ import annotations

import numpy as np
import pytest

from edgebert.bundle import open_bundle
from edgebert.checkpoint import load_model
from tests.support import cut_models, fakes

RECIPE = """
name = "half"
description = "half"
lengths = [8, 16]

[prune]
keep = 0.5

[[targets]]
format = "onnx"
precision = "int8"
"""


@pytest.fixture
def training(tmp_path):
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(fakes.WORDS[:11], rng.integers(2, 12))) for _ in range(60)]
    rows = [(text, index % 2) for index, text in enumerate(texts)]
    return fakes.write_data(tmp_path / "train.csv", rows, columns=("words", "mood"))


@pytest.fixture
def recipe(tmp_path):
    path = tmp_path / "half.toml"
    path.write_text(RECIPE, encoding="utf-8")
    return path


def test_export_prunes_as_the_recipe_says(cli, tmp_path, recipe, training):
    """--train feeds the recipe, from the columns that are named; the files are compared with the model as it was."""
    out = tmp_path / "bundle"
    words = ("--recipe", recipe, "--train", training, "--eval", training, "--out", out)
    outcome = cli("export", fakes.shared_checkpoint(), *words, "--text-column", "words", "--label-column", "mood")
    assert outcome.code == 0, outcome.err
    manifest = open_bundle(out).manifest
    assert manifest.pruning.train.name == "train.csv"
    assert manifest.original.checkpoint == "tiny"
    assert "--baseline" not in outcome.err
    assert "took part in the pruning" in outcome.err
    shown = cli("inspect", out).out
    assert "pruned from tiny (" in shown
    assert "of 8 heads" in shown
    assert "\n  baselines   of tiny (" in shown


def test_export_of_a_recipe_that_prunes_asks_for_texts(cli, tmp_path):
    """One line says what is missing, the next how to give it; the exit code is that of a wrong request."""
    outcome = cli("export", fakes.shared_checkpoint(), "--recipe", "keep50-int8", "--out", tmp_path / "bundle")
    assert outcome.code == 2
    lines = outcome.err.splitlines()
    assert lines[-2].startswith("error: the recipe 'keep50-int8' prunes")
    assert "--train FILE" in lines[-1]
    assert not list(tmp_path.iterdir())


def test_export_says_what_a_pruned_model_is_compared_with(cli, tmp_path):
    """A pruned checkpoint alone is compared with itself, and a note says how to change that; --baseline does."""
    original, cut = cut_models.shared_folders()
    words = ("--formats", "onnx", "--lengths", "8,16")
    alone = cli("export", cut, *words, "--out", tmp_path / "alone")
    assert "compared with the pruned FP32 model; give --baseline MODEL" in alone.err
    both = cli("export", cut, *words, "--wide", "--baseline", original, "--out", tmp_path / "both")
    assert both.code == 0
    assert "--baseline" not in both.err
    assert open_bundle(tmp_path / "both").manifest.original.checkpoint_sha256 == load_model(original).checkpoint.sha256
    row = next(line for line in both.out.splitlines() if line.split()[:1] == ["int8.onnx"])
    sizes = {item.file: item.size_bytes for item in open_bundle(tmp_path / "both").manifest.artifacts}
    assert f"{100 * sizes['int8.onnx'] / sizes['baseline/float32.onnx']:.1f} %" in row


def test_an_unpruned_model_has_no_words_about_pruning(cli):
    """inspect says nothing of a cut or of another baseline where there is none."""
    shown = cli("inspect", fakes.shared_bundle()).out
    assert "pruned" not in shown
    assert "\n  baselines" not in shown


def test_recipes_says_which_need_texts(cli):
    """The list marks the recipes that cannot do without --train."""
    listed = cli("recipes").out
    lines = {line.split()[0]: line for line in listed.splitlines() if line.strip()}
    assert "--train" in lines["keep50-int8"]
    assert "--train" not in lines["int8"]
