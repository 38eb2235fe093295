"""What was assumed of a checkpoint, and what is wrong with a folder, as the user of the command line sees it."""

from __future__ import annotations

import pytest
from safetensors.torch import load_file, save_file

from tests.cli.conftest import Cli
from tests.support import fakes

WEIGHTS = "model.safetensors"


def test_a_note_goes_to_standard_error_once(cli: Cli, tmp_path):
    """Export reads the folder twice, for labels and for weights; standard output is JSON alone."""
    folder = fakes.copy_of(fakes.shared_checkpoint(), tmp_path / "model")
    state = load_file(folder / WEIGHTS)
    save_file({f"module.{name}": tensor for name, tensor in state.items()}, folder / WEIGHTS)
    fakes.edit_json(folder / "config.json", architectures=...)
    done = cli("export", folder, "--out", tmp_path / "bundle", "--formats", "onnx", "--lengths", "8,16", "--json")
    assert done.code == 0
    assert done.json["labels"] == list(fakes.LABELS)
    notes = [line for line in done.err.splitlines() if line.startswith(("note: ", "warning: "))]
    assert len(notes) == len(set(notes)) == 2
    assert "module.classifier.bias as classifier.bias" in done.err
    assert "architectures names no" in done.err


@pytest.mark.parametrize("command", ["predict", "evaluate", "export", "finetune", "prune", "plan"])
def test_every_command_names_the_cause(cli: Cli, tmp_path, command):
    """An adapter given to any command that takes a checkpoint is exit code 2 and called what it is."""
    folder = fakes.copy_of(fakes.shared_checkpoint(), tmp_path / "model")
    (folder / WEIGHTS).rename(folder / "adapter_model.safetensors")
    (folder / "adapter_config.json").write_text("{}", encoding="utf-8")
    data = fakes.write_data(tmp_path / "dev.tsv", [("good", "positive"), ("bad", "negative")] * 20)
    words: dict[str, tuple[object, ...]] = {
        "predict": ("good",),
        "evaluate": ("--eval", data),
        "export": ("--out", tmp_path / "out"),
        "finetune": ("--train", data, "--out", tmp_path / "out"),
        "prune": ("--train", data, "--keep", 0.5, "--out", tmp_path / "out"),
        "plan": ("--train", data, "--eval", data, "--out", tmp_path / "out"),
    }
    done = cli(command, folder, *words[command])
    assert done.code == 2
    assert "an adapter (LoRA), not a whole model" in done.err
    assert "hint: merge it with peft" in done.err
    assert not (tmp_path / "out").exists()
