"""Every refusal is one clear line, a hint at most, the right exit code, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from safetensors.numpy import load_file, save_file

from edgebert.errors import install_line
from tests.support import fakes
from tests.support.commands import CLEAR
from tests.support.full_disk import files_of_at_most


@pytest.fixture
def refused(cli, tmp_path):
    """Return a function that runs a command, checks the form of its refusal, and returns its message."""

    def run(*words: object, code: int = 2) -> str:
        before = sorted(tmp_path.rglob("*"))
        outcome = cli(*words)
        lines = outcome.err.splitlines(keepends=True)
        start = next((index for index, line in enumerate(lines) if line.startswith("error: ")), None)
        assert start is not None, outcome.err
        assert CLEAR.fullmatch("".join(lines[start:])), outcome.err
        assert "Traceback" not in outcome.err
        assert outcome.code == code, outcome.err
        assert outcome.out == ""
        assert sorted(tmp_path.rglob("*")) == before
        return "".join(lines[start:])

    return run


def without_head(folder: Path) -> None:
    """Remove the layers of the classifier, as in a checkpoint that was only pre-trained."""
    file = folder / "model.safetensors"
    tensors = {name: value for name, value in load_file(file).items() if "classifier" not in name}
    save_file(tensors, file, metadata={"format": "pt"})
    fakes.edit_json(folder / "config.json", architectures=["DistilBertForMaskedLM"])


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return fakes.copy_of(fakes.shared_checkpoint(), tmp_path / "model")


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    return fakes.copy_of(fakes.shared_bundle(), tmp_path / "bundle")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["nonsense"], "nonsense"),
        (["exprot"], "exprot"),
        (["--nonsense"], "--nonsense"),
        (["export"], "model"),
        (["export", "m"], "out"),
        (["export", "m", "--out"], "--out"),
        (["export", "m", "--out", "o", "--nonsense"], "--nonsense"),
        (["export", "m", "n", "--out", "o"], "n"),
        (["export", "m", "--out", "o", "--json=yes"], "--json"),
        (["evaluate", "b"], "--eval"),
        (["predict"], "target"),
        (["inspect"], "bundle"),
        (["inspect", "a", "b"], "b"),
        (["verify", "--runtime"], "--runtime"),
        (["finetune", "m", "--train", "t", "--out", "o", "--epochs", "many"], "--epochs"),
        (["finetune", "m", "--train", "t", "--out", "o", "--batch-size", "1.5"], "--batch-size"),
        (["finetune", "m", "--train", "t", "--out", "o", "--seed", "x"], "--seed"),
        (["import-bert", "f"], "out"),
        (["recipes", "nope"], "nope"),
        (["recipes", "./nope.toml"], "nope.toml"),
        (["doctor", "now"], "now"),
    ],
)
def test_a_command_line_that_makes_no_sense(refused, words, message):
    """The word at fault is in the line, and the hint is where help is."""
    assert message in refused(*words)


@pytest.mark.parametrize("lengths", ["many", "", "16;32", "0", "-8", "7", "513", "8.5", "²", "9" * 5000, ",", "16,x"])
def test_lengths_that_are_none(refused, model, tmp_path, lengths):
    """Whole numbers from 8 to 512, separated by commas."""
    message = refused("export", model, "--out", tmp_path / "out", "--lengths", lengths)
    assert "length" in message


@pytest.mark.parametrize("formats", ["pt", "", "onnx,coreml", "ONNY"])
def test_formats_that_are_none(refused, model, tmp_path, formats):
    """onnx and tflite."""
    refused("export", model, "--out", tmp_path / "out", "--formats", formats)


@pytest.mark.parametrize("recipe", ["int4", "", "missing.toml", "."])
def test_recipes_that_are_none(refused, model, tmp_path, recipe):
    """The hint lists the built-in ones."""
    refused("export", model, "--out", tmp_path / "out", "--recipe", recipe)


def test_a_recipe_file_with_a_fault(refused, model, tmp_path):
    """The message names file and key."""
    recipe = tmp_path / "mine.toml"
    recipe.write_text('name = "x"\ndescription = "y"\nlengths = "all"\ntargets = []\n', encoding="utf-8")
    message = refused("export", model, "--out", tmp_path / "out", "--recipe", recipe)
    assert "mine.toml" in message
    assert "lengths" in message


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda folder: shutil.rmtree(folder), "no such folder"),
        (lambda folder: (folder / "config.json").unlink(), "no config.json"),
        (lambda folder: (folder / "config.json").write_text("{"), "not JSON"),
        (lambda folder: fakes.edit_json(folder / "config.json", model_type="bert"), "import-bert"),
        (lambda folder: fakes.edit_json(folder / "config.json", model_type="roberta"), "roberta"),
        (without_head, "finetune"),
        (lambda folder: (folder / "model.safetensors").unlink(), "no model.safetensors"),
        (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), "pickled"),
        (lambda folder: (folder / "model.safetensors").write_bytes(b"short"), "truncated or damaged"),
        (lambda folder: fakes.write_tokenizer(folder, (*fakes.VOCABULARY, "more")), "rows"),
    ],
)
@pytest.mark.parametrize("command", ["export", "predict"])
def test_a_checkpoint_that_cannot_be_used(refused, model, tmp_path, damage, message, command):
    """Refused by every command that takes one, with the same words."""
    damage(model)
    words = ("export", model, "--out", tmp_path / "out") if command == "export" else ("predict", f"{model}/", "good")
    assert message in refused(*words)


def test_a_checkpoint_without_a_tokenizer(refused, model, tmp_path):
    """Both of its files are named."""
    for name in ("tokenizer.json", "vocab.txt"):
        (model / name).unlink()
    assert "neither tokenizer.json nor vocab.txt" in refused("export", model, "--out", tmp_path / "out")


def test_a_hub_id_without_a_network(refused, tmp_path):
    """Exit 3: it is this machine that lacks something."""
    message = refused("export", "someone/some-model", "--out", tmp_path / "out", code=3)
    assert "Hub cannot be reached" in message


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("dev.csv", b"", "empty"),
        ("dev.csv", b"text\ngood\n", "only one column"),
        ("dev.tsv", b"text\tlabel\n", "no examples"),
        ("dev.csv", b"text,label\n\xff\xfe,1\n", "not UTF-8"),
        ("dev.csv", b"text,label\ngood,furious\n", "furious"),
        ("dev.csv", b"text,label\ngood,7\n", "unknown label"),
        ("dev.jsonl", b'{"text": "good"}\n', "label"),
        ("dev.txt", b"good\n", "unknown format"),
        ("dev.csv.gz", b"not gzip", "gzip"),
        ("missing.csv", None, "no such file"),
    ],
)
@pytest.mark.parametrize("command", ["export", "evaluate"])
def test_data_that_cannot_be_used(refused, model, tmp_path, name, content, message, command):
    """The line names the file."""
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    words = ("export", model, "--out", tmp_path / "out", "--eval", path)
    line = refused(*(words if command == "export" else ("evaluate", fakes.shared_bundle(), "--eval", path)))
    assert message in line
    assert name in line


@pytest.mark.parametrize("metric", ["", "f1"])
def test_metrics_that_are_none(refused, tmp_path, metric):
    """accuracy and macro_f1."""
    data = fakes.write_data(tmp_path / "dev.csv", [("good", 1), ("bad", 0)])
    assert "metric" in refused("evaluate", fakes.shared_bundle(), "--eval", data, "--metric", metric)


def test_an_output_that_exists(refused, model, bundle, tmp_path):
    """A folder is replaced by --force only, and only a bundle is; a file never is."""
    assert "--force" in refused("export", model, "--out", bundle)
    assert "no edgebert.json" in refused("export", model, "--out", model, "--force")
    file = tmp_path / "file"
    file.write_text("mine", encoding="utf-8")
    refused("export", model, "--out", file, "--force")
    assert file.read_text(encoding="utf-8") == "mine"


def test_an_output_that_cannot_be_made(refused, model, tmp_path):
    """Below a file, below /proc, or without a name."""
    (tmp_path / "file").write_text("", encoding="utf-8")
    for out in (tmp_path / "file" / "bundle", Path("/proc/edgebert/bundle"), Path("/"), Path()):
        refused("export", model, "--out", out)


@pytest.mark.skipif(os.geteuid() == 0, reason="no folder is closed to root")
def test_a_folder_without_permission(refused, model, tmp_path):
    """Nothing can be written there."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    assert "cannot be made" in refused("export", model, "--out", closed / "bundle")


