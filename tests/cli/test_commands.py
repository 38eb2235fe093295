"""Each command does its work, says it for people and for programs, and leaves with the right code."""

from __future__ import annotations

import io
import json
import re
import sys
import tomllib
from dataclasses import fields, replace
from pathlib import Path

import pytest
import transformers

from edgebert.bundle import open_bundle
from edgebert.checkpoint import load_model
from edgebert.cli.checking import _inspection_head
from edgebert.cli.exporting import show_files
from edgebert.jsonio import dumps
from edgebert.manifest import Score
from edgebert.recipe import built_in_recipes, load_recipe
from tests.support import commands, fakes, tiny_files

COMMANDS = (
    "bench",
    "check",
    "compare",
    "demo",
    "devices",
    "doctor",
    "embed",
    "emulator setup",
    "evaluate",
    "export",
    "finetune",
    "import-bert",
    "inspect",
    "plan",
    "predict",
    "prune",
    "recipes",
    "report",
    "sign",
    "strip",
    "verify",
    "worker build",
)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    return fakes.write_data(
        tmp_path / "dev.tsv",
        [(text, index % 2) for index, text in enumerate(fakes.TEXTS)],
        columns=("sentence", "label"),
    )


def feed(monkeypatch: pytest.MonkeyPatch, content: bytes) -> None:
    """Put bytes on standard input."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content), encoding="utf-8"))


def test_the_commands_are_these():
    """A new command gets a test here."""
    assert tuple(sorted(commands.COMMANDS)) == COMMANDS


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help_with_an_example(cli, command):
    """--help and -h show what it does and a line to copy."""
    outcome = cli(*command.split(), "--help")
    assert outcome.code == 0
    assert f"  $ edgebert {command}" in outcome.out
    assert outcome == cli(*command.split(), "-h")


@pytest.mark.parametrize("words", [[], ["--help"], ["-h"]])
def test_without_a_command_the_commands_are_listed(cli, words):
    """Nothing to do is no error."""
    outcome = cli(*words)
    assert outcome.code == 0
    assert all(command.partition(" ")[0] in outcome.out for command in COMMANDS)


def test_the_version_is_that_of_the_package(cli):
    """edgebert --version."""
    from importlib import metadata

    assert cli("--version").out == f"edgebert {metadata.version('edgebert')}\n"


def test_export_shows_one_table_and_leaves_the_bundle(cli, tmp_path, data):
    """File, size, accuracy, change and agreement of every file; notes go to stderr."""
    out = tmp_path / "bundle"
    outcome = cli("export", fakes.shared_checkpoint(), "--out", out, "--lengths", "16", "--eval", data)
    assert outcome.code == 0
    bundle = open_bundle(out)
    for item in bundle.manifest.artifacts:
        line = next(line for line in outcome.out.splitlines() if line.split()[:1] == [item.file])
        assert f"{100 * item.score.value:.2f}" in line
    assert outcome.out.splitlines()[0].split("  ")[0] == "file"
    for column in ("size MB", "accuracy %", "change", "agreement"):
        assert column in outcome.out
    assert f"wrote {out}" in outcome.err
    assert "writing int8.tflite" in outcome.err
    assert bundle.manifest.evaluation.examples == len(fakes.TEXTS)


def test_all_columns_are_shown_on_request(capsys):
    """--wide adds runtime, share and parity to the table of an export, and says what parity is."""
    bundle = open_bundle(fakes.shared_bundle())
    show_files(bundle)
    narrow = capsys.readouterr().out
    show_files(bundle, wide=True)
    out = capsys.readouterr().out
    assert not [word for word in ("runtime", "of FP32", "parity") if word in narrow]
    rows = [line.split() for line in out.splitlines()]
    assert [word for word in ("runtime", "of FP32", "parity") if word not in out] == []
    assert [row[0] for row in rows[2:6]] == [item.file for item in (*bundle.shipped, *bundle.baseline)]
    assert rows[4][1] == bundle.baseline[0].verified[0].runtime
    assert " ".join(rows[4][4:6]) == "100.0 %"
    assert out.splitlines()[-1].startswith("parity: the largest difference")


def test_files_are_in_the_same_order_everywhere(cli, data):
    """What ships first, then the baselines: in evaluate, inspect, export and the card."""
    bundle = open_bundle(fakes.shared_bundle())
    files = [item.file for item in (*bundle.shipped, *bundle.baseline)]
    evaluated = cli("evaluate", bundle.root, "--eval", data, "--json").json
    assert [each["file"] for each in evaluated["results"]] == files
    inspected = cli("inspect", bundle.root).out.splitlines()
    start = next(index for index, line in enumerate(inspected) if line.startswith("file "))
    assert [line.split()[0] for line in inspected[start + 2 : start + 6]] == files
    card = bundle.path("README.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| `(\S+)` \|", card, flags=re.MULTILINE) == files


def test_export_says_when_accuracy_was_not_measured(cli, tmp_path):
    """Without --eval the cells are empty and a note says how to fill them."""
    outcome = cli("export", fakes.shared_checkpoint(), "--out", tmp_path / "b", "--formats", "onnx", "--lengths", "8")
    assert outcome.code == 0
    assert "--eval" in outcome.err


def test_export_as_json_is_the_manifest(cli, tmp_path):
    """Standard output holds edgebert.json and nothing else."""
    words = ("--formats", "onnx", "--lengths", "16,8,8", "--json")
    outcome = cli("export", fakes.shared_checkpoint(), "--out", tmp_path / "b", *words)
    assert outcome.code == 0
    assert outcome.out == (tmp_path / "b" / "edgebert.json").read_text(encoding="utf-8")
    assert outcome.json["text"]["lengths"] == [8, 16]


def test_export_reads_other_columns(cli, tmp_path):
    """--text-column and --label-column name them."""
    data = fakes.write_data(tmp_path / "dev.csv.gz", [("good", "positive"), ("bad", "negative")], columns=("a", "b"))
    words = (
        "--formats",
        "onnx",
        "--lengths",
        "8",
        "--eval",
        data,
        "--text-column",
        "a",
        "--label-column",
        "b",
        "--json",
    )
    outcome = cli("export", fakes.shared_checkpoint(), "--out", tmp_path / "b", *words)
    assert outcome.json["evaluation"]["examples"] == 2


def test_export_takes_a_recipe_file(cli, tmp_path):
    """The recipe in the manifest is the one of the file."""
    recipe = tmp_path / "mine.toml"
    recipe.write_text(
        'name = "mine"\ndescription = "one small file"\nlengths = [8]\n\n'
        '[[targets]]\nformat = "onnx"\nprecision = "int8"\n',
        encoding="utf-8",
    )
    outcome = cli("export", fakes.shared_checkpoint(), "--out", tmp_path / "b", "--recipe", recipe, "--json")
    assert outcome.json["recipe"]["name"] == "mine"


def test_evaluate_as_json_has_the_documented_fields(cli, data):
    """One object for each file, baselines with nulls where there is nothing to compare with."""
    outcome = cli("evaluate", fakes.shared_bundle(), "--eval", data, "--json")
    assert outcome.code == 0
    assert set(outcome.json) == {"results", "truncated", "chance", "labels_read_as_ids", "label_changes"}
    changes = outcome.json["label_changes"]
    assert {(item["file"], item["label"]) for item in changes} == {
        (file, label) for file in ("int8.onnx", "int8.tflite") for label in fakes.LABELS
    }
    assert set(changes[0]) == {"file", "label", "expected", "before", "after"}
    assert (outcome.json["chance"], outcome.json["labels_read_as_ids"]) == (0.5, True)
    documented = {
        "file",
        "runtime",
        "metric",
        "value",
        "low",
        "high",
        "examples",
        "baseline",
        "difference",
        "difference_low",
        "difference_high",
        "agreement",
        "flips",
        "mcnemar_p",
    }
    assert documented == {field.name for field in fields(Score)}
    assert all(set(result) == documented for result in outcome.json["results"])
    assert len(outcome.json["results"]) == 4
    assert [result["difference"] is None for result in outcome.json["results"]] == [False, False, True, True]


def test_evaluate_shows_a_row_for_each_file(cli, data):
    """Values in percent with their intervals; the heading is the metric."""
    words = ("--eval", data, "--file", "int8.onnx", "--metric", "macro_f1")
    outcome = cli("evaluate", fakes.shared_bundle(), *words)
    assert outcome.code == 0
    assert "macro F1 %" in outcome.out
    assert not [word for word in ("runtime", "flips") if word in outcome.out]
    assert "flips" in cli("evaluate", fakes.shared_bundle(), *words, "--wide").out
    assert "int8.onnx" in outcome.out
    assert "int8.tflite" not in outcome.out


def test_evaluate_takes_a_checkpoint(cli, data):
    """In torch."""
    outcome = cli("evaluate", fakes.shared_checkpoint(), "--eval", data, "--runtime", "torch", "--json")
    assert [(each["file"], each["runtime"]) for each in outcome.json["results"]] == [("checkpoint", "torch")]


def test_evaluate_notes_texts_that_were_cut(cli, tmp_path):
    """On stderr, with their number."""
    data = fakes.write_data(tmp_path / "long.csv", [("good " * 50, 0), ("bad", 1)])
    outcome = cli("evaluate", fakes.shared_bundle(), "--eval", data, "--file", "int8.onnx")
    assert "1 text was longer than the longest input and cut there\n" in outcome.err


def test_inspect_shows_what_is_inside(cli):
    """Sizes by part, operators, inputs and outputs, lengths and versions of every file."""
    outcome = cli("inspect", fakes.shared_bundle())
    assert outcome.code == 0
    words = " ".join(outcome.out.split())
    for file in ("int8.onnx", "int8.tflite", "baseline/float32.onnx", "baseline/float32.tflite"):
        assert file in words
    for part in ("embeddings", "attention", "feed_forward", "head", "other"):
        assert words.count(part) >= 4
    for fact in ("input_ids int64[batch, length]", "input_ids int32[1, length]", "logits float32", "8, 16"):
        assert fact in words
    for fact in ("opset 17, IR 8", "MatMulInteger", "FULLY_CONNECTED", "negative, positive", "sha256"):
        assert fact in words


def test_inspect_shows_the_first_of_many_labels(cli, tmp_path):
    """The number and five of them; --wide shows all."""
    manifest = tiny_files.make_manifest()
    labels = tuple(f"label{number}" for number in range(77))
    short, long = (dict(_inspection_head(replace(manifest, labels=labels), wide=wide)) for wide in (False, True))
    assert short["labels"] == "77: label0, label1, label2, label3, label4 and 72 more"
    assert long["labels"] == ", ".join(labels)
    assert dict(_inspection_head(manifest, wide=False))["labels"] == "negative, positive"


def test_inspect_of_an_empty_model_file(cli, tmp_path):
    """A file without a byte has no shares to show, and is no fault of the program's."""
    tiny_files.write_bundle(tmp_path / "bundle")
    fakes.replace_artifact(tmp_path / "bundle", "int8.onnx", b"")
    outcome = cli("inspect", tmp_path / "bundle")
    assert "unexpected" not in outcome.err
    assert outcome.code in {0, 1}


