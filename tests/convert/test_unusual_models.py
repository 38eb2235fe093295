"""Models whose logits are large, all alike, or coarse in 8 bits are exported, with what should be known about them."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from edgebert.checkpoint import load_model
from edgebert.convert.golden import make_golden, parity_tolerance
from edgebert.convert.onnx import write_onnx
from edgebert.convert.weights import extract_weights
from edgebert.errors import CheckpointError, ParityError
from edgebert.parity import check_parity
from edgebert.pipeline import export_bundle
from edgebert.prediction import predict
from edgebert.runtime import open_runner
from edgebert.text import TextEncoder, text_spec
from edgebert.verification import verify
from tests.support import fakes
from tests.support.tiny_files import logits_of

State = dict[str, torch.Tensor]


def changed(folder: Path, change: Callable[[State], object]) -> Path:
    """Return a copy of the shared checkpoint with other weights."""
    fakes.copy_of(fakes.shared_checkpoint(), folder)
    state = load_file(folder / "model.safetensors")
    change(state)
    save_file(state, folder / "model.safetensors")
    return folder


def scaled(factor: float) -> Callable[[State], object]:
    def change(state: State) -> None:
        for name in ("classifier.weight", "classifier.bias"):
            state[name] *= factor

    return change


def collapse(state: State) -> None:
    # From this norm on every token is the same vector, up to rounding.
    state["distilbert.transformer.layer.0.output_layer_norm.weight"] *= 1e-9


def told(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what edgebert has warned of; converters log lines of their own."""
    return [item.getMessage() for item in caplog.records if item.name == "edgebert" and item.levelname == "WARNING"]


@pytest.mark.parametrize("factor", [30, 1e3, 1e6])
def test_a_float_file_of_large_logits_is_right(tmp_path, factor):
    """float32 rounds in proportion: the file is within the tolerance, and a weight off by a thousandth is not."""
    model = load_model(changed(tmp_path / "model", scaled(factor)))
    spec = text_spec(model.tokenizer, max_length=16, lengths=(16,))
    golden, weights = make_golden(model, TextEncoder(model.tokenizer, 16)), extract_weights(model)
    tolerance = parity_tolerance(model, golden, "float32")
    size = np.abs([logits_of(case) for case in golden.cases]).max()
    assert tolerance == pytest.approx(max(1e-4, 2e-5 * size))
    path = tmp_path / "float32.onnx"
    write_onnx(weights, path, int8=False)
    found = check_parity(
        open_runner(path, runtime="onnxruntime", spec=spec, task="text-classification"), golden, tolerance=tolerance
    )
    assert found.max_difference < tolerance / 4
    other = fakes.with_last_layer(
        weights, lambda last: dataclasses.replace(last, weight=last.weight * np.float32(1.001))
    )
    write_onnx(other, path, int8=False)
    with pytest.raises(ParityError, match="is off by"):
        check_parity(
            open_runner(path, runtime="onnxruntime", spec=spec, task="text-classification"), golden, tolerance=tolerance
        )


def test_a_collapsed_model_is_exported_with_a_warning(tmp_path, caplog):
    """Both formats are written and verified; export and verify say that the model is collapsed, and nothing else."""
    folder = changed(tmp_path / "model", collapse)
    bundle = export_bundle(folder, tmp_path / "bundle", lengths=(16,))
    logits = np.array([logits_of(case) for case in bundle.golden().cases])
    assert np.ptp(logits, axis=0).max() < 1e-4
    (text,) = told(caplog)
    assert "the model itself is collapsed" in text
    caplog.clear()
    assert all(check.ok for check in verify(bundle.root))
    assert told(caplog) == [text]


def test_a_healthy_model_is_exported_without_a_word(tmp_path, caplog):
    """The shared bundle's model has nothing to warn of."""
    export_bundle(fakes.shared_checkpoint(), tmp_path / "bundle", formats=("onnx",), lengths=fakes.LENGTHS)
    verify(tmp_path / "bundle")
    assert told(caplog) == []


def test_a_tolerance_wider_than_the_golden_logits_is_warned_of(tmp_path, caplog):
    """One huge weight in a row leaves 8 bits no room for the others: the file and both numbers are named."""

    def coarse(state: State) -> None:
        for name, tensor in state.items():
            if tensor.dim() == 2 and "embeddings" not in name:
                tensor[:, 0] *= 300

    folder = changed(tmp_path / "model", coarse)
    bundle = export_bundle(folder, tmp_path / "bundle", formats=("onnx",), lengths=fakes.LENGTHS)
    logits = np.array([logits_of(case) for case in bundle.golden().cases], dtype=np.float32)
    (artifact,) = bundle.shipped
    assert artifact.tolerance > np.ptp(logits, axis=0).max()
    (text,) = told(caplog)
    assert text.startswith(f"int8.onnx: the tolerance {artifact.tolerance:.3g} exceeds the spread")


def test_logits_that_overflow_for_a_golden_text_only_are_refused(tmp_path):
    """A token that the first look at a model does not hold can overflow: the text is named, and no bundle is left."""

    def overflow(state: State) -> None:
        state["distilbert.embeddings.word_embeddings.weight"][fakes.VOCABULARY.index("battery")] = 3e38

    folder = changed(tmp_path / "model", overflow)
    load_model(folder)
    with pytest.raises(CheckpointError, match=r"golden text 3 has the logits .* float32 overflows") as caught:
        export_bundle(folder, tmp_path / "bundle", formats=("onnx",), lengths=fakes.LENGTHS)
    assert str(folder) in caught.value.message
    assert not (tmp_path / "bundle").exists()
    assert len(predict(folder, ["good"])) == 1
    with pytest.raises(CheckpointError, match=r"a text has the logits .* float32 overflows"):
        predict(folder, ["good", "the battery"])