@pytest.mark.parametrize(
    ("damage", "message", "code"),
    [
        (lambda root: fakes.flip_byte(root / "int8.onnx"), "int8.onnx", 1),
        (lambda root: (root / "golden.json").unlink(), "golden.json", 1),
        (lambda root: fakes.edit_json(root / "edgebert.json", schema=99), "schema 99", 1),
        (lambda root: fakes.edit_json(root / "edgebert.json", extra=1), "extra", 1),
        (lambda root: (root / "edgebert.json").write_text("{"), "edgebert.json", 1),
        (lambda root: (root / "edgebert.json").unlink(), "no config.json", 2),
    ],
)
def test_a_bundle_that_cannot_be_used(refused, bundle, damage, message, code):
    """predict refuses what is damaged (exit 1) and what is no bundle (exit 2)."""
    damage(bundle)
    if code == 2:
        (bundle / "config.json").unlink()
    assert message in refused("predict", bundle, "good", code=code)


def test_a_path_that_leaves_the_bundle(refused, bundle, tmp_path):
    """A manifest cannot make a command read elsewhere."""
    import json

    manifest = json.loads((bundle / "edgebert.json").read_text(encoding="utf-8"))
    manifest["files"][0]["file"] = "../secret"
    fakes.write_manifest(bundle / "edgebert.json", manifest)
    for command in ("inspect", "verify", "predict"):
        assert "leaves the bundle" in refused(command, bundle, *(["good"] if command == "predict" else []), code=1)


