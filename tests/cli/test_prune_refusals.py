"""What ``edgebert prune`` refuses: one line says why, and nothing is written."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from edgebert.checkpoint import load_model
from edgebert.errors import install_line
from edgebert.pruning.latency import measure_latency, write_table
from tests.cli.prune_files import weights
from tests.support import fakes
from tests.support.commands import CLEAR
from tests.support.full_disk import files_of_at_most


@pytest.fixture
def refused(cli, tmp_path):
    """Return a function that prunes, checks the form of the refusal and that no file is new, and returns the lines."""

    def run(*words: object, code: int = 2) -> str:
        before = sorted(tmp_path.rglob("*"))
        outcome = cli("prune", *words)
        assert outcome.code == code, outcome.err
        start = outcome.err.index("error: ")
        assert CLEAR.fullmatch(outcome.err[start:]), outcome.err
        assert "Traceback" not in outcome.err
        assert outcome.out == ""
        assert sorted(tmp_path.rglob("*")) == before
        return outcome.err[start:]

    return run


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--keep", "0"), "--keep is"),
        (("--keep", "1.5"), "--keep is"),
        (("--keep", "nan"), "--keep is"),
        (("--keep", "-0.5"), "--keep is"),
        (("--keep", "half"), "--keep"),
        (("--keep", "0.01"), "one head and up to 16 neurons in each of 2 layers"),
        (("--keep", "0.5", "--latency-share", "0.5"), "--keep and --latency-share"),
        (("--latency-table", "here.json"), "requires --latency-share"),
        (("--distill", "-1"), "distill is -1"),
        (("--distill", "nan"), "distill is nan"),
        (("--distill", "inf"), "inf"),
        (("--distill", "1", "--learning-rate", "7"), "--learning-rate is 7"),
        (("--distill", "1", "--learning-rate", "nan"), "--learning-rate is nan"),
        (("--seed", "-4"), "seed is -4"),
        (("--seed", str(2**32)), "seed is"),
        (("--cut-vocabulary", "--keep-tokens-of", "no-such.txt"), "no-such.txt"),
        (("--keep-tokens-of", "train.csv"), "requires --cut-vocabulary"),
        (("--text-column", "nope"), "nope"),
        (("--label-column", "nope"), "nope"),
    ],
)
def test_options_that_cannot_be(refused, tmp_path, training, words, message):
    """One line names what is wrong, before or after work was done, and no folder is there."""
    asked = words if {"--keep", "--latency-share"} & set(words) else ("--keep", "0.5", *words)
    said = refused(fakes.shared_checkpoint(), "--train", training, "--out", tmp_path / "out", *asked)
    assert message in said


def test_how_much_to_keep_has_to_be_said(refused, tmp_path, training):
    """Nothing is assumed: without --keep and --latency-share the hint gives an example of each intention."""
    said = refused(fakes.shared_checkpoint(), "--train", training, "--out", tmp_path / "out", "--cut-vocabulary")
    assert "--keep or --latency-share is required" in said
    assert "--keep 1 --cut-vocabulary" in said


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("few.txt", "good\n" * 31, "31 texts are too few"),
        ("furious.csv", "text,label\n" + "good,positive\n" * 40 + "bad,furious\n", "furious"),
        ("seven.csv", "text,label\n" + "good,1\n" * 40 + "bad,7\n", "'7'"),
        ("missing.csv", None, "no such file"),
        ("empty.txt", "", "empty"),
        ("one.pdf", "good\n", "unknown format"),
        ("narrow.csv", "words\ngood\n", "narrow.csv"),
    ],
)
def test_texts_that_cannot_be_used(refused, tmp_path, name, content, message):
    """The line names the file and what is wrong with it."""
    path = tmp_path / name
    if content is not None:
        path.write_text(content, encoding="utf-8")
    said = refused(fakes.shared_checkpoint(), "--train", path, "--keep", "0.5", "--out", tmp_path / "out")
    assert message in said
    assert name in said


def test_a_model_that_is_none(refused, tmp_path, training):
    """An empty folder, a missing one, a bundle: the same words as everywhere, exit 3 only without the network."""
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "gone", tmp_path / "train.csv"):
        refused(path, "--train", training, "--keep", "0.5", "--out", tmp_path / "out")
    said = refused("someone/some-model", "--train", training, "--keep", "0.5", "--out", tmp_path / "out", code=3)
    assert "Hub cannot be reached" in said


def test_an_output_that_exists(refused, cli, tmp_path, training):
    """A checkpoint is replaced by --force only, and another folder never."""
    out, other = tmp_path / "out", tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine", encoding="utf-8")
    assert cli("prune", fakes.shared_checkpoint(), "--train", training, "--keep", "0.5", "--out", out).code == 0
    before = weights(out)
    assert "--force" in refused(fakes.shared_checkpoint(), "--train", training, "--keep", "0.5", "--out", out)
    assert "no config.json" in refused(
        fakes.shared_checkpoint(), "--train", training, "--keep", "0.5", "--out", other, "--force"
    )
    assert weights(out) == before
    words = ("--train", training, "--out", out, "--keep", "0.8", "--force")
    assert cli("prune", fakes.shared_checkpoint(), *words).code == 0
    assert load_model(out).checkpoint.pruning.keep == 0.8


def test_a_latency_table_that_does_not_fit(refused, tmp_path, training, larger):
    """A table of another shape, of smaller widths, no table, and one that leaves too little are each one line."""
    table = tmp_path / "table.json"
    words = ("--train", training, "--latency-table", table)
    shape = load_model(larger).checkpoint.architecture
    write_table(measure_latency(shape, length=8, rounds=1, runs=2), table)
    out = ("--out", tmp_path / "out", "--latency-share")
    assert "one head and up to 16 neurons" in refused(larger, *words, *out, "0.0001")
    assert "hidden 64 (the model: 32)" in refused(fakes.shared_checkpoint(), *words, *out, "0.9")
    measured = json.loads(table.read_text(encoding="utf-8"))
    fewer = [probe for probe in measured["probes"] if max(probe["neurons"], default=0) < 512]
    table.write_text(json.dumps(measured | {"probes": fewer}), encoding="utf-8")
    assert "neurons" in refused(larger, *words, *out, "0.9")
    for content in ("{}", "[", '{"schema": 9}'):
        table.write_text(content, encoding="utf-8")
        assert "table.json" in refused(larger, *words, *out, "0.9")


def test_without_torch_the_extra_is_named(tmp_path, training):
    """Exit 3 and the pip line, and nothing is written."""
    code = "import sys; sys.modules['torch'] = None; from edgebert.cli.app import main; main(sys.argv[1:])"
    words = ["prune", fakes.shared_checkpoint(), "--train", training, "--keep", "0.5", "--out", tmp_path / "out"]
    command = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert CLEAR.fullmatch(done.stderr)
    assert f"hint: {install_line('onnx')}\n" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["train.csv"]


@pytest.mark.parametrize("more", [[], ["--distill", "2"]], ids=["checkpoint", "state"])
def test_a_disk_with_no_room(cli, tmp_path, training, more):
    """Checkpoint or state of the training: exit 3, one line, and no folder under the final name."""
    words = ("prune", fakes.shared_checkpoint(), "--train", training, "--keep", "0.5", "--out", tmp_path / "out", *more)
    with files_of_at_most(20_000):
        done = cli(*words)
    assert done.code == 3, done.err
    assert CLEAR.fullmatch(done.err[done.err.index("error: ") :])
    assert "no room left on the disk" in done.err
    assert "Traceback" not in done.err
    assert not (tmp_path / "out").exists()
    assert not [path.name for path in tmp_path.iterdir() if ".partial-" in path.name]