def test_inspect_as_json_is_the_manifest(cli):
    """What inspect knows stands in edgebert.json."""
    assert cli("inspect", fakes.shared_bundle(), "--json").out == (fakes.shared_bundle() / "edgebert.json").read_text(
        encoding="utf-8"
    )


def test_verify_passes_a_whole_bundle(cli):
    """Every line is ok, exit 0."""
    outcome = cli("verify", fakes.shared_bundle())
    assert (outcome.code, outcome.err) == (0, "")
    assert {line.split()[0] for line in outcome.out.splitlines()} == {"ok"}
    outcome = cli("verify", fakes.shared_bundle(), "--json", "--runtime", "litert", "--runtime", "onnxruntime")
    assert outcome.json["ok"] is True
    assert {check["runtime"] for check in outcome.json["checks"]} == {None, "litert", "onnxruntime"}


def test_verify_names_what_failed_and_exits_1(cli, tmp_path):
    """All faults are listed; the error line counts and names them; JSON says the same."""
    bundle = fakes.copy_of(fakes.shared_bundle(), tmp_path / "bundle")
    fakes.flip_byte(bundle / "int8.onnx")
    (bundle / "vocab.txt").unlink()
    outcome = cli("verify", bundle)
    assert outcome.code == 1
    failed = [line.split()[2] for line in outcome.out.splitlines() if line.startswith("FAILED")]
    assert failed == ["int8.onnx:", "vocab.txt:"]
    assert outcome.err.startswith(f"error: {bundle}: 2 of ")
    assert outcome.err.endswith("checks failed: int8.onnx, vocab.txt\n")
    outcome = cli("verify", bundle, "--json")
    assert outcome.code == 1
    assert outcome.json["ok"] is False
    keys = {"what", "file", "runtime", "ok", "detail", "hint"}
    assert all(set(check) == keys for check in outcome.json["checks"])


