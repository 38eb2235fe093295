"""Pruning as a user does it: what the command shows, makes and refuses, and what survives a kill."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from edgebert.bundle import open_bundle
from edgebert.checkpoint import load_model
from edgebert.jsonio import from_plain, parse
from edgebert.pruning.latency import read_table
from edgebert.pruning.prune import prune
from edgebert.shape import Architecture, PruneOptions, Pruning
from tests import fakes

CLEAR = re.compile(r"error: [^\n]+\n(hint: [^\n]+\n)?")
ORDINARY = fakes.WORDS[:11]
EPOCHS = 120


def rows(count: int = 60) -> list[tuple[str, str]]:
    """Return made-up texts with the names of their labels."""
    rng = np.random.default_rng(5)
    texts = [" ".join(rng.choice(ORDINARY, rng.integers(2, 12))) for _ in range(count)]
    return [(text, fakes.LABELS["good" in text or "great" in text]) for text in texts]


def plain_texts(path: Path, texts: list[str]) -> Path:
    path.write_text("\n".join(texts) + "\n", encoding="utf-8")
    return path


def weights(folder: Path) -> bytes:
    return (folder / "model.safetensors").read_bytes()


def row(shown: str, name: str) -> list[str]:
    """Return the cells of a row of a printed table, found by its first one."""
    line = next(line for line in shown.splitlines() if line.strip().startswith(name))
    return re.split(r"\s{2,}", line.strip())[1:]


@pytest.fixture
def training(tmp_path: Path) -> Path:
    return fakes.write_data(tmp_path / "train.csv", rows())


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Return the same texts without labels."""
    return plain_texts(tmp_path / "train.txt", [text for text, _ in rows()])


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a checkpoint whose layers take most of its time, so that a share of that can be met."""
    folder = tmp_path_factory.mktemp("larger") / "model"
    return fakes.tiny_checkpoint(folder, hidden=64, heads=4, neurons=512, layers=4)


def test_the_table_shows_before_and_after(cli, tmp_path, training):
    """Layers, heads, neurons, tokens and work of both stand side by side; notes go to standard error."""
    out = tmp_path / "pruned"
    outcome = cli("prune", fakes.shared_checkpoint(), "--train", training, "--out", out)
    assert outcome.code == 0, outcome.err
    made = load_model(out).checkpoint
    assert re.split(r"\s{2,}", outcome.out.strip().splitlines()[0].strip()) == ["before", "after"]
    for name, before, after in (
        ("layers", "2", str(made.architecture.layers)),
        ("heads", "4, 4", ", ".join(map(str, made.architecture.heads))),
        ("neurons", "64, 64", ", ".join(map(str, made.architecture.neurons))),
        ("tokens", str(len(fakes.VOCABULARY)), str(len(fakes.VOCABULARY))),
        ("multiply-accumulates", "100 %", f"{100 * made.pruning.macs_share:.1f} %"),
    ):
        assert row(outcome.out, name) == [before, after]
    assert made.pruning.keep == 0.5
    assert made.pruning.macs_share <= 0.5
    assert sum(made.architecture.neurons) < 128
    assert outcome.err.endswith(f"wrote {out}\n")
    assert "scoring heads and neurons" in outcome.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pruned", "train.csv"]


def test_json_is_what_was_made(cli, tmp_path, texts):
    """Standard output holds path, architecture and record and nothing else, and the folder says the same."""
    out = tmp_path / "pruned"
    words = ("--keep", "0.6", "--distill", "1", "--vocabulary", texts, "--seed", "3", "--json")
    outcome = cli("prune", fakes.shared_checkpoint(), "--train", texts, "--out", out, *words)
    assert outcome.code == 0, outcome.err
    shown = parse(outcome.out, source="standard output")
    assert set(shown) == {"path", "architecture", "pruning"}
    assert shown["path"] == str(out)
    made = load_model(out).checkpoint
    assert from_plain(Architecture, shown["architecture"], source="architecture") == made.architecture
    assert from_plain(Pruning, shown["pruning"], source="pruning") == made.pruning
    assert (made.pruning.keep, made.pruning.seed, made.pruning.train.name) == (0.6, 3, "train.txt")


def test_a_pruned_folder_goes_where_any_checkpoint_goes(cli, tmp_path, training):
    """export, verify, evaluate, predict, finetune and prune take it, each with its name only."""
    out, bundle = tmp_path / "pruned", tmp_path / "bundle"
    assert cli("prune", fakes.shared_checkpoint(), "--train", training, "--out", out, "--keep", "0.6").code == 0
    made = load_model(out).checkpoint

    words = ("--formats", "onnx", "--lengths", "8,16", "--baseline", fakes.shared_checkpoint())
    exported = cli("export", out, "--out", bundle, *words)
    assert exported.code == 0, exported.err
    manifest = open_bundle(bundle).manifest
    assert (manifest.architecture, manifest.pruning) == (made.architecture, made.pruning)
    assert manifest.original.checkpoint == "tiny"
    verified = cli("verify", bundle)
    assert verified.code == 0, verified.err
    scored = cli("evaluate", bundle, "--data", training, "--json")
    assert {each["file"] for each in scored.json["results"]} == {"int8.onnx", "baseline/float32.onnx"}

    in_torch = cli("evaluate", out, "--data", training, "--json")
    assert [each["examples"] for each in in_torch.json["results"]] == [60]
    answers = cli("predict", f"{out}/", *fakes.TEXTS, "--json")
    assert [answer["text"] for answer in answers.json] == list(fakes.TEXTS)
    assert {answer["label"] for answer in answers.json} <= set(fakes.LABELS)

    tuned = tmp_path / "tuned"
    outcome = cli("finetune", out, "--train", training, "--out", tuned, "--epochs", "1", "--max-length", "32")
    assert outcome.code == 0, outcome.err
    assert load_model(tuned).checkpoint.architecture == made.architecture
    assert weights(tuned) != weights(out)

    again = tmp_path / "again"
    outcome = cli("prune", out, "--train", training, "--out", again, "--keep", "0.8")
    assert outcome.code == 0, outcome.err
    assert row(outcome.out, "heads")[0] == "4, 4"
    record = load_model(again).checkpoint.pruning
    assert record.original == load_model(fakes.shared_checkpoint()).checkpoint.architecture
    assert record.macs_share < made.pruning.macs_share


def test_texts_without_labels_are_enough(cli, tmp_path, training, texts):
    """Lines of a .txt do; labels change the ranking, so the weights differ from those with them."""
    words = ("prune", fakes.shared_checkpoint(), "--keep", "0.5", "--train")
    plain = cli(*words, texts, "--out", tmp_path / "plain", "--distill", "1", "--json")
    labelled = cli(*words, training, "--out", tmp_path / "labelled", "--distill", "1", "--json")
    assert (plain.code, labelled.code) == (0, 0)
    assert plain.json["pruning"]["train"]["examples"] == 60
    assert plain.json["pruning"]["distillation"]["labelled"] is False
    assert labelled.json["pruning"]["distillation"]["labelled"] is True
    assert weights(tmp_path / "plain") != weights(tmp_path / "labelled")


def test_other_columns_are_named(cli, tmp_path, training):
    """--text-column and --label-column find the same texts, and the model is the same."""
    other = fakes.write_data(tmp_path / "other.tsv.gz", rows(), columns=("words", "mood"))
    words = ("prune", fakes.shared_checkpoint(), "--train")
    assert cli(*words, training, "--out", tmp_path / "one").code == 0
    named = ("--text-column", "words", "--label-column", "mood")
    assert cli(*words, other, "--out", tmp_path / "two", *named).code == 0
    assert weights(tmp_path / "one") == weights(tmp_path / "two")


def test_distill_says_how_far_it_got(cli, tmp_path, training):
    """--distill 1 trains for an epoch; the note gives the agreement before and after, and no state is left."""
    out = tmp_path / "pruned"
    outcome = cli("prune", fakes.shared_checkpoint(), "--train", training, "--out", out, "--distill", "1")
    assert outcome.code == 0, outcome.err
    found = load_model(out).checkpoint.pruning.distillation
    assert (found.epochs, found.held_out) == (1.0, 3)
    assert (
        f"{100 * found.agreement_after:.1f} % of 3 held-out texts ({100 * found.agreement_before:.1f} %" in outcome.out
    )
    assert "distilling" in outcome.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pruned", "train.csv"]


def test_the_vocabulary_keeps_what_both_files_use(cli, tmp_path):
    """Tokens of the training texts and of each --vocabulary file stay, unused words go, characters stay."""
    used, more, gone = "good", "battery", "awful"
    train = plain_texts(
        tmp_path / "train.txt", [f"{used} {letter} {digit}" for letter in "abcdefg" for digit in range(9)]
    )
    first = plain_texts(tmp_path / "first.txt", [more])
    second = fakes.write_data(tmp_path / "second.csv", [("screen", "no label of the model")])
    words = ("prune", fakes.shared_checkpoint(), "--train", train, "--keep", "1")
    vocabulary = ("--vocabulary", first, "--vocabulary", second)
    outcome = cli(*words, "--out", tmp_path / "pruned", *vocabulary)
    assert outcome.code == 0, outcome.err
    kept = load_model(tmp_path / "pruned").tokenizer.get_vocab()
    assert {used, more, "screen", *fakes.SPECIALS, "z"} <= set(kept)
    assert gone not in kept
    assert row(outcome.out, "tokens ") == [str(len(fakes.VOCABULARY)), str(len(kept))]
    assert row(outcome.out, "unknown words") == ["0.00 %", "0.00 %"]
    assert "texts that had no say" in outcome.out

    alone = cli(*words, "--out", tmp_path / "alone", "--vocabulary", train)
    assert alone.code == 0, alone.err
    fewer = set(load_model(tmp_path / "alone").tokenizer.get_vocab())
    assert set(kept) - fewer == {more, "screen"}


def test_without_vocabulary_no_token_goes(cli, tmp_path, training):
    """The cut is asked for by a file, never by default."""
    outcome = cli("prune", fakes.shared_checkpoint(), "--train", training, "--out", tmp_path / "pruned")
    assert "unknown words" not in outcome.out
    before = load_model(fakes.shared_checkpoint()).tokenizer.get_vocab()
    assert load_model(tmp_path / "pruned").tokenizer.get_vocab() == before


def test_a_latency_table_is_measured_once(cli, tmp_path, training, larger):
    """The first command writes the table, the second reads it, times nothing, and makes the same model."""
    table = tmp_path / "tables" / "here.json"
    words = ("prune", larger, "--train", training, "--latency-share", "0.9", "--latency-table", table)
    first = cli(*words, "--out", tmp_path / "one", "--json")
    assert first.code == 0, first.err
    assert "timing" in first.err
    assert first.json["pruning"]["budget"] == "latency"
    assert first.json["pruning"]["keep"] == 0.9
    assert (read_table(table).hidden, read_table(table).runtime) == (64, "onnxruntime")
    content = table.read_bytes()
    second = cli(*words, "--out", tmp_path / "two", "--json")
    assert second.code == 0, second.err
    assert "timing" not in second.err
    assert table.read_bytes() == content
    assert weights(tmp_path / "one") == weights(tmp_path / "two")
    assert second.json["pruning"] == first.json["pruning"]
    assert [path.name for path in table.parent.iterdir()] == ["here.json"]


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
        (("--keep", "0"), "not a share"),
        (("--keep", "1.5"), "not a share"),
        (("--keep", "nan"), "not a share"),
        (("--keep", "-0.5"), "not a share"),
        (("--keep", "half"), "--keep"),
        (("--keep", "0.01"), "one head and up to 16 neurons in each of 2 layers"),
        (("--keep", "0.5", "--latency-share", "0.5"), "--keep and --latency-share"),
        (("--latency-table", "here.json"), "--latency-share"),
        (("--distill", "-1"), "distill is -1"),
        (("--distill", "nan"), "distill is nan"),
        (("--distill", "inf"), "inf"),
        (("--distill", "1", "--learning-rate", "7"), "learning_rate is 7"),
        (("--distill", "1", "--learning-rate", "nan"), "learning_rate is nan"),
        (("--seed", "-4"), "seed is -4"),
        (("--seed", str(2**32)), "seed is"),
        (("--vocabulary", "no-such.txt"), "no-such.txt"),
        (("--text-column", "nope"), "nope"),
        (("--label-column", "nope"), "nope"),
    ],
)
def test_options_that_cannot_be(refused, tmp_path, training, words, message):
    """One line names what is wrong, before or after work was done, and no folder is there."""
    said = refused(fakes.shared_checkpoint(), "--train", training, "--out", tmp_path / "out", *words)
    assert message in said


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
    said = refused(fakes.shared_checkpoint(), "--train", path, "--out", tmp_path / "out")
    assert message in said
    assert name in said


def test_a_model_that_is_none(refused, tmp_path, training):
    """An empty folder, a missing one, a bundle: the same words as everywhere, exit 3 only without the network."""
    (tmp_path / "empty").mkdir()
    for path in (tmp_path / "empty", tmp_path / "gone", tmp_path / "train.csv"):
        refused(path, "--train", training, "--out", tmp_path / "out")
    said = refused("someone/some-model", "--train", training, "--out", tmp_path / "out", code=3)
    assert "Hub cannot be reached" in said


def test_an_output_that_exists(refused, cli, tmp_path, training):
    """A checkpoint is replaced by --force only, and another folder never."""
    out, other = tmp_path / "out", tmp_path / "other"
    other.mkdir()
    (other / "mine.txt").write_text("mine", encoding="utf-8")
    assert cli("prune", fakes.shared_checkpoint(), "--train", training, "--out", out).code == 0
    before = weights(out)
    assert "--force" in refused(fakes.shared_checkpoint(), "--train", training, "--out", out)
    assert "no config.json" in refused(fakes.shared_checkpoint(), "--train", training, "--out", other, "--force")
    assert weights(out) == before
    words = ("--train", training, "--out", out, "--keep", "0.8", "--force")
    assert cli("prune", fakes.shared_checkpoint(), *words).code == 0
    assert load_model(out).checkpoint.pruning.keep == 0.8


def test_a_latency_table_that_does_not_fit(refused, cli, tmp_path, training, larger):
    """A table of another shape, of smaller widths, no table, and one that leaves too little are each one line."""
    table = tmp_path / "table.json"
    words = ("--train", training, "--latency-table", table)
    assert cli("prune", larger, *words, "--latency-share", "1", "--out", tmp_path / "whole").code == 0
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
    words = ["prune", fakes.shared_checkpoint(), "--train", training, "--out", tmp_path / "out"]
    command = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert CLEAR.fullmatch(done.stderr)
    assert "hint: pip install 'edgebert[" in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["train.csv"]


@pytest.mark.parametrize("more", [[], ["--distill", "2"]], ids=["checkpoint", "state"])
def test_a_disk_with_no_room(tmp_path, training, more):
    """Checkpoint or state of the training: exit 3, one line, and no folder under the final name."""
    code = (
        "import resource, sys\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "from edgebert.cli.app import main\n"
        "main(sys.argv[1:])\n"
    )
    words = ["prune", fakes.shared_checkpoint(), "--train", training, "--out", tmp_path / "out", *more]
    command = [sys.executable, "-c", code, *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3, done.stderr
    assert CLEAR.fullmatch(done.stderr[done.stderr.index("error: ") :])
    assert "no room left on the disk" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
    assert not [path.name for path in tmp_path.iterdir() if ".partial-" in path.name]


def wait_for_step(state: Path, step: int, started: subprocess.Popen[str]) -> None:
    """Return when the state of a training on disk is ``step`` steps old."""
    limit = time.monotonic() + 120
    while time.monotonic() < limit:
        assert started.poll() is None, "the program ended before it was stopped"
        record = state / "training.json"
        if record.exists() and json.loads(record.read_text(encoding="utf-8"))["step"] >= step:
            return
        time.sleep(0.005)
    pytest.fail("the program never kept a state")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return what the library makes when nobody stops it."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    train = fakes.write_data(folder / "train.csv", rows())
    options = PruneOptions(keep=0.6, distill=float(EPOCHS))
    prune(fakes.shared_checkpoint(), train, folder / "out", options=options)
    return folder / "out"


@pytest.mark.parametrize(("number", "left"), [(signal.SIGKILL, 1), (signal.SIGINT, 0)], ids=["kill", "ctrl-c"])
def test_a_stopped_distillation_goes_on(cli, program, tmp_path, training, uninterrupted, number, left):
    """The same command finishes what was stopped, to the very weights of one that never was, and clears up."""
    (tmp_path / "work").mkdir()
    out, state = tmp_path / "work" / "out", tmp_path / "work" / "out.state"
    words = ("prune", fakes.shared_checkpoint(), "--train", training, "--keep", "0.6", "--distill", EPOCHS)
    started = program(*words, "--out", out)
    wait_for_step(state, EPOCHS // 4, started)
    started.send_signal(number)
    _, said = started.communicate(timeout=120)
    assert started.returncode == (-number if left else 130)
    assert not out.exists()
    names = sorted(path.name for path in out.parent.iterdir())
    assert len([name for name in names if name.startswith(".out.partial-")]) == left
    assert len(names) == left + 1  # beside it the state, for the next one
    if not left:
        assert said.splitlines()[-1] == "interrupted; nothing was left half-written"
        assert "Traceback" not in said

    resumed = cli(*words, "--out", out)
    assert resumed.code == 0, resumed.err
    # Two steps an epoch, and a step is counted only where the distillation did not begin anew.
    begun = next(line for line in resumed.err.splitlines() if line.startswith("distilling"))
    counted = re.fullmatch(rf"distilling (\d+)/{2 * EPOCHS}", begun)
    assert counted, begun
    assert int(counted[1]) >= EPOCHS // 4
    assert [path.name for path in out.parent.iterdir()] == ["out"]

    for name in ("model.safetensors", "pruning.json"):
        assert (out / name).read_bytes() == (uninterrupted / name).read_bytes()