@pytest.mark.parametrize("command", ["inspect", "verify"])
def test_a_folder_that_is_no_bundle(refused, tmp_path, model, command):
    """A checkpoint, an empty folder, a file, nothing."""
    for path in (model, tmp_path, model / "config.json", tmp_path / "gone"):
        refused(command, path)


@pytest.mark.parametrize(
    "words",
    [
        ("--runtime", "tensorrt"),
        ("--runtime", "torch"),
        ("--file", "gone.onnx"),
        ("--file", "int8.onnx", "--runtime", "litert"),
    ],
)
def test_a_choice_that_a_bundle_does_not_offer(refused, tmp_path, words):
    """evaluate and predict say what there is."""
    data = fakes.write_data(tmp_path / "dev.csv", [("good", 1), ("bad", 0)])
    refused("evaluate", fakes.shared_bundle(), "--eval", data, *words)
    refused("predict", fakes.shared_bundle(), "good", *words)


def test_a_runtime_that_is_not_installed(refused):
    """Exit 3, and the hint is the pip line."""
    for words in (("predict", fakes.shared_bundle(), "good"), ("verify", fakes.shared_bundle())):
        message = refused(*words, "--runtime", "tflite-runtime", code=3)
        assert "hint: give it an environment of its own" in message
        assert "-m venv .venv-tflite-runtime" in message


def test_a_disk_with_no_room(refused, model, tmp_path):
    """A file that cannot grow further, as on a full disk, is exit 3 and one line, and the folder is gone."""
    words = ("export", model, "--out", tmp_path / "bundle", "--formats", "onnx", "--lengths", "8")
    with files_of_at_most(60_000):
        message = refused(*words, code=3)
    assert "no room left on the disk" in message
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_full_disk(model, tmp_path):
    """A file system of 100 kB in a mount namespace of its own: exit 3, one line, nothing left."""
    disk = tmp_path / "disk"
    disk.mkdir()
    code = (
        "import os, subprocess, sys\n"
        "model, disk = sys.argv[1:]\n"
        "mount = subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=100k', 'tmpfs', disk], capture_output=True)\n"
        "if mount.returncode:\n"
        "    sys.exit(77)\n"
        "from edgebert.cli.app import main\n"
        "try:\n"
        "    main(['export', model, '--out', os.path.join(disk, 'bundle'), '--formats', 'onnx', '--lengths', '8'])\n"
        "finally:\n"
        "    print(os.listdir(disk))\n"
    )
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("there is no unshare to make a file system with")
    done = subprocess.run(
        [unshare, "--map-root-user", "--mount", sys.executable, "-c", code, str(model), str(disk)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode == 77 or "unshare" in done.stderr:
        pytest.skip("this machine lets nobody mount a file system")
    assert done.returncode == 3, done.stderr
    assert "no room left on the disk" in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == "[]\n"


@pytest.mark.parametrize(
    "words",
    [
        ["export", "MODEL", "--out", "OUT"],
        ["evaluate", "MODEL", "--eval", "DATA"],
        ["predict", "MODEL", "a text"],
        ["finetune", "MODEL", "--train", "DATA", "--out", "OUT"],
    ],
    ids=lambda words: words[0],
)
def test_without_torch_a_command_names_the_extra(words, tmp_path):
    """Where torch is not installed, a command that needs it says so and gives the pip line; nothing is written."""
    data = tmp_path / "data.tsv"
    data.write_text("text\tlabel\ngood\tnegative\nbad\tpositive\n", encoding="utf-8")
    places = {"MODEL": str(fakes.shared_checkpoint()), "OUT": str(tmp_path / "out"), "DATA": str(data)}
    # None in sys.modules is how Python marks a module that cannot be imported.
    code = "import sys; sys.modules['torch'] = None; from edgebert.cli.app import main; main(sys.argv[1:])"
    command = [sys.executable, "-c", code, *(places.get(word, word) for word in words)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 3
    assert "the package 'torch' is not installed" in done.stderr
    assert f"hint: {install_line('onnx')}\n" in done.stderr or f"hint: {install_line('train')}\n" in done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()