def test_recipes_lists_and_prints_them(cli):
    """The list has every built-in recipe; the printed one is TOML that loads as the same recipe."""
    listed = cli("recipes").out
    for recipe in built_in_recipes():
        assert recipe.name in listed
        printed = cli("recipes", recipe.name).out
        assert tomllib.loads(printed)["name"] == recipe.name
        assert cli("recipes", recipe.name, "--json").out == dumps(load_recipe(recipe.name))
    assert [each["name"] for each in cli("recipes", "--json").json] == [recipe.name for recipe in built_in_recipes()]


def test_doctor_says_the_same_to_people_and_programs(cli):
    """A finding has topic, status, detail and hint; clashes are exit 3, else 0."""
    plain, outcome = cli("doctor"), cli("doctor", "--json")
    assert plain.code == outcome.code == (3 if any(each["status"] == "clash" for each in outcome.json) else 0)
    for each in outcome.json:
        assert set(each) == {"topic", "status", "detail", "hint"}
        assert each["detail"] in plain.out
        assert each["hint"] in plain.out
    assert any("onnxruntime" in each["topic"] for each in outcome.json)


def test_finetune_then_export_is_one_road(cli, tmp_path):
    """An encoder without a head becomes a checkpoint with the labels of the data, which exports."""
    encoder = tmp_path / "encoder"
    folder = fakes.tiny_checkpoint(tmp_path / "whole", hidden=16, heads=2, neurons=16, layers=1)
    transformers.DistilBertForSequenceClassification.from_pretrained(folder).distilbert.save_pretrained(encoder)
    fakes.write_tokenizer(encoder)
    train = fakes.write_data(tmp_path / "train.csv", [(text, "yes" if "a" in text else "no") for text in fakes.TEXTS])
    model = tmp_path / "model"
    words = ("--epochs", "1", "--batch-size", "4", "--max-length", "16", "--learning-rate", "1e-3", "--seed", "3")
    outcome = cli("finetune", encoder, "--train", train, "--eval", train, "--out", model, *words, "--json")
    assert outcome.code == 0, outcome.err
    assert outcome.json["labels"] == ["no", "yes"]
    assert outcome.json["train_examples"] == len(fakes.TEXTS)
    assert sum(outcome.json["data"]["labels"].values()) == len(fakes.TEXTS)
    assert f"train.csv: {len(fakes.TEXTS)} examples" in outcome.err
    assert 0 <= outcome.json["score"]["value"] <= 1
    assert load_model(model).checkpoint.labels == ("no", "yes")
    outcome = cli("export", model, "--out", tmp_path / "bundle", "--formats", "onnx", "--lengths", "8", "--json")
    assert outcome.json["labels"] == ["no", "yes"]


