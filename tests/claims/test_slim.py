"""A slim bundle is a bundle: the same shipped files, and what it lacks is named."""

from __future__ import annotations

import logging
import shutil
from pathlib import Path

import pytest

from edgebert.bundle import MANIFEST, open_bundle, sha256_of
from edgebert.cli.app import main
from edgebert.data import read_dataset
from edgebert.embedding.embed import embed
from edgebert.embedding.places import folder_place
from edgebert.errors import OutputError, UsageError
from edgebert.evaluation import evaluate
from edgebert.prediction import predict
from edgebert.publishing import strip
from edgebert.verification import verify
from tests.support import fakes


def test_what_ships_is_the_same(whole: Path, slim: Path):
    """Model files and texts are copied byte by byte, nothing of baseline/ is; the manifest says what is missing."""
    full, thin = open_bundle(whole), open_bundle(slim)
    assert thin.shipped == full.shipped
    assert thin.baseline == ()
    assert not (slim / "baseline").exists()
    assert {entry.file for entry in thin.entries} == {
        entry.file for entry in full.entries if not entry.file.startswith("baseline/")
    }
    gone = {entry.file: entry.sha256 for entry in thin.manifest.left_out}
    assert gone == {entry.file: entry.sha256 for entry in full.entries if entry.file.startswith("baseline/")}
    assert all(sha256_of(whole / file) == found for file, found in gone.items())
    assert "slim bundle" in (slim / "README.md").read_text(encoding="utf-8")


def test_scores_stay(whole: Path, slim: Path):
    """A score names the baseline that it was compared with, though that is not there any more."""
    thin = open_bundle(slim)
    for item in thin.shipped:
        assert item.score is not None
        assert item.score == open_bundle(whole).artifact(item.file).score
        assert item.score.baseline in {entry.file for entry in thin.manifest.left_out}


def test_verify_predict_and_embed_take_it(whole: Path, slim: Path, tmp_path: Path):
    """Every check passes, answers are those of the full bundle, and the same files go into an app."""
    assert {check.ok for check in verify(slim)} == {True}
    assert predict(slim, ["good", "bad"]) == predict(whole, ["good", "bad"])
    made = embed(slim, folder_place(tmp_path / "app"))
    assert {entry.file for entry in made.files} == {MANIFEST, "int8.onnx", "vocab.txt", *TEXTS}


TEXTS = ("golden.json", "tokenizer.json", "config.json", "tokenizer_config.json")


def test_evaluate_says_what_is_missing(whole: Path, slim: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    """The accuracy is that of the full bundle, without a change; a note names the FP32 files that are not there."""
    path = fakes.write_data(tmp_path / "eval.tsv", [(text, index % 2) for index, text in enumerate(fakes.TEXTS)])
    data = read_dataset(path, labels=fakes.LABELS)
    with caplog.at_level(logging.INFO, logger="edgebert"):
        found = evaluate(slim, data, file="int8.onnx").results
    assert [(score.file, score.baseline, score.difference) for score in found] == [("int8.onnx", None, None)]
    assert found[0].value == evaluate(whole, data, file="int8.onnx").results[-1].value
    assert "a slim bundle without baseline/float32.onnx" in caplog.text
    with pytest.raises(UsageError, match=r"a slim bundle without baseline/float32\.onnx"):
        evaluate(slim, data, file="baseline/float32.onnx")


def test_what_cannot_be_stripped(whole: Path, slim: Path, tmp_path: Path):
    """A slim bundle, a target that is taken, and one within the bundle are refused; nothing is written."""
    with pytest.raises(UsageError, match="a slim bundle already"):
        strip(slim, tmp_path / "again")
    with pytest.raises(UsageError, match="is inside the bundle"):
        strip(whole, whole / "slim")
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError):
        strip(whole, tmp_path / "taken", force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["taken"]


def test_an_export_without_baselines_is_the_stripped_export(tmp_path: Path):
    """`--no-baseline` gives, byte by byte, what `strip` makes of the same export."""
    from edgebert.pipeline import export_bundle

    model, options = fakes.shared_checkpoint(), {"formats": ("onnx",), "lengths": fakes.LENGTHS}
    export_bundle(model, tmp_path / "full", **options)
    export_bundle(model, tmp_path / "slim", keep_baselines=False, **options)
    strip(tmp_path / "full", tmp_path / "stripped")
    files = {path.name: path.read_bytes() for path in (tmp_path / "slim").iterdir()}
    assert files == {path.name: path.read_bytes() for path in (tmp_path / "stripped").iterdir()}
    shutil.rmtree(tmp_path / "full")
    assert {check.ok for check in verify(tmp_path / "slim")} == {True}


def run(*words: object) -> int:
    """Run the command line in this process and return its exit code."""
    with pytest.raises(SystemExit) as left:
        main([str(word) for word in words])
    assert isinstance(left.value.code, int)
    return left.value.code


def test_the_commands(whole: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    """`edgebert strip` says how much smaller the copy is, and `verify` accepts the copy."""
    assert run("strip", whole, "--out", tmp_path / "slim") == 0
    assert "MB smaller than" in capsys.readouterr().err
    assert run("verify", tmp_path / "slim") == 0
    assert run("strip", tmp_path / "slim", "--out", tmp_path / "more") == 2
