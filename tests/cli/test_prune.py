"""Pruning as a user does it: what the command shows and makes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from edgebert.architecture import Architecture, Pruning
from edgebert.bundle import open_bundle
from edgebert.checkpoint import load_model
from edgebert.cli.layout import in_each_layer
from edgebert.jsonio import from_plain, parse
from edgebert.pruning.latency import read_table
from tests.cli.prune_files import plain_texts, rows, weights
from tests.support import fakes


def row(shown: str, name: str) -> list[str]:
    """Return the cells of a row of a printed table, found by its first one."""
    line = next(line for line in shown.splitlines() if line.strip().startswith(name))
    return re.split(r"\s{2,}", line.strip())[1:]


@pytest.fixture
def texts(tmp_path: Path) -> Path:
    """Return the same texts without labels."""
    return plain_texts(tmp_path / "train.txt", [text for text, _ in rows()])


def test_the_table_shows_before_and_after(cli, tmp_path, training):
    """Layers, heads, neurons, tokens and work of both stand side by side; notes go to standard error."""
    out = tmp_path / "pruned"
    outcome = cli("prune", fakes.shared_checkpoint(), "--train", training, "--keep", "0.5", "--out", out)
    assert outcome.code == 0, outcome.err
    made = load_model(out).checkpoint
    assert re.split(r"\s{2,}", outcome.out.strip().splitlines()[0].strip()) == ["before", "after"]
    for name, before, after in (
        ("layers", "2", str(made.architecture.layers)),
        ("heads", "4 in each layer", in_each_layer(made.architecture.heads)),
        ("neurons", "64 in each layer", in_each_layer(made.architecture.neurons)),
        ("tokens", str(len(fakes.VOCABULARY)), str(len(fakes.VOCABULARY))),
        ("multiply-accumulates", "100.0 %", f"{100 * made.pruning.macs_share:.1f} %"),
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
    words = ("--keep", "0.6", "--distill", "1", "--cut-vocabulary", "--keep-tokens-of", texts, "--seed", "3", "--json")
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
    scored = cli("evaluate", bundle, "--eval", training, "--json")
    assert {each["file"] for each in scored.json["results"]} == {"int8.onnx", "baseline/float32.onnx"}

    in_torch = cli("evaluate", out, "--eval", training, "--json")
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
    assert row(outcome.out, "heads")[0] == "4 in each layer"
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
    words = ("prune", fakes.shared_checkpoint(), "--keep", "0.5", "--train")
    assert cli(*words, training, "--out", tmp_path / "one").code == 0
    named = ("--text-column", "words", "--label-column", "mood")
    assert cli(*words, other, "--out", tmp_path / "two", *named).code == 0
    assert weights(tmp_path / "one") == weights(tmp_path / "two")


def test_distill_says_how_far_it_got(cli, tmp_path, training):
    """--distill 1 trains for an epoch; the note gives the agreement before and after, and no state is left."""
    out = tmp_path / "pruned"
    outcome = cli(
        "prune", fakes.shared_checkpoint(), "--train", training, "--keep", "0.5", "--out", out, "--distill", "1"
    )
    assert outcome.code == 0, outcome.err
    found = load_model(out).checkpoint.pruning.distillation
    assert (found.epochs, found.held_out) == (1.0, 3)
    assert (
        f"{100 * found.agreement_after:.1f} % of 3 held-out texts ({100 * found.agreement_before:.1f} %" in outcome.out
    )
    assert "distilling" in outcome.err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pruned", "train.csv"]


def test_the_vocabulary_keeps_what_both_files_use(cli, tmp_path):
    """Tokens of the training texts and of each --keep-tokens-of file stay, unused words go, characters stay."""
    used, more, gone = "good", "battery", "awful"
    train = plain_texts(
        tmp_path / "train.txt", [f"{used} {letter} {digit}" for letter in "abcdefg" for digit in range(9)]
    )
    first = plain_texts(tmp_path / "first.txt", [more])
    second = fakes.write_data(tmp_path / "second.csv", [("screen", "no label of the model")])
    words = ("prune", fakes.shared_checkpoint(), "--train", train, "--keep", "1")
    vocabulary = ("--cut-vocabulary", "--keep-tokens-of", first, "--keep-tokens-of", second)
    outcome = cli(*words, "--out", tmp_path / "pruned", *vocabulary)
    assert outcome.code == 0, outcome.err
    kept = load_model(tmp_path / "pruned").tokenizer.get_vocab()
    assert {used, more, "screen", *fakes.SPECIALS, "z"} <= set(kept)
    assert gone not in kept
    assert row(outcome.out, "tokens ") == [str(len(fakes.VOCABULARY)), str(len(kept))]
    assert row(outcome.out, "unknown words") == ["0.00 %", "0.00 %"]
    assert "texts that were held out of it" in outcome.out

    alone = cli(*words, "--out", tmp_path / "alone", "--cut-vocabulary")
    assert alone.code == 0, alone.err
    fewer = set(load_model(tmp_path / "alone").tokenizer.get_vocab())
    assert set(kept) - fewer == {more, "screen"}


def test_without_vocabulary_no_token_goes(cli, tmp_path, training):
    """The cut is asked for by a file, never by default."""
    outcome = cli(
        "prune", fakes.shared_checkpoint(), "--train", training, "--keep", "0.5", "--out", tmp_path / "pruned"
    )
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
