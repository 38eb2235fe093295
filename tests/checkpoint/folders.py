"""What is done to a checkpoint folder, and how loading it is refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file

from edgebert.checkpoint import load_model
from edgebert.errors import CheckpointError

WEIGHTS = "model.safetensors"
CLASSIFIER = "classifier.weight"


def edit_weights(folder: Path, **changes: torch.Tensor | None) -> None:
    """Replace tensors of the checkpoint; ``None`` removes one."""
    state = load_file(folder / WEIGHTS) | {name.replace("__", "."): value for name, value in changes.items()}
    save_file({name: value for name, value in state.items() if value is not None}, folder / WEIGHTS)


def refusal(folder: Path | str) -> CheckpointError:
    """Return the error that loading ends with; it is one line and tells where."""
    with pytest.raises(CheckpointError) as caught:
        load_model(folder)
    error = caught.value
    assert "\n" not in error.message
    assert str(folder) in error.message
    assert error.exit_code == 2
    return error