def test_import_bert_writes_a_distilbert(cli, tmp_path):
    """The folder is a DistilBERT encoder, and an existing one is replaced only by force."""
    config = transformers.BertConfig(
        vocab_size=len(fakes.VOCABULARY),
        hidden_size=8,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=8,
        max_position_embeddings=16,
    )
    transformers.BertModel(config).save_pretrained(tmp_path / "bert")
    fakes.write_tokenizer(tmp_path / "bert")
    fakes.edit_json(tmp_path / "bert" / "tokenizer_config.json", tokenizer_class="BertTokenizer")
    out = tmp_path / "base"
    outcome = cli("import-bert", tmp_path / "bert", "--out", out)
    assert (outcome.code, outcome.out) == (0, f"wrote {out}\n")
    assert json.loads((out / "config.json").read_text(encoding="utf-8"))["model_type"] == "distilbert"
    assert cli("import-bert", tmp_path / "bert", "--out", out).code == 2
    assert cli("import-bert", tmp_path / "bert", "--out", out, "--force").code == 0


def test_demo_wants_both_files_of_your_own(cli, tmp_path, data):
    """--train without --eval is a usage error, found before anything is made."""
    outcome = cli("demo", "--out", tmp_path / "demo", "--train", data)
    assert outcome.code == 2
    assert "--train and --eval go together" in outcome.err
    assert not (tmp_path / "demo").exists()
